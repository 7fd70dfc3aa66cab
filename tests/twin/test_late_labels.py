"""Labels that come weeks later: the real container on the virtual clock, CloudWatch's age rules enforced.

A schedule with a daily window, a model with a true accuracy of 0.60 against a threshold of 0.80. Nothing but the service's
own parts: capture and labels in S3, a MonitoringSchedule, PutMetricData by the job, one alarm.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sklearn.metrics import accuracy_score, f1_score

from tests.twin.accounts import capture_below, definition, furnished, make_endpoint, put
from twin import Twin

pytestmark = pytest.mark.slow
ENDPOINT, SCHEDULE = "churn", "churn-model-quality"
START = datetime(2026, 3, 2, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
EVENTS, PER_EVENT = 50, 4
LABELLED = 160  # of 200: a coverage of 0.8 exactly
RIGHT = 96  # of 160
NAMESPACE = "Quality"
DIMENSIONS = [{"Name": "Endpoint", "Value": ENDPOINT}, {"Name": "MonitoringSchedule", "Value": SCHEDULE}]


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    """An account with an endpoint that captures; requests themselves are not made, their capture is put where it belongs."""
    with furnished(tmp_path, start=START) as running:
        make_endpoint(running, ENDPOINT, capture_below("s3://bucket/capture"))
        yield running


def put_lines(twin: Twin, key: str, lines: list[dict[str, Any]]) -> None:
    put(twin, key, "".join(json.dumps(line) + "\n" for line in lines).encode())


def serve(twin: Twin, day: int) -> list[int]:
    """A day's traffic at six in the morning, as the endpoint captures it; what the model said of each record."""
    chance = random.Random(day)
    at, said, lines = START + day * DAY + 6 * HOUR, [], []
    for number in range(EVENTS):
        answers = [{"payload_index": i, "label": chance.randrange(2)} for i in range(PER_EVENT)]
        said += [answer["label"] for answer in answers]
        asked = [{"tenure": chance.randrange(70)} for _ in answers]
        sides = {
            name: {
                "observedContentType": "application/json",
                "mode": mode,
                "encoding": "JSON",
                "data": json.dumps(data),
            }
            for name, mode, data in (("endpointInput", "INPUT", asked), ("endpointOutput", "OUTPUT", answers))
        }
        metadata = {"eventId": f"{day}-{number}", "inferenceTime": f"{at + number * MINUTE:%Y-%m-%dT%H:%M:%SZ}"}
        lines.append({"captureData": sides, "eventMetadata": metadata, "eventVersion": "0"})
    put_lines(twin, f"capture/{ENDPOINT}/v/{at:%Y/%m/%d/%H}/00-00-000-x.jsonl", lines)
    return said


def tell(twin: Twin, day: int, said: list[int], collected: datetime) -> list[int | None]:
    """Ground truth of some records of a day, in the hour in which it was collected; the truth as far as it is known."""
    places = random.Random(1).sample(range(len(said)), LABELLED)
    truth: list[int | None] = [None] * len(said)
    for number, place in enumerate(places):
        truth[place] = said[place] if number < RIGHT else 1 - said[place]
    lines = [
        {
            "groundTruthData": {"data": str(label), "encoding": "CSV"},
            "eventMetadata": {"eventId": f"{day}-{place // PER_EVENT}", "payload_index": place % PER_EVENT},
            "eventVersion": "0",
        }
        for place, label in enumerate(truth)
        if label is not None
    ]
    put_lines(twin, f"truth/{collected:%Y/%m/%d/%H}/labels.jsonl", lines)
    return truth


def watch(twin: Twin, delay_days: int) -> None:
    """The daily schedule at midnight, and an alarm on accuracy below 0.8."""
    settings = {
        "version": 1,
        "payload": {"features": ["tenure"], "output": {"prediction": "label", "payload_index": "payload_index"}},
        "monitors": {
            "model_quality": {
                "problem_type": "binary",
                "label_delay": f"P{delay_days}D",
                "min_coverage": 0.8,
                "label_horizon": f"P{delay_days + 7}D",
                "thresholds": {"accuracy": 0.8},
            }
        },
        "metrics": {"route": "put", "namespace": NAMESPACE},
    }
    environment = {
        "monitor_config": put(twin, "monitor.json", json.dumps(settings).encode()),
        "publish_cloudwatch_metrics": "Enabled",
        "ground_truth_s3_uri_path": "s3://bucket/truth",
        "monitor_history": f"s3://bucket/history/{SCHEDULE}",
    }
    twin.client("sagemaker").create_monitoring_schedule(
        MonitoringScheduleName=SCHEDULE,
        MonitoringScheduleConfig={
            "ScheduleConfig": {"ScheduleExpression": "cron(0 0 ? * * *)"},
            "MonitoringJobDefinition": definition(ENDPOINT, "s3://bucket/reports", environment),
        },
    )
    twin.client("cloudwatch").put_metric_alarm(
        AlarmName="accuracy",
        Namespace=NAMESPACE,
        MetricName="accuracy",
        Dimensions=DIMENSIONS,
        Statistic="Average",
        Period=3600,
        EvaluationPeriods=1,
        Threshold=0.8,
        ComparisonOperator="LessThanThreshold",
        TreatMissingData="notBreaching",
    )


