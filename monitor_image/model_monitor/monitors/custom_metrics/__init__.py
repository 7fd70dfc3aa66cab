"""Metrics of a user's own: one folder from their declaration to their files."""
