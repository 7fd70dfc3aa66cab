"""Quality by slice, and what the model says against what it said in its baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, strategies as st

from model_monitor.contract import JobKind, Verdict
from model_monitor.job.blocks import Block, Faults
from model_monitor.job.job import BaselineFiles, Job
from model_monitor.monitors.conclusion import Outcome
from model_monitor.schema import Feature, OutputMapping, PayloadMapping, Privacy, Rows, Schema
from tests.labelled import MODEL_QUALITY, labelled, measured, quality_job

END = 1_772_427_600
BINARY = quality_job()
scores = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.floats(0, 1))


def conclusion_of(rows: Rows, job: Job, baseline: Any = None) -> Any:
    return MODEL_QUALITY.check(measured(rows, job), baseline, job)


FIELDS = Schema(
    (Feature("region"), Feature("secret", privacy=Privacy.RESTRICTED)),
    PayloadMapping(output=OutputMapping(score="score")),
)


@given(
    records=st.lists(
        st.tuples(st.sampled_from([0, 1]), scores, st.sampled_from(["north", "south", 7, "7.0", None])),
        min_size=1,
        max_size=60,
    ),
    cut=st.integers(0, 60),
)
def test_a_slice_has_the_metrics_of_its_records_alone(records: list[tuple[int, float, Any]], cut: int) -> None:
    job = quality_job({"slices": ["region"], "min_slice_records": 3}, schema=FIELDS)

    def profile(part: list[tuple[int, float, Any]]) -> Any:
        truth, score, region = zip(*part, strict=True) if part else ((), (), ())
        return MODEL_QUALITY.profile(labelled(truth, score=score, features={"region": region}), job)

    merged = profile(records[:cut]).merge(profile(records[cut:]))
    (found,) = MODEL_QUALITY.statistics(type(merged).from_json(merged.to_json()), job).slices
    groups: dict[str, list[tuple[int, float]]] = {}
    for truth, score, region in records:
        name = "(missing)" if region is None else str(region).removesuffix(".0")
        groups.setdefault(name, []).append((truth, score))
    assert found.values.keys() == {name for name, group in groups.items() if len(group) >= 3}
    small = [group for group in groups.values() if len(group) < 3]
    assert (found.suppressed, found.suppressed_records) == (len(small), sum(map(len, small)))
    for name, quality in found.values.items():
        truth, score = zip(*groups[name], strict=True)
        alone = measured(labelled(truth, score=score), BINARY).quality
        assert quality.values == pytest.approx(alone.values, nan_ok=True)
        assert quality.counts.tolist() == alone.counts.tolist()


AGES = Schema((Feature("age"),), PayloadMapping(output=OutputMapping(score="score")))


@given(
    records=st.lists(
        st.tuples(
            st.sampled_from([0, 1]),
            st.one_of(st.sampled_from([25, 25.5, 40, 40.5, -3, None, "old"]), st.floats(-1e9, 1e9)),
        ),
        min_size=1,
        max_size=40,
    ),
    cut=st.integers(0, 40),
)
def test_a_numeric_slice_is_cut_at_its_edges_which_end_an_interval(records: list[tuple[int, Any]], cut: int) -> None:
    options = {"slices": [{"field": "age", "edges": [25, 40.5]}], "min_slice_records": 1}
    job = quality_job(options, schema=AGES)

    def profile(part: list[tuple[int, Any]]) -> Any:
        truth, age = zip(*part, strict=True) if part else ((), ())
        return MODEL_QUALITY.profile(labelled(truth, score=[0.9] * len(truth), features={"age": age}), job)

    merged = profile(records[:cut]).merge(profile(records[cut:]))
    (found,) = MODEL_QUALITY.statistics(type(merged).from_json(merged.to_json()), job).slices
    expected: dict[str, list[int]] = {}
    for truth, age in records:
        if age is None or isinstance(age, str):
            name = "(missing)" if age is None else "(no number)"
        elif age <= 25:
            name = "(-Infinity, 25]"
        else:
            name = "(25, 40.5]" if age <= 40.5 else "(40.5, Infinity]"
        expected.setdefault(name, []).append(truth)
    assert {name: quality.count for name, quality in found.values.items()} == {n: len(t) for n, t in expected.items()}
    for name, quality in found.values.items():
        assert quality.values["accuracy"] == pytest.approx(np.mean(expected[name]))


def test_many_values_are_told_when_they_are_cut_at_edges() -> None:
    ages = [18 + i / 10 for i in range(400)]
    rows = labelled([1] * 400, score=[0.9] * 400, features={"age": ages})
    whole = quality_job({"slices": ["age"]}, schema=AGES)
    cut = quality_job({"slices": [{"field": "age", "edges": [30]}]}, schema=AGES)
    (many,), (few,) = (
        MODEL_QUALITY.shown.summary(measured(rows, j), conclusion_of(rows, j))["slices"] for j in (whole, cut)
    )
    assert (many["has_many_values"], many["values"]) == (True, [])
    assert [(part["value"], part["item_count"]) for part in few["values"]] == [
        ("(30, Infinity]", 279),
        ("(-Infinity, 30]", 121),
    ]


@pytest.mark.parametrize(
    ("slices", "fault"),
    [
        ("age", "slices: should be a list of names, found text"),
        ([{"edges": [1]}], "slices[0].field: is missing"),
        (
            [{"field": "age", "edges": [2, 2]}],
            "slices[0].edges: should be at most 50 numbers, each above the one before",
        ),
        ([{"field": "age", "edges": []}], "slices[0].edges: should be at most 50 numbers"),
        ([{"field": "age", "edges": [True]}], "slices[0].edges: should be at most 50 numbers"),
        ([{"field": "age", "edges": [1]}, "age"], "slices: 'age' is named with different edges"),
        ([{"field": "age", "egdes": [1]}], "slices[0].egdes: is unknown; did you mean edges?"),
        ([5], "slices[0]: should be an object, found a number"),
    ],
)
def test_slices_that_cannot_be_are_told_by_their_path(slices: Any, fault: str) -> None:
    faults = Faults()
    MODEL_QUALITY.options.read(Block({"slices": slices}, "q", faults))
    assert any(each.startswith(f"q.{fault}") for each in faults), faults


def test_a_slice_of_too_many_values_says_so() -> None:
    job = quality_job({"slices": ["region"]}, schema=FIELDS)
    rows = labelled([1] * 101, score=[0.9] * 101, features={"region": [f"r{i}" for i in range(101)]})
    (found,) = MODEL_QUALITY.shown.summary(measured(rows, job), conclusion_of(rows, job))["slices"]
    assert (found["has_many_values"], found["values"]) == (True, [])


def test_metrics_of_slices_are_published_where_they_are_named() -> None:
    options = {"slices": ["region", "variant"], "min_slice_records": 1, "slice_metrics": ["accuracy"]}
    job = quality_job(options, schema=FIELDS)
    rows = labelled([1, 0], score=[0.9, 0.9], features={"region": ["n", "s"]}, times=[END, END], variant="blue")
    found = MODEL_QUALITY.shown.metrics(measured(rows, job), conclusion_of(rows, job), job)
    told = {tuple(m.extra_dimensions.values()): m.value for m in found if m.name == "accuracy" and m.extra_dimensions}
    assert told == {("region", "n"): 1.0, ("region", "s"): 0.0, ("variant", "blue"): 0.5}


@pytest.mark.parametrize(("name", "told"), [("secret", "is restricted"), ("regoin", "is no feature")])
def test_what_may_not_or_cannot_be_sliced_is_refused(name: str, told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        quality_job({"slices": [name]}, schema=FIELDS)


def test_what_the_model_says_is_compared_with_what_it_said(tmp_path: Path) -> None:
    random = np.random.Generator(np.random.PCG64(3))
    then, now = random.random(500), random.random(500) ** 3
    truth = [int(value > 0.5) for value in then]
    job = quality_job({"thresholds": {"accuracy": 0.5}})
    statistics = measured(labelled(truth, score=then.tolist()), quality_job(kind=JobKind.BASELINE))
    (tmp_path / "statistics.json").write_bytes(orjson.dumps(MODEL_QUALITY.files.statistics(statistics)))
    baseline = MODEL_QUALITY.files.load(BaselineFiles(statistics=tmp_path / "statistics.json"))
    same = conclusion_of(labelled(truth, score=then.tolist()), job, baseline)
    assert [(c.subject, c.outcome, c.distance) for c in same.checks if c.check_type == "prediction_drift_check"] == [
        ("predicted label", Outcome.HELD, 0.0),
        ("score", Outcome.HELD, 0.0),
    ]
    moved = labelled([int(value > 0.5) for value in now], score=now.tolist())
    found = conclusion_of(moved, job, baseline)
    assert {check.subject for check in found.violations} == {"predicted label", "score"}
    assert all(
        "distance: " in check.description and "exceeds threshold: 0.1" in check.description
        for check in found.violations
    )
    names = {metric.name: metric.value for metric in MODEL_QUALITY.shown.metrics(measured(moved, job), found, job)}
    assert names["violations_prediction_drift_check"] == 2
    assert names["prediction_drift_max"] == max(check.distance for check in found.violations)
    off = quality_job({"thresholds": {"accuracy": 0.5}, "prediction_drift": {"perform_comparison": "Disabled"}})
    assert conclusion_of(moved, off, baseline).verdict is Verdict.OK


def test_drift_of_predictions_waits_for_labels_unless_there_are_none_to_wait_for(tmp_path: Path) -> None:
    job = quality_job()
    statistics = measured(labelled([0] * 200, prediction=[0] * 200), job)
    (tmp_path / "statistics.json").write_bytes(orjson.dumps(MODEL_QUALITY.files.statistics(statistics)))
    baseline = MODEL_QUALITY.files.load(BaselineFiles(statistics=tmp_path / "statistics.json"))
    unlabelled = labelled(None, prediction=[1] * 200)
    waits = quality_job(ground_truth=tmp_path)
    found = conclusion_of(unlabelled, waits, baseline)
    assert (found.verdict, found.checks, found.drift_max) == (Verdict.INSUFFICIENT_DATA, (), pytest.approx(0.82))
    assert conclusion_of(unlabelled, job, baseline).verdict is Verdict.VIOLATED
    same = conclusion_of(labelled(None, prediction=[0] * 200), job, baseline)
    assert same.verdict is Verdict.INSUFFICIENT_DATA
