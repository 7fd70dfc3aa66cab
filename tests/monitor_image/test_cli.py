"""The laptop's front door: the same results, exit statuses that a script can use, words that a person can."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from model_monitor import __version__, cli, reader
from model_monitor.outputs.report import schema
from tests.captures import columns_side, csv_side, event, events_of, json_side, write_capture, write_csv, write_lines
from tests.monitor_image.conftest import FEATURES, OUTPUT, land

CORE = Path(__file__).resolve().parents[2] / "monitor_image"


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "monitoring.json"
    path.write_text(json.dumps({"version": 1, "payload": {"features": list(FEATURES), "output": OUTPUT}}))
    return path


def run(*arguments: object) -> int:
    try:
        return cli.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


@pytest.fixture
def baseline(tmp_path, config):
    dataset = write_csv(tmp_path / "training.csv", land(600, seed=7))
    assert run("baseline", "--dataset", dataset, "--output", tmp_path / "baseline", "--config", config) == 0
    return tmp_path / "baseline"


def monitor(tmp_path, config, baseline, events, *more: object) -> int:
    capture = write_capture(tmp_path / "capture", events)
    arguments = ("--dataset", capture, "--baseline", baseline, "--output", tmp_path / "report", "--config", config)
    return run("monitor", *arguments, *more)


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


def narrow(count: int) -> list[dict[str, object]]:
    """Requests of two values where the model takes three."""
    records = [{"Elevation": record["Elevation"], "Slope": record["Slope"]} for record in land(count)]
    return events_of(records, side=csv_side)


def test_payloads_of_another_width_are_a_violation_that_says_what_to_do(tmp_path, config, baseline, capsys):
    assert monitor(tmp_path, config, baseline, narrow(120)) == 2
    text = capsys.readouterr().out
    assert (
        "records of another width: found 2 values, expected 3. Correct what the client sends, or the features in the payload "
        "mapping, with a new baseline"
    ) in text
    (line,) = [line for line in text.splitlines() if line.startswith("Slope")]
    assert line.split()[2] == "-", "no record could be split, so nobody knows how complete it is"
    assert "no record of the window has as many values as were expected" in line
    assert "missing from the window" not in text


@pytest.mark.parametrize("monitors", [{"data_quality": {}}, {"model_quality": {"problem_type": "multiclass"}}])
def test_where_no_column_check_can_tell_a_wrong_width_is_rejected_like_any_other(tmp_path, config, monitors, capsys):
    settings = tmp_path / "other.json"
    settings.write_text(json.dumps(json.loads(config.read_text()) | {"monitors": monitors}))
    capture = write_capture(tmp_path / "capture", narrow(120))
    arguments = ("--dataset", capture, "--output", tmp_path / "report", "--config", settings)
    assert run("monitor", *arguments) == 1  # no baseline, or nobody who counts columns
    error = capsys.readouterr().err
    assert "100.0% of the records lost, allowed 10.0%" in error
    assert "found 2 (120 records), expected 3 values in a record" in error


def test_few_payloads_of_another_width_are_an_error_and_no_few_records(tmp_path, config, baseline, capsys):
    assert monitor(tmp_path, config, baseline, narrow(20)) == 1
    assert "found 2 (20 records), expected 3 values" in capsys.readouterr().err


def test_payloads_of_several_widths_are_never_ok_however_many_may_be_lost(tmp_path, config, baseline, capsys):
    lenient = tmp_path / "lenient.json"
    lenient.write_text(json.dumps(json.loads(config.read_text()) | {"max_rejected_fraction": 1.0}))
    events = [*narrow(60), *events_of([{"Elevation": 1}] * 60, side=csv_side)]
    assert monitor(tmp_path, lenient, baseline, events) == 3
    assert "insufficient_data: none of 120 records could be read" in capsys.readouterr().out


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


def test_a_folder_without_a_baseline_is_an_error_and_not_a_pass(tmp_path, config, capsys):
    (tmp_path / "nothing").mkdir()
    assert monitor(tmp_path, config, tmp_path / "nothing", events_of(land(120))) == 1
    assert "holds no baseline" in capsys.readouterr().err


def test_a_flat_baseline_as_sagemaker_writes_it_is_used(tmp_path, config, baseline):
    (baseline / "provenance.json").unlink()
    assert monitor(tmp_path, config, baseline, events_of(land(120))) == 0


def test_positions_are_enough_when_nothing_is_declared(tmp_path):
    records = [{"label": i % 2} | record for i, record in enumerate(land(300))]
    training = write_csv(tmp_path / "training.csv", records)
    assert run("baseline", "--dataset", training, "--output", tmp_path / "baseline") == 0
    live = [{"label": i % 2} | record for i, record in enumerate(land(90, seed=4))]
    events = [
        event(i, csv_side([{k: v for k, v in record.items() if k != "label"}]), csv_side([{"label": record["label"]}]))
        for i, record in enumerate(live)
    ]
    write_capture(tmp_path / "capture", events)
    arguments = (
        "--dataset",
        tmp_path / "capture",
        "--baseline",
        tmp_path / "baseline",
        "--output",
        tmp_path / "report",
    )
    assert run("monitor", *arguments) == 0


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.csv", "csv"),
        ("a.json", "json"),
        ("a.jsonl", "json_lines"),
        ("capture.jsonl", "capture"),
        ("a.csv.gz", "csv"),
    ],
)
def test_the_format_is_guessed_from_name_and_content(tmp_path, name, kind):
    import gzip

    from model_monitor.job.guess import guess_kind

    path = tmp_path / name
    if name == "capture.jsonl":
        write_lines(path, [event(1, columns_side(land(1)), json_side([]))])
    else:
        content = b"Elevation,Slope\n1,2\n"
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert guess_kind(path) == kind
    (tmp_path / "README.md").write_text("# a note that comes first by its name")
    assert guess_kind(tmp_path) == kind


def test_a_name_that_tells_nothing_asks_for_the_format(tmp_path, capsys):
    (tmp_path / "data").write_text("1,2\n")
    assert run("baseline", "--dataset", tmp_path / "data", "--output", tmp_path / "out") == 1
    assert "--format" in capsys.readouterr().err


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


def test_payloads_that_took_a_tolerant_parser_are_told(tmp_path, config, baseline, capsys):
    events = [event(i, json_side([{**record, "Slope": float("nan")}])) for i, record in enumerate(land(40))]
    assert monitor(tmp_path, config, baseline, events) == 2
    found = json.loads((tmp_path / "report/report.json").read_text())["reading"]["tolerated"]
    assert found == {"JSON with NaN, Infinity or half a surrogate pair": 40, "missing value written as 'NaN'": 40}
    assert "40  JSON with NaN" in capsys.readouterr().out


def test_a_file_that_is_not_what_its_name_says_is_named(tmp_path, capsys):
    (tmp_path / "a.csv.gz").write_bytes(b"no gzip")
    assert run("baseline", "--dataset", tmp_path / "a.csv.gz", "--output", tmp_path / "out") == 1
    assert "a.csv.gz: cannot be read (BadGzipFile)" in capsys.readouterr().err


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


@pytest.mark.parametrize("output", ["README.md", "README.md/below"])
def test_an_output_that_is_a_file_is_refused_before_any_work(tmp_path, capsys, output):
    (tmp_path / "README.md").write_text("mine")
    assert run("baseline", "--dataset", tmp_path / "nowhere", "--output", tmp_path / output) == 1
    assert f"--output: {tmp_path / 'README.md'} is a file. Name a folder" in capsys.readouterr().err
    assert (tmp_path / "README.md").read_text() == "mine"


def test_a_dataset_in_s3_is_to_be_copied_first(tmp_path, capsys):
    assert run("monitor", "--dataset", "s3://bucket/capture", "--output", tmp_path / "out") == 1
    assert "aws s3 sync s3://bucket/capture DIR" in capsys.readouterr().err


@pytest.mark.xdist_group("moto")
def test_a_baseline_in_s3_is_used(tmp_path, config, baseline, bucket, capsys):
    for path in baseline.iterdir():
        bucket.upload_file(str(path), "bucket", f"land/v1/{path.name}")
    bucket.put_object(Bucket="bucket", Key="land/current.json", Body=b'{"version": "v1"}')
    assert monitor(tmp_path, config, "s3://bucket/land", events_of(land(120))) == 0
    assert json.loads(_json_of(tmp_path))["monitors"][0]["baseline"]["version"] == "v1"
    assert monitor(tmp_path, config, "s3://bucket/nothing", events_of(land(120))) == 1
    assert "s3://bucket/nothing: holds no baseline." in capsys.readouterr().err


def test_an_empty_folder_is_no_data_and_a_missing_one_an_error(tmp_path, config, baseline, capsys):
    (tmp_path / "empty").mkdir()
    arguments = ("--baseline", baseline, "--config", config, "--output", tmp_path / "report")
    assert run("monitor", "--dataset", tmp_path / "empty", *arguments) == 3
    assert "no_data: Job inputs had no data" in capsys.readouterr().out
    assert run("monitor", "--dataset", tmp_path / "emtpy", *arguments) == 1
    assert run("baseline", "--dataset", tmp_path / "empty", "--output", tmp_path / "other") == 1


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
