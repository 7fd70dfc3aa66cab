"""What a preprocessor script is given for a captured event: the attributes that AWS's analyzer offers, and older names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]


class Payload:
    """One side of an event as captured; binary data stays in base 64."""

    __slots__ = ("_content",)

    def __init__(self, content: Json) -> None:
        self._content = content

    @property
    def data(self) -> Any:
        return self._content.get("data")

    @property
    def encoding(self) -> Any:
        return self._content.get("encoding")

    @property
    def mode(self) -> Any:
        return self._content.get("mode")

    @property
    def observedContentType(self) -> Any:  # noqa: N802 - AWS's spelling
        return self._content.get("observedContentType")

    observed_content_type = observedContentType

    def as_dict(self) -> dict[str, Any]:
        """As it stands in the capture file."""
        return dict(self._content)


class EventMetadata:
    """What the service says of an event; `custom_attribute` is its list of custom attributes, None without any."""

    __slots__ = ("_content",)

    def __init__(self, content: Json) -> None:
        self._content = content

    @property
    def event_id(self) -> Any:
        return self._content.get("eventId")

    @property
    def event_time(self) -> Any:
        return self._content.get("inferenceTime")

    @property
    def inference_id(self) -> Any:
        return self._content.get("inferenceId")

    @property
    def custom_attribute(self) -> Any:
        return self._content.get("customAttributes")

    def as_dict(self) -> dict[str, Any]:
        """As it stands in the capture file."""
        return dict(self._content)


class EventData:
    """The sides under the names that older scripts use: `event_data.endpointInput.data`."""

    __slots__ = ("_record",)

    def __init__(self, record: InferenceRecord) -> None:
        self._record = record

    @property
    def endpointInput(self) -> Payload | None:  # noqa: N802 - AWS's spelling
        return self._record.endpoint_input

    @property
    def endpointOutput(self) -> Payload | None:  # noqa: N802 - AWS's spelling
        return self._record.endpoint_output

    @property
    def batchTransformOutput(self) -> Payload | None:  # noqa: N802 - AWS's spelling
        return self._record.batch_transform_output

    @property
    def groundTruthData(self) -> Payload | None:  # noqa: N802 - AWS's spelling
        return self._record.ground_truth

    def as_dict(self) -> dict[str, Any]:
        """As it stands in the capture file."""
        return dict(self._record.event_dict.get("captureData") or {})


class InferenceRecord:
    """One event; a side that was not captured is None."""

    __slots__ = ("event_dict",)

    def __init__(self, event_dict: dict[str, Any]) -> None:
        self.event_dict = event_dict

    @property
    def endpoint_input(self) -> Payload | None:
        return self._side("endpointInput")

    @property
    def endpoint_output(self) -> Payload | None:
        return self._side("endpointOutput")

    @property
    def batch_transform_output(self) -> Payload | None:
        return self._side("batchTransformOutput")

    @property
    def ground_truth(self) -> Payload | None:
        """Of merged files."""
        content = self.event_dict.get("groundTruthData")
        return Payload(content) if isinstance(content, Mapping) else None

    @property
    def event_metadata(self) -> EventMetadata:
        return EventMetadata(self.event_dict.get("eventMetadata") or {})

    @property
    def event_version(self) -> Any:
        return self.event_dict.get("eventVersion")

    @property
    def event_data(self) -> EventData:
        return EventData(self)

    def as_dict(self) -> dict[str, Any]:
        """The whole event."""
        return self.event_dict

    def _side(self, name: str) -> Payload | None:
        content = (self.event_dict.get("captureData") or {}).get(name)
        return Payload(content) if isinstance(content, Mapping) else None
