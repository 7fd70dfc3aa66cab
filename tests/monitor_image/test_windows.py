"""One command over many windows: a run for each, reports by the hour, one table, the status of the worst."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from model_monitor import cli, windows
from model_monitor.contract import EXIT_STATUS, JobKind, MonitoringType, Verdict
from model_monitor.job.job import DatasetKind, DatasetSource, Job
from model_monitor.monitors.conclusion import Check, Conclusion, Evidence, Outcome
from model_monitor.outputs.report import MonitorResult, Report
from model_monitor.schema import Rejects, Window
from model_monitor.sketches.reading import Reading
from tests.captures import HOUR, events_of, write_capture, write_csv, write_lines
from tests.monitor_image.conftest import FEATURES, OUTPUT, land

ONE = timedelta(hours=1)


def at(number: int) -> datetime:
    return HOUR + number * ONE


def serve(tree: Path, number: int, count: int = 60, **changes: object) -> None:
    """Traffic of one hour."""
    events = events_of(land(count, seed=number, **changes), time=at(number))
    for event in events:
        event["eventMetadata"]["eventId"] = f"{number}-{event['eventMetadata']['eventId']}"
    write_capture(tree, events, hour=at(number))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Hours 0 (healthy), 1 (a feature without values), 2 (quiet), 3 (too few), 4 (broken files)."""
    root = tmp_path_factory.mktemp("windows")
    config = root / "monitoring.json"
    config.write_text(json.dumps({"version": 1, "payload": {"features": list(FEATURES), "output": OUTPUT}}))
    dataset = write_csv(root / "training.csv", land(600, seed=7))
    arguments = ["baseline", "--dataset", str(dataset), "--output", str(root / "baseline"), "--config", str(config)]
    assert cli.main(arguments) == 0
    serve(root / "capture", 0)
    serve(root / "capture", 1, Slope=None)
    serve(root / "capture", 3, count=8)
    broken = root / "capture/covertype/AllTraffic" / f"{at(4):%Y/%m/%d/%H}"
    write_lines(broken / "00.jsonl", [{"no": "event"}] * 40)
    return root


def run(world: Path, output: Path, *more: str, capture: str = "capture") -> int:
    common = ["--config", str(world / "monitoring.json"), "--baseline", str(world / "baseline")]
    dataset = ["--dataset", str(world / capture), "--output", str(output)]
    try:
        return cli.main(["monitor", *dataset, *common, *more])
    except SystemExit as stop:
        return int(stop.code or 0)


def test_every_hour_of_the_tree_is_a_line_with_its_report(world, tmp_path, capsys):
    assert run(world, tmp_path / "r", "--every", "1h") == 1
    shown = capsys.readouterr()
    lines = [line.split() for line in shown.out.splitlines()]
    assert lines[0][:3] == ["window", "(UTC)", "records"]
    folders = [tmp_path / "r" / f"2026/03/02/{hour:02d}/report.json" for hour in range(4, 9)]
    assert [line[2:6] for line in lines[1:6]] == [
        ["60", "ok", "-", str(folders[0])],
        ["60", "violated", "1", str(folders[1])],
        ["0", "no_data", "-", str(folders[2])],
        ["8", "insufficient_data", "-", str(folders[3])],
        ["0", "error", "-", str(folders[4])],
    ]
    why = [" ".join(line[6:]) for line in lines[1:6]]
    assert why[:2] == ["", "completeness_check: Slope"]
    assert "fewer than min_records" in why[3]
    assert why[4].startswith("40 events (each taken as 1 record) could not be read")
    assert " ".join(lines[-1]) == "5 windows: 1 error, 1 violated, 1 insufficient_data, 1 ok, 1 no_data"
    assert [json.loads(path.read_text())["verdict"] for path in folders] == [line[3] for line in lines[1:6]]
    assert "could not be read" in shown.err


@pytest.mark.parametrize(("first", "last", "status"), [(0, 1, 0), (0, 2, 2), (2, 3, 3), (3, 4, 3), (0, 5, 1)], ids=str)
def test_the_status_is_that_of_the_worst_of_the_windows_named(world, tmp_path, first, last, status, capsys):
    span = ("--start", f"{at(first):%Y-%m-%dT%H:%M:%SZ}", "--end", f"{at(last):%Y-%m-%dT%H:%M:%SZ}")
    assert run(world, tmp_path / "r", "--every", "1h", *span) == status
    assert len(list((tmp_path / "r").rglob("report.json"))) == last - first


def check(subject: str, test: str | None = None) -> Check:
    evidence = Evidence(1e-9, alike=test)
    return Check("LessThanThreshold", subject, Outcome.VIOLATED, 0.1, 0.2, "beyond", evidence=evidence)


def test_a_line_tells_each_cause_once_and_what_was_not_judged_or_read_beside_it(tmp_path):
    checks = (check("recall", "recall"), check("false_negative_rate", "recall"), check("precision"))
    results = tuple(
        MonitorResult(type_, Conclusion(verdict, found))
        for type_, verdict, found in (
            (MonitoringType.MODEL_QUALITY, Verdict.VIOLATED, checks),
            (MonitoringType.MODEL_BIAS, Verdict.INSUFFICIENT_DATA, ()),
        )
    )
    source = DatasetSource(tmp_path, DatasetKind.CAPTURE)
    reading = Reading(records=95, rejects=Rejects(Counter({"no JSON": 5})))
    report = Report(Job(JobKind.MONITOR, source, tmp_path), results=results, reading=reading)
    row = windows.Row.of(report, Window(HOUR, HOUR))
    told = "LessThanThreshold: recall, precision; not judged: model_bias; 5.0% could not be read"
    assert row.why == told
    assert row.to_json()["unjudged"] == ["model_bias"]
    alone = windows.Row.of(replace(report, results=results[1:], reading=Reading(records=95)), Window(HOUR, HOUR))
    assert (alone.unjudged, alone.why) == ((), "")


