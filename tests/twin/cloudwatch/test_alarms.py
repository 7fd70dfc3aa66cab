from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from twin import Twin
from twin.api import ApiError
from twin.cloudwatch.alarm_settings import check

DIMENSIONS = [{"Name": "Endpoint", "Value": "covertype"}]
SETTINGS: dict[str, Any] = {
    "AlarmName": "drift",
    "Namespace": "n",
    "MetricName": "drift_max",
    "Dimensions": DIMENSIONS,
    "Statistic": "Maximum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 0.2,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def put(twin: Twin, value: float, name: str = "drift_max", time: datetime | None = None) -> None:
    data = {"MetricName": name, "Dimensions": DIMENSIONS, "Value": value, "Timestamp": time or twin.clock.now()}
    twin.client("cloudwatch").put_metric_data(Namespace="n", MetricData=[data])


def state(twin: Twin, name: str = "drift") -> str:
    kinds = ["MetricAlarm", "CompositeAlarm"]
    found = twin.client("cloudwatch").describe_alarms(AlarmNames=[name], AlarmTypes=kinds)
    return str((found["MetricAlarms"] + found["CompositeAlarms"])[0]["StateValue"])


def alarm(twin: Twin, **settings: Any) -> None:
    twin.client("cloudwatch").put_metric_alarm(**{**SETTINGS, **settings})


@pytest.fixture
def inbox(twin: Twin) -> Any:
    """A topic with a queue behind it: (topic ARN, function that empties the queue)."""
    topic = twin.client("sns").create_topic(Name="pages")["TopicArn"]
    queue = twin.client("sqs").create_queue(QueueName="inbox")["QueueUrl"]
    twin.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:eu-west-1:{twin.account}:inbox")

    def read() -> list[dict[str, Any]]:
        messages = twin.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in messages]

    return topic, read


@pytest.mark.usefixtures("bus")
def test_a_new_alarm_knows_nothing_until_it_is_evaluated(twin: Twin) -> None:
    alarm(twin)
    before = state(twin)
    twin.advance(MINUTE)
    assert (before, state(twin)) == ("INSUFFICIENT_DATA", "OK")


def test_a_breach_reaches_the_topic_once_with_the_message_of_the_service(twin: Twin, bus: Any, inbox: Any) -> None:
    topic, read = inbox
    alarm(twin, AlarmActions=[topic], AlarmDescription="drift of covertype")
    twin.advance(MINUTE)
    put(twin, 0.5)
    twin.advance(5 * MINUTE)
    (envelope,) = read()
    message = json.loads(envelope["Message"])
    assert envelope["Subject"] == 'ALARM: "drift" in EU (Ireland)'
    assert {key: message[key] for key in ("AlarmName", "AlarmDescription", "AWSAccountId", "Region")} == {
        "AlarmName": "drift",
        "AlarmDescription": "drift of covertype",
        "AWSAccountId": "123456789012",
        "Region": "EU (Ireland)",
    }
    assert (message["OldStateValue"], message["NewStateValue"]) == ("OK", "ALARM")
    assert message["StateChangeTime"] == "2026-03-02T00:02:00.000+0000"
    assert message["AlarmArn"] == "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:drift"
    assert message["AlarmActions"] == [topic]
    assert (
        "1 out of the last 1 datapoints [0.5 (02/03/26 00:01:00)] was greater than the threshold (0.2)"
        in (message["NewStateReason"])
    )
    assert message["Trigger"] == {
        "MetricName": "drift_max",
        "Namespace": "n",
        "StatisticType": "Statistic",
        "Statistic": "MAXIMUM",
        "Unit": None,
        "Dimensions": [{"value": "covertype", "name": "Endpoint"}],
        "Period": 60,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 0.2,
        "TreatMissingData": "notBreaching",
        "EvaluateLowSampleCountPercentile": "",
    }
    moves = [(e["previousState"]["value"], e["state"]["value"]) for e in bus.of("CloudWatch Alarm State Change")]
    assert moves == [("INSUFFICIENT_DATA", "OK"), ("OK", "ALARM"), ("ALARM", "OK")]


@pytest.mark.usefixtures("bus")
def test_two_of_three_datapoints_are_needed_when_so_configured(twin: Twin) -> None:
    alarm(twin, EvaluationPeriods=3, DatapointsToAlarm=2)
    states = []
    for value in (0.5, 0.1, 0.5, 0.1, 0.1):
        put(twin, value)
        twin.advance(MINUTE)
        states.append(state(twin))
    assert states == ["OK", "OK", "ALARM", "OK", "OK"]


