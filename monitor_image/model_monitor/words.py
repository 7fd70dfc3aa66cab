"""Words for people: numbers with the right form of what they count."""

from __future__ import annotations


def counted(count: int, what: str) -> str:
    """`1 record`, `1,234 records`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def lost(records: int, events: int) -> str:
    """What could not be read: records, and captured events of which nobody knows how many they held."""
    parts = [counted(records, "record")] if records or not events else []
    return " and ".join([*parts, *([counted(events, "event")] if events else [])])
