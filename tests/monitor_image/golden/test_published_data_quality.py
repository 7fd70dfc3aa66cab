"""Data quality against published inputs and results: what AWS's own jobs printed, and an independent oracle's numbers."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from model_monitor import flow
from model_monitor.contract import CheckType, Decision, JobKind, MonitoringType, Verdict
from model_monitor.job.job import BaselineFiles, DatasetKind, DatasetSource, Job, MonitorSettings
from model_monitor.monitors.conclusion import Check, Outcome
from model_monitor.outputs.report import Report
from model_monitor.schema import Feature, OutputMapping, PayloadMapping, Schema
from tests.monitor_image.golden.published import content_of


def run(
    kind: JobKind, path: Path, dataset: DatasetKind, schema: Schema, baseline: Path | None = None, **more: Any
) -> Report:
    source = DatasetSource(path, dataset, more.pop("has_header", True))
    baselines = {}
    if baseline is not None:
        files = BaselineFiles(baseline / "constraints.json", baseline / "statistics.json")
        baselines = {MonitoringType.DATA_QUALITY: files}
    monitors = (
        MonitorSettings(MonitoringType.DATA_QUALITY, decision=Decision.AWS),
    )  # what was published is AWS's rule
    return flow.run(Job(kind, source, path.parent, schema, monitors, baselines, workers=1, **more))


def written(report: Report, folder: Path) -> Path:
    """The files of a report, as the front doors write them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in report.results[0].files.items():
        (folder / name).write_text(json.dumps(content))
    return folder


def statistics_of(report: Report) -> dict[str, dict[str, Any]]:
    return {feature["name"]: feature for feature in report.results[0].files["statistics.json"]["features"]}


def drift_of(report: Report) -> dict[str, Check]:
    checks = report.results[0].conclusion.checks
    return {check.subject: check for check in checks if check.check_type == CheckType.BASELINE_DRIFT}


