"""Script-mode training for AWS's XGBoost framework containers.

Channels are folders of CSV files without a header, the label first, then the features in the order of the mapping:
`train` (the original data), `fresh` (optional: newly labelled rows, trained on as well) and `validation` (optional).
Writes `model.json` and `metadata.json` (categories, classes, metrics) to SM_MODEL_DIR. The same data and hyperparameters
give the same model.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from pathlib import Path
from typing import Any, Sequence

import numpy as np
import xgboost as xgb
from categories import Encoder, learn, numbers
from payload import Mapping, PayloadError

METADATA_VERSION = 1
TREE_PARAMETERS = {  # hyperparameters handed to XGBoost as they are, with its own defaults
    "max_depth": (int, 6),
    "eta": (float, 0.3),
    "gamma": (float, 0.0),
    "min_child_weight": (float, 1.0),
    "subsample": (float, 1.0),
    "colsample_bytree": (float, 1.0),
    "lambda": (float, 1.0),
    "alpha": (float, 0.0),
    "max_bin": (int, 256),
    "nthread": (int, 0),
}


class TrainingError(ValueError):
    """The data or the hyperparameters cannot be trained on. Names files and lines, never values."""


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Hyperparameters and channels; the platform passes the first as arguments and the second as variables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--num_round", type=int, default=100)
    parser.add_argument(
        "--objective", default="auto", help="auto: binary:logistic or multi:softprob, by the classes found"
    )
    parser.add_argument("--num_class", type=int, default=None, help="checked against the classes found")
    parser.add_argument("--seed", type=int, default=0)
    for name, (kind, default) in TREE_PARAMETERS.items():
        parser.add_argument(f"--{name}", type=kind, default=default)
    for channel in ("train", "validation", "fresh"):
        parser.add_argument(f"--{channel}", default=os.environ.get(f"SM_CHANNEL_{channel.upper()}"))
    parser.add_argument("--model-dir", default=os.environ.get("SM_MODEL_DIR", "/opt/ml/model"))
    return parser.parse_args(arguments)


class Table:
    """Labels and feature columns of a channel, all as text."""

    def __init__(self, labels: list[str], columns: list[Sequence[str]]) -> None:
        self.labels = labels
        self.columns = columns

    def plus(self, other: Table) -> Table:
        columns = [list(mine) + list(theirs) for mine, theirs in zip(self.columns, other.columns)]
        return Table(self.labels + other.labels, list(columns))


def read_channel(folder: str | None, mapping: Mapping) -> Table:
    """Every CSV file below a folder, in sorted order; a header that repeats the mapping's names is skipped."""
    names = mapping.names
    rows: list[list[str]] = []
    for path in sorted(Path(folder).rglob("*.csv")) if folder else []:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.reader(lines)
            for record in reader:
                if not record or (reader.line_num == 1 and record[1:] == names):
                    continue
                if len(record) != len(names) + 1 or not record[0]:
                    raise TrainingError(
                        f"{path.name}:{reader.line_num}: expected a label and {len(names)} values, "
                        f"found {len(record)} fields{'' if record[0] else ' and no label'}"
                    )
                rows.append(record)
    table = list(zip(*rows)) or [()] * (len(names) + 1)
    return Table(list(table[0]), list(table[1:]))


def classes_of(labels: Sequence[str]) -> list[Any]:
    """The distinct labels in order: integers when all of them are, else texts."""
    distinct = set(labels)
    try:
        values = {float(label) for label in distinct}
        if all(value.is_integer() for value in values):
            return sorted(int(value) for value in values)
    except (ValueError, OverflowError):
        pass  # labels are texts
    return sorted(distinct)


def codes(labels: Sequence[str], classes: list[Any]) -> np.ndarray:
    """Positions of labels among the classes; -1 for one that training never saw."""
    are_integers = bool(classes) and isinstance(classes[0], int)
    table = {label: position for position, label in enumerate(classes)}
    seen = {text: table.get(int(float(text)) if are_integers else text, -1) for text in set(labels)}
    return np.array([seen[label] for label in labels], dtype=np.int64)


