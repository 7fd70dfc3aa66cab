"""Schedule expressions of rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from twin.events.rates import parse

START = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)  # a Monday


def due(expression: str, hours: int) -> list[str]:
    schedule = parse(expression)
    minutes = (START + timedelta(minutes=m) for m in range(1, hours * 60 + 1))
    return [f"{minute:%d %H:%M}" for minute in minutes if schedule.is_due(minute, START)]


@pytest.mark.parametrize(
    ("expression", "hours", "times"),
    [
        ("rate(1 hour)", 3, ["02 01:00", "02 02:00", "02 03:00"]),
        ("rate(90 minutes)", 4, ["02 01:30", "02 03:00"]),
        ("rate(1 day)", 48, ["03 00:00", "04 00:00"]),
        ("cron(40 * * * ? *)", 2, ["02 00:40", "02 01:40"]),
        ("cron(0/20 3 * * ? *)", 24, ["02 03:00", "02 03:20", "02 03:40"]),
        ("cron(0 6,18 ? * MON-TUE *)", 72, ["02 06:00", "02 18:00", "03 06:00", "03 18:00"]),
        ("cron(0 12 ? * 1 *)", 24 * 7, ["08 12:00"]),
        ("cron(15 10 3 3 ? 2026)", 72, ["03 10:15"]),
        ("cron(15 10 3 APR ? 2026)", 72, []),
    ],
)
def test_an_expression_is_due_when_eventbridge_says(expression: str, hours: int, times: list[str]) -> None:
    assert due(expression, hours) == times


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 hours)",
        "rate(5 minute)",
        "rate(0 minutes)",
        "cron(0 * * * * *)",
        "cron(0 * ? * ? *)",
        "cron(61 * * * ? *)",
        "cron(0 * L * ? *)",
        "cron(0 * * *)",
        "every hour",
    ],
)
def test_a_wrong_expression_is_refused(expression: str) -> None:
    with pytest.raises(ValueError):
        parse(expression)
