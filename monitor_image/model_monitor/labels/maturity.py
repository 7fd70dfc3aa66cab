"""Windows that wait for their labels: which are due, in which order they are tried, and when waiting ends.

    waits ──labels due──► tried ──┬─ enough labels ─► scored
      ▲                           ├─ past the horizon ─► expired
      └──── tried again later ────┘

Nothing here reads a clock or a file: the run's time and what waits are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from model_monitor.contract import TIME_FORMAT, MonitoringType, monitor_key, monitor_type
from model_monitor.job.job import Maturity
from model_monitor.schema import Window

WINDOWS_PER_RUN: Final = 24  # a run has a time limit and a window of its own
FIRST_PAUSE: Final = timedelta(minutes=30)  # below the coverage: tried again after it, then after twice as long, …
LONGEST_PAUSE: Final = timedelta(days=1)
NAME_FORMAT: Final = "%Y%m%d%H%M"
WAITING_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Waiting:
    """A window of one monitor that could not be concluded yet.

    capture: S3 URI or folder below which the endpoint's variants lie.
    tried: when it was last tried while its labels were due; None: never.
    """

    monitor: MonitoringType
    window: Window
    capture: str
    attempts: int = 0
    tried: datetime | None = None

    def at_attempt(self, now: datetime) -> Waiting:
        """The same window, tried once more."""
        return replace(self, attempts=self.attempts + 1, tried=now)

    def next_try(self, maturity: Maturity) -> datetime:
        """When it should be looked at: labels that are late are asked for less and less often, and once at the horizon."""
        due = self.window.end + maturity.delay
        if self.tried is None:
            return due
        pause = min(FIRST_PAUSE * (1 << min(max(self.attempts - 1, 0), 10)), LONGEST_PAUSE)
        return max(due, min(self.tried + pause, self.window.end + maturity.horizon))

    def to_json(self) -> dict[str, Any]:
        """The content of its file."""
        return {
            "version": WAITING_VERSION,
            "monitor": monitor_key(self.monitor),
            "window": window_json(self.window),
            "capture": self.capture,
            "attempts": self.attempts,
            "tried": None if self.tried is None else self.tried.strftime(TIME_FORMAT),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Waiting:
        """The inverse of `to_json`. Raises: KeyError, ValueError, TypeError for what it did not write."""
        tried = content["tried"]
        return cls(
            monitor_type(content["monitor"]),
            window_of(content["window"]),
            str(content["capture"]),
            int(content["attempts"]),
            None if tried is None else time_of(tried),
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Monitors that wait for one window: one read of its capture serves them all."""

    window: Window
    capture: str
    waiting: tuple[Waiting, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a run takes up, and how many windows that are due it leaves to the next one."""

    groups: tuple[Group, ...]
    left: int


def choose(
    waiting: Iterable[Waiting],
    maturities: Mapping[MonitoringType, Maturity],
    now: datetime,
    limit: int = WINDOWS_PER_RUN,
) -> Choice:
    """Windows to try now: those never tried first, then the ones not tried for longest; the oldest first among equals.

    A window that stays below its coverage so never keeps a newer one waiting.
    """
    grouped: dict[tuple[datetime, datetime, str], list[Waiting]] = {}
    for each in waiting:
        if each.next_try(maturities[each.monitor]) <= now:
            grouped.setdefault((each.window.start, each.window.end, each.capture), []).append(each)
    groups = [Group(Window(start, end), capture, tuple(each)) for (start, end, capture), each in grouped.items()]
    groups.sort(key=_urgency)
    return Choice(tuple(groups[:limit]), max(len(groups) - limit, 0))


def has_expired(window: Window, maturity: Maturity, now: datetime) -> bool:
    """Whether a window that still has too few labels is given up."""
    return now >= window.end + maturity.horizon


def labels_until(window: Window, maturities: Sequence[Maturity], now: datetime) -> datetime:
    """Labels collected later do not count: those of a window that is tried past its horizon end there."""
    return min(now, window.end + max(maturity.horizon for maturity in maturities))


def may_be_due(name: str, maturity: Maturity, now: datetime) -> bool:
    """Whether a window can be due, from its name alone: most of those that wait need not be opened."""
    try:
        return start_of(name) + maturity.delay <= now
    except ValueError:
        return False  # no name of ours


def name_of(window: Window) -> str:
    """Windows are named by their start."""
    return window.start.strftime(NAME_FORMAT)


def start_of(name: str) -> datetime:
    """The inverse of `name_of`. Raises: ValueError."""
    return datetime.strptime(name, NAME_FORMAT).replace(tzinfo=UTC)


def window_json(window: Window) -> dict[str, str]:
    """A window as files tell it."""
    return {"start": window.start.strftime(TIME_FORMAT), "end": window.end.strftime(TIME_FORMAT)}


def window_of(content: Mapping[str, str]) -> Window:
    """The inverse of `window_json`."""
    return Window(time_of(content["start"]), time_of(content["end"]))


def time_of(text: str) -> datetime:
    """A time as files tell it."""
    return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)


def _urgency(group: Group) -> tuple[datetime, datetime]:
    never = datetime.min.replace(tzinfo=UTC)
    return min(each.tried or never for each in group.waiting), group.window.start