def test_a_quiet_hour_takes_nothing_from_one_that_is_ok(world, tmp_path):
    serve(tmp_path / "capture", 0)
    serve(tmp_path / "capture", 2)
    assert run(world, tmp_path / "r", "--every", "1h", capture=str(tmp_path / "capture")) == 0


def test_a_window_of_many_is_the_same_as_one_run_alone(world, tmp_path):
    alone, many = tmp_path / "alone", tmp_path / "many"
    span = ("--start", f"{at(1):%Y-%m-%dT%H:%M:%SZ}", "--end", f"{at(2):%Y-%m-%dT%H:%M:%SZ}")
    assert run(world, alone, *span) == run(world, many, *span, "--every", "1h") == 2
    found = [json.loads(path.read_text()) for path in (alone / "report.json", many / "2026/03/02/05/report.json")]
    assert found[0]["monitors"] == found[1]["monitors"]
    assert found[0]["reading"]["records"] == found[1]["reading"]["records"]


def test_for_programs_the_windows_are_one_document(world, tmp_path, capsys):
    span = ("--start", f"{at(0):%Y-%m-%dT%H:%M:%SZ}", "--end", f"{at(1):%Y-%m-%dT%H:%M:%SZ}")
    assert run(world, tmp_path / "r", "--every", "30m", *span, "--json") in (0, 3)
    found = json.loads(capsys.readouterr().out)["windows"]
    assert [each["report"].removeprefix(str(tmp_path)) for each in found] == [
        "/r/2026/03/02/0400/report.json",
        "/r/2026/03/02/0430/report.json",
    ]
    assert found[0]["window"] == {"start": "2026-03-02T04:00:00Z", "end": "2026-03-02T04:30:00Z"}


def test_a_day_begins_at_midnight(world, tmp_path):
    run(world, tmp_path / "r", "--every", "1d")
    (report,) = (tmp_path / "r").rglob("report.json")
    assert report == tmp_path / "r/2026/03/02/00/report.json"


def test_without_hours_in_the_tree_they_must_be_given(world, tmp_path, capsys):
    write_lines(tmp_path / "flat/events.jsonl", events_of(land(60)))
    assert run(world, tmp_path / "r", "--every", "1h", capture=str(tmp_path / "flat")) == 1
    assert "--every: " in (error := capsys.readouterr().err)
    assert "Say with --start and --end which." in error
    assert run(world, tmp_path / "r", "--every", "1h", capture="training.csv") == 1
    assert "needs captured events" in capsys.readouterr().err


@pytest.mark.parametrize("length", ["hourly", "0h", "1", "-1h", "1.5h"])
def test_a_length_is_a_whole_number_with_its_unit(world, tmp_path, length, capsys):
    assert run(world, tmp_path / "r", f"--every={length}") == 1
    assert "should be a length of time such as 1h, 30m or 1d" in capsys.readouterr().err


def test_a_single_run_shows_its_window_beside_its_report(world, tmp_path, capsys):
    span = ("--start", f"{at(0):%Y-%m-%dT%H:%M:%SZ}", "--end", f"{at(1):%Y-%m-%dT%H:%M:%SZ}")
    assert run(world, tmp_path / "r", *span) == 0
    told = f"window 2026-03-02T04:00:00Z to 2026-03-02T05:00:00Z: {tmp_path / 'r/report.json'}\n"
    assert told in capsys.readouterr().out


@given(st.integers(0, 5000), st.integers(1, 5000), st.integers(1, 400))
def test_windows_follow_one_another_without_a_gap_from_start_to_end(offset, length, minutes):
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=offset)
    whole = Window(start, start + timedelta(minutes=length))
    found = list(windows.cut(whole, timedelta(minutes=minutes)))
    assert (found[0].start, found[-1].end) == (whole.start, whole.end)
    assert all(one.end == after.start for one, after in pairwise(found))
    assert len({windows.folder_of(window, timedelta(minutes=minutes)) for window in found}) == len(found)


@given(st.lists(st.sampled_from(list(Verdict)), min_size=1))
def test_a_violated_window_is_never_hidden(verdicts):
    rows = [windows.Row(Window(HOUR, HOUR), 0, verdict, 0, Path("r")) for verdict in verdicts]
    status = EXIT_STATUS[windows.worst(rows)]
    assert (status == 1) is (Verdict.ERROR in verdicts)
    assert (status == 2) is (Verdict.VIOLATED in verdicts and Verdict.ERROR not in verdicts)


def test_lines_that_are_no_events_are_lost_in_the_hour_of_their_folder_alone(world, tmp_path):
    """Else one broken file would fail every window of the days around it."""
    span = ("--start", f"{at(1):%Y-%m-%dT%H:%M:%SZ}", "--end", f"{at(2):%Y-%m-%dT%H:%M:%SZ}")
    assert run(world, tmp_path / "r", *span) == 2
    reading = json.loads((tmp_path / "r/report.json").read_text())["reading"]
    assert (reading["rejected"], reading["outside_window"]) == (0, 60 + 8 + 40)