@pytest.mark.usefixtures("bus")
def test_an_hourly_value_is_seen_however_late_in_the_hour_it_arrives(twin: Twin) -> None:
    alarm(twin, Period=3600)
    twin.advance(HOUR + 19 * MINUTE)
    put(twin, 0.9, time=twin.clock.now().replace(minute=0))
    twin.advance(MINUTE)
    assert state(twin) == "ALARM"


@pytest.mark.usefixtures("bus")
def test_a_value_older_than_the_evaluation_range_is_not_seen(twin: Twin) -> None:
    alarm(twin, Period=3600)
    twin.advance(6 * HOUR)
    put(twin, 0.9, time=twin.clock.now() - 3 * HOUR)
    twin.advance(5 * MINUTE)
    assert state(twin) == "OK"


@pytest.mark.usefixtures("bus")
def test_a_value_more_than_a_day_old_cannot_be_read_for_two_days(twin: Twin) -> None:
    twin.advance(30 * HOUR)
    old = twin.clock.now() - 25 * HOUR
    put(twin, 1.0, time=old)

    def read() -> list[Any]:
        found = twin.client("cloudwatch").get_metric_statistics(
            Namespace="n",
            MetricName="drift_max",
            Dimensions=DIMENSIONS,
            StartTime=old.replace(minute=0),
            EndTime=old + HOUR,
            Period=3600,
            Statistics=["Sum"],
        )
        return list(found["Datapoints"])

    before = read()
    twin.clock.advance(48 * HOUR)
    assert (before, [point["Sum"] for point in read()]) == ([], [1.0])


@pytest.mark.usefixtures("bus")
def test_a_metric_is_the_one_with_exactly_the_same_dimensions(twin: Twin) -> None:
    alarm(twin, Dimensions=[*DIMENSIONS, {"Name": "MonitoringSchedule", "Value": "s"}])
    put(twin, 0.9)
    twin.advance(MINUTE)
    assert state(twin) == "OK"


@pytest.mark.usefixtures("bus")
def test_a_percentile_is_taken_over_single_values(twin: Twin) -> None:
    settings = {key: value for key, value in SETTINGS.items() if key != "Statistic"}
    twin.client("cloudwatch").put_metric_alarm(**{**settings, "ExtendedStatistic": "p90", "Threshold": 9.0})
    states = []
    for values in (range(10), range(11)):  # p90 between 8 and 9, then exactly 9
        data = {"MetricName": "drift_max", "Dimensions": DIMENSIONS, "Values": [float(v) for v in values]}
        twin.client("cloudwatch").put_metric_data(Namespace="n", MetricData=[data])
        twin.advance(MINUTE)
        states.append(state(twin))
    put(twin, 40.0)
    twin.advance(MINUTE)
    assert (states, state(twin)) == (["OK", "OK"], "ALARM")


@pytest.mark.usefixtures("bus")
def test_traffic_without_a_verdict_is_stale_and_silence_is_not(twin: Twin) -> None:
    def stat(name: str) -> dict[str, Any]:
        return {
            "Metric": {"Namespace": "n", "MetricName": name, "Dimensions": DIMENSIONS},
            "Period": 3600,
            "Stat": "Sum",
        }

    queries = [
        {"Id": "stale", "Expression": "IF(FILL(calls, 0) > 0 AND FILL(ok, 0) < 1, 1, 0)", "ReturnData": True},
        {"Id": "calls", "MetricStat": stat("calls"), "ReturnData": False},
        {"Id": "ok", "MetricStat": stat("ok"), "ReturnData": False},
    ]
    settings = {key: SETTINGS[key] for key in ("AlarmName", "TreatMissingData", "ComparisonOperator")}
    twin.client("cloudwatch").put_metric_alarm(**settings, Metrics=queries, EvaluationPeriods=2, Threshold=0.5)
    states = []
    for calls, verdicts in ((0, 0), (5, 1), (5, 0), (5, 0), (0, 0)):
        if calls:
            put(twin, calls, "calls")
        if verdicts:
            put(twin, verdicts, "ok")
        twin.advance(HOUR)
        states.append(state(twin))
    assert states == ["OK", "OK", "OK", "ALARM", "OK"]


@pytest.mark.usefixtures("bus")
def test_a_composite_follows_its_children_in_the_same_minute(twin: Twin, inbox: Any) -> None:
    topic, read = inbox
    alarm(twin, AlarmName="a")
    alarm(twin, AlarmName="b", MetricName="other")
    cloudwatch = twin.client("cloudwatch")
    cloudwatch.put_composite_alarm(AlarmName="inner", AlarmRule="ALARM(a) AND NOT ALARM(b)")
    cloudwatch.put_composite_alarm(AlarmName="outer", AlarmRule='ALARM("inner")', AlarmActions=[topic])
    twin.advance(MINUTE)
    put(twin, 0.9)
    twin.advance(MINUTE)
    (envelope,) = read()
    message = json.loads(envelope["Message"])
    assert (state(twin, "inner"), state(twin, "outer")) == ("ALARM", "ALARM")
    assert message["AlarmRule"] == 'ALARM("inner")'
    assert [child["Arn"].rsplit(":", 1)[-1] for child in message["TriggeringChildren"]] == ["inner"]
    assert "Trigger" not in message


