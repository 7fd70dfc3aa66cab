from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.accounts import VARIANT, archive, capture_below, make_buckets
from twin import Twin

ROLE = "arn:aws:iam::123456789012:role/endpoint"
MINUTE = timedelta(minutes=1)
SCRIPT = """
import json, os
from pathlib import Path

def model_fn(directory):
    return Path(directory, "factor.txt").read_text().strip()

def input_fn(body, content_type):
    if body == b"bad":
        raise ValueError("column count")
    return body.decode(), content_type

def predict_fn(data, model):
    return {"model": model, "body": data[0], "type": data[1], "variable": os.environ.get("MY"), "pid": os.getpid()}

def output_fn(prediction, accept):
    return json.dumps(prediction), accept
"""
TYPES = {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]}
CAPTURE = capture_below("s3://capture/data", CaptureContentTypeHeader=TYPES)


def model(twin: Twin, name: str, script: str = SCRIPT) -> None:
    s3 = twin.client("s3")
    s3.put_object(Bucket="models", Key=f"{name}/model.tar.gz", Body=archive({"factor.txt": name}))
    s3.put_object(Bucket="models", Key=f"{name}/source.tar.gz", Body=archive({"serve.py": script}))
    environment = {
        "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://models/{name}/source.tar.gz",
        "SAGEMAKER_PROGRAM": "serve.py",
        "MY": "own",
    }
    container = {"Image": "i", "ModelDataUrl": f"s3://models/{name}/model.tar.gz", "Environment": environment}
    twin.client("sagemaker").create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)


def configure(twin: Twin, name: str, weights: dict[str, float], **capture: Any) -> None:
    variants = [
        {**VARIANT, "VariantName": f"v-{model}", "ModelName": model, "InitialVariantWeight": weight}
        for model, weight in weights.items()
    ]
    twin.client("sagemaker").create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=variants, DataCaptureConfig={**CAPTURE, **capture}
    )


@pytest.fixture
def endpoint(twin: Twin) -> str:
    """Endpoint `e` that serves model `one` and captures to s3://capture/data."""
    make_buckets(twin, "models", "capture")
    model(twin, "one")
    configure(twin, "c", {"one": 1})
    twin.client("sagemaker").create_endpoint(EndpointName="e", EndpointConfigName="c")
    return "e"


def invoke(twin: Twin, body: bytes = b"1,2", **arguments: str) -> dict[str, Any]:
    arguments = {"EndpointName": "e", "ContentType": "text/csv", "Accept": "application/json", **arguments}
    answer = twin.client("sagemaker-runtime").invoke_endpoint(Body=body, **arguments)
    return {**answer, "Body": answer["Body"].read()}


def captured(twin: Twin) -> dict[str, list[dict[str, Any]]]:
    s3 = twin.client("s3")
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="capture").get("Contents", [])]
    return {
        key: [json.loads(line) for line in s3.get_object(Bucket="capture", Key=key)["Body"].read().splitlines()]
        for key in keys
    }


@pytest.mark.usefixtures("endpoint", "bus")
def test_a_request_runs_the_deployed_script_on_the_deployed_artefact(twin: Twin) -> None:
    answer = invoke(twin)
    content = json.loads(answer["Body"])
    assert {key: content[key] for key in ("model", "body", "type", "variable")} == {
        "model": "one",
        "body": "1,2",
        "type": "text/csv",
        "variable": "own",
    }
    assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("application/json", "v-one")


@pytest.mark.usefixtures("endpoint", "bus")
def test_the_answers_content_type_is_the_containers(twin: Twin) -> None:
    assert invoke(twin, Accept="text/csv")["ContentType"] == "text/csv"


@pytest.mark.usefixtures("endpoint", "bus")
def test_the_container_is_started_once_and_kept(twin: Twin) -> None:
    pids = {json.loads(invoke(twin)["Body"])["pid"] for _ in range(3)}
    twin.advance(MINUTE)
    pids.add(json.loads(invoke(twin)["Body"])["pid"])
    assert len(pids) == 1


