"""Records as a user's preprocessor makes them: what it is given, and what it may answer."""

from __future__ import annotations

import base64
import json
import logging
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model_monitor import flow
from model_monitor.contract import JobKind, Verdict
from model_monitor.dataset.batches import batches
from model_monitor.dataset.capture import located_rows
from model_monitor.dataset.discover import discover
from model_monitor.dataset.pair import Losses
from model_monitor.dataset.units import plan
from model_monitor.job.job import DatasetKind, Scripts
from model_monitor.outputs.exit_message import exit_message
from model_monitor.outputs.report import Run, to_json
from model_monitor.schema import FeatureType, Schema, Window
from model_monitor.sketches.reading import Reading
from tests.builders import (
    START,
    baseline_job,
    capture_event,
    capture_job,
    csv_payload,
    json_payload,
    schema,
    write_capture,
)
from tests.monitor_image.dataset.scripting import OBJECTS, POSITIONS, cells, events, in_processes, job_of, read, script

__all__ = ["script"]  # a fixture

# --- what a script is given ----------------------------------------------------------------------------------------------


def test_a_script_sees_every_attribute_that_aws_documents_and_the_older_names(tmp_path, script):
    path = script("""
def preprocess_handler(inference_record):
    r, given = inference_record, inference_record.endpoint_input
    return {
        "data": given.data, "encoding": given.encoding, "mode": given.mode, "type": given.observedContentType,
        "output": r.endpoint_output.data,
        "id": r.event_metadata.event_id, "time": r.event_metadata.event_time, "attribute": r.event_metadata.custom_attribute[0],
        "inference": r.event_metadata.inference_id,
        "version": r.event_version,
        "older": r.event_data.endpointInput.data, "older_encoding": r.event_data.endpointOutput.encoding,
        "transform": r.batch_transform_output is None and r.event_data.batchTransformOutput is None,
        "truth": r.ground_truth.data, "older_truth": r.event_data.groundTruthData.as_dict()["encoding"],
        "whole": r.as_dict() is r.event_dict and r.as_dict()["eventVersion"] == "0",
        "side": given.as_dict()["data"] == given.data,
        "sides": sorted(r.event_data.as_dict())[0],
        "metadata": r.event_metadata.as_dict()["eventId"],
    }
""")
    event = capture_event(csv_payload([[1, 2]]), csv_payload([[0.5]]), event_id="e", inference_id="mine")
    event["eventMetadata"]["customAttributes"] = ["tenant-7"]
    event["groundTruthData"] = {"data": "1", "encoding": "CSV"}
    rows = read(job_of(tmp_path, path, [event]))
    seen = {name: cells(rows, name)[0] for name in rows[0].schema.names}
    assert seen == {
        "data": "1,2", "encoding": "CSV", "mode": "INPUT", "type": "text/csv", "output": 0.5,
        "id": "e", "time": "2026-03-02T07:00:00Z", "attribute": "tenant-7", "inference": "mine", "version": 0,
        "older": "1,2", "older_encoding": "CSV", "transform": "true", "truth": 1, "older_truth": "CSV",
        "whole": "true", "side": "true", "sides": "endpointInput", "metadata": "e",
    }  # fmt: skip


def test_a_side_that_was_not_captured_is_none_and_base64_stays_as_it_is(tmp_path, script):
    path = script("""
import base64

def preprocess_handler(inference_record):
    text = base64.b64decode(inference_record.endpoint_input.data).decode()
    return {"text": text, "lacks": inference_record.endpoint_output is None}
""")
    rows = read(job_of(tmp_path, path, [capture_event(csv_payload([["abc"]]).as_base64())]))
    assert (cells(rows, "text"), cells(rows, "lacks")) == (["abc"], ["true"])


@pytest.mark.parametrize("arguments", ["record, logger", "record, logger=None", "*arguments"])
def test_a_handler_of_two_arguments_gets_a_logger(tmp_path, script, caplog, arguments):
    path = script(f"""
def preprocess_handler({arguments}):
    log = locals().get("logger") or arguments[1]
    log.warning("seen")
    return {{"a": 1}}
""")
    with caplog.at_level(logging.INFO, "model_monitor"):
        assert cells(read(job_of(tmp_path, path, events({}))), "a") == [1]
    assert "seen" in caplog.messages


