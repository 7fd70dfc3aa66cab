"""The applications in front of the endpoints: they send requests through the hour, and learn the truth when it is over."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from demo.data import Dataset, Request
from demo.observations import Sent
from model_monitor.ground_truth_writer import file_contents, group

SLICES = 3
FIRST_MINUTE = 48  # after the hour before was closed and judged
MINUTES_APART = 4
RECORDS_AN_HOUR = 360
LABELLED = timedelta(minutes=59)  # into the hour: the last requests are answered, and the truth is known


def send(
    traffic: Sequence[tuple[Dataset, Sequence[Request]]],
    start: datetime,
    advance_to: Callable[[datetime], None],
    runtime: Any,
) -> dict[str, Sent]:
    """Send one hour's requests in a few bursts of virtual time; returns what each application saw."""
    sent = {dataset.endpoint: Sent() for dataset, _ in traffic}
    for burst in range(SLICES):
        advance_to(start + timedelta(minutes=FIRST_MINUTE + burst * MINUTES_APART))
        for dataset, requests in traffic:
            for request in requests[burst::SLICES]:
                _call(dataset.endpoint, request, runtime, sent[dataset.endpoint])
    return sent


def _call(endpoint: str, request: Request, runtime: Any, sent: Sent) -> None:
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint,
        Body=request.body,
        ContentType=request.content_type,
        Accept=request.accept,
        InferenceId=request.inference_id,
    )
    labels = predicted(answer["Body"].read().decode(), request.accept)
    sent.requests += 1
    sent.records += len(request.table)
    sent.correct += sum(one == other for one, other in zip(labels, request.table.labels, strict=True))


def predicted(body: str, accept: str) -> list[int]:
    """The labels of a response, in the order of the records."""
    if accept == "text/csv":
        return [int(row[0]) for row in csv.reader(io.StringIO(body))]
    return [int(item["label"]) for item in sorted(json.loads(body), key=lambda item: int(item["payload_index"]))]


def label(dataset: Dataset, requests: Sequence[Request], hour: datetime, bucket: str, s3: Any) -> None:
    """What is known after the hour, as ground truth for the monitors, whose runs make rows for a training of it."""
    if dataset.is_reviewed:
        return
    known = group(
        (request.inference_id, place, truth)
        for request in requests
        for place, truth in enumerate(map(int, request.table.labels))
    )
    for path, lines in file_contents(known, hour + LABELLED).items():
        s3.put_object(Bucket=bucket, Key=f"{dataset.endpoint}/ground-truth/{path}", Body=lines)
