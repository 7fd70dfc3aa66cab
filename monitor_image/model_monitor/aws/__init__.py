"""The only importers of botocore."""
