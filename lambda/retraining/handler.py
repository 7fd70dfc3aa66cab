"""Retraining Lambda, one an environment: state changes of alarms in, at most one training an endpoint out, every decision kept.

Environment: TABLE (of the environment), and what start.py and tell.py read. index.json beside this module says which
alarm belongs to which endpoint. The order of writes: first the decision with its lock and its start, in one transaction, then what
it asks for, then the note that this is done. An invocation that dies in between is repeated by Lambda, or found by the pass, and
goes on where it stopped.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import alarms
import asked as asking
import decisions
import gather
import index
import policy as policies
import start
import tell
from alarms import ALARM, Alarm
from asked import Accepted, Asked, Changed, Pass, Unreadable, Wish
from aws import client, log, table_named
from case import Action, By, Case, Decision
from settle import HANDLED, lease_of, settle, started_by

SHOWN = (
    "alarm",
    "state_change_time",
    "endpoint",
    "schedule",
    "mode",
    "asked_by",
    "action",
    "rule",
    "reason",
    "detail",
    "run",
)


class PassError(RuntimeError):
    """Some alarms could not be looked at; the others were."""


def handle(event: dict[str, Any], context: Any = None) -> dict[str, Any]:
    """Decide on all that an event asks for; the answer lists the decisions, for people who invoke it by hand."""
    function = str(getattr(context, "function_name", "FUNCTION"))
    made = [entry for asked in asking.read(event, asking.clock()) for entry in _answers(asked, function)]
    return {"decisions": made}


def _answers(asked: Asked, function: str) -> Iterator[dict[str, Any]]:
    match asked:
        case Unreadable():
            found = {"action": "ignore", "reason": "unreadable_message", "detail": asked.problem}
            log("message", **found, message_id=asked.message_id)
        case Changed():
            yield _logged(_on_alarm(asked, function))
        case Pass():
            yield from _on_pass(asked.now, function)
        case Wish():
            yield _logged(_on_wish(asked, function))
        case Accepted():
            yield _logged(_on_accepted(asked, function))


def _on_alarm(asked: Changed, function: str) -> dict[str, Any]:
    """A message about one alarm."""
    alarm, endpoint = asked.alarm, index.endpoint_of(asked.alarm.name)
    if endpoint is None:
        return _entry(Decision(Action.IGNORE, "alarm_not_in_policy"), alarm=alarm.name)
    policy, table = _policy(endpoint), _table()
    case = Case(By.ALARM, policy, asked.now, alarm)
    if (known := decisions.find(table, endpoint, alarm.key)) is not None:
        if not known["is_done"]:
            return _carried_out(known, policy, table, function, asked.now)
        return _shown(HANDLED, case)
    if not alarm.has_settings:
        alarm = _completed(alarm)
    case = Case(By.ALARM, policy, asked.now, alarm)
    return _settled(case, alarm.key, table, function, until=alarm.time)


def _on_pass(now: datetime, function: str) -> Iterator[dict[str, Any]]:
    """Alarms that are still in ALARM: what refused them may be over. One that fails does not keep the others from a decision."""
    table, failed = _table(), []
    for alarm in _ringing():
        endpoint = index.endpoint_of(alarm.name)
        if endpoint is None:
            continue
        try:
            yield from _again(alarm, _policy(endpoint), now, table, function)
        except Exception as error:  # noqa: BLE001 (raised again below, after the other alarms)
            log("failed", alarm=alarm.name, error=f"{type(error).__name__}: {error}")
            failed.append(alarm.name)
    if failed:
        raise PassError(f"not looked at: {', '.join(failed)}. The log above says why; the next pass tries again.")


def _again(alarm: Alarm, policy: policies.Policy, now: datetime, table: Any, function: str) -> Iterator[dict[str, Any]]:
    """One alarm of the pass. Nothing is told of what people know already."""
    if alarm.name not in policy.alarms:
        return
    last = decisions.latest(table, policy.endpoint, alarm.key)
    for unfinished in (decisions.unfinished(table, policy.endpoint), last):
        if unfinished is not None and not unfinished["is_done"]:
            yield _logged(_carried_out(unfinished, policy, table, function, now))
            return
    case, key = Case(By.PASS, policy, now, alarm), f"{alarm.key}#{decisions.stamp(now)}"
    entry = _settled(case, key, table, function, until=now, previous=last)
    if entry:
        yield _logged(entry)


def _on_wish(asked: Wish, function: str) -> dict[str, Any]:
    """A training that a person or a schedule asks for."""
    if index.policy_of(asked.endpoint) is None:
        return _entry(Decision(Action.IGNORE, "no_such_endpoint", "no endpoint of this name is retrained"))
    case = Case(By(asked.by), _policy(asked.endpoint), asked.now, wish=asked.reason)
    return _settled(case, f"{decisions.stamp(asked.now)}#{asked.by}", _table(), function, until=asked.now)


def _on_accepted(asked: Accepted, function: str) -> dict[str, Any]:
    """A proposal that a person accepts: judged again by the same rules, on the evidence that it was made by."""
    table = _table()
    known = decisions.find(table, asked.endpoint, asked.key) if index.policy_of(asked.endpoint) else None
    if known is None or known["action"] != Action.PROPOSE.value:
        return _entry(Decision(Action.IGNORE, "no_such_proposal", "copy the decision from the message"))
    if "accepted" in known:
        return _entry(Decision(Action.IGNORE, "already_accepted", str(known["accepted"])), endpoint=asked.endpoint)
    if asked.now >= decisions.time_of(known["proposal_until"]):
        return _entry(Decision(Action.IGNORE, "proposal_expired", known["proposal_until"]), endpoint=asked.endpoint)
    policy = _policy(asked.endpoint)
    case = Case(By.ACCEPTED, policy, asked.now, _remembered(known))
    key = f"{asked.key}#{decisions.stamp(asked.now)}"
    entry = _settled(case, key, table, function, until=decisions.time_of(known["decided_at"]))
    if entry["action"] == Action.START.value:
        decisions.accepted(table, asked.endpoint, asked.key, entry["run"])
    return entry


def _settled(
    case: Case,
    key: str,
    table: Any,
    function: str,
    *,
    until: datetime,
    previous: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Decide, keep, carry out and tell; {} where a refusal is the same as before."""
    decision = settle(table, case, key, lambda history: gather.facts(case, history, table, until), previous)
    if decision.action is Action.IGNORE:
        return _shown(decision, case)
    item = decisions.find(table, case.policy.endpoint, key)
    return {} if item is None else _carried_out(item, case.policy, table, function, case.now)