@pytest.mark.usefixtures("endpoint", "bus")
def test_events_are_captured_below_the_hour_of_the_invocation_and_delivered_within_a_minute(twin: Twin) -> None:
    twin.advance(timedelta(minutes=59, seconds=30, milliseconds=250))
    invoke(twin, InferenceId="mine", CustomAttributes="k=v")
    invoke(twin, b"3,4\n5,6")
    before = captured(twin)
    twin.advance(MINUTE)
    ((key, lines),) = captured(twin).items()
    folder, _, name = key.rpartition("/")
    assert before == {}
    assert folder == "data/e/v-one/2026/03/02/00"
    assert name.startswith("59-30-250-")
    assert [line["captureData"]["endpointInput"]["data"] for line in lines] == ["1,2", "3,4\n5,6"]
    assert lines[0]["eventMetadata"]["inferenceId"] == "mine"
    assert lines[0]["eventMetadata"]["customAttributes"] == ["k=v"]
    assert {line["eventMetadata"]["inferenceTime"] for line in lines} == {"2026-03-02T00:59:30Z"}
    assert lines[0]["eventMetadata"]["eventId"] != lines[1]["eventMetadata"]["eventId"]


@pytest.mark.usefixtures("endpoint", "bus")
def test_capture_is_written_with_the_role_of_the_model(twin: Twin) -> None:
    invoke(twin)
    twin.advance(MINUTE)
    assert twin.identity.calls(ROLE)["s3", "PutObject"] == 1


@pytest.mark.usefixtures("endpoint", "bus")
def test_capture_that_may_not_be_written_is_lost_while_the_endpoint_goes_on(twin: Twin) -> None:
    invoke(twin)
    twin.client("iam").delete_role_policy(RoleName="endpoint", PolicyName="all")
    twin.advance(MINUTE)
    (entry,) = twin.journal.of("capture-failed")
    assert entry.text.startswith("1 events for s3://capture/data/e/v-one/2026/03/02/00/")
    assert invoke(twin)["InvokedProductionVariant"] == "v-one"


@pytest.mark.usefixtures("endpoint", "bus")
def test_sampling_keeps_about_the_share_that_was_asked_for(twin: Twin) -> None:
    configure(twin, "half", {"one": 1}, InitialSamplingPercentage=50)
    twin.client("sagemaker").update_endpoint(EndpointName="e", EndpointConfigName="half")
    for _ in range(200):
        invoke(twin)
    twin.advance(MINUTE)
    assert 75 <= sum(len(lines) for lines in captured(twin).values()) <= 125


@pytest.mark.usefixtures("endpoint", "bus")
@pytest.mark.parametrize("change", [{"EnableCapture": False}, {"InitialSamplingPercentage": 0}])
def test_nothing_is_captured_when_capture_is_off(twin: Twin, change: dict[str, Any]) -> None:
    configure(twin, "off", {"one": 1}, **change)
    twin.client("sagemaker").update_endpoint(EndpointName="e", EndpointConfigName="off")
    invoke(twin)
    twin.advance(MINUTE)
    assert captured(twin) == {}


@pytest.mark.usefixtures("endpoint")
def test_an_update_serves_the_new_model_and_ends_the_old_container(twin: Twin, bus: Any) -> None:
    invoke(twin)
    model(twin, "two")
    configure(twin, "d", {"two": 1})
    twin.client("sagemaker").update_endpoint(EndpointName="e", EndpointConfigName="d")
    answer = invoke(twin)
    twin.advance(MINUTE)
    described = twin.client("sagemaker").describe_endpoint(EndpointName="e")
    statuses = [detail["EndpointStatus"] for detail in bus.of("SageMaker Endpoint State Change")]
    assert (json.loads(answer["Body"])["model"], answer["InvokedProductionVariant"]) == ("two", "v-two")
    assert (described["EndpointConfigName"], described["EndpointStatus"]) == ("d", "InService")
    assert statuses == ["UPDATING", "IN_SERVICE"]


@pytest.mark.usefixtures("endpoint", "bus")
def test_variants_get_requests_by_weight_or_by_name_and_directories_of_their_own(twin: Twin) -> None:
    model(twin, "two")
    configure(twin, "both", {"one": 3, "two": 1})
    twin.client("sagemaker").update_endpoint(EndpointName="e", EndpointConfigName="both")
    chosen = [invoke(twin)["InvokedProductionVariant"] for _ in range(80)]
    assert 45 <= chosen.count("v-one") <= 75
    assert invoke(twin, TargetVariant="v-two")["InvokedProductionVariant"] == "v-two"
    twin.advance(MINUTE)
    assert {key.split("/")[2] for key in captured(twin)} == {"v-one", "v-two"}


