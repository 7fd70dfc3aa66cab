"""Model quality of published runs through the whole flow: baseline and live window from the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from model_monitor import cli, container
from model_monitor.contract import OWN_BLOCK
from model_monitor.outputs import report as reports
from tests.monitor_image.golden.published import content_of

Folder = tuple[Path, dict[str, Any]]


@pytest.fixture(scope="module")
def churn(shared: Path) -> Folder:
    folder = shared / "data" / "churn_model_quality"
    return folder, content_of(folder / "expected.json")


@pytest.fixture(scope="module")
def baseline(churn: Folder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, _ = churn
    work = tmp_path_factory.mktemp("churn")
    payload = {
        "features": [f"f{i}" for i in range(69)],
        "label": "label",
        "prediction": "prediction",
        "score": "probability",
        "output": {"score": 0},
    }
    options = {"problem_type": "BinaryClassification", "decision": "aws"}  # AWS's verdicts are what was published
    content = {"payload": payload, "monitors": {"model_quality": options}}
    (work / "config.json").write_text(json.dumps(content))
    run("baseline", work / "baseline", folder / "validation_with_predictions.csv", work)
    return work


def run(command: str, output: Path, dataset: Path, work: Path, *more: str) -> int:
    common = ["--config", str(work / "config.json"), "--workers", "1", "--output", str(output)]
    return cli.main([command, "--dataset", str(dataset), *common, *more])


def test_the_churn_baseline_has_every_published_value(churn: Folder, baseline: Path) -> None:
    expected = churn[1]["baseline"]
    statistics = content_of(baseline / "baseline" / "statistics.json")
    assert statistics["dataset"]["item_count"] == 201
    found = statistics["binary_classification_metrics"]
    published = dict(expected["aws_published_values"])
    assert found["confusion_matrix"] == published.pop("confusion_matrix")
    printed_short = {name for name, value in published.items() if value == round(value, 6)}
    for name, value in published.items():
        assert found[name]["value"] == pytest.approx(value, abs=1e-6 if name in printed_short else 1e-9), name
    assert found["auc"]["value"] == pytest.approx(0.93951279933939, abs=1e-13)
    assert found.keys() - published.keys() == {
        "confusion_matrix",
        "receiver_operating_characteristic_curve",
        "precision_recall_curve",
    }


def test_the_churn_deviations_are_of_the_published_size(churn: Folder, baseline: Path) -> None:
    runs = churn[1]["baseline"]["aws_published_standard_deviations_two_runs"].values()
    found = content_of(baseline / "baseline" / "statistics.json")["binary_classification_metrics"]
    for name in next(iter(runs)):
        values = [run[name] for run in runs]
        assert 0.4 * min(values) <= found[name]["standard_deviation"] <= 2.5 * max(values), name


def test_the_churn_curves_begin_as_the_published_ones(churn: Folder, baseline: Path) -> None:
    found = content_of(baseline / "baseline" / "statistics.json")["binary_classification_metrics"]
    for curve, arrays in churn[1]["baseline"]["aws_published_curves_first_points"].items():
        for name, points in arrays.items():
            assert found[curve][name][: len(points)] == points
    roc, pr = found["receiver_operating_characteristic_curve"], found["precision_recall_curve"]
    assert len(roc["true_positive_rates"]) == len(pr["recalls"]) + 1
    assert (roc["true_positive_rates"][-1], roc["false_positive_rates"][-1]) == (1.0, 1.0)


def test_the_churn_baseline_suggests_the_eleven_published_constraints(churn: Folder, baseline: Path) -> None:
    found = content_of(baseline / "baseline" / "constraints.json")
    published = churn[1]["baseline"]["aws_published_constraints"]
    assert len(published) == 11
    suggested = found["binary_classification_constraints"]
    assert {name: block["comparison_operator"] for name, block in suggested.items()} == {
        name: block["comparison_operator"] for name, block in published.items()
    }
    for name, block in published.items():
        assert suggested[name]["threshold"] == pytest.approx(block["threshold"], abs=1e-6)


@pytest.mark.parametrize("captured", [1817, 1892])
def test_the_live_churn_runs_violate_what_aws_published(
    churn: Folder, baseline: Path, captured: int, tmp_path: Path
) -> None:
    """Both runs sent the same 334 rows round and round; the longer one went on where the capture here ends."""
    folder, expected = churn
    lines = (folder / "capture_2021-05-26.jsonl").read_text().splitlines()
    capture = tmp_path / "capture.jsonl"
    capture.write_text("\n".join(lines[i] if i < len(lines) else lines[i % 334] for i in range(captured)))
    truth = ("--ground-truth", str(folder / "groundtruth.jsonl"))
    status = run("monitor", tmp_path / "out", capture, baseline, "--baseline", str(baseline / "baseline"), *truth)
    assert status == 2
    published = next(r for r in expected["live"]["runs"].values() if r["captured_records"] == captured)
    wanted = published["aws_published_violations"]
    report = content_of(tmp_path / "out" / "report.json")
    checks = {check["subject"]: check for check in report["monitors"][0]["checks"]}
    violations = content_of(tmp_path / "out" / "constraint_violations.json")["violations"]
    violated = {violation["metric_name"]: violation for violation in violations}
    assert violated.pop("f0_5")  # AWS gives it a constraint and never lists it
    assert violated.keys() == wanted.keys()
    assert len(wanted) == 10
    for name, violation in violated.items():
        value, deviation = wanted[name]["value"], wanted[name].get("standard_deviation")
        assert violation["constraint_check_type"] == wanted[name]["op"]
        head, _, tail = violation["description"].partition(" with ")
        told, _, rest = tail.partition(" +/- ")
        assert (head, float(told)) == (f"Metric {name}", pytest.approx(value, abs=1e-9))
        spread, _, end = rest.partition(" was ")
        assert end.startswith(f"{wanted[name]['op']} '")
        assert deviation is None or 0.2 * deviation <= float(spread) <= 5 * deviation
    assert checks["auc"]["outcome"] == "violated"
    assert report["ground_truth"] == {
        "labels": 334,
        "repeats": 0,
        "rejected": 0,
        "rejects": {"by_reason": {}, "located": []},
    }
    labels = report["monitors"][0]["summary"]["labels"]
    assert (labels["coverage"], labels["labelled"], labels["without_prediction"]) == (1.0, captured, 0)


def job_variables(root: Path, **said: str) -> dict[str, str]:
    return {"MODEL_MONITOR_ROOT": str(root), "MODEL_MONITOR_WORKERS": "1", "analysis_type": "MODEL_QUALITY", **said}


def as_aws_writes_it(content: dict[str, Any]) -> dict[str, Any]:
    """Without the block that says that the baseline is ours: AWS's rule decides then."""
    return {key: block for key, block in content.items() if key != OWN_BLOCK}


