"""What AWS charges, from prices.json: dated, and yours to edit for your Region, your discounts and what you measured."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).with_name("prices.json")


@cache
def prices() -> dict[str, Any]:
    """The whole file; `counted` is what a run was seen to take, all else are dollars, date and source."""
    content: dict[str, Any] = json.loads(FILE.read_text())
    return content


def instance_month(name: str) -> float | None:
    """Dollars of an instance for a month; None where the file does not know it."""
    hour = prices()["instance_hour"].get(name)
    return None if hour is None else float(hour) * float(prices()["hours_per_month"])
