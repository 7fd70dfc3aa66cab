"""Shadow endpoints of jobs that were killed: a run removes its own, but not after SIGKILL, and they cost money every hour.

Which endpoints are meant is told by their names' prefix and their tags, never by the prefix alone: an endpoint that carries no
tags of ours belongs to somebody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

JOB_TAG = "model-monitor:job"
EXPIRES_TAG = "model-monitor:expires"
CLOCK_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
ENDED = ("Completed", "Failed", "Stopped")
NOT_THERE = ("Could not find", "does not exist")


class NotRemoved(RuntimeError):
    """Some endpoints are still there; the next hour tries again."""


def remove(sagemaker: Any, prefixes: Sequence[str], now: datetime, ended_job: str | None = None) -> list[str]:
    """Remove what nobody uses any more; the names. `ended_job`: look at that job's only, which is known to be over.

    Raises: NotRemoved after the others, for endpoints that the service does not remove now.
    """
    removed, left = [], {}
    for name, tags in _tagged(sagemaker, prefixes):
        if ended_job is not None:
            is_leftover = EXPIRES_TAG in tags and tags.get(JOB_TAG) == ended_job
        else:
            is_leftover = is_expired(tags, now) or _has_ended(sagemaker, tags)
        if is_leftover:
            try:
                _quietly(sagemaker.delete_endpoint, EndpointName=name)
                _quietly(sagemaker.delete_endpoint_config, EndpointConfigName=name)
            except ClientError as error:
                left[name] = str(error)
            else:
                removed.append(name)
    if left:
        raise NotRemoved("; ".join(f"{name}: {why}" for name, why in left.items()))
    return removed


def is_expired(tags: Mapping[str, str], now: datetime) -> bool:
    """Whether the time is over that its run was given; of what is not ours, never."""
    try:
        expires = datetime.strptime(tags.get(EXPIRES_TAG, ""), CLOCK_FORMAT)
    except ValueError:
        return False
    return expires.replace(tzinfo=UTC) < now


def ended_job(event: Mapping[str, Any]) -> str | None:
    """The processing job whose end an event tells; None for events of other kinds."""
    detail = event.get("detail") or {}
    return detail.get("ProcessingJobName") if detail.get("ProcessingJobStatus") in ENDED else None


def _has_ended(sagemaker: Any, tags: Mapping[str, str]) -> bool:
    job = tags.get(JOB_TAG)
    if not job or EXPIRES_TAG not in tags:
        return False
    found = _quietly(sagemaker.describe_processing_job, ProcessingJobName=job)
    return found is not None and found["ProcessingJobStatus"] in ENDED


def _tagged(sagemaker: Any, prefixes: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """(name, tags) of configurations whose names begin so; an endpoint never comes without one."""
    for prefix in prefixes:
        request: dict[str, Any] = {"NameContains": f"{prefix}-", "MaxResults": 100}
        found = []
        while True:
            page = sagemaker.list_endpoint_configs(**request)
            found += page["EndpointConfigs"]
            if not page.get("NextToken"):
                break
            request["NextToken"] = page["NextToken"]
        for config in found:
            if config["EndpointConfigName"].startswith(f"{prefix}-"):
                tags = _quietly(sagemaker.list_tags, ResourceArn=config["EndpointConfigArn"]) or {"Tags": []}
                yield config["EndpointConfigName"], {tag["Key"]: tag["Value"] for tag in tags["Tags"]}


def _quietly(call: Any, **request: Any) -> Any:
    """The answer; None when what is asked about is not there, which may happen between two calls."""
    try:
        return call(**request)
    except ClientError as error:
        found = error.response.get("Error", {})
        if "ResourceNotFound" in found.get("Code", "") or any(text in found.get("Message", "") for text in NOT_THERE):
            return None
        raise
