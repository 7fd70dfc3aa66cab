"""Attribution drift in whole runs over capture files."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_monitor import cli
from tests.captures import HOUR, batched, columns_side, csv_side, event, json_side, write_capture

NAMES = ("size", "age", "rooms")
WEIGHTS = (3.0, -2.0, 0.5)


def homes(count: int, seed: int, scales: tuple[float, ...] = (1.0, 1.0, 1.0)) -> list[dict[str, float]]:
    chance = np.random.default_rng(seed)
    cells = chance.normal(0.0, scales, (count, 3)).round(4).tolist()
    return [dict(zip(NAMES, row, strict=True)) for row in cells]


def answers(records: list[dict[str, float]]) -> list[dict[str, Any]]:
    """What a model says that explains itself."""
    said = [[weight * record[name] for name, weight in zip(NAMES, WEIGHTS, strict=True)] for record in records]
    return [{"score": sum(values), "why": {"values": values}} for values in said]


def capture(folder: Path, records: list[dict[str, float]], side: Any = columns_side) -> Path:
    parts = batched(records, 5)
    events = [event(n, side(part), json_side(answers(list(part)))) for n, part in enumerate(parts)]
    write_capture(folder, events)
    return folder


def configuration(folder: Path, explain: dict[str, Any], **output: Any) -> str:
    content = {
        "version": 1,
        "endpoint": "homes",
        "payload": {"features": list(NAMES), "output": {"score": "score", **output}},
        "monitors": {"model_explainability": explain},
    }
    path = folder / "config.json"
    path.write_text(json.dumps(content))
    return str(path)


def run(
    command: str, dataset: Path, output: Path, config: str, *more: str
) -> tuple[int, dict[str, Any], dict[str, Any]]:
    status = cli.main([command, "--dataset", str(dataset), "--output", str(output), "--config", config, *more])
    inside = output
    return status, json.loads((output / "report.json").read_text()), json.loads((inside / "analysis.json").read_text())


@pytest.fixture
def asking(tmp_path: Path) -> str:
    model = tmp_path / "model.json"
    model.write_text(json.dumps({"weights": WEIGHTS, "bias": 1.0}))
    return configuration(tmp_path, {"predictor": {"artefact": str(model)}})


def values(analysis: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = analysis["explanations"]["kernel_shap"]["label0"]["global_shap_values"]
    return found


def test_a_baseline_from_a_dataset_judges_captures_and_tells_another_ranking(
    tmp_path: Path, asking: str, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = tmp_path / "train.csv"
    lines = [",".join(NAMES), *(",".join(map(str, home.values())) for home in homes(300, 1))]
    dataset.write_text("\n".join(lines))
    status, _, analysis = run("baseline", dataset, tmp_path / "base", asking)
    assert status == 0
    assert list(values(analysis)) == list(NAMES)
    against = ("--baseline", str(tmp_path / "base"))
    quiet = capture(tmp_path / "quiet", homes(200, 2))
    assert run("monitor", quiet, tmp_path / "a", asking, *against)[0] == 0
    moved = capture(tmp_path / "moved", homes(200, 3, (0.05, 1.0, 9.0)))
    status, report, _ = run("monitor", moved, tmp_path / "b", asking, *against)
    assert status == 2
    assert report["monitors"][0]["violations"] == {"feature_attribution_drift_check": 1}
    told = capsys.readouterr().out
    assert "attributions: exact, 200 of 200 records explained" in told
    assert re.search(r"label0  ndcg 0\.\d+  rooms ", told)
    violations = json.loads((tmp_path / "b" / "constraint_violations.json").read_text())
    assert violations["violations"][0]["metric_name"] == "shap"
    assert run("monitor", moved, tmp_path / "c", asking)[0] == 3  # no baseline: values, and nothing is judged
    assert not (tmp_path / "c" / "constraint_violations.json").exists()


def test_a_run_gives_the_same_bytes_for_any_number_of_workers_and_order_of_files(tmp_path: Path, asking: str) -> None:
    records = homes(4000, 4)
    folder = tmp_path / "capture"
    for hour in range(4):
        part = records[hour * 1000 : (hour + 1) * 1000]
        capture(folder / str(hour), part)
    analyses = [run("monitor", folder, tmp_path / w, asking, "--workers", w)[2] for w in ("1", "2")]
    assert analyses[0] == analyses[1]
    assert analyses[0]["computation"]["records_explained"] == 1000
    whole = capture(tmp_path / "whole", records)  # other files, other event ids: another sample of the same data
    other = run("monitor", whole, tmp_path / "other", asking)[2]
    assert values(other) == pytest.approx(values(analyses[0]), rel=0.1)


def test_attributions_of_single_records_name_the_record_of_the_capture(tmp_path: Path) -> None:
    model = tmp_path / "model.json"
    model.write_text(json.dumps({"weights": WEIGHTS}))
    explain = {"predictor": {"artefact": str(model)}, "baseline_rows": [[0, 0, 0]], "save_local_shap_values": True}
    records = homes(40, 8)
    run("monitor", capture(tmp_path / "capture", records), tmp_path / "out", configuration(tmp_path, explain))
    with (tmp_path / "out" / "explanations_shap" / "out.csv").open() as file:
        header, *rows = csv.reader(file)
    assert header == ["size_label0", "age_label0", "rooms_label0", "event_id", "payload_index"]
    assert len(rows) == 40
    for *found, event_id, place in rows:
        home = records[5 * int(event_id.removeprefix("event-")) + int(place)]
        assert [float(value) for value in found] == pytest.approx(
            [w * c for w, c in zip(WEIGHTS, home.values(), strict=True)]
        )


@pytest.mark.parametrize("side", [columns_side, csv_side])
def test_attributions_in_responses_are_added_up_without_asking_anybody(tmp_path: Path, side: Any) -> None:
    config = configuration(tmp_path, {"method": "captured"}, attributions="why.values")
    records = homes(100, 5)
    status, report, analysis = run("monitor", capture(tmp_path / "capture", records, side), tmp_path / "out", config)
    assert status == 3
    expected = np.abs(np.array([answer["why"]["values"] for answer in answers(records)])).mean(axis=0)
    assert list(values(analysis).values()) == pytest.approx(expected.tolist(), rel=1e-12)
    assert report["monitors"][0]["summary"]["records_explained"] == 100


def test_attributions_in_csv_responses_are_found_by_their_first_position(tmp_path: Path) -> None:
    records = homes(20, 6)
    said = [[answer["score"], *answer["why"]["values"]] for answer in answers(records)]
    text = "".join(",".join(map(str, line)) + "\n" for line in said)
    output = {"observedContentType": "text/csv", "encoding": "CSV", "data": text}
    write_capture(tmp_path / "capture", [event(0, csv_side(records), output)])
    content = {"version": 1, "payload": {"features": list(NAMES), "output": {"score": 0, "attributions": 1}}}
    content["monitors"] = {"model_explainability": {"method": "captured", "agg_method": "median", "min_records": 1}}
    config = tmp_path / "config.json"
    config.write_text(json.dumps(content))
    _, _, analysis = run("monitor", tmp_path / "capture", tmp_path / "out", str(config))
    middle = np.sort(np.array(said)[:, 1:], axis=0)[9:11]
    assert all(
        low <= value <= high for low, value, high in zip(middle[0], values(analysis).values(), middle[1], strict=True)
    )


def test_several_labels_explain_themselves_in_lists_of_their_own(tmp_path: Path) -> None:
    records = homes(30, 7)
    replies = [
        {"score": 0.1, "no": a["why"]["values"], "yes": [-v for v in a["why"]["values"]]} for a in answers(records)
    ]
    write_capture(tmp_path / "capture", [event(0, columns_side(records), json_side(replies), HOUR)])
    explain = {"method": "captured", "label_headers": ["no", "yes"], "agg_method": "mean_sq"}
    config = configuration(tmp_path, explain, attributions=["no", "yes"])
    _, report, analysis = run("monitor", tmp_path / "capture", tmp_path / "out", config)
    found = analysis["explanations"]["kernel_shap"]
    assert list(found) == ["no", "yes"]
    assert found["no"] == found["yes"]
    assert report["monitors"][0]["reason"] == "no baseline"
