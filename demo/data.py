"""The demo's records, requests and labels: a forest-cover generator of our own and scikit-learn's breast cancer data.

Everything is seeded: the same hour gives the same requests. Integers stay integers in JSON, because the type check of
data quality tells 37 from 37.0.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

SEED = 20260302
Value = int | float | str
Columns = Mapping[str, Sequence[Value]]  # feature → values, in the order of the mapping


class Mode(StrEnum):
    """What an hour's traffic is like."""

    HEALTHY = "healthy"
    QUIET = "quiet"
    BROKEN = "broken"
    DRIFTING = "drifting"


@dataclass(frozen=True, slots=True)
class Table:
    """Labelled records by column."""

    columns: Columns
    labels: Sequence[int]

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, start: int, stop: int) -> Table:
        return Table({name: values[start:stop] for name, values in self.columns.items()}, self.labels[start:stop])

    def rows(self) -> Iterator[tuple[Value, ...]]:
        return zip(*self.columns.values(), strict=True)


@dataclass(frozen=True, slots=True)
class Request:
    """One call of an application, with the truth that is known later."""

    inference_id: str
    body: bytes
    content_type: str
    accept: str
    table: Table


@dataclass(frozen=True, slots=True)
class Dataset:
    """An endpoint's data: how to draw records, and how its application writes them into a request."""

    endpoint: str
    label: str
    names: tuple[str, ...]
    content_type: str
    accept: str
    draw: Callable[[int, np.random.Generator], Table]
    damage: Callable[[Mode, Columns], Columns]  # what a mode does to the columns on their way into a request
    write: Callable[[Table, int], str]  # table, number of the request → body
    records_per_request: tuple[int, int]
    training: Callable[[], tuple[Table, Table, Table]]  # baseline, train, validation

    def traffic(self, hour: int, mode: Mode, records: int) -> list[Request]:
        """About `records` records of one hour in requests of several records each; none when it is quiet."""
        if mode is Mode.QUIET:
            return []
        random = np.random.default_rng([SEED, hour, len(self.names)])
        drawn = self.draw(records, random)
        sent = Table(self.damage(mode, drawn.columns), drawn.labels)
        requests: list[Request] = []
        start = 0
        while start < records:
            stop = min(start + int(random.integers(*self.records_per_request, endpoint=True)), records)
            part, number = sent.part(start, stop), len(requests)
            body = self.write(part, number).encode()
            requests.append(
                Request(f"{self.endpoint}-{hour:03}-{number:04}", body, self.content_type, self.accept, part)
            )
            start = stop
        return requests


# --- what the application and the team's training pipeline write --------------------------------------------------------


def baseline_csv(table: Table, label: str) -> str:
    """With a header, features in the order of the mapping, the label last."""
    return _csv([(*table.columns, label), *((*row, truth) for row, truth in _labelled(table))])


def training_csv(table: Table, names: Sequence[str]) -> str:
    """No header, the label first; a feature that never arrived is an empty field."""
    missing = [""] * len(table)
    whole = Table({name: table.columns.get(name, missing) for name in names}, table.labels)
    return _csv([(truth, *row) for row, truth in _labelled(whole)])


def ground_truth_lines(requests: Sequence[Request]) -> str:
    """SageMaker's ground-truth records: one line a request, its labels as a JSON list in the order of the records."""
    lines = (
        {
            "groundTruthData": {"data": json.dumps([int(label) for label in request.table.labels]), "encoding": "JSON"},
            "eventMetadata": {"eventId": request.inference_id},
            "eventVersion": "0",
        }
        for request in requests
    )
    return "".join(json.dumps(line) + "\n" for line in lines)


def _labelled(table: Table) -> Iterator[tuple[tuple[Value, ...], int]]:
    return zip(table.rows(), table.labels, strict=True)


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _json_columns(table: Table, number: int) -> str:
    """An object of columns; every second request spells a column as pandas does, `{"0": v, "1": w}`."""
    if number % 2 == 0:
        return json.dumps({name: list(values) for name, values in table.columns.items()})
    return json.dumps(
        {name: {str(row): value for row, value in enumerate(values)} for name, values in table.columns.items()}
    )


def _csv_lines(table: Table, _number: int) -> str:
    return _csv(list(table.rows()))


# --- forest cover: seven classes, integers and texts --------------------------------------------------------------------

