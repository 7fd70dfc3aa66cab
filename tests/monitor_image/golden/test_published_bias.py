"""Bias runs that SageMaker Clarify published, recomputed from their inputs."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_monitor.contract import ANALYSIS_FILE, OWN_BLOCK, VIOLATIONS_FILE, Verdict
from model_monitor.job.job import DatasetKind
from model_monitor.monitors.model_bias.constraints import read
from model_monitor.outputs.report import MonitorResult
from tests.monitor_image.golden.published import content_of, recompute

STAGES = ("pre_training_bias_metrics", "post_training_bias_metrics")
PREDICTION = {"prediction": "predicted_label"}
TEXT = re.compile(r"Metric value (\S+) doesn't meet the baseline constraint requirement (\S+)")


def run(
    folder: Path, data: Path, kind: DatasetKind, payload: dict[str, Any], monitor: dict[str, Any], **compared: Path
) -> MonitorResult:
    content = {"version": 1, "payload": payload, "monitors": {"model_bias": {"decision": "aws", **monitor}}}
    return recompute(folder, data, kind, content, **compared)


def written(analysis: dict[str, Any], stage: str) -> dict[str, Any]:
    """Metric → entry of the only group of a stage."""
    (group,) = next(iter(analysis[stage]["facets"].values()))
    assert [metric["name"] for metric in group["metrics"]] == sorted(metric["name"] for metric in group["metrics"])
    return {metric["name"]: metric for metric in group["metrics"]}


def number(value: float | str) -> float:
    return {"Infinity": math.inf, "-Infinity": -math.inf}.get(value, value)


# --- adult -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published(adult: Path) -> dict[str, Any]:
    return content_of(adult / "expected_bias_baseline.json")


@pytest.fixture(scope="module")
def names(published: dict[str, Any]) -> list[str]:
    header: list[str] = published["aws_published"]["config"]["label_header_order"]
    return header[:-1]


ADULT = {
    "facets": [{"name": "Sex", "values": [0]}],
    "label_values": [1],
    "label_name": "Target",
    "group_variable": "Age",
}


def inside(names: Sequence[str]) -> list[dict[str, str]]:
    return [{"name": name, "path": f"features[{i}]"} for i, name in enumerate(names)]


@pytest.fixture(scope="module")
def adult_baseline(adult: Path, names: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """analysis.json of the validation set with what the published model says of it."""
    folder = tmp_path_factory.mktemp("adult")
    model = content_of(adult / "model_parameters.json")
    records = [json.loads(line) for line in (adult / "validation-dataset.jsonl").read_text().splitlines()]
    inputs = np.array([record["features"] for record in records], np.float64)
    scores = 1 / (1 + np.exp(-(inputs @ np.array(model["weights"]) + model["bias"])))
    said = (scores > model["threshold"]).astype(int).tolist()
    data = folder / "validation.jsonl"
    data.write_text("\n".join(json.dumps(r | {"predicted_label": p}) for r, p in zip(records, said, strict=True)))
    payload = {"features": inside(names), "label": "label", "output": PREDICTION}
    result = run(folder, data, DatasetKind.JSON_LINES, payload, ADULT)
    path = folder / ANALYSIS_FILE
    path.write_text(json.dumps(result.files[ANALYSIS_FILE]))
    return path


def test_the_adult_baseline_has_the_values_that_clarify_published(
    adult_baseline: Path, published: dict[str, Any]
) -> None:
    analysis, expected = content_of(adult_baseline), published["aws_published"]
    assert list(analysis) == ["version", STAGES[1], STAGES[0], OWN_BLOCK]
    for stage in STAGES:
        block = analysis[stage]
        assert (block["label"], block["label_value_or_threshold"], list(block["facets"])) == ("Target", "1", ["Sex"])
        assert block["facets"]["Sex"][0]["value_or_threshold"] == "0"
        found = written(analysis, stage)
        assert {name: metric["value"] for name, metric in found.items()} == pytest.approx(expected[stage], abs=1e-12)
        assert {name: metric["description"] for name, metric in found.items()}.items() <= published[
            "descriptions"
        ].items()


def test_the_published_json_document_gives_the_same_values_before_training(
    adult_baseline: Path, names: list[str], shared: Path, tmp_path: Path
) -> None:
    data = shared / "samples" / "bias" / "endpoint_json_baseline_dataset.json"
    payload = {"features": inside(names), "label": "label", "records": "instances"}
    analysis = run(tmp_path, data, DatasetKind.JSON, payload, ADULT).files[ANALYSIS_FILE]
    assert isinstance(analysis, dict)
    assert STAGES[1] not in analysis  # nothing is predicted there
    assert analysis[STAGES[0]] == content_of(adult_baseline)[STAGES[0]]


def check_live(result: MonitorResult, case: dict[str, Any]) -> None:
    """The set of violations, their order and wording, and every value."""
    file = result.files[VIOLATIONS_FILE]
    assert isinstance(file, dict)
    assert result.conclusion.verdict is Verdict.VIOLATED
    expected = {name: number(value) for name, value in case["aws_published_violations"].items()}
    assert [violation["metric_name"] for violation in file["violations"]] == sorted(expected)
    for violation in file["violations"]:
        assert (violation["facet"], violation["facet_value"]) == ("Sex", "0")
        assert violation["constraint_check_type"] == "bias_drift_check"
        said = TEXT.fullmatch(violation["description"])
        assert said is not None
        assert float(said[1]) == pytest.approx(expected[violation["metric_name"]], abs=1e-9)
    observed = {check.metric_name: check.observed for check in result.conclusion.checks}
    assert len(observed) == 21
    recomputed = {name: number(value) for name, value in case["all_metrics_recomputed"].items()}
    assert observed == pytest.approx(recomputed, abs=1e-9)


@pytest.mark.parametrize(
    ("case", "capture", "payload"),
    [
        (
            "json_endpoint_multi_record",
            "json_endpoint.jsonl",
            {"records": "instances[*].features", "output": {"records": "predictions", **PREDICTION}},
        ),
        ("jsonlines_endpoint", "jsonlines_endpoint.jsonl", {"records": "features", "output": PREDICTION}),
    ],
)
@pytest.mark.parametrize("is_clarifys_own", [False, True], ids=["our baseline", "Clarify's baseline"])
def test_the_live_adult_runs_have_the_violations_that_clarify_published(
    adult: Path,
    shared: Path,
    adult_baseline: Path,
    names: list[str],
    tmp_path: Path,
    case: str,
    capture: str,
    payload: dict[str, Any],
    is_clarifys_own: bool,
) -> None:
    baseline = shared / "samples" / "bias" / "endpoint_json_baseline_analysis.json"
    result = run(
        tmp_path,
        adult / f"capture_{capture}",
        DatasetKind.CAPTURE,
        {"features": names, **payload},
        ADULT,
        baseline=baseline if is_clarifys_own else adult_baseline,
        ground_truth=adult / f"groundtruth_{capture}",
    )
    check_live(result, content_of(adult / "expected_bias_violations.json")["cases"][case])


def test_the_batch_run_has_no_violation_of_the_flip_test(
    adult: Path, shared: Path, adult_baseline: Path, names: list[str], tmp_path: Path
) -> None:
    records = [json.loads(line) for line in (adult / "test-dataset.jsonl").read_text().splitlines()]
    with (adult / "test_predictions_and_ground_truth.csv").open() as file:
        said = list(csv.DictReader(file))
    data = tmp_path / "batch.jsonl"
    rows = (
        record | {"predicted_label": int(row["predicted_label"]), "label": int(row["ground_truth_label"])}
        for record, row in zip(records, said, strict=True)
    )
    data.write_text("\n".join(map(json.dumps, rows)))
    payload = {"features": inside(names), "label": "label", "output": PREDICTION}
    result = run(tmp_path, data, DatasetKind.JSON_LINES, payload, ADULT, baseline=adult_baseline)
    cases = content_of(adult / "expected_bias_violations.json")["cases"]
    check_live(result, cases["json_batch_single"])
    published = content_of(shared / "samples" / "bias" / "batch_json_constraint_violations.json")
    ours = result.files[VIOLATIONS_FILE]
    assert isinstance(ours, dict)
    assert ours.keys() == published.keys()
    assert [list(violation) for violation in ours["violations"]] == [list(v) for v in published["violations"]]


# --- churn and the constant predictor --------------------------------------------------------------------------------


def check_published(analysis: Any, published: dict[str, Any], *, but: Sequence[str] = ()) -> None:
    for stage in STAGES:
        found = written(analysis, stage)
        for name, expected in published[stage].items():
            if isinstance(expected, dict):
                assert {key: found[name][key] for key in expected} == expected
            elif name not in but:
                assert number(found[name]["value"]) == pytest.approx(expected, abs=1e-12), name


def test_churn_has_the_values_that_clarify_published_for_a_threshold_without_a_group_variable(
    shared: Path, tmp_path: Path
) -> None:
    folder = shared / "data" / "churn_bias_explain"
    expected = content_of(folder / "expected.json")["bias"]["aws_published"]
    header, *lines = (folder / "validation-dataset-with-header.csv").read_text().splitlines()
    scores = [line.split(",")[1] for line in (folder / "validation_predictions.csv").read_text().splitlines()[1:]]
    data = tmp_path / "churn.csv"
    joined = (f"{score},{line}" for score, line in zip(scores, lines, strict=True))
    data.write_text("\n".join([f"score,{header}", *joined]))
    payload = {"features": header.split(",")[1:], "label": "Churn", "output": {"score": "score"}}
    monitor = {"facets": [{"name": "Account Length", "values": [100]}], "probability_threshold": 0.8}
    analysis = run(tmp_path, data, DatasetKind.CSV, payload, monitor).files[ANALYSIS_FILE]
    assert isinstance(analysis, dict)
    assert analysis[STAGES[0]]["facets"]["Account Length"][0]["value_or_threshold"] == expected["value_or_threshold"]
    check_published(analysis, expected)
    undefined = [name for stage in STAGES for name, metric in written(analysis, stage).items() if "error" in metric]
    assert undefined == ["CDDL", "CDDPL"]


def test_a_model_that_says_one_thing_only_has_the_values_that_clarify_published(shared: Path, tmp_path: Path) -> None:
    expected = content_of(shared / "data" / "clarify_constant_predictor" / "expected.json")
    lines = ["amount,customer_gender_female,fraud,said"]
    for facet, counts in enumerate(expected["contingency"].values()):
        for label, count in ((0, counts["label_0"]), (1, counts["n"] - counts["label_0"])):
            lines += [f"{i % 97},{facet},{label},0" for i in range(count)]
    data = tmp_path / "fraud.csv"
    data.write_text("\n".join(lines))
    payload = {
        "features": ["amount", "customer_gender_female"],
        "label": "fraud",
        "output": {"prediction": "said"},
    }
    monitor = {"facets": [{"name": "customer_gender_female", "values": [1]}], "label_values": [0]}
    analysis = run(tmp_path, data, DatasetKind.CSV, payload, monitor).files[ANALYSIS_FILE]
    assert isinstance(analysis, dict)
    assert analysis[STAGES[0]]["label_value_or_threshold"] == "0"
    check_published(analysis, expected["aws_published"], but=["JS"])
    divergence = written(analysis, STAGES[0])["JS"]["value"]
    assert divergence == pytest.approx(expected["JS_exception"]["value_to_expect"], abs=1e-12)


# --- Clarify's files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "groups", "metric", "value"),
    [
        ("endpoint_json_baseline_analysis.json", 2, ("Post-Training", "Sex", "0", "TE"), 2.916666666666667),
        ("batch_json_baseline_analysis.json", 2, ("Pre-training", "Sex", "0", "CI"), 0.36936936936936937),
        ("fraud_bias_1_analysis.json", 2, ("Post-Training", "customer_gender_female", "1", "CDDPL"), None),
        ("fraud_bias_2_analysis.json", 2, ("Post-Training", "customer_gender_female", "1", "DCR"), -72.0),
        ("clarifycheck_analysis_good.json", 1, ("Pre-training", "F1", "(0.5, 0.9936148802477393]", "CDDL"), 0.04),
        ("modelcard_analysis.json", 3, ("Post-Training", "Gender", "1", "AD"), -0.1141572442143538),
    ],
)
def test_clarifys_analysis_files_are_read_as_baselines(
    shared: Path, name: str, groups: int, metric: tuple[str, str, str, str], value: float | None
) -> None:
    path = shared / "samples" / "bias" / name
    found = read(json.loads(path.read_text()), str(path))
    assert len(found.groups) == groups
    assert found.groups[metric[:3]][metric[3]] == value
