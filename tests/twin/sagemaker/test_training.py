from __future__ import annotations

import io
import json
import tarfile
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.accounts import archive, make_buckets
from twin import Twin
from twin.api import ApiError
from twin.sagemaker.training import check

ROLE = "arn:aws:iam::123456789012:role/training"
SCRIPT = """
import json, os, sys
from pathlib import Path

channels = {name: sorted(p.name for p in Path(os.environ["SM_CHANNEL_" + name.upper()]).rglob("*.csv"))
            for name in json.loads(os.environ["SM_CHANNELS"])}
if "--fail" in sys.argv:
    sys.stderr.write("TrainingError: no rows\\n")
    raise SystemExit(3)
print("validation-accuracy: 0.5")
print("validation-accuracy: 0.75")
seen = {"arguments": sys.argv[1:], "channels": channels, "hps": json.loads(os.environ["SM_HPS"]),
        "key": os.environ["AWS_ACCESS_KEY_ID"], "home": os.environ.get("OURS")}
Path(os.environ["SM_MODEL_DIR"], "model.json").write_text(json.dumps(seen))
"""


@pytest.fixture
def bucket(twin: Twin) -> str:
    s3 = twin.client("s3")
    make_buckets(twin, "data")
    s3.put_object(Bucket="data", Key="source.tar.gz", Body=archive({"train.py": SCRIPT}))
    s3.put_object(Bucket="data", Key="train/train.csv", Body=b"1,2\n")
    s3.put_object(Bucket="data", Key="fresh/deep/more.csv", Body=b"0,2\n")
    return "data"


def channel(name: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://data/{name}/", "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "ContentType": "text/csv"}


def settings(name: str = "job", **changes: Any) -> dict[str, Any]:
    hyperparameters = {
        "num_round": "10",
        "eta": "0.30",
        "objective": "multi:softprob",
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": '"s3://data/source.tar.gz"',
        **changes.pop("HyperParameters", {}),
    }
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": "i",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "accuracy", "Regex": "validation-accuracy: ([0-9.]+)"}],
        },
        "HyperParameters": {key: value for key, value in hyperparameters.items() if value is not None},
        "InputDataConfig": [channel("train"), channel("fresh")],
        "OutputDataConfig": {"S3OutputPath": "s3://data/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **changes,
    }


def run(twin: Twin, **arguments: Any) -> dict[str, Any]:
    job = settings(**arguments)
    twin.client("sagemaker").create_training_job(**job)
    twin.advance(timedelta(minutes=1))
    return dict(twin.client("sagemaker").describe_training_job(TrainingJobName=job["TrainingJobName"]))


