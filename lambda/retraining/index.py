"""Which endpoint an alarm or a training job belongs to: known at synthesis, shipped beside this module, so that nothing is asked
of AWS for what is not ours."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("index.json")


def endpoint_of(alarm: str) -> str | None:
    """The endpoint whose policy names an alarm; None for everybody else's."""
    found = _content()["alarms"].get(alarm)
    return None if found is None else str(found)


def policy_of(endpoint: str) -> str | None:
    """The SSM parameter that holds an endpoint's policy; None for an endpoint that is never retrained."""
    found = _content()["policies"].get(endpoint)
    return None if found is None else str(found)


def endpoint_of_job(job: str) -> str | None:
    """The endpoint that a training job of ours is for, by how its name begins."""
    stem = "-".join(job.split("-")[:-2])
    found = _content()["jobs"].get(stem)
    return None if found is None else str(found)


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(FILE.read_text())
    return content
