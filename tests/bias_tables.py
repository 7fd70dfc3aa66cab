"""Labelled tables for tests of bias, the settings to measure them by, and a slow measurement from the definitions alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from model_monitor.job.blocks import Block, Faults
from model_monitor.labels.join import join
from model_monitor.monitors.model_bias.options import read_options
from model_monitor.monitors.model_bias.profile import BiasProfile
from model_monitor.monitors.model_bias.settings import BiasSettings
from model_monitor.monitors.model_bias.statistics import BiasStatistics, Entry, read_statistics
from model_monitor.schema import Rows
from tests.tables import Cell, column, table


def settings(**options: Any) -> BiasSettings:
    """As a configuration would give them."""
    faults = Faults()
    block = Block({"label_name": "label", **options}, "monitors.model_bias", faults)
    found: BiasSettings = read_options(block)["bias"]
    block.end()
    assert not faults, faults
    return found


def labelled(
    columns: Mapping[str, Sequence[Cell]],
    label: Sequence[Cell],
    prediction: Sequence[Cell] | None = None,
    *,
    score: Sequence[Cell] | None = None,
) -> Rows:
    """Rows with their labels joined."""
    rows = replace(
        table(columns),
        label=column(label),
        prediction=None if prediction is None else column(prediction),
        score=None if score is None else column(score),
    )
    return join(rows, None)


def measure(rows: Rows, found: BiasSettings, cuts: Sequence[Rows] = ()) -> BiasStatistics:
    """Statistics of a table, or of its cuts merged."""
    profile = BiasProfile.empty(found, rows.schema)
    for part in cuts or (rows,):
        profile = profile.merge(BiasProfile.of(part, found))
    return read_statistics(profile, found, rows.schema, workers=1)


def values(entry: Entry) -> dict[str, float | None]:
    """Every metric of both stages."""
    return {name: found.value for name, found in (*entry.pre.items(), *entry.post.items())}


# --- the definitions, record by record -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Record:
    """d: in the group in question; y, p: positive, observed and predicted; g: its group."""

    d: bool
    y: bool
    p: bool
    g: Any = None
    x: tuple[float, ...] = ()


def divide(part: float, whole: float) -> float:
    if whole:
        return part / whole
    return math.copysign(math.inf, part) if part else 0.0


def minus(first: float, second: float) -> float:
    return 0.0 if math.isinf(first) and math.isinf(second) else first - second


def reference(records: Sequence[Record]) -> dict[str, float]:
    """All metrics as the developer guide defines them, with no arrays, tables or shared code."""
    a, d = ([record for record in records if record.d is side] for side in (False, True))

    def rate(part: list[Record], wanted: Any, among: Any) -> float:
        return divide(sum(bool(wanted(r)) for r in part), sum(bool(among(r)) for r in part))

    def gap(wanted: Any, among: Any) -> float:
        return minus(rate(a, wanted, among), rate(d, wanted, among))

    q_a, q_d = rate(a, lambda r: r.y, lambda r: True), rate(d, lambda r: r.y, lambda r: True)
    p_a, p_d = (1 - q_a, q_a), (1 - q_d, q_d)
    mean = tuple((one + other) / 2 for one, other in zip(p_a, p_d, strict=True))
    apart = [abs(one - other) for one, other in zip(p_a, p_d, strict=True)]
    benefits = [1 + r.p - r.y for r in records]
    average = sum(benefits) / len(benefits)
    return {
        "CI": (len(a) - len(d)) / len(records),
        "DPL": q_a - q_d,
        "KL": kullback_leibler(p_a, p_d),
        "JS": (kullback_leibler(p_a, mean) + kullback_leibler(p_d, mean)) / 2,
        "LP": math.hypot(*apart),
        "TVD": sum(apart) / 2,
        "KS": max(apart),
        "CDDL": disparity(records, lambda r: r.y),
        "CDDPL": disparity(records, lambda r: r.p),
        "AD": gap(lambda r: r.y is r.p, lambda r: True),
        "DPPL": gap(lambda r: r.p, lambda r: True),
        "DI": divide(rate(d, lambda r: r.p, lambda r: True), rate(a, lambda r: r.p, lambda r: True)),
        "DAR": gap(lambda r: r.p and r.y, lambda r: r.p),
        "DCA": gap(lambda r: r.y, lambda r: r.p),
        "DCR": -gap(lambda r: not r.y, lambda r: not r.p),
        "DRR": -gap(lambda r: not r.p and not r.y, lambda r: not r.p),
        "RD": gap(lambda r: r.p and r.y, lambda r: r.y),
        "SD": -gap(lambda r: not r.p and not r.y, lambda r: not r.y),
        "TE": -gap(lambda r: r.y and not r.p, lambda r: r.p and not r.y),
        "GE": sum((b / average) ** 2 - 1 for b in benefits) / (2 * len(benefits)) if average else math.nan,
        "FT": sum(int(r.p) - int(nearest_say_yes(r, a)) for r in d) / len(d),
    }


def kullback_leibler(first: Sequence[float], second: Sequence[float]) -> float:
    return sum(p * math.log(p / q) for p, q in zip(first, second, strict=True) if p > 0 and q > 0)


def disparity(records: Sequence[Record], accepted: Any) -> float:
    total, size = 0.0, 0
    for group in {record.g for record in records} - {None}:
        members = [record for record in records if record.g == group]
        rejected, taken = [r for r in members if not accepted(r)], [r for r in members if accepted(r)]
        shares = [divide(sum(r.d for r in part), len(part)) for part in (rejected, taken)]
        total += len(members) * (shares[0] - shares[1])
        size += len(members)
    return divide(total, size)


def nearest_say_yes(record: Record, others: Sequence[Record]) -> bool:
    """Whether most of the five nearest do; those as far as the fifth share the places that are left."""
    k = 5 if len(others) > 9 else 1
    apart = [(math.dist(record.x, other.x), other.p) for other in others]
    last = sorted(distance for distance, _ in apart)[k - 1]
    nearer = [said for distance, said in apart if distance < last]
    tied = [said for distance, said in apart if distance == last]
    return sum(nearer) + (k - len(nearer)) * sum(tied) / len(tied) > k / 2


def random_columns(seed: int, rows: int, *, is_tied: bool = False) -> tuple[dict[str, list[Any]], list[int], list[int]]:
    """Columns sex (0, 1), town, age and two numbers; labels and predictions 0, 1 that depend on them."""
    source = np.random.default_rng(seed)
    sex, age = source.integers(0, 2, rows), source.integers(18, 70, rows)
    label = (source.random(rows) < 0.3 + 0.2 * sex).astype(int)
    said = np.where(source.random(rows) < 0.8, label, 1 - label)
    numbers = source.integers(0, 4, (2, rows)).astype(float) if is_tied else source.normal(size=(2, rows))
    columns: dict[str, list[Any]] = {
        "sex": sex.tolist(),
        "town": source.integers(0, 5, rows).tolist(),
        "age": age.tolist(),
        "one": numbers[0].tolist(),
        "two": numbers[1].tolist(),
    }
    return columns, label.tolist(), said.tolist()
