"""Both jobs over published covertype data, through the container's door: several records a request, ints stored as ints."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.monitor_image.conftest import OptMl

SIMPLE = {
    "data_quality": {
        "decision": "aws",
        "monitoring_config": {"distribution_constraints": {"comparison_method": "Simple"}},
    }
}


@pytest.fixture(scope="module")
def run(tmp_path_factory, shared) -> OptMl:
    """A baseline job, then a monitoring job over the captured requests."""
    data = shared / "data/covertype_multi_payload"
    with (data / "baseline.csv").open() as lines:
        features = [name for name in lines.readline().strip().split(",") if name != "Cover_Type"]
    first = OptMl(tmp_path_factory.mktemp("baseline")).configure(features, monitors=SIMPLE)
    first.environment |= {"dataset_format": '{"csv":{"header":true,"output_columns_position":"START"}}'}
    source = first.root / "processing/input/baseline_dataset_input"
    source.mkdir(parents=True)
    shutil.copy(data / "baseline.csv", source)
    assert first.run() == 0, first.message
    live = OptMl(tmp_path_factory.mktemp("monitor")).configure(
        features, monitors=SIMPLE, metrics={"per_feature": "all"}
    )
    live.for_window([]).with_baseline(first.output)
    live.environment |= {"start_time": "2024-05-01T12:00:00Z", "end_time": "2024-05-01T13:00:00Z"}
    hour = live.root / "processing/input/endpoint/covertype/AllTraffic/2024/05/01/12"
    hour.mkdir(parents=True)
    shutil.copy(data / "capture.jsonl", hour / "00-00-000-00000000-0000-4000-8000-000000000000.jsonl")
    assert live.run() == 0, live.message
    return live


@pytest.fixture(scope="module")
def expected(shared):
    return json.loads((shared / "data/covertype_multi_payload/expected.json").read_text())


def test_every_record_of_every_request_is_read(run, expected):
    reading = run.report["reading"]
    assert (reading["records"], reading["events"]) == (expected["records"], expected["requests"])
    assert (reading["rejected"], reading["outside_window"]) == (0, 0)
    assert reading["last_time"] == expected["last_capture_time"]


def test_statistics_are_the_oracles(run, expected):
    statistics = json.loads((run.output / "statistics.json").read_text())
    features = {feature["name"]: feature for feature in statistics["features"]}
    for name, numbers in expected["live_feature_statistics"].items():
        for key, value in numbers.items():
            assert features[name]["numerical_statistics"][key] == pytest.approx(value, rel=1e-9), (name, key)
    for name, counts in expected["live_category_counts"].items():
        buckets = features[name]["string_statistics"]["distribution"]["categorical"]["buckets"]
        assert {bucket["value"]: bucket["count"] for bucket in buckets} == counts


def test_distances_are_the_oracles_and_reach_the_metrics(run, expected):
    metrics = run.metrics()
    for name, distance in expected["ks_baseline_vs_live"].items():
        assert metrics[f"feature_baseline_drift_{name}"] == pytest.approx(distance, abs=1e-9)


def test_the_one_unknown_soil_is_found_and_nothing_else(run, expected):
    unknown = {name for name, values in expected["live_values_outside_baseline_domain"].items() if values}
    assert run.violations() == [(name, "categorical_values_check") for name in sorted(unknown)]
    assert run.message.startswith("CompletedWithViolations: Job completed successfully with 1 violations.\n")