def csv_capture(path: Path, records: list[tuple[str, str]]) -> Path:
    """Events of one CSV record each, as (request, response)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for number, (given, answer) in enumerate(records):
        sides = {
            side: {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": "CSV"}
            for side, mode, data in (("endpointInput", "INPUT", given), ("endpointOutput", "OUTPUT", answer))
        }
        metadata = {"eventId": f"e{number}", "inferenceTime": "2021-05-26T20:10:00Z"}
        lines.append(json.dumps({"captureData": sides, "eventMetadata": metadata, "eventVersion": "0"}))
    path.write_text("\n".join(lines) + "\n")
    return path


# --- churn: 70 columns, published by AWS ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def churn(shared) -> Path:
    return shared / "data/churn_data_quality"


@pytest.fixture(scope="module")
def expected(churn) -> dict[str, Any]:
    return content_of(churn / "expected.json")


@pytest.fixture(scope="module")
def churn_baseline(churn) -> Report:
    path = churn / "training-dataset-with-header.csv"
    return run(JobKind.BASELINE, path, DatasetKind.CSV, Schema(is_positional=True))


def test_all_70_columns_have_the_published_statistics(churn_baseline, expected):
    statistics = statistics_of(churn_baseline)
    columns = expected["baseline"]["recomputed_all_70"]
    assert [column["name"] for column in columns] == list(statistics)
    for column in columns:
        found = statistics[column["name"]]
        numbers = found["numerical_statistics"]
        assert found["inferred_type"] == column["inferred_type"]
        assert numbers["common"] == {"num_present": column["num_present"], "num_missing": column["num_missing"]}
        for key in ("mean", "sum", "std_dev", "min", "max"):
            assert numbers[key] == pytest.approx(column[key], rel=1e-9, abs=0), (column["name"], key)
        buckets = numbers["distribution"]["kll"]["buckets"]
        assert [b["lower_bound"] for b in buckets] == pytest.approx(column["bucket_lower_bounds"], rel=1e-9)
        assert [b["count"] for b in buckets] == column["exact_bucket_counts_numpy_histogram"]


def test_what_aws_printed_of_the_first_columns_agrees(churn_baseline, expected):
    statistics, published = statistics_of(churn_baseline), expected["baseline"]["aws_published"]
    for name, column in published["features_first_10"].items():
        numbers = statistics[name]["numerical_statistics"]
        for key in ("mean", "sum", "std_dev", "min", "max"):
            assert numbers[key] == pytest.approx(column[key], abs=1e-6)
        kll = numbers["distribution"]["kll"]
        assert kll["buckets"][0]["upper_bound"] == pytest.approx(published["first_bucket_upper_bound"][name])
        assert kll["sketch"]["parameters"] == published["kll_parameters"]


def test_the_constraints_aws_suggested_are_suggested(churn_baseline, expected):
    constraints = {f["name"]: f for f in churn_baseline.results[0].files["constraints.json"]["features"]}
    assert len(constraints) == 70
    for name, suggested in expected["baseline"]["aws_published"]["constraints_first_10"].items():
        assert constraints[name] == {
            "name": name,
            "inferred_type": suggested["inferred_type"],
            "completeness": suggested["completeness"],
            "num_constraints": {"is_non_negative": suggested["is_non_negative"]},
        }


@pytest.fixture(scope="module")
def churn_live(churn, churn_baseline, tmp_path_factory) -> Any:
    """The live run of so many records, so many of them the one published request that holds fractions."""
    folder = tmp_path_factory.mktemp("churn")
    baseline = written(churn_baseline, folder / "baseline")
    requests = (churn / "test-dataset-input-cols.csv").read_text().splitlines()
    with (churn / "test_predictions.csv").open() as lines:
        answers = [line["probability"] for line in csv.DictReader(lines)]
    pairs = list(zip(requests, answers, strict=True))

    def live(records: int = 334, fractions: int = 1) -> Report:
        others = pairs[1:] * (records // len(pairs) + 1)
        path = csv_capture(
            folder / f"live{records}/capture.jsonl", pairs[:1] * fractions + others[: records - fractions]
        )
        return run(JobKind.MONITOR, path, DatasetKind.CAPTURE, Schema(is_positional=True), baseline)

    return live


def test_the_live_run_has_exactly_the_60_published_violations(churn_live, expected):
    violations = churn_live().results[0].files["constraint_violations.json"]["violations"]
    assert len(violations) == 60
    assert {v["constraint_check_type"] for v in violations} == {"data_type_check"}
    assert {v["feature_name"] for v in violations} == set(expected["live"]["expected_data_type_check_features"])


def test_the_percentages_of_all_six_published_runs_are_printed_as_aws_prints_them(churn_live, expected):
    published = expected["live"]["aws_published"]
    for run_ in published["runs"]:
        report = churn_live(run_["records"], run_["records_with_fractional_values"])
        violations = report.results[0].files["constraint_violations.json"]["violations"]
        texts = {violation["feature_name"]: violation["description"] for violation in violations}
        percent = {"Churn": published["churn_percent"], "VMail Message": run_["observed_percent_printed"]}
        for name in percent:
            assert texts[name] == published["description_pattern"].replace("<percent>", percent[name])


def test_columns_that_fail_their_type_check_get_no_drift_check(churn_live):
    drift = drift_of(churn_live())
    assert drift["Churn"].outcome is Outcome.NOT_EVALUATED
    assert sum(check.outcome is Outcome.HELD for check in drift.values()) == 10
    assert not any(check.outcome is Outcome.VIOLATED for check in drift.values())


# --- covertype: several records a request, texts and integers -------------------------------------------------------------


@pytest.fixture(scope="module")
def oracle(covertype) -> dict[str, Any]:
    return content_of(covertype / "expected.json")


@pytest.fixture(scope="module")
def mapping(covertype) -> Schema:
    with (covertype / "baseline.csv").open() as lines:
        names = next(csv.reader(lines))[:-1]
    return Schema(
        tuple(map(Feature, names)), PayloadMapping(output=OutputMapping(prediction="label"), label="Cover_Type")
    )


@pytest.fixture(scope="module")
def cover(covertype, mapping, tmp_path_factory) -> tuple[Report, Path]:
    report = run(JobKind.BASELINE, covertype / "baseline.csv", DatasetKind.CSV, mapping)
    return report, written(report, tmp_path_factory.mktemp("covertype"))


@pytest.fixture(scope="module")
def cover_live(covertype, mapping, cover) -> Report:
    return run(JobKind.MONITOR, covertype / "capture.jsonl", DatasetKind.CAPTURE, mapping, cover[1])


def test_live_statistics_of_covertype_agree_with_the_oracle(cover_live, oracle):
    assert cover_live.reading.records == oracle["records"]
    statistics = statistics_of(cover_live)
    for name, numbers in oracle["live_feature_statistics"].items():
        assert statistics[name]["inferred_type"] == "Integral"
        for key, value in numbers.items():
            assert statistics[name]["numerical_statistics"][key] == pytest.approx(value, rel=1e-9, abs=1e-9)


def test_live_categories_of_covertype_agree_with_the_oracle(cover_live, oracle):
    statistics = statistics_of(cover_live)
    for name, counts in oracle["live_category_counts"].items():
        buckets = statistics[name]["string_statistics"]["distribution"]["categorical"]["buckets"]
        assert {bucket["value"]: bucket["count"] for bucket in buckets} == counts


def test_the_domains_of_covertype_are_those_of_its_baseline(cover, oracle):
    constraints = {f["name"]: f for f in cover[0].results[0].files["constraints.json"]["features"]}
    for name, domain in oracle["baseline_domain"].items():
        assert sorted(constraints[name]["string_constraints"]["domains"]) == sorted(domain)
    assert "Cover_Type" not in constraints


def test_the_one_unknown_soil_type_is_the_only_violation(cover_live):
    result = cover_live.results[0]
    assert result.conclusion.verdict is Verdict.VIOLATED
    assert result.files["constraint_violations.json"]["violations"] == [
        {
            "feature_name": "Soil_Type",
            "constraint_check_type": "categorical_values_check",
            "description": f"Value: {1099 / 1100} does not meet the constraint requirement! ",
        }
    ]


def test_distances_of_covertype_are_the_oracles_before_the_allowance(cover, cover_live, oracle):
    baseline_count = cover[0].results[0].files["statistics.json"]["dataset"]["item_count"]
    allowance = 1.8 * ((1100 + baseline_count) / (1100 * baseline_count)) ** 0.5
    drift = drift_of(cover_live)
    for name, distance in oracle["ks_baseline_vs_live"].items():
        assert drift[name].distance == pytest.approx(max(0.0, distance - allowance), abs=1e-12)


def test_unknown_soil_types_of_the_anomalies_are_found(covertype, mapping, cover, oracle):
    report = run(JobKind.MONITOR, covertype / "anomalies.csv", DatasetKind.CSV, mapping, cover[1])
    rows = oracle["anomalies_csv"]["rows"]
    outside = sum(oracle["anomalies_csv"]["outside_baseline_domain"]["Soil_Type"].values())
    checks = {c.subject: c for c in report.results[0].conclusion.checks if c.check_type == CheckType.CATEGORICAL_VALUES}
    assert checks["Soil_Type"].observed == (rows - outside) / rows
    assert checks["Wilderness_Area"].outcome is Outcome.HELD


# --- files that AWS wrote ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def samples(shared) -> Path:
    return shared / "samples/data_quality"


@pytest.fixture
def sampled(samples) -> Report:
    """A baseline job over the dataset of AWS's own."""
    dataset = samples / "qualitycheck_baseline_dataset.csv"
    return run(JobKind.BASELINE, dataset, DatasetKind.CSV, Schema(is_positional=True), has_header=False)


