"""What the model said of each record, as a label: its own word where there is one, else what its score says."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from model_monitor.label_text import normalise
from model_monitor.monitors.model_bias.coded import Coded
from model_monitor.monitors.model_bias.facets import Wanted, text_of
from model_monitor.schema import Column, Rows

SAID: Final = ("0", "1")  # what a score says below and above its threshold
OTHER: Final = "\x00other"  # what it says below where labels are texts: whichever is not the positive one


def predicted_labels(
    rows: Rows, keep: np.ndarray | None, count: int, threshold: float, wanted: Wanted, classes: tuple[str, ...] = ()
) -> Coded:
    """The predicted label of each of `count` rows; of several scores the highest speaks.

    wanted: which labels are positive; a score above the threshold says 1, or the first of them where they are texts.
    classes: the labels of a list of scores, in its order; their positions where none are given.
    """
    labels = Coded.of(rows.prediction, keep, count, is_label=True)
    if rows.prediction is not None and not (labels.codes == 0).any():
        return labels
    said = _of_scores(rows.class_scores, keep, classes) or _of_score(rows.score, keep, threshold, wanted)
    if said is None:
        return labels
    if rows.prediction is None:
        return said
    codes = np.where((labels.codes == 0) & (said.codes > 0), said.codes + (labels.size - 1), labels.codes)
    return replace(labels, codes=codes, words=(*labels.words, *said.words))


def _of_score(score: Column | None, keep: np.ndarray | None, threshold: float, wanted: Wanted) -> Coded | None:
    if score is None or score.numbers is None:
        return None
    scores = score.numbers if keep is None else score.numbers[keep]
    words = SAID if wanted.numbers else (OTHER, normalise(text_of(wanted.values[0])))
    return Coded.of_words(np.where(np.isfinite(scores), scores > threshold, -1), words)


def _of_scores(scores: tuple[Column, ...], keep: np.ndarray | None, classes: tuple[str, ...]) -> Coded | None:
    found = [score.numbers for score in scores if score.numbers is not None]
    if not found or len(found) < len(scores):
        return None
    table = np.column_stack(found).astype(np.float64)
    table = table if keep is None else table[keep]
    is_whole = np.isfinite(table).all(axis=1)
    words = classes if len(classes) == len(found) else tuple(map(str, range(len(found))))
    return Coded.of_words(
        np.where(is_whole, np.argmax(np.where(np.isfinite(table), table, -np.inf), axis=1), -1), words
    )
