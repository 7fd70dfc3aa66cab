"""Rows with what came true of them: the labels of ground truth, or the label column of a dataset that has one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from model_monitor.label_text import codes_of
from model_monitor.labels.ground_truth import GroundTruth
from model_monitor.labels.keys import hashes, keys_of, record_keys
from model_monitor.schema import Rows, Truth

PLACES_TRIED: Final = 8  # a payload_index that is counted from 1, or of a batch that was cut otherwise


def join(rows: Rows, labels: GroundTruth | None) -> Rows:
    """The same rows with `truth`: ground truth by event and place where there is some, else the label column."""
    if labels is not None and rows.events.ids:
        keys = record_keys(rows.events, rows.payload_index)
        places = labels.find(keys)
        codes = np.where(places >= 0, labels.codes[places], -1) if len(labels) else np.full(rows.count, -1)
        displaced = 0 if (places >= 0).any() else _displaced(rows, labels)
        return replace(rows, truth=Truth(codes.astype(np.int32), labels.words, places, len(labels), keys, displaced))
    if rows.label is None:
        return rows
    codes, words = codes_of(rows.label, rows.count)
    return replace(rows, truth=Truth(codes, words, np.where(codes >= 0, np.arange(rows.count), -1), rows.count))


def _displaced(rows: Rows, labels: GroundTruth) -> int:
    """Events whose id labels have, though with no place that one of its records has."""
    ids = hashes(rows.events.ids)
    found = np.zeros(len(ids), np.bool_)
    for place in range(PLACES_TRIED) if len(labels) else ():
        found |= labels.find(keys_of(ids, np.full(len(ids), place))) >= 0
    return int(found.sum())
