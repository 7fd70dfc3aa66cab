"""The part of an environment file that stands below `endpoints.{name}.alarms`: when people are told how an endpoint serves."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stacks.settings.block import Block
from stacks.settings.fields import Share


class ServiceAlarms(Block):
    """Bounds of what callers feel, over a quarter of an hour; releases have alarms of their own in their place."""

    error_share: Share | None = 0.01
    """Share of requests that end in a 5XX (0 to 1) above which people are told. Default: 0.01; null tells nobody."""
    latency_seconds: Annotated[float, Field(gt=0, le=60)] | None = 5.0
    """Seconds that one request in a hundred takes longer than when people are told, at most 60. Default: 5; null tells nobody."""
