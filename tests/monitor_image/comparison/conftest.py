"""Held-out rows and predictions of them as files, and the comparison of two models."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_monitor.comparison.document import document
from model_monitor.comparison.reading import Places
from model_monitor.comparison.request import of_document
from model_monitor.comparison.verdict import compare

FEATURES = [{"name": "size"}, {"name": "area", "type": "String"}]
CONFIGURATION = {
    "version": 1,
    "payload": {"features": FEATURES, "label": "truth", "output": {"prediction": 0, "score": 1}},
    "monitors": {"model_quality": {"problem_type": "binary"}},
}
Table = Sequence[Sequence[Any]]


def write(path: Path, rows: Table) -> Path:
    """CSV without a header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    return path


def answered(truth: np.ndarray, right: np.ndarray, random: np.random.Generator) -> list[tuple[int, float]]:
    """Label and score of a binary model that is right where it is said to be."""
    said = np.where(right, truth, 1 - truth)
    scores = np.where(said == 1, random.uniform(0.55, 0.95, len(said)), random.uniform(0.05, 0.45, len(said)))
    return list(zip(said.tolist(), scores.round(4).tolist(), strict=True))


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Compare tables, and give the content of comparison.json."""

    def judged(
        rows: Table, champion: Any, challenger: Any, configuration: Any = None, **options: Any
    ) -> dict[str, Any]:
        places = [write(tmp_path / "rows.csv", rows)]
        for name, said in (("champion", champion), ("challenger", challenger)):
            if isinstance(said, str):
                places.append(tmp_path / f"{name}.out")
                places[-1].write_text(said)
            else:
                places.append(write(tmp_path / f"{name}.out", said))
        asked = of_document(configuration or CONFIGURATION, "test", options)
        found = compare(Places(*places), *asked)
        content: dict[str, Any] = json.loads(json.dumps(document(found)))
        return content

    return judged


@pytest.fixture
def binary() -> tuple[Table, np.ndarray, np.random.Generator]:
    """600 rows with their truth: two areas, sizes of 0 to 100."""
    random = np.random.default_rng(5)
    truth = (random.random(600) < 0.4).astype(int)
    sizes, areas = random.uniform(0, 100, 600).round(2), np.where(random.random(600) < 0.7, "north", "south")
    return list(zip(truth.tolist(), sizes.tolist(), areas.tolist(), strict=True)), truth, random
