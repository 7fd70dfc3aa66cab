"""Serving script of AWS's XGBoost framework containers: several records a request, one answer with its index for each.

A response item is `{"payload_index": i, "label": …, "score": …}` (JSON, JSON Lines) or the line `label,score` (CSV); names
and positions follow `payload.output` of the mapping. `score` is the winning class's probability, for two classes the
probability of the second one, for a regression the prediction itself. Where the mapping has `payload.output.attributions`
each item also says what every feature contributed (exact Shapley values of the trees, in log odds), one list for each class.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb
from categories import Encoder
from payload import (
    CSV_TYPES,
    JSON_LINES_TYPES,
    JSON_TYPES,
    Mapping,
    MappingError,
    Row,
    UnsupportedType,
    media_type,
    parse_path,
    read_rows,
)

MODEL_FILES = ("model.json", "model.ubj", "xgboost-model")
METADATA_FILE = "metadata.json"
THRESHOLD = 0.5  # of the second class's probability
SCORE_DIGITS = 6


@dataclass(frozen=True)
class Model:
    """A booster with what training wrote beside it. `classes` is empty for a regression."""

    booster: xgb.Booster
    encoder: Encoder
    classes: list[Any]
    objective: str


@dataclass(frozen=True)
class Prediction:
    """One label and one score for each record of the request, in its order; attributions where they are asked for."""

    labels: list[Any]
    scores: list[float]
    attributions: list[list[list[float]]] = field(default_factory=list)  # record × output × feature


@lru_cache(maxsize=1)
def mapping() -> Mapping:
    """The mapping packaged beside this script."""
    return Mapping.load()


def model_fn(model_dir: str) -> Model:
    """Load the artefact: XGBoost's own JSON or UBJSON, never a pickle, which would run whatever it says."""
    folder = Path(model_dir)
    path = next((folder / name for name in MODEL_FILES if (folder / name).is_file()), None)
    if path is None:
        raise MappingError(f"the model artefact holds none of {', '.join(MODEL_FILES)}")
    content = path.read_bytes()
    if not content.startswith(b"{"):
        raise MappingError(
            f"{path.name} is neither XGBoost's JSON nor its UBJSON; save it again with booster.save_model('model.json')"
        )
    booster = xgb.Booster()
    booster.load_model(bytearray(content))
    config = json.loads(booster.save_config())["learner"]
    names = mapping().names
    metadata: dict[str, Any] = {}
    if (folder / METADATA_FILE).is_file():
        metadata = json.loads((folder / METADATA_FILE).read_text(encoding="utf-8"))
    trained = metadata.get("features", names)
    if trained != names or booster.num_features() != len(names):
        raise MappingError(
            f"the model was trained on {booster.num_features()} features, the mapping names {len(names)}, or their order "
            "differs: train it with this mapping"
        )
    objective = metadata.get("objective") or config["objective"]["name"]
    classes = metadata.get("classes", _default_classes(objective, config))
    return Model(booster, Encoder(names, metadata.get("categories", {})), classes, objective)


def _default_classes(objective: str, config: dict[str, Any]) -> list[Any]:
    if objective.startswith("binary:"):
        return [0, 1]
    return list(range(int(config["learner_model_param"]["num_class"]))) if objective.startswith("multi:") else []


def input_fn(input_data: bytes | str, content_type: str | None) -> list[Row]:
    """The request's records, each a list of raw values in the order of the mapping."""
    return read_rows(input_data, content_type, mapping())


def predict_fn(input_data: list[Row], model: Model) -> Prediction:
    """Labels and scores of the records; none for an empty request."""
    if not input_data:
        return Prediction([], [])
    matrix = model.encoder.matrix_of_rows(input_data)
    raw = model.booster.inplace_predict(matrix)
    why = _attributions(model, matrix) if mapping().output.get("attributions") else []
    if not model.classes or model.objective == "multi:softmax":
        values = [float(value) for value in raw]
        labels = [model.classes[int(value)] for value in values] if model.classes else values
        return Prediction(labels, values, why)
    if raw.ndim == 1:  # two classes
        return Prediction([model.classes[int(score > THRESHOLD)] for score in raw], _scores(raw), why)
    winners = np.argmax(raw[:, : len(model.classes)], axis=1)
    return Prediction([model.classes[winner] for winner in winners], _scores(np.max(raw, axis=1)), why)