@pytest.mark.usefixtures("endpoint", "bus")
def test_an_error_of_the_script_is_a_model_error_that_is_counted_and_not_captured(twin: Twin) -> None:
    with pytest.raises(ClientError) as raised:
        invoke(twin, b"bad")
    invoke(twin)
    start = twin.clock.now()
    twin.advance(MINUTE)
    error = raised.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == ("ModelError", 424)
    assert 'server error (500) from primary with message "ValueError: column count"' in error["Error"]["Message"]
    assert (error["OriginalStatusCode"], error["OriginalMessage"]) == (500, "ValueError: column count")
    assert sum(len(lines) for lines in captured(twin).values()) == 1
    sums = {}
    for name in ("Invocations", "Invocation5XXErrors", "Invocation4XXErrors"):
        found = twin.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=name,
            Dimensions=[{"Name": "EndpointName", "Value": "e"}, {"Name": "VariantName", "Value": "v-one"}],
            StartTime=start,
            EndTime=start + MINUTE,
            Period=60,
            Statistics=["Sum"],
        )
        sums[name] = found["Datapoints"][0]["Sum"]
    assert sums == {"Invocations": 2.0, "Invocation5XXErrors": 1.0, "Invocation4XXErrors": 0.0}


@pytest.mark.usefixtures("endpoint", "bus")
@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        (
            "def model_fn(directory):\n    raise RuntimeError('no such file')\n",
            "input_fn, predict_fn, output_fn not found",
        ),
        (SCRIPT.replace("factor.txt", "missing.txt"), "missing.txt"),
        ("import nothing_of_that_name", "nothing_of_that_name"),
    ],
)
def test_a_model_that_cannot_be_loaded_says_why(twin: Twin, script: str, complaint: str) -> None:
    model(twin, "broken", script)
    configure(twin, "x", {"broken": 1})
    twin.client("sagemaker").update_endpoint(EndpointName="e", EndpointConfigName="x")
    with pytest.raises(ClientError, match=f"(?s)did not pass its health check.*{complaint}"):
        invoke(twin)


@pytest.mark.usefixtures("endpoint", "bus")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"EndpointName": "nobody"}, "Endpoint nobody of account 123456789012 not found"),
        ({"TargetVariant": "nobody"}, "Variant nobody of endpoint e not found"),
        ({"TargetModel": "m.tar.gz"}, "TargetModel is not in the twin"),
    ],
)
def test_a_request_that_no_variant_can_answer_is_refused(twin: Twin, arguments: dict[str, str], complaint: str) -> None:
    with pytest.raises(ClientError, match=complaint) as raised:
        invoke(twin, **arguments)
    assert raised.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.usefixtures("endpoint", "bus")
def test_a_body_above_six_mebibytes_is_refused(twin: Twin) -> None:
    with pytest.raises(ClientError, match="at most 6291456"):
        invoke(twin, b"x" * (6 * 1024 * 1024 + 1))


@pytest.mark.usefixtures("endpoint", "bus")
def test_an_endpoint_that_is_not_in_service_is_not_asked(twin: Twin) -> None:
    from moto.sagemaker.models import sagemaker_backends

    sagemaker_backends[twin.account]["eu-west-1"].endpoints["e"].endpoint_status = "Creating"
    with pytest.raises(ClientError, match="is Creating, not InService"):
        invoke(twin)


def counts(twin: Twin) -> dict[str, int]:
    variants = twin.client("sagemaker").describe_endpoint(EndpointName="e")["ProductionVariants"]
    return {variant["VariantName"]: variant["DesiredInstanceCount"] for variant in variants}


@pytest.mark.parametrize(("retained", "expected"), [({}, 1), ({"RetainAllVariantProperties": True}, 3)])
def test_instances_that_scaling_added_stay_where_an_update_says_so(
    twin: Twin, endpoint: str, retained: dict[str, Any], expected: int
) -> None:
    from moto.sagemaker.models import sagemaker_backends

    sagemaker = twin.client("sagemaker")
    served = sagemaker_backends[twin.account]["eu-west-1"].endpoints["e"]
    served.production_variants[0] |= {"DesiredInstanceCount": 3, "CurrentInstanceCount": 3}  # as scaling does
    configure(twin, "next", {"one": 1}, EnableCapture=True)
    excluded = [{"VariantPropertyType": "DataCaptureConfig"}] if retained else []
    more = {**retained, **({"ExcludeRetainedVariantProperties": excluded} if excluded else {})}
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName="next", **more)
    assert counts(twin) == {"v-one": expected}


def test_a_model_whose_role_may_not_read_its_artefact_is_refused(twin: Twin) -> None:
    make_buckets(twin, "models")
    allow_nothing = "arn:aws:iam::123456789012:role/nobody"
    twin.client("s3").put_object(Bucket="models", Key="m.tar.gz", Body=b"")
    container = {"Image": "i", "ModelDataUrl": "s3://models/m.tar.gz"}
    with pytest.raises(ClientError, match=r"Could not access model data at s3://models/m\.tar\.gz"):
        twin.client("sagemaker").create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=allow_nothing)