def _carried_out(
    item: dict[str, Any], policy: policies.Policy, table: Any, function: str, now: datetime
) -> dict[str, Any]:
    """Do what a kept decision asks for, tell of it, and note both. A run that lost its endpoint meanwhile is not started."""
    if item["action"] == Action.START.value:
        if decisions.regain(table, policy.endpoint, item["run"], now, lease_of(policy)):
            start.start(_start(item, policy))
        else:
            log("superseded", run=item["run"], endpoint=policy.endpoint)
    tell.everybody(item, policy.reports_uri, function)
    decisions.done(table, policy.endpoint, item["sk"])
    return {name: item.get(name, "") for name in SHOWN} | {"decision": tell.decision_id(item)}


def _start(item: Mapping[str, Any], policy: policies.Policy) -> start.Start:
    return start.Start(
        endpoint=policy.endpoint,
        run=item["run"],
        cause=item["reason"],
        mode=policy.mode.value,
        reason=item["detail"],
        decision={"pk": item["pk"], "sk": item["sk"]},
        started_by=started_by(By(item["asked_by"])),
        policy_parameter=str(index.policy_of(policy.endpoint)),
    )


# --- what is asked of AWS --------------------------------------------------------------------------------------------


def _table() -> Any:
    return table_named(os.environ["TABLE"])


def _policy(endpoint: str) -> policies.Policy:
    return policies.read(client("ssm").get_parameter(Name=index.policy_of(endpoint))["Parameter"]["Value"])


def _ringing() -> Iterator[Alarm]:
    """All alarms that are in ALARM, the account's own among them."""
    pages = client("cloudwatch").get_paginator("describe_alarms")
    for page in pages.paginate(StateValue=ALARM, AlarmTypes=["MetricAlarm", "CompositeAlarm"]):
        for entry in (*page["MetricAlarms"], *page["CompositeAlarms"]):
            yield alarms.described(entry)


def _completed(alarm: Alarm) -> Alarm:
    """What the alarm compares, of an event that tells its change alone."""
    found = client("cloudwatch").describe_alarms(AlarmNames=[alarm.name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    entries = [*found["MetricAlarms"], *found["CompositeAlarms"]]
    return alarms.completed(alarm, entries[0]) if entries else alarm


# --- answers ---------------------------------------------------------------------------------------------------------


def _remembered(item: Mapping[str, Any]) -> Alarm:
    """The alarm of a decision that was kept."""
    compared = item["compared"]
    return Alarm(
        name=item["alarm"],
        new_state=ALARM,
        old_state="",
        time=decisions.time_of(item["state_change_time"]),
        is_composite=bool(compared["is_composite"]),
        windows=int(compared["windows"]),
        threshold=None if compared["threshold"] is None else float(compared["threshold"]),
        operator=compared["operator"],
        metric=compared["metric"],
    )


def _shown(decision: Decision, case: Case) -> dict[str, Any]:
    alarm, policy = case.alarm, case.policy
    known = {"endpoint": policy.endpoint, "schedule": policy.schedule, "mode": policy.mode.value}
    if alarm is not None:
        known |= {"alarm": alarm.name, "state_change_time": decisions.stamp(alarm.time)}
    return _entry(decision, asked_by=case.by.value, **known)


def _entry(decision: Decision, **known: str) -> dict[str, Any]:
    told = {
        "action": decision.action.value,
        "rule": decision.rule,
        "reason": decision.reason,
        "detail": decision.detail,
        "run": decision.run,
    }
    return dict.fromkeys(SHOWN, "") | known | told | {"decision": ""}


def _logged(entry: dict[str, Any]) -> dict[str, Any]:
    log("decision", **entry)
    return entry