def test_the_variables_of_the_prebuilt_analyzer_are_enough(churn: Folder, tmp_path: Path) -> None:
    """No configuration: a baseline job as the SDK starts it, then a window as a schedule of SageMaker's would."""
    folder, _ = churn
    first, second = tmp_path / "baseline", tmp_path / "window"
    source = first / "processing/input/baseline_dataset_input"
    source.mkdir(parents=True)
    (source / "data.csv").write_bytes((folder / "validation_with_predictions.csv").read_bytes())
    said = {
        "dataset_format": '{"csv":{"header":true,"output_columns_position":"START"}}',
        "problem_type": "BinaryClassification",
        "inference_attribute": "prediction",
        "probability_attribute": "probability",
        "ground_truth_attribute": "label",
    }
    assert container.main(job_variables(first, **said)) == 0
    made = first / "processing/output"
    assert content_of(made / "statistics.json")["binary_classification_metrics"]["auc"]["value"] == pytest.approx(
        0.93951279933939, abs=1e-12
    )
    (made / "constraints.json").write_text(json.dumps(as_aws_writes_it(content_of(made / "constraints.json"))))
    capture = second / "processing/input/endpoint"
    capture.mkdir(parents=True)
    (capture / "capture.jsonl").write_bytes((folder / "capture_2021-05-26.jsonl").read_bytes())
    said = {
        "dataset_format": '{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}',
        "problem_type": "BinaryClassification",
        "probability_attribute": "0",
        "probability_threshold_attribute": "0.5",
        "baseline_constraints": str(made / "constraints.json"),
        "baseline_statistics": str(made / "statistics.json"),
        "ground_truth_source": str(folder / "groundtruth.jsonl"),
    }
    assert container.main(job_variables(second, **said)) == 0
    message = (second / "output/message").read_text()
    assert message.startswith("CompletedWithViolations: Job completed successfully with"), message
    violations = content_of(second / "processing/output/constraint_violations.json")["violations"]
    quality = [each for each in violations if each["constraint_check_type"] != "prediction_drift_check"]
    assert len(quality) == 11  # the ten published ones, and f0_5


