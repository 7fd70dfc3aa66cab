"""Laws that every registered monitor's profile obeys, however its records are cut."""

from __future__ import annotations

import math
import pickle
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from model_monitor.monitors import registry
from model_monitor.monitors.base import AnyMonitor
from model_monitor.schema import Feature, FeatureType, Rows, Schema
from tests.strategies import NAMES, records
from tests.tables import job_for, table

MONITORS = tuple(registry.monitors().values())
SCHEMA = Schema(tuple(Feature(name) for name in NAMES))
JOB = job_for(SCHEMA)
MOMENTS = {"count", "total", "residue", "m2", "minimum", "maximum"}


def rows_of(found: list[tuple[object, ...]], types: dict[str, FeatureType] | None = None) -> Rows:
    columns = {name: [record[position] for record in found] for position, name in enumerate(NAMES)}
    return table(
        columns, types, absent={"code": sum(r[2] is None for r in found)}, extra={"k": len(found)} if found else {}
    )


def assert_close(first: Any, second: Any) -> None:
    """Equal, but for moments: those within 1e-12 of the feature's scale."""
    if isinstance(first, dict) and first.keys() >= MOMENTS:
        assert (first["count"], first["minimum"], first["maximum"]) == (
            second["count"],
            second["minimum"],
            second["maximum"],
        )
        scale = max(abs(first["minimum"] or 0.0), abs(first["maximum"] or 0.0))
        sums = [part["total"] + part["residue"] for part in (first, second)]
        assert math.isclose(*sums, abs_tol=1e-12 * scale * first["count"])
        assert math.isclose(first["m2"], second["m2"], rel_tol=1e-12, abs_tol=1e-12 * scale * scale * first["count"])
    elif isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_close(first[key], second[key])
    elif isinstance(first, list):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_close(one, other)
    else:
        assert first == second


@pytest.mark.parametrize("monitor", MONITORS, ids=lambda monitor: monitor.type)
@given(found=records(), cut=st.integers(0, 60))
def test_a_whole_is_the_merge_of_its_parts(monitor: AnyMonitor, found: list[Any], cut: int) -> None:
    parts = [monitor.profile(rows_of(part), JOB) for part in (found[:cut], found[cut:])]
    assert_close(monitor.profile(rows_of(found), JOB).to_json(), parts[0].merge(parts[1]).to_json())


@pytest.mark.parametrize("monitor", MONITORS, ids=lambda monitor: monitor.type)
@given(found=records(), cut=st.integers(0, 60))
def test_a_whole_is_the_merge_of_its_parts_for_features_read_as_text(
    monitor: AnyMonitor, found: list[Any], cut: int
) -> None:
    types = {"code": FeatureType.STRING, "anything": FeatureType.STRING}
    parts = [monitor.profile(rows_of(part, types), JOB) for part in (found[:cut], found[cut:])]
    assert_close(monitor.profile(rows_of(found, types), JOB).to_json(), parts[0].merge(parts[1]).to_json())


@pytest.mark.parametrize("monitor", MONITORS, ids=lambda monitor: monitor.type)
@given(found=records())
def test_the_empty_profile_changes_nothing_on_either_side(monitor: AnyMonitor, found: list[Any]) -> None:
    profile = monitor.profile(rows_of(found), JOB)
    empty = monitor.empty(JOB)
    assert empty.merge(profile).to_json() == profile.to_json() == profile.merge(empty).to_json()


@pytest.mark.parametrize("monitor", MONITORS, ids=lambda monitor: monitor.type)
@given(found=records(), cuts=st.tuples(st.integers(0, 60), st.integers(0, 60)))
def test_regrouping_the_parts_agrees(monitor: AnyMonitor, found: list[Any], cuts: tuple[int, int]) -> None:
    low, high = sorted(cuts)
    a, b, c = (monitor.profile(rows_of(part), JOB) for part in (found[:low], found[low:high], found[high:]))
    assert_close(a.merge(b).merge(c).to_json(), a.merge(b.merge(c)).to_json())


@pytest.mark.parametrize("monitor", MONITORS, ids=lambda monitor: monitor.type)
@given(found=records(), cut=st.integers(0, 60))
def test_a_profile_survives_json_exactly(monitor: AnyMonitor, found: list[Any], cut: int) -> None:
    profile = monitor.profile(rows_of(found[:cut]), JOB).merge(monitor.profile(rows_of(found[cut:]), JOB))
    written = orjson.dumps(profile.to_json())
    assert orjson.dumps(type(monitor.empty(JOB)).from_json(orjson.loads(written)).to_json()) == written


@pytest.mark.parametrize("monitor", MONITORS, ids=lambda monitor: monitor.type)
@given(found=records())
def test_a_profile_survives_the_way_to_another_process(monitor: AnyMonitor, found: list[Any]) -> None:
    profile = monitor.profile(rows_of(found), JOB)
    assert pickle.loads(pickle.dumps(profile)).to_json() == profile.to_json()


@pytest.mark.parametrize("monitor", MONITORS, ids=lambda monitor: monitor.type)
@given(found=records())
def test_statistics_of_the_same_profile_are_the_same_bytes(monitor: AnyMonitor, found: list[Any]) -> None:
    profile = monitor.profile(rows_of(found), JOB)
    again = type(monitor.empty(JOB)).from_json(orjson.loads(orjson.dumps(profile.to_json())))
    files = [orjson.dumps(monitor.files.statistics(monitor.statistics(each, JOB))) for each in (profile, again)]
    assert files[0] == files[1]
