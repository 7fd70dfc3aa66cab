"""Events belong to the window by their own time; what lies outside is counted, not read into the table."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from model_monitor.contract import OWN_REQUEST_PREFIX
from model_monitor.dataset import native
from model_monitor.dataset.capture import UNTIMED_EVENT
from model_monitor.dataset.discover import discover
from model_monitor.dataset.formats.capture_json import parse_time
from model_monitor.schema import Window
from tests.builders import (
    Payload,
    capture_event,
    capture_job,
    csv_payload,
    json_payload,
    read_all,
    schema,
    write_capture,
)

HOUR = timedelta(hours=1)
START = datetime(2026, 3, 2, 7, tzinfo=UTC)
WINDOW = Window(START, START + HOUR)
SCHEMA = schema("a")


def event_at(time, records=1):
    return capture_event(csv_payload([[1]] * records), time=time)


def counts(tmp_path, window=WINDOW):
    chunks = read_all(capture_job(tmp_path, SCHEMA, window=window))
    return sum(rows.count for rows in chunks), sum(rows.outside_window for rows in chunks)


def test_the_window_holds_its_start_and_not_its_end(tmp_path):
    seconds = [-1, 0, 1, 3599, 3600, 3601]
    write_capture(tmp_path, [event_at(START + timedelta(seconds=s), records=2) for s in seconds], hour=START)
    assert counts(tmp_path) == (6, 6)


def test_a_file_of_the_hour_before_may_hold_events_of_the_window(tmp_path):
    write_capture(
        tmp_path, [event_at(START - timedelta(seconds=3)), event_at(START + timedelta(seconds=3))], hour=START - HOUR
    )
    assert counts(tmp_path) == (1, 1)


@pytest.mark.parametrize("time", [None, "", "{%s}", "yesterday", "2026-03-02"])
def test_an_event_without_a_readable_time_goes_by_its_folder(tmp_path, time):
    expected = {-1: (0, 1), 0: (1, 0), 1: (0, 1)}
    if time == "2026-03-02":
        expected = dict.fromkeys(expected, (0, 1))  # midnight: a time, and not in the window
    for hours, outcome in expected.items():
        write_capture(tmp_path / str(hours), [event_at(time)], hour=START + hours * HOUR)
        assert counts(tmp_path / str(hours)) == outcome


def test_an_event_without_a_time_outside_the_capture_layout_is_kept(tmp_path):
    path = write_capture(tmp_path / "tree", [event_at(None)], hour=START)
    flat = tmp_path / "flat" / "events.jsonl"
    flat.parent.mkdir()
    path.rename(flat)
    assert counts(flat) == (1, 0)
    (rows,) = read_all(capture_job(flat, SCHEMA, window=WINDOW))
    assert rows.events.times.tolist() == [-1]
    assert rows.events.variant == ""


@pytest.mark.parametrize("time", [None, "", "yesterday", "2026-13-02T07:00:00Z"])
@pytest.mark.parametrize("reader", ["python", "compiled"])
def test_an_event_that_counts_in_every_window_is_told(request, monkeypatch, tmp_path, time, reader):
    if reader == "compiled":
        request.getfixturevalue("native")
    else:
        monkeypatch.setattr(native, "is_available", lambda: False)
    own = capture_event(csv_payload([[1]]), inference_id=f"{OWN_REQUEST_PREFIX}1", time=time)
    path = write_capture(tmp_path / "tree", [event_at(time, 2), event_at(START), own, event_at(time)], hour=START)
    job = capture_job(path.parent, SCHEMA, window=WINDOW)
    assert [rows.tolerated for rows in read_all(replace(job, dataset=replace(job.dataset, path=tmp_path)))] == [{}]
    flat = tmp_path / "flat" / "events.jsonl"
    flat.parent.mkdir()
    path.rename(flat)
    job = capture_job(flat, SCHEMA, window=WINDOW)
    told = {UNTIMED_EVENT: 2}
    assert [(rows.count, rows.tolerated) for rows in read_all(job)] == [(4, told)]
    assert sum((rows.tolerated for rows in read_all(job, 150)), start=Counter()) == told
    assert [rows.tolerated for rows in read_all(replace(job, window=None))] == [{}]


def test_events_outside_are_not_judged(tmp_path):
    late = START + HOUR
    broken = [capture_event(Payload("{", "JSON", "application/json"), time=late), capture_event(None, time=late)]
    broken.append(capture_event(json_payload([[1, 2], [3, 4]]), time=late))
    write_capture(tmp_path, [event_at(START), *broken], hour=START)
    chunks = read_all(capture_job(tmp_path, SCHEMA, window=WINDOW))
    assert sum((rows.rejects.by_reason for rows in chunks), start=Counter()) == {}
    assert counts(tmp_path) == (1, 4)


def test_files_more_than_a_day_away_by_their_folder_are_not_opened(tmp_path):
    for days in (-3, -1, 0, 1, 3):
        write_capture(tmp_path, [event_at(START)], hour=START + timedelta(days=days), name=f"{days}.jsonl")
    files = discover(capture_job(tmp_path, SCHEMA).dataset, WINDOW)
    assert [file.path.stem for file in files] == ["-1", "0", "1"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-03-02T07:00:00Z", 1772434800),
        ("2026-03-02T07:00:00.999Z", 1772434800),
        ("2026-03-02T08:00:00+01:00", 1772434800),
        ("2026-03-02T07:00:00", 1772434800),
        (None, -1),
        ("2026-13-02T07:00:00Z", -1),
    ],
)
def test_times_are_seconds_of_the_epoch(text, seconds):
    assert parse_time(text) == seconds


def test_variants_come_from_the_folders_and_do_not_share_a_chunk(tmp_path):
    for variant in ("blue", "green"):
        write_capture(tmp_path, [event_at(START)] * 2, variant=variant, hour=START)
        write_capture(tmp_path, [event_at(START)] * 3, variant=variant, hour=START, is_gzip=True)
    chunks = read_all(capture_job(tmp_path, SCHEMA, window=WINDOW))
    assert [(rows.events.variant, rows.count) for rows in chunks] == [("blue", 5), ("green", 5)]


def test_keys_are_the_callers_ids_else_the_services(tmp_path):
    events = [
        capture_event(csv_payload([[1]]), event_id="e1", inference_id="i1"),
        capture_event(csv_payload([[1]]), event_id="e2"),
    ]
    numbered = capture_event(csv_payload([[1]]), event_id="e3")
    numbered["eventMetadata"]["inferenceId"] = 17
    write_capture(tmp_path, [*events, numbered])
    (rows,) = read_all(capture_job(tmp_path, SCHEMA))
    assert rows.events.ids == ("i1", "e2", "17")
    assert rows.events.times.tolist() == [1772434800] * 3


def test_the_responses_own_index_wins_over_the_position(tmp_path):
    answer = json_payload(
        [{"payload_index": 5, "y": 1}, {"payload_index": 3, "y": 0}, {"y": 1}, {"payload_index": 1e300}]
    )
    write_capture(tmp_path, [capture_event(csv_payload([[1], [2], [3], [4]]), answer)])
    (rows,) = read_all(capture_job(tmp_path, schema("a", prediction="y", payload_index="payload_index")))
    assert rows.payload_index.tolist() == [5, 3, 2, 3]


def test_variants_that_are_not_asked_for_are_left_out(tmp_path):
    for variant in ("production", "shadow"):
        write_capture(tmp_path, [capture_event(csv_payload([[1]]))], variant=variant)
    job = capture_job(tmp_path, schema("a"))
    for variants, records in (((), 2), (("production",), 1), (("production", "shadow"), 2), (("gone",), 0)):
        chosen = replace(job, dataset=replace(job.dataset, variants=variants))
        assert sum(rows.count for rows in read_all(chosen)) == records