def test_an_aws_baselines_statistics_are_reproduced(samples, sampled):
    theirs = content_of(samples / "qualitycheck_statistics.json")
    ours = sampled.results[0].files["statistics.json"]
    assert (ours["version"], ours["dataset"]) == (theirs["version"], theirs["dataset"])
    for mine, published in zip(ours["features"], theirs["features"], strict=True):
        assert (mine["name"], mine["inferred_type"]) == (published["name"], published["inferred_type"])
        numbers = published["numerical_statistics"]
        distribution = numbers.pop("distribution")["kll"]
        found = mine["numerical_statistics"]
        assert {key: found[key] for key in numbers} == {
            key: value if isinstance(value, dict) else pytest.approx(value, rel=1e-15) for key, value in numbers.items()
        }
        kll = found["distribution"]["kll"]
        assert [b["count"] for b in kll["buckets"]] == [b["count"] for b in distribution["buckets"]]
        assert [b["upper_bound"] for b in kll["buckets"]] == pytest.approx(
            [b["upper_bound"] for b in distribution["buckets"]], rel=1e-15
        )
        assert kll["sketch"]["parameters"] == distribution["sketch"]["parameters"]
        assert kll["sketch"]["data"] == [sorted(level) for level in distribution["sketch"]["data"]]


def test_the_constraints_of_an_aws_baseline_are_suggested_again(samples, sampled):
    theirs = content_of(samples / "qualitycheck_constraints_good.json")
    ours = sampled.results[0].files["constraints.json"]
    assert ours["features"] == theirs["features"]
    defaults = ours["monitoring_config"]
    for key in ("categorical_comparison_threshold", "categorical_drift_method"):  # absent from files of that age
        del defaults["distribution_constraints"][key]
    assert defaults == theirs["monitoring_config"]


