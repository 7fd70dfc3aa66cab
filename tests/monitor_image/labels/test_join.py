"""Rows with their labels: by event and place, or from a label column; a row without a label says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from model_monitor.label_text import codes_of
from model_monitor.labels.ground_truth import GroundTruth
from model_monitor.labels.join import join
from model_monitor.labels.label_reader import read_ground_truth
from model_monitor.schema import Column, Events, Rows, Schema, Truth


def words_of(truth: Truth | None) -> list[str | None]:
    assert truth is not None
    return [truth.words[code] if code >= 0 else None for code in truth.codes]


def rows(label: Column | None = None) -> Rows:
    events = Events(("a", "b"), np.array([0, 0]), np.array([2, 1]))
    return Rows(Schema(), 3, (), events, np.array([0, 1, 0]), label=label)


def ground_truth(folder: Path) -> GroundTruth:
    path = folder / "labels.csv"
    path.write_text("InferenceId,payload_index,groundTruthLabel\na,1,1.0\nb,0,no\nz,0,1\n")
    return read_ground_truth([("labels.csv", path)])


def test_a_row_has_the_label_of_its_event_and_place(tmp_path: Path) -> None:
    truth = join(rows(), ground_truth(tmp_path)).truth
    assert words_of(truth) == [None, "1", "no"]
    assert truth is not None
    assert (truth.places >= 0).tolist() == [False, True, True]
    assert truth.total == 3


def test_no_label_at_all_is_said_of_every_row() -> None:
    assert words_of(join(rows(), GroundTruth()).truth) == [None] * 3


def test_a_label_column_counts_where_there_is_no_ground_truth() -> None:
    kinds = np.zeros(5, np.int64)
    assert words_of(join(rows(Column(kinds, np.array([1.0, np.nan, 0.5]))), None).truth) == ["1", None, "0.5"]
    assert join(rows(), None).truth is None


def test_numbers_and_texts_of_one_column_are_labels_in_one_spelling() -> None:
    texts = pa.array([None, "yes", "no", None]).dictionary_encode()
    codes, words = codes_of(Column(np.zeros(5, np.int64), np.array([2.0, np.nan, np.nan, np.nan]), texts), 4)
    assert words == ("2", "no", "yes")
    assert codes.tolist() == [0, 2, 1, -1]
