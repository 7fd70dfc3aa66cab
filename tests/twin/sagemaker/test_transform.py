"""Transform jobs: the model's container answers every record of every object, with the model's role, and reasons for failures."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.accounts import allow_everything, archive, make_buckets
from tests.twin.conftest import RememberingBus
from tests.twin.states.test_machines import machine, seen, start, states_role, task
from twin import Twin
from twin.api import ApiError
from twin.sagemaker.transform import assembled, check, payloads

ROLE = "arn:aws:iam::123456789012:role/serving"
EVENT = "SageMaker Transform Job State Change"
SCRIPT = """
import os, time
from pathlib import Path
def model_fn(directory): return Path(directory, "name.txt").read_text()
def input_fn(body, content_type):
    if b"bad" in body: raise ValueError("no number")
    if body == b"slow": time.sleep(0.2)
    return body.decode().split("\\n"), content_type
def predict_fn(data, model):
    word = os.environ.get("WORD", "-")
    return "\\n".join(f"{model} {word} {os.environ['SAGEMAKER_BATCH']} {row} of {len(data[0])} {data[1]}" for row in data[0])
def output_fn(prediction, accept): return prediction, accept
"""


@pytest.fixture
def model(twin: Twin) -> str:
    """Model `m` with a role of its own, and bucket `bucket`."""
    make_buckets(twin, "bucket")
    allow_everything(twin, "serving")
    put(twin, "m.tar.gz", archive({"name.txt": "m", "code/inference.py": SCRIPT}))
    container = {"Image": "i", "ModelDataUrl": "s3://bucket/m.tar.gz"}
    twin.client("sagemaker").create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    return "m"


def put(twin: Twin, key: str, body: bytes) -> None:
    twin.client("s3").put_object(Bucket="bucket", Key=key, Body=body)


def outputs(twin: Twin) -> dict[str, str]:
    s3 = twin.client("s3")
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="bucket", Prefix="out/").get("Contents", [])]
    return {key: s3.get_object(Bucket="bucket", Key=key)["Body"].read().decode() for key in keys}


def settings(uri: str = "s3://bucket/in", kind: str = "S3Prefix", **changes: Any) -> dict[str, Any]:
    source = {"DataSource": {"S3DataSource": {"S3DataType": kind, "S3Uri": uri}}, "ContentType": "text/csv"}
    output = {"S3OutputPath": "s3://bucket/out", "Accept": "text/csv", "AssembleWith": "Line"}
    return {
        "TransformJobName": "job",
        "ModelName": "m",
        "TransformInput": {**source, "SplitType": "Line", **changes.pop("source", {})},
        "TransformOutput": {**output, **changes.pop("output", {})},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **changes,
    }


def run(twin: Twin, **changes: Any) -> dict[str, Any]:
    sagemaker, asked = twin.client("sagemaker"), settings(**changes)
    sagemaker.create_transform_job(**asked)
    twin.settle()
    return dict(sagemaker.describe_transform_job(TransformJobName=asked["TransformJobName"]))


@pytest.mark.usefixtures("model")
def test_every_line_of_every_object_is_answered_in_its_place(twin: Twin, bus: RememberingBus) -> None:
    put(twin, "in/a.csv", b"1\n2\n3\n")
    put(twin, "in/deep/b.csv", b"4")
    found = run(twin, Environment={"WORD": "own"})
    assert (found["TransformJobStatus"], found["TransformJobArn"].rpartition(":")[2]) == (
        "Completed",
        "transform-job/job",
    )
    assert outputs(twin) == {
        "out/a.csv.out": "".join(f"m own true {row} of 3 text/csv\n" for row in (1, 2, 3)),
        "out/deep/b.csv.out": "m own true 4 of 1 text/csv\n",
    }
    events = bus.of(EVENT)
    assert [(event["TransformJobName"], event["TransformJobStatus"]) for event in events] == [
        ("job", "InProgress"),
        ("job", "Completed"),
    ]
    assert twin.identity.calls("serving")["s3", "PutObject"] == 2  # the model's role, not the caller's
    (listed,) = twin.client("sagemaker").list_transform_jobs(StatusEquals="Completed")["TransformJobSummaries"]
    assert listed["TransformJobName"] == "job"


@pytest.mark.usefixtures("model", "bus")
def test_a_job_that_captures_lists_what_it_read_and_wrote_and_gives_each_answer_an_id(twin: Twin) -> None:
    put(twin, "in/deep/a.csv", b"1\n2\n")
    put(twin, "in/b.csv", b"3\n")
    job = run(twin, DataCaptureConfig={"DestinationS3Uri": "s3://bucket/captured", "GenerateInferenceId": True})
    began = job["CreationTime"].astimezone(UTC)
    s3, found = twin.client("s3"), {}
    for side in ("input", "output"):
        (item,) = s3.list_objects_v2(Bucket="bucket", Prefix=f"captured/{side}/{began:%Y/%m/%d/%H}/")["Contents"]
        name = item["Key"].rpartition("/")[2]
        found[name, side] = json.loads(s3.get_object(Bucket="bucket", Key=item["Key"])["Body"].read())
    assert len({name for name, _ in found}) == 1
    head, *names = found[name, "input"]
    assert (head, sorted(names)) == ({"prefix": "s3://bucket/in/"}, ["b.csv", "deep/a.csv"])
    head, *names = found[name, "output"]
    assert (head, sorted(names)) == ({"prefix": "s3://bucket/out/"}, ["b.csv.out", "deep/a.csv.out"])
    lines = [line.split(",") for text in outputs(twin).values() for line in text.splitlines()]
    assert len({id_ for _, id_, _ in lines}) == 3
    assert {time for *_, time in lines} == {f"{began:%Y-%m-%dT%H:%M:%SZ}"}


@pytest.mark.usefixtures("model", "bus")
def test_a_manifest_names_the_objects_and_one_record_makes_one_request(twin: Twin) -> None:
    put(twin, "held/out/a.csv", b"1\n2\n")
    put(twin, "held/out/b.csv", b"3\n")
    put(twin, "manifest.json", json.dumps([{"prefix": "s3://bucket/held/"}, "out/a.csv"]).encode())
    run(twin, uri="s3://bucket/manifest.json", kind="ManifestFile", BatchStrategy="SingleRecord")
    assert outputs(twin) == {"out/out/a.csv.out": "m - true 1 of 1 text/csv\nm - true 2 of 1 text/csv\n"}


@pytest.mark.usefixtures("model", "bus")
@pytest.mark.parametrize(
    ("content", "changes", "reason", "log"),
    [
        (b"1\nbad\n", {}, "AlgorithmError: See job logs for more information", "ValueError: no number"),
        (
            b"1\n" + b"x" * 2**20,
            {"MaxPayloadInMB": 1, "source": {"SplitType": "None"}},
            "ClientError: See job logs",
            "MaxPayloadInMB",
        ),
        (None, {}, 'ClientError: No S3 objects found under S3 URL "s3://bucket/in"', ""),
    ],
)
def test_a_job_that_fails_says_why(
    twin: Twin, content: bytes | None, changes: dict[str, Any], reason: str, log: str
) -> None:
    if content is not None:
        put(twin, "in/a.csv", content)
    found = run(twin, **changes)
    assert found["TransformJobStatus"] == "Failed"
    assert found["FailureReason"].startswith(reason)
    assert outputs(twin) == {}
    (entry,) = [entry for entry in twin.journal.of("transform") if entry.data["status"] == "Failed"]
    assert log in entry.text


@pytest.mark.usefixtures("bus")
def test_a_model_that_cannot_be_loaded_fails_the_job(twin: Twin, model: str) -> None:
    put(twin, "m.tar.gz", archive({"code/inference.py": SCRIPT}))
    put(twin, "in/a.csv", b"1")
    assert run(twin, ModelName=model)["FailureReason"] == "AlgorithmError: See job logs for more information"
    (entry,) = [entry for entry in twin.journal.of("transform") if entry.data["status"] == "Failed"]
    assert "name.txt" in entry.text


@pytest.mark.usefixtures("model", "bus")
def test_a_job_that_is_stopped_leaves_the_rest_undone(twin: Twin) -> None:
    for number in range(8):
        put(twin, f"in/{number}.csv", b"slow")
    sagemaker = twin.client("sagemaker")
    sagemaker.create_transform_job(**settings())
    sagemaker.stop_transform_job(TransformJobName="job")
    twin.settle()
    assert sagemaker.describe_transform_job(TransformJobName="job")["TransformJobStatus"] == "Stopped"
    assert len(outputs(twin)) < 8


@pytest.mark.usefixtures("model")
def test_a_state_machine_waits_for_the_job(twin: Twin) -> None:
    put(twin, "in/a.csv", b"1")
    job = task("arn:aws:states:::sagemaker:createTransformJob.sync", settings())
    found = seen(twin, start(twin, machine(twin, states_role(twin, "states"), job)))
    assert (found["status"], found["output"]["TransformJobStatus"]) == ("SUCCEEDED", "Completed")
    twin.client("sagemaker").delete_model(ModelName="m")
    again = start(twin, machine_of(twin), {})
    assert seen(twin, again)["error"] == "SageMaker.AmazonSageMakerException"


def machine_of(twin: Twin) -> str:
    (found,) = twin.client("stepfunctions").list_state_machines()["stateMachines"]
    return str(found["stateMachineArn"])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"source": {"SplitType": "RecordIO"}}, "SplitType RecordIO is not in the twin"),
        ({"source": {"CompressionType": "Gzip"}}, "CompressionType Gzip is not in the twin"),
        ({"kind": "AugmentedManifestFile"}, "S3DataType AugmentedManifestFile is not in the twin"),
        ({"DataProcessing": {"InputFilter": "$[1:]"}}, r"InputFilter \$\[1:\] is not in the twin"),
        ({"DataProcessing": {"JoinSource": "Input"}}, "JoinSource Input is not in the twin"),
        ({"DataCaptureConfig": {"CaptureOptions": []}}, "DataCaptureConfig has no CaptureOptions for transform jobs"),
        ({"TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 2}}, "on several instances"),
        ({"MaxPayloadInMB": 60, "MaxConcurrentTransforms": 2}, "MaxConcurrentTransforms is at most 100"),
        ({"TransformJobName": "a_b"}, "TransformJobName a_b"),
    ],
)
def test_a_job_that_would_not_really_run_is_refused(changes: dict[str, Any], complaint: str) -> None:
    check(settings(DataProcessing={"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}))
    with pytest.raises(ApiError, match=complaint):
        check(settings(**changes))


def test_a_model_that_is_not_there_is_refused(twin: Twin) -> None:
    with pytest.raises(ClientError, match='Could not find model "arn:aws:sagemaker:eu-west-1:123456789012:model/m"'):
        twin.client("sagemaker").create_transform_job(**settings())


@pytest.mark.parametrize(
    ("split", "strategy", "limit", "expected"),
    [
        ("None", "MultiRecord", 0, [b"aa\nb\ncc\n"]),
        ("Line", "SingleRecord", 0, [b"aa", b"b", b"cc"]),
        ("Line", "MultiRecord", 0, [b"aa\nb\ncc"]),
        ("Line", "MultiRecord", 4, [b"aa\nb", b"cc"]),
    ],
)
def test_payloads_hold_as_many_lines_as_fit(split: str, strategy: str, limit: int, expected: list[bytes]) -> None:
    assert list(payloads(b"aa\nb\ncc\n", split, strategy, limit)) == expected


def test_answers_are_put_together() -> None:
    assert assembled([b"1", b"2\n"], "None") == b"12\n"
    assert assembled([b"1", b"2\n"], "Line") == b"1\n2\n"
