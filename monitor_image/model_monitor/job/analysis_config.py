"""Clarify's analysis configuration in our words: what it says of bias, and of the payload. Keys of its own job are left alone.

Source: SageMaker developer guide, "Analysis configuration files".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from model_monitor.contract import BIAS_METRICS, BiasStage
from model_monitor.job.job import DatasetKind

STAGES: Final = ("pre_training_bias", "post_training_bias")
EVERY: Final = "[*]"
DATASET_TYPES: Final = {
    "text/csv": DatasetKind.CSV,
    "application/jsonlines": DatasetKind.JSON_LINES,
    "application/json": DatasetKind.JSON,
    "application/x-parquet": DatasetKind.PARQUET,
}


def bias_options(document: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of `monitors.model_bias` that it sets; what it leaves out is left out."""
    headers = headers_of(document)
    facets = document.get("facet")
    found = {
        "facets": [_facet(each, headers) for each in (facets if isinstance(facets, list) else [facets])]
        if facets
        else None,
        "label_values": document.get("label_values_or_threshold"),
        "label_name": _label(document, headers),
        "group_variable": _named(document.get("group_variable"), headers),
        "probability_threshold": document.get("probability_threshold"),
        "methods": _methods(document.get("methods")),
    }
    return {key: value for key, value in found.items() if value is not None}


def payload(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """The `payload` block that it describes; None without headers, since features have no names then."""
    headers = headers_of(document)
    if not headers:
        return None
    predicted = _named(document.get("predicted_label"), headers)
    names = [name for name in headers if name not in (_label(document, headers), predicted)]
    predictor = document.get("predictor")
    said = predictor if isinstance(predictor, Mapping) else {}
    output = {"prediction": said.get("label"), "score": said.get("probability")}
    content: dict[str, Any] = {
        "features": names,
        "label": _column(document, headers),
        "prediction": predicted,
        "output": {key: value for key, value in output.items() if value is not None},
    }
    features = document.get("features")
    if isinstance(features, str):  # JMESPath of the values of one record, or of all records
        content["records"], inner = place_of_features(features)
        content["features"] = [{"name": name, "path": f"{inner}[{i}]"} for i, name in enumerate(names)]
    return content


def place_of_features(expression: str) -> tuple[str | None, str]:
    """Where the records are, None for the document itself, and where in a record its list of values is."""
    records, every, inner = expression.partition(f"{EVERY}.")
    return (records, inner) if every else (None, expression)


def _facet(content: Any, headers: Sequence[str]) -> Any:
    if not isinstance(content, Mapping):
        return content
    facet = {"name": _named(content.get("name_or_index"), headers), "values": content.get("value_or_threshold")}
    return {key: value for key, value in facet.items() if value is not None}


def headers_of(document: Mapping[str, Any]) -> list[str]:
    """The names of the columns; none where the data set names them itself."""
    headers = document.get("headers")
    return [str(name) for name in headers] if isinstance(headers, list) else []


def _named(name: Any, headers: Sequence[str]) -> Any:
    """A column by its name; an index counts the headers."""
    return headers[name] if isinstance(name, int) and 0 <= name < len(headers) else name


def _label(document: Mapping[str, Any], headers: Sequence[str]) -> str | None:
    """The label's header: named, counted, or the last one where the label is found by JMESPath; without a label none."""
    label = _named(document.get("label"), headers)
    if label is None or label in headers or not headers:
        return None if label is None else str(label)
    return headers[-1]


def _column(document: Mapping[str, Any], headers: Sequence[str]) -> str | None:
    """What the label is called in the data: its header, or its key where it is found by JMESPath."""
    label = _named(document.get("label"), headers)
    return label if label is None or label in headers else str(label).rpartition(f"{EVERY}.")[2]


def _methods(content: Any) -> list[Any] | str | None:
    """Names of the metrics, unchecked; a stage that is not mentioned beside another one is not wanted."""
    if not isinstance(content, Mapping) or not any(stage in content for stage in STAGES):
        return None
    names: list[Any] = []
    for stage, known in zip(STAGES, (BIAS_METRICS[BiasStage.PRE], BIAS_METRICS[BiasStage.POST]), strict=True):
        said = content.get(stage)
        wanted = said.get("methods", "all") if isinstance(said, Mapping) else []
        names += known if wanted == "all" else wanted if isinstance(wanted, list) else [wanted]
    return names
