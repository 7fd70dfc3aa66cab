"""What `make bench` runs: speed and memory as ratios within one run, against the machine's limit and against peers."""
