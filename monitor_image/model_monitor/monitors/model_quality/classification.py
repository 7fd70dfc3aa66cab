"""Quality of a classifier, from counts alone: a confusion matrix, and how often each score met each truth.

Names are AWS's. A confusion matrix has one row for each actual label and one column for each predicted one.
A value that the data leaves undefined (a rate of a class that is absent) is NaN, never 0, so that no check mistakes it for bad.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

BETAS: Final = {"f0_5": 0.5, "f1": 1.0, "f2": 2.0}
CONSTANT: Final = "_best_constant_classifier"


def binary(counts: np.ndarray) -> dict[str, float]:
    """Metrics of two classes.

    Args:
        counts: int64 (2, 2), actual by predicted; index 1 is the positive class.
    """
    negatives, positives = counts[0].sum(), counts[1].sum()
    values = {
        "recall": _share(counts[1, 1], positives),
        "precision": _precision(counts[1, 1], counts[:, 1].sum()),
        "accuracy": _share(np.trace(counts), counts.sum()),
    }
    return {
        **values,
        "true_positive_rate": values["recall"],
        "true_negative_rate": _share(counts[0, 0], negatives),
        "false_positive_rate": _share(counts[0, 1], negatives),
        "false_negative_rate": _share(counts[1, 0], positives),
        **{name: f_beta(values["precision"], values["recall"], beta) for name, beta in BETAS.items()},
    }


def multiclass(counts: np.ndarray) -> dict[str, float]:
    """Metrics of any number of classes, each class weighted by how often it is the truth.

    Args:
        counts: int64 (classes, classes), actual by predicted.
    """
    support, hits = counts.sum(axis=1), np.diagonal(counts)
    recalls = np.divide(hits, support, out=np.zeros(len(counts)), where=support > 0)  # of weight 0 where undefined
    predicted = counts.sum(axis=0)
    precisions = np.divide(hits, predicted, out=np.zeros(len(counts)), where=predicted > 0)
    scores = {"weighted_recall": recalls, "weighted_precision": precisions}
    for name, beta in BETAS.items():
        squared = beta * beta
        below = squared * precisions + recalls
        above = (1 + squared) * precisions * recalls
        scores[f"weighted_{name}"] = np.divide(above, below, out=np.zeros(len(counts)), where=below > 0)
    weighted = {name: _share(float(values @ support), support.sum()) for name, values in scores.items()}
    return {"accuracy": _share(hits.sum(), support.sum()), **weighted}


def best_constant(counts: np.ndarray) -> np.ndarray:
    """The confusion matrix of the classifier that always says the most frequent label; ties go to the first."""
    constant = np.zeros_like(counts)
    support = counts.sum(axis=1)
    constant[:, int(np.argmax(support))] = support
    return constant


def named_constant(values: Mapping[str, float]) -> dict[str, float]:
    """Metrics of a constant classifier under the names that AWS gives them; the rates are not part of them."""
    return {f"{name}{CONSTANT}": value for name, value in values.items() if not name.endswith("_rate")}


def f_beta(precision: float, recall: float, beta: float) -> float:
    """The harmonic mean of precision and recall, recall weighing `beta` times as much; 0 when both are."""
    below = beta * beta * precision + recall
    return (1 + beta * beta) * precision * recall / below if below else 0.0


@dataclass(frozen=True, slots=True)
class Curves:
    """A classifier at every threshold, from the strictest to the most lenient."""

    false_positive_rates: np.ndarray
    true_positive_rates: np.ndarray
    precisions: np.ndarray
    recalls: np.ndarray


def curves(negatives: np.ndarray, positives: np.ndarray) -> Curves | None:
    """Operating points at each distinct score; None when one of the classes is absent.

    Args:
        negatives, positives: counts at each distinct score, scores ascending, no score without any.
    Returns: the ROC from (0, 0) to (1, 1) with thresholds + 2 points, precision over recall with thresholds + 1.
    """
    false, true = np.cumsum(negatives[::-1]), np.cumsum(positives[::-1])
    if not false.size or not false[-1] or not true[-1]:
        return None
    rates, recalls, precisions = false / false[-1], true / true[-1], true / (true + false)
    return Curves(
        np.concatenate([[0.0], rates, [1.0]]),
        np.concatenate([[0.0], recalls, [1.0]]),
        np.concatenate([precisions[:1], precisions]),
        np.concatenate([[0.0], recalls]),
    )


def area_under_roc(negatives: np.ndarray, positives: np.ndarray) -> float:
    """The chance that a positive scores above a negative, ties counting half; NaN when one of the classes is absent.

    Args: as of `curves`. Exact: one division of whole numbers, up to 2^53 pairs of half steps.
    """
    below = np.cumsum(negatives) - negatives
    pairs = int(negatives.sum()) * int(positives.sum())
    if not pairs:
        return math.nan
    return float(np.sum(positives * (2.0 * below + negatives)) / (2.0 * pairs))


def _precision(hits: float, predicted: float) -> float:
    """0 when nothing was predicted, as AWS's jobs have it."""
    return float(hits / predicted) if predicted else 0.0


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else math.nan
