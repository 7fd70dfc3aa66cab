"""Constructs: one capability per file, without knowledge of stacks."""