def test_a_csv_line_of_a_baseline_is_given_as_it_stands(tmp_path, script):
    path = script("""
def preprocess_handler(line):
    assert isinstance(line, str)
    return {"length": len(line), "line": line}
""")
    (tmp_path / "data.csv").write_bytes(b'a,b\n1,"x, y"\r\n\n2,"two\nlines"\n3,z\n')
    job = replace(
        baseline_job(tmp_path / "data.csv", DatasetKind.CSV, Schema(is_positional=True)), scripts=Scripts(path)
    )
    assert cells(read(job), "line") == ['1,"x, y"', '2,"two\nlines"', "3,z"]
    headless = replace(job, dataset=replace(job.dataset, has_header=False))
    assert cells(read(headless), "line")[0] == "a,b"


def test_records_of_json_and_parquet_are_given_as_json_text(tmp_path, script):
    path = script("import json\n\ndef preprocess_handler(line):\n    return json.loads(line)\n")
    records = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
    (tmp_path / "lines.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (tmp_path / "whole.json").write_text(json.dumps(records))
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "table.parquet")
    for name, kind in (
        ("lines.jsonl", DatasetKind.JSON_LINES),
        ("whole.json", DatasetKind.JSON),
        ("table.parquet", DatasetKind.PARQUET),
    ):
        job = replace(baseline_job(tmp_path / name, kind, Schema(is_positional=True)), scripts=Scripts(path))
        rows = read(job)
        assert (cells(rows, "a"), cells(rows, "b")) == ([1, 2], ["x", None]), name


# --- what it may answer --------------------------------------------------------------------------------------------------


def test_zero_padded_positions_stand_for_the_baseline_s_names_in_order(tmp_path, script):
    names = {"score": FeatureType.FRACTIONAL, "age": FeatureType.INTEGRAL, "code": FeatureType.STRING}
    found = [capture_event(csv_payload([[41, "00501"]]), csv_payload([[0.5]])) for _ in range(3)]
    rows = read(job_of(tmp_path, script(POSITIONS), found), names)
    assert rows[0].schema.names == ("score", "age", "code")
    assert (cells(rows, "score"), cells(rows, "age"), cells(rows, "code")) == ([0.5] * 3, [41] * 3, ["00501"] * 3)
    assert not rows[0].absent
    assert not rows[0].extra


def test_numbers_as_keys_stand_for_positions_in_their_own_order(tmp_path, script):
    path = script("def preprocess_handler(record):\n    return {place: place for place in range(12)}\n")
    names = {f"f{i}": FeatureType.INTEGRAL for i in range(12)}
    rows = read(job_of(tmp_path, path, events(1)), names)
    assert [cells(rows, name) for name in names] == [[i] for i in range(12)]


def test_too_few_and_too_many_keys_are_missing_and_extra_columns(tmp_path, script):
    job = job_of(tmp_path, script(POSITIONS), [capture_event(csv_payload([[41, 42]]), csv_payload([[0.5]]))])
    longer = read(job, dict.fromkeys(("score", "age", "size", "code"), FeatureType.INTEGRAL))[0]
    assert (longer.absent, longer.extra) == ({"code": 1}, {})
    shorter = read(job, dict.fromkeys(("score", "age"), FeatureType.INTEGRAL))[0]
    assert (shorter.absent, shorter.extra) == ({}, {"00000000000000000002": 1})


def test_names_are_found_by_name_in_any_order_and_what_none_claims_is_extra(tmp_path, script):
    declared = schema("age", "city", prediction="said", score="sure", payload_index="n", label="truth")
    found = [
        {"city": "x", "sure": 0.5, "said": 1, "age": 3, "n": 7, "truth": 0, "more": 1},
        {"age": None, "n": 5, "said": 0},
    ]
    (rows,) = read(job_of(tmp_path, script(OBJECTS), events(*found), declared))
    assert (cells([rows], "age")[0], cells([rows], "city")) == (3, ["x", None])
    assert rows.features[0].kinds.tolist() == [1, 0, 1, 0, 0]  # None is missing
    assert rows.absent == {"city": 1}
    assert rows.extra == {"more": 1}
    assert rows.prediction.numbers.tolist() == [1, 0]
    assert rows.payload_index.tolist() == [7, 5]
    assert rows.label is not None


