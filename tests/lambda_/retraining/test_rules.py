"""Each rule, refusing once and allowing once, by its name in the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tests.lambda_.retraining.covertype import PREFIX, policy_json

NOW = datetime(2026, 3, 4, 5, 1, 7, tzinfo=UTC)  # a Wednesday
HOUR = timedelta(hours=1)


@pytest.fixture
def room(load: Callable[[str], SimpleNamespace]) -> SimpleNamespace:
    return load("retraining")


def alarm(room: SimpleNamespace, **changes: Any) -> Any:
    return replace(room.alarms.Alarm("covertype-drift", "ALARM", "OK", NOW), **changes)


def facts(room: SimpleNamespace, **changes: Any) -> Any:
    sound = room.case.Facts("InService", {"baseline_drift_check": 3}, ("violated",), new_labels=5)
    return replace(sound, **changes)


def history(room: SimpleNamespace, **changes: Any) -> Any:
    return replace(room.decisions.History(), **changes)


def made(
    room: SimpleNamespace,
    by: str = "alarm",
    alarm_: dict[str, Any] | None = None,
    facts_: dict[str, Any] | None = None,
    history_: dict[str, Any] | None = None,
    **policy: Any,
) -> Any:
    about = alarm(room, **(alarm_ or {})) if by not in ("manual", "schedule") else None
    case = room.case.Case(room.case.By(by), room.policy.read(policy_json(**policy)), NOW, about)
    return room.decide.screen(case) or room.decide.decide(
        case, history(room, **(history_ or {})), facts(room, **(facts_ or {}))
    )


def ago(hours: float) -> tuple[datetime, ...]:
    return (NOW - timedelta(hours=hours),)


WEEKEND = [{"start": "tue 18:00", "end": "wed 08:00"}]
ONCE = [{"start": "2026-03-01T00:00Z", "end": "2026-03-04T05:01:07Z"}]
HELD = {"owner": "run-1", "lease_until": NOW + HOUR}
OFFERED = {"proposal": "2026-03-04T04:00:00Z#1", "proposal_until": NOW + HOUR}
FREE = {"owner": "run-1", "lease_until": NOW}
EXPIRED = {**OFFERED, "proposal_until": NOW}
PER_RULE = {  # rule → what it refuses, with the reason, and what is as near to that and allowed
    "cause": [
        ({"alarm_": {"name": "covertype-violations"}}, "not_a_drift_alarm", {}),
        (
            {"alarm_": {"name": "covertype-bias-drift"}},
            "type_not_chosen",
            {"alarm_": {"name": "covertype-model-quality"}},
        ),
    ],
    "transition": [
        ({"alarm_": {"time": NOW - timedelta(hours=7)}}, "message_too_late", {"alarm_": {"time": NOW - 5 * HOUR}}),
    ],
    "mode": [({"mode": "notify"}, "mode_notify", {"mode": "deploy"})],
    "freeze_window": [
        ({"freeze": WEEKEND}, "freeze_window", {"freeze": [{"start": "wed 08:00", "end": "tue 18:00"}]}),
        ({"freeze": [{"start": "2026-03-01", "end": "2026-03-05"}]}, "freeze_window", {"freeze": ONCE}),
    ],
    "one_at_a_time": [
        ({"history_": HELD}, "training_in_progress", {"history_": FREE}),
        ({"history_": OFFERED, "mode": "propose"}, "proposal_open", {"history_": EXPIRED, "mode": "propose"}),
    ],
    "cooldown": [({"history_": {"starts": ago(23.9)}}, "cooldown", {"history_": {"starts": ago(24)}})],
    "weekly_budget": [
        (
            {"history_": {"starts": ago(90) + ago(30)}},
            "weekly_limit",
            {"history_": {"starts": ago(7 * 24) + ago(30)}},
        ),
    ],
    "rehearsal": [
        ({"facts_": {"is_rehearsal": True}}, "rehearsal", {"facts_": {"is_rehearsal": True}, "allow_rehearsal": True}),
    ],
    "monitors_healthy": [
        ({"facts_": {"violations": None}}, "no_report", {"facts_": {"violations": {}}}),
        ({"facts_": {"is_reported": False}}, "report_of_another_run", {}),
        ({"facts_": {"report_verdicts": ("violated", "error")}}, "monitor_failed", {}),
        ({"facts_": {"is_silent": True}}, "monitor_silent", {"facts_": {"is_silent": True}, "by": "manual"}),
    ],
    "data_sound": [
        (
            {"facts_": {"violations": {"data_type_check": 1, "baseline_drift_check": 2}}},
            "broken_data",
            {"facts_": {"violations": {"categorical_values_check": 4, "extra_column_check": 1, "data_type_check": 0}}},
        ),
        (
            {"facts_": {"violations": {"missing_column_check": 1}}},
            "broken_data",
            {"facts_": {"violations": {"missing_column_check": 1}}, "retrain_on_broken_data": True},
        ),
    ],
    "persistence": [
        (
            {"facts_": {"shown": 1}, "persistent_windows": 2, "persistent_of": 3},
            "not_persistent",
            {"facts_": {"shown": 2}, "persistent_windows": 2, "persistent_of": 3},
        ),
    ],
    "endpoint_settled": [({"facts_": {"endpoint_status": "Updating"}}, "endpoint_not_in_service", {})],
    "training_data": [
        (
            {"facts_": {"empty_channels": frozenset({"train"})}},
            "no_training_data",
            {"facts_": {"empty_channels": frozenset({"fresh"})}},
        ),
    ],
    "new_labels": [({"min_new_labels": 6}, "not_enough_labels", {"min_new_labels": 5})],
    "dry_run": [({"dry_run": True}, "dry_run", {"dry_run": False})],
}
CASES = [(rule, *case) for rule, cases in PER_RULE.items() for case in cases]


def test_every_rule_is_tried(room: SimpleNamespace) -> None:
    rules = (*room.rules.BY_MESSAGE, *room.rules.BY_HISTORY, *room.rules.BY_FACTS)
    assert [rule.__name__ for rule in rules] == list(PER_RULE)


@pytest.mark.parametrize(("rule", "refused", "reason", "allowed"), CASES)
def test_a_rule_refuses_by_name_and_allows_what_is_beside_it(
    room: SimpleNamespace, rule: str, refused: dict[str, Any], reason: str, allowed: dict[str, Any]
) -> None:
    refusal, grant = made(room, **refused), made(room, **allowed)
    assert (refusal.rule, refusal.reason, refusal.action) == (rule, reason, "notify" if rule == "mode" else "refuse")
    assert grant.action == ("propose" if allowed.get("mode") == "propose" else "start")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "someone-elses-alarm"},
        {"new_state": "OK", "old_state": "ALARM"},
        {"new_state": "INSUFFICIENT_DATA"},
        {"old_state": "ALARM"},
    ],
)
def test_what_is_no_way_into_an_alarm_of_the_policy_is_ignored(room: SimpleNamespace, changes: Any) -> None:
    decision = made(room, alarm_=changes)
    assert (decision.action, decision.rule) == ("ignore", "")


@pytest.mark.parametrize(
    ("start", "end", "held"), [("fri 18:00", "mon 08:00", False), ("mon 00:00", "sun 23:59", True)]
)
def test_a_freeze_of_the_week_may_cross_its_end(room: SimpleNamespace, start: str, end: str, held: bool) -> None:
    (freeze,) = room.policy.read(policy_json(freeze=[{"start": start, "end": end}])).freeze
    saturday, monday = datetime(2026, 3, 7, 12, tzinfo=UTC), datetime(2026, 3, 9, 7, 59, tzinfo=UTC)
    assert freeze.end_after(saturday) is not None
    assert freeze.end_after(monday) is not None
    assert (freeze.end_after(NOW) is not None) is held


@pytest.mark.parametrize("by", ["manual", "schedule"])
def test_what_people_ask_for_needs_no_evidence_but_room(room: SimpleNamespace, by: str) -> None:
    unseen = {"violations": None, "is_reported": False}
    decision = made(room, by, facts_=unseen, mode="notify")
    assert (decision.action, decision.reason) == ("start", by)
    assert made(room, by, facts_=unseen, history_=HELD).rule == "one_at_a_time"
    assert made(room, by, facts_=unseen, history_={"starts": ago(1)}).rule == "cooldown"


def test_an_accepted_proposal_starts_under_the_same_rules(room: SimpleNamespace) -> None:
    assert made(room, "accepted", mode="propose", history_=OFFERED).action == "start"
    assert made(room, "accepted", mode="propose", history_=HELD).rule == "one_at_a_time"
    assert made(room, "accepted", mode="propose", facts_={"violations": {"data_type_check": 1}}).rule == "data_sound"


def test_the_pass_acts_on_an_alarm_whose_message_came_long_ago(room: SimpleNamespace) -> None:
    decision = made(room, "pass", alarm_={"time": NOW - timedelta(days=3), "old_state": ""})
    assert (decision.action, decision.run) == ("start", f"{PREFIX}-202603040501-1")


def test_the_reason_of_a_start_is_what_people_call_its_cause(room: SimpleNamespace) -> None:
    assert made(room).reason == "drift"
    assert made(room, alarm_={"name": "covertype-model-quality"}).reason == "model_quality"
    assert made(room, alarm_={"name": "covertype-drift-composite", "is_composite": True}).reason == "drift"


def test_a_message_older_than_the_last_start_is_refused(room: SimpleNamespace) -> None:
    assert made(room, history_={"starts": ago(-2)}).rule == "cooldown"


def test_without_a_cooldown_a_minute_lies_between_two_starts(room: SimpleNamespace) -> None:
    """A run's name tells its minute."""
    assert made(room, history_={"starts": ago(0.01)}, cooldown_hours=0).rule == "cooldown"
    assert made(room, history_={"starts": ago(0.02)}, cooldown_hours=0).action == "start"


def test_a_long_prefix_still_gives_a_valid_name(room: SimpleNamespace) -> None:
    assert len(room.decide.name_at("x" * 80, NOW)) == 63
