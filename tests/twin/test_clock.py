from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from twin.clock import Order, VirtualClock

START = datetime(2026, 3, 2, 0, 0, 30, tzinfo=UTC)


def test_every_whole_minute_on_the_way_is_lived_through_once() -> None:
    clock, minutes = VirtualClock(START), []
    clock.register(lambda minute: minutes.append(minute.minute), Order.ALARMS)
    clock.advance_to(START + timedelta(minutes=2))
    clock.advance(timedelta(seconds=40))
    assert minutes == [1, 2, 3]
    assert clock.now() == datetime(2026, 3, 2, 0, 3, 10, tzinfo=UTC)


def test_a_tick_sees_its_own_minute_as_now() -> None:
    clock, seen = VirtualClock(START), []
    clock.register(lambda minute: seen.append(clock.now() == minute), Order.RULES)
    clock.advance(timedelta(minutes=3))
    assert seen == [True, True, True]


def test_within_a_minute_delivery_comes_before_schedules_and_alarms_whatever_was_registered_first() -> None:
    clock, order = VirtualClock(START), []
    for name, place in (("alarms", Order.ALARMS), ("delivery", Order.DELIVERY), ("schedules", Order.SCHEDULES)):
        clock.register(lambda _, name=name: order.append(name), place)
    clock.advance(timedelta(minutes=1))
    assert order == ["delivery", "schedules", "alarms"]


def test_time_in_another_zone_is_the_same_time() -> None:
    clock = VirtualClock(START)
    clock.advance_to(datetime(2026, 3, 2, 2, 0, tzinfo=timezone(timedelta(hours=1))))
    assert clock.now() == datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def test_the_clock_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="cannot go back"):
        VirtualClock(START).advance_to(START - timedelta(seconds=1))


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        VirtualClock(datetime(2026, 3, 2))


def test_what_the_clock_started_may_not_move_it() -> None:
    clock = VirtualClock(START)
    clock.register(lambda _: clock.advance(timedelta(minutes=1)), Order.JOBS)
    with pytest.raises(RuntimeError, match="moving already"):
        clock.advance(timedelta(minutes=1))


def test_the_clock_moves_again_after_a_tick_failed() -> None:
    clock = VirtualClock(START)
    failing = [True]

    def tick(_: datetime) -> None:
        if failing.pop() if failing else False:
            raise LookupError("once")

    clock.register(tick, Order.JOBS)
    with pytest.raises(LookupError):
        clock.advance(timedelta(minutes=1))
    clock.advance(timedelta(minutes=1))
    assert clock.now() == datetime(2026, 3, 2, 0, 2, tzinfo=UTC)