def objective_of(arguments: argparse.Namespace, classes: list[Any]) -> str:
    """The objective asked for, checked against the classes that are there."""
    if arguments.objective == "auto":
        return "binary:logistic" if len(classes) == 2 else "multi:softprob"
    objective = str(arguments.objective)
    if objective.startswith("binary:") and len(classes) != 2:
        raise TrainingError(f"{objective} needs two classes, the labels hold {len(classes)}")
    if objective.startswith("multi:") and arguments.num_class is not None and arguments.num_class < len(classes):
        raise TrainingError(f"num_class is {arguments.num_class}, the labels hold {len(classes)} classes")
    return objective


def measure(booster: xgb.Booster, encoder: Encoder, table: Table, classes: list[Any], name: str) -> dict[str, float]:
    """Accuracy of a classifier, root mean squared error of a regression; nothing without rows."""
    if not table.labels:
        return {}
    raw = booster.inplace_predict(encoder.matrix(table.columns, "row"))
    if not classes:
        truth = numbers(table.labels, "label", "row")
        return {f"{name}-rmse": float(np.sqrt(np.mean((raw - truth) ** 2)))}
    found = (raw > 0.5).astype(np.int64) if raw.ndim == 1 else np.argmax(raw, axis=1)
    return {f"{name}-accuracy": float(np.mean(found == codes(table.labels, classes)))}


def train(arguments: argparse.Namespace, mapping: Mapping) -> tuple[xgb.Booster, dict[str, Any]]:
    """Train on the original and the fresh rows; the category table comes from both."""
    channels = {name: read_channel(getattr(arguments, name), mapping) for name in ("train", "fresh", "validation")}
    table = channels["train"].plus(channels["fresh"])
    if not table.labels:
        raise TrainingError("the train channel holds no rows (CSV files, label first, no header)")
    is_regression = arguments.objective.startswith(("reg:", "count:"))
    classes = [] if is_regression else classes_of(table.labels)
    objective = arguments.objective if is_regression else objective_of(arguments, classes)
    encoder = learn(mapping.features, table.columns)
    target = numbers(table.labels, "label", "row") if is_regression else codes(table.labels, classes)
    parameters: dict[str, Any] = {name: getattr(arguments, name) for name in TREE_PARAMETERS}
    parameters.update(objective=objective, seed=arguments.seed, tree_method="hist", verbosity=1)
    if objective.startswith("multi:"):
        parameters["num_class"] = max(len(classes), arguments.num_class or 0)
    data = xgb.DMatrix(encoder.matrix(table.columns, "row"), label=target)
    booster = xgb.train(parameters, data, num_boost_round=arguments.num_round)
    metrics = measure(booster, encoder, table, classes, "train")
    metrics.update(measure(booster, encoder, channels["validation"], classes, "validation"))
    metadata = {
        "version": METADATA_VERSION,
        "features": encoder.features,
        "categories": encoder.categories,
        "classes": classes,
        "objective": objective,
        "metrics": metrics,
        "rows": {name: len(channel.labels) for name, channel in channels.items()},
        "hyperparameters": {"num_round": arguments.num_round, "seed": arguments.seed},
    }
    return booster, metadata


def main(arguments: Sequence[str] | None = None) -> int:
    """The script's one act. Failures end it with one line on stderr, which becomes the job's failure reason."""
    options = parse(arguments)
    try:
        booster, metadata = train(options, Mapping.load())
    except (TrainingError, PayloadError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    folder = Path(options.model_dir)
    folder.mkdir(parents=True, exist_ok=True)
    booster.save_model(str(folder / "model.json"))
    (folder / "metadata.json").write_text(json.dumps(metadata, indent=1, sort_keys=True), encoding="utf-8")
    for name, count in sorted(metadata["rows"].items()):
        sys.stdout.write(f"{name}-rows: {count}\n")
    for name, value in sorted(metadata["metrics"].items()):
        sys.stdout.write(f"{name}: {value:.6f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
