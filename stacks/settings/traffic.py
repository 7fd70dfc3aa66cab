"""The part of an environment file that stands below `endpoints.{name}.traffic`: what a price is reckoned from."""

from __future__ import annotations

from stacks.settings.block import Block
from stacks.settings.fields import Count


class Traffic(Block):
    """How much an endpoint is called. Nothing but the monthly estimate reads it."""

    records_per_hour: Count = 10_000
    """Records an hour, on average, at least 1. Default: 10000."""
    record_bytes: Count = 1_000
    """Bytes that a captured record takes in S3, request and response together, at least 1. Default: 1000."""
    features: Count = 100
    """Number of features where no payload names them, at least 1. Default: 100."""


class Budget(Block):
    """What an environment may cost a month, by the estimate; a synthesis above it fails and names the largest items."""

    dollars: Count
    """Dollars a month of everything that is priced, the endpoints' instances included, at least 1."""
    monitoring_dollars: Count | None = None
    """Dollars a month of all but instances that serve and what they capture. Left out: the whole alone is bounded."""
    metrics: Count | None = None
    """Series of CloudWatch that all schedules may publish together, at least 1. Left out: any number."""
