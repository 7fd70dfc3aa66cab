"""The rules: each looks at a situation and refuses with a reason, or has nothing against it. A function's name is the rule's name
in every record. Pure: no AWS calls, no clock, no environment.

Their order is that of their cost: the message alone, then the lock with its history, then what has to be asked of AWS. A storm of
alarms is refused by the first that can.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from alarms import ALARM
from case import Action, By, Decision, Situation
from policy import WEEK, Mode

BROKEN_DATA_CHECKS = frozenset({"data_type_check", "completeness_check", "missing_column_check"})
STATES_BEFORE_AN_ALARM = frozenset({"OK", "INSUFFICIENT_DATA"})
LATE = timedelta(hours=6)  # as long as Lambda keeps an event; what is still in ALARM later, the pass finds
NAMED_APART = timedelta(minutes=1)  # a run's name tells the minute of its start
WISHES = frozenset({By.MANUAL, By.SCHEDULE})  # not of an alarm, so nothing has to show its cause

Rule = Callable[[Situation], Decision | None]


def _refuse(reason: str, detail: str = "") -> Decision:
    return Decision(Action.REFUSE, reason, detail)


# --- by the message alone ---------------------------------------------------------------------------------------------


def cause(now: Situation) -> Decision | None:
    """Alarms that the policy names may train; of the others nothing does."""
    alarm, policy = now.case.alarm, now.case.policy
    if alarm is None:
        return None
    if alarm.name in policy.violation_alarm_names:
        return _refuse("not_a_drift_alarm", "violations of other checks page people and train nothing")
    if alarm.name in policy.other_alarm_names:
        return _refuse("type_not_chosen", "retraining.types does not name the monitoring type of this alarm")
    if alarm.name not in policy.alarms:
        return Decision(Action.IGNORE, "alarm_not_in_policy")
    return None


def transition(now: Situation) -> Decision | None:
    """A message counts when it tells of a way into ALARM, soon enough."""
    alarm = now.case.alarm
    if alarm is None or now.case.by is not By.ALARM:
        return None
    if alarm.new_state != ALARM or alarm.old_state not in STATES_BEFORE_AN_ALARM:
        return Decision(Action.IGNORE, "no_transition_to_alarm", f"{alarm.old_state} -> {alarm.new_state}")
    if now.case.now - alarm.time > LATE:
        return _refuse("message_too_late", "the pass looks at alarms that are still in ALARM")
    return None


def mode(now: Situation) -> Decision | None:
    """Where people alone are told, an alarm has told them."""
    if now.case.policy.mode is Mode.NOTIFY and now.case.by in (By.ALARM, By.PASS):
        return Decision(Action.NOTIFY, "mode_notify", "the alarm itself has told people")
    return None


# --- by the lock and its history --------------------------------------------------------------------------------------


def freeze_window(now: Situation) -> Decision | None:
    """Times in which nobody wants a new model."""
    ends = [end for freeze in now.case.policy.freeze if (end := freeze.end_after(now.case.now)) is not None]
    return _refuse("freeze_window", f"until {text(max(ends))}") if ends else None


def one_at_a_time(now: Situation) -> Decision | None:
    """An endpoint has one training, and one proposal that waits for a person."""
    if now.history.is_held(now.case.now):
        return _refuse("training_in_progress", now.history.owner)
    if proposes(now) and now.history.is_proposed(now.case.now):
        return _refuse("proposal_open", now.history.proposal)
    return None


def cooldown(now: Situation) -> Decision | None:
    """Between two starts a model has time to show what it is worth. A start that is later than `now` counts, too."""
    if not now.history.starts:
        return None
    end = max(now.history.starts) + max(timedelta(hours=now.case.policy.cooldown_hours), NAMED_APART)
    return _refuse("cooldown", f"until {text(end)}") if now.case.now < end else None


def weekly_budget(now: Situation) -> Decision | None:
    """Starts in any seven days."""
    recent = [start for start in now.history.starts if now.case.now - start < WEEK]
    most = now.case.policy.max_per_week
    return _refuse("weekly_limit", f"{len(recent)} of {most} in seven days") if len(recent) >= most else None


# --- by what is asked of AWS ------------------------------------------------------------------------------------------


def rehearsal(now: Situation) -> Decision | None:
    """A violation that somebody forced is none of the model's."""
    if now.known.is_rehearsal and not now.case.policy.allow_rehearsal:
        return _refuse("rehearsal", "the violation was forced to try alarms; retraining.allow_rehearsal is off")
    return None


def monitors_healthy(now: Situation) -> Decision | None:
    """What a monitor that fails, is silent, or has not reported yet says about the data is nothing."""
    if now.case.policy.retrain_on_broken_data or now.case.by in WISHES:
        return None
    if now.known.is_silent:
        return _refuse("monitor_silent", f"{now.case.policy.schedule} has judged no window for some time")
    if now.known.violations is None:
        return _refuse("no_report", "nothing says whether the data is sound")
    if "error" in now.known.report_verdicts:
        return _refuse("monitor_failed", "a run of the alarm's windows ended in an error")
    if not now.known.is_reported:
        return _refuse("report_of_another_run", "the newest report is not the one this alarm is about")
    return None


def data_sound(now: Situation) -> Decision | None:
    """Drift of broken data is repaired upstream, never learnt."""
    if now.case.policy.retrain_on_broken_data or now.case.by in WISHES:
        return None
    broken = sorted(check for check in BROKEN_DATA_CHECKS if (now.known.violations or {}).get(check))
    return _refuse("broken_data", ", ".join(broken)) if broken else None


def persistence(now: Situation) -> Decision | None:
    """One bad window may be chance."""
    policy, shown = now.case.policy, now.known.shown
    if now.case.by in WISHES or shown is None or shown >= policy.persistent_windows:
        return None
    asked = f"{policy.persistent_windows} of the last {policy.persistent_of}"
    return _refuse("not_persistent", f"{shown} windows show it; asked for are {asked}")


def endpoint_settled(now: Situation) -> Decision | None:
    """An endpoint that is being changed is not judged."""
    status = now.known.endpoint_status
    return None if status == "InService" else _refuse("endpoint_not_in_service", status)


def training_data(now: Situation) -> Decision | None:
    """Channels that must hold something do."""
    channels = now.case.policy.training.channels
    missing = [c.name for c in channels if not c.is_optional and c.name in now.known.empty_channels]
    return _refuse("no_training_data", f"channel {missing[0]} holds no object") if missing else None


def new_labels(now: Situation) -> Decision | None:
    """Without new labels a new model learns what the old one knows."""
    least, found = now.case.policy.min_new_labels, now.known.new_labels
    if found >= least:
        return None
    return _refuse("not_enough_labels", f"{found} of {least} rows since the last start")


def dry_run(now: Situation) -> Decision | None:
    """Every other rule allows it: this is what would be done."""
    if not now.case.policy.is_dry_run:
        return None
    return _refuse("dry_run", "would propose" if proposes(now) else "would start")


BY_MESSAGE: tuple[Rule, ...] = (cause, transition, mode)
BY_HISTORY: tuple[Rule, ...] = (freeze_window, one_at_a_time, cooldown, weekly_budget)
BY_FACTS: tuple[Rule, ...] = (
    rehearsal,
    monitors_healthy,
    data_sound,
    persistence,
    endpoint_settled,
    training_data,
    new_labels,
    dry_run,
)


def proposes(now: Situation) -> bool:
    """Whether a person is asked rather than a training started."""
    return now.case.policy.mode is Mode.PROPOSE and now.case.by in (By.ALARM, By.PASS)


def text(time: datetime) -> str:
    """A time as details spell it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
