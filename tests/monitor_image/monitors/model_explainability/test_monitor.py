"""The attribution monitor: a stub for the model, everything else as in a run."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from model_monitor.contract import LOCAL_SHAP_FILE, SHAP_BASELINE_FILE, JobKind, MonitoringType, PerFeature, Verdict
from model_monitor.errors import DatasetError, PredictorError, SettingsError
from model_monitor.job.job import BaselineFiles, MetricsSettings, MonitorSettings
from model_monitor.monitors import registry
from model_monitor.monitors.model_explainability.attributions import Aggregation, Method
from model_monitor.monitors.model_explainability.constraints import AttributionBaseline
from model_monitor.monitors.model_explainability.options import SETTINGS, AttributionOptions, Limits
from model_monitor.predictors.base import Budget, Matrix, OpenPredictor
from tests.tables import column, job_for, table

MONITOR = registry.monitors()[MonitoringType.MODEL_EXPLAINABILITY]
ZEROS = ((0.0, 0.0, 0.0),)


@dataclass(frozen=True)
class Stub:
    """A model that is a function of its rows."""

    model: Callable[[Matrix], np.ndarray]
    is_local: bool = True
    label_headers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    rows_a_call: int = 10**9
    seen: list[Matrix] = field(default_factory=list, compare=False)
    closed: list[bool] = field(default_factory=list, compare=False)

    def open(self, budget: Budget) -> OpenStub:
        return OpenStub(self, budget)


class OpenStub(OpenPredictor):
    def __init__(self, source: Stub, budget: Budget) -> None:
        self.source, self.budget = source, budget

    def predict(self, rows: Matrix) -> np.ndarray:
        parts = []
        for start in range(0, len(rows), self.source.rows_a_call):
            part = rows.with_values(rows.values[start : start + self.source.rows_a_call])
            self.budget.spend(len(part))
            self.source.seen.append(part)
            parts.append(self.source.model(part))
        return np.concatenate(parts)

    def close(self) -> None:
        self.source.closed.append(True)


def linear(rows: Matrix) -> np.ndarray:
    return rows.numbers("stub")[:, :3] @ np.array([[3.0], [2.0], [-1.0]])


def rows_of(count=40, seed=1, **changes):
    chance = np.random.default_rng(seed)
    columns = {name: [float(cell) for cell in chance.normal(1.0, 1.0, count)] for name in ("a", "b", "c")}
    return table(columns | changes)


def run(rows, options, kind=JobKind.MONITOR, baseline=None, min_records=1, **job):
    settings = MonitorSettings(MonitoringType.MODEL_EXPLAINABILITY, min_records, {SETTINGS: options})
    made = replace(job_for(rows.schema, kind), monitors=(settings,), **job)
    statistics = MONITOR.statistics(MONITOR.profile(rows, made), made)
    return statistics, MONITOR.check(statistics, baseline, made), made


def asked(stub=None, **options):
    return AttributionOptions(predictor=stub or Stub(linear), **{"baseline_rows": ZEROS, **options})


def baseline_of(statistics) -> AttributionBaseline:
    return AttributionBaseline(statistics.by_label, facts=statistics.facts)


def test_a_window_like_its_baseline_is_ok_and_another_one_violates():
    baseline = baseline_of(run(rows_of(seed=1), asked(), JobKind.BASELINE)[0])
    _, same, _ = run(rows_of(seed=2), asked(), baseline=baseline)
    assert same.verdict is Verdict.OK
    moved = rows_of(a=[0.001] * 40, c=[9.0 + i % 3 for i in range(40)])
    _, other, _ = run(moved, asked(), baseline=baseline)
    assert other.verdict is Verdict.VIOLATED
    content = MONITOR.files.violations(other)
    assert content == {
        "version": "1.0",
        "violations": [
            {
                "label": "label0",
                "metric_name": "shap",
                "constraint_check_type": "feature_attribution_drift_check",
                "description": f"Feature attribution drift {other.checks[0].observed} exceeds threshold 0.9",
            }
        ],
    }
    assert MONITOR.files.violations(same) is None


def test_without_a_baseline_there_are_values_and_no_verdict():
    statistics, conclusion, _ = run(rows_of(), asked())
    assert (conclusion.verdict, conclusion.reason) == (Verdict.INSUFFICIENT_DATA, "no baseline")
    block = MONITOR.files.statistics(statistics)["explanations"]["kernel_shap"]["label0"]
    assert list(block["global_shap_values"]) == ["a", "b", "c"]
    assert block["expected_value"] == 0.0
    assert MONITOR.files.violations(conclusion) is None


def test_what_the_baseline_job_wrote_is_what_the_next_run_reads(tmp_path):
    options = asked(baseline_rows=None, clusters=2)
    statistics, _, job = run(rows_of(), options, JobKind.BASELINE)
    written = MONITOR.files.constraints(MONITOR.suggest(statistics, job))
    assert written == MONITOR.files.statistics(statistics)
    path = tmp_path / "analysis.json"
    path.write_text(json.dumps(written))
    files = BaselineFiles(path)
    assert MONITOR.files.constraints(MONITOR.files.load(files)) == written
    header, *rows = csv.reader(MONITOR.files.beside(statistics, job)[SHAP_BASELINE_FILE].decode().splitlines())
    assert header == ["a", "b", "c"]
    assert len(rows) == 2
    later, conclusion, later_job = run(
        rows_of(seed=3),
        options,
        baseline=MONITOR.files.load(files),
        baselines={MonitoringType.MODEL_EXPLAINABILITY: files},
    )
    assert conclusion.verdict is Verdict.OK
    assert later.expected == statistics.expected  # the same baseline rows, not clusters of the new data
    assert SHAP_BASELINE_FILE not in MONITOR.files.beside(later, later_job)


def test_a_baseline_that_brings_no_rows_is_compared_with_a_note(tmp_path):
    statistics, _, job = run(rows_of(seed=1), asked(), JobKind.BASELINE)
    path = tmp_path / "analysis.json"
    path.write_text(json.dumps(MONITOR.files.constraints(MONITOR.suggest(statistics, job))))
    files = BaselineFiles(path)
    _, conclusion, _ = run(
        rows_of(seed=2),
        asked(baseline_rows=None),
        baseline=MONITOR.files.load(files),
        baselines={MonitoringType.MODEL_EXPLAINABILITY: files},
    )
    (note,) = conclusion.notes
    assert note.startswith("The baseline rows are clusters of this window")


@pytest.mark.parametrize(
    ("limits", "rows_a_call", "why"),
    [
        (Limits(predictions=100), 10**9, "budget.predictions: the declared 100 are spent"),
        (Limits(calls=12), 8, "budget.calls: the declared 12 are spent"),
    ],
)
def test_a_budget_that_ends_early_is_told_and_may_leave_too_few_records(limits, rows_a_call, why, monkeypatch):
    monkeypatch.setattr("model_monitor.monitors.model_explainability.attributions.PREDICTIONS_AT_ONCE", 8)
    stub = Stub(linear, rows_a_call=rows_a_call)
    baseline = AttributionBaseline({"label0": {"a": 3.0, "b": 2.0, "c": 1.0}})
    statistics, conclusion, _ = run(rows_of(), asked(stub, limits=limits), baseline=baseline, min_records=5)
    assert 5 <= statistics.used < 40
    assert why in statistics.stopped
    assert conclusion.notes[0].startswith(f"{statistics.used} of 40 records were explained: {why}")
    assert conclusion.verdict is not Verdict.INSUFFICIENT_DATA
    _, few, _ = run(rows_of(), asked(stub, limits=limits), baseline=baseline, min_records=30)
    assert few.verdict is Verdict.INSUFFICIENT_DATA
    assert why in few.reason
    assert f"{statistics.used} records explained, fewer than min_records = 30" in few.reason


def test_calls_that_end_early_leave_the_records_that_they_paid_for():
    names = [f"f{number}" for number in range(14)]
    chance = np.random.default_rng(2)
    rows = table({name: chance.normal(size=30).tolist() for name in names})
    stub = Stub(linear, is_local=False, rows_a_call=1)  # as `$record` has it
    limits = Limits(calls=10_000)
    options = asked(stub, limits=limits, method=Method.KERNEL, samples=1000, baseline_rows=((0.0,) * 14,))
    statistics, _, _ = run(rows, options)
    assert "budget.calls" in statistics.stopped
    assert statistics.used >= 5  # of the nine that 10,000 predictions could pay for


def test_time_is_part_of_the_budget(monkeypatch):
    ticks = iter(range(1000))
    monkeypatch.setattr("model_monitor.monitors.model_explainability.attributions.PREDICTIONS_AT_ONCE", 8)
    monkeypatch.setattr(Budget.__init__, "__defaults__", (None, None, None, lambda: next(ticks), 0, 0, None))
    statistics, _, _ = run(rows_of(), asked(limits=Limits(seconds=9)))
    assert 0 < statistics.used < 40
    assert "budget.seconds" in statistics.stopped


def test_more_records_than_the_budget_are_sampled_the_same_however_they_are_cut():
    chance = np.random.default_rng(5)
    cells = {name: chance.normal(size=200).tolist() for name in "abc"}
    options = asked(limits=Limits(rows=50), saves_local=True)
    statistics, conclusion, job = run(table(cells), options)
    assert (statistics.records, statistics.used, statistics.stopped) == (200, 50, "")
    assert conclusion.notes == ("50 of 200 records were explained: a sample, as budget.rows allows no more",)
    parts = [table({name: column[part] for name, column in cells.items()}) for part in (slice(130), slice(130, 200))]
    merged = MONITOR.profile(parts[0], job).merge(MONITOR.profile(parts[1], job))
    assert np.array_equal(MONITOR.statistics(merged, job).local.values, statistics.local.values)
    few = run(table(cells), options, min_records=60)[1]
    assert few.reason.endswith("fewer than min_records = 60: a sample, as budget.rows allows no more")


def test_records_that_are_alike_are_asked_about_once():
    stub = Stub(linear)
    rows = table({name: [1.0, 1.0, 1.0, 2.0] for name in "abc"})
    statistics, _, _ = run(rows, asked(stub))
    assert statistics.used == 4
    assert statistics.spent["predictions"] == 1 + 2 * 8
    assert statistics.by_label["label0"] == pytest.approx({"a": 3.75, "b": 2.5, "c": 1.25})


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        (Aggregation.MEAN_ABS, {"a": 4.5, "b": 2.0, "c": 2.0}),
        (Aggregation.MEAN_SQ, {"a": 22.5, "b": 4.0, "c": 5.5}),
        (Aggregation.MEDIAN, {"a": 0.0, "b": 2.0, "c": -1.5}),
    ],
)
def test_values_of_records_come_together_as_asked(aggregation, expected):
    rows = table({"a": [-2.0, -1.0, 1.0, 2.0], "b": [1.0] * 4, "c": [1.0, 1.0, 2.0, 4.0]})
    statistics, _, _ = run(rows, asked(aggregation=aggregation))
    assert statistics.by_label["label0"] == pytest.approx(expected)


def test_log_odds_of_a_logistic_model_are_its_linear_part():
    stub = Stub(lambda rows: 1 / (1 + np.exp(-linear(rows))))
    statistics, _, _ = run(rows_of(), asked(stub, use_logit=True, saves_local=True))
    plain, _, _ = run(rows_of(), asked(saves_local=True))
    assert np.allclose(statistics.local.values, plain.local.values, atol=1e-6)
    with pytest.raises(PredictorError, match="no probability"):
        run(rows_of(), asked(use_logit=True), JobKind.BASELINE)


def test_each_output_of_the_model_is_a_label_with_its_name():
    stub = Stub(lambda rows: np.hstack([linear(rows), -linear(rows)]), label_headers=("yes", "no"))
    statistics, _, job = run(rows_of(), asked(stub, saves_local=True))
    assert list(MONITOR.files.statistics(statistics)["explanations"]["kernel_shap"]) == ["yes", "no"]
    header, *rows = csv.reader(MONITOR.files.beside(statistics, job)[LOCAL_SHAP_FILE].decode().splitlines())
    assert header == ["a_yes", "b_yes", "c_yes", "a_no", "b_no", "c_no"]
    assert len(rows) == 40
    with pytest.raises(PredictorError, match="names 1 labels, the model answers 2"):
        run(rows_of(), asked(replace(stub, label_headers=("yes",))), JobKind.BASELINE)


def test_text_features_reach_the_model_as_they_are_and_whole_numbers_are_known():
    stub = Stub(lambda rows: np.array([[5.0 * (cell == "red") + float(count)] for cell, count in rows.values]))
    rows = table({"colour": ["red", "blue", "red"], "count": [1, 2, 3]})
    statistics, _, _ = run(rows, asked(stub, baseline_rows=({"count": 0, "colour": "blue"},), saves_local=True))
    assert stub.seen[0].is_integral == (True, True)
    assert stub.seen[0].names == ("colour", "count")
    assert statistics.by_label["label0"] == pytest.approx({"colour": 10 / 3, "count": 2.0})


def test_a_model_of_numbers_says_which_feature_is_text():
    rows = table({"a": [1.0, 2.0], "b": ["x", "y"], "c": [1.0, 2.0]})
    statistics, conclusion, _ = run(rows, asked(baseline_rows=((0.0, "x", 0.0),)))
    assert conclusion.verdict is Verdict.ERROR
    assert "found text in 'b'" in conclusion.reason
    assert statistics.used == 0


def test_a_model_that_cannot_be_asked_is_this_monitors_error_and_it_is_closed():
    def broken(_):
        raise PredictorError("endpoint churn: is not in service")

    stub = Stub(broken)
    _, conclusion, _ = run(rows_of(), asked(stub))
    assert (conclusion.verdict, conclusion.reason) == (Verdict.ERROR, "endpoint churn: is not in service")
    assert stub.closed
    with pytest.raises(PredictorError):
        run(rows_of(), asked(stub), JobKind.BASELINE)


def test_an_empty_window_asks_nobody():
    stub = Stub(linear)
    statistics, conclusion, job = run(table({"a": [], "b": [], "c": []}), asked(stub))
    assert conclusion.verdict is Verdict.NO_DATA
    assert not stub.seen
    with pytest.raises(DatasetError, match="no attributions"):
        MONITOR.suggest(statistics, job)


def test_an_empty_window_of_captured_attributions_names_no_label():
    options = AttributionOptions(method=Method.CAPTURED, label_headers=("warm", "cold"))
    statistics, conclusion, _ = run(table({"a": [], "b": [], "c": []}), options)
    assert (conclusion.verdict, statistics.by_label) == (Verdict.NO_DATA, {})


def test_metrics_are_clarifys_and_one_plain_number():
    baseline = AttributionBaseline({"label0": {"a": 3.0, "b": 2.0, "c": 1.0}})
    told = MetricsSettings(per_feature=PerFeature.CRITICAL, critical=("b",))
    statistics, conclusion, job = run(rows_of(), asked(), baseline=baseline, metrics=told)
    found = {metric.name: metric for metric in MONITOR.shown.metrics(statistics, conclusion, job)}
    assert set(found) == {"violations_feature_attribution_drift_check", "ndcg_min", "ExpectedValue", "feature_b"}
    assert found["violations_feature_attribution_drift_check"].value == 0
    assert found["ndcg_min"].extra_dimensions == {}
    assert found["ndcg_min"].value == conclusion.checks[0].observed
    assert found["feature_b"].value == statistics.by_label["label0"]["b"]
    assert found["feature_b"].extra_dimensions == {
        "ExplainabilityMethod": "KernelShap",
        "Label": "label0",
        "ValueType": "GlobalShapValues",
    }
    assert found["ExpectedValue"].extra_dimensions["ValueType"] == "ExpectedValue"


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        (AttributionOptions(), Verdict.ERROR),  # no model is named
        (None, Verdict.INSUFFICIENT_DATA),  # no baseline
    ],
)
def test_a_run_that_compared_nothing_counts_no_violations(options, verdict):
    statistics, conclusion, job = run(rows_of(), options or asked())
    assert conclusion.verdict is verdict
    assert not any(
        metric.name.startswith("violations_") for metric in MONITOR.shown.metrics(statistics, conclusion, job)
    )


def test_attributions_of_the_endpoint_itself_are_only_added_up():
    rows = rows_of(4)
    said = [[0.5, -0.5, 0.1, None], [0.2, 0.2, 0.2, 0.2], [-0.1, 0.1, 0.3, 0.3]]
    rows = replace(rows, attributions=tuple(column(cells) for cells in said))
    options = AttributionOptions(method=Method.CAPTURED, min_answers=0.75)
    baseline = AttributionBaseline({"label0": {"a": 0.4, "b": 0.2, "c": 0.1}})
    statistics, conclusion, job = run(rows, options, baseline=baseline)
    assert statistics.by_label["label0"] == pytest.approx({"a": 1.1 / 3, "b": 0.2, "c": 0.5 / 3})
    assert (statistics.records, statistics.used) == (4, 3)
    assert conclusion.notes[0].endswith("the responses of the others hold no attributions, or not one for each feature")
    assert conclusion.verdict is Verdict.OK
    assert MONITOR.files.statistics(statistics)["explanations"]["kernel_shap"]["label0"]["expected_value"] is None
    halves = [
        replace(rows_of(2), attributions=tuple(column(c[part]) for c in said)) for part in (slice(2), slice(2, 4))
    ]
    merged = MONITOR.profile(halves[0], job).merge(MONITOR.profile(halves[1], job))
    assert MONITOR.statistics(merged, job).values == pytest.approx(statistics.values)
    again = type(merged).from_json(json.loads(json.dumps(merged.to_json())))
    assert again.to_json() == merged.to_json()


def test_the_report_says_how_the_values_were_found():
    statistics, conclusion, _ = run(rows_of(), asked())
    block = MONITOR.shown.summary(statistics, conclusion)
    assert (block["method"], block["records_explained"], block["spent"]["predictions"]) == ("exact", 40, 1 + 40 * 8)
    assert block["labels"][0]["attributions"].keys() == {"a", "b", "c"}


@pytest.mark.parametrize(("samples", "method"), [(6, "exact"), (4, "kernel")])
def test_where_predictions_cost_requests_exact_values_may_cost_no_more_than_the_estimate(samples, method):
    far = asked(Stub(linear, is_local=False), samples=samples)
    assert MONITOR.shown.summary(*run(rows_of(), far)[:2])["method"] == method


def test_baseline_rows_of_a_file_are_checked_when_they_are_read(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("b,a,c\n0,0,0\n")
    statistics, _, _ = run(rows_of(), asked(baseline_rows=str(path)))
    assert statistics.baselines == 1
    for text, problem in (("1,2\n", "has 2 values, the features are 3"), ("a,b\n1,2\n", "lacks 'c'"), ("", "no rows")):
        path.write_text(text)
        with pytest.raises(SettingsError, match=problem):
            run(rows_of(), asked(baseline_rows=str(path)))
