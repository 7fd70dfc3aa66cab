"""What a window comes to: exit statuses that a script can use, tables that a person can."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.captures import events_of, write_capture
from tests.monitor_image.cli.commands import monitor, run
from tests.monitor_image.conftest import FEATURES, OUTPUT, land


def test_a_healthy_window_exits_with_0_and_shows_every_feature(tmp_path, config, baseline, capsys):
    assert monitor(tmp_path, config, baseline, events_of(land(120))) == 0
    text = capsys.readouterr().out
    for name in FEATURES:
        assert name in text
    assert "held" in text
    assert str(tmp_path / "report" / "report.json") in text


def test_violations_exit_with_2_and_are_listed(tmp_path, config, baseline, capsys):
    assert monitor(tmp_path, config, baseline, events_of(land(120, Slope=None))) == 2
    text = capsys.readouterr().out
    assert "violated (1)" in text
    assert "Slope: completeness_check. " in text


def test_a_missing_column_is_named_by_its_check_and_by_the_checks_it_takes_along(tmp_path, config, baseline, capsys):
    records = [{name: value for name, value in record.items() if name != "Slope"} for record in land(120)]
    assert monitor(tmp_path, config, baseline, events_of(records)) == 2
    text = capsys.readouterr().out
    assert "no record has 'Slope'" in text
    assert "the feature is missing from the window's records: Slope\n" in text
    (line,) = [line for line in text.splitlines() if line.startswith("Slope")]
    assert line.endswith("not evaluated: the feature is missing from the window's records")


def test_nothing_to_evaluate_exits_with_3(tmp_path, config, baseline):
    assert monitor(tmp_path, config, baseline, events_of(land(5))) == 3
    (tmp_path / "empty").mkdir()
    arguments = (
        "--dataset",
        tmp_path / "empty",
        "--baseline",
        baseline,
        "--output",
        tmp_path / "r",
        "--format",
        "capture",
    )
    assert run("monitor", *arguments) == 3


@pytest.mark.parametrize(
    ("times", "told"),
    [
        (("--start", "2026-03-02T04:00:00Z"), "--end: is missing: --start was given alone."),
        (("--end", "2026-03-02T04:00:00Z"), "--start: is missing: --end was given alone."),
        (
            ("--start", "2026-03-02T05:00:00Z", "--end", "2026-03-02T04:00:00Z"),
            "starts at 2026-03-02T05:00:00Z, which is not before its end, 2026-03-02T04:00:00Z",
        ),
    ],
)
def test_a_window_needs_both_ends_in_order(tmp_path, config, baseline, capsys, times, told):
    assert monitor(tmp_path, config, baseline, events_of(land(40)), *times) == 1
    assert told in capsys.readouterr().err


def test_the_window_is_half_open(tmp_path, config, baseline):
    times = ("--start", "2026-03-02T04:00:00Z", "--end", "2026-03-02T04:00:10Z")
    assert monitor(tmp_path, config, baseline, events_of(land(120)), *times) == 0
    report = json.loads(_json_of(tmp_path))
    assert (report["reading"]["records"], report["reading"]["outside_window"]) == (40, 80)


def _json_of(tmp_path: Path) -> str:
    return (tmp_path / "report/report.json").read_text()


def test_json_prints_the_report_and_nothing_else(tmp_path, config, baseline, capsys):
    capsys.readouterr()
    monitor(tmp_path, config, baseline, events_of(land(120)), "--json")
    out = capsys.readouterr()
    assert json.loads(out.out) == json.loads(_json_of(tmp_path))
    assert out.err == ""


def test_a_flat_baseline_as_sagemaker_writes_it_is_used(tmp_path, config, baseline):
    (baseline / "provenance.json").unlink()
    assert monitor(tmp_path, config, baseline, events_of(land(120))) == 0


@pytest.mark.xdist_group("moto")
def test_a_baseline_in_s3_is_used(tmp_path, config, baseline, bucket, capsys):
    for path in baseline.iterdir():
        bucket.upload_file(str(path), "bucket", f"land/v1/{path.name}")
    bucket.put_object(Bucket="bucket", Key="land/current.json", Body=b'{"version": "v1"}')
    assert monitor(tmp_path, config, "s3://bucket/land", events_of(land(120))) == 0
    assert json.loads(_json_of(tmp_path))["monitors"][0]["baseline"]["version"] == "v1"
    assert monitor(tmp_path, config, "s3://bucket/nothing", events_of(land(120))) == 1
    assert "s3://bucket/nothing: holds no baseline." in capsys.readouterr().err


def test_an_empty_window_tells_what_lies_outside_it(tmp_path, config, baseline, capsys):
    times = ("--start", "2026-03-02T05:00:00Z", "--end", "2026-03-02T06:00:00Z")
    assert monitor(tmp_path, config, baseline, events_of(land(40)), *times) == 3
    assert (
        "no_data: Job inputs had no data in the window: 1 file found; 40 records outside the window"
        in capsys.readouterr().out
    )
    times = ("--start", "2026-05-02T05:00:00Z", "--end", "2026-05-02T06:00:00Z")
    assert monitor(tmp_path, config, baseline, events_of(land(40)), *times) == 3
    assert (
        "had no data in the window: 1 file found, 1 of them of other days and not read; 0 records"
        in capsys.readouterr().out
    )


def test_one_of_a_thing_is_told_in_the_singular(tmp_path, config, baseline, capsys):
    capture = write_capture(tmp_path / "capture", events_of(land(39)), files=1)
    (capture / "broken.jsonl").write_text("{\n")
    arguments = ("--baseline", baseline, "--output", tmp_path / "report", "--config", config, "--format", "capture")
    assert run("monitor", "--dataset", capture, *arguments) == 0
    text = capsys.readouterr().out
    assert "\n1 event could not be read:\n        1  not valid JSON\n" in text
    assert "39 records, 10 events, 2 files, " in text
    write_capture(tmp_path / "one", events_of(land(1)), files=1)
    run("monitor", "--dataset", tmp_path / "one", *arguments)
    text = capsys.readouterr().out
    assert "insufficient_data: 1 record, fewer than min_records = 30\n1 record, 1 event, 1 file, " in text


def test_a_disagreement_of_mapping_and_baseline_is_in_the_summary(tmp_path, baseline, capsys):
    wrong = tmp_path / "wrong.json"
    payload = {"features": ["Elevation", "Slopee", "Area"], "output": OUTPUT}
    wrong.write_text(json.dumps({"version": 1, "payload": payload}))
    assert monitor(tmp_path, wrong, baseline, events_of(land(60))) == 2
    assert "\nnote: The payload mapping and the baseline disagree: " in capsys.readouterr().out


@pytest.mark.parametrize(("delay", "is_told"), [({"label_delay": "P7D"}, True), ({}, False)])
def test_a_delay_of_labels_is_said_not_to_be_waited_for(tmp_path, capsys, delay, is_told):
    write_capture(tmp_path / "capture", events_of(land(40)))
    config = tmp_path / "delayed.json"
    block = {"problem_type": "multiclass", "label_horizon": "P30D", **delay}
    payload = {"features": list(FEATURES), "output": OUTPUT}
    config.write_text(json.dumps({"version": 1, "payload": payload, "monitors": {"model_quality": block}}))
    run("monitor", "--dataset", tmp_path / "capture", "--output", tmp_path / "report", "--config", config)
    lines = [line for line in capsys.readouterr().err.splitlines() if "label_delay" in line]
    told = (
        "model-monitor: label_delay of model_quality is not waited for on a laptop; labels are taken as they are there"
    )
    assert lines == ([told] if is_told else [])
