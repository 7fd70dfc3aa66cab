"""Situations that others reported of monitors like this one, run as their README says, where they lie."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from model_monitor import cli


@dataclass(frozen=True)
class Case:
    """A reported situation and where its runs are written."""

    folder: Path
    output: Path

    def baseline(self, dataset: str, name: str = "baseline") -> dict[str, Any]:
        """A baseline's statistics by feature."""
        arguments = ["baseline", "--dataset", self.folder / dataset, "--output", self.output / name]
        assert self._run(arguments) == 0
        (found,) = (self.output / name).rglob("statistics.json")
        return {feature["name"]: feature for feature in json.loads(found.read_text()).get("features", ())}

    def monitor(self, capture: str = "capture", *options: str, baseline: str = "baseline") -> dict[str, Any]:
        """The report of a run."""
        arguments = ["monitor", "--dataset", self.folder / capture, "--baseline", self.output / baseline]
        self._run([*arguments, "--output", self.output / "report", *options])
        return self.report("report")

    def report(self, name: str) -> dict[str, Any]:
        """The report of a run, by the folder it wrote."""
        content: dict[str, Any] = json.loads((self.output / name / "report.json").read_text())
        return content

    def _run(self, arguments: list[Any]) -> int:
        config = self.folder / "config.json"
        given = ["--config", config] if config.exists() and "--config" not in arguments else []
        return cli.main([str(argument) for argument in [*arguments, *given]])

    def statistics(self) -> dict[str, Any]:
        """Of the last window, by feature."""
        (found,) = (self.output / "report").rglob("statistics.json")
        return {feature["name"]: feature for feature in json.loads(found.read_text())["features"]}


@pytest.fixture
def case(shared: Path, tmp_path: Path) -> Callable[[str], Case]:
    return lambda name: Case(shared / "reports" / name, tmp_path)


def mean(feature: dict[str, Any]) -> float:
    return float(feature["numerical_statistics"]["mean"])


def check(report: dict[str, Any], type_: str, subject: str) -> dict[str, Any]:
    (found,) = (
        each
        for monitor in report["monitors"]
        for each in monitor["checks"]
        if (each["check_type"], each["subject"]) == (type_, subject)
    )
    return found


def test_a_batch_answered_on_one_line_is_one_score_a_record(case):
    reported = case("xgb-comma-batch-ok-with-0-records")
    reported.baseline("train.csv")
    report = reported.monitor()
    assert (report["reading"]["records"], report["reading"]["rejected"]) == (80, 0)
    assert 0 < mean(reported.statistics()["y"]) < 1


def test_a_header_line_is_no_record(case):
    reported = case("header-row-in-payload")
    reported.baseline("train.csv")
    for capture in ("capture", "capture_response"):
        report = reported.monitor(capture)
        assert (report["verdict"], report["reading"]["records"], report["reading"]["rejected"]) == ("ok", 60, 0)


def test_a_response_does_not_take_a_feature_that_the_request_names(case):
    reported = case("response-takes-a-named-feature")
    trained = reported.baseline("train.csv")
    report = reported.monitor()
    assert report["verdict"] == "ok"
    for name in trained:
        assert mean(reported.statistics()[name]) == pytest.approx(mean(trained[name]), rel=0.1)
    reported.baseline("train_features_only.csv", "features")
    report = reported.monitor("capture_columns", baseline="features")
    assert (report["verdict"], report["reading"]["records"]) == ("ok", 120)


def test_the_columns_of_a_split_table_say_where_values_belong(case):
    reported = case("split-orient-ignores-column-names")
    reported.baseline("train.csv")
    assert reported.monitor()["verdict"] == "ok"


def test_a_feature_that_the_first_record_lacks_is_one(case):
    reported = case("sparse-records-lose-a-feature")
    for dataset, present in (("train.jsonl", 99), ("parts", 50), ("capture", 40)):
        found = reported.baseline(dataset, dataset)
        last = found[max(found)]["numerical_statistics"]["common"]
        assert (len(found), last["num_present"]) == (2, present)


@pytest.mark.parametrize("odd", ["nan", "NA", "dot", "space", "thousands"])
def test_one_odd_cell_leaves_a_number_a_number(case, odd):
    reported = case("one-stray-cell-blinds-a-number")
    assert reported.baseline(f"train_{odd}.csv")["x"]["inferred_type"] == "Fractional"
    told = reported.report("baseline")["monitors"][0]
    if odd in ("nan", "NA"):
        assert [each.get("missing_as") for each in told["summary"]["features"]] == [{odd: 1}, None]
    else:
        (note,) = told["notes"]
        assert note.startswith(f"'x': 599 of 600 values are numbers, first other at train_{odd}.csv:79")
    report = reported.monitor()
    assert check(report, "baseline_drift_check", "x")["outcome"] == "violated"


