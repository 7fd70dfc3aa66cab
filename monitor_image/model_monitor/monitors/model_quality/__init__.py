"""Model quality: one folder from its options to its files."""
