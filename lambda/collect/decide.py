"""What a retraining is made of: which rows, which models, which requests. Pure: no AWS calls, no clock, no environment."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

NAME_MAX = 63
STAMP = "%Y%m%d%H%M"
REVIEWED = "-review.csv"  # how names of files end whose labels reviewers gave
WINDOW = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d)(\d\d)?(?:-review)?\.csv$"
)  # by which runs name labelled rows: the start of their window
LABEL = re.compile(rb'^(?:"(?:[^"]|"")*"|[^",]*),')  # the first field of a row
ENTRY_POINT, LOG_LEVEL = "train.py", 20  # of the framework container; INFO
CSV, ONE_A_REQUEST = "text/csv", "application/json"  # a document of JSON is a request of its own
BROKEN_DATA_CHECKS = frozenset({"data_type_check", "completeness_check", "missing_column_check"})
TRAIN, RELEASE, RENEW, SETTLE, NOTHING = (
    "train",
    "release",
    "renew",
    "settle",
    "nothing",
)  # the ways that a run may take
TELL, UNDO = "tell", "undo"  # what the watch does about a model that the monitors speak against
NEW, OLD, RECENT, BASELINE = "new", "old", "now", "base"  # ends of names that are made of the run's
CHAMPION_KEPT = ("Image", "Environment")  # of a container, beside its artefact


@dataclass(frozen=True)
class Rows:
    """One object with labelled rows. window: when the window began that it is of; None where its name does not say."""

    uri: str
    size_bytes: int
    etag: str
    modified: datetime
    window: datetime | None

    @property
    def source(self) -> str:
        """Who gave the labels: reviewers, or whoever else."""
        return "review" if self.uri.endswith(REVIEWED) else "labels"

    @property
    def time(self) -> datetime:
        """When its rows were, as far as is known."""
        return self.window or self.modified


@dataclass(frozen=True)
class LeftOut:
    """A window whose rows teach nothing, and why."""

    start: datetime
    end: datetime
    reason: str


# --- names --------------------------------------------------------------------------------------------------------------


def run_name(given: Mapping[str, Any], execution: str, started: datetime, prefix: str) -> str:
    """Of whoever started the run; a run that was started by hand under any name is called by its minute."""
    name = str(given.get("run") or execution)
    return name if name.startswith(f"{prefix}-") and len(name) <= NAME_MAX else f"{prefix}-{started:{STAMP}}-0"


def name_of(run: str, what: str) -> str:
    """`{run}-{what}`, cut with a hash where it would be too long."""
    room = NAME_MAX - len(what) - 1
    if len(run) > room:
        run = f"{run[: room - 9].rstrip('-')}-{hashlib.sha256(run.encode()).hexdigest()[:8]}"
    return f"{run}-{what}"


def baseline_version(run: str) -> str:
    """Of the baseline that a run makes: no deployment's version begins so."""
    return f"v-{run}"


def undoes(on_violation: str) -> bool:
    """Whether the watch brings the old model back, or tells people alone. Raises: ValueError."""
    if on_violation not in (TELL, UNDO):
        raise ValueError(
            f"on_violation should be {TELL} or {UNDO}, found {on_violation}; start the run again with one of them"
        )
    return on_violation == UNDO


def asker(package_arn: str, role: str) -> str:
    """In whose name a package is asked for: the registry's role knows that of its account alone, "" is the function's own."""
    return role if role and _account(role) == _account(package_arn) else ""


def _account(arn: str) -> str:
    return arn.split(":")[4]


# --- rows ---------------------------------------------------------------------------------------------------------------


def rows(bucket: str, objects: Iterable[Mapping[str, Any]]) -> list[Rows]:
    """Objects that hold something, by key; consoles leave empty ones as folders."""
    return [
        Rows(
            f"s3://{bucket}/{found['Key']}",
            int(found["Size"]),
            str(found["ETag"]).strip('"'),
            found["LastModified"],
            window_of(found["Key"]),
        )
        for found in sorted(objects, key=lambda found: str(found["Key"]))
        if found["Size"]
    ]


