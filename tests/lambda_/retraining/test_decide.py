"""The retraining Lambda's pure part: messages, policy and the decision."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.lambda_.retraining.covertype import PREFIX, delivered, policy_json

NOW = datetime(2026, 3, 4, 5, 1, 7, tzinfo=UTC)
NAME = f"{PREFIX}-202603040500-1"


@pytest.fixture
def room(load: Callable[[str], SimpleNamespace]) -> SimpleNamespace:
    return load("retraining")


def alarm(room: SimpleNamespace, **changes: Any) -> Any:
    return replace(room.alarms.Alarm("covertype-drift", "ALARM", "OK", NOW), **changes)


def facts(room: SimpleNamespace, **changes: Any) -> Any:
    sound = room.decide.Facts("InService", room.decide.Jobs(), {"baseline_drift_check": 3}, ("violated",))
    return replace(sound, **changes)


def verdict(room: SimpleNamespace, alarm: Any = None, state: Any = None, facts_: Any = None, **policy: Any) -> Any:
    rules = room.policy.read(policy_json(**policy))
    the_alarm = alarm or globals()["alarm"](room)
    return room.decide.screen(the_alarm, rules) or room.decide.decide(
        the_alarm, rules, state or room.decide.State(), facts_ or facts(room)
    )


def test_a_drift_alarm_on_sound_data_starts_one_job_named_after_its_hour(room: SimpleNamespace) -> None:
    decision = verdict(room)
    assert (decision.action, decision.reason, decision.job_name) == ("start", "drift", NAME)


def test_a_worse_model_starts_a_job_too_and_the_reason_says_so(room: SimpleNamespace) -> None:
    decision = verdict(room, alarm(room, name="covertype-model-quality"))
    assert (decision.action, decision.reason) == ("start", "model_quality")


def test_a_rehearsal_trains_nothing_unless_it_is_allowed(room: SimpleNamespace) -> None:
    forced = facts(room, is_rehearsal=True)
    refused, allowed = verdict(room, facts_=forced), verdict(room, facts_=forced, allow_rehearsal=True)
    assert (refused.action, refused.reason, allowed.action) == ("refuse", "rehearsal", "start")


def test_a_composite_alarm_named_in_the_policy_starts_too(room: SimpleNamespace) -> None:
    assert verdict(room, alarm(room, name="covertype-drift-composite", is_composite=True)).action == "start"


@pytest.mark.parametrize(
    ("changes", "action", "reason"),
    [
        ({"name": "covertype-violations"}, "refuse", "not_a_drift_alarm"),
        ({"name": "covertype-bias-drift"}, "refuse", "type_not_chosen"),
        ({"name": "someone-elses-alarm"}, "ignore", "alarm_not_in_policy"),
        ({"new_state": "OK", "old_state": "ALARM"}, "ignore", "no_transition_to_alarm"),
        ({"new_state": "INSUFFICIENT_DATA"}, "ignore", "no_transition_to_alarm"),
        ({"old_state": "ALARM"}, "ignore", "no_transition_to_alarm"),
    ],
)
def test_the_message_alone_can_settle_it(room: SimpleNamespace, changes: Any, action: str, reason: str) -> None:
    decision = room.decide.screen(alarm(room, **changes), room.policy.read(policy_json()))
    assert (decision.action, decision.reason) == (action, reason)


@pytest.mark.parametrize("old", ["OK", "INSUFFICIENT_DATA"])
def test_both_ways_into_the_alarm_count(room: SimpleNamespace, old: str) -> None:
    assert verdict(room, alarm(room, old_state=old)).action == "start"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"endpoint_status": "Updating"}, "endpoint_not_in_service"),
        ({"endpoint_status": "Missing"}, "endpoint_not_in_service"),
        ({"violations": {"data_type_check": 1, "baseline_drift_check": 2}}, "broken_data"),
        ({"violations": {"missing_column_check": 1}}, "broken_data"),
        ({"violations": {"completeness_check": 1}}, "broken_data"),
        ({"violations": {}, "report_verdicts": ("violated", "error")}, "broken_data"),
        ({"empty_channels": frozenset({"train"})}, "no_training_data"),
    ],
)
def test_facts_refuse(room: SimpleNamespace, changes: Any, reason: str) -> None:
    decision = verdict(room, facts_=facts(room, **changes))
    assert (decision.action, decision.reason) == ("refuse", reason)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"violations": None}, "no_report"),
        ({"is_reported": False}, "report_of_another_run"),
        ({"is_reported": False, "violations": {"data_type_check": 1}}, "report_of_another_run"),
    ],
)
def test_a_report_that_is_not_there_yet_is_waited_for(room: SimpleNamespace, changes: Any, reason: str) -> None:
    decision = verdict(room, facts_=facts(room, **changes))
    assert (decision.action, decision.reason) == ("retry", reason)
    assert room.decide.remember(room.decide.State(), alarm(room), decision) == room.decide.State()


def test_a_job_in_progress_refuses_another(room: SimpleNamespace) -> None:
    running = f"{PREFIX}-202603010000-1"
    decision = verdict(room, facts_=facts(room, jobs=room.decide.Jobs((running,), (running,))), cooldown_hours=0)
    assert (decision.action, decision.reason, decision.detail) == ("refuse", "training_in_progress", running)


def test_new_categories_and_extra_columns_are_not_broken_data(room: SimpleNamespace) -> None:
    found = {"categorical_values_check": 4, "extra_column_check": 1, "data_type_check": 0}
    assert verdict(room, facts_=facts(room, violations=found)).action == "start"


def test_broken_data_trains_only_where_the_policy_says_so(room: SimpleNamespace) -> None:
    broken = facts(room, violations={"data_type_check": 1})
    assert verdict(room, facts_=broken, retrain_on_broken_data=True).action == "start"
    assert verdict(room, facts_=facts(room, violations=None), retrain_on_broken_data=True).action == "start"


def test_modes_below_train_never_start(room: SimpleNamespace) -> None:
    assert verdict(room, mode="notify").action == "notify"
    assert verdict(room, mode="propose").action == "propose"
    assert verdict(room, mode="deploy").action == "start"


def test_a_proposal_is_made_only_when_training_would_be_allowed(room: SimpleNamespace) -> None:
    assert verdict(room, facts_=facts(room, violations={"data_type_check": 1}), mode="propose").reason == "broken_data"


def after(room: SimpleNamespace, *hours_ago: float) -> Any:
    times = [NOW - timedelta(hours=hours) for hours in hours_ago]
    return room.decide.State(started={f"{time:%Y%m%d%H00}-1": time for time in times})


def test_cooldown_is_measured_between_state_changes(room: SimpleNamespace) -> None:
    assert verdict(room, state=after(room, 23.9)).reason == "cooldown"
    assert verdict(room, state=after(room, 24)).action == "start"


def test_a_message_older_than_the_last_start_is_refused(room: SimpleNamespace) -> None:
    assert verdict(room, state=after(room, -2)).reason == "cooldown"


def test_the_weekly_limit_holds_after_the_cooldown(room: SimpleNamespace) -> None:
    assert verdict(room, state=after(room, 30, 90)).reason == "weekly_limit"
    assert verdict(room, state=after(room, 30, 7 * 24)).action == "start"


def test_zero_per_week_never_trains(room: SimpleNamespace) -> None:
    assert verdict(room, max_per_week=0).reason == "weekly_limit"


def test_the_same_state_change_delivered_again_is_ignored(room: SimpleNamespace) -> None:
    state = room.decide.remember(room.decide.State(), alarm(room), verdict(room))
    assert verdict(room, state=state).reason == "already_handled"


def test_a_lost_record_is_restored_from_the_name_of_the_job(room: SimpleNamespace) -> None:
    decision = verdict(room, facts_=facts(room, jobs=room.decide.Jobs((NAME,), (NAME,))))
    assert (decision.action, decision.reason) == ("record", "already_started")
    assert room.decide.remember(room.decide.State(), alarm(room), decision).started == {"202603040500-1": NOW}


def test_jobs_of_earlier_hours_count_even_when_the_state_was_lost(room: SimpleNamespace) -> None:
    earlier = room.decide.Jobs((f"{PREFIX}-202603031000-1",))
    assert verdict(room, facts_=facts(room, jobs=earlier)).reason == "cooldown"


@pytest.mark.parametrize("name", [PREFIX, "other-202603040500-1", f"{PREFIX}-999999999999-1"])
def test_foreign_jobs_are_not_counted(room: SimpleNamespace, name: str) -> None:
    assert room.decide.hour_of(PREFIX, name) is None


def test_a_long_prefix_still_gives_a_valid_name_that_is_recognised(room: SimpleNamespace) -> None:
    name = room.decide.job_name("x" * 80, NOW)
    assert len(name) == 63
    assert room.decide.hour_of("x" * 80, name) == NOW.replace(minute=0, second=0)


def test_the_state_stays_within_one_parameter(room: SimpleNamespace) -> None:
    state = room.decide.State()
    for hour in range(500):
        late = alarm(room, time=NOW + timedelta(hours=hour))
        start = room.decide.Decision("start", "drift", job_name=room.decide.job_name("prefix", late.time))
        state = room.decide.remember(state, late, start)
    text = json.dumps(
        {"handled": state.handled, "started": {end: time.isoformat() for end, time in state.started.items()}}
    )
    assert len(text) < 4096
    assert max(state.started.values()) == NOW + timedelta(hours=499)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    minutes=st.lists(st.integers(0, 60 * 24 * 21), max_size=60),
    cooldown=st.integers(0, 72),
    weekly=st.integers(0, 5),
    forgets=st.booleans(),
)
def test_no_order_of_messages_makes_a_storm(
    room: SimpleNamespace, minutes: list[int], cooldown: int, weekly: int, forgets: bool
) -> None:
    """Whatever arrives in whatever order, with the state lost after every call or not: the limits hold."""
    state, jobs, starts = room.decide.State(), room.decide.Jobs(), []
    for minute in minutes:
        change = alarm(room, time=NOW + timedelta(minutes=minute))
        decision = verdict(room, change, state, facts(room, jobs=jobs), cooldown_hours=cooldown, max_per_week=weekly)
        if decision.action == "start" and decision.job_name not in jobs.names:  # the service accepts a name once
            starts.append(change.time)
            jobs = room.decide.Jobs((*jobs.names, decision.job_name))
        state = room.decide.State() if forgets else room.decide.remember(state, change, decision)
    starts.sort()
    slack = timedelta(hours=1) if forgets else timedelta()  # a name tells the hour only
    assert all(later - earlier >= timedelta(hours=cooldown) - slack for earlier, later in pairwise(starts))
    for start in starts:
        assert sum(start <= other < start + timedelta(days=7) - slack for other in starts) <= weekly


def test_every_fault_of_a_policy_names_its_key(room: SimpleNamespace) -> None:
    for key in ("endpoint", "schedule", "mode", "alarms", "cooldown_hours", "reports_uri", "training"):
        with pytest.raises(room.policy.PolicyError, match=key):
            room.policy.read(policy_json(**{key: None}))
    content = json.loads(policy_json())
    del content["training"]["channels"][0]["uri"]
    with pytest.raises(room.policy.PolicyError, match=r"training\.channels\[0\]\.uri"):
        room.policy.read(json.dumps(content))
    with pytest.raises(room.policy.PolicyError, match="mode"):
        room.policy.read(policy_json(mode="yolo"))
    with pytest.raises(room.policy.PolicyError, match="JSON"):
        room.policy.read("{")


def test_a_real_message_is_read(room: SimpleNamespace) -> None:
    trigger = {"MetricName": "drift_max", "EvaluationPeriods": 3, "Statistic": "AVERAGE", "Threshold": 0.2}
    event = delivered("2017-01-12T16:30:42.236+0000", OldStateValue="INSUFFICIENT_DATA", Trigger=trigger)
    (found,) = room.alarms.read(event)
    assert found.time == datetime(2017, 1, 12, 16, 30, 42, 236000, UTC)
    assert (found.windows, found.is_composite, found.threshold) == (3, False, 0.2)


def test_two_of_three_periods_are_told_by_two_reports(room: SimpleNamespace) -> None:
    trigger = {"EvaluationPeriods": 3, "DatapointsToAlarm": 2, "Metrics": []}
    (found,) = room.alarms.read(delivered("2017-01-12T16:30:42.236+0000", Trigger=trigger))
    assert found.windows == 2


def test_a_composite_message_is_read(room: SimpleNamespace) -> None:
    composite = {"AlarmName": "any-drift", "AlarmRule": "ALARM(a) OR ALARM(b)", "TriggeringChildren": [{"Arn": "a"}]}
    (found,) = room.alarms.read(delivered("2026-03-04T05:01:07Z", **composite))
    assert (found.name, found.is_composite, found.windows, found.time) == ("any-drift", True, 1, NOW)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"Records": "x"},
        {"Records": [{}]},
        {"Records": [{"Sns": {"Message": "hello"}}]},
        {"Records": [{"Sns": {"Message": "[1]"}}]},
        {"Records": [{"Sns": {"Message": '{"AlarmName": "a"}'}}]},
    ],
)
def test_what_is_no_alarm_is_reported_and_not_quoted(room: SimpleNamespace, event: Any) -> None:
    (found,) = room.alarms.read(event)
    assert isinstance(found, room.alarms.Unreadable)
    assert "hello" not in found.problem
