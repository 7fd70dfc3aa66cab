"""Data capture of endpoints: which events are kept, how a line looks, and where the files lie.

Events of a minute and variant make one file, delivered when the minute ends; so no file here holds events of two hours.
Which events are sampled and what their ids are depends on the endpoint's name and on how many came before.
"""

from __future__ import annotations

import base64
import json
import random
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from model_monitor import contract
from twin import objects
from twin.surroundings import Surroundings

EVENT_VERSION: Final = "0"


@dataclass(frozen=True, slots=True)
class Side:
    """One side of an invocation."""

    body: bytes
    content_type: str | None


@dataclass(frozen=True, slots=True)
class Invocation:
    """A request that was answered."""

    endpoint: str
    variant: str
    time: datetime
    request: Side
    response: Side
    inference_id: str | None = None
    custom_attributes: str | None = None


@dataclass(slots=True)
class _File:
    """A file that is still being filled."""

    bucket: str
    key: str
    kms_key: str | None
    role: str
    lines: list[str]


class Capture:
    """Collects captured events and delivers them."""

    def __init__(self, twin: Surroundings) -> None:
        self._twin = twin
        self._dice: dict[str, random.Random] = {}
        self._open: dict[tuple[str, str, str], _File] = {}
        self._lock = threading.Lock()

    def record(self, invocation: Invocation, config: Mapping[str, Any], role: str) -> None:
        """Keep an event if the deployed configuration says so."""
        if not config or str(config.get("EnableCapture", True)).lower() == "false":
            return
        with self._lock:
            dice = self._dice.setdefault(invocation.endpoint, random.Random(invocation.endpoint))
            chance, event_id = dice.random() * 100, uuid.UUID(int=dice.getrandbits(128), version=4)
            if chance >= float(config["InitialSamplingPercentage"]):
                return
            line = json.dumps(event(invocation, config, str(event_id)), separators=(",", ":"))
            destination = str(config["DestinationS3Uri"]).rstrip("/")
            hour = f"{invocation.time:%Y%m%d%H}"
            file = self._open.get((destination, f"{invocation.endpoint}/{invocation.variant}", hour))
            if file is None:
                file = self._file(invocation, destination, config.get("KmsKeyId"), role, dice)
                self._open[destination, f"{invocation.endpoint}/{invocation.variant}", hour] = file
            file.lines.append(line)

    @staticmethod
    def _file(invocation: Invocation, destination: str, kms_key: str | None, role: str, dice: random.Random) -> _File:
        bucket, prefix = objects.split(destination)
        folder = contract.capture_key(prefix, invocation.endpoint, invocation.variant, invocation.time)
        milliseconds = invocation.time.microsecond // 1000
        name = f"{invocation.time:%M-%S}-{milliseconds:03d}-{uuid.UUID(int=dice.getrandbits(128), version=4)}.jsonl"
        return _File(bucket, f"{folder}/{name}", kms_key, role, [])

    def deliver(self, _: datetime | None = None) -> None:
        """Write what was collected; with the model's role, as the service does."""
        with self._lock:
            files, self._open = list(self._open.values()), {}
        for file in files:
            body = ("\n".join(file.lines) + "\n").encode()
            try:
                objects.put(self._twin.client("s3", file.role), file.bucket, file.key, body, file.kms_key)
            except ClientError as error:  # the endpoint goes on serving; only its log tells
                text = f"{len(file.lines)} events for s3://{file.bucket}/{file.key} are lost: {error}"
                self._twin.journal.add("capture-failed", text, bucket=file.bucket, key=file.key)


def event(invocation: Invocation, config: Mapping[str, Any], event_id: str) -> dict[str, Any]:
    """One line of a capture file."""
    types = config.get("CaptureContentTypeHeader") or {}
    modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
    data: dict[str, Any] = {}
    if modes & {"Input", "InputAndOutput"}:
        data["endpointInput"] = _side(invocation.request, "INPUT", types)
    if modes & {"Output", "InputAndOutput"}:
        data["endpointOutput"] = _side(invocation.response, "OUTPUT", types)
    metadata: dict[str, Any] = {"eventId": event_id}
    if invocation.custom_attributes is not None:
        metadata["customAttributes"] = [invocation.custom_attributes]
    if invocation.inference_id is not None:
        metadata["inferenceId"] = invocation.inference_id
    metadata["inferenceTime"] = f"{invocation.time:{contract.TIME_FORMAT}}"
    return {"captureData": data, "eventMetadata": metadata, "eventVersion": EVENT_VERSION}


def _side(side: Side, mode: str, types: Mapping[str, Any]) -> dict[str, Any]:
    """Text only for the content types that are listed; everything else is BASE64."""
    kind = (side.content_type or "").partition(";")[0].strip().lower()
    encoding = "BASE64"
    for name, listed in (("CSV", types.get("CsvContentTypes")), ("JSON", types.get("JsonContentTypes"))):
        if kind and kind in [str(entry).lower() for entry in listed or ()]:
            encoding = name
            break
    try:
        text = side.body.decode() if encoding != "BASE64" else base64.b64encode(side.body).decode()
    except UnicodeDecodeError:
        encoding, text = "BASE64", base64.b64encode(side.body).decode()
    return {"observedContentType": side.content_type, "mode": mode, "data": text, "encoding": encoding}
