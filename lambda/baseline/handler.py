"""Baseline Lambda: custom resource Custom::ModelBaseline on one side, the end of its processing job on the other.

A baseline takes longer than a Lambda may run, so the request is parked as an object `{PENDING}{job}.json` and answered when
EventBridge tells that the job ended, or when the rule that rings while requests wait finds that it did. It is parked before the
job is created: a job can then end at any time. Every path answers CloudFormation, exceptions included, because a request without
an answer blocks a deployment for an hour.

Environment: BUCKET (baselines and parked requests), PENDING (folder of the latter), KMS_KEY (of both), POLL_RULE. Role:
ListBucket on the bucket, or a missing object reads as "forbidden".
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

import cloudformation
import decide
from aws import client, log, patiently
from botocore.exceptions import ClientError

NAME_TAKEN = "ResourceInUse"


def handle(event: dict[str, Any], _context: object = None) -> None:
    """A CloudFormation request, or an EventBridge event; anything else is logged and dropped."""
    if "RequestType" in event:
        _answering(event, _on_request)
    elif (ended := decide.ended_job(event)) is not None:
        _on_job_end(*ended)
    elif decide.is_poll(event):
        _poll()
    else:
        log("ignored", detail_type=event.get("detail-type", ""))


def _answering(request: dict[str, Any], act: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
    """Run `act`; CloudFormation is told its answer or its exception. None: the answer comes when the job ends."""
    try:
        answer = act(request)
    except Exception as error:  # noqa: BLE001 (CloudFormation must be told of every failure)
        answer = decide.failure(request, f"{type(error).__name__}: {error}")
    if answer is None:
        return
    cloudformation.respond(request["ResponseURL"], answer)
    log("answered", request=request.get("RequestType"), status=answer["Status"], reason=answer.get("Reason", ""))


def _on_request(request: dict[str, Any]) -> dict[str, Any] | None:
    _unpark(decide.superseded(request))
    if request["RequestType"] == "Delete":
        return decide.success(request)
    baseline = decide.properties(request)
    current = _read(baseline.current_key)
    step = decide.step(request, current)
    if step is decide.Step.COMPUTE:
        return _compute(request, baseline)
    if step is decide.Step.POINT:
        _make_current(baseline)
        return decide.success(request, baseline.version)
    version = str((current or {})["version"])
    _publish_live(baseline, version)
    log("kept", endpoint=baseline.endpoint, version=version, asked_for=baseline.version)
    return decide.success(request, version)


def _compute(request: dict[str, Any], baseline: decide.Baseline) -> dict[str, Any] | None:
    """Start the version's job, or join the one that runs, or use the one that completed."""
    for name in decide.attempt_names(baseline.job_name):
        if (taken_by := _create(name, request, baseline)) is None:
            return None
        following = decide.after(taken_by, baseline)
        if following is decide.Next.WAIT:
            return None
        _unpark([name])
        if following is decide.Next.FINISH:
            _verify(baseline)
            _make_current(baseline)
            return decide.success(request, baseline.version, name)
    raise decide.RequestError(
        f"all {decide.ATTEMPTS_MAX} jobs of version {baseline.version} failed or wrote elsewhere. "
        "Correct what the last one says; other settings or data make another version."
    )


def _create(name: str, request: dict[str, Any], baseline: decide.Baseline) -> dict[str, Any] | None:
    """None when the job was started; otherwise the job that has this name already."""
    _park(name, request)
    patiently(lambda: client("events").enable_rule(Name=os.environ["POLL_RULE"]))
    try:
        patiently(lambda: client("sagemaker").create_processing_job(ProcessingJobName=name, **baseline.processing_job))
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != NAME_TAKEN:
            _unpark([name])
            raise
        taken_by: dict[str, Any] = client("sagemaker").describe_processing_job(ProcessingJobName=name)
        return taken_by
    log("started", endpoint=baseline.endpoint, version=baseline.version, job=name)
    return None


def _on_job_end(name: str, status: str) -> None:
    """Events arrive at least once and for every job of the account: only a parked request makes one ours."""
    request = _parked(name)
    if request is None:
        log("ignored", job=name, status=status, reason="no_pending_request")
        return

    def finish(request: dict[str, Any]) -> dict[str, Any]:
        baseline = decide.properties(request)
        if status != "Completed":
            job = client("sagemaker").describe_processing_job(ProcessingJobName=name)
            return decide.failure(request, decide.failure_reason(name, status, job))
        _verify(baseline)
        _make_current(baseline)
        return decide.success(request, baseline.version, name)

    _answering(request, finish)
    _unpark([name])


def _poll() -> None:
    """Answer requests whose job ended without a word; once nothing waits, the clock stops."""
    waiting = [decide.pending_job(_folder(), key) for key in _keys(_folder())]
    for name in waiting:
        status = str(client("sagemaker").describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"])
        if status in decide.ENDED:
            log("found_ended", job=name, status=status)
            _on_job_end(name, status)
    if not _keys(_folder()):
        client("events").disable_rule(Name=os.environ["POLL_RULE"])


def _verify(baseline: decide.Baseline) -> None:
    """Raises: IncompleteError."""
    if lacking := decide.missing(baseline, _keys(baseline.folder)):
        raise decide.IncompleteError(baseline.version, lacking)


def _make_current(baseline: decide.Baseline) -> None:
    _write(baseline.current_key, decide.pointer(baseline, _read(baseline.current_key)))
    _publish_live(baseline, baseline.version)
    log("current", endpoint=baseline.endpoint, version=baseline.version)


def _publish_live(baseline: decide.Baseline, version: str) -> None:
    client("ssm").put_parameter(Name=baseline.live_parameter, Value=version, Type="String", Overwrite=True)


def _keys(prefix: str) -> list[str]:
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=os.environ["BUCKET"], Prefix=prefix)
    return [str(item["Key"]) for page in pages for item in page.get("Contents", [])]


def _folder() -> str:
    return os.environ["PENDING"]


def _park(name: str, request: dict[str, Any]) -> None:
    _write(decide.pending_key(_folder(), name), json.dumps(request).encode())


def _write(key: str, body: bytes) -> None:
    """The key of the data is named in each request: buckets may refuse objects that come without."""
    client("s3").put_object(
        Bucket=os.environ["BUCKET"],
        Key=key,
        Body=body,
        ContentType="application/json",
        ServerSideEncryption="aws:kms",
        SSEKMSKeyId=os.environ["KMS_KEY"],
    )


def _parked(name: str) -> dict[str, Any] | None:
    return _read(decide.pending_key(_folder(), name))


def _unpark(names: Iterable[str]) -> None:
    objects = [{"Key": decide.pending_key(_folder(), name)} for name in names]
    if objects:
        client("s3").delete_objects(Bucket=os.environ["BUCKET"], Delete={"Objects": objects, "Quiet": True})


def _read(key: str) -> dict[str, Any] | None:
    s3 = client("s3")
    try:
        found = patiently(lambda: s3.get_object(Bucket=os.environ["BUCKET"], Key=key))
        content: dict[str, Any] = json.loads(found["Body"].read())
    except s3.exceptions.NoSuchKey:
        return None
    return content
