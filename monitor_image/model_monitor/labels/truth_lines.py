"""Lines of ground truth as the writer and people's reviews write them. Standard library alone: deployed functions carry this
module."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

EVENT_VERSION: Final = "0"
REVIEW_SOURCE: Final = "review"


def truth_line(metadata: Mapping[str, Any], labels: Sequence[str | None]) -> str:
    """One record: `eventMetadata` with at least the `eventId`, and the labels of the event."""
    record = {"groundTruthData": truth_data(labels), "eventMetadata": dict(metadata), "eventVersion": EVENT_VERSION}
    return json.dumps(record, separators=(",", ":"))


def reviewed_line(event: str, place: int, label: str, reviewers: Sequence[str]) -> str:
    """The label of one record that people looked at; who they were stands beside it, and joins pass it over."""
    metadata = {"eventId": event, "payload_index": place, "source": REVIEW_SOURCE, "reviewers": list(reviewers)}
    return truth_line(metadata, [label])


def truth_data(labels: Sequence[str | None]) -> dict[str, str]:
    """The labels of an event as AWS's `groundTruthData`; None where one is not known.

    CSV with one label a line, as in a payload, unless a label is missing or needs more than CSV has.
    """
    if not all(label is not None and label.isprintable() for label in labels):
        return {"data": json.dumps(labels), "encoding": "JSON"}
    sink = io.StringIO()
    csv.writer(sink, lineterminator="\n").writerows([label] for label in labels)
    return {"data": sink.getvalue().removesuffix("\n"), "encoding": "CSV"}