def window_of(key: str) -> datetime | None:
    """The start of the window that an object's name says."""
    match = WINDOW.search(key)
    if match is None:
        return None
    return datetime.strptime(f"{match[1]}{match[2] or '00'}", "%Y-%m-%dT%H%M").replace(tzinfo=UTC)


def sound(found: Sequence[Rows], left_out: Sequence[LeftOut]) -> list[Rows]:
    """Without those of windows that are left out."""
    return [each for each in found if not any(window.start <= each.time < window.end for window in left_out)]


def recent(found: Sequence[Rows], now: datetime, hours: float) -> list[Rows]:
    """Of windows that ended in the last hours; where none did, of the newest."""
    since = now - timedelta(hours=hours)
    kept = [each for each in found if each.time >= since]
    newest = max((each.time for each in found), default=None)
    return kept or [each for each in found if each.time == newest]


def broken(report: Mapping[str, Any] | None, row: Mapping[str, Any]) -> LeftOut | None:
    """Whether a window's data was broken, by its report; a run without a report that ended in an error says nothing good either."""
    window = LeftOut(datetime.fromisoformat(row["window_start"]), datetime.fromisoformat(row["sk"]), "")
    if row.get("verdict") == "error":
        return LeftOut(window.start, window.end, "its run ended in an error")
    checks = {
        check
        for monitor in (report or {}).get("monitors", ())
        for check, count in monitor.get("violations", {}).items()
        if count and check in BROKEN_DATA_CHECKS
    }
    return LeftOut(window.start, window.end, f"its data was broken: {', '.join(sorted(checks))}") if checks else None


def questions(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Rows without their labels, as a model is asked. A label that is quoted may hold commas."""
    for line in lines:
        yield LABEL.sub(b"", line.rstrip(b"\r\n"), count=1) + b"\n"


def manifest(found: Sequence[Rows], place: str) -> list[Any]:
    """As SageMaker reads one: what all keys begin with, then the rest of each. place: where a channel's objects lie."""
    prefix = place[: place.rindex("/") + 1]
    return [{"prefix": prefix}, *(each.uri.removeprefix(prefix) for each in found)]


def lineage(found: Mapping[str, Sequence[Rows]], left_out: Sequence[LeftOut]) -> dict[str, Any]:
    """What a model was made of, to be kept: every object with its digest, and every window that was left out with why."""
    return {
        "channels": {
            name: [
                {"uri": each.uri, "etag": each.etag, "bytes": each.size_bytes, "source": each.source}
                for each in objects
            ]
            for name, objects in found.items()
        },
        "left_out": [
            {"start": window.start.isoformat(), "end": window.end.isoformat(), "reason": window.reason}
            for window in left_out
        ],
    }


# --- requests -----------------------------------------------------------------------------------------------------------


def training_job(name: str, training: Mapping[str, Any], manifests: Mapping[str, str]) -> dict[str, Any]:
    """The CreateTrainingJob request. manifests: channel → the manifest of its objects; a channel without one holds nothing."""
    resources = {
        "InstanceType": training["instance_type"],
        "InstanceCount": training["instance_count"],
        "VolumeSizeInGB": training["volume_size_gb"],
    }
    output = {"S3OutputPath": training["output_uri"]}
    if training["kms_key_arn"]:
        resources["VolumeKmsKeyId"] = output["KmsKeyId"] = training["kms_key_arn"]
    request: dict[str, Any] = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": training["image"], "TrainingInputMode": "File"},
        "RoleArn": training["role_arn"],
        "HyperParameters": hyperparameters(training),
        "InputDataConfig": [
            _channel(channel, manifests[channel["name"]])
            for channel in training["channels"]
            if channel["name"] in manifests
        ],
        "OutputDataConfig": output,
        "ResourceConfig": resources,
        "StoppingCondition": {"MaxRuntimeInSeconds": training["max_runtime_seconds"]},
        "EnableInterContainerTrafficEncryption": training["encrypt_traffic"],
        "Tags": tags(training["tags"]),
    }
    if training["subnets"]:
        request["VpcConfig"] = {"Subnets": training["subnets"], "SecurityGroupIds": training["security_group_ids"]}
    return request


