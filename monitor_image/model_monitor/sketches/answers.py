"""What the model said of each record: a label, a score, a number, in whichever form the response has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from model_monitor.contract import ProblemType
from model_monitor.label_text import codes_of
from model_monitor.schema import Column, Rows
from model_monitor.sketches.kinds import present

_NUMBERS: Final = msgspec.json.Decoder(list[float])
NEGATIVE: Final = "\x00negative"  # said by a score alone: whichever label is not the positive one


@dataclass(frozen=True, slots=True)
class Problem:
    """What is predicted, as far as it is known before any record is read.

    positive: the label of the positive class, in its one spelling; threshold: a score above it says so. Both binary.
    classes: the labels that a list of scores belongs to, in its order; () stands for 0, 1, 2, …
    """

    type: ProblemType = ProblemType.BINARY
    positive: str = "1"
    threshold: float = 0.5
    classes: tuple[str, ...] = ()

    def label_of(self, place: int) -> str:
        """The label of a place in a list of scores."""
        return self.classes[place] if place < len(self.classes) else str(place)


@dataclass(frozen=True, slots=True)
class Answers:
    """One chunk of what the model said.

    codes: int32 (rows,), label as a position in `words`, -1 where nothing was said; all -1 of regressions.
    numbers: float64 (rows,), the score of a classification or the predicted number; NaN where there is none.
    is_given: bool (rows,), where the model said something that can be compared with a label.
    """

    codes: np.ndarray
    words: tuple[str, ...]
    numbers: np.ndarray
    is_given: np.ndarray

    @classmethod
    def of(cls, rows: Rows, problem: Problem) -> Answers:
        """From the columns of prediction and score."""
        if problem.type is ProblemType.REGRESSION:
            column = rows.score if rows.prediction is None else rows.prediction
            numbers = numbers_of(column, rows.count)
            return cls(np.full(rows.count, -1, np.int32), (), numbers, np.isfinite(numbers))
        scores, listed = numbers_of(rows.score, rows.count), lists_of(rows, problem)
        if listed is not None and problem.type is ProblemType.MULTICLASS:
            scores = np.where(np.isfinite(scores), scores, listed.max(axis=1))
        elif listed is not None:
            places = [place for place in range(listed.shape[1]) if problem.label_of(place) == problem.positive]
            scores = np.where(np.isfinite(scores), scores, listed[:, places[0]]) if places else scores
        codes, words = _labels(rows, scores, listed, problem)
        return cls(codes, words, scores, codes >= 0)


def stated(rows: Rows) -> int:
    """Records whose answer holds the prediction itself, where the mapping names one; of others a score may tell it."""
    return 0 if rows.prediction is None else present(rows.prediction.kinds)


def numbers_of(column: Column | None, rows: int) -> np.ndarray:
    """The cells of a column as float64, NaN where a cell is no number."""
    if column is None or column.numbers is None:
        return np.full(rows, np.nan)
    return np.asarray(column.numbers, np.float64)


def lists_of(rows: Rows, problem: Problem) -> np.ndarray | None:
    """A score for each class, float64 (rows, classes) with NaN in rows that have none; None when no row has a list."""
    if len(rows.class_scores) > 1:
        listed = np.stack([numbers_of(column, rows.count) for column in rows.class_scores], axis=1)
    elif rows.score is not None and rows.score.texts is not None:
        texts = rows.score.texts
        lists = _parsed(texts.dictionary.to_pylist())
        width = max(map(len, lists), default=0)
        if not width:
            return None
        words = np.array([one if len(one) == width else [np.nan] * width for one in lists])
        listed = np.full((rows.count, width), np.nan)
        is_text = np.asarray(texts.is_valid())
        listed[is_text] = words[texts.indices.drop_null().to_numpy()]
    else:
        return None
    if problem.classes and listed.shape[1] != len(problem.classes):
        return None
    listed[~np.isfinite(listed).all(axis=1)] = np.nan
    return listed


def _parsed(texts: list[str]) -> list[list[float]]:
    """Lists of numbers as JSON writes them; [] for any other text."""
    return [found if (found := _list(text)) is not None else [] for text in texts]


def _list(text: str) -> list[float] | None:
    if not text.startswith("["):
        return None
    try:
        return _NUMBERS.decode(text)
    except msgspec.DecodeError:
        return None


def _labels(
    rows: Rows, scores: np.ndarray, listed: np.ndarray | None, problem: Problem
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The predicted label where there is one, else what the scores say."""
    codes, words = np.full(rows.count, -1, np.int32), tuple[str, ...]()
    if rows.prediction is not None:
        codes, words = codes_of(rows.prediction, rows.count)
    if problem.type is ProblemType.BINARY:
        said: tuple[str, ...] = (NEGATIVE, problem.positive)
        is_open, chosen = (codes < 0) & np.isfinite(scores), (scores > problem.threshold).astype(np.int64)
    elif listed is not None:
        said = tuple(problem.label_of(place) for place in range(listed.shape[1]))
        is_open = (codes < 0) & np.isfinite(listed[:, 0])
        chosen = np.argmax(listed, axis=1)  # of equal scores the first
    else:
        return codes, words
    if is_open.any():
        words = (*words, *(word for word in said if word not in words))
        places = np.array([words.index(word) for word in said], np.int32)
        codes = np.where(is_open, places[chosen], codes)
    return codes, words
