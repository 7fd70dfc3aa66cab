"""What came true of each record and what both models said of it, over the records of which both said something."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np

from model_monitor.comparison import differences
from model_monitor.comparison.differences import Gain
from model_monitor.contract import ProblemType
from model_monitor.monitors.model_quality import classification
from model_monitor.monitors.model_quality.metrics import METRICS
from model_monitor.monitors.model_quality.regression import regression
from model_monitor.monitors.model_quality.standard_errors import influences
from model_monitor.monitors.thresholds import WORSE_WHEN_GREATER

SHARES_OF_POSITIVES: Final = ("recall", "true_positive_rate", "false_negative_rate")
SHARES_OF_NEGATIVES: Final = ("true_negative_rate", "false_positive_rate")
SHARES_OF_ALL: Final = ("accuracy", "weighted_recall")  # each class weighted by how often it is the truth: the same
FEWEST_OF_A_CLASS: Final = 2


@dataclass(frozen=True, slots=True)
class Paired:
    """One metric of both models, and how much better the challenger is."""

    champion: float
    challenger: float
    gain: Gain


@dataclass(frozen=True, slots=True)
class Said:
    """One model. codes: of classifications, among the labels. numbers: a score, or the predicted number; NaN without."""

    codes: np.ndarray
    numbers: np.ndarray

    def take(self, chosen: np.ndarray) -> Said:
        """Of some records."""
        return Said(self.codes[chosen], self.numbers[chosen])


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Records of one problem.

    labels: of classifications; of a binary one (negative, positive).
    actual: int64 codes among the labels, or float64 numbers.
    """

    type: ProblemType
    labels: tuple[str, ...]
    actual: np.ndarray
    champion: Said
    challenger: Said

    def __len__(self) -> int:
        return len(self.actual)

    @property
    def models(self) -> tuple[Said, Said]:
        return self.champion, self.challenger

    def take(self, chosen: np.ndarray) -> Self:
        """Some of the records."""
        champion, challenger = self.champion.take(chosen), self.challenger.take(chosen)
        return replace(self, actual=self.actual[chosen], champion=champion, challenger=challenger)

    def paired(self, metric: str) -> Paired | str:
        """A metric of both models, or why there is none."""
        if not len(self):
            return "no record is left to compare"
        if self.type is ProblemType.REGRESSION:
            return self._of_errors(metric)
        if metric == "auc":
            return self._areas()
        if metric in (*SHARES_OF_ALL, *SHARES_OF_POSITIVES, *SHARES_OF_NEGATIVES):
            return self._shares(metric)
        return self._of_counts(metric)

    def _shares(self, metric: str) -> Paired | str:
        is_asked = np.ones(len(self), np.bool_)
        if metric not in SHARES_OF_ALL:
            is_asked = self.actual == int(metric in SHARES_OF_POSITIVES)
        if not is_asked.any():
            return "no record has a label that the metric is about"
        right = [(said.codes == self.actual)[is_asked] for said in self.models]
        values = [1 - one.mean() if metric in WORSE_WHEN_GREATER else one.mean() for one in right]
        return Paired(float(values[0]), float(values[1]), differences.of_right(*right))

    def _areas(self) -> Paired | str:
        if any(np.isnan(said.numbers).any() for said in self.models):
            return "auc needs a score of every record from both models"
        is_positive = self.actual == 1
        if min(is_positive.sum(), (~is_positive).sum()) < FEWEST_OF_A_CLASS:
            return f"auc needs {FEWEST_OF_A_CLASS} records of either class"
        return Paired(*differences.of_areas(self.champion.numbers, self.challenger.numbers, is_positive))

    def counts(self, said: Said) -> np.ndarray:
        """The confusion matrix of one model, int64 (labels, labels), actual by predicted."""
        width = len(self.labels)
        cells = np.bincount(self.actual * width + said.codes, minlength=width * width)
        return np.asarray(cells.reshape(width, width))

    def _of_counts(self, metric: str) -> Paired | str:
        values, worth, predicted = [], [], []
        for said in self.models:
            counts = self.counts(said)
            found = (classification.binary if self.type is ProblemType.BINARY else classification.multiclass)(counts)
            values.append(found[metric])
            worth.append(_influence(counts, self.type, metric)[self.actual, said.codes])
            is_binary = self.type is ProblemType.BINARY
            predicted.append(int(counts[:, 1].sum() + counts[1, 0]) if is_binary else int(counts.sum()))
        if not all(map(math.isfinite, values)):
            return f"{metric} is undefined here"
        gain = differences.of_influences(values[1] - values[0], worth[0], worth[1], min(predicted))
        return Paired(values[0], values[1], gain)

    def _of_errors(self, metric: str) -> Paired | str:
        errors = [said.numbers - self.actual for said in self.models]
        spread = float(np.sum((self.actual - self.actual.mean()) ** 2))
        values = [regression(len(self), float(np.abs(e).sum()), float((e**2).sum()), spread)[metric] for e in errors]
        if len(self) < FEWEST_OF_A_CLASS or not all(map(math.isfinite, values)):
            return f"{metric} is undefined here"
        sign = -1.0 if metric in WORSE_WHEN_GREATER else 1.0
        worth = [sign * self._worth(metric, error, spread) for error in errors]
        gain = differences.of_influences(sign * (values[1] - values[0]), worth[0], worth[1], len(self))
        return Paired(values[0], values[1], gain)

    def _worth(self, metric: str, errors: np.ndarray, spread: float) -> np.ndarray:
        """What each record is worth to a metric of errors."""
        if metric == "mae":
            return np.asarray(np.abs(errors))
        squares = errors**2
        if metric == "mse":
            return np.asarray(squares)
        if metric == "rmse":
            root = math.sqrt(float(squares.mean()))
            return np.asarray(squares / (2 * root) if root else squares)
        variance = spread / len(self)
        unexplained = float(squares.mean()) / variance
        return np.asarray((unexplained * (self.actual - self.actual.mean()) ** 2 - squares) / variance)


def _influence(counts: np.ndarray, type_: ProblemType, metric: str) -> np.ndarray:
    """What a record of each cell of a confusion matrix is worth to a metric."""
    if metric != "precision":
        return influences(counts, type_)[metric]
    hits, predicted = counts[1, 1], counts[:, 1].sum()
    worth = np.zeros((2, 2))
    if predicted:
        precision = hits / predicted
        worth[:, 1] = np.array([-precision, 1 - precision]) * counts.sum() / predicted
    return worth


def choosable(type_: ProblemType) -> tuple[str, ...]:
    """Metrics that models can be compared by: all but those of a constant classifier."""
    return METRICS[type_]


def gain_sign(metric: str) -> float:
    """-1 where less is better."""
    return -1.0 if metric in WORSE_WHEN_GREATER else 1.0
