"""What a window's quality is compared with, read from a baseline's statistics.json, whoever wrote it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from model_monitor.contract import OWN_BLOCK, PROBLEM_KEYS, ProblemType
from model_monitor.errors import BaselineError
from model_monitor.monitors.feature_reader import read_features
from model_monitor.monitors.model_quality import standard_errors
from model_monitor.monitors.model_quality.files import (
    MATRIX,
    PREDICTIONS,
    RANK_ERRORS,
    RESIDUALS,
    SCORES,
    STANDARD_ERRORS,
)
from model_monitor.monitors.model_quality.metrics import Quality
from model_monitor.monitors.model_quality.residuals import Residuals
from model_monitor.monitors.model_quality.scores import Scores
from model_monitor.sketches.feature import FeatureStatistics


def read_predictions(document: object, path: Path) -> tuple[FeatureStatistics, ...]:
    """What the model said of the baseline's records; nothing where the file is not ours."""
    block = _object(_object(_object(document).get(OWN_BLOCK)).get(PREDICTIONS))
    if not block:
        return ()
    errors = _object(block.get(RANK_ERRORS))
    found = read_features(block, f"{path}: {PREDICTIONS}")
    return tuple(_with_error(feature, errors.get(feature.name, 0)) for feature in found)


def _with_error(feature: FeatureStatistics, error: object) -> FeatureStatistics:
    if feature.numeric is None or not isinstance(error, int):
        return feature
    return replace(feature, numeric=replace(feature.numeric, rank_error=error))


def read_quality(document: object, path: Path) -> tuple[Quality, ProblemType] | None:
    """The baseline's metrics with the counts that they rest on; None where the file has no metrics of any type.

    Raises: BaselineError when there are counts that cannot be read.
    """
    content = _object(document)
    for type_, key in PROBLEM_KEYS.items():
        block = _object(content.get(f"{key}_metrics"))
        if block:
            try:
                return _quality(block, _object(content.get(OWN_BLOCK)), type_), type_
            except (KeyError, TypeError, ValueError) as error:
                raise BaselineError(path, "holds counts that cannot be read.", "Run the baseline job again.") from error
    return None


def _quality(block: Mapping[str, Any], own: Mapping[str, Any], type_: ProblemType) -> Quality:
    values = {
        name: float(content["value"])
        for name, content in block.items()
        if isinstance(content, Mapping) and isinstance(content.get("value"), (int, float))
    }
    matrix = _object(block.get(MATRIX))
    labels = tuple(map(str, matrix))
    counts = np.array([[int(matrix[row].get(column, 0)) for column in labels] for row in labels], np.int64)
    counts = counts.reshape(len(labels), len(labels))
    scores = Scores.from_json(own[SCORES]) if own.get(SCORES) else Scores()
    residuals = Residuals.from_json(own[RESIDUALS]) if own.get(RESIDUALS) else Residuals()
    is_usable = type_ is not ProblemType.BINARY or len(labels) == 2
    sizes = standard_errors.sizes(counts, type_) if labels and is_usable else {}
    errors = {
        name: float(error)
        for name, error in _object(own.get(STANDARD_ERRORS)).items()
        if isinstance(error, (int, float))
    }
    if scores.keys.size:
        errors["auc"] = standard_errors.of_area(scores.negatives, scores.positives)
        sizes["auc"] = min(int(scores.negatives.sum()), int(scores.positives.sum()))
    if residuals.truth.count:
        sizes |= dict.fromkeys(values, residuals.truth.count)
    return Quality(
        int(counts.sum()) or residuals.truth.count,
        {name: value for name, value in values.items() if math.isfinite(value)},
        labels=labels if is_usable else (),
        counts=counts,
        scores=scores,
        residuals=residuals,
        errors=errors,
        sizes=sizes,
    )


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