def test_metadata_that_a_mapping_names_is_kept_beside_the_features(tmp_path, script):
    declared = schema("age")
    declared = replace(declared, payload=replace(declared.payload, metadata=("region",)))
    (rows,) = read(job_of(tmp_path, script(OBJECTS), events({"age": 3, "region": "north"}), declared))
    assert rows.metadata["region"].texts.to_pylist() == ["north"]
    assert rows.extra == {}


def test_types_follow_from_the_values(tmp_path, script):
    found = {
        "whole": 3,
        "double": 3.0,
        "text": "x",
        "numeral": "37",
        "code": "00501",
        "yes": True,
        "none": None,
        "large": 2**70,
    }
    (rows,) = read(job_of(tmp_path, script(OBJECTS), events(found)))
    kinds = {
        name: column.kinds.tolist().index(1) for name, column in zip(rows.schema.names, rows.features, strict=True)
    }
    assert kinds == {"none": 0, "double": 1, "whole": 2, "numeral": 2, "code": 2, "large": 2, "yes": 3, "text": 4}


def test_numbers_of_other_libraries_are_numbers(tmp_path, script):
    path = script("""
import numpy as np

def preprocess_handler(record):
    return {"a": np.float32(0.5), "b": np.int64(7), "c": np.array(2.5), "d": np.bool_(True), "e": np.str_("x")}
""")
    rows = read(job_of(tmp_path, path, events(1)))
    assert [cells(rows, name)[0] for name in "abcde"] == [0.5, 7, 2.5, "true", "x"]


def test_several_records_of_one_event_keep_their_places(tmp_path, script):
    found = [[{"a": 1}, {"a": 2}], {"a": 3}, [], [{"a": 4}]]
    (rows,) = read(job_of(tmp_path, script(OBJECTS), events(*found), schema("a")))
    assert cells([rows], "a") == [1, 2, 3, 4]
    assert rows.payload_index.tolist() == [0, 1, 0, 0]
    assert rows.events.records.tolist() == [2, 1, 0, 1]
    assert rows.events.ids == ("e0", "e1", "e2", "e3")
    assert rows.dropped == 1


@pytest.mark.parametrize("answer", ["[]", "None", "{}"])
def test_dropped_records_are_counted_and_told(tmp_path, script, answer):
    path = script(f"""
import json

def preprocess_handler(record):
    value = json.loads(record.endpoint_input.data)
    return {{"a": value}} if value % 4 else {answer}
""")
    job = job_of(tmp_path, path, events(*range(100)), schema("a"))
    report = flow.run(job)
    assert (report.reading.records, report.reading.dropped, report.reading.rejects.count) == (75, 25, 0)
    assert to_json(report, Run(START, START))["reading"]["dropped_by_script"] == 25
    assert "Dropped by the preprocessor: 25." in exit_message(report)
    assert Reading.from_json(report.reading.to_json()).dropped == 25


def test_a_window_whose_records_are_all_dropped_says_so(tmp_path, script):
    report = flow.run(job_of(tmp_path, script("def preprocess_handler(record):\n    return []\n"), events(1, 2)))
    assert report.verdict is Verdict.NO_DATA
    assert report.reason == "the preprocessor dropped all 2 records"


def test_events_outside_the_window_are_counted_and_the_script_never_sees_them(tmp_path, script):
    path = script(
        "import json\n\ndef preprocess_handler(record):\n    return {'a': 1 / json.loads(record.endpoint_input.data)}\n"
    )
    found = [*events(2), *events(0, time=START + timedelta(hours=1)), "no json", '{"captureData": 1}']
    job = job_of(tmp_path, path, found, schema("a"), window=Window(START, START + timedelta(hours=1)))
    (rows,) = read(job)
    assert cells([rows], "a") == [0.5]
    assert rows.outside_window == 1
    assert rows.rejects.by_reason == {"not valid JSON": 1, "not a capture event": 1}


