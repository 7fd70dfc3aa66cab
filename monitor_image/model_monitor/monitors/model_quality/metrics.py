"""From counts and sums to the numbers of model quality, by AWS's names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from model_monitor.contract import ProblemType
from model_monitor.monitors.model_quality import classification, standard_errors
from model_monitor.monitors.model_quality.agreement import LABELS_KEPT, Agreement
from model_monitor.monitors.model_quality.classification import Curves
from model_monitor.monitors.model_quality.regression import regression
from model_monitor.monitors.model_quality.residuals import Residuals
from model_monitor.monitors.model_quality.scores import Scores
from model_monitor.monitors.model_quality.subsamples import MINIMUM_RECORDS, deviations, spread
from model_monitor.sketches.answers import NEGATIVE, Problem
from model_monitor.words import counted

REGRESSION_METRICS: Final = ("mae", "mse", "rmse", "r2")
METRICS: Final = {
    ProblemType.BINARY: (*classification.binary(np.zeros((2, 2), np.int64)), "auc"),
    ProblemType.MULTICLASS: tuple(classification.multiclass(np.zeros((1, 1), np.int64))),
    ProblemType.REGRESSION: REGRESSION_METRICS,
}


@dataclass(frozen=True, slots=True)
class Quality:
    """The metrics of some records.

    values: by metric; NaN where undefined. deviations: AWS's, of five subsamples. errors: standard errors.
    sizes: by metric the records that it rests on.
    labels, counts: the confusion matrix, one row for each actual label; no labels of a regression.
    curves: of a binary problem with scores and both classes. area_error: how far `auc` can be off; 0 while exact.
    scores, residuals: what the area and the errors of a regression are tested by.
    fault: why there are no values although there are records; "" otherwise.
    """

    count: int = 0
    values: dict[str, float] = field(default_factory=dict)
    deviations: dict[str, float] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    counts: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    curves: Curves | None = None
    area_error: float = 0.0
    scores: Scores = field(default_factory=Scores)
    residuals: Residuals = field(default_factory=Residuals)
    errors: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    fault: str = ""

    @property
    def are_labels_disjoint(self) -> bool:
        """Whether no label occurs on both sides: two spellings rather than a bad model."""
        is_both = (self.counts.sum(axis=0) > 0) & (self.counts.sum(axis=1) > 0)
        return len(self.labels) > 2 and not is_both.any()


def measure(agreement: Agreement, problem: Problem) -> Quality:
    """All metrics of a problem type, with the standard deviation of each from 200 records on."""
    if not agreement.count:
        return Quality()
    if agreement.has_many_labels:
        fault = f"there are more than {LABELS_KEPT} different labels; is this a regression (problem_type)?"
        return Quality(agreement.count, fault=fault)
    if problem.type is ProblemType.REGRESSION:
        return _regression(agreement)
    if problem.type is ProblemType.MULTICLASS:
        labels, counts = agreement.confusion.labels, agreement.confusion.counts
        return Quality(
            agreement.count,
            _multiclass(counts),
            deviations(counts, _multiclass),
            labels,
            counts,
            errors=standard_errors.of_counts(counts, problem.type),
            sizes=standard_errors.sizes(counts, problem.type),
        )
    return _binary(agreement, problem)


def negative_label(labels: tuple[str, ...], problem: Problem) -> str | None:
    """The label of the negative class of a binary problem: the other one that occurs; None when there are several."""
    others = [label for label in labels if label not in (problem.positive, NEGATIVE)]
    if len(others) > 1:
        return None
    return others[0] if others else ("1" if problem.positive == "0" else "0")


def _binary(agreement: Agreement, problem: Problem) -> Quality:
    confusion, scores = agreement.confusion, agreement.scores
    negative = negative_label(confusion.labels, problem)
    is_default_absent = problem.positive == Problem().positive and problem.positive not in confusion.labels
    if is_default_absent and not _is_number(negative or "0"):
        fault = "the labels are no numbers, so none of them is positive (1); check positive_label"
        return Quality(agreement.count, fault=fault)
    if negative is None:
        fault = f"beside the positive label there are {_kinds(confusion.labels, problem)}, and a binary problem has one; check "
        fault += "positive_label and problem_type, and that labels and predictions are written alike"
        return Quality(agreement.count, fault=fault)
    seen = confusion.over((negative, problem.positive, NEGATIVE))
    counts = seen[:2, :2].copy()
    counts[:, 0] += seen[:2, 2]
    values, spreads = _two_classes(counts), deviations(counts, _two_classes)
    errors, sizes = standard_errors.of_counts(counts, problem.type), standard_errors.sizes(counts, problem.type)
    curves = classification.curves(scores.negatives, scores.positives)
    if curves is not None:
        table = np.stack([scores.negatives, scores.positives])
        values |= _area(table)
        spreads |= deviations(table, _area)
        errors["auc"] = standard_errors.of_area(scores.negatives, scores.positives)
        sizes["auc"] = int(table.sum(axis=1).min())
    labels = (negative, problem.positive)
    return Quality(
        agreement.count, values, spreads, labels, counts, curves, scores.area_error, scores, errors=errors, sizes=sizes
    )


def _kinds(labels: Sequence[str], problem: Problem) -> str:
    """How many other labels there are, and of which form where they are of two: a mixture is often two spellings of one thing."""
    others = set(labels) - {NEGATIVE, problem.positive}
    numbers = sum(map(_is_number, others))
    mixed = (
        f" ({counted(numbers, 'number')} and {counted(len(others) - numbers, 'word')})"
        if 0 < numbers < len(others)
        else ""
    )
    return counted(len(others), "different label") + mixed


def _is_number(label: str) -> bool:
    try:
        return math.isfinite(float(label))
    except ValueError:
        return False


def _two_classes(counts: np.ndarray) -> dict[str, float]:
    constant = classification.binary(classification.best_constant(counts))
    return classification.binary(counts) | classification.named_constant(constant)


def _area(table: np.ndarray) -> dict[str, float]:
    return {"auc": classification.area_under_roc(table[0], table[1])}


def _multiclass(counts: np.ndarray) -> dict[str, float]:
    constant = classification.multiclass(classification.best_constant(counts))
    return classification.multiclass(counts) | classification.named_constant(constant)


def _regression(agreement: Agreement) -> Quality:
    values = _of_residuals(agreement.residuals)
    spreads = dict.fromkeys(values, math.nan)
    if agreement.residuals.truth.count >= MINIMUM_RECORDS and agreement.samples:
        spreads = spread([_of_residuals(sample) for sample in agreement.samples])
    count = agreement.residuals.truth.count
    return Quality(
        count,
        values,
        spreads,
        residuals=agreement.residuals,
        errors=standard_errors.of_residuals(agreement.residuals),
        sizes=dict.fromkeys(values, count),
    )


def _of_residuals(sums: Residuals) -> dict[str, float]:
    return regression(sums.truth.count, sums.absolute.sum, sums.squared, sums.truth.m2)
