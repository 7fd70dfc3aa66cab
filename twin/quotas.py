"""The account's quotas, as far as a scenario sets them: what a team meets when many endpoints run at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Quotas:
    """Nothing is limited unless it is set here.

    A job holds its instance until the virtual minute in which it ended is over; a function its place while it really runs.
    """

    processing_jobs: Mapping[str, int] = field(default_factory=dict)  # at once, by instance type
    training_jobs: Mapping[str, int] = field(default_factory=dict)
    transform_jobs: Mapping[str, int] = field(default_factory=dict)
    lambda_concurrency: int | None = None
