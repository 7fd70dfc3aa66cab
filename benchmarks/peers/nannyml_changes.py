"""NannyML with its defaults on the windows of the calibration."""

from __future__ import annotations

import logging
import sys
import warnings
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


def excess(calculator: object, then: pd.DataFrame, now: pd.DataFrame, *path: str) -> float:
    """How far the window's worst chunk lies beyond the thresholds."""
    calculator.fit(then)
    found = calculator.calculate(now).filter(period="analysis").to_df()
    value, upper, lower = (
        found[(*path, name)].astype(float) for name in ("value", "upper_threshold", "lower_threshold")
    )
    beyond = pd.concat([value - upper, lower - value], axis=1).max(axis=1)
    return float(beyond.max())


def drift(then: pd.DataFrame, now: pd.DataFrame) -> float:
    """Jensen-Shannon distance of a column, above 0.1."""
    column = changes.NUMBER
    calculator = nannyml.UnivariateDriftCalculator(column_names=[column], **chunk_of(then, now))
    return excess(calculator, then[[column]], now[[column]], column, "jensen_shannon")


def missing(then: pd.DataFrame, now: pd.DataFrame) -> float:
    """Share of missing values, three standard deviations of the baseline's chunks off their mean."""
    column = changes.GAPPED
    calculator = nannyml.MissingValuesCalculator(column_names=[column], **chunk_of(then, now))
    return excess(calculator, then[[column]], now[[column]], column)


def accuracy(then: pd.DataFrame, now: pd.DataFrame) -> float:
    """Accuracy, three standard deviations of the baseline's chunks off their mean."""
    calculator = nannyml.PerformanceCalculator(
        y_true="label",
        y_pred="prediction",
        y_pred_proba="score",
        problem_type="classification_binary",
        metrics=["accuracy"],
        **chunk_of(then, now),
    )
    columns = ["label", "prediction", "score"]
    return excess(calculator, then[columns], now[columns], "accuracy")


if __name__ == "__main__":
    main({"shift": drift, "spread": drift, "nulls": missing, "accuracy": accuracy})
