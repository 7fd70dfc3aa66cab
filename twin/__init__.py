"""The embedded AWS: moto plus what it lacks, on loopback. The kit never imports it."""

from twin.server import Twin

__all__ = ["Twin"]
