"""Whether an alarm may start a training job: event, policy and state in, decision out. No AWS calls, no clock, no environment.

"Now" is the time the alarm changed its state, so a message that is delivered twice, late or out of order is judged alike.

What keeps two concurrent invocations from starting two jobs: SSM has no compare-and-swap, so the recorded state alone cannot.
The training job's name can, because the service accepts a name once. It is made of the policy's prefix and the hour of the state
change, so all alarms of one hour compete for one name, and the loser is told that the name is taken. The recorded state and the
names of past jobs then hold the cool-down and the weekly limit for later hours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from alarms import Alarm
from policy import Mode, Policy

WEEK = timedelta(days=7)
NAME_MAX = 63  # of a training job
STAMP = "%Y%m%d%H00"
BROKEN_DATA_CHECKS = frozenset({"data_type_check", "completeness_check", "missing_column_check"})
CAUSES = {  # check type → what people call it
    "baseline_drift_check": "drift",
    "LessThanThreshold": "model_quality",
    "GreaterThanThreshold": "model_quality",
    "prediction_drift_check": "prediction_drift",
    "bias_drift_check": "bias_drift",
    "feature_attribution_drift_check": "attribution_drift",
    "custom_metric_check": "custom_metric",
}
STATES_BEFORE_AN_ALARM = frozenset({"OK", "INSUFFICIENT_DATA"})
HANDLED_KEPT = 40
STARTED_KEPT = 50


class Action(StrEnum):
    """What to do. `record` starts nothing: the job is there already and only the memory of it was lost. `retry`: what the decision
    needs is not there yet; Lambda delivers the event again."""

    IGNORE = "ignore"
    REFUSE = "refuse"
    RETRY = "retry"
    NOTIFY = "notify"
    PROPOSE = "propose"
    RECORD = "record"
    START = "start"


@dataclass(frozen=True)
class Decision:
    """An action and why. `reason` is a code that people and metric filters search for."""

    action: Action
    reason: str
    detail: str = ""
    job_name: str = ""


@dataclass(frozen=True)
class State:
    """What earlier invocations left: state changes acted on, and starts by the end of the job's name."""

    handled: tuple[str, ...] = ()
    started: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Jobs:
    """Training jobs of this policy, as the service lists them."""

    names: tuple[str, ...] = ()
    in_progress: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What is true now.

    endpoint_status: as DescribeEndpoint spells it.
    violations: violations by check type in the windows the alarm looked at; None when no report was found.
    report_verdicts: verdicts of those windows.
    is_reported: whether the newest of these reports shows what the alarm is about.
    is_rehearsal: whether somebody forced the violation to try the chain.
    empty_channels: names of channels whose prefix holds no object.
    """

    endpoint_status: str
    jobs: Jobs
    violations: Mapping[str, int] | None
    report_verdicts: tuple[str, ...] = ()
    is_reported: bool = True
    is_rehearsal: bool = False
    empty_channels: frozenset[str] = frozenset()


def screen(alarm: Alarm, policy: Policy) -> Decision | None:
    """What the message alone settles; None when the facts must be looked at."""
    if alarm.name in policy.violation_alarm_names:
        return Decision(Action.REFUSE, "not_a_drift_alarm", "violations of other checks page people and train nothing")
    if alarm.name in policy.other_alarm_names:
        return Decision(
            Action.REFUSE, "type_not_chosen", "retraining.types does not name the monitoring type of this alarm"
        )
    if alarm.name not in policy.alarms:
        return Decision(Action.IGNORE, "alarm_not_in_policy")
    if alarm.new_state != "ALARM" or alarm.old_state not in STATES_BEFORE_AN_ALARM:
        return Decision(Action.IGNORE, "no_transition_to_alarm", f"{alarm.old_state} -> {alarm.new_state}")
    if policy.mode is Mode.NOTIFY:
        return Decision(Action.NOTIFY, "mode_notify", "the alarm itself has told people")
    return None


def decide(alarm: Alarm, policy: Policy, state: State, facts: Facts) -> Decision:
    """The decision on an alarm that passed `screen`."""
    name = job_name(policy.job_name_prefix, alarm.time)
    return (
        _repeated(alarm, name, state, facts)
        or _rehearsed(policy, facts)
        or _too_soon(alarm, policy, state, facts)
        or _unfit(policy, facts)
        or _granted(policy, alarm, name)
    )


def _repeated(alarm: Alarm, name: str, state: State, facts: Facts) -> Decision | None:
    if alarm.id in state.handled:
        return Decision(Action.IGNORE, "already_handled", "the message was delivered before")
    if name in facts.jobs.names and suffix(name) not in state.started:
        return Decision(Action.RECORD, "already_started", "the job is there, its record was lost", name)
    return None


def _rehearsed(policy: Policy, facts: Facts) -> Decision | None:
    if facts.is_rehearsal and not policy.allow_rehearsal:
        return Decision(
            Action.REFUSE, "rehearsal", "the violation was forced to try alarms; retraining.allow_rehearsal is off"
        )
    return None


def _too_soon(alarm: Alarm, policy: Policy, state: State, facts: Facts) -> Decision | None:
    if facts.jobs.in_progress:
        return Decision(Action.REFUSE, "training_in_progress", facts.jobs.in_progress[0])
    starts = sorted(starts_known(policy, state, facts.jobs).values())
    cooldown = timedelta(hours=policy.cooldown_hours)
    if starts and alarm.time - starts[-1] < cooldown:
        return Decision(Action.REFUSE, "cooldown", f"until {_text(starts[-1] + cooldown)}")
    recent = [start for start in starts if alarm.time - start < WEEK]
    if len(recent) >= policy.max_per_week:
        return Decision(Action.REFUSE, "weekly_limit", f"{len(recent)} of {policy.max_per_week} in seven days")
    return None


def _unfit(policy: Policy, facts: Facts) -> Decision | None:
    if facts.endpoint_status != "InService":
        return Decision(Action.REFUSE, "endpoint_not_in_service", facts.endpoint_status)
    if not policy.retrain_on_broken_data and (unsound := _unsound(facts)) is not None:
        return unsound
    missing = [c.name for c in policy.training.channels if not c.is_optional and c.name in facts.empty_channels]
    if missing:
        return Decision(Action.REFUSE, "no_training_data", f"channel {missing[0]} holds no object")
    return None


def _unsound(facts: Facts) -> Decision | None:
    """Metrics may be seen before the report is uploaded: an older report, or none, says nothing about this alarm's data."""
    if facts.violations is None:
        return Decision(Action.RETRY, "no_report", "nothing says whether the data is sound")
    if not facts.is_reported:
        return Decision(Action.RETRY, "report_of_another_run", "the newest report is not the one this alarm is about")
    broken = sorted(check for check in BROKEN_DATA_CHECKS if facts.violations.get(check))
    if broken or "error" in facts.report_verdicts:
        return Decision(Action.REFUSE, "broken_data", ", ".join(broken) or "the run ended in an error")
    return None


