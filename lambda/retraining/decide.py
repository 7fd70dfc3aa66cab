"""Whether a training starts: case, history and facts in, decision out. No AWS calls, no clock, no environment.

"Now" is the time of the event: when the message was sent, or the rule's time, so that a delivery that comes late or twice is
judged alike. What keeps two invocations from both starting is the version of the lock (see lambda/shared/decisions.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import rules
from case import Action, Case, Decision, Facts, Situation
from decisions import History

NAME_MAX = 63  # of a training job
STAMP = "%Y%m%d%H%M"
CAUSES = {  # check type → what people call it
    "baseline_drift_check": "drift",
    "LessThanThreshold": "model_quality",
    "GreaterThanThreshold": "model_quality",
    "prediction_drift_check": "prediction_drift",
    "bias_drift_check": "bias_drift",
    "feature_attribution_drift_check": "attribution_drift",
    "custom_metric_check": "custom_metric",
}


def screen(case: Case) -> Decision | None:
    """What the message alone settles; None when the history must be looked at."""
    return _first(rules.BY_MESSAGE, Situation(case, History()))


def recall(case: Case, history: History) -> Decision | None:
    """What the history settles; None when the facts must be looked at."""
    return _first(rules.BY_HISTORY, Situation(case, history))


def decide(case: Case, history: History, facts: Facts) -> Decision:
    """The decision on a case that passed `screen`."""
    now = Situation(case, history, facts)
    return _first((*rules.BY_HISTORY, *rules.BY_FACTS), now) or _granted(now)


def _first(asked: Sequence[rules.Rule], now: Situation) -> Decision | None:
    """The first that has something against it, under its name."""
    for rule in asked:
        decision = rule(now)
        if decision is not None:
            return decision if decision.action is Action.IGNORE else replace(decision, rule=rule.__name__)
    return None


def _granted(now: Situation) -> Decision:
    if rules.proposes(now):
        return Decision(Action.PROPOSE, "mode_propose", cause_of(now.case))
    return Decision(Action.START, cause_of(now.case), now.case.wish, run=run_name(now.case))


def cause_of(case: Case) -> str:
    """What people call that which the alarm is about; who asked, where no alarm did."""
    if case.alarm is None:
        return case.by.value
    return ", ".join(sorted({CAUSES.get(check, check) for check in case.policy.alarms[case.alarm.name]}))


def run_name(case: Case) -> str:
    """`{prefix}-{yyyymmddHHMM}-1`: the name of the run and of its training job."""
    return name_at(case.policy.job_name_prefix, case.now)


def name_at(prefix: str, time: datetime) -> str:
    """The name of a run that starts at a time."""
    return f"{stem(prefix)}-{time:{STAMP}}-1"


def stem(prefix: str) -> str:
    """The prefix as far as it fits into a name."""
    return prefix[: NAME_MAX - len("-202601010000-1")].rstrip("-")
