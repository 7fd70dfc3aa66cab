"""Runs that fail: an error is never a pass, tells its place and no value, and leaves no earlier result."""

from __future__ import annotations

import json

import jsonschema
import pytest

from model_monitor.outputs.report import schema
from tests.captures import events_of, write_csv, write_lines
from tests.monitor_image.cli.commands import monitor, run
from tests.monitor_image.conftest import FEATURES, OUTPUT, land


def test_a_folder_without_a_baseline_is_an_error_and_not_a_pass(tmp_path, config, capsys):
    (tmp_path / "nothing").mkdir()
    assert monitor(tmp_path, config, tmp_path / "nothing", events_of(land(120))) == 1
    assert "holds no baseline" in capsys.readouterr().err


def test_an_error_that_nobody_foresaw_tells_its_place_and_no_value(tmp_path, config, baseline, monkeypatch, capsys):
    def fail(*_: object) -> None:
        raise ValueError("a value of the data")

    monkeypatch.setattr("model_monitor.flow.run", fail)
    assert monitor(tmp_path, config, baseline, events_of(land(40))) == 1
    error = capsys.readouterr().err
    assert "unexpected ValueError at laptop.py" in error
    assert "a value of the data" not in error


def test_a_run_that_fails_leaves_no_result_of_an_earlier_one(tmp_path, config, baseline):
    assert monitor(tmp_path, config, baseline, events_of(land(120, Slope=37))) == 2
    assert (tmp_path / "report/constraint_violations.json").exists()
    write_lines(tmp_path / "capture/broken.jsonl", ["{"] * 200)
    assert run("monitor", "--dataset", tmp_path / "capture", "--baseline", baseline, "--config", config,
               "--output", tmp_path / "report") == 1  # fmt: skip
    assert {path.name for path in (tmp_path / "report").iterdir()} == {"report.json", "metrics.jsonl"}
    assert json.loads((tmp_path / "report/report.json").read_text())["verdict"] == "error"


def test_records_of_which_none_could_be_read_are_never_a_quiet_window_nor_a_baseline(tmp_path, baseline, capsys):
    lenient = tmp_path / "lenient.json"
    payload = {"features": list(FEATURES), "output": OUTPUT}
    lenient.write_text(json.dumps({"version": 1, "max_rejected_fraction": 1.0, "payload": payload}))
    write_lines(tmp_path / "damaged.jsonl", ['{"captureData": '] * 50)
    arguments = ("--dataset", tmp_path / "damaged.jsonl", "--format", "capture", "--config", lenient)
    assert run("monitor", *arguments, "--baseline", baseline, "--output", tmp_path / "report") == 3
    assert "insufficient_data: none of 50 events could be read" in capsys.readouterr().out
    assert run("baseline", *arguments, "--output", tmp_path / "other") == 1
    assert "no capture records that can be read found" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["report.json"]


@pytest.mark.parametrize("kind", ["monitor", "baseline"])
def test_an_error_leaves_a_report_that_says_it(tmp_path, kind, capsys):
    assert run(kind, "--dataset", tmp_path / "nowhere", "--output", tmp_path / "out", "--json") == 1
    report = json.loads((tmp_path / "out/report.json").read_text())
    jsonschema.validate(report, schema())
    assert (report["kind"], report["verdict"], report["error"]["type"]) == (kind, "error", "NoDataset")
    assert json.loads(capsys.readouterr().out) == report


def test_an_error_takes_no_earlier_baseline_away(tmp_path, config, baseline):
    assert run("baseline", "--dataset", tmp_path / "nowhere", "--output", baseline) == 1
    assert (baseline / "constraints.json").exists()
    assert json.loads((baseline / "report.json").read_text())["verdict"] == "error"


def test_an_empty_folder_is_no_data_and_a_missing_one_an_error(tmp_path, config, baseline, capsys):
    (tmp_path / "empty").mkdir()
    arguments = ("--baseline", baseline, "--config", config, "--output", tmp_path / "report")
    assert run("monitor", "--dataset", tmp_path / "empty", *arguments) == 3
    assert "no_data: Job inputs had no data" in capsys.readouterr().out
    assert run("monitor", "--dataset", tmp_path / "emtpy", *arguments) == 1
    assert run("baseline", "--dataset", tmp_path / "empty", "--output", tmp_path / "other") == 1


@pytest.mark.parametrize(("command", "status"), [("baseline", 0), ("monitor", 1)])
def test_a_custom_metric_that_fails_ends_a_monitor_with_1_and_a_baseline_with_0(tmp_path, capsys, command, status):
    own = tmp_path / "own.py"
    own.write_text(
        "from model_monitor.custom import metric\n\n@metric(name='broken')\ndef broken(table):\n    return 1 / 0\n"
    )
    config = tmp_path / "custom.json"
    monitors = {"custom_metrics": {"module": str(own)}}
    config.write_text(json.dumps({"version": 1, "payload": {"features": list(FEATURES)}, "monitors": monitors}))
    dataset = write_csv(tmp_path / "training.csv", land(60))
    assert run(command, "--dataset", dataset, "--output", tmp_path / "out", "--config", config) == status
    assert "ZeroDivisionError at own.py:5 in broken" in capsys.readouterr().out
