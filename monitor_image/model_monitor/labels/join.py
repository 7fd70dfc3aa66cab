"""Rows with what came true of them: the labels of ground truth, or the label column of a dataset that has one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from model_monitor.label_text import codes_of
from model_monitor.labels.ground_truth import GroundTruth
from model_monitor.labels.keys import record_keys
from model_monitor.schema import Rows, Truth


def join(rows: Rows, labels: GroundTruth | None) -> Rows:
    """The same rows with `truth`: ground truth by event and place where there is some, else the label column."""
    if labels is not None and rows.events.ids:
        keys = record_keys(rows.events, rows.payload_index)
        places = labels.find(keys)
        codes = np.where(places >= 0, labels.codes[places], -1) if len(labels) else np.full(rows.count, -1)
        return replace(rows, truth=Truth(codes.astype(np.int32), labels.words, places, len(labels), keys))
    if rows.label is None:
        return rows
    codes, words = codes_of(rows.label, rows.count)
    return replace(rows, truth=Truth(codes, words, np.where(codes >= 0, np.arange(rows.count), -1), rows.count))
