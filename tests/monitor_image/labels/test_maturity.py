"""Which windows that wait for labels are tried when; no clock but the one given."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from model_monitor.contract import MonitoringType
from model_monitor.job.job import Maturity
from model_monitor.labels.maturity import (
    LONGEST_PAUSE,
    Waiting,
    choose,
    has_expired,
    labels_until,
    may_be_due,
    name_of,
    start_of,
)
from model_monitor.schema import Window

QUALITY, BIAS = MonitoringType.MODEL_QUALITY, MonitoringType.MODEL_BIAS
START = datetime(2026, 3, 2, 4, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEK_LATER = Maturity(delay=7 * DAY, min_coverage=0.8, horizon=14 * DAY)
MATURITIES = {QUALITY: WEEK_LATER, BIAS: WEEK_LATER}


def window(number: int = 0) -> Window:
    return Window(START + number * HOUR, START + (number + 1) * HOUR)


def waiting(number: int = 0, monitor: MonitoringType = QUALITY, attempts: int = 0, tried: datetime | None = None):
    return Waiting(monitor, window(number), "s3://bucket/capture/covertype", attempts, tried)


DUE = window().end + 7 * DAY


@pytest.mark.parametrize(("now", "count"), [(DUE - timedelta(seconds=1), 0), (DUE, 1), (DUE + 3 * DAY, 1)])
def test_a_window_is_tried_from_the_moment_its_labels_are_due(now, count):
    assert len(choose([waiting()], MATURITIES, now).groups) == count


def test_without_a_time_a_window_is_due():
    assert WEEK_LATER.is_due(window().end, None)
    assert not WEEK_LATER.is_due(window().end, DUE - HOUR)


def test_pauses_grow_to_a_day_and_end_at_the_horizon():
    pauses = [waiting(attempts=n, tried=DUE).next_try(WEEK_LATER) - DUE for n in (1, 2, 3, 6, 7, 500)]
    assert pauses == [HOUR / 2, HOUR, 2 * HOUR, 16 * HOUR, LONGEST_PAUSE, LONGEST_PAUSE]
    horizon = window().end + 14 * DAY
    assert waiting(attempts=9, tried=horizon - HOUR).next_try(WEEK_LATER) == horizon


def test_monitors_that_wait_for_one_window_share_its_capture():
    choice = choose([waiting(0), waiting(1), waiting(0, BIAS)], MATURITIES, DUE + DAY)
    assert [[each.monitor for each in group.waiting] for group in choice.groups] == [[QUALITY, BIAS], [QUALITY]]


def test_a_run_takes_a_bounded_number_the_oldest_first_and_counts_the_rest():
    choice = choose([waiting(n) for n in reversed(range(30))], MATURITIES, DUE + 2 * DAY, limit=24)
    assert [group.window for group in choice.groups] == [window(n) for n in range(24)]
    assert choice.left == 6


def test_windows_that_stay_below_their_coverage_keep_no_other_waiting():
    stuck = [waiting(n, attempts=5, tried=DUE + DAY + n * HOUR) for n in range(30)]
    fresh = [waiting(40), waiting(41)]
    choice = choose([*stuck, *fresh], MATURITIES, DUE + 4 * DAY, limit=3)
    assert [group.window for group in choice.groups] == [window(40), window(41), window(0)]


@pytest.mark.parametrize(("days", "is_over"), [(13.99, False), (14, True), (80, True)])
def test_waiting_ends_at_the_horizon(days, is_over):
    assert has_expired(window(), WEEK_LATER, window().end + days * DAY) is is_over


def test_labels_collected_after_the_horizon_do_not_count():
    assert labels_until(window(), [WEEK_LATER], window().end + 8 * DAY) == window().end + 8 * DAY
    assert labels_until(window(), [WEEK_LATER], window().end + 80 * DAY) == window().end + 14 * DAY


def test_most_of_three_months_is_known_not_to_be_due_by_name():
    slow = Maturity(delay=90 * DAY, horizon=120 * DAY)
    names = [name_of(window(n)) for n in range(24 * 90)]
    assert [name for name in names if may_be_due(name, slow, START + 90 * DAY + 2 * HOUR)] == names[:3]
    assert not may_be_due("notes", slow, START + 900 * DAY)


def test_names_and_files_give_the_window_back():
    assert start_of(name_of(window(3))) == window(3).start
    each = waiting(3, BIAS, 2, DUE)
    assert Waiting.from_json(json.loads(json.dumps(each.to_json()))) == each
    assert Waiting.from_json(waiting().to_json()) == waiting()


def test_a_window_tried_again_remembers_when():
    assert waiting().at_attempt(DUE).at_attempt(DUE + HOUR) == waiting(attempts=2, tried=DUE + HOUR)
