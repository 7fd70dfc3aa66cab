"""Payloads of another width, formats that are guessed or asked for, files that are not what their name says."""

from __future__ import annotations

import json

import pytest

from tests.captures import columns_side, csv_side, event, events_of, json_side, write_capture, write_csv, write_lines
from tests.monitor_image.cli.commands import monitor, run
from tests.monitor_image.conftest import land


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
