"""Explainability runs that SageMaker Clarify published, recomputed from their inputs."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_monitor.contract import ANALYSIS_FILE, LOCAL_SHAP_FILE, VIOLATIONS_FILE, Verdict
from model_monitor.job.job import DatasetKind
from model_monitor.monitors.model_explainability.ndcg import ndcg
from model_monitor.outputs.report import MonitorResult
from tests.monitor_image.golden.published import content_of, recompute

ROOT = Path(__file__).resolve().parents[3]
MODELS = ROOT / "build" / "venv" / "models" / "bin" / "python"
RUNS = ("seed004_jsonl_endpoint_2023", "jsonl_batch_2023", "json_batch_2024")
EXACT, AWS = 5e-4, (-1.3e-3, 3e-4)  # AWS's means of sizes carry the noise of 100 coalitions


# --- adult: a logistic model of 14 features --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published(adult: Path) -> dict[str, Any]:
    return content_of(adult / "expected_shap.json")


def configuration(
    adult: Path, published: dict[str, Any], *, is_capture: bool = False, **options: Any
) -> dict[str, Any]:
    names = content_of(adult / "model_parameters.json")["feature_names"]
    places = names if is_capture else [{"name": name, "path": f"features[{i}]"} for i, name in enumerate(names)]
    explain = {
        "predictor": {"artefact": str(adult / "model_parameters.json")},
        "baseline_rows": [published["config"]["baseline"]],
        **options,
    }
    return {"version": 1, "payload": {"features": places}, "monitors": {"model_explainability": explain}}


@pytest.fixture(scope="module")
def exact(adult: Path, published: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> MonitorResult:
    content = configuration(adult, published, save_local_shap_values=True)
    data = adult / "validation-dataset.jsonl"
    return recompute(tmp_path_factory.mktemp("exact"), data, DatasetKind.JSON_LINES, content)


def label_of(result: MonitorResult) -> dict[str, Any]:
    block: dict[str, Any] = result.files[ANALYSIS_FILE]["explanations"]["kernel_shap"]["label0"]
    return block


def differences(found: dict[str, float], expected: dict[str, float]) -> np.ndarray:
    assert list(found) == list(expected)
    return np.array(list(found.values())) - np.array(list(expected.values()))


def test_all_coalitions_fit_the_budget_and_the_report_says_so(exact: MonitorResult) -> None:
    assert exact.files[ANALYSIS_FILE]["computation"]["method"] == "exact"
    assert exact.summary["records_explained"] == exact.summary["records"] == 666


def test_exact_values_are_the_known_exact_ones(exact: MonitorResult, published: dict[str, Any]) -> None:
    assert np.abs(differences(label_of(exact)["global_shap_values"], published["exact_shapley_mean_abs"])).max() < 1e-12


@pytest.mark.parametrize("name", RUNS)
def test_exact_values_are_aws_values_but_for_their_noise(
    name: str, exact: MonitorResult, published: dict[str, Any]
) -> None:
    aws = published["aws_published"]["global_shap_values"][name]
    found = label_of(exact)
    off = differences(found["global_shap_values"], aws)
    assert AWS[0] <= off.min() <= off.max() <= AWS[1]
    assert found["expected_value"] == pytest.approx(0.250623226165771, abs=1e-6)  # AWS's model is single precision
    ours, theirs = (np.array(list(values.values())) for values in (found["global_shap_values"], aws))
    assert ndcg(ours, theirs) > 0.9999


def test_a_hundred_coalitions_a_record_give_aws_values_with_their_noise(
    adult: Path, published: dict[str, Any], tmp_path: Path
) -> None:
    content = configuration(adult, published, method="kernel", num_samples=100)
    result = recompute(tmp_path, adult / "validation-dataset.jsonl", DatasetKind.JSON_LINES, content)
    assert result.files[ANALYSIS_FILE]["computation"]["method"] == "kernel"
    tables = published["aws_published"]["global_shap_values"].values()
    mean = {name: float(np.mean([table[name] for table in tables])) for name in published["exact_shapley_mean_abs"]}
    assert np.abs(differences(label_of(result)["global_shap_values"], mean)).max() < 3e-4


def test_a_converged_estimate_is_within_the_tolerance_of_the_exact_values(
    adult: Path, published: dict[str, Any], tmp_path: Path
) -> None:
    content = configuration(adult, published, method="kernel")
    result = recompute(tmp_path, adult / "validation-dataset.jsonl", DatasetKind.JSON_LINES, content)
    off = differences(label_of(result)["global_shap_values"], published["exact_shapley_mean_abs"])
    assert np.abs(off).max() < EXACT


def test_the_published_baseline_row_is_the_rounded_mean_of_the_data(
    adult: Path, published: dict[str, Any], tmp_path: Path
) -> None:
    content = configuration(adult, published, num_clusters=1, baseline_rounded=True)
    del content["monitors"]["model_explainability"]["baseline_rows"]
    result = recompute(tmp_path, adult / "validation-dataset.jsonl", DatasetKind.JSON_LINES, content)
    assert result.files[ANALYSIS_FILE]["baseline_rows"]["rows"] == [published["config"]["baseline"]]


def test_values_of_single_records_sum_to_their_predictions(
    exact: MonitorResult, adult: Path, published: dict[str, Any]
) -> None:
    written = exact.files[LOCAL_SHAP_FILE]
    assert isinstance(written, bytes)
    header, *rows = csv.reader(written.decode().splitlines())
    assert header[:2] == ["Age_label0", "Workclass_label0"]
    model = content_of(adult / "model_parameters.json")
    lines = (adult / "validation-dataset.jsonl").read_text().splitlines()
    data = np.array([json.loads(line)["features"] for line in lines], float)
    scores = 1 / (1 + np.exp(-(data @ np.array(model["weights"]) + model["bias"])))
    sums = np.array(rows, float).sum(axis=1) + label_of(exact)["expected_value"]
    assert np.allclose(np.sort(sums), np.sort(scores), atol=1e-12)


def test_live_captures_agree_with_a_baseline_that_aws_wrote(
    adult: Path, shared: Path, published: dict[str, Any], tmp_path: Path
) -> None:
    baseline = shared / "samples" / "explainability" / "endpoint_jsonl_baseline_analysis.json"
    content = configuration(adult, published, is_capture=True)
    capture = adult / "capture_jsonlines_endpoint.jsonl"
    result = recompute(tmp_path, capture, DatasetKind.CAPTURE, content, baseline=baseline)
    (check,) = result.conclusion.checks
    assert result.conclusion.verdict is Verdict.OK
    assert check.subject == "label0"
    assert check.observed is not None
    assert check.observed > 0.99
    assert VIOLATIONS_FILE not in result.files
    assert result.summary["records"] == result.summary["records_explained"] > 1800


# --- churn: trees on 69 features ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def churn(shared: Path) -> Path:
    if not MODELS.is_file():
        pytest.skip("models environment not installed")
    return shared / "data" / "churn_bias_explain"


@pytest.fixture(scope="module")
def known(churn: Path) -> dict[str, Any]:
    known: dict[str, Any] = content_of(churn / "expected.json")["explain"]
    return known


def explained(churn: Path, known: dict[str, Any], folder: Path, **options: Any) -> dict[str, Any]:
    """analysis.json of a baseline job on the churn data, run where XGBoost is installed."""
    data = churn / "validation-dataset-with-header.csv"
    _label, *names = data.read_text().partition("\n")[0].split(",")
    predictor = {"artefact": str(churn / "xgboost_model.json")}
    explain = {"predictor": predictor, "baseline_rows": [known["config"]["baseline"]], **options}
    content = {
        "version": 1,
        "payload": {"features": names, "label": "Churn"},
        "monitors": {"model_explainability": explain},
    }
    (folder / "config.json").write_text(json.dumps(content))
    command = [str(MODELS), "-m", "model_monitor", "baseline", "--dataset", str(data), "--output", str(folder / "out")]
    done = subprocess.run(
        [*command, "--config", str(folder / "config.json")],
        env=os.environ | {"PYTHONPATH": str(ROOT / "monitor_image")},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return content_of(folder / "out" / ANALYSIS_FILE)


@pytest.mark.slow
def test_trees_of_many_features_are_ranked_as_aws_ranks_them(
    churn: Path, known: dict[str, Any], tmp_path: Path
) -> None:
    analysis = explained(churn, known, tmp_path, num_samples=100, method="kernel")
    found, aws, tolerance = (
        analysis["explanations"]["kernel_shap"]["label0"],
        known["aws_published"],
        known["tolerance"],
    )
    assert found["expected_value"] == pytest.approx(aws["expected_value"], abs=tolerance["expected_value_abs"])
    values = found["global_shap_values"]
    assert set(sorted(values, key=values.__getitem__)[-5:]) == set(tolerance["top5_set"])
    ours, theirs = (np.array([side[name] for name in values]) for side in (values, aws["global_shap_values"]))
    assert ndcg(ours, theirs) >= tolerance["ndcg_of_converged_against_aws_min"]
    assert np.corrcoef(ours, theirs)[0, 1] > 0.99


@pytest.mark.slow
def test_trees_of_many_features_are_explained_exactly_where_few_differ_from_the_baseline_row(
    churn: Path, known: dict[str, Any], tmp_path: Path
) -> None:
    analysis = explained(churn, known, tmp_path)
    assert analysis["computation"]["method"] == "exact"
    values = analysis["explanations"]["kernel_shap"]["label0"]["global_shap_values"]
    converged, tolerance = known["converged_kernel_shap_4000_paired_samples_mean_abs"], known["tolerance"]
    assert np.abs(differences(values, converged)).max() < EXACT
    assert set(sorted(values, key=values.__getitem__)[-5:]) == set(tolerance["top5_set"])
    ours, theirs = (
        np.array([side[name] for name in values]) for side in (values, known["aws_published"]["global_shap_values"])
    )
    assert ndcg(ours, theirs) >= tolerance["ndcg_of_converged_against_aws_min"]
