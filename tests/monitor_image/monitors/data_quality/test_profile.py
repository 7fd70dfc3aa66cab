"""The same records, cut differently: what must be equal is equal, what may differ stays within what is stated."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from model_monitor.schema import Column, Kind, Rows
from tests.tables import DATA_QUALITY, job_for, table

pytestmark = pytest.mark.xdist_group("profile")  # the whole is measured once

RECORDS = 60_000
RANK_ERROR = 0.005


@pytest.fixture(scope="module")
def columns() -> dict[str, list[Any]]:
    random = np.random.default_rng(9)
    amounts = random.lognormal(3, 2, RECORDS)
    mixed = random.integers(0, 40, RECORDS).tolist()
    mixed[RECORDS // 2 :] = [float(value) for value in mixed[RECORDS // 2 :]]  # 37 in one half, 37.0 in the other
    mixed[::1000] = ["n/a"] * len(mixed[::1000])
    return {
        "amount": amounts.tolist(),
        "whole_then_fraction": [*range(RECORDS - 1), 0.5],
        "flag": random.integers(0, 2, RECORDS).tolist(),
        "sparse": np.where(random.random(RECORDS) < 0.5, None, random.integers(0, 9, RECORDS).astype(object)).tolist(),
        "state": random.choice(["NM", "CT", "WY"], RECORDS).tolist(),
        "mixed": mixed,
        "id": [f"id-{number}" for number in range(RECORDS)],
    }


def statistics_file(columns: dict[str, list[Any]], cuts: list[int]) -> dict[str, dict[str, Any]]:
    profile = None
    job = None
    for start, stop in zip([0, *cuts], [*cuts, RECORDS], strict=True):
        rows = table({name: cells[start:stop] for name, cells in columns.items()})
        job = job or job_for(rows.schema)
        part = DATA_QUALITY.profile(rows, job)
        profile = part if profile is None else profile.merge(part)
    content = DATA_QUALITY.files.statistics(DATA_QUALITY.statistics(profile, job))
    return {feature["name"]: feature for feature in content["features"]}


@pytest.fixture(scope="module")
def whole(columns) -> dict[str, dict[str, Any]]:
    return statistics_file(columns, [])


@pytest.mark.parametrize("cuts", [[1], [30_000], [7, 1_000, 1_001, 41_000], list(range(500, 60_000, 777))])
def test_statistics_of_other_cuts(columns, whole, cuts):
    cut = statistics_file(columns, cuts)
    for name, expected in whole.items():
        found = cut[name]
        assert found["inferred_type"] == expected["inferred_type"]
        if "numerical_statistics" not in expected:
            assert json.dumps(found) == json.dumps(expected)
            continue
        found, expected = found["numerical_statistics"], expected["numerical_statistics"]
        for key in ("common", "min", "max", "completeness", "approximate_num_distinct_values"):
            assert found[key] == expected[key], (name, key)
        for key in ("mean", "sum", "std_dev"):
            assert found[key] == pytest.approx(expected[key], rel=1e-12), (name, key)
        buckets, others = (side["distribution"]["kll"]["buckets"] for side in (found, expected))
        assert [b["lower_bound"] for b in buckets] == [b["lower_bound"] for b in others]
        allowed = 0 if name in ("flag", "sparse") else 2 * RANK_ERROR * RECORDS  # exact while few values differ
        assert max(abs(a["count"] - b["count"]) for a, b in zip(buckets, others, strict=True)) <= allowed


def test_whole_numbers_in_one_part_and_fractions_in_another_are_fractional(whole):
    assert whole["whole_then_fraction"]["inferred_type"] == "Fractional"


def test_no_cell_of_a_number_is_looked_at_by_python():
    class Watched(np.ndarray):
        def __iter__(self):  # what a loop over cells would call
            raise AssertionError("a loop over cells")

    size = 4_096
    whole = np.arange(size, dtype=np.int64).view(Watched)
    doubles = np.random.default_rng(1).normal(size=size).view(Watched)
    kinds = [np.eye(5, dtype=np.int64)[kind] * size for kind in (Kind.INTEGRAL, Kind.FRACTIONAL)]
    made = table({"a": [1], "b": [1.5]})
    rows = Rows(made.schema, size, (Column(kinds[0], whole), Column(kinds[1], doubles)))
    profile = DATA_QUALITY.profile(rows, job_for(made.schema))
    assert [feature.numbers.moments.count for feature in profile.features] == [size, size]
