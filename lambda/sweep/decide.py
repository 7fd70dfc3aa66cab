"""Which monitors are silent while there is traffic: pure, no AWS calls, no clock, no environment.

A window is bad when the endpoint was called and nothing was judged of it: the run never came, or saw nothing, or could not
evaluate what it saw. So many bad windows in a row page people, once; the first good one afterwards tells that it is over.
A run that waits for its labels by design is a sign of life, and so is one that failed, which has an alarm of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from windows import moment, wall_time

RUNNING = "running"
ALIVE = ("ok", "violated", "waiting", "error", RUNNING)
EMPTY = "no_data"
FEW = 5  # captured calls of which a run should have seen something, sampled or not
GRACE = timedelta(minutes=20)  # from a window's time to its verdict: queue and run
LONGER = timedelta(hours=1)  # a run that has begun may wait for an instance, and run as long as it may
EPOCH = datetime.fromisoformat("1970-01-05T00:00:00")  # a Monday at midnight, whatever the zone
LONGEST_TITLE = 100
LONGEST_MONTH = 31 * 24 * 60  # in minutes


Window = tuple[datetime, datetime]  # start and end


class Change(StrEnum):
    """What people are told."""

    STALE = "stale"
    RECOVERED = "recovered"


@dataclass(frozen=True)
class Seen:
    """One window: its calls, and its run's verdict, None where there was no run."""

    start: datetime
    end: datetime
    calls: float
    verdict: str | None


def longest(monitor: Mapping[str, Any]) -> timedelta:
    """From a window's end until its run, if it began, must have ended."""
    return timedelta(minutes=monitor["delay_minutes"], seconds=monitor["processing"]["max_seconds"]) + LONGER


def due_windows(now: datetime, monitor: Mapping[str, Any]) -> list[Window]:
    """The last windows that should have been looked at by now, oldest first: as many as must be bad, and those that may run."""
    period = timedelta(minutes=monitor.get("period_minutes") or LONGEST_MONTH)
    count = monitor["staleness_periods"] + math.ceil(longest(monitor) / period)
    latest = now - GRACE - timedelta(minutes=monitor["delay_minutes"] + monitor["jitter_minutes"])
    ends = list(_ends(latest, monitor, count + 1))
    return list(zip(ends[1:], ends[:-1], strict=True))[::-1]


def _ends(latest: datetime, monitor: Mapping[str, Any], count: int) -> Iterator[datetime]:
    """Ends of windows up to a time, latest first, by the clocks of the monitor's time zone."""
    minutes = monitor.get("period_minutes")
    wall, place = wall_time(latest, monitor)
    if minutes is None:
        end = wall.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        for _ in range(count):
            yield moment(end, place)
            end = (end - timedelta(days=1)).replace(day=1)
        return
    period, offset = timedelta(minutes=minutes), timedelta(minutes=monitor["offset_minutes"])
    end = EPOCH + offset + (wall - EPOCH - offset) // period * period
    for number in range(count):
        yield moment(end - number * period, place)


def verdict_of(item: Mapping[str, Any], end: datetime, now: datetime, monitor: Mapping[str, Any]) -> str | None:
    """Of a run that is kept; None for one that should have ended long ago."""
    if "verdict" in item:
        return str(item["verdict"])
    return RUNNING if now < end + longest(monitor) else None


def to_judge(windows: Sequence[Window], verdicts: Mapping[datetime, str | None], count: int) -> list[Window]:
    """The last ones that are over: without those at the end that still run."""
    last = len(windows)
    while last and verdicts.get(windows[last - 1][1]) == RUNNING:
        last -= 1
    return list(windows[max(0, last - count) : last])


def is_bad(window: Seen, monitor: Mapping[str, Any]) -> bool:
    """Whether there were calls and nothing was judged of them."""
    if window.verdict in ALIVE:
        return False
    if window.verdict is None:
        return window.calls > 0
    captured = window.calls * float(monitor["sampling_percentage"]) / 100
    return captured >= (FEW if window.verdict == EMPTY else float(monitor["min_records"]))


def change(windows: Sequence[Seen], monitor: Mapping[str, Any], *, is_stale: bool) -> Change | None:
    """What has to be told. A scheduler that is dead in a quiet night is no recovery: only a run is."""
    if not is_stale:
        return Change.STALE if windows and all(is_bad(each, monitor) for each in windows) else None
    last = windows[-1]
    return Change.RECOVERED if last.verdict is not None and not is_bad(last, monitor) else None


def capture_fault(endpoint: str, configuration: Mapping[str, Any] | None, capture: str) -> str:
    """Why nothing that a monitor could read is captured of an endpoint; "" where its configuration says nothing against it.

    Args:
        configuration: as DescribeEndpointConfig answers; None where there is no such endpoint.
        capture: S3 URI below which the monitor reads.
    """
    if configuration is None:
        return f"There is no endpoint {endpoint}."
    name, settings = configuration["EndpointConfigName"], configuration.get("DataCaptureConfig") or {}
    modes = {option["CaptureMode"] for option in settings.get("CaptureOptions", ())}
    destination = str(settings.get("DestinationS3Uri", "")).rstrip("/") + f"/{endpoint}"
    if configuration.get("AsyncInferenceConfig"):
        fault = "is asynchronous, and only requests of real-time endpoints are captured"
    elif any(variant.get("ServerlessConfig") for variant in configuration["ProductionVariants"]):
        fault = "is serverless, and SageMaker captures nothing of such endpoints"
    elif not settings.get("EnableCapture"):
        fault = "does not capture: update the endpoint with a configuration that has DataCaptureConfig"
    elif not settings.get("InitialSamplingPercentage"):
        fault = "samples 0 % of the requests"
    elif missing := sorted({"Input", "Output"} - modes):
        fault = f"does not capture {' and '.join(missing)}"
    elif destination != capture.rstrip("/"):
        fault = f"captures below {destination}, and the monitor reads {capture}"
    else:
        return ""
    return f"Its configuration {name} {fault}."


def message(what: Change, windows: Sequence[Seen], monitor: Mapping[str, Any], fault: str = "") -> tuple[str, str]:
    """Subject and text for people. fault: what is wrong with the endpoint itself, where that is known."""
    schedule, endpoint = monitor["schedule"], monitor["endpoint"]
    if what is Change.RECOVERED:
        return f"OK: {schedule} judges again"[
            :LONGEST_TITLE
        ], f"The window up to {windows[-1].end:%Y-%m-%d %H:%M} UTC has a verdict again."
    lines = [f"{each.start:%Y-%m-%d %H:%M} - {each.end:%H:%M} UTC: {_told(each)}" for each in windows]
    text = (
        f"Endpoint {endpoint} was called, and {schedule} judged nothing of it:\n\n"
        + "\n".join(lines)
        + (f"\n\n{fault}" if fault else "")
        + "\n\nWhere there was no run, see whether its schedule is enabled and what the state machine's executions say: "
        "those that are still at Plan wait for the account's concurrency. "
        f"Where a run saw no data, see whether capture is on and arrives below {monitor['capture']}. Where it could not "
        f"evaluate, the report says why: {monitor['reports']}"
    )
    return f"STALE: {schedule} judges nothing"[:LONGEST_TITLE], text


def _told(window: Seen) -> str:
    if window.verdict is None:
        return f"{window.calls:,.0f} calls, no run"
    return f"{window.calls:,.0f} calls, {window.verdict}"
