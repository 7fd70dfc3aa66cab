"""Model quality over whole runs: every form of a dataset, several records a request, any cuts and workers, two monitors."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn import metrics as sk

from model_monitor import cli, flow
from model_monitor.dataset.units import plan
from tests.captures import HOUR, columns_side, csv_side, event, json_side, write_capture, write_csv, write_lines

CLASSES = ("cat", "dog", "owl")
REGIONS = ("north", "south")


def animals(count: int, seed: int) -> list[dict[str, Any]]:
    """Features, three scores and the truth, which the highest score meets four times of five."""
    values = random.Random(seed)
    found = []
    for number in range(count):
        scores = [round(values.random(), 6) for _ in CLASSES]
        said = CLASSES[max(range(3), key=scores.__getitem__)]
        truth = said if values.random() < 0.8 else values.choice(CLASSES)
        record = {"weight": values.randrange(100), "region": values.choice(REGIONS)}
        found.append(record | {"scores": scores, "said": said, "truth": truth, "number": number})
    return found


def expected_accuracy(records: Sequence[Mapping[str, Any]]) -> float:
    return float(sk.accuracy_score([r["truth"] for r in records], [r["said"] for r in records]))


def config(folder: Path, output: Mapping[str, Any], options: Mapping[str, Any], **payload: Any) -> Path:
    path = folder / "config.json"
    block = {"problem_type": "multiclass", "class_labels": list(CLASSES), "thresholds": {"accuracy": 0.5}, **options}
    whole = {"features": ["weight", "region"], "label": "truth", "output": output, **payload}
    path.write_text(json.dumps({"payload": whole, "monitors": {"model_quality": block}}))
    return path


def requests(records: Sequence[Mapping[str, Any]], side: Any, answer: Any, size: int = 4) -> list[dict[str, Any]]:
    parts = [records[start : start + size] for start in range(0, len(records), size)]
    features = [[{name: record[name] for name in ("weight", "region")} for record in part] for part in parts]
    return [
        event(number, side(asked), answer(part), HOUR + timedelta(seconds=number), f"id-{number}")
        for number, (asked, part) in enumerate(zip(features, parts, strict=True))
    ]


def truths(path: Path, records: Sequence[Mapping[str, Any]], size: int = 4) -> Path:
    lines = [
        {"InferenceId": f"id-{record['number'] // size}", "payload_index": record["number"] % size}
        | {"groundTruthLabel": record["truth"]}
        for record in records
    ]
    random.Random(1).shuffle(lines)
    return write_lines(path, lines)


def run(command: str, dataset: Path, settings: Path, output: Path, *more: str) -> dict[str, Any]:
    status = cli.main([command, "--dataset", str(dataset), "--config", str(settings), "--output", str(output), *more])
    assert status != 1
    report: dict[str, Any] = json.loads((output / "report.json").read_text())
    return report


def quality_of(report: Mapping[str, Any]) -> Any:
    return next(monitor for monitor in report["monitors"] if monitor["key"] == "model_quality")


def value_of(report: Mapping[str, Any], name: str) -> float:
    return next(float(metric["value"]) for metric in quality_of(report)["summary"]["metrics"] if metric["name"] == name)


ANSWERS = {
    "a list in each record": ("scores", lambda part: json_side([{"scores": r["scores"]} for r in part])),
    "a list of lists": (0, lambda part: json_side({"predictions": [[r["scores"]] for r in part]})),
    "places of a CSV line": ([0, 1, 2], lambda part: csv_side([dict(enumerate(r["scores"])) for r in part])),
    "keys of a record": (
        list(CLASSES),
        lambda part: json_side([dict(zip(CLASSES, r["scores"], strict=True)) for r in part]),
    ),
}


@pytest.mark.parametrize("form", ANSWERS)
def test_scores_of_all_classes_are_read_in_every_form(form: str, tmp_path: Path) -> None:
    selector, answer = ANSWERS[form]
    records = animals(60, seed=2)
    settings = config(tmp_path, {"score": selector}, {})
    capture = write_capture(tmp_path / "capture", requests(records, columns_side, answer))
    truth = ("--ground-truth", str(truths(tmp_path / "labels.jsonl", records)), "--workers", "1")
    report = run("monitor", capture, settings, tmp_path / "out", *truth)
    assert report["verdict"] == "ok"
    assert value_of(report, "accuracy") == pytest.approx(expected_accuracy(records))
    assert report["ground_truth"]["labels"] == 60


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "capture"])
def test_a_baseline_is_made_of_any_table_with_predictions_or_of_labelled_capture(form: str, tmp_path: Path) -> None:
    records = animals(250, seed=3)
    rows = [{key: record[key] for key in ("weight", "region", "said", "truth")} for record in records]
    path, more = tmp_path / f"data.{form}", ["--workers", "1"]
    if form == "csv":
        write_csv(path, rows)
    elif form == "jsonl":
        write_lines(path, rows)
    elif form == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        answer = ANSWERS["a list in each record"][1]
        path = write_capture(tmp_path / "capture", requests(records, columns_side, answer))
        more += ["--ground-truth", str(truths(tmp_path / "labels.jsonl", records))]
    settings = config(tmp_path, {"score": "scores"}, {"slices": ["region"]}, prediction="said")
    report = run("baseline", path, settings, tmp_path / "made", *more)
    assert value_of(report, "accuracy") == pytest.approx(expected_accuracy(records), abs=1e-12)
    made = json.loads((tmp_path / "made" / "constraints.json").read_text())
    block = made["multiclass_classification_constraints"]
    assert block["accuracy"] == {
        "threshold": pytest.approx(expected_accuracy(records)),
        "comparison_operator": "LessThanThreshold",
    }
    assert set(block) == {"accuracy", *(f"weighted_{name}" for name in ("recall", "precision", "f0_5", "f1", "f2"))}
    (found,) = quality_of(report)["summary"]["slices"]
    for value in found["values"]:
        group = [record for record in records if record["region"] == value["value"]]
        assert value["item_count"] == len(group)
        accuracy = next(metric["value"] for metric in value["metrics"] if metric["name"] == "accuracy")
        assert accuracy == pytest.approx(expected_accuracy(group), abs=1e-12)


def test_the_truth_is_never_taken_for_a_prediction_of_the_same_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Responses often call the prediction `label`, and tables the truth."""
    rows = [{"weight": 1, "region": "north", "label": record["truth"]} for record in animals(40, seed=8)]
    settings = config(tmp_path, {"prediction": "label"}, {"thresholds": {}}, label="label")
    common = ["--config", str(settings), "--output", str(tmp_path / "out")]
    assert cli.main(["baseline", "--dataset", str(write_csv(tmp_path / "data.csv", rows)), *common]) == 1
    assert "holds no predictions" in capsys.readouterr().err