def suppressed(twin: Twin, topic: str) -> None:
    """A composite over the alarm `a` that waits for `updating`: two minutes, and three after it."""
    alarm(twin, AlarmName="a")
    alarm(twin, AlarmName="updating", MetricName="updating")
    twin.client("cloudwatch").put_composite_alarm(
        AlarmName="page",
        AlarmRule="ALARM(a)",
        AlarmActions=[topic],
        ActionsSuppressor="updating",
        ActionsSuppressorWaitPeriod=120,
        ActionsSuppressorExtensionPeriod=180,
    )
    twin.advance(MINUTE)


@pytest.mark.usefixtures("bus")
def test_a_page_waits_for_its_suppressor_no_longer_than_it_says(twin: Twin, inbox: Any) -> None:
    topic, read = inbox
    suppressed(twin, topic)
    pages = []
    for _ in range(4):
        put(twin, 0.9)
        twin.advance(MINUTE)
        pages.append(len(read()))
    assert (sum(pages), pages[0]) == (1, 0)


@pytest.mark.usefixtures("bus")
@pytest.mark.parametrize(("lasting", "told"), [(2, 0), (9, 1)])
def test_a_page_is_told_only_when_its_cause_outlasts_the_suppressor(twin: Twin, inbox: Any, lasting, told) -> None:
    topic, read = inbox
    suppressed(twin, topic)
    pages = 0
    for minute in range(12):
        if minute < lasting:
            put(twin, 0.9)
        if minute < 3:
            put(twin, 0.9, name="updating")
        twin.advance(MINUTE)
        pages += len(read())
        assert not (pages and minute < 5), "the extension had not ended"
    assert pages == told


@pytest.mark.usefixtures("bus")
def test_a_state_set_by_hand_acts_and_lasts_until_the_next_evaluation(twin: Twin, inbox: Any) -> None:
    topic, read = inbox
    alarm(twin, AlarmActions=[topic])
    twin.advance(MINUTE)
    twin.client("cloudwatch").set_alarm_state(AlarmName="drift", StateValue="ALARM", StateReason="a drill")
    set_to, received = state(twin), read()
    twin.advance(MINUTE)
    assert (set_to, state(twin)) == ("ALARM", "OK")
    assert json.loads(received[0]["Message"])["NewStateReason"] == "a drill"


@pytest.mark.usefixtures("bus")
def test_an_alarm_whose_actions_are_disabled_changes_state_in_silence(twin: Twin, inbox: Any) -> None:
    topic, read = inbox
    alarm(twin, AlarmActions=[topic])
    twin.client("cloudwatch").disable_alarm_actions(AlarmNames=["drift"])
    put(twin, 0.9)
    twin.advance(MINUTE)
    assert (state(twin), read()) == ("ALARM", [])


@pytest.mark.usefixtures("bus")
def test_an_alarm_put_again_keeps_its_state_and_its_history_tells_the_story(twin: Twin, inbox: Any) -> None:
    topic, _ = inbox
    alarm(twin, AlarmActions=[topic])
    put(twin, 0.9)
    twin.advance(MINUTE)
    alarm(twin, AlarmActions=[topic], Threshold=0.3)
    items = twin.client("cloudwatch").describe_alarm_history(AlarmName="drift", ScanBy="TimestampAscending")
    kinds = [item["HistoryItemType"] for item in items["AlarmHistoryItems"]]
    assert state(twin) == "ALARM"
    assert kinds == ["ConfigurationUpdate", "StateUpdate", "Action", "ConfigurationUpdate"]


@pytest.mark.usefixtures("bus")
def test_a_history_comes_in_pages(twin: Twin) -> None:
    for _ in range(5):
        alarm(twin)
    pages = twin.client("cloudwatch").get_paginator("describe_alarm_history")
    found = [len(page["AlarmHistoryItems"]) for page in pages.paginate(PaginationConfig={"PageSize": 2})]
    assert found == [2, 2, 1]