@pytest.mark.usefixtures("bucket")
def test_a_job_trains_and_its_artefact_lies_where_the_description_says(
    twin: Twin, bus: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS", "secret")
    job = run(twin)
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    body = twin.client("s3").get_object(Bucket="data", Key=uri.removeprefix("s3://data/"))["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        seen = json.load(tar.extractfile("model.json"))  # type: ignore[arg-type]
    details = bus.of("SageMaker Training Job State Change")
    assert (uri, job["TrainingJobStatus"], job["SecondaryStatus"]) == (
        "s3://data/models/job/output/model.tar.gz",
        "Completed",
        "Completed",
    )
    assert seen["arguments"] == ["--eta", "0.3", "--num_round", "10", "--objective", "multi:softprob"]
    assert seen["channels"] == {"train": ["train.csv"], "fresh": ["more.csv"]}
    assert seen["hps"] == {"num_round": 10, "eta": 0.3, "objective": "multi:softprob"}
    assert (twin.identity.principal(seen["key"]), seen["home"]) == ("training", None)
    assert [(m["MetricName"], m["Value"]) for m in job["FinalMetricDataList"]] == [("accuracy", 0.75)]
    assert [detail["TrainingJobStatus"] for detail in details] == ["InProgress", "Completed"]
    assert details[1]["CreationTime"] == "1772409600000"


@pytest.mark.usefixtures("bucket", "bus")
def test_a_script_that_fails_fails_the_job_with_its_last_words_and_leaves_no_model(twin: Twin) -> None:
    job = run(twin, HyperParameters={"fail": "1"})
    listed = twin.client("s3").list_objects_v2(Bucket="data", Prefix="models/")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ExecuteUserScriptError:\nExitCode 3\n")
    assert 'ErrorMessage "TrainingError: no rows"' in job["FailureReason"]
    assert listed["KeyCount"] == 0


@pytest.mark.usefixtures("bucket", "bus")
def test_an_empty_channel_fails_the_job(twin: Twin) -> None:
    job = run(twin, InputDataConfig=[channel("train"), channel("nothing")])
    assert job["TrainingJobStatus"] == "Failed"
    assert 'No S3 objects found under S3 URL "s3://data/nothing/"' in job["FailureReason"]


def manifest(twin: Twin, *entries: Any) -> dict[str, Any]:
    twin.client("s3").put_object(Bucket="data", Key="manifest.json", Body=json.dumps(list(entries)).encode())
    source = {"S3DataType": "ManifestFile", "S3Uri": "s3://data/manifest.json"}
    return {"ChannelName": "train", "DataSource": {"S3DataSource": source}}


@pytest.mark.usefixtures("bucket", "bus")
def test_a_channel_holds_what_its_manifest_names_and_nothing_else(twin: Twin) -> None:
    listed = manifest(twin, {"prefix": "s3://data/"}, "train/train.csv", "fresh/deep/more.csv")
    twin.client("s3").put_object(Bucket="data", Key="fresh/left-out.csv", Body=b"9\n")
    job = run(twin, InputDataConfig=[listed])
    body = twin.client("s3").get_object(Bucket="data", Key="models/job/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        seen = json.load(tar.extractfile("model.json"))  # type: ignore[arg-type]
    assert job["TrainingJobStatus"] == "Completed"
    assert seen["channels"] == {"train": ["more.csv", "train.csv"]}


@pytest.mark.usefixtures("bucket", "bus")
@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        (
            ({"prefix": "s3://data/"}, "train/nobody.csv"),
            "manifest s3://data/manifest.json: s3://data/train/nobody.csv",
        ),
        (("train/train.csv",), "manifest s3://data/manifest.json: TypeError"),
        (({"prefix": "s3://data/"},), "manifest s3://data/manifest.json lists no objects"),
    ],
)
def test_a_manifest_that_leads_nowhere_fails_the_job(twin: Twin, entries: tuple[Any, ...], complaint: str) -> None:
    job = run(twin, InputDataConfig=[manifest(twin, *entries)])
    assert job["TrainingJobStatus"] == "Failed"
    assert complaint in job["FailureReason"]


@pytest.mark.usefixtures("bucket", "bus")
def test_a_source_without_the_script_fails_the_job(twin: Twin) -> None:
    job = run(twin, HyperParameters={"sagemaker_program": '"other.py"'})
    assert "source.tar.gz holds no other.py" in job["FailureReason"]


@pytest.mark.usefixtures("bucket", "bus")
def test_a_name_is_used_once_and_jobs_are_listed(twin: Twin) -> None:
    run(twin)
    with pytest.raises(ClientError, match="ResourceInUse"):
        run(twin)
    run(twin, name="second", HyperParameters={"fail": "1"})
    sagemaker = twin.client("sagemaker")
    completed = sagemaker.list_training_jobs(StatusEquals="Completed", NameContains="job")["TrainingJobSummaries"]
    every = sagemaker.list_training_jobs()["TrainingJobSummaries"]
    assert [job["TrainingJobName"] for job in completed] == ["job"]
    assert [job["TrainingJobName"] for job in every] == ["second", "job"]


@pytest.mark.usefixtures("bucket", "bus")
def test_two_jobs_on_the_same_data_give_the_same_artefact(twin: Twin) -> None:
    run(twin, name="a")
    run(twin, name="b")
    s3 = twin.client("s3")
    first, second = (s3.get_object(Bucket="data", Key=f"models/{n}/output/model.tar.gz")["Body"].read() for n in "ab")
    assert first == second


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"HyperParameters": {"sagemaker_program": None}}, "script mode only"),
        ({"HyperParameters": {"sagemaker_program": "train.py"}}, "is a JSON text"),
        ({"HyperParameters": {"sagemaker_submit_directory": '"/opt/x"'}}, "must be an S3 URI"),
        ({"name": "a--b-"}, "letters, digits and inner hyphens"),
        ({"EnableNetworkIsolation": True}, "under network isolation"),
        ({"ResourceConfig": {"InstanceCount": 2}}, "several instances"),
        ({"InputDataConfig": [{**channel("train"), "InputMode": "Pipe"}]}, "only File mode"),
        (
            {
                "InputDataConfig": [
                    {
                        "ChannelName": "train",
                        "DataSource": {"S3DataSource": {"S3DataType": "AugmentedManifestFile", "S3Uri": "s3://data/m"}},
                    }
                ]
            },
            "S3DataType AugmentedManifestFile is not in the twin",
        ),
    ],
)
def test_what_would_not_train_is_refused_when_the_job_is_created(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ApiError, match=complaint):
        check(settings(**changes))
