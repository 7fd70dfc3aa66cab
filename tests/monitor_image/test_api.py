"""The three functions of the Python API: what the command does, from a program and with DataFrames."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from model_monitor import cli
from model_monitor.api import MonitorError, Result, baseline, monitor, read_report
from tests.captures import HOUR, events_of, write_capture, write_csv
from tests.conftest import ROOT
from tests.monitor_image.conftest import FEATURES, OUTPUT, land

CONFIG = {"version": 1, "payload": {"features": list(FEATURES), "output": OUTPUT}}


def frame(count=400, seed=1, **changes):
    return pd.DataFrame(land(count, seed, **changes))


@pytest.fixture
def learnt(tmp_path):
    return baseline(frame(seed=7), tmp_path / "baseline")


def test_a_baseline_and_a_window_of_dataframes(tmp_path, learnt):
    assert (learnt.verdict, learnt.checks, learnt.path) == ("ok", [], tmp_path / "baseline")
    result = monitor(frame(), learnt, tmp_path / "report")
    assert (result.verdict, result.violations) == ("ok", [])
    assert {check["subject"] for check in result.checks} >= set(FEATURES)
    assert {check["monitor"] for check in result.checks} == {"data_quality"}
    assert result.report == json.loads((tmp_path / "report" / "report.json").read_text())


def test_a_violation_is_a_result_with_its_feature(tmp_path, learnt):
    result = monitor(frame(Slope=lambda record: record["Slope"] + 80), learnt.path, tmp_path / "report")
    assert result.verdict == "violated"
    assert [(check["subject"], check["check_type"]) for check in result.violations] == [
        ("Slope", "baseline_drift_check")
    ]


@pytest.mark.parametrize("made", [pa.Table.from_pandas, lambda data: data, lambda data: data.iloc[::-1].iloc[::-1]])
def test_every_kind_of_table_gives_the_same_result(tmp_path, learnt, made):
    result = monitor(made(frame()), learnt, tmp_path / "report")
    other = monitor(frame(), learnt, tmp_path / "other")
    assert result.checks == other.checks


def test_a_file_and_a_dataframe_of_it_give_the_same_checks(tmp_path, learnt):
    path = write_csv(tmp_path / "window.csv", land(300))
    from_file = monitor(path, learnt, tmp_path / "file")
    from_frame = monitor(pd.read_csv(path), learnt, tmp_path / "frame")
    assert from_file.checks == from_frame.checks


def test_the_function_leaves_what_the_command_leaves(tmp_path, learnt):
    path = write_csv(tmp_path / "window.csv", land(300))
    monitor(path, learnt, tmp_path / "function")
    arguments = ["monitor", "--dataset", path, "--baseline", learnt.path, "--output", tmp_path / "command"]
    assert cli.main([str(argument) for argument in arguments]) == 0
    of_function, of_command = (
        {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("function", "command")
    )
    assert of_function.keys() == of_command.keys()
    for name in of_command.keys() - {"report.json"}:  # which holds times and places
        assert of_function[name] == of_command[name]


def test_captured_traffic_of_one_window_with_a_configuration_of_a_program(tmp_path, learnt):
    capture = write_capture(tmp_path / "capture", events_of(land(120)))
    given = {"config": CONFIG, "start": HOUR, "end": (HOUR + timedelta(hours=1)).isoformat()}
    result = monitor(capture, learnt, tmp_path / "report", **given)
    assert (result.verdict, result.report["reading"]["records"]) == ("ok", 120)
    assert (
        monitor(capture, learnt, tmp_path / "late", **given | {"start": HOUR + timedelta(minutes=50)}).verdict
        == "no_data"
    )


def test_labels_may_be_a_dataframe(tmp_path):
    config = CONFIG | {"monitors": {"model_quality": {"problem_type": "multiclass"}}}
    capture = write_capture(tmp_path / "capture", events_of(land(120)))
    keys = [(f"event-{i // 4:06d}", i % 4, str(i % 4 % 3)) for i in range(120)]
    labels = pd.DataFrame(keys, columns=["InferenceId", "payload_index", "groundTruthLabel"])
    result = monitor(capture, None, tmp_path / "report", config=config, ground_truth=labels)
    assert result.report["ground_truth"]["labels"] == 120


PLAIN_SCRIPT = """
import json, sys, threading
from model_monitor.api import monitor