def _attributions(model: Model, matrix: np.ndarray) -> list[list[list[float]]]:
    """What each feature contributed to each output; the last of XGBoost's columns is what all records share."""
    found = model.booster.predict(xgb.DMatrix(matrix), pred_contribs=True)[..., :-1]
    by_output = found if found.ndim == 3 else found[:, np.newaxis, :]
    return [[[round(float(value), SCORE_DIGITS) for value in one] for one in record] for record in by_output]


def _scores(raw: np.ndarray) -> list[float]:
    return [round(float(score), SCORE_DIGITS) for score in raw]


def output_fn(prediction: Prediction, accept: str | None) -> tuple[str, str]:
    """The response body and its content type; the first type of the Accept header that is spoken here wins."""
    output = mapping().output
    for wanted in (accept or "*/*").split(","):
        kind = media_type(wanted)[0]
        if kind in JSON_TYPES or kind in ("", "*/*", "application/*"):
            return json.dumps(_nested(output.get("records"), _items(prediction, output))), JSON_TYPES[0]
        if kind in JSON_LINES_TYPES:
            return "".join(json.dumps(item) + "\n" for item in _items(prediction, output)), kind
        if kind in CSV_TYPES:
            return _csv(prediction, output), kind
    raise UnsupportedType(f"accept {accept!r} is not supported; ask for {', '.join(JSON_TYPES + CSV_TYPES)}")


def _keys(expression: str) -> list[str]:
    """A path made of plain keys, which is all that a response written here can follow."""
    steps = [step for step in parse_path(expression) if isinstance(step, str)]
    if len(steps) != len(parse_path(expression)) or not steps:
        raise MappingError(
            f"payload mapping: output {expression!r} is not a key, so the serving script cannot write it"
        )
    return steps


def _nested(expression: str | None, value: Any) -> Any:
    for key in reversed(_keys(expression) if expression else []):
        value = {key: value}
    return value


def _items(prediction: Prediction, output: dict[str, Any]) -> list[dict[str, Any]]:
    """One object a record, under the names that the mapping gives."""
    columns = {
        "payload_index": (output.get("payload_index"), list(range(len(prediction.labels)))),
        "label": (output.get("prediction"), prediction.labels),
        "score": (output.get("score"), prediction.scores),
        **_attribution_columns(prediction, output.get("attributions")),
    }
    items: list[dict[str, Any]] = [{} for _ in prediction.labels]
    for default, (expression, values) in columns.items():
        keys = _keys(expression) if isinstance(expression, str) else [default]
        for item, value in zip(items, values):
            place = item
            for key in keys[:-1]:
                place = place.setdefault(key, {})
            place[keys[-1]] = value
    return items


def _attribution_columns(prediction: Prediction, places: Any) -> dict[str, tuple[Any, list[Any]]]:
    """One list of values for each place that the mapping names, which are as many as the model has outputs."""
    if not places or not prediction.attributions:
        return {}
    names = places if isinstance(places, list) else [places]
    if len(names) != len(prediction.attributions[0]):
        raise MappingError(
            f"payload mapping: output.attributions names {len(names)} places, the model has "
            f"{len(prediction.attributions[0])} outputs"
        )
    return {str(name): (name, [record[i] for record in prediction.attributions]) for i, name in enumerate(names)}


def _csv(prediction: Prediction, output: dict[str, Any]) -> str:
    """`label,score` for each record, or the positions that the mapping gives."""
    if prediction.attributions:
        raise MappingError("payload mapping: a CSV response holds no attributions here; ask for JSON or JSON Lines")
    columns = {"prediction": prediction.labels, "score": prediction.scores}
    positions = {output[name]: name for name in columns if isinstance(output.get(name), int)} or dict(
        enumerate(columns)
    )
    if sorted(positions) != list(range(len(positions))):
        raise MappingError("payload mapping: the positions of prediction and score leave a gap in a CSV response")
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerows(zip(*(columns[positions[position]] for position in sorted(positions))))
    return lines.getvalue()
