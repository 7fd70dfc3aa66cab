"""What tests find in an account: roles that may do everything, buckets, an endpoint that captures, jobs of the monitor image."""

from __future__ import annotations

import copy
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from model_monitor import contract
from twin import Twin

EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
ROLE = "arn:aws:iam::123456789012:role/all"
BASE = "/opt/ml/processing"
IMAGE = {"ImageUri": "i", "ContainerEntrypoint": list(contract.CONTAINER_ENTRYPOINT)}
CLUSTER = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}}
VARIANT = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}


def allow_everything(twin: Twin, *roles: str) -> None:
    """Make roles that may do everything."""
    iam = twin.client("iam")
    for role in roles:
        iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")
        iam.put_role_policy(RoleName=role, PolicyName="all", PolicyDocument=json.dumps(EVERYTHING))


def make_buckets(twin: Twin, *names: str) -> None:
    """Make empty buckets."""
    for name in names:
        twin.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": twin.region})


@contextmanager
def furnished(folder: Path, **arguments: Any) -> Iterator[Twin]:
    """A running twin with one role, `all`, that may do everything, and one bucket, `bucket`."""
    with Twin(folder / "twin", **arguments) as running:
        allow_everything(running, "all")
        make_buckets(running, "bucket")
        yield running


def put(twin: Twin, key: str, body: bytes) -> str:
    """Store an object in `bucket`; its URI."""
    twin.client("s3").put_object(Bucket="bucket", Key=key, Body=body)
    return f"s3://bucket/{key}"


def archive(files: Mapping[str, str]) -> bytes:
    """A tar.gz of texts by name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


SAYS_ITS_NAME = """
from pathlib import Path

def model_fn(folder): return (Path(folder) / "name.txt").read_text()
def input_fn(body, content_type): return body
def predict_fn(data, model): return model
def output_fn(prediction, accept): return prediction, "text/csv"
"""


def named_model(name: str) -> bytes:
    """An artefact whose model answers every request with its name."""
    return archive({"name.txt": name, "code/inference.py": SAYS_ITS_NAME})


def capture_below(destination: str, **more: Any) -> dict[str, Any]:
    """A capture configuration: both sides of every request, below a URI."""
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": destination,
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        **more,
    }


def make_endpoint(
    twin: Twin,
    name: str,
    capture: dict[str, Any],
    *,
    role: str = ROLE,
    artefact: str | None = "s3://bucket/model.tar.gz",
    variant: str = "v",
    **variables: str,
) -> None:
    """An endpoint that serves model `m` by configuration `c` and captures. artefact: None where the image holds the model."""
    sagemaker = twin.client("sagemaker")
    container = {"Image": "i", "Environment": variables} | ({} if artefact is None else {"ModelDataUrl": artefact})
    sagemaker.create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=role)
    sagemaker.create_endpoint_config(
        EndpointConfigName="c", ProductionVariants=[{**VARIANT, "VariantName": variant}], DataCaptureConfig=capture
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="c")


def definition(endpoint: str, reports: str, variables: dict[str, str], role: str = ROLE) -> dict[str, Any]:
    """What a schedule runs: the monitor image over what an endpoint captured, its reports below a URI."""
    output = {"S3Uri": reports, "LocalPath": f"{BASE}/output", "S3UploadMode": "EndOfJob"}
    return {
        "RoleArn": role,
        "MonitoringAppSpecification": dict(IMAGE),
        "MonitoringInputs": [{"EndpointInput": {"EndpointName": endpoint, "LocalPath": f"{BASE}/input/endpoint"}}],
        "MonitoringOutputConfig": {"MonitoringOutputs": [{"S3Output": output}]},
        "MonitoringResources": copy.deepcopy(CLUSTER),
        "Environment": variables,
    }
