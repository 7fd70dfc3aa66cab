"""Requests that monitoring makes of an endpoint are captured like any other; the reader leaves them out and counts them."""

import json
from datetime import UTC, datetime, timedelta

import jsonschema

from model_monitor.cli import main
from model_monitor.contract import OWN_REQUEST_PREFIX
from model_monitor.outputs.report import schema as schema_of_reports
from model_monitor.schema import Window
from model_monitor.sketches.reading import Reading
from tests.builders import capture_event, capture_job, csv_payload, read_all, schema, write_capture

START = datetime(2026, 3, 2, 7, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(hours=1))
SCHEMA = schema("a")


def event(value, inference_id=None, time=START):
    return capture_event(csv_payload([[value]]), time=time, inference_id=inference_id)


def own(value, time=START):
    return event(value, f"{OWN_REQUEST_PREFIX}abc-1", time)


def read(folder, events, window=WINDOW):
    write_capture(folder, events, endpoint="churn", hour=START)
    chunks = read_all(capture_job(folder, SCHEMA, window=window))
    reading = Reading()
    for rows in chunks:
        reading = reading.merge(Reading.of(rows))
    return reading, [number for rows in chunks if rows.count for number in rows.features[0].numbers.tolist()]


def test_own_requests_are_no_rows_and_are_counted(tmp_path):
    reading, values = read(tmp_path, [event(1), own(100), event(2, "caller-7"), own(200), event(3)])
    assert values == [1, 2, 3]
    assert (reading.records, reading.events, reading.own_requests) == (3, 3, 2)


def test_without_any_nothing_is_left_out(tmp_path):
    reading, values = read(tmp_path, [event(1, "a model-monitor request"), event(2)])
    assert (values, reading.own_requests) == ([1, 2], 0)


def test_the_prefix_inside_an_id_is_the_callers_own_business(tmp_path):
    reading, values = read(tmp_path, [event(1, f"web-{OWN_REQUEST_PREFIX}1"), own(2)])
    assert (values, reading.own_requests) == ([1], 1)


def test_own_requests_outside_the_window_are_not_counted(tmp_path):
    late = WINDOW.end + timedelta(minutes=1)
    events = [event(1), own(2), own(3, time=late)]
    reading, values = read(tmp_path, events)
    assert (values, reading.own_requests, reading.outside_window) == ([1], 1, 0)


def test_an_hour_of_own_requests_alone_is_an_hour_without_traffic(tmp_path):
    reading, values = read(tmp_path, [own(1), own(2)])
    assert (values, reading.records, reading.rejects.count, reading.own_requests) == ([], 0, 0, 2)


def test_a_reject_beside_own_requests_is_located_on_its_own_line(tmp_path):
    write_capture(tmp_path, [own(1), event(1), own(2), capture_event(csv_payload([[1, 2]]), time=START)], hour=START)
    chunks = read_all(capture_job(tmp_path, SCHEMA, window=WINDOW))
    assert [reject.line for rows in chunks for reject in rows.rejects.located] == [4]


def test_counts_of_parts_add_up_and_survive_json():
    merged = Reading(own_requests=2).merge(Reading(own_requests=3))
    assert merged.own_requests == 5
    assert Reading.from_json(merged.to_json()).own_requests == 5


def test_a_person_and_the_report_are_told_how_many_were_left_out(tmp_path, capsys):
    write_capture(tmp_path / "capture", [event(1), own(2), own(3), own(4)], endpoint="churn", hour=START)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"payload": {"features": ["a"]}}))
    arguments = ["--dataset", str(tmp_path / "capture"), "--config", str(config), "--output", str(tmp_path / "out")]
    main(["monitor", *arguments])
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert "1 record, 1 event" in (told := capsys.readouterr().out)
    assert "3 requests of our own left out" in told
    assert (report["reading"]["records"], report["reading"]["own_requests"]) == (1, 3)
    jsonschema.validate(report, schema_of_reports())
