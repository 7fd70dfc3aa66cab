from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from twin.sagemaker.capture import Invocation, Side, event

CONFIG = {
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://b/capture",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {
        "CsvContentTypes": ["text/csv"],
        "JsonContentTypes": ["application/json", "application/jsonlines"],
    },
}
TIME = datetime(2026, 3, 2, 10, 30, 15, 123000, tzinfo=UTC)


def captured(body: bytes, kind: str | None, config: dict[str, Any] = CONFIG, **more: str) -> dict[str, Any]:
    response = Side(b'[{"label": 1}]', "application/json")
    return event(Invocation("e", "v", TIME, Side(body, kind), response, **more), config, "id-1")


def test_a_line_has_the_fields_of_the_service_and_only_those_that_were_given() -> None:
    assert captured(b"1,2\n", "text/csv; charset=utf-8") == {
        "captureData": {
            "endpointInput": {
                "observedContentType": "text/csv; charset=utf-8",
                "mode": "INPUT",
                "data": "1,2\n",
                "encoding": "CSV",
            },
            "endpointOutput": {
                "observedContentType": "application/json",
                "mode": "OUTPUT",
                "data": '[{"label": 1}]',
                "encoding": "JSON",
            },
        },
        "eventMetadata": {"eventId": "id-1", "inferenceTime": "2026-03-02T10:30:15Z"},
        "eventVersion": "0",
    }


def test_the_callers_id_and_attributes_are_kept() -> None:
    metadata = captured(b"1", "text/csv", inference_id="mine", custom_attributes="a=b")["eventMetadata"]
    assert (metadata["inferenceId"], metadata["customAttributes"]) == ("mine", ["a=b"])


@pytest.mark.parametrize(
    ("body", "kind", "encoding"),
    [
        (b"1,2", "TEXT/CSV", "CSV"),
        (b'{"a":1}\n{"a":2}', "application/jsonlines", "JSON"),
        (b"1,2", "text/plain", "BASE64"),
        (b"1,2", None, "BASE64"),
        (b"\xff\xfe", "text/csv", "BASE64"),
    ],
)
def test_only_listed_content_types_are_stored_as_text(body: bytes, kind: str | None, encoding: str) -> None:
    side = captured(body, kind)["captureData"]["endpointInput"]
    text = body.decode() if encoding != "BASE64" else base64.b64encode(body).decode()
    assert (side["encoding"], side["data"], side["observedContentType"]) == (encoding, text, kind)


def test_without_listed_content_types_everything_is_base64() -> None:
    config = {key: value for key, value in CONFIG.items() if key != "CaptureContentTypeHeader"}
    data = captured(b"1,2", "text/csv", config)["captureData"]
    assert {side["encoding"] for side in data.values()} == {"BASE64"}


@pytest.mark.parametrize(
    ("modes", "sides"),
    [
        (["Input"], {"endpointInput"}),
        (["Output"], {"endpointOutput"}),
        (["InputAndOutput"], {"endpointInput", "endpointOutput"}),
    ],
)
def test_only_the_sides_that_the_modes_name_are_captured(modes: list[str], sides: set[str]) -> None:
    config = {**CONFIG, "CaptureOptions": [{"CaptureMode": mode} for mode in modes]}
    assert set(captured(b"1", "text/csv", config)["captureData"]) == sides
