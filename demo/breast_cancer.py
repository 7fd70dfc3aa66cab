"""Breast cancer: two classes, thirty measurements of the 569 patients in scikit-learn's data set."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from demo.data import SEED, Columns, Dataset, Mode, Table, csv_lines

MEASURES = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave_points",
    "symmetry",
    "fractal_dimension",
)
MEASUREMENTS = tuple(pattern.format(name) for pattern in ("mean_{}", "{}_error", "worst_{}") for name in MEASURES)


@lru_cache(maxsize=1)
def _breast_cancer() -> tuple[np.ndarray, np.ndarray]:
    """Values (569, 30) and targets (0 malignant, 1 benign).

    The file that scikit-learn's `load_breast_cancer` reads, without the three seconds of importing scikit-learn; a test
    compares the two.
    """
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("scikit-learn is not installed: run `make setup`")
    path = Path(package.origin).parent / "datasets" / "data" / "breast_cancer.csv"
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    return table[:, :-1], table[:, -1].astype(int)


def _measurements(rows: np.ndarray) -> Table:
    data, target = _breast_cancer()
    columns = {name: data[rows, column].tolist() for column, name in enumerate(MEASUREMENTS)}
    return Table(columns, target[rows].tolist())


def draw_breast_cancer(count: int, random: np.random.Generator) -> Table:
    """Patients drawn again from the 569 of the data set: a bootstrap sample cannot drift."""
    return _measurements(random.integers(0, len(_breast_cancer()[1]), count))


def _breast_cancer_training() -> tuple[Table, Table, Table]:
    order = np.random.default_rng([SEED, 1]).permutation(len(_breast_cancer()[1]))
    return _measurements(order), _measurements(order[:455]), _measurements(order[455:])


def _as_it_is(_mode: Mode, columns: Columns) -> Columns:
    return columns


BREAST_CANCER = Dataset(
    endpoint="breast-cancer",
    label="diagnosis",
    names=MEASUREMENTS,
    content_type="text/csv",
    accept="text/csv",
    draw=draw_breast_cancer,
    damage=_as_it_is,
    write=csv_lines,
    records_per_request=(5, 25),
    training=_breast_cancer_training,
    is_reviewed=True,
)
