"""Whether a schedule's runs are over, so that what they need can go. No AWS calls, no clock, no environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def schedule_to_wait_for(event: Mapping[str, Any]) -> str | None:
    """Of a request that deletes; None where nothing goes. The schedule itself is gone by then, so nothing starts anew."""
    if event["RequestType"] not in ("Create", "Update", "Delete"):
        raise ValueError("RequestType should be Create, Update or Delete")
    schedule = event["ResourceProperties"].get("Schedule")
    if not isinstance(schedule, str) or not schedule:
        raise ValueError("property Schedule should be the name of a schedule")
    return schedule if event["RequestType"] == "Delete" else None


def is_of(schedule: str, given: str) -> bool:
    """Whether an execution that was started with this input is a run of the schedule."""
    try:
        found = json.loads(given)
    except ValueError:
        return False
    return isinstance(found, dict) and found.get("schedule") == schedule
