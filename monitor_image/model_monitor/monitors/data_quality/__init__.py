"""Data quality: one folder from its options to its files."""
