"""The same records in every encoding that an endpoint may use give the same table."""

import json

import numpy as np
import pytest

from model_monitor.schema import Kind, Rows
from tests.builders import (
    Payload,
    capture_event,
    capture_job,
    columns_of,
    csv_payload,
    json_lines_payload,
    json_payload,
    objects_of,
    read_all,
    schema,
    write_capture,
)

NAMES = ("count", "share", "city")
RECORDS = [[1, 0.5, "Rome"], [2, 1.25, "Oslo, north"], [3, None, 'the "old" town']]
ANSWERS = [{"payload_index": 0, "label": "a", "score": 0.5}, {"payload_index": 1, "label": "b", "score": 0.25}]
ANSWERS += [{"payload_index": 2, "label": "a", "score": 1.0}]
SCHEMA = schema(*NAMES, prediction="label", score="score", payload_index="payload_index")
COLUMNS = columns_of(NAMES, RECORDS)


def indexed(columns):
    return {name: {str(i): value for i, value in enumerate(values)} for name, values in columns.items()}


INPUTS = {
    "csv": csv_payload(RECORDS),
    "csv with carriage returns": csv_payload(RECORDS, end="\r\n"),
    "csv with a last line break": Payload(csv_payload(RECORDS).text + "\n", "CSV", "text/csv; charset=utf-8"),
    "list of objects": json_payload(objects_of(NAMES, RECORDS)),
    "list of lists": json_payload(RECORDS),
    "object of columns": json_payload(COLUMNS),
    "object of columns by index": json_payload(indexed(COLUMNS)),
    "object of columns, pretty": Payload(json.dumps(COLUMNS, indent=2), "JSON", "application/json"),
    "container of objects": json_payload({"instances": objects_of(NAMES, RECORDS)}),
    "container of lists": json_payload({"instances": RECORDS}),
    "container of features": json_payload({"instances": [{"features": record} for record in RECORDS]}),
    "json lines": json_lines_payload(objects_of(NAMES, RECORDS)),
    "json lines of lists": json_lines_payload(RECORDS),
    "json lines of features": json_lines_payload([{"features": record} for record in RECORDS]),
    "json lines under another content type": Payload(
        json_lines_payload(objects_of(NAMES, RECORDS)).text, "JSON", "application/json"
    ),
    "lower-case encoding": Payload(csv_payload(RECORDS).text, "csv", "text/csv"),
    "base64 csv": csv_payload(RECORDS).as_base64(),
    "base64 json": json_payload(COLUMNS).as_base64(),
    "base64 json lines": json_lines_payload(objects_of(NAMES, RECORDS)).as_base64(),
    "base64 json without a content type": Payload(json_payload(COLUMNS).text, "BASE64", None),
    "base64 csv of an unknown content type": Payload(csv_payload(RECORDS).text, "base64", "application/x-unknown"),
}


def check(rows: Rows) -> None:
    count, share, city = rows.features
    assert rows.count == 3
    assert count.numbers.tolist() == [1, 2, 3]
    assert count.numbers.dtype == np.int64
    assert count.kinds.tolist() == [0, 0, 3, 0, 0]
    assert share.numbers.tolist()[:2] == [0.5, 1.25]
    assert share.kinds.tolist() == [1, 2, 0, 0, 0]
    assert city.texts.to_pylist() == ["Rome", "Oslo, north", 'the "old" town']
    assert city.numbers is None
    assert rows.prediction.texts.to_pylist() == ["a", "b", "a"]
    assert rows.score.numbers.tolist() == [0.5, 0.25, 1.0]
    assert rows.payload_index.tolist() == [0, 1, 2]
    assert rows.events.ids == ("i-1",)
    assert rows.events.records.tolist() == [3]
    assert rows.rejects.count == 0
    assert not rows.extra
    assert not rows.absent


@pytest.mark.parametrize("encoding", INPUTS)
def test_an_input_encoding_does_not_change_the_table(tmp_path, encoding):
    write_capture(tmp_path, [capture_event(INPUTS[encoding], json_payload(ANSWERS), inference_id="i-1")])
    (rows,) = read_all(capture_job(tmp_path, SCHEMA))
    check(rows)


