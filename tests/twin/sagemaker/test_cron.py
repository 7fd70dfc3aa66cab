from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from twin.api import ApiError
from twin.sagemaker.cron import duration, parse


def at(hour: int, day: int = 3) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("cron(0 * ? * * *)", tuple(range(24))),
        ("cron(0 3 ? * * *)", (3,)),
        ("cron(0 23 ? * * *)", (23,)),
        ("cron(0 0/6 ? * * *)", (0, 6, 12, 18)),
        ("cron(0 0/10 ? * * *)", (0, 10, 20)),
        ("cron(0 5/01 ? * * *)", tuple(range(5, 24))),
    ],
)
def test_the_documented_forms_fire_at_their_hours(text: str, hours: tuple[int, ...]) -> None:
    schedule = parse(text)
    assert tuple(hour for hour in range(24) if schedule.is_due(at(hour))) == hours


@pytest.mark.parametrize(
    ("text", "hour", "previous"),
    [
        ("cron(0 * ? * * *)", at(0), at(23, day=2)),
        ("cron(0 3 ? * * *)", at(3), at(3, day=2)),
        ("cron(0 0/10 ? * * *)", at(0), at(20, day=2)),
        ("cron(0 0/10 ? * * *)", at(20), at(10)),
    ],
)
def test_the_time_before_is_the_last_firing(text: str, hour: datetime, previous: datetime) -> None:
    assert parse(text).previous(hour) == previous


@pytest.mark.parametrize(
    "text",
    [
        "Hourly: cron(0 * ? * * *)",
        "cron(15 * ? * * *)",
        "cron(0 24 ? * * *)",
        "cron(0 0/25 ? * * *)",
        "cron(0 0/0 ? * * *)",
        "cron(0 1,2 ? * * *)",
        "rate(1 hour)",
        "",
    ],
)
def test_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(ApiError, match="ScheduleExpression"):
        parse(text)


def test_now_fires_at_no_hour() -> None:
    assert (parse("NOW").is_once, parse("NOW").hours) == (True, ())


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("-PT1H", timedelta(hours=-1)),
        ("PT0S", timedelta(0)),
        ("-P8D", timedelta(days=-8)),
        ("P1DT2H30M", timedelta(days=1, hours=2.5)),
    ],
)
def test_iso_durations_are_read(text: str, length: timedelta) -> None:
    assert duration(text) == length


@pytest.mark.parametrize("text", ["1H", "P", "-PT", "PT1X"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ApiError, match="ISO 8601"):
        duration(text)