def files_of(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.json*"))}
    report = json.loads(found["report.json"])
    del report["run"]
    return found | {"report.json": json.dumps(report).encode()}


def test_two_monitors_share_a_run_whose_bytes_do_not_depend_on_the_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "plan", partial(plan, unit_bytes=3000))
    records = animals(900, seed=4)
    settings = config(tmp_path, {"score": "scores"}, {"slices": ["region", "variant"]})
    content = json.loads(settings.read_text())
    content["monitors"]["data_quality"] = {}
    settings.write_text(json.dumps(content))
    capture = write_capture(
        tmp_path / "capture", requests(records, columns_side, ANSWERS["a list in each record"][1]), files=20
    )
    truth = ("--ground-truth", str(truths(tmp_path / "labels.jsonl", records[:700])))
    for workers in ("1", "2"):
        report = run("monitor", capture, settings, tmp_path / workers, *truth, "--workers", workers)
    assert files_of(tmp_path / "1") == files_of(tmp_path / "2")
    assert {monitor["key"]: monitor["verdict"] for monitor in report["monitors"]} == {
        "data_quality": "insufficient_data",
        "model_quality": "ok",
    }
    assert report["verdict"] == "insufficient_data"
    monkeypatch.undo()
    whole = run("monitor", capture, settings, tmp_path / "whole", *truth, "--workers", "1")
    for name in ("metrics", "confusion_matrix", "slices", "labels"):
        assert quality_of(whole)["summary"][name] == quality_of(report)["summary"][name]
    labels = quality_of(report)["summary"]["labels"]
    assert (labels["labelled"], labels["unlabelled_by_age"]) == (700, {"unknown": 200})
    assert labels["by_variant"] == {"AllTraffic": {"labelled": 700, "unlabelled": 200}}
    assert {"statistics.json", "model_quality/statistics.json", "model_quality/constraints.json"} <= set(
        files_of(tmp_path / "1")
    )
    lines = [json.loads(line) for line in (tmp_path / "1" / "metrics.jsonl").read_text().splitlines()]
    told = {line["MetricName"]: line["Value"] for line in lines if "Value" in line}
    assert told["accuracy"] == pytest.approx(expected_accuracy(records[:700]))
    assert told["label_coverage"] == pytest.approx(700 / 900)


