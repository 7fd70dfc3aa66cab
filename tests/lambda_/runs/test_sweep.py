"""Quiet against dead: no message in a quiet night, one when a monitor is silent in traffic, one when it is over."""

from __future__ import annotations

from datetime import datetime, timedelta

import boto3
import pytest
from boto3.dynamodb.conditions import Key

from tests.lambda_.runs.conftest import NOON, PREFIX, QUARTER, SCHEDULE, TABLE, Plane

HOUR = timedelta(hours=1)


def judge(plane: Plane, end: datetime, verdict: str | None) -> None:
    """The run of the window that ends then, as it would have ended; None: none was started."""
    if verdict is None:
        return
    if verdict != "no_data":
        plane.capture(f"{end - HOUR:%Y/%m/%d/%H}/05-00.jsonl", end)
    plan = plane.plan(end + QUARTER, owner=f"{end}")
    if verdict != "no_data":
        plane.report(plan, verdict)
    plane.finish(plan)


def live(plane: Plane, hours: list[tuple[float, str | None]]) -> list[str]:
    """Let hours pass, each with its calls and the verdict of its run; subjects of the messages, three sweeps an hour."""
    plane.sweep(NOON - 10 * HOUR)  # deployed long ago
    for number, (calls, _) in enumerate(hours):
        start = NOON + number * HOUR
        if calls:
            plane.calls[start + timedelta(minutes=30)] = calls
        for minute in range(0, 60, 20):
            if minute == 20 and number:
                judge(plane, start, hours[number - 1][1])
            plane.sweep(start + timedelta(minutes=minute))
    return [message["Subject"].split(":")[0] for message in plane.messages]


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ([(100, "ok"), (0, "no_data"), (0, "no_data"), (0, "no_data"), (100, "violated"), (100, "ok"), (1, "ok")], []),
        ([(100, "ok")] + [(100, None)] * 4 + [(100, "ok")] * 3, ["STALE", "OK"]),
        ([(100, "ok")] + [(100, "no_data")] * 4 + [(100, "ok")] * 3, ["STALE", "OK"]),  # capture is lost
        ([(100, "ok")] + [(100, "insufficient_data")] * 4, ["STALE"]),  # the baseline is lost
        ([(100, "ok")] + [(100, "waiting")] * 6, []),
        ([(100, "ok")] + [(100, "error")] * 6, []),  # it pages by itself
        ([(100, "ok")] + [(20, "insufficient_data")] * 6, []),  # too few calls to judge
        ([(100, "ok")] + [(20, None)] * 4, ["STALE"]),  # and yet a run was due
        ([(100, "ok")] + [(20, "no_data")] * 4, ["STALE"]),  # and yet capture should hold them
        ([(100, "ok")] + [(3, "no_data")] * 4, []),
        ([(100, "ok"), (100, None), (100, None), (100, None), (0, None), (0, None), (0, None)], ["STALE"]),
        ([(100, None), (100, "ok")] * 3, []),
    ],
)
def test_people_are_told_once_of_silence_and_once_that_it_is_over(plane: Plane, hours, expected):
    assert live(plane, hours) == expected


def test_silence_is_told_within_two_periods(plane: Plane):
    plane.sweep(NOON - 10 * HOUR)
    for number in range(4):
        plane.calls[NOON + number * HOUR] = 100
    stopped = NOON  # the first window that nobody looks at begins
    told = next(
        now
        for now in (NOON + timedelta(minutes=5 * number) for number in range(100))
        if plane.sweep(now)["stale"] or plane.messages
    )
    assert told - (stopped + HOUR) <= 2 * HOUR


def test_a_message_says_which_hours_and_where_to_look(plane: Plane):
    live(plane, [(100, "ok")] + [(100, None)] * 4)
    (message,) = plane.messages
    assert "2026-03-02 13:00 - 14:00 UTC: 100 calls, no run" in message["Message"]
    assert "schedule is enabled" in message["Message"]
    assert "wait for the account's concurrency" in message["Message"]
    assert message["Subject"] == "STALE: shop-data-quality judges nothing"


CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://data/capture/",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
}
SERVERLESS = {"VariantName": "AllTraffic", "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 2}}


@pytest.mark.parametrize(
    ("configuration", "told"),
    [
        ({"DataCaptureConfig": CAPTURE}, ""),
        ({}, "does not capture: update the endpoint with a configuration that has DataCaptureConfig"),
        ({"DataCaptureConfig": CAPTURE | {"EnableCapture": False}}, "does not capture: update"),
        ({"DataCaptureConfig": CAPTURE | {"InitialSamplingPercentage": 0}}, "samples 0 % of the requests"),
        ({"DataCaptureConfig": CAPTURE | {"CaptureOptions": [{"CaptureMode": "Input"}]}}, "does not capture Output"),
        ({"DataCaptureConfig": CAPTURE | {"DestinationS3Uri": "s3://data/other"}}, "below s3://data/other/shop, and"),
        ({"DataCaptureConfig": CAPTURE, "AsyncInferenceConfig": {"OutputConfig": {}}}, "is asynchronous"),
        ({"DataCaptureConfig": CAPTURE, "ProductionVariants": [SERVERLESS]}, "is serverless"),
    ],
)
def test_an_endpoint_of_which_nothing_is_captured_is_told_by_its_configuration(load, configuration, told):
    whole = {"EndpointConfigName": "c", "ProductionVariants": [{"VariantName": "AllTraffic"}]} | configuration
    fault = load("sweep").decide.capture_fault("shop", whole, "s3://data/capture/shop")
    assert told in fault
    assert bool(fault) is bool(told)
    assert not fault or fault.startswith("Its configuration c ")


def test_silence_of_an_endpoint_that_is_not_there_says_so(plane: Plane):
    live(plane, [(100, "ok")] + [(100, "no_data")] * 4)
    assert "There is no endpoint shop." in plane.messages[0]["Message"]


def test_silence_of_an_endpoint_that_captures_nothing_says_so(plane: Plane):
    sagemaker = boto3.client("sagemaker")
    variant = {"VariantName": "AllTraffic", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_model(ModelName="m", ExecutionRoleArn="arn:aws:iam::123456789012:role/a-role-name")
    sagemaker.create_endpoint_config(EndpointConfigName="plain", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="shop", EndpointConfigName="plain")
    live(plane, [(100, "ok")] + [(100, "no_data")] * 4)
    assert "Its configuration plain does not capture" in plane.messages[0]["Message"]


@pytest.mark.parametrize(("before", "told"), [([(100, "ok")] * 2, []), ([(100, "ok")] + [(100, None)] * 4, ["STALE"])])
def test_a_monitor_that_was_removed_and_comes_back_begins_anew(plane: Plane, before, told):
    assert live(plane, before) == told
    kept = {"causes": ["data_quality: baseline_drift_check"], "since": "2026-03-02T12:00:00Z"}
    table, place = plane.dynamodb.Table(TABLE), {"pk": "told", "sk": SCHEDULE}
    table.put_item(Item={**place, **kept})
    plane.ssm.delete_parameter(Name=f"{PREFIX}/{SCHEDULE}")
    plane.sweep(NOON + 6 * HOUR)
    assert {row["pk"] for row in table.scan()["Items"]} <= {f"run#{SCHEDULE}"}, "its runs stay"
    for number in range(6, 24):  # its endpoint serves on, and nobody looks
        plane.calls[NOON + number * HOUR] = 100
    plane.configure()
    assert plane.sweep(NOON + 24 * HOUR)["stale"] == 0
    assert [message["Subject"].split(":")[0] for message in plane.messages] == told
    for number in range(24, 28):
        plane.calls[NOON + number * HOUR] = 100
    assert plane.sweep(NOON + 28 * HOUR)["stale"] == 1, "what is not looked at now counts as ever"


@pytest.mark.parametrize("partition", ["told", "silence"])
def test_whatever_is_left_of_a_monitor_is_forgotten_through_all_pages(plane: Plane, partition):
    table = plane.dynamodb.Table(TABLE)
    names = [f"gone-{number}" for number in range(4)]
    for name in names:
        table.put_item(Item={"pk": partition, "sk": name, "causes": "x" * 380_000})
    assert "LastEvaluatedKey" in table.query(KeyConditionExpression=Key("pk").eq(partition)), "a page is a megabyte"
    table.put_item(Item={"pk": "told", "sk": SCHEDULE})
    plane.sweep(NOON)
    assert {(row["pk"], row["sk"]) for row in table.scan()["Items"]} == {("told", SCHEDULE), ("silence", SCHEDULE)}


def test_a_run_that_waits_for_an_instance_is_no_silence_until_it_should_have_ended(plane: Plane):
    plane.sweep(NOON - 10 * HOUR)
    for number in range(6):
        plane.calls[NOON + number * HOUR] = 100
        plane.capture(f"{NOON + number * HOUR:%Y/%m/%d/%H}/05-00.jsonl", NOON + (number + 1) * HOUR)
        plane.plan(NOON + (number + 1) * HOUR + QUARTER, owner=str(number))
    assert plane.sweep(NOON + 2 * HOUR + timedelta(minutes=45))["stale"] == 0
    assert plane.sweep(NOON + 5 * HOUR)["stale"] == 1


@pytest.mark.parametrize(("calls", "expected"), [(200, []), (400, ["STALE"])])
def test_sampled_traffic_is_counted_as_it_is_captured(plane: Plane, calls, expected):
    plane.configure(sampling_percentage=10)
    assert live(plane, [(calls, "ok")] + [(calls, "insufficient_data")] * 4) == expected


def test_how_many_monitors_are_silent_is_a_metric(plane: Plane):
    live(plane, [(100, "ok")] + [(100, None)] * 4)
    assert plane.points[-1]["MetricName"] == "stale_monitors"
    assert plane.points[-1]["Value"] == 1


def test_one_monitor_that_cannot_be_looked_at_does_not_hide_the_others(plane: Plane, monkeypatch):
    plane.configure(variants=7)  # no list
    with pytest.raises(Exception, match="shop-data-quality"):
        live(plane, [(100, "ok")] * 4)
    assert plane.points[-1]["MetricName"] == "stale_monitors"
