"""How what the model said agreed with what came true, over the records that have both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from model_monitor.contract import ProblemType
from model_monitor.label_text import without_zeros
from model_monitor.monitors.model_quality.confusion import Confusion
from model_monitor.monitors.model_quality.residuals import Residuals
from model_monitor.monitors.model_quality.scores import SCORES_KEPT, Scores
from model_monitor.schema import Truth
from model_monitor.sketches.answers import NEGATIVE, Answers, Problem

LABELS_KEPT: Final = 1000  # different labels of a classification; more are numbers, and no confusion matrix holds them


@dataclass(frozen=True, slots=True)
class Agreement:
    """Counts and sums that every metric of one problem type is read from.

    count: records with an answer and a label that can be compared.
    odd: records of a regression whose label is no number.
    confusion: of classifications. scores: of binary ones that give a score.
    residuals: of regressions; samples: of seeded subsamples of their records.
    has_many_labels: there were more than `LABELS_KEPT` different labels, so nothing more is counted.
    """

    count: int = 0
    odd: int = 0
    confusion: Confusion = field(default_factory=Confusion)
    scores: Scores = field(default_factory=Scores)
    residuals: Residuals = field(default_factory=Residuals)
    samples: tuple[Residuals, ...] = ()
    has_many_labels: bool = False

    @classmethod
    def of(
        cls,
        answers: Answers,
        truth: Truth,
        problem: Problem,
        where: np.ndarray,
        subsamples: tuple[np.ndarray, ...] = (),
        scores_kept: int = SCORES_KEPT,
    ) -> Agreement:
        """One chunk, of the rows in the mask `where`.

        Args:
            subsamples: masks of rows, one for each subsample; regressions only.
        """
        chosen = np.flatnonzero(where & (truth.codes >= 0) & answers.is_given)
        if not chosen.size:
            return cls()
        if problem.type is ProblemType.REGRESSION:
            return cls._of_numbers(answers, truth, chosen, subsamples)
        actual, words = _compact(truth.codes[chosen], truth.words)
        predicted, said = _compact(answers.codes[chosen], answers.words)
        words, said = tuple(map(without_zeros, words)), tuple(map(without_zeros, said))
        labels = tuple(dict.fromkeys((*words, *said)))
        if len(set(labels) - {NEGATIVE}) > LABELS_KEPT:
            return cls(int(chosen.size), has_many_labels=True)
        place = {word: i for i, word in enumerate(labels)}
        actual = np.array([place[word] for word in words], np.int64)[actual]
        predicted = np.array([place[word] for word in said], np.int64)[predicted]
        return cls(
            int(chosen.size),
            confusion=Confusion.of(actual, predicted, labels),
            scores=_scores(answers.numbers[chosen], actual, labels, problem, scores_kept),
        )

    @classmethod
    def _of_numbers(
        cls, answers: Answers, truth: Truth, chosen: np.ndarray, subsamples: tuple[np.ndarray, ...]
    ) -> Agreement:
        codes, words = _compact(truth.codes[chosen], truth.words)
        actual = np.array([_number(word) for word in words])[codes]
        is_number = np.isfinite(actual)
        chosen, actual, predicted = chosen[is_number], actual[is_number], answers.numbers[chosen[is_number]]
        kept = [part[chosen] for part in subsamples]
        parts = tuple(Residuals.of(actual[part], predicted[part], is_whole=False) for part in kept)
        return cls(int(chosen.size), int((~is_number).sum()), residuals=Residuals.of(actual, predicted), samples=parts)

    def merge(self, other: Agreement) -> Agreement:
        """Combine two disjoint parts."""
        count, odd = self.count + other.count, self.odd + other.odd
        known = {*self.confusion.labels, *other.confusion.labels} - {NEGATIVE}
        if self.has_many_labels or other.has_many_labels or len(known) > LABELS_KEPT:
            return Agreement(count, odd, has_many_labels=True)
        samples = self.samples or other.samples
        if self.samples and other.samples:
            samples = tuple(mine.merge(theirs) for mine, theirs in zip(self.samples, other.samples, strict=True))
        return Agreement(
            count,
            odd,
            self.confusion.merge(other.confusion),
            self.scores.merge(other.scores),
            self.residuals.merge(other.residuals),
            samples,
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        return {
            "count": self.count,
            "odd": self.odd,
            "confusion": self.confusion.to_json(),
            "scores": self.scores.to_json(),
            "residuals": self.residuals.to_json(),
            "samples": [sample.to_json() for sample in self.samples],
            "has_many_labels": self.has_many_labels,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Agreement:
        """The inverse of `to_json`."""
        return cls(
            content["count"],
            content["odd"],
            Confusion.from_json(content["confusion"]),
            Scores.from_json(content["scores"]),
            Residuals.from_json(content["residuals"]),
            tuple(map(Residuals.from_json, content["samples"])),
            content["has_many_labels"],
        )


def _compact(codes: np.ndarray, words: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The same labels with only the words that occur: ground truth may hold millions."""
    if len(words) > codes.size:
        used, places = np.unique(codes, return_inverse=True)
    else:
        is_used = np.bincount(codes, minlength=len(words)) > 0
        used, places = np.flatnonzero(is_used), (np.cumsum(is_used) - 1)[codes]
    return places, tuple(words[code] for code in used.tolist())


def _scores(numbers: np.ndarray, actual: np.ndarray, labels: tuple[str, ...], problem: Problem, kept: int) -> Scores:
    if problem.type is not ProblemType.BINARY:
        return Scores()
    is_scored = np.isfinite(numbers)
    positive = labels.index(problem.positive) if problem.positive in labels else -1
    return Scores.of(numbers[is_scored], actual[is_scored] == positive, kept)


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return np.nan
