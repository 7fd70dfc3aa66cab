"""Arguments, help and version: what is wrong is told with status 1, before anything is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from model_monitor import __version__, reader
from tests.captures import events_of, write_capture
from tests.monitor_image.cli.commands import run
from tests.monitor_image.conftest import land

CORE = Path(__file__).resolve().parents[3] / "monitor_image"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["baseline"],
        ["train"],
        ["monitor", "--dataset", ".", "--output", "x", "--start", "yesterday"],
        ["monitor", "--dataset", ".", "--output", "x", "--workers", "0"],
        ["monitor", "--dataset", "s3://bucket/capture", "--output", "x"],
        ["monitor", "--dataset", ".", "--output", "s3://bucket/x"],
        ["monitor", "--dataset", ".", "--output", "x", "--config", "s3://bucket/x"],
        ["baseline", "--dataset", ".", "--output", "x", "--start", "2026-01-01T00:00:00Z"],
    ],
)
def test_a_wrong_argument_exits_with_1_and_writes_nothing(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 1
    assert "model-monitor" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_results_are_never_written_into_the_data(tmp_path, config, baseline, capsys):
    capture = write_capture(tmp_path / "capture", events_of(land(60)))
    arguments = ("--dataset", capture, "--baseline", baseline, "--output", capture / "report", "--config", config)
    assert run("monitor", *arguments) == 1
    assert "--output: lies in the dataset" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path, config, baseline):
    capture = write_capture(tmp_path / "capture", events_of(land(60)))
    arguments = f"--dataset {capture} --baseline {baseline} --output {tmp_path / 'report'} --config {config}"
    command = f"{sys.executable} -m model_monitor monitor {arguments} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=CORE, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_teaches_with_examples(capsys):
    assert run("--help") == 0
    text = capsys.readouterr().out
    assert "examples:" in text
    assert "exit status:" in text
    assert run("monitor", "--help") == 0
    assert "--start" in capsys.readouterr().out


def test_the_version_is_told_with_the_reader(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out == f"model-monitor {__version__}, {reader.used()} reader\n"


def test_a_wrong_choice_of_the_reader_is_told_instead_of_one(monkeypatch, capsys):
    monkeypatch.setenv("monitor_reader", "pyton")
    assert run("--version") == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        "model-monitor: environment variable monitor_reader: should be auto or python, found 'pyton'. "
        "Correct it, or unset it.\n"
    )


def test_the_module_with_arguments_is_the_laptops_command():
    done = subprocess.run(
        [sys.executable, "-m", "model_monitor", "--version"], cwd=CORE, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout[:14]) == (0, "model-monitor ")


@pytest.mark.parametrize("output", ["README.md", "README.md/below"])
def test_an_output_that_is_a_file_is_refused_before_any_work(tmp_path, capsys, output):
    (tmp_path / "README.md").write_text("mine")
    assert run("baseline", "--dataset", tmp_path / "nowhere", "--output", tmp_path / output) == 1
    assert f"--output: {tmp_path / 'README.md'} is a file. Name a folder" in capsys.readouterr().err
    assert (tmp_path / "README.md").read_text() == "mine"


def test_a_dataset_in_s3_is_to_be_copied_first(tmp_path, capsys):
    assert run("monitor", "--dataset", "s3://bucket/capture", "--output", tmp_path / "out") == 1
    assert "aws s3 sync s3://bucket/capture DIR" in capsys.readouterr().err
