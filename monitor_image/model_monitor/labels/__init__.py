"""Ground truth: read, written, joined, merged, waited for."""
