"""What is reconciled: known at synthesis, shipped beside this module; a fleet has more schedules than variables have room for."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("watched.json")


def schedules() -> dict[str, dict[str, Any]]:
    """Schedule → its endpoint, the namespace of its metrics, and the names of those that it publishes (null for all)."""
    return dict(_content()["schedules"])


def shadow_prefixes() -> list[str]:
    """How the names of shadow endpoints begin that runs make."""
    return list(_content()["shadow_prefixes"])


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(FILE.read_text())
    return content
