"""What the retraining Lambda reads: its policy, and all forms in which an event asks for something."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tests.lambda_.retraining.covertype import delivered, policy_json

NOW = datetime(2026, 3, 4, 5, 1, 7, tzinfo=UTC)


@pytest.fixture
def room(load: Callable[[str], SimpleNamespace]) -> SimpleNamespace:
    return load("retraining")


def asked(room: SimpleNamespace, event: dict[str, Any]) -> Any:
    (found,) = room.asked.read(event, NOW)
    return found


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
    found = asked(room, event).alarm
    assert found.time == datetime(2017, 1, 12, 16, 30, 42, 236000, UTC)
    assert (found.windows, found.is_composite, found.threshold) == (3, False, 0.2)


def test_what_a_schedule_sends_is_a_wish_at_its_own_time(room: SimpleNamespace) -> None:
    event = {"run": "covertype", "started_by": "schedule", "time": "2026-03-02T00:30:00Z", "reason": "weekly"}
    found = asked(room, event)
    assert (found.endpoint, found.by, found.reason) == ("covertype", "schedule", "weekly")
    assert found.now == datetime(2026, 3, 2, 0, 30, tzinfo=UTC)


def test_two_of_three_periods_are_told_by_two_reports(room: SimpleNamespace) -> None:
    trigger = {"EvaluationPeriods": 3, "DatapointsToAlarm": 2, "Metrics": []}
    found = asked(room, delivered("2017-01-12T16:30:42.236+0000", Trigger=trigger)).alarm
    assert found.windows == 2


def test_a_composite_message_is_read(room: SimpleNamespace) -> None:
    composite = {"AlarmName": "any-drift", "AlarmRule": "ALARM(a) OR ALARM(b)", "TriggeringChildren": [{"Arn": "a"}]}
    found = asked(room, delivered("2026-03-04T05:01:07Z", **composite)).alarm
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
        {"detail-type": "CloudWatch Alarm State Change", "detail": {"hello": 1}},
        {"run": "covertype", "started_by": "hello"},
    ],
)
def test_what_is_no_alarm_is_reported_and_not_quoted(room: SimpleNamespace, event: Any) -> None:
    found = asked(room, event)
    assert isinstance(found, room.asked.Unreadable)
    assert "hello" not in found.problem


STATE = {"value": "ALARM", "reason": "x", "timestamp": "2026-03-04T05:01:07.236+0000"}
DETAIL = {
    "alarmName": "covertype-drift",
    "state": STATE,
    "previousState": {"value": "OK"},
    "configuration": {"metrics": []},
}
EVENT = {"source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change", "time": "2026-03-04T05:01:08Z"}
ACTION = {"source": "aws.cloudwatch", "alarmArn": "arn", "time": "2026-03-04T05:01:07.236+0000", "alarmData": DETAIL}


@pytest.mark.parametrize(
    "event",
    [
        {**EVENT, "detail": DETAIL},
        ACTION,
        {"Records": [{"Sns": {"MessageId": "1", "Message": json.dumps({**EVENT, "detail": DETAIL})}}]},
    ],
)
def test_an_alarm_is_read_from_events_and_actions(room: SimpleNamespace, event: Any) -> None:
    found = asked(room, event)
    assert (found.alarm.name, found.alarm.new_state, found.alarm.old_state) == ("covertype-drift", "ALARM", "OK")
    assert (found.alarm.time.replace(microsecond=0), found.alarm.has_settings) == (NOW, False)
    told = room.asked.read(delivered("2026-03-04T05:01:07.236+0000"), NOW)
    assert found.alarm.key == next(told).alarm.key, "one state change, however it is told"


def test_an_event_of_a_composite_alarm_says_so(room: SimpleNamespace) -> None:
    detail = {**DETAIL, "configuration": {"alarmRule": "ALARM(a)"}}
    assert asked(room, {**EVENT, "detail": detail}).alarm.is_composite


ENTRY = {"AlarmName": "covertype-drift", "StateValue": "ALARM", "StateUpdatedTimestamp": NOW + timedelta(hours=1)}
COMPARED = {"EvaluationPeriods": 3, "DatapointsToAlarm": 2, "Threshold": 0.2, "ComparisonOperator": "LessThanThreshold"}


def test_a_described_alarm_tells_since_when_it_rings_and_what_it_compares(room: SimpleNamespace) -> None:
    found = room.alarms.described({**ENTRY, **COMPARED, "StateTransitionedTimestamp": NOW, "MetricName": "accuracy"})
    assert (found.time, found.windows, found.threshold, found.metric) == (NOW, 2, 0.2, "accuracy")
    assert (found.is_beyond(0.1), found.is_beyond(0.2)) == (True, False)
    event = asked(room, {**EVENT, "detail": DETAIL}).alarm
    completed = room.alarms.completed(event, {**ENTRY, **COMPARED, "MetricName": "accuracy"})
    assert (completed.time, completed.windows, completed.threshold, completed.has_settings) == (
        event.time,
        2,
        0.2,
        True,
    )


METRIC = {"Id": "m1", "MetricStat": {"Metric": {"MetricName": "drift_max"}}}


@pytest.mark.parametrize(
    ("queries", "metric"), [([METRIC], "drift_max"), ([METRIC, {"Id": "e", "Expression": "m1 * 2"}], "")]
)
def test_a_metric_math_alarm_compares_a_metric_or_an_expression(
    room: SimpleNamespace, queries: list[Any], metric: str
) -> None:
    trigger = {"Metrics": queries, "EvaluationPeriods": 1, "Threshold": 0.2}
    found = asked(room, delivered("2026-03-04T05:01:07Z", Trigger=trigger)).alarm
    assert (found.metric, found.threshold) == (metric, 0.2)


def test_now_is_when_the_message_was_sent(room: SimpleNamespace) -> None:
    event = delivered("2026-03-04T05:01:07Z")
    event["Records"][0]["Sns"]["Timestamp"] = "2026-03-04T05:30:00.000Z"
    assert asked(room, event).now == NOW.replace(minute=30, second=0)


def test_rules_and_people_ask_too(room: SimpleNamespace) -> None:
    a = room.asked
    assert asked(
        room, {"source": "aws.events", "detail-type": "Scheduled Event", "time": "2026-03-04T05:01:07Z"}
    ) == a.Pass(NOW)
    assert asked(room, {"pass": True}) == a.Pass(NOW)
    assert asked(room, {"accept": "covertype/2026-03-04T05:01:07Z#ab"}) == a.Accepted(
        "covertype", "2026-03-04T05:01:07Z#ab", NOW
    )
    assert asked(room, {"run": "covertype", "reason": "x"}) == a.Wish("covertype", "manual", "x", NOW)