def test_the_original_frameworks_constraints_and_many_records_a_request_need_no_configuration(
    covertype: Path, tmp_path: Path
) -> None:
    capture = tmp_path / "processing/input/endpoint"
    capture.mkdir(parents=True)
    (capture / "capture.jsonl").write_bytes((covertype / "capture.jsonl").read_bytes())
    (tmp_path / "constraints.json").write_text('{"accuracy": {"threshold": 0.8}}')
    said = {
        "problem_type": "MulticlassClassification",
        "inference_attribute": "label",
        "baseline_constraints": str(tmp_path / "constraints.json"),
        "ground_truth_source": str(covertype / "ground_truth.csv"),
    }
    assert container.main(job_variables(tmp_path, **said)) == 0
    assert (tmp_path / "output/message").read_text().startswith("CompletedWithViolations: ")
    (violation,) = content_of(tmp_path / "processing/output/constraint_violations.json")["violations"]
    assert violation["metric_name"] == "accuracy"
    assert violation["description"].startswith("Metric accuracy with 0.6909090909090909 +/- ")


def test_covertype_has_the_metrics_of_scikit_learn(
    covertype: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = content_of(covertype / "expected.json")
    header = (covertype / "baseline.csv").open().readline().strip().split(",")
    output = {"prediction": "label", "score": "score", "payload_index": "payload_index"}
    options = {"problem_type": "multiclass", "thresholds": {"accuracy": 0.8}}
    content = {"payload": {"features": header[:-1], "output": output}, "monitors": {"model_quality": options}}
    (tmp_path / "config.json").write_text(json.dumps(content))
    truth = ("--ground-truth", str(covertype / "ground_truth.csv"))
    assert run("monitor", tmp_path / "out", covertype / "capture.jsonl", tmp_path, *truth) == 2
    told = capsys.readouterr().out
    assert "labels: 1,100 of 1,100 predictions" in told
    assert re.search(r"accuracy +0\.6909 +0\.\d{4} +0\.8000  violated", told)
    found = content_of(tmp_path / "out" / "statistics.json")["multiclass_classification_metrics"]
    matrix = [list(row.values()) for row in found["confusion_matrix"].values()]
    assert matrix == expected["confusion_matrix_rows_actual_columns_predicted"]
    for name in ("accuracy", "accuracy_best_constant_classifier"):
        assert found[name]["value"] == pytest.approx(expected[name], abs=1e-9)
    for name in ("recall", "precision", "f0_5", "f1", "f2"):
        assert found[f"weighted_{name}"]["value"] == pytest.approx(expected[f"weighted_{name}"], abs=1e-9)
    (violation,) = content_of(tmp_path / "out" / "constraint_violations.json")["violations"]
    assert violation["metric_name"] == "accuracy"
    assert content_of(tmp_path / "out" / "constraints.json") == {
        "version": 0.0,
        "multiclass_classification_constraints": {
            "accuracy": {"threshold": 0.8, "comparison_operator": "LessThanThreshold"}
        },
    }


@pytest.mark.parametrize(("given", "status"), [("regression_constraints_good", 0), ("regression_constraints_bad", 2)])
def test_the_published_regression_files_are_met(shared: Path, tmp_path: Path, given: str, status: int) -> None:
    samples = shared / "samples" / "model_quality"
    dataset = samples / "regression_baseline_dataset.csv"
    features = dataset.open().readline().strip().split(",")[:-2]
    # the published run took the columns the other way round: its r2 has the variance of the column Prediction below
    payload = {"features": features, "label": "Prediction", "output": {"prediction": "Label"}}
    content = {"payload": payload, "monitors": {"model_quality": {"problem_type": "regression"}}}
    (tmp_path / "config.json").write_text(json.dumps(content))
    assert run("baseline", tmp_path / "made", dataset, tmp_path) == 0
    made = content_of(tmp_path / "made" / "statistics.json")
    published = content_of(samples / "regression_statistics.json")
    assert made["dataset"] == published["dataset"]
    for name, block in published["regression_metrics"].items():
        assert made["regression_metrics"][name]["value"] == pytest.approx(block["value"], abs=1e-12)
        assert made["regression_metrics"][name]["standard_deviation"] == "NaN"
    (tmp_path / "aws").mkdir()
    (tmp_path / "aws" / "constraints.json").write_bytes((samples / f"{given}.json").read_bytes())
    more = ("--baseline", str(tmp_path / "aws"), "--format", "csv")
    found = run("monitor", tmp_path / "out", dataset, tmp_path, *more)
    assert found == status
    report = content_of(tmp_path / "out" / "report.json")
    assert set(report) >= set(reports.schema()["required"])
    assert report["monitors"][0]["violations"] == ({} if status == 0 else {"GreaterThanThreshold": 1})
