"""A new baseline: rows whose labels are known and what the new model says of them. Pure: no AWS calls, no clock."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cells import value

DATASET = "/opt/ml/processing/input/baseline_dataset_input"
OUTPUT = "/opt/ml/processing/output"


class RowsDiffer(ValueError):
    """A model answered another number of rows than it was asked about."""


def answer(line: str, columns: Sequence[Sequence[Any]], records: str = "") -> dict[str, Any]:
    """What a model says of one row, by the names of the dataset's columns. columns: (key, dotted path or position in an
    answer, name of the column). records: where an answer of JSON holds its list of results; of one row there is one."""
    said = json.loads(line) if line[:1] in ("{", "[") else next(csv.reader([line]))
    said = _at(said, records) if records and isinstance(said, dict) else said
    if isinstance(said, list) and len(said) == 1 and isinstance(said[0], (dict, list)):
        (said,) = said
    return {str(name): found for place, name in columns if (found := _at(said, place)) is not None}


def _at(said: Any, place: Any) -> Any:
    if isinstance(place, int):
        found = said[place] if isinstance(said, list) and place < len(said) else None
        return value(found) if isinstance(found, str) else found
    if isinstance(said, dict) and place in said:
        return said[place]
    for part in str(place).split("."):
        said = said.get(part) if isinstance(said, dict) else None
    return said


def dataset(
    rows: Iterable[str],
    answers: Iterable[str],
    names: Sequence[str],
    label: str,
    columns: Sequence[Sequence[Any]],
    records: str = "",
) -> Iterator[str]:
    """JSON Lines: the features and the label of each row, and what the model says of it. Raises: RowsDiffer."""
    said = iter(answers)
    for number, row in enumerate(csv.reader(rows), start=1):
        line = next(said, None)
        if line is None:
            raise RowsDiffer(f"row {number} has no answer: the model answered fewer rows than it was asked about")
        truth, *features = row
        record = {name: found for name, text in zip(names, features, strict=True) if (found := value(text)) is not None}
        known = {label: value(truth)} if label else {}
        yield json.dumps({**record, **answer(line, columns, records), **known}) + "\n"
    if next(said, None) is not None:
        raise RowsDiffer("the model answered more rows than it was asked about")


def job(name: str, template: Mapping[str, Any], version: str, dataset_uri: str, place: str) -> dict[str, Any]:
    """The CreateProcessingJob request: as at deployment, over another dataset, into another version.

    template: the deployment's own request; place: where the versions lie.
    """
    (output,) = template["ProcessingOutputConfig"]["Outputs"]
    source = {
        "S3Uri": dataset_uri,
        "LocalPath": DATASET,
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        "S3DataDistributionType": "FullyReplicated",
    }
    outputs = [{**output, "S3Output": {**output["S3Output"], "S3Uri": f"{place}/{version}"}}]
    return {
        **template,
        "ProcessingJobName": name,
        "ProcessingInputs": [{"InputName": "baseline_dataset_input", "S3Input": source}],
        "ProcessingOutputConfig": {**template["ProcessingOutputConfig"], "Outputs": outputs},
        "Environment": {
            **template["Environment"],
            "dataset_format": '{"json":{"lines":true}}',
            "dataset_source": DATASET,
            "baseline_version": version,
        },
    }


def missing(version: str, files: Sequence[str], uris: Iterable[str], place: str) -> list[str]:
    """Files of a complete version that are not among the objects of its folder."""
    found = set(uris)
    return [name for name in files if f"{place}/{version}/{name}" not in found]
