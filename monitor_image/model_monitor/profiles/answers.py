"""What the model said of each record: a label, a score, a number, in whichever form the response has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from model_monitor.contract import ProblemType
from model_monitor.labels import codes_of
from model_monitor.schema import Column, Rows

NEGATIVE: Final = "\x00negative"  # said by a score alone: whichever label is not the positive one


@dataclass(frozen=True, slots=True)
class Problem:
    """What is predicted, as far as it is known before any record is read.

    positive: the label of the positive class, in its one spelling; threshold: a score above it says so. Both binary.
    """

    type: ProblemType = ProblemType.BINARY
    positive: str = "1"
    threshold: float = 0.5

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        return {"type": self.type.value, "positive": self.positive, "threshold": self.threshold}


@dataclass(frozen=True, slots=True)
class Answers:
    """One chunk of what the model said.

    codes: int32 (rows,), label as a position in `words`, -1 where nothing was said; all -1 of regressions.
    numbers: float64 (rows,), the score of a classification or the predicted number; NaN where there is none.
    """

    codes: np.ndarray
    words: tuple[str, ...]
    numbers: np.ndarray

    @classmethod
    def of(cls, rows: Rows, problem: Problem) -> Answers:
        """From the columns of prediction and score."""
        if problem.type is ProblemType.REGRESSION:
            column = rows.score if rows.prediction is None else rows.prediction
            return cls(np.full(rows.count, -1, np.int32), (), numbers_of(column, rows.count))
        scores = numbers_of(rows.score, rows.count)
        codes, words = _labels(rows, scores, problem)
        return cls(codes, words, scores)

    @property
    def is_given(self) -> np.ndarray:
        """Records of which the model said anything that can be compared with a label."""
        return self.codes >= 0 if self.words else np.isfinite(self.numbers)


def numbers_of(column: Column | None, rows: int) -> np.ndarray:
    """The cells of a column as float64, NaN where a cell is no number."""
    if column is None or column.numbers is None:
        return np.full(rows, np.nan)
    return np.asarray(column.numbers, np.float64)


def _labels(rows: Rows, scores: np.ndarray, problem: Problem) -> tuple[np.ndarray, tuple[str, ...]]:
    """The predicted label where there is one, else what the score says."""
    codes, words = np.full(rows.count, -1, np.int32), tuple[str, ...]()
    if rows.prediction is not None:
        codes, words = codes_of(rows.prediction, rows.count)
    if problem.type is not ProblemType.BINARY:
        return codes, words
    is_open = (codes < 0) & np.isfinite(scores)
    if is_open.any():
        said = (NEGATIVE, problem.positive)
        words = (*words, *(word for word in said if word not in words))
        places = np.array([words.index(word) for word in said], np.int32)
        codes = np.where(is_open, places[(scores > problem.threshold).astype(np.int8)], codes)
    return codes, words