@pytest.mark.parametrize("spelling", ["nan", "NA"])
def test_a_window_with_an_odd_cell_is_no_plain_ok(case, spelling, tmp_path, capsys):
    reported = case("one-stray-cell-blinds-a-number")
    reported.baseline("train_dot.csv")
    lines = (reported.folder / "train_dot.csv").read_text().replace("\n.5,", "\n0.5,").splitlines()
    place = len(lines) // 2
    cells = lines[place].split(",")
    lines[place] = ",".join([spelling, *cells[1:]])
    window = tmp_path / "window.csv"
    window.write_text("\n".join(lines))
    report = reported.monitor(str(window))
    assert report["verdict"] == "ok"
    told = f"missing value written as '{spelling}'"
    assert report["reading"]["tolerated"] == {told: 1}
    assert f"1  {told}" in capsys.readouterr().out


def test_a_double_with_nan_is_a_number(case):
    reported = case("one-stray-cell-blinds-a-number")
    assert reported.baseline("train_nan.parquet")["x"]["inferred_type"] == "Fractional"
    assert check(reported.monitor(), "baseline_drift_check", "x")["outcome"] == "violated"


def test_narrow_floats_are_compared_as_what_they_name(case):
    reported = case("float32-parquet-drifts")
    reported.baseline("train.parquet")
    report = reported.monitor()
    assert (report["verdict"], check(report, "baseline_drift_check", "rate")["distance"]) == ("ok", 0)


def test_labels_that_share_a_line_are_told_apart(case):
    reported = case("glued-labels")
    reported.baseline("train.csv")
    report = reported.monitor("capture", "--ground-truth", str(reported.folder / "gt"))
    assert (report["ground_truth"]["labels"], report["ground_truth"]["rejected"]) == (200, 0)


def test_files_without_an_ending_are_read(case):
    reported = case("files-skipped-in-silence")
    assert (
        cli.main(["baseline", "--dataset", str(reported.folder / "ds"), "--output", str(reported.output / "b0")]) == 0
    )
    report = reported.report("b0")
    assert (report["dataset"]["files"], report["reading"]["records"]) == (2, 200)
    reported.baseline("train.csv")
    report = reported.monitor("capture", "--ground-truth", str(reported.folder / "gt"))
    assert (report["ground_truth"]["labels"], report["ground_truth"]["rejected"]) == (60, 0)


def test_variants_that_answered_the_same_requests_are_told_and_chosen(case, tmp_path):
    reported = case("shadow-variant-is-mixed-in")
    reported.baseline("train.csv")
    labels = ("--ground-truth", str(reported.folder / "gt"))
    (note,) = (note for note in reported.monitor("capture", *labels)["monitors"][0]["notes"] if "variants" in note)
    assert "'production' (100 records), 'shadow-v2' (100 records); 100 records have an id that was seen before" in note
    config = json.loads((reported.folder / "config.json").read_text()) | {"variants": ["production"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    report = reported.monitor("capture", *labels, "--config", str(tmp_path / "config.json"))
    assert report["reading"]["variants"] == {"production": 100}
    (accuracy,) = (each for each in report["monitors"][0]["checks"] if each["subject"] == "accuracy")
    assert (accuracy["outcome"], accuracy["observed"]) == ("held", pytest.approx(0.9))
    assert not [note for note in report["monitors"][0]["notes"] if "variants" in note]


def test_a_model_that_fails_on_most_requests_is_not_ok(case):
    reported = case("nan-predictions-ok")
    reported.baseline("train.csv")
    report = reported.monitor("capture", "--ground-truth", str(reported.folder / "gt"))
    assert report["verdict"] == "insufficient_data"
    assert report["reason"].endswith("40 of 200 records have an answer of the model (20.0%)")
    assert report["monitors"][0]["summary"]["labels"]["without_answer"] == 160
    metrics = [json.loads(line) for line in (reported.output / "report/metrics.jsonl").read_text().splitlines()]
    assert 0.2 in [metric["Value"] for metric in metrics if metric["MetricName"] == "answered_share"]


def test_a_few_more_missing_values_than_the_baseline_had_are_held(case):
    reported = case("completeness-by-chance")
    reported.baseline("train.csv")
    report = reported.monitor()
    assert report["verdict"] == "ok"
    (found,) = (
        each
        for each in report["monitors"][0]["checks"]
        if each["check_type"] == "completeness_check" and each["observed"] < each["allowed"]
    )
    assert (found["outcome"], found["p_value"] > 0.1) == ("held", True)


def test_truth_values_of_a_table_and_of_json_are_one(case):
    reported = case("true-True")
    reported.baseline("train.csv")
    report = reported.monitor()
    assert report["verdict"] == "ok"
    outcomes = {each["check_type"]: each["outcome"] for each in report["monitors"][0]["checks"] if each["subject"]}
    assert outcomes["categorical_values_check"] == outcomes["baseline_drift_check"] == "held"
