"""statistics.json, constraints.json and constraint_violations.json of model quality, in AWS's shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from model_monitor.contract import OWN_BLOCK, PROBLEM_KEYS, ProblemType
from model_monitor.monitors.conclusion import Conclusion
from model_monitor.monitors.feature_file import FILE_VERSION, feature_json
from model_monitor.monitors.model_quality.classification import Curves
from model_monitor.monitors.model_quality.metrics import Quality
from model_monitor.monitors.model_quality.statistics import QualityStatistics
from model_monitor.monitors.thresholds import QualityConstraint, told_name

NOT_A_NUMBER: Final = "NaN"  # as AWS's files have it
CURVE_POINTS: Final = 1000
MATRIX: Final = "confusion_matrix"
PREDICTIONS: Final = "predictions"  # of our own block, as the next four
RANK_ERRORS: Final = "rank_errors"
SCORES: Final = "scores"
RESIDUALS: Final = "residuals"
STANDARD_ERRORS: Final = "standard_errors"
SCORES_WRITTEN: Final = 512  # different ones of a baseline, which a window's area is compared with
MATRIX_LABELS: Final = 100  # in the report; statistics.json has the matrix of any number of labels


def statistics_file(statistics: QualityStatistics) -> dict[str, Any]:
    """The content of the file."""
    quality = statistics.quality
    return {
        "version": FILE_VERSION,
        "dataset": {"item_count": quality.count},
        f"{PROBLEM_KEYS[statistics.problem.type]}_metrics": _metrics(quality),
        OWN_BLOCK: {
            "records": statistics.records,
            "labelled": statistics.labelled,
            "auc_error": quality.area_error,
            "curve_points": {"kept": CURVE_POINTS, "of": points_of(quality.curves)},
            STANDARD_ERRORS: {name: _number(value) for name, value in quality.errors.items()},
            "record_counts": dict(quality.sizes),
            SCORES: quality.scores.within(SCORES_WRITTEN).to_json() if quality.scores.keys.size else None,
            RESIDUALS: quality.residuals.to_json() if _has_errors(quality) else None,
            PREDICTIONS: {
                "dataset": {"item_count": statistics.records},
                "features": [feature_json(feature) for feature in statistics.predictions],
                RANK_ERRORS: {
                    feature.name: feature.numeric.rank_error
                    for feature in statistics.predictions
                    if feature.numeric is not None
                },
            },
        },
    }


def _has_errors(quality: Quality) -> bool:
    return bool(quality.residuals.truth.count) and quality.residuals.is_finite


def _metrics(quality: Quality) -> dict[str, Any]:
    content: dict[str, Any] = {MATRIX: matrix(quality)} if quality.labels else {}
    for name, value in quality.values.items():
        content[name] = {
            "value": _number(value),
            "standard_deviation": _number(quality.deviations.get(name, math.nan)),
        }
    return content | (curves_json(quality.curves) if quality.curves is not None else {})


def matrix(quality: Quality) -> dict[str, dict[str, int]]:
    """Actual label → predicted label → records."""
    counts = quality.counts.tolist()
    return {
        actual: dict(zip(quality.labels, row, strict=True)) for actual, row in zip(quality.labels, counts, strict=True)
    }


def curves_json(curves: Curves) -> dict[str, Any]:
    """Both curves, of at most `CURVE_POINTS` points each, evenly chosen, the ends among them."""
    chosen = [_thin(getattr(curves, name)) for name in Curves.__slots__]
    false_rates, true_rates, precisions, recalls = (points.tolist() for points in chosen)
    return {
        "receiver_operating_characteristic_curve": {
            "false_positive_rates": false_rates,
            "true_positive_rates": true_rates,
        },
        "precision_recall_curve": {"precisions": precisions, "recalls": recalls},
    }


def points_of(curves: Curves | None) -> int:
    """Points of the whole ROC curve."""
    return 0 if curves is None else int(curves.false_positive_rates.size)


def constraints_file(constraints: Sequence[QualityConstraint], type_: ProblemType) -> dict[str, Any]:
    """The content of the file."""
    block = {
        constraint.metric: {"threshold": constraint.threshold, "comparison_operator": constraint.operator}
        for constraint in constraints
    }
    return {"version": FILE_VERSION, f"{PROBLEM_KEYS[type_]}_constraints": block}


def violations_file(conclusion: Conclusion) -> dict[str, Any] | None:
    """The content of the file; None when nothing is violated. `feature_name` is there for readers of data quality's."""
    violations = [
        {
            "constraint_check_type": check.check_type,
            "description": check.description,
            "metric_name": told_name(check.subject),
            "feature_name": told_name(check.subject),
        }
        for check in conclusion.violations
    ]
    return {"violations": violations} if violations else None


def _thin(points: np.ndarray) -> np.ndarray:
    if points.size <= CURVE_POINTS:
        return points
    return points[np.linspace(0, points.size - 1, CURVE_POINTS).astype(np.int64)]


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else NOT_A_NUMBER