def _granted(policy: Policy, alarm: Alarm, name: str) -> Decision:
    if policy.mode is Mode.PROPOSE:
        return Decision(Action.PROPOSE, "mode_propose", "a person decides", name)
    causes = sorted({CAUSES.get(check, check) for check in policy.alarms[alarm.name]})
    return Decision(Action.START, ", ".join(causes), job_name=name)


def job_name(prefix: str, time: datetime) -> str:
    """`{prefix}-{yyyymmddHH00}-1`: one name per hour, the lock described above."""
    return f"{stem(prefix)}-{time:{STAMP}}-1"


def stem(prefix: str) -> str:
    """The prefix as far as it fits into a name."""
    return prefix[: NAME_MAX - len("-202601010000-1")].rstrip("-")


def suffix(name: str) -> str:
    """The part of a job's name that tells one start from another."""
    return "-".join(name.split("-")[-2:])


def hour_of(prefix: str, name: str) -> datetime | None:
    """The hour in the name of a training job that was started for this policy; None for anybody else's job."""
    match = re.fullmatch(r"(.+)-(\d{12})-\d+", name)
    if match is None or match[1] != stem(prefix):
        return None
    try:
        return datetime.strptime(match[2], "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:  # twelve digits that are no time
        return None


def starts_known(policy: Policy, state: State, jobs: Jobs) -> dict[str, datetime]:
    """Every start by the end of its name: the recorded time, or the hour in the name where the record was lost."""
    hours = {suffix(name): hour_of(policy.job_name_prefix, name) for name in jobs.names}
    return {end: hour for end, hour in hours.items() if hour is not None} | dict(state.started)


def remember(state: State, alarm: Alarm, decision: Decision) -> State:
    """The state after a decision was carried out; short enough for one SSM parameter (4 KB)."""
    if decision.action in (Action.IGNORE, Action.REFUSE, Action.RETRY):
        return state
    started = dict(state.started)
    if decision.action in (Action.START, Action.RECORD):
        started.setdefault(suffix(decision.job_name), alarm.time)
    newest = sorted(started.items(), key=lambda item: item[1])[-STARTED_KEPT:]
    return State((*state.handled, alarm.id)[-HANDLED_KEPT:], dict(newest))


def _text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
