"""Words for people: numbers with the right form of what they count."""

from __future__ import annotations

from typing import Final

NO_VALUE: Final = "-"
DIGITS: Final = 6


def counted(count: int, what: str) -> str:
    """`1 record`, `1,234 records`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def lost(records: int, events: int) -> str:
    """What could not be read: records, and captured events of which nobody knows how many they held."""
    parts = [counted(records, "record")] if records or not events else []
    return " and ".join([*parts, *([counted(events, "event")] if events else [])])


def share(value: float | None) -> str:
    """As a percentage."""
    return NO_VALUE if value is None else f"{value:.1%}"


def number(value: float | None) -> str:
    """Four decimals; of what is tiny or large as many digits as an eye compares."""
    if value is None:
        return NO_VALUE
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.{DIGITS}g}"


def figure(value: float) -> str:
    """As a sentence tells it: three decimals, or four digits of what is tiny or large."""
    return f"{value:.3f}" if value == 0 or 1e-2 <= abs(value) < 1e3 else f"{value:.4g}"