@pytest.mark.parametrize("first", INPUTS)
def test_encodings_may_change_from_event_to_event(tmp_path, first):
    events = [capture_event(given, json_payload(ANSWERS), inference_id="i-1") for given in INPUTS.values()]
    events.insert(0, capture_event(INPUTS[first], json_payload(ANSWERS), inference_id="i-1"))
    write_capture(tmp_path, events)
    chunks = read_all(capture_job(tmp_path, SCHEMA))
    assert sum(rows.count for rows in chunks) == 3 * len(events)
    assert sum(rows.features[0].kinds[Kind.INTEGRAL] for rows in chunks) == 3 * len(events)
    assert sum(rows.features[1].kinds[Kind.NULL] for rows in chunks) == len(events)
    assert {text for rows in chunks for text in rows.features[2].texts.to_pylist()} == {r[2] for r in RECORDS}
    assert sum(rows.rejects.count for rows in chunks) == 0


@pytest.mark.parametrize(
    ("answer", "mapping"),
    [
        (json_payload(ANSWERS), {"prediction": "label", "score": "score"}),
        (json_payload({"predictions": ANSWERS}), {"prediction": "label", "score": "score"}),
        (
            json_payload({"data": {"rows": ANSWERS}}),
            {"prediction": "label", "score": "score", "output_records": "data.rows"},
        ),
        (json_lines_payload(ANSWERS), {"prediction": "label", "score": "score"}),
        (json_payload([["a", 0.5], ["b", 0.25], ["a", 1.0]]), {"prediction": 0, "score": 1}),
        (
            json_payload({"label": ["a", "b", "a"], "score": [0.5, 0.25, 1.0]}),
            {"prediction": "label", "score": "score"},
        ),
        (csv_payload([["a", 0.5], ["b", 0.25], ["a", 1.0]]), {"prediction": 0, "score": 1}),
        (csv_payload([["a", 0.5], ["b", 0.25], ["a", 1.0]]), {"prediction": "label", "score": "score"}),
    ],
)
def test_a_response_in_any_layout_gives_prediction_and_score(tmp_path, answer, mapping):
    write_capture(tmp_path, [capture_event(csv_payload(RECORDS), answer)])
    (rows,) = read_all(capture_job(tmp_path, schema(*NAMES, **mapping)))
    assert rows.prediction.texts.to_pylist() == ["a", "b", "a"]
    assert rows.score.numbers.tolist() == [0.5, 0.25, 1.0]
    assert rows.payload_index.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "answer",
    [
        csv_payload([[0.5], [0.25], [1.0]]),
        csv_payload([[0.5, 0.25, 1.0]]),
        json_payload([0.5, 0.25, 1.0]),
        json_payload({"predictions": [0.5, 0.25, 1.0]}),
        json_payload([[0.5], [0.25], [1.0]]),
        json_lines_payload([0.5, 0.25, 1.0]),
        Payload("0.5,0.25,1.0\n", "BASE64", None),
    ],
)
def test_a_response_of_plain_values_has_one_per_record(tmp_path, answer):
    write_capture(tmp_path, [capture_event(csv_payload(RECORDS), answer)])
    (rows,) = read_all(capture_job(tmp_path, schema(*NAMES, score=0)))
    assert rows.score.numbers.tolist() == [0.5, 0.25, 1.0]


@pytest.mark.parametrize(("rule", "expected"), [("lines", 0), ("comma", 3), ("auto", 3)])
def test_the_rule_for_a_response_on_one_line_is_the_users(tmp_path, rule, expected):
    write_capture(tmp_path, [capture_event(csv_payload(RECORDS), csv_payload([[0.5, 0.25, 1.0]]))])
    (rows,) = read_all(capture_job(tmp_path, schema(*NAMES, score=0, csv_split=rule)))
    assert rows.count == expected
    assert rows.rejects.count == 3 - expected


def test_one_record_with_several_answers_in_a_line_is_one_row(tmp_path):
    write_capture(tmp_path, [capture_event(csv_payload(RECORDS[:1]), csv_payload([["a", 0.9, 0.1]]))])
    (rows,) = read_all(capture_job(tmp_path, schema(*NAMES, prediction=0, score=2)))
    assert rows.prediction.texts.to_pylist() == ["a"]
    assert rows.score.numbers.tolist() == [0.1]