# --- whole runs ----------------------------------------------------------------------------------------------------------


def test_a_baseline_and_a_run_with_the_same_script_agree(tmp_path, script):
    by_line = script(
        "def preprocess_handler(line):\n    a, b = line.split(',')\n    return {'a': float(a), 'b': b}\n", "lines.py"
    )
    (tmp_path / "data.csv").write_text("x;y\n" + "".join(f"{i},{'uvw'[i % 3]}\n" for i in range(90)))
    baseline = baseline_job(tmp_path / "data.csv", DatasetKind.CSV, Schema(is_positional=True))
    suggested = flow.run(replace(baseline, scripts=Scripts(by_line), workers=1)).results[0].files["constraints.json"]
    assert [(f["name"], f["inferred_type"]) for f in suggested["features"]] == [("a", "Fractional"), ("b", "String")]


def test_a_script_that_does_what_the_mapping_says_gives_the_same_statistics(tmp_path, script):
    path = script("""
import json

def preprocess_handler(record):
    lines = record.endpoint_input.data.split("\\n")
    answers = json.loads(record.endpoint_output.data)
    rows = [dict(zip(("a", "b", "c"), [value or None for value in line.split(",")])) for line in lines]
    return [row | answer for row, answer in zip(rows, answers)]
""")
    found = []
    for n in range(40):
        rows = [[n + i, None if (n + i) % 7 == 0 else f"w{i}", f"{n * 0.5 + i:.2f}"] for i in range(3)]
        answers = [{"said": i % 2, "sure": 0.25 * i} for i in range(3)]
        found.append(capture_event(csv_payload(rows), json_payload(answers), event_id=f"e{n}"))
    scripted = job_of(tmp_path, path, found, schema("a", "b", "c", prediction="said", score="sure"))
    plain = flow.run(replace(scripted, scripts=Scripts()))
    by_script = flow.run(scripted)
    assert by_script.results[0].files["statistics.json"] == plain.results[0].files["statistics.json"]
    assert by_script.reading.to_json() == plain.reading.to_json()
    assert by_script.reading.records == 120


def test_any_number_of_workers_gives_the_same_result_also_for_a_script_that_draws_lots(tmp_path, script):
    path = script("""
import json
import random

import numpy as np

def preprocess_handler(record):
    if random.random() < 0.5:
        return None
    return {"a": json.loads(record.endpoint_input.data), "noise": np.random.rand()}
""")
    for hour in range(8):
        write_capture(
            tmp_path / "capture", events(*range(hour, hour + 40)), hour=START + timedelta(hours=hour), name="0.jsonl"
        )
    job = replace(capture_job(tmp_path / "capture", schema("a", "noise")), scripts=Scripts(path))
    one, two = in_processes(job, 1), in_processes(job, 2)
    assert one.reading.dropped > 0
    assert one.reading.to_json() == two.reading.to_json()
    assert [part.to_json() for part in one.parts] == [part.to_json() for part in two.parts]


def test_text_in_base64_can_be_decoded_by_the_script(tmp_path, script):
    path = script(
        "import base64, json\n\ndef preprocess_handler(r):\n    return json.loads(base64.b64decode(r.endpoint_input.data))\n"
    )
    event = capture_event(json_payload({"a": 5}).as_base64())
    assert base64.b64decode(event["captureData"]["endpointInput"]["data"]) == b'{"a": 5}'
    assert cells(read(job_of(tmp_path, path, [event])), "a") == [5]


def test_merged_records_follow_the_script(tmp_path, script):
    """The merge job asks the same reader which records an event has."""
    job = job_of(tmp_path, script(OBJECTS), events([{"a": 1}, {"a": 2}]), schema("a"), kind=JobKind.MONITOR)
    ((batch,),) = (tuple(batches(unit, None)) for unit in plan(discover(job.dataset)))
    ((numbers, rows),) = located_rows(batch, job, Losses())
    assert (numbers.tolist(), rows.count) == ([0], 2)