print("begins")
threading.Thread(target=threading.Event().wait, daemon=True).start()  # as pandas has some: workers are no forks then
capture, labels, output, config = sys.argv[1:]
found = monitor(capture, None, output, config=json.loads(config), ground_truth=labels)
print(found.report["ground_truth"]["labels"])
"""


def test_a_plain_script_needs_no_guard_and_runs_once(tmp_path):
    script, labels = tmp_path / "plain.py", tmp_path / "labels.csv"
    script.write_text(PLAIN_SCRIPT)
    capture = write_capture(tmp_path / "capture", events_of(land(4)))
    pd.DataFrame({"InferenceId": ["event-000000"], "payload_index": [0], "groundTruthLabel": ["1"]}).to_csv(labels)
    config = json.dumps(CONFIG | {"monitors": {"model_quality": {"problem_type": "multiclass"}}})
    given = [sys.executable, script, capture, labels, tmp_path / "report", config]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "monitor_image"), *sys.path])}
    run = subprocess.run(given, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert (run.stdout, run.returncode) == ("begins\n1\n", 0), run.stderr


def test_a_report_is_read_again_from_its_folder_or_file(tmp_path, learnt):
    result = monitor(frame(), learnt, tmp_path / "report")
    assert read_report(tmp_path / "report") == read_report(tmp_path / "report" / "report.json") == result
    assert isinstance(result, Result)
    assert "Elevation" not in repr(result)  # short, however many checks


def test_nothing_of_a_dataframe_stays_behind(tmp_path, monkeypatch, learnt):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monitor(frame(), learnt, tmp_path / "report")
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            lambda tmp: baseline([1, 2], tmp),
            "data: should be a path or a DataFrame (pandas, polars, pyarrow), found list",
        ),
        (lambda tmp: baseline("s3://bucket/key", tmp), "data: lies in S3"),
        (lambda tmp: baseline(tmp / "nothing", tmp / "out"), "no file or folder found"),
        (lambda tmp: baseline(frame(), tmp / "out", config={"bogus": 1}), "bogus: is unknown"),
        (lambda tmp: baseline(frame(), tmp / "out", config={"bogus": 1}), "config: the configuration: 1 fault"),
        (
            lambda tmp: baseline(frame(), tmp / "out", config={"version": np.ones(1)}),
            "config: holds something that JSON",
        ),
        (lambda tmp: baseline(tmp, tmp / "out", format="excel"), "format: should be one of"),
        (lambda tmp: monitor(frame(), tmp / "none", tmp / "out"), "holds no baseline"),
        (
            lambda tmp: monitor(frame(), None, tmp / "out", start=datetime(2026, 1, 1)),
            "start: is a time without a zone",
        ),
        (lambda tmp: monitor(frame(), None, tmp / "out", start="yesterday", end=None), "start: should be a UTC time"),
        (lambda tmp: read_report(tmp), "report.json: cannot be read"),
    ],
)
def test_what_is_wrong_is_told(tmp_path, call, told):
    (tmp_path / "none").mkdir()
    with pytest.raises(MonitorError) as refused:
        call(tmp_path)
    assert told in str(refused.value)


def test_a_run_without_a_result_is_an_error_and_its_report_stays(tmp_path, learnt):
    capture = write_capture(tmp_path / "capture", events_of(land(40)))
    config = CONFIG | {"payload": CONFIG["payload"] | {"records": "nowhere"}}
    with pytest.raises(MonitorError, match="could not be read"):
        monitor(capture, learnt, tmp_path / "report", config=config)
    assert read_report(tmp_path / "report").verdict == "error"