def aws_baseline(samples: Path, folder: Path) -> Path:
    for ours, theirs in (("constraints", "qualitycheck_constraints_good"), ("statistics", "qualitycheck_statistics")):
        (folder / f"{ours}.json").write_bytes((samples / f"{theirs}.json").read_bytes())
    return folder


def test_a_window_is_checked_against_the_baseline_aws_wrote(samples, tmp_path):
    baseline = aws_baseline(samples, tmp_path)
    requests = (samples / "qualitycheck_baseline_dataset.csv").read_text().splitlines()
    pairs = [tuple(line.split(",", 1)[::-1]) for line in requests]  # the first column is the response
    path = csv_capture(tmp_path / "live/capture.jsonl", pairs)
    report = run(JobKind.MONITOR, path, DatasetKind.CAPTURE, Schema(is_positional=True), baseline)
    assert report.results[0].conclusion.verdict is Verdict.OK
    assert {check.distance for check in drift_of(report).values()} == {0.0}
    assert {check.outcome for check in drift_of(report).values()} == {Outcome.HELD}


def test_a_shift_from_the_baseline_aws_wrote_is_seen_through_its_sketch(samples, tmp_path):
    baseline = aws_baseline(samples, tmp_path)
    rows = [line.split(",") for line in (samples / "qualitycheck_baseline_dataset.csv").read_text().splitlines()]
    for row in rows:
        row[2] = "9.5"
    pairs = [(",".join(row[1:]), row[0]) for row in rows]
    path = csv_capture(tmp_path / "live/capture.jsonl", pairs)
    report = run(JobKind.MONITOR, path, DatasetKind.CAPTURE, Schema(is_positional=True), baseline)
    (violation,) = report.results[0].conclusion.violations
    assert (violation.subject, violation.check_type) == ("_c2", CheckType.BASELINE_DRIFT)
    assert violation.observed == pytest.approx(1 - 1.8 * (200 / 10_000) ** 0.5)