def published(twin: Twin, metric: str) -> list[tuple[datetime, float, float]]:
    """(period, number of points, mean) of every hour that has any."""
    now = twin.clock.now()
    found = []
    for first in range(0, (now - START).days + 1, 30):
        span = {"StartTime": START + first * DAY, "EndTime": min(START + (first + 30) * DAY, now + HOUR)}
        statistics = twin.client("cloudwatch").get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=metric,
            Dimensions=DIMENSIONS,
            Period=3600,
            Statistics=["SampleCount", "Average"],
            **span,
        )["Datapoints"]
        found += [(point["Timestamp"], point["SampleCount"], point["Average"]) for point in statistics]
    return sorted(found)


def last_report(twin: Twin, day: int) -> dict[str, Any]:
    at = START + day * DAY
    key = f"reports/{ENDPOINT}/{SCHEDULE}/{at:%Y/%m/%d/%H}/report.json"
    content: dict[str, Any] = json.loads(twin.client("s3").get_object(Bucket="bucket", Key=key)["Body"].read())
    return content


def rerun(twin: Twin, number: int, name: str) -> dict[str, Any]:
    """One of the schedule's jobs once more, by hand."""
    sagemaker = twin.client("sagemaker")
    found = sagemaker.list_monitoring_executions(MonitoringScheduleName=SCHEDULE, SortOrder="Ascending")
    ran = [each for each in found["MonitoringExecutionSummaries"] if "ProcessingJobArn" in each]
    job = sagemaker.describe_processing_job(ProcessingJobName=ran[number]["ProcessingJobArn"].rpartition("/")[2])
    wanted = (
        "RoleArn", "AppSpecification", "Environment", "ProcessingInputs", "ProcessingOutputConfig",
        "ProcessingResources", "StoppingCondition",
    )  # fmt: skip
    sagemaker.create_processing_job(ProcessingJobName=name, **{key: job[key] for key in wanted})
    twin.advance(2 * MINUTE)
    done: dict[str, Any] = sagemaker.describe_processing_job(ProcessingJobName=name)
    assert done["ProcessingJobStatus"] == "Completed", done.get("FailureReason")
    return done


def test_late_labels_become_one_data_point_and_one_alarm_when_they_are_due(twin: Twin) -> None:
    delay = 16  # days: longer than the two weeks that CloudWatch takes values back
    watch(twin, delay)
    traffic = sorted({0, 3, delay - 1, delay, delay + 1})  # the window of a day ends, and is run, at the next midnight
    due = delay + 1
    said: list[int] = []
    truth: list[int | None] = []
    for day in range(due + 2):
        if day in traffic:
            answers = serve(twin, day)
            said = said or answers
        if day == delay - 2:
            truth = tell(twin, 0, said, START + day * DAY)
        twin.advance_to(START + (day + 1) * DAY + 30 * MINUTE)
        if day + 1 < due:
            assert published(twin, "accuracy") == []
            if day in traffic:
                assert last_report(twin, day + 1)["verdict"] == "waiting"

    pairs = [(t, s) for t, s in zip(truth, said, strict=True) if t is not None]
    true, predicted = zip(*pairs, strict=True)
    ((when, count, accuracy),) = published(twin, "accuracy")
    assert (when, count) == (START + due * DAY, 1.0)
    assert accuracy == accuracy_score(true, predicted) == 0.6
    ((_, _, f1),) = published(twin, "f1")
    assert f1 == pytest.approx(f1_score(true, predicted), abs=1e-12)
    assert [point[1:] for point in published(twin, "label_coverage")] == [(1.0, 0.8)]
    report = last_report(twin, due)
    (entry,) = report["late"]
    assert (entry["window"]["start"], entry["verdict"]) == (f"{START:%Y-%m-%dT%H:%M:%SZ}", "violated")
    assert report["verdict"] == "violated"
    assert last_report(twin, due + 1)["late"] == []

    def transitions() -> list[str]:
        history = twin.client("cloudwatch").describe_alarm_history(
            AlarmName="accuracy", HistoryItemType="StateUpdate", ScanBy="TimestampAscending"
        )["AlarmHistoryItems"]
        return [json.loads(item["HistoryData"])["newState"]["stateValue"] for item in history]

    assert transitions().count("ALARM") == 1
    executions = twin.client("sagemaker").list_monitoring_executions(
        MonitoringScheduleName=SCHEDULE, SortOrder="Ascending"
    )["MonitoringExecutionSummaries"]
    violated = [e["ScheduledTime"] for e in executions if e["MonitoringExecutionStatus"] == "CompletedWithViolations"]
    assert violated == [START + due * DAY]

    before = published(twin, "accuracy")
    rerun(twin, traffic.index(delay), "the-run-that-scored")
    rerun(twin, 0, "the-run-that-waited")
    twin.advance(2 * HOUR)
    assert published(twin, "accuracy") == before
    assert transitions().count("ALARM") == 1


def test_cloudwatch_would_have_refused_the_score_at_its_windows_own_time(twin: Twin) -> None:
    twin.advance_to(START + 15 * DAY)
    point = {"MetricName": "accuracy", "Dimensions": DIMENSIONS, "Timestamp": START + HOUR, "Value": 0.6}
    with pytest.raises(ClientError, match="within two weeks before"):
        twin.client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=[point])
