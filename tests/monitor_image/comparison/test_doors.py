"""The command on a laptop, and the function's event: the same comparison, with a status or an answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from model_monitor import cli, function
from model_monitor.comparison.request import read_request
from model_monitor.errors import DatasetError, MonitorError, SettingsError
from tests.monitor_image.comparison.conftest import CONFIGURATION, answered, write


@pytest.fixture
def files(binary, tmp_path: Path) -> dict[str, Path]:
    rows, truth, random = binary
    right = random.random(600) < 0.7
    config = tmp_path / "monitoring.json"
    config.write_text(json.dumps(CONFIGURATION))
    return {
        "config": config,
        "holdout": write(tmp_path / "holdout.csv", rows),
        "champion": write(tmp_path / "champion.csv.out", answered(truth, right, random)),
        "challenger": write(
            tmp_path / "challenger.csv.out", answered(truth, right | (random.random(600) < 0.6), random)
        ),
    }


def run(files: dict[str, Path], *more: str, order: tuple[str, ...] = ("holdout", "champion", "challenger")) -> int:
    return cli.main(["compare-models", *(str(files[name]) for name in order), "--config", str(files["config"]), *more])


def test_a_better_model_is_told_in_a_sentence(files, capsys):
    assert run(files, "--metric", "accuracy", "--slice", "area", "--slice", "size") == 0
    assert capsys.readouterr().out.startswith("Better: accuracy 0.8")


def test_the_status_says_what_became_of_it(files, capsys):
    assert run(files, order=("holdout", "challenger", "champion")) == 2
    assert capsys.readouterr().out.startswith("Not better: ")
    assert run(files, "--margin", "0.4") == 2
    assert run(files, "--min-records", "601") == 3
    assert capsys.readouterr().out.splitlines()[-1].startswith("Too little data: 600 records of 600 could be compared")
    assert run(files, "--metric", "accurcy") == 1
    assert "did you mean 'accuracy'?" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        cli.main(["compare-models", "a", "b"])
    assert ended.value.code == 1


def test_a_file_that_is_not_there_is_an_error_in_one_line(files, capsys):
    files["holdout"].unlink()
    assert run(files) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_whole_document_goes_to_the_terminal_or_to_a_file(files, capsys, tmp_path):
    assert run(files, "--json", "--output", str(tmp_path / "deep" / "comparison.json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((tmp_path / "deep" / "comparison.json").read_text())
    assert told["version"] == 1
    assert {"verdict", "reason", "metric", "interval", "slices", "metrics", "bias", "rows"} <= told.keys()


def test_help_says_what_the_files_are_and_what_the_status_means(capsys):
    with pytest.raises(SystemExit):
        cli.main(["compare-models", "--help"])
    told = capsys.readouterr().out
    for words in (
        "the label first, no header",
        "2  not better, worse in a slice, or less fair",
        "--max-slice-loss",
        ".out",
    ):
        assert words in told


# --- the function ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def event(files, bucket, tmp_path, monkeypatch) -> dict[str, Any]:
    """The files in S3, and what asks for their comparison."""
    own = tmp_path / "tmp"
    own.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(own))
    for name, path in files.items():
        bucket.put_object(Bucket="bucket", Key=f"run/{name}/{path.name}", Body=path.read_bytes())
    return {
        "holdout_uri": "s3://bucket/run/holdout/holdout.csv",
        "champion_uri": "s3://bucket/run/champion/champion.csv.out",
        "challenger_uri": "s3://bucket/run/challenger/challenger.csv.out",
        "output_uri": "s3://bucket/run/comparison",
        "problem_type": "binary",
        "label": "truth",
        "features": ["size", {"name": "area", "type": "String"}],
        "options": {"metric": "accuracy", "slices": ["area"]},
    }


def content_of(bucket, key: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bucket.get_object(Bucket="bucket", Key=key)["Body"].read())
    return found


@pytest.mark.xdist_group("moto")
def test_an_event_leaves_the_document_of_the_command_and_answers_its_head(event, files, bucket, capsys):
    answer = function.handle({"comparison": event}, {})
    capsys.readouterr()  # what the function logs
    assert run(files, "--json", "--metric", "accuracy", "--slice", "area") == 0
    document = json.loads(capsys.readouterr().out)
    assert content_of(bucket, "run/comparison/comparison.json") == document
    assert answer["comparison_uri"] == "s3://bucket/run/comparison/comparison.json"
    for key in ("verdict", "reason", "metric", "champion", "challenger", "difference", "interval", "records"):
        assert answer[key] == document[key]
    assert answer["verdict"] == "better"
    assert "slices" not in answer


@pytest.mark.xdist_group("moto")
def test_prefixes_manifests_and_a_configuration_in_s3_are_taken_too(event, files, bucket):
    expected = function.handle({"comparison": event}, {})
    bucket.put_object(Bucket="bucket", Key="run/transformed/holdout.csv.out", Body=files["champion"].read_bytes())
    listed = [{"prefix": "s3://bucket/run/holdout/"}, "holdout.csv"]
    bucket.put_object(Bucket="bucket", Key="run/holdout.manifest", Body=json.dumps(listed).encode())
    bucket.put_object(Bucket="bucket", Key="run/monitor.json", Body=json.dumps(CONFIGURATION).encode())
    plain = {key: value for key, value in event.items() if key not in ("problem_type", "label", "features")}
    asked = plain | {
        "holdout_uri": "s3://bucket/run/holdout.manifest",
        "champion_uri": "s3://bucket/run/transformed/",
        "output_uri": "s3://bucket/elsewhere/mine.json",
        "configuration": "s3://bucket/run/monitor.json",
    }
    answer = function.handle({"comparison": asked}, {})
    assert {**answer, "comparison_uri": "", "seconds": 0} == {**expected, "comparison_uri": "", "seconds": 0}
    assert content_of(bucket, "elsewhere/mine.json")["verdict"] == "better"


@pytest.mark.xdist_group("moto")
def test_what_cannot_be_compared_is_an_error_without_values_and_nothing_is_left(event, bucket, tmp_path):
    bucket.put_object(Bucket="bucket", Key="run/short", Body=b"1,0.9\n")
    with pytest.raises(DatasetError, match="holds 1 prediction of 600 records"):
        function.handle({"comparison": event | {"challenger_uri": "s3://bucket/run/short"}}, {})
    with pytest.raises(SettingsError, match="cannot be fetched"):
        function.handle({"comparison": event | {"challenger_uri": "s3://bucket/run/nothing"}}, {})
    plain = {key: value for key, value in event.items() if key.endswith("_uri")}
    with pytest.raises(SettingsError, match=r"monitor\.json: is not there"):
        function.handle({"comparison": plain | {"configuration": "s3://bucket/run/monitor.json"}}, {})
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.xdist_group("moto")
def test_a_defect_tells_its_place_and_none_of_its_words(event, monkeypatch):
    def broken(*_):
        raise KeyError("a value of the rows")

    monkeypatch.setattr("model_monitor.comparison.verdict.read", broken)
    with pytest.raises(MonitorError, match="unexpected KeyError") as told:
        function.handle({"comparison": event}, {})
    assert "a value of the rows" not in str(told.value)


def test_every_fault_of_an_event_is_told_at_once():
    with pytest.raises(SettingsError) as told:
        read_request({"holdout_uri": "x", "label": "y", "configuration": {}, "options": 3, "surprise": 1})
    message = str(told.value)
    for fault in (
        "comparison.holdout_uri: should be an S3 URI",
        "comparison.output_uri: should be an S3 URI",
        "comparison.configuration: stands beside label",
        "comparison.options: should be an object",
        "comparison.surprise: is unknown",
    ):
        assert fault in message
