"""Both sides of each feature's distribution, within its privacy class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from model_monitor.dataset.classify import to_column
from model_monitor.monitors.data_quality.baseline import Baseline
from model_monitor.monitors.data_quality.constraints import Constraints
from model_monitor.monitors.data_quality.pictures import pictures
from model_monitor.monitors.data_quality.profile import DatasetProfile
from model_monitor.monitors.data_quality.statistics import DatasetStatistics, read_statistics
from model_monitor.schema import Feature, FeatureType, Privacy, Rows, Schema


def measured(values: list[Any], privacy: Privacy, type_: FeatureType | None, is_baseline: bool) -> DatasetStatistics:
    schema = Schema((Feature("f", type_, privacy),))
    column = to_column(values, is_text=type_ is FeatureType.STRING)
    return read_statistics(DatasetProfile.of(Rows(schema, len(values), (column,))), schema.features, is_baseline)


def drawn(then: list[Any], now: list[Any], privacy: Privacy = Privacy.OPEN, type_: FeatureType | None = None) -> Any:
    baseline = Baseline(Constraints(()), measured(then, privacy, type_, is_baseline=True))
    found = pictures(measured(now, privacy, type_, is_baseline=False), baseline)
    return found["features"][0] if found else {}


def test_numbers_of_both_sides_are_counted_over_the_same_bins():
    random = np.random.default_rng(0)
    then, now = random.normal(0, 1, 1000), random.normal(2, 1, 400)
    found = drawn(then.tolist(), now.tolist())
    bounds = np.array(found["bounds"])
    assert (len(bounds), sum(found["baseline"]), sum(found["window"])) == (13, 1000, 400)
    inner = bounds.copy()
    inner[0], inner[-1] = -np.inf, np.inf
    assert found["window"] == np.histogram(now, inner)[0].tolist()
    assert found["baseline"] == np.histogram(then, inner)[0].tolist()


def test_one_far_value_does_not_squeeze_the_rest():
    found = drawn([*range(999), 10**9], list(range(1000)))
    assert found["bounds"][-1] < 1001
    assert sum(found["baseline"]) == 1000


@pytest.mark.parametrize(
    ("then", "now"), [([5] * 40, [5] * 40), ([1e308, -1e308] * 20, [0] * 40), ([0, 1] * 20, [1] * 40)]
)
def test_odd_ranges_have_bins_too(then, now):
    found = drawn(then, now)
    assert len(found["bounds"]) == len(found["window"]) + 1
    assert (sum(found["baseline"]), sum(found["window"])) == (40, 40)


def test_categories_are_the_commonest_of_either_side_and_all_others():
    then = ["a"] * 50 + ["b"] * 30 + [f"rare-{n}" for n in range(20)]
    found = drawn(then, ["new"] * 60 + ["a"] * 40, type_=FeatureType.STRING)
    assert found["categories"][:3] == ["new", "a", "b"]
    assert found["categories"][-1] is None
    assert len(found["categories"]) == 12
    assert (found["baseline"][:3], found["window"][:3]) == ([0, 50, 30], [60, 40, 0])
    assert (sum(found["baseline"]), sum(found["window"])) == (100, 100)


@pytest.mark.parametrize(("privacy", "is_told"), [(Privacy.OPEN, True), (Privacy.INTERNAL, False)])
def test_names_of_categories_are_told_of_open_features_alone(privacy, is_told):
    found = drawn(["blue"] * 50 + ["red"] * 50, ["blue"] * 100, privacy, FeatureType.STRING)
    assert ("blue" in found["categories"]) is is_told
    assert found["window"] == [100, 0]


@pytest.mark.parametrize("values", [list(range(100)), ["blue"] * 100])
def test_nothing_is_drawn_of_a_restricted_feature(values):
    type_ = FeatureType.STRING if isinstance(values[0], str) else None
    assert drawn(values, values, Privacy.RESTRICTED, type_) == {}


def test_texts_that_may_be_names_are_not_drawn():
    values = [f"customer {n}" for n in range(200)]
    assert drawn(values, values, type_=FeatureType.STRING) == {}


def test_without_a_baseline_there_is_nothing_to_draw():
    assert pictures(measured([1, 2], Privacy.OPEN, None, is_baseline=False), None) == {}