def trained_by(plan: Mapping[str, Any], training: Mapping[str, Any], manifests: Mapping[str, str]) -> dict[str, Any]:
    """What the plan says of the training: a job of ours, or a pipeline of others, which is told where everything lies."""
    pipeline = training.get("pipeline")
    if not pipeline:
        return {"trains_by": "job", "training_job": training_job(plan["run"], training, manifests)}
    given = {"run": plan["run"], "endpoint": plan["endpoint"], "output": training["output_uri"], **manifests}
    seconds = training["max_runtime_seconds"]
    return {"trains_by": "pipeline", "pipeline": {**pipeline, "given": given, "seconds": seconds}}


def hyperparameters(training: Mapping[str, Any]) -> dict[str, str]:
    """In script mode the framework container finds its script through two parameters, JSON texts as the SageMaker SDK sends."""
    if not training["source_uri"]:
        return dict(training["hyperparameters"])
    return dict(training["hyperparameters"]) | {
        "sagemaker_program": json.dumps(ENTRY_POINT),
        "sagemaker_submit_directory": json.dumps(training["source_uri"]),
        "sagemaker_container_log_level": json.dumps(LOG_LEVEL),
        "sagemaker_region": json.dumps(training["region"]),
    }


def _channel(channel: Mapping[str, Any], manifest_uri: str) -> dict[str, Any]:
    source = {"S3DataType": "ManifestFile", "S3Uri": manifest_uri, "S3DataDistributionType": "FullyReplicated"}
    return {
        "ChannelName": channel["name"],
        "DataSource": {"S3DataSource": source},
        "ContentType": channel["content_type"],
    }


def transform_job(
    name: str, model: str, input_uri: str, output_uri: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The CreateTransformJob request: each line of the input is a record, each line of the output its answer, in order."""
    given = settings["transform"]
    resources = {"InstanceType": given["instance_type"], "InstanceCount": 1}
    if given["volume_key"]:
        resources["VolumeKmsKeyId"] = settings["kms_key"]
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": input_uri}}
    return {
        "TransformJobName": name,
        "ModelName": model,
        "BatchStrategy": "SingleRecord" if given["content_type"] == ONE_A_REQUEST else "MultiRecord",
        "TransformInput": {"DataSource": source, "ContentType": given["content_type"], "SplitType": "Line"},
        "TransformOutput": {
            "S3OutputPath": output_uri,
            "Accept": given["accept"],
            "AssembleWith": "Line",
            "KmsKeyId": settings["kms_key"],
        },
        "TransformResources": resources,
        "Tags": tags(settings["tags"]),
    }


def tags(given: Mapping[str, str]) -> list[dict[str, str]]:
    """As requests take them."""
    return [{"Key": key, "Value": value} for key, value in sorted(given.items())]


# --- what serves --------------------------------------------------------------------------------------------------------


class NotServed(LookupError):
    """No variant of an endpoint serves what is said to be live."""


def champion(variants: Sequence[tuple[str, str, Mapping[str, Any]]], live: str | None) -> dict[str, Any]:
    """The model that serves, as a new one is made like it. variants: (variant, model, container); live: its artefact, None where
    another team deploys the endpoint. Raises: NotServed."""
    serving = [
        (variant, model, container)
        for variant, model, container in variants
        if live is None or container.get("ModelDataUrl") == live
    ]
    if not serving:
        raise NotServed(
            f"no variant serves {live}, which the live parameter names. Deploy the endpoint's stack, or wait until a deployment "
            "that is under way has ended."
        )
    _, model, container = serving[0]
    same = [variant for variant, _, other in serving if other.get("ModelDataUrl") == container.get("ModelDataUrl")]
    return {
        "model": model,
        "artifact": container.get("ModelDataUrl", ""),
        "container": {name: container[name] for name in CHAMPION_KEPT if container.get(name)},
        "variants": same,
    }
