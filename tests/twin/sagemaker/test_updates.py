"""Deployments of endpoints on the virtual clock: traffic shifts, alarms take it back, capture and service go on."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.accounts import VARIANT, allow_everything, archive, capture_below, make_buckets
from tests.twin.conftest import RememberingBus
from twin import Twin

MINUTE = timedelta(minutes=1)
ROLE = "arn:aws:iam::123456789012:role/endpoint"
ENDPOINT = "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/e"
STATE = "SageMaker Endpoint State Change"
DEPLOYMENT = "SageMaker Endpoint Deployment State Change"
SCRIPT = """
from pathlib import Path
def model_fn(directory): return Path(directory, "name.txt").read_text()
def input_fn(body, content_type): return body.decode()
def predict_fn(data, model):
    if data == model: raise ValueError("refused")
    return model
def output_fn(prediction, accept): return prediction, accept
"""


def configuration(twin: Twin, name: str, role: str = ROLE) -> None:
    """Model `name`, which answers its name and fails on it, and configuration `name` with four instances of it."""
    body, sagemaker = archive({"name.txt": name, "code/inference.py": SCRIPT}), twin.client("sagemaker")
    twin.client("s3").put_object(Bucket="bucket", Key=f"{name}.tar.gz", Body=body)
    container = {"Image": "i", "ModelDataUrl": f"s3://bucket/{name}.tar.gz"}
    sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role)
    variant = {**VARIANT, "ModelName": name, "InitialInstanceCount": 4}
    capture = capture_below("s3://bucket/capture", CaptureContentTypeHeader={"CsvContentTypes": ["text/csv"]})
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], DataCaptureConfig=capture)


@pytest.fixture
def endpoint(twin: Twin) -> str:
    """Endpoint `e` of configuration `old`; configuration `new` is there, too, and alarm `errors` on failed requests."""
    make_buckets(twin, "bucket")
    for name in ("old", "new"):
        configuration(twin, name)
    twin.client("sagemaker").create_endpoint(EndpointName="e", EndpointConfigName="old")
    return "e"


def alarm(twin: Twin, *dimensions: tuple[str, str]) -> None:
    twin.client("cloudwatch").put_metric_alarm(
        AlarmName="errors",
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=[
            {"Name": name, "Value": value} for name, value in (("EndpointName", "e"), ("VariantName", "v"), *dimensions)
        ],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )


def canary(*alarms: str, size: int = 25, wait: int = 300, termination: int = 120) -> dict[str, Any]:
    traffic = {
        "Type": "CANARY",
        "WaitIntervalInSeconds": wait,
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": size},
    }
    policy = {"TrafficRoutingConfiguration": traffic, "TerminationWaitInSeconds": termination}
    rollback = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarms]}} if alarms else {}
    return {"BlueGreenUpdatePolicy": policy, **rollback}


def update(twin: Twin, config: str = "new", **more: Any) -> None:
    twin.client("sagemaker").update_endpoint(EndpointName="e", EndpointConfigName=config, **more)


def described(twin: Twin) -> dict[str, Any]:
    return dict(twin.client("sagemaker").describe_endpoint(EndpointName="e"))


def invoke(twin: Twin, body: str = "1") -> str:
    runtime = twin.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName="e", ContentType="text/csv", Accept="text/csv", Body=body)
    return str(answer["Body"].read().decode())


def answers(twin: Twin, count: int = 24) -> Counter[str]:
    return Counter(invoke(twin) for _ in range(count))


@pytest.mark.usefixtures("endpoint")
def test_a_canary_answers_its_share_then_everything_while_capture_goes_on(twin: Twin, bus: RememberingBus) -> None:
    update(twin, DeploymentConfig=canary())
    found = described(twin)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("Updating", "old")
    pending = found["PendingDeploymentSummary"]
    (variant,) = pending["ProductionVariants"]
    assert (pending["EndpointConfigName"], pending["StartTime"]) == ("new", twin.clock.now())
    assert variant["VariantStatus"][0]["Status"] == "Baking"
    assert variant["VariantStatus"][0]["StatusMessage"] == (
        "Baking for 300 seconds (WaitIntervalInSeconds) with traffic enabled on canary capacity of 1 instance(s)."
    )
    assert 2 <= answers(twin)["new"] <= 12  # of 24, a quarter
    twin.advance(4 * MINUTE)
    assert answers(twin, 12)["old"] > 0
    twin.advance(MINUTE)
    assert answers(twin, 4) == {"new": 4}
    assert (described(twin)["EndpointStatus"], described(twin)["EndpointConfigName"]) == ("Updating", "old")
    twin.advance(2 * MINUTE)
    found = described(twin)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "new")
    assert "PendingDeploymentSummary" not in found
    assert "FailureReason" not in found
    assert found["LastDeploymentConfig"] == canary()
    assert "VariantStatus" not in found["ProductionVariants"][0]

    keys = [item["Key"] for item in twin.client("s3").list_objects_v2(Bucket="bucket", Prefix="capture/")["Contents"]]
    assert {key.rpartition("/")[0] for key in keys} == {"capture/e/v/2026/03/02/00"}
    lines = [line for key in keys for line in _lines(twin, key)]
    captured = Counter(line["captureData"]["endpointOutput"]["data"] for line in lines)
    assert (captured.total(), set(captured)) == (40, {"old", "new"})

    states = [(detail["EndpointStatus"], detail["EndpointConfigName"]) for detail in bus.of(STATE)]
    assert states == [("UPDATING", "old"), ("IN_SERVICE", "new")]
    stages = [
        variant["VariantStatus"][0]["Status"]
        for detail in bus.of(DEPLOYMENT)
        for variant in [*detail["PendingDeploymentSummary"]["ProductionVariants"], *detail["ProductionVariants"]]
        if "VariantStatus" in variant
    ]
    assert stages == ["Creating", *["ActivatingTraffic", "Baking"] * 2, "Deleting"]
    json.dumps(bus.of(DEPLOYMENT))  # an event is JSON


def _lines(twin: Twin, key: str) -> list[dict[str, Any]]:
    body = twin.client("s3").get_object(Bucket="bucket", Key=key)["Body"].read()
    return [json.loads(line) for line in body.splitlines()]


def _ask_the_canary(twin: Twin) -> None:
    """Requests on which the new model alone fails."""
    for _ in range(50):
        invoke(twin, "new")


@pytest.mark.usefixtures("endpoint")
def test_an_alarm_takes_the_canary_back(twin: Twin, bus: RememberingBus) -> None:
    alarm(twin, ("EndpointConfigName", "new"))
    twin.advance(MINUTE)
    update(twin, DeploymentConfig=canary("errors"))
    twin.advance(MINUTE)
    assert described(twin)["EndpointStatus"] == "Updating"
    with pytest.raises(ClientError, match="refused"):
        _ask_the_canary(twin)
    twin.advance(MINUTE)
    assert described(twin)["EndpointStatus"] == "RollingBack"
    assert answers(twin, 8) == {"old": 8}
    twin.advance(MINUTE)
    found = described(twin)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "old")
    assert found["FailureReason"] == (
        "One or more auto-rollback alarms are in ALARM state: errors. The endpoint was rolled back."
    )
    assert "PendingDeploymentSummary" not in found
    assert [detail["EndpointStatus"] for detail in bus.of(STATE)] == ["UPDATING", "ROLLING_BACK", "IN_SERVICE"]
    assert bus.of(STATE)[-1]["FailureReason"] == found["FailureReason"]
    twin.advance(MINUTE)
    update(twin)  # all at once, and the reason is past
    assert "FailureReason" not in described(twin)
    assert answers(twin, 4) == {"new": 4}


@pytest.mark.usefixtures("endpoint", "bus")
def test_an_alarm_during_the_last_wait_takes_everything_back(twin: Twin) -> None:
    alarm(twin)
    traffic = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    policy = {"TrafficRoutingConfiguration": traffic, "TerminationWaitInSeconds": 600}
    rollback = {"Alarms": [{"AlarmName": "errors"}]}
    update(twin, DeploymentConfig={"BlueGreenUpdatePolicy": policy, "AutoRollbackConfiguration": rollback})
    assert answers(twin, 4) == {"new": 4}
    twin.advance(9 * MINUTE)
    twin.client("cloudwatch").set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="by hand")
    with pytest.raises(ClientError, match="refused"):
        invoke(twin, "new")
    twin.advance(MINUTE)
    assert answers(twin, 8) == {"old": 8}
    twin.advance(MINUTE)
    assert described(twin)["EndpointConfigName"] == "old"


@pytest.mark.usefixtures("endpoint")
def test_a_fleet_whose_model_cannot_load_is_never_asked(twin: Twin, bus: RememberingBus) -> None:
    configuration(twin, "broken")
    twin.client("s3").put_object(Bucket="bucket", Key="broken.tar.gz", Body=archive({"code/inference.py": SCRIPT}))
    update(twin, "broken", DeploymentConfig=canary(size=50))
    assert described(twin)["EndpointStatus"] == "RollingBack"
    assert answers(twin, 6) == {"old": 6}
    twin.advance(MINUTE)
    found = described(twin)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "old")
    assert "production variant v did not pass the ping health check" in found["FailureReason"]
    assert "name.txt" in "".join(entry.text for entry in twin.journal.of("endpoint"))
    assert [detail["EndpointStatus"] for detail in bus.of(STATE)] == ["UPDATING", "ROLLING_BACK", "IN_SERVICE"]


@pytest.mark.usefixtures("endpoint", "bus")
def test_the_last_deployment_is_repeated_where_an_update_says_so(twin: Twin) -> None:
    update(twin, DeploymentConfig=canary(wait=60, termination=0))
    twin.advance(2 * MINUTE)
    update(twin, "old", RetainDeploymentConfig=True)
    assert described(twin)["EndpointStatus"] == "Updating"
    twin.advance(2 * MINUTE)
    assert (described(twin)["EndpointStatus"], described(twin)["EndpointConfigName"]) == ("InService", "old")


@pytest.mark.usefixtures("endpoint", "bus")
def test_an_endpoint_that_is_updated_is_neither_updated_nor_deleted(twin: Twin) -> None:
    update(twin, DeploymentConfig=canary())
    with pytest.raises(ClientError, match=rf'ValidationException.*Cannot update in-progress endpoint "{ENDPOINT}"'):
        update(twin)
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        twin.client("sagemaker").delete_endpoint(EndpointName="e")


@pytest.mark.usefixtures("endpoint", "bus")
def test_an_endpoint_is_made_without_a_deployment(twin: Twin) -> None:
    with pytest.raises(ClientError, match="where an endpoint is updated, not where it is created"):
        twin.client("sagemaker").create_endpoint(EndpointName="f", EndpointConfigName="old", DeploymentConfig=canary())


@pytest.mark.usefixtures("endpoint", "bus")
def test_a_deployment_needs_alarms_that_exist_and_that_the_models_role_may_see(twin: Twin) -> None:
    with pytest.raises(ClientError, match="there is no alarm errors"):
        update(twin, DeploymentConfig=canary("errors"))
    with pytest.raises(ClientError, match="DeploymentConfig: CanarySize is 1 to 50 percent, found 90"):
        update(twin, DeploymentConfig=canary(size=90))
    alarm(twin)
    allow_everything(twin, "blind")
    configuration(twin, "blinded", "arn:aws:iam::123456789012:role/blind")
    statements = [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "cloudwatch:DescribeAlarms", "Resource": "arn:aws:cloudwatch:*:*:alarm:other"},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    twin.client("iam").put_role_policy(RoleName="blind", PolicyName="all", PolicyDocument=document)
    with pytest.raises(ClientError, match=r"role/blind needs cloudwatch:DescribeAlarms on arn:aws:cloudwatch.*:errors"):
        update(twin, "blinded", DeploymentConfig=canary("errors"))
    assert described(twin)["EndpointStatus"] == "InService"
