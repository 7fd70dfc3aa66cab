"""The virtual clock: time moves only when somebody says so, minute by minute, and everything due happens in a fixed order.

Whatever must happen when time passes registers a function of the minute. Within one minute the functions run by their
order, so that capture is delivered before a schedule looks for it, and metrics are there before alarms look at them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum

MINUTE = timedelta(minutes=1)


class Order(IntEnum):
    """When in a minute something happens."""

    DELIVERY = 10  # captured events and service metrics reach their stores
    SCHEDULES = 20  # monitoring executions, and what EventBridge Scheduler starts
    EXECUTIONS = 25  # waits of state machines that are over
    RULES = 30  # EventBridge rules and what they start
    ALARMS = 40  # alarms see everything above
    DEPLOYMENTS = 45  # deployments of endpoints go on, or are taken back by their alarms
    JOBS = 50  # work started in this minute is waited for, so that the next minute sees it finished


@dataclass(order=True)
class _Ticker:
    order: int
    number: int
    tick: Callable[[datetime], object] = field(compare=False)


class VirtualClock:
    """UTC time that stands still until `advance_to` is called."""

    def __init__(self, start: datetime) -> None:
        self._now = _utc(start)
        self._tickers: list[_Ticker] = []
        self._moving = threading.Lock()

    def now(self) -> datetime:
        """The virtual time, aware, in UTC."""
        return self._now

    def register(self, tick: Callable[[datetime], object], order: Order) -> None:
        """Have `tick(minute)` called at every whole minute that passes."""
        self._tickers.append(_Ticker(order, len(self._tickers), tick))
        self._tickers.sort()

    def advance(self, by: timedelta) -> None:
        """Move forward by a duration."""
        self.advance_to(self._now + by)

    def advance_to(self, time: datetime) -> None:
        """Move forward to a time; every whole minute on the way is lived through.

        Raises: ValueError when the time has passed already, RuntimeError when called from within a tick.
        """
        target = _utc(time)
        if target < self._now:
            raise ValueError(f"the clock stands at {self._now:%Y-%m-%dT%H:%M:%SZ} and cannot go back to {target}")
        if not self._moving.acquire(blocking=False):
            raise RuntimeError("the clock is moving already: something that it started may not move it again")
        try:
            minute = self._now.replace(second=0, microsecond=0) + MINUTE
            while minute <= target:
                self._now = minute
                for ticker in tuple(self._tickers):
                    ticker.tick(minute)
                minute += MINUTE
            self._now = target
        finally:
            self._moving.release()


def aware(time: datetime) -> datetime:
    """A time that somebody gave, in UTC; without a zone it is UTC already, as in parameters of the APIs."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _utc(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise ValueError(f"{time!r} has no time zone: the virtual clock runs in UTC and takes aware times only")
    return time.astimezone(UTC)
