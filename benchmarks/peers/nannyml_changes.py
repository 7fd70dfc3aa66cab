"""NannyML with its defaults on the windows of the calibration."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import nannyml
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.calibration import changes
from benchmarks.peers.changes_found import main

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
LEAST_CHUNKS = 5  # of the baseline, for a deviation between them to mean anything


def chunk_of(then: pd.DataFrame, now: pd.DataFrame) -> dict[str, int]:
    """A window is one chunk where the baseline holds several of its size; else the default, ten chunks."""
    return {"chunk_size": len(now)} if len(then) >= LEAST_CHUNKS * len(now) else {}


FITTED: dict[tuple[int, str, int], object] = {}  # by baseline (a frame that stays), question and size of the window


def excess(make: Callable[[], object], then: pd.DataFrame, now: pd.DataFrame, *path: str) -> float:
    """How far the window's worst chunk lies beyond the thresholds."""
    key = id(then), "/".join(path), len(now)
    if key not in FITTED:
        FITTED[key] = make().fit(then)
    found = FITTED[key].calculate(now).filter(period="analysis").to_df()
    value, upper, lower = (
        found[(*path, name)].astype(float) for name in ("value", "upper_threshold", "lower_threshold")
    )
    beyond = pd.concat([value - upper, lower - value], axis=1).max(axis=1)
    return float(beyond.max())


def drift(then: pd.DataFrame, now: pd.DataFrame) -> float:
    """Jensen-Shannon distance of a column, above 0.1."""
    column = changes.NUMBER
    return excess(
        lambda: nannyml.UnivariateDriftCalculator(column_names=[column], **chunk_of(then, now)),
        then,
        now,
        column,
        "jensen_shannon",
    )


def missing(then: pd.DataFrame, now: pd.DataFrame) -> float:
    """Share of missing values, three standard deviations of the baseline's chunks off their mean."""
    column = changes.GAPPED
    return excess(
        lambda: nannyml.MissingValuesCalculator(column_names=[column], **chunk_of(then, now)), then, now, column
    )


def accuracy(then: pd.DataFrame, now: pd.DataFrame) -> float:
    """Accuracy, three standard deviations of the baseline's chunks off their mean."""
    return excess(
        lambda: nannyml.PerformanceCalculator(
            y_true="label",
            y_pred="prediction",
            y_pred_proba="score",
            problem_type="classification_binary",
            metrics=["accuracy"],
            **chunk_of(then, now),
        ),
        then,
        now,
        "accuracy",
    )


if __name__ == "__main__":
    main({"shift": drift, "spread": drift, "nulls": missing, "accuracy": accuracy})
