"""Which window, which objects, which runner: pure, no AWS calls, no clock, no environment."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from windows import HOUR, Window, is_often

TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
MEGABYTE = 1 << 20
NONE, LAMBDA, PROCESSING, TAKEN = "none", "lambda", "processing", "taken"
DATASET = "/opt/ml/processing/input/endpoint"
OUTPUT = "/opt/ml/processing/output"
CONSTRAINTS = "/opt/ml/processing/baseline/constraints"
STATISTICS = "/opt/ml/processing/baseline/stats"
MOUNTED = {"baseline_constraints": (CONSTRAINTS, "constraints"), "baseline_statistics": (STATISTICS, "statistics")}
NAME_MAX = 63
SHORTEST_WAIT, LONGEST_WAIT = 45, 165  # seconds between two tries while a quota is used up


@dataclass(frozen=True)
class Found:
    """One object of the capture."""

    key: str
    size_bytes: int
    modified: datetime


def folders(of: Window) -> Iterator[str]:
    """Below a variant: the window's hours, or days where they are whole, and the hour before, whose files may end in it."""
    yield f"{of.start.replace(minute=0) - HOUR:%Y/%m/%d/%H}"
    hour = of.start.replace(minute=0)
    while hour < of.end:
        is_day = hour.hour == 0 and hour + 24 * HOUR <= of.end
        yield f"{hour:%Y/%m/%d}" if is_day else f"{hour:%Y/%m/%d/%H}"
        hour += 24 * HOUR if is_day else HOUR


def wanted(objects: Iterable[Found], of: Window) -> list[Found]:
    """Objects that may hold events of the window: a file that was complete before it began holds none. By key."""
    return sorted((found for found in objects if found.modified >= of.start), key=lambda found: found.key)


def runner(objects: Sequence[Found], monitor: Mapping[str, Any]) -> str:
    """Nothing for an empty window, a Lambda for what it manages in minutes, a job for the rest."""
    if not objects:
        return NONE
    if monitor["runner"] != "auto":
        return str(monitor["runner"])
    is_small = sum(found.size_bytes for found in objects) <= monitor["lambda_max_megabytes"] * MEGABYTE
    return LAMBDA if is_small and not monitor["asks_model"] else PROCESSING


def manifest(bucket: str, prefix: str, objects: Iterable[Found]) -> list[Any]:
    """As SageMaker reads one, and the Lambda too: what all keys begin with, then the rest of each."""
    return [{"prefix": f"s3://{bucket}/{prefix}"}, *(found.key.removeprefix(prefix) for found in objects)]


def traffic(monitor: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the last step compares the window's capture with; None for batch transform jobs, of which nobody counts calls, and for a
    monitor that was deployed before this."""
    if not monitor.get("captured_variants"):
        return None
    return {
        "variants": monitor["captured_variants"],
        "sampling_percentage": monitor["sampling_percentage"],
        "captured_share": monitor["captured_share"],
        "period_seconds": 300 if is_often(monitor) else 3600,
    }


def metrics_until(of: Window, monitor: Mapping[str, Any]) -> datetime:
    """Until when values may carry the time at which the window ended; where runs come more often than hourly, never."""
    if is_often(monitor):
        return of.end
    return of.end + timedelta(minutes=monitor["delay_minutes"]) + HOUR


def job_name(schedule: str, of: Window, attempt: int) -> str:
    """`{schedule}-{yyyymmddHHMM}-{attempt}`, cut with a hash where it would be too long."""
    suffix = f"-{of.start:%Y%m%d%H%M}-{attempt}"
    room = NAME_MAX - len(suffix)
    if len(schedule) > room:
        schedule = f"{schedule[: room - 9].rstrip('-')}-{hashlib.sha256(schedule.encode()).hexdigest()[:8]}"
    return schedule + suffix


def job(
    monitor: Mapping[str, Any], of: Window, name: str, manifest_uri: str, folder: str, now: datetime
) -> dict[str, Any]:
    """The CreateProcessingJob request of a run; the Lambda takes the same. What transform jobs captured, the run fetches itself."""
    given = monitor["processing"]
    variables = {
        **monitor["environment"],
        "dataset_source": DATASET,
        "output_path": OUTPUT,
        "start_time": f"{of.start:{TIME_FORMAT}}",
        "end_time": f"{of.end:{TIME_FORMAT}}",
        "sagemaker_endpoint_name": monitor["endpoint"],
        "sagemaker_monitoring_schedule_name": monitor["schedule"],
        "sagemaker_endpoint_datacapture_prefix": destination(monitor),
        "MODEL_MONITOR_NOW": f"{now:{TIME_FORMAT}}",
    }
    inputs = [] if monitor.get("transform") else [_input("endpoint", manifest_uri, DATASET, "ManifestFile")]
    variables |= {"monitor_transform": manifest_uri} if monitor.get("transform") else {}
    for variable, (folder_, what) in MOUNTED.items():
        if uri := monitor["baseline"].get(what):
            inputs.append(_input(what, uri, folder_, "S3Prefix"))
            variables[variable] = f"{folder_}/{uri.rpartition('/')[2]}"
    output = {"S3Uri": folder, "LocalPath": OUTPUT, "S3UploadMode": "EndOfJob"}
    key = {"KmsKeyId": given["kms_key"]} if given["kms_key"] else {}
    return {
        "ProcessingJobName": name,
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "reports", "S3Output": output}], **key},
        "ProcessingResources": {"ClusterConfig": given["cluster"]},
        "StoppingCondition": {"MaxRuntimeInSeconds": given["max_seconds"]},
        "AppSpecification": given["application"],
        "Environment": variables,
        "NetworkConfig": given["network"],
        "RoleArn": given["role"],
        "Tags": given["tags"],
    }


def destination(monitor: Mapping[str, Any]) -> str:
    """Of the capture configuration, as the service tells it: it adds the endpoint's name to it, and so do runs."""
    return str(monitor["capture"]).removesuffix(f"/{monitor['endpoint']}")


def _input(name: str, uri: str, folder: str, kind: str) -> dict[str, Any]:
    source = {"S3Uri": uri, "LocalPath": folder, "S3DataType": kind, "S3InputMode": "File"}
    return {"InputName": name, "S3Input": {**source, "S3DataDistributionType": "FullyReplicated"}}


def wait_seconds(name: str) -> int:
    """How long a job waits for a free instance before it asks again: apart from others, alike each time."""
    digest = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
    return SHORTEST_WAIT + digest % (LONGEST_WAIT - SHORTEST_WAIT)


def split(uri: str) -> tuple[str, str]:
    """Bucket and key of an S3 URI. Raises: ValueError."""
    found = re.fullmatch(r"s3://([^/]+)/?(.*)", uri)
    if found is None:
        raise ValueError(f"{uri} should be an S3 URI")
    return found[1], found[2]
