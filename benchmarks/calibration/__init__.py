"""What `make calibrate` runs: how often healthy windows are called violated, and how small a change is found."""
