"""Predictions that people look at, and their answers."""