LAYOUTS = {
    "columns": columns_side,
    "objects": json_side,
    "a list behind a key": lambda part: json_side({"instances": list(part)}),
    "lists without names": lambda part: json_side([list(record.values())[:2] for record in part]),
    "csv": lambda part: csv_side([{name: record[name] for name in ("weight", "region")} for record in part]),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_fields_beside_the_features_are_sliced_where_requests_name_them(
    layout: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = animals(80, seed=6)
    parts = [records[start : start + 4] for start in range(0, 80, 4)]
    asked = [[{"weight": r["weight"], "region": r["region"], "shop": r["number"] % 2} for r in part] for part in parts]
    events = [
        event(n, LAYOUTS[layout](one), ANSWERS["a list in each record"][1](part), HOUR, f"id-{n}")
        for n, (one, part) in enumerate(zip(asked, parts, strict=True))
    ]
    settings = config(tmp_path, {"score": "scores"}, {"slices": ["shop"]}, metadata=["shop"])
    truth = ("--ground-truth", str(truths(tmp_path / "labels.jsonl", records)), "--workers", "1")
    report = run("monitor", write_capture(tmp_path / "capture", events), settings, tmp_path / "out", *truth)
    assert report["reading"]["rejected"] == 0
    (found,) = quality_of(report)["summary"]["slices"]
    counts = {value["value"]: value["item_count"] for value in found["values"]}
    has_names = layout not in ("csv", "lists without names")
    assert counts == ({"0": 40, "1": 40} if has_names else {"(missing)": 80})
    assert re.search(r"by shop\n  \S+ +accuracy 0\.\d{4}  \d0 records", capsys.readouterr().out)


def test_labels_that_cannot_be_read_are_located(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = animals(40, seed=5)
    settings = config(tmp_path, {"score": "scores"}, {})
    capture = write_capture(tmp_path / "capture", requests(records, columns_side, ANSWERS["a list in each record"][1]))
    path = truths(tmp_path / "labels" / "2026" / "3" / "2" / "5" / "labels.jsonl", records)
    first, rest = path.read_text().split("\n", 1)
    again = json.dumps({"InferenceId": "id-0", "groundTruthLabel": "owl"})
    path.write_text("\n".join([first, "no json", rest + again]))
    report = run("monitor", capture, settings, tmp_path / "out", "--ground-truth", str(tmp_path / "labels"))
    found = report["ground_truth"]
    assert (found["labels"], found["repeats"], found["rejected"]) == (40, 1, 1)
    (located,) = found["rejects"]["located"]
    assert (located["path"], located["line"]) == ("2026/3/2/5/labels.jsonl", 2)
    told = capsys.readouterr().out.partition("ground truth that could not be read")[2].splitlines()
    assert told[1:3] == [f"        1  {located['reason']}", "           first at 2026/3/2/5/labels.jsonl:2"]


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ({"problem_type": "binery"}, "monitors.model_quality.problem_type: should be one of binary"),
        ({"problem_type": None}, "monitors.model_quality.problem_type: is missing"),
        ({"thresholds": {"acuracy": 0.5}}, "monitors.model_quality.thresholds.acuracy: is no metric"),
        ({"thresholds": {"accuracy": "0.5"}}, "monitors.model_quality.thresholds.accuracy: should be a number"),
        ({"thresholds": {"accuracy": {"value": 1}}}, "monitors.model_quality.thresholds.accuracy: should be a number"),
        (
            {"thresholds": {"accuracy": 80}},
            "monitors.model_quality.thresholds.accuracy: should be from 0 to 1, found 80",
        ),
        (
            {"thresholds": {"auc": {"threshold": -0.1}}},
            "model_quality.thresholds.auc: should be from 0 to 1, found -0.1",
        ),
        ({"problem_type": "regression", "thresholds": {"r2": 1.5}}, "thresholds.r2: should be at most 1, found 1.5"),
        ({"problem_type": "regression", "thresholds": {"mae": -1}}, "thresholds.mae: should be at least 0, found -1"),
        ({"class_labels": ["a", "a"]}, "monitors.model_quality.class_labels: should be a list of different labels"),
        ({"class_labels": ["a"], "slice_metrics": ["x"]}, "monitors.model_quality.slice_metrics.x: is no metric"),
    ],
)
def test_wrong_options_are_told_by_their_path(
    block: dict[str, Any], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = config(tmp_path, {"prediction": "said"}, block)
    (tmp_path / "data.jsonl").write_text("{}")
    common = ["--config", str(settings), "--output", str(tmp_path / "out")]
    assert cli.main(["baseline", "--dataset", str(tmp_path / "data.jsonl"), *common]) == 1
    assert told in capsys.readouterr().err


def test_a_model_whose_answers_are_nowhere_declared_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "config.json"
    settings.write_text(json.dumps({"monitors": {"model_quality": {"problem_type": "binary"}}}))
    (tmp_path / "data.jsonl").write_text("{}")
    common = ["--config", str(settings), "--output", str(tmp_path / "out")]
    assert cli.main(["baseline", "--dataset", str(tmp_path / "data.jsonl"), *common]) == 1
    assert "payload.output.prediction or payload.output.score" in capsys.readouterr().err
