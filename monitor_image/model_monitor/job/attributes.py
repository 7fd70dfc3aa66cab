"""AWS's attributes, which say where the prebuilt analyzers find values, in the words of a configuration. They stand above it.

inference_attribute, probability_attribute: a key, a column's number or `_c0`, a JSON path from the record or, as in
`predictions[0].score` and `predictions[*].score`, from the document's root.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from model_monitor.contract import MonitoringType, Variable, monitor_key
from model_monitor.job import analysis_config
from model_monitor.job.blocks import Faults

ROOT: Final = re.compile(r"\$\.?")
COLUMN: Final = re.compile(r"(?:_c)?(\d+)")
RECORDS: Final = re.compile(r"([^\[\]]+)\[(?:\*|0)\](?:\.(.+))?")
QUALITY, BIAS, EXPLAINABILITY = map(
    monitor_key, (MonitoringType.MODEL_QUALITY, MonitoringType.MODEL_BIAS, MonitoringType.MODEL_EXPLAINABILITY)
)
WITH_THRESHOLD: Final = (QUALITY, BIAS)


@dataclass(frozen=True, slots=True)
class Attributes:
    """What the prebuilt analyzers' variables say; each wins over the configuration's."""

    problem_type: str | None = None
    probability_threshold: float | None = None
    prediction: str | None = None
    score: str | None = None
    label: str | None = None
    features: str | None = None


def column_of(name: str) -> int | None:
    """The number of a column that is named by it; None of any other name."""
    found = COLUMN.fullmatch(name)
    return int(found[1]) if found else None


def place_of(attribute: str) -> tuple[str | None, str]:
    """Where the records are in the document, if the attribute says so, and where in a record its value is."""
    path = ROOT.sub("", attribute, count=1) if attribute.startswith("$") else attribute
    column = column_of(path)
    if column is not None:
        return None, str(column)
    found = RECORDS.fullmatch(path)
    is_list_of_record = found is not None and found[2] is None and path.endswith("[0]") and path == attribute
    if found is None or is_list_of_record:
        return None, path
    return found[1], found[2] or "0"


def with_options(monitors: object, said: Attributes) -> object:
    """The monitors' block with what is said of a problem, a threshold and a predictor's answers."""
    if not isinstance(monitors, Mapping):
        return monitors
    found = {name: dict(options) if isinstance(options, Mapping) else options for name, options in monitors.items()}
    threshold = {"probability_threshold": said.probability_threshold}
    for name in WITH_THRESHOLD:
        _set(found.get(name), threshold)
    _set(found.get(QUALITY), {"problem_type": said.problem_type})
    explained = found.get(EXPLAINABILITY)
    if isinstance(explained, dict):
        _tell_predictor(explained, said)
    return found


def _set(options: object, values: Mapping[str, object]) -> None:
    if isinstance(options, dict):
        options |= {key: value for key, value in values.items() if value is not None}


def _tell_predictor(options: dict[str, Any], said: Attributes) -> None:
    """What of a model's answers is explained, in the words of its predictor, wherever that is configured."""
    document = options.get("analysis_config")
    holder = options if "predictor" in options or not isinstance(document, Mapping) else dict(document)
    predictor = holder.get("predictor")
    if not isinstance(predictor, Mapping):
        return
    tell = _told_artefact if "artefact" in predictor else _told_endpoint
    holder["predictor"] = tell(dict(predictor), said)
    if holder is not options:
        options["analysis_config"] = holder


def _told_endpoint(predictor: dict[str, Any], said: Attributes) -> dict[str, Any]:
    """Where its answers hold label and probability."""
    places = {"label": said.prediction, "probability": said.score}
    return predictor | {key: ROOT.sub("", place, count=1) for key, place in places.items() if place}


def _told_artefact(predictor: dict[str, Any], said: Attributes) -> dict[str, Any]:
    """Which of its answers counts, as of an endpoint: the probability where one is named, else the prediction."""
    if said.score:
        return predictor | {"output": "probability"}
    return {"output": "prediction"} | predictor if said.prediction else predictor


def with_places(payload: object, said: Attributes, faults: Faults) -> object:
    """The payload's block with the places that are said; a payload of nothing else where there is none."""
    if not (said.prediction or said.score or said.label or said.features):
        return payload
    content = {} if payload is None else payload
    if not isinstance(content, Mapping):
        return payload
    content = dict(content)
    if said.label:
        content["label"] = said.label if column_of(said.label) is not None else place_of(said.label)[1]
    if said.prediction or said.score:
        content["output"] = _output(content.get("output"), said, faults)
    if said.features:
        _tell_features(content, said.features, faults)
    return content


def _output(output: object, said: Attributes, faults: Faults) -> dict[str, Any]:
    found = dict(output) if isinstance(output, Mapping) else {}
    places = {key: place_of(value) for key, value in (("prediction", said.prediction), ("score", said.score)) if value}
    roots = {records for records, _ in places.values() if records is not None}
    if len(roots) > 1:
        faults.add(Variable.PROBABILITY_ATTRIBUTE, f"names records elsewhere than {Variable.INFERENCE_ATTRIBUTE} does")
    found |= {key: place for key, (_, place) in places.items()}
    return found | ({"records": min(roots)} if roots else {})


def _tell_features(content: dict[str, Any], attribute: str, faults: Faults) -> None:
    features = content.get("features")
    if not isinstance(features, list):
        told = "needs the features' names: payload.features, or headers of an analysis configuration"
        faults.add(Variable.FEATURES_ATTRIBUTE, told)
        return
    records, inner = analysis_config.place_of_features(ROOT.sub("", attribute, count=1))
    named = [dict(each) if isinstance(each, Mapping) else {"name": each} for each in features]
    content["features"] = [each | {"path": f"{inner}[{i}]"} for i, each in enumerate(named)]
    if records is not None:
        content["records"] = records
