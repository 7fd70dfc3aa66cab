"""Evidently with its defaults on the windows of the calibration."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from evidently import BinaryClassification, DataDefinition, Dataset, Report
from evidently.metrics import Accuracy, MissingValueCount, ValueDrift

from benchmarks.calibration import changes
from benchmarks.peers.changes_found import main

warnings.simplefilter("ignore")
NUMBERS = DataDefinition(numerical_columns=[changes.NUMBER, changes.GAPPED])
ANSWERS = DataDefinition(
    classification=[BinaryClassification(target="label", prediction_labels="prediction")],
    categorical_columns=["label", "prediction"],
)


def results(
    metric: object, columns: list[str], definition: DataDefinition, then: pd.DataFrame, now: pd.DataFrame
) -> list[dict]:
    """Metrics and tests of one report."""
    sides = [Dataset.from_pandas(frame[columns], data_definition=definition) for frame in (now, then)]
    return Report([metric], include_tests=True).run(*sides)


def drift(then: pd.DataFrame, now: pd.DataFrame) -> float:
    """Column drift: of more than 1,000 baseline records the normed Wasserstein distance, above 0.1."""
    column = [changes.NUMBER]
    found = results(ValueDrift(column=changes.NUMBER), column, DataDefinition(numerical_columns=column), then, now)
    return float(found.dict()["metrics"][0]["value"]) - 0.1


def missing(then: pd.DataFrame, now: pd.DataFrame) -> float:
    """The share of missing values, more than a tenth off the baseline's.

    Its other default test, on their number, fails for every window that is not as large as the baseline.
    """
    column = [changes.GAPPED]
    found = results(
        MissingValueCount(column=changes.GAPPED), column, DataDefinition(numerical_columns=column), then, now
    )
    share = float(found.dict()["metrics"][0]["value"]["share"])
    return abs(share / then[changes.GAPPED].isna().mean() - 1) - 0.1


def accuracy(then: pd.DataFrame, now: pd.DataFrame) -> float:
    """Accuracy, more than a fifth off the baseline's."""
    found = results(Accuracy(), ["label", "prediction"], ANSWERS, then, now)
    was = float((then["label"] == then["prediction"]).mean())
    return abs(float(found.dict()["metrics"][0]["value"]) / was - 1) - 0.2


if __name__ == "__main__":
    main({"shift": drift, "spread": drift, "nulls": missing, "accuracy": accuracy})