COVER_SHARES = (0.30, 0.34, 0.11, 0.04, 0.06, 0.07, 0.08)
ELEVATION_METRES = (3130, 2920, 2400, 2220, 2790, 2420, 3360)
WARMTH = (-5, 5, 6, -7, 9, -9, -2)  # degrees Fahrenheit that a class lies above what its elevation suggests
WILDERNESS = ("Cache", "Commanche", "Neota", "Rawah")
WILDERNESS_SHARES = (
    (0.03, 0.39, 0.09, 0.49),
    (0.04, 0.42, 0.04, 0.50),
    (0.58, 0.38, 0.02, 0.02),
    (0.90, 0.06, 0.02, 0.02),
    (0.04, 0.56, 0.04, 0.36),
    (0.53, 0.42, 0.02, 0.03),
    (0.02, 0.62, 0.11, 0.25),
)
SOILS = ("C2703", "C2717", "C4703", "C4744", "C4758", "C6731", "C7201", "C7700", "C7745", "C7756", "C8771", "C8772")
BROKEN_TYPE = "Slope"  # stored as integer, arrives as 37.0
BROKEN_ABSENT = "Hillshade_Noon"
DRIFTING = "Temperature"  # Fahrenheit in training, Celsius after a change of supplier


def draw_covertype(count: int, random: np.random.Generator) -> Table:
    """Records in the layout of UCI's forest cover data, classes first and the terrain given the class."""
    cover = random.choice(len(COVER_SHARES), size=count, p=COVER_SHARES)
    elevation = np.asarray(ELEVATION_METRES)[cover] + random.normal(0, 120, count)
    temperature = 60 - (elevation - 2700) * 0.012 + np.asarray(WARMTH)[cover] + random.normal(0, 2.5, count)
    aspect = random.integers(0, 360, count)
    slope = np.clip(random.gamma(3.5, 4, count), 0, 60)
    sun = np.deg2rad(aspect)
    hydrology = random.gamma(1.6, 165, count)
    wilderness = [WILDERNESS[random.choice(4, p=WILDERNESS_SHARES[kind])] for kind in cover]
    soil = np.where(random.random(count) < 0.5, cover * 12 // 7, random.integers(0, len(SOILS), count))
    columns = {
        "Elevation": elevation,
        "Aspect": aspect,
        "Slope": slope,
        "Horizontal_Distance_To_Hydrology": hydrology,
        "Vertical_Distance_To_Hydrology": hydrology * 0.18 + random.normal(0, 25, count),
        "Horizontal_Distance_To_Roadways": random.gamma(2.2, 1050, count),
        "Hillshade_9am": np.clip(218 + slope * 1.3 * np.sin(sun) + random.normal(0, 9, count), 0, 254),
        "Hillshade_Noon": np.clip(225 - slope * 0.9 * np.cos(sun) + random.normal(0, 8, count), 0, 254),
        "Hillshade_3pm": np.clip(142 - slope * 1.6 * np.sin(sun) + random.normal(0, 14, count), 0, 254),
        "Horizontal_Distance_To_Fire_Points": random.gamma(2.1, 950, count),
        DRIFTING: temperature,
    }
    whole: dict[str, list[Value]] = {name: np.rint(values).astype(int).tolist() for name, values in columns.items()}
    texts: dict[str, list[Value]] = {"Wilderness_Area": list(wilderness), "Soil_Type": [SOILS[code] for code in soil]}
    return Table(whole | texts, (cover + 1).tolist())


def damage_covertype(mode: Mode, columns: Columns) -> Columns:
    """Broken: one integer written as a fraction, another feature absent. Drifting: Celsius for Fahrenheit, still integers."""
    if mode is Mode.BROKEN:
        kept = {name: values for name, values in columns.items() if name != BROKEN_ABSENT}
        return kept | {BROKEN_TYPE: [float(value) for value in columns[BROKEN_TYPE]]}
    if mode is Mode.DRIFTING:
        return {**columns, DRIFTING: [round((float(value) - 32) * 5 / 9) for value in columns[DRIFTING]]}
    return columns


def _covertype_training() -> tuple[Table, Table, Table]:
    table = draw_covertype(4000, np.random.default_rng([SEED, 0]))
    train, validation = table.part(0, 3000), table.part(3000, 4000)
    return train, train, validation


# --- breast cancer: two classes, thirty measurements ---------------------------------------------------------------------


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


COVERTYPE = Dataset(
    endpoint="covertype",
    label="Cover_Type",
    names=tuple(draw_covertype(1, np.random.default_rng(0)).columns),
    content_type="application/json",
    accept="application/json",
    draw=draw_covertype,
    damage=damage_covertype,
    write=_json_columns,
    records_per_request=(2, 20),
    training=_covertype_training,
)


BREAST_CANCER = Dataset(
    endpoint="breast-cancer",
    label="diagnosis",
    names=MEASUREMENTS,
    content_type="text/csv",
    accept="text/csv",
    draw=draw_breast_cancer,
    damage=_as_it_is,
    write=_csv_lines,
    records_per_request=(5, 25),
    training=_breast_cancer_training,
)