@pytest.mark.usefixtures("bus")
def test_a_function_is_invoked_with_the_event_of_an_alarm(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    invoked: list[dict[str, Any]] = []

    class Functions:
        def invoke(self, **arguments: Any) -> None:
            invoked.append(arguments)

    original = twin.client
    monkeypatch.setattr(twin, "client", lambda name, *rest: Functions() if name == "lambda" else original(name, *rest))
    function = "arn:aws:lambda:eu-west-1:123456789012:function:retrain"
    alarm(twin, AlarmActions=[function])
    put(twin, 0.9)
    twin.advance(MINUTE)
    (call,) = invoked
    event = json.loads(call["Payload"])
    assert (call["FunctionName"], event["source"], event["alarmData"]["state"]["value"]) == (
        function,
        "aws.cloudwatch",
        "ALARM",
    )
    (metric,) = event["alarmData"]["configuration"]["metrics"]
    assert metric["metricStat"]["metric"]["dimensions"] == {"Endpoint": "covertype"}


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "anomaly detection"),
        ({"DatapointsToAlarm": 2}, "must not be greater than EvaluationPeriods"),
        ({"Period": 30}, "evaluated every minute"),
        ({"Period": 3600, "EvaluationPeriods": 200}, "at most 604800"),
        ({"AlarmActions": ["arn:aws:automate:eu-west-1:ec2:stop"]}, "only SNS topics and Lambda functions"),
        ({"EvaluationWindow": {"WallClockWindow": {}}}, "not in the twin"),
        ({"Statistic": None, "ExtendedStatistic": "tm90"}, "statistic tm90 is not in the twin"),
    ],
)
def test_what_the_twin_would_not_honour_is_refused_when_the_alarm_is_put(
    settings: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ApiError, match=complaint):
        check({key: value for key, value in {**SETTINGS, **settings}.items() if value is not None})


def test_an_unknown_function_of_metric_math_is_refused_when_the_alarm_is_put(twin: Twin) -> None:
    query = {"Id": "e", "Expression": "ANOMALY_DETECTION_BAND(m, 2)", "Period": 60}
    with pytest.raises(ClientError, match="ANOMALY_DETECTION_BAND is not supported"):
        twin.client("cloudwatch").put_metric_alarm(
            AlarmName="x", Metrics=[query], EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold"
        )


def test_a_composite_over_an_unknown_alarm_is_refused(twin: Twin) -> None:
    with pytest.raises(ClientError, match="do not exist: nothing"):
        twin.client("cloudwatch").put_composite_alarm(AlarmName="c", AlarmRule="ALARM(nothing)")


@pytest.mark.usefixtures("bus")
def test_metric_math_answers_get_metric_data(twin: Twin) -> None:
    start = twin.clock.now()
    put(twin, 2.0)
    twin.advance(MINUTE)
    put(twin, 3.0)
    stat = {
        "Metric": {"Namespace": "n", "MetricName": "drift_max", "Dimensions": DIMENSIONS},
        "Period": 60,
        "Stat": "Sum",
    }
    found = twin.client("cloudwatch").get_metric_data(
        StartTime=start,
        EndTime=start + 2 * MINUTE,
        MetricDataQueries=[{"Id": "m", "MetricStat": stat, "ReturnData": False}, {"Id": "e", "Expression": "m * 10"}],
        ScanBy="TimestampAscending",
    )
    (result,) = found["MetricDataResults"]
    assert (result["Id"], result["Values"]) == ("e", [20.0, 30.0])


def test_metrics_are_listed_by_namespace_name_and_some_of_their_dimensions(twin: Twin) -> None:
    put(twin, 1.0)
    put(twin, 1.0, "other")
    cloudwatch = twin.client("cloudwatch")
    named = cloudwatch.list_metrics(Namespace="n", MetricName="other")["Metrics"]
    by_dimension = cloudwatch.list_metrics(Dimensions=[{"Name": "Endpoint"}])["Metrics"]
    elsewhere = cloudwatch.list_metrics(Dimensions=[{"Name": "Endpoint", "Value": "another"}])["Metrics"]
    assert named == [{"Namespace": "n", "MetricName": "other", "Dimensions": DIMENSIONS}]
    assert ([m["MetricName"] for m in by_dimension], elsewhere) == (["drift_max", "other"], [])


def test_an_alarm_is_tagged(twin: Twin) -> None:
    alarm(twin, Tags=[{"Key": "a", "Value": "1"}])
    cloudwatch = twin.client("cloudwatch")
    arn = cloudwatch.describe_alarms()["MetricAlarms"][0]["AlarmArn"]
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}])
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]


def test_a_timestamp_out_of_bounds_is_refused(twin: Twin) -> None:
    with pytest.raises(ClientError, match="two weeks before and two hours after"):
        put(twin, 1.0, time=twin.clock.now() + 3 * HOUR)
