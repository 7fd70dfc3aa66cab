"""From a case to a decision that stands in the table: read, decide, write on the condition that nothing changed in between.

Another invocation that was faster makes the condition fail; then the case is judged again by what is true now. So of any number of
cases at once one starts, and the others are refused by the rule that the first one brought about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import decide
import decisions
from case import Action, By, Case, Decision, Facts
from decisions import History
from policy import Policy

LEASE_MORE = timedelta(hours=2)  # than the training may take: it waits for its instance, and its end may be told late
HANDLED = Decision(Action.IGNORE, "already_handled", "the message was delivered before")
Look = Callable[[History], Facts]


class ContendedError(RuntimeError):
    """The lock changed at every try. Lambda delivers the event again; the pass looks at the alarm, too."""


def settle(table: Any, case: Case, sk: str, look: Look, previous: Mapping[str, Any] | None = None) -> Decision:
    """The decision, written under a key. previous: the last one about the same state change; a refusal that is still the same is
    only noted there. Raises: ContendedError."""
    screened, facts = decide.screen(case), None
    if screened is not None and screened.action is Action.IGNORE:
        return screened
    for _ in range(decisions.TRIES):
        history = decisions.history(table, case.policy.endpoint)
        decision = screened or decide.recall(case, history)
        if decision is None:
            facts = facts or look(history)
            decision = decide.decide(case, history, facts)
        if previous is not None and _is_same(decision, previous):
            decisions.looked(table, case.policy.endpoint, str(previous["sk"]), case.now)
            return decision
        if _write(table, case, sk, decision, facts, history):
            return decision
        if decisions.find(table, case.policy.endpoint, sk) is not None:
            return HANDLED
    raise ContendedError(f"{case.policy.endpoint}: {decisions.TRIES} tries, and another invocation was faster at each")


def _is_same(decision: Decision, previous: Mapping[str, Any]) -> bool:
    """Whether people know this already."""
    is_quiet = decision.action in (Action.REFUSE, Action.NOTIFY)
    return is_quiet and (decision.action.value, decision.reason) == (previous["action"], previous["reason"])


def _write(table: Any, case: Case, sk: str, decision: Decision, facts: Facts | None, history: History) -> bool:
    endpoint, content = case.policy.endpoint, record(case, decision, facts)
    if decision.action is Action.START:
        kept, lease = (sk, content), lease_of(case.policy)
        return decisions.claim(table, endpoint, decision.run, case.now, lease=lease, seen=history, decision=kept)
    if decision.action is Action.PROPOSE:
        until = case.now + timedelta(hours=case.policy.proposal_hours)
        content["proposal_until"] = decisions.stamp(until)
        return decisions.propose(table, endpoint, (sk, content), case.now, until=until, seen=history)
    return decisions.keep(table, endpoint, sk, content, case.now)


def record(case: Case, decision: Decision, facts: Facts | None) -> dict[str, Any]:
    """What is kept of a decision: never a value of the data."""
    alarm, policy = case.alarm, case.policy
    content: dict[str, Any] = {
        "endpoint": policy.endpoint,
        "schedule": policy.schedule,
        "mode": policy.mode.value,
        "asked_by": case.by.value,
        "action": decision.action.value,
        "rule": decision.rule,
        "reason": decision.reason,
        "detail": decision.detail,
        "run": decision.run,
        "alarm": alarm.name if alarm else "",
        "is_done": False,
    }
    if alarm is not None:
        content["state_change_time"] = decisions.stamp(alarm.time)
        content["compared"] = {
            "windows": alarm.windows,
            "threshold": None if alarm.threshold is None else str(alarm.threshold),
            "operator": alarm.operator,
            "metric": alarm.metric,
            "is_composite": alarm.is_composite,
        }
    if facts is not None:
        content["reports"] = list(facts.reports)
        content["violations"] = dict(facts.violations or {})
        content["endpoint_status"] = facts.endpoint_status
    return content


def lease_of(policy: Policy) -> timedelta:
    """How long a run holds its endpoint if nobody tells of its end."""
    return timedelta(seconds=policy.training.max_runtime_seconds) + LEASE_MORE


def started_by(by: By) -> str:
    """As whoever starts a run is told: the pass acts for the alarm that it found."""
    return By.ALARM.value if by is By.PASS else by.value
