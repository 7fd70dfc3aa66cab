"""The scenario of `make demo`."""
