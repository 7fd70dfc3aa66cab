"""Feature attribution drift: one folder from its options to its files."""
