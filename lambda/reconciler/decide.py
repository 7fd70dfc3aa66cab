"""What Model Monitor's executions say that no container could: pure, no AWS calls, no clock, no environment.

Under Model Monitor's own scheduler an empty window never starts the container, and a container that is killed emits nothing.
Alarms on verdicts need a value for these windows as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import causes

NO_DATA_REASON = "Job inputs had no data"
VERDICTS = ("no_data", "waiting", "ok", "insufficient_data", "violated", "error")
ENDED_WITHOUT_A_VERDICT = ("Failed", "Stopped")
LOOKBACK = timedelta(hours=26)  # a run may take a day, and this function looks once an hour
SEEN_BY_ALARMS = timedelta(hours=1)  # the shortest period of an alarm on verdicts
CLOCK_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Outcome:
    """The verdict of an execution that the container did not report itself."""

    scheduled_time: datetime
    verdict: str
    reason: str

    @property
    def id(self) -> str:
        return self.scheduled_time.astimezone(UTC).strftime(CLOCK_FORMAT)


def now(event: Mapping[str, Any]) -> datetime:
    """The time of the EventBridge event, so that a late or repeated invocation judges alike."""
    time = event.get("time")
    if not isinstance(time, str):
        raise ValueError("the event should carry the text `time`, as EventBridge's scheduled events do")
    parsed = datetime.fromisoformat(time)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def unreported(executions: Iterable[Mapping[str, Any]], published: Sequence[str]) -> list[Outcome]:
    """Ended executions without a verdict that were not published yet, oldest first."""
    outcomes = []
    for execution in executions:
        if execution["MonitoringExecutionStatus"] not in ENDED_WITHOUT_A_VERDICT:
            continue
        reason = str(execution.get("FailureReason") or execution["MonitoringExecutionStatus"])
        verdict = "no_data" if NO_DATA_REASON.lower() in reason.lower() else "error"
        outcome = Outcome(execution["ScheduledTime"], verdict, reason)
        if outcome.id not in published:
            outcomes.append(outcome)
    return sorted(outcomes, key=lambda outcome: outcome.scheduled_time)


def metric_time(outcome: Outcome, now: datetime) -> datetime:
    """The scheduled time, as runs stamp theirs; of a run that ended too late for it, now: alarms do not see older values, and a run
    that was killed after its hour must page somebody."""
    return outcome.scheduled_time if now - outcome.scheduled_time < SEEN_BY_ALARMS else now


def metric_data(outcome: Outcome, schedule: str, target: Mapping[str, Any], now: datetime) -> list[dict[str, Any]]:
    """What a run emits of its verdict, as far as the schedule publishes it: one `run_{verdict}` is 1, the others 0."""
    dimensions = [{"Name": "Endpoint", "Value": target["endpoint"]}, {"Name": "MonitoringSchedule", "Value": schedule}]
    values = {causes.METRIC: causes.of_verdict(outcome.verdict)}
    values |= {f"run_{verdict}": float(verdict == outcome.verdict) for verdict in VERDICTS}
    return [
        {
            "MetricName": name,
            "Dimensions": dimensions,
            "Timestamp": metric_time(outcome, now),
            "Value": value,
            "Unit": "Count",
        }
        for name, value in causes.kept(values, target.get("published")).items()
    ]


def kept(published: Iterable[str], since: datetime) -> list[str]:
    """The memory without what the lookback no longer finds; identifiers are times, so they sort as text."""
    oldest = since.strftime(CLOCK_FORMAT)
    return sorted(entry for entry in set(published) if entry >= oldest)
