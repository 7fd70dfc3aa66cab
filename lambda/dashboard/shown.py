"""Which schedules the dashboard shows: known at synthesis, shipped beside this module."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("shown.json")


@cache
def schedules() -> dict[str, str]:
    """Schedule → its endpoint, in the order of the environment file."""
    content: dict[str, str] = json.loads(FILE.read_text())
    return content
