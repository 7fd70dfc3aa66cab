"""A record that cannot be read is counted by its reason and located, and costs nothing but itself."""

import json
from dataclasses import replace

import pytest

from model_monitor.dataset import native, records as reasons
from model_monitor.schema import LOCATED_REJECTS, Kind, Rejects
from tests.builders import (
    Payload,
    capture_event,
    capture_job,
    capture_line,
    csv_payload,
    json_lines_payload,
    json_payload,
    objects_of,
    read_all,
    schema,
    write_capture,
)

NAMES = ("a", "b")
SCHEMA = schema(*NAMES)
GOOD = csv_payload([[1, 2], [3, 4]])


def rejects_of(chunks) -> Rejects:
    total = Rejects()
    for rows in chunks:
        total = total.merge(rows.rejects)
    return total


def read(tmp_path, events, declared=SCHEMA, **options):
    write_capture(tmp_path, events, name="one.jsonl", **options)
    return read_all(capture_job(tmp_path, declared))


def test_a_broken_line_is_located_and_its_neighbours_are_read(tmp_path):
    lines = [capture_event(GOOD), '{"captureData":{"endpointInput":', capture_event(GOOD), "no JSON at all", "[1]"]
    (rows,) = read(tmp_path, lines)
    assert rows.count == 4
    assert rows.rejects.by_reason == {reasons.NOT_JSON: 2, reasons.NOT_A_CAPTURE_EVENT: 1}
    assert [reject.line for reject in rows.rejects.located] == [2, 4, 5]
    assert rows.rejects.located[0].path.endswith("2026/03/02/07/one.jsonl")


def test_blank_lines_byte_order_marks_and_carriage_returns_are_no_records(tmp_path):
    folder = write_capture(tmp_path, [], name="one.jsonl")
    line = capture_line(capture_event(GOOD)).encode()
    folder.write_bytes(b"\xef\xbb\xbf" + line + b"\r\n\r\n\n" + line + b"\r\n   \n" + b"\xef\xbb\xbf" + line + b"\n\n")
    (rows,) = read_all(capture_job(tmp_path, SCHEMA))
    assert rows.count == 6
    assert rows.rejects.count == 0


def test_a_line_cut_off_at_the_end_of_a_file_is_one_reject(tmp_path):
    path = write_capture(tmp_path, [capture_event(GOOD)] * 3, name="one.jsonl")
    path.write_bytes(path.read_bytes()[:-40])
    (rows,) = read_all(capture_job(tmp_path, SCHEMA))
    assert rows.count == 4
    assert [reject.line for reject in rows.rejects.located] == [3]


def test_two_objects_on_a_line_are_two_events(tmp_path):
    line = capture_line(capture_event(GOOD))
    (rows,) = read(tmp_path, [line, line + line, line])
    assert (rows.count, rows.rejects.count) == (8, 0)


def test_a_line_separator_inside_a_payload_does_not_cut_the_line(tmp_path):
    event = json.dumps(capture_event(csv_payload([["x\u2028y\u2029z\x85", 1]])), ensure_ascii=False)
    (rows,) = read(tmp_path, [event, "broken", event])
    assert rows.features[0].texts.to_pylist() == ["x\u2028y\u2029z\x85"] * 2


def test_half_a_surrogate_pair_is_tolerated_and_counted(tmp_path):
    line = capture_line(capture_event(csv_payload([["PLACE", 1]]))).replace("PLACE", "x\\ud800y")
    (rows,) = read(tmp_path, [line, capture_event(GOOD)])
    assert rows.count == 3
    assert rows.features[0].texts.to_pylist()[0] == "x\ufffdy"
    assert rows.tolerated.total() == 1
    assert rows.rejects.count == 0


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_a_number_that_json_does_not_have_is_text_and_its_payload_is_counted(tmp_path, value):
    payloads = [
        '{"a": [1, %s], "b": [2, 3]}',
        '[{"a": 1, "b": 2}, {"a": %s, "b": 3}]',
        '{"a": 1, "b": 2}\n{"a": %s, "b": 3}',
    ]
    for i, text in enumerate(payloads):
        events = [
            capture_event(Payload(text % value, "JSON", "application/json")),
            capture_event(json_payload([[5, 6]])),
        ]
        (rows,) = read(tmp_path / str(i), events)
        assert rows.features[0].kinds.tolist() == [0, 0, 2, 0, 1]
        assert rows.features[0].texts.drop_null().to_pylist() == [value.replace("1e400", "Infinity")]
        assert rows.count == 3
        assert rows.tolerated.total() == 1


def test_ragged_rows_are_refused_by_width_and_the_others_keep_their_index(tmp_path):
    given = Payload("1,2\n3\n5,6,7\n8,9", "CSV", "text/csv")
    answers = csv_payload([["w"], ["x"], ["y"], ["z"]])
    (rows,) = read(
        tmp_path,
        [capture_event(GOOD, csv_payload([["u"], ["v"]])), capture_event(given, answers)],
        schema(*NAMES, prediction=0),
    )
    assert rows.features[0].numbers.tolist() == [1, 3, 1, 8]
    assert rows.prediction.texts.to_pylist() == ["u", "v", "w", "z"]
    assert rows.payload_index.tolist() == [0, 1, 0, 3]
    assert rows.events.records.tolist() == [2, 2]
    assert rows.rejects.by_reason == {reasons.WRONG_WIDTH: 2}
    assert rows.rejects.widths == {1: 1, 3: 1}
    assert [reject.line for reject in rows.rejects.located] == [2]


def test_rows_that_are_all_too_short_leave_their_width(tmp_path):
    (rows,) = read(tmp_path, [capture_event(Payload("1\n2\n3", "CSV", "text/csv"))] * 2)
    assert rows.count == 0
    assert rows.rejects.widths == {1: 6}
    assert rows.events.records.tolist() == [0, 0]


def test_lists_of_a_wrong_length_are_refused_by_width(tmp_path):
    (rows,) = read(tmp_path, [capture_event(json_payload([[1, 2], [3], [4, 5, 6], [7, 8]]))])
    assert rows.features[1].numbers.tolist() == [2, 8]
    assert rows.payload_index.tolist() == [0, 3]
    assert rows.rejects.widths == {1: 1, 3: 1}


def test_an_event_whose_sides_differ_in_number_is_refused_with_all_its_records(tmp_path):
    answer = json_payload([{"label": 1}])
    events = [capture_event(GOOD, answer), capture_event(csv_payload([[5, 6]]), answer, inference_id="good")]
    (rows,) = read(tmp_path, events, schema(*NAMES, prediction="label"))
    assert rows.features[0].numbers.tolist() == [5]
    assert rows.events.ids == ("good",)
    assert rows.rejects.by_reason == {reasons.COUNTS_DIFFER: 2}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (Payload('{"a": [1, 2], "b": [3]}', "JSON", "application/json"), reasons.UNEVEN_COLUMNS),
        (Payload('{"a": {"0": 1}, "b": {"1": 3}}', "JSON", "application/json"), reasons.UNEVEN_COLUMNS),
        (Payload('{"a": [1, 2', "JSON", "application/json"), reasons.MALFORMED_JSON),
        (Payload('{"a": 1, "b": 2}\n{"a": 1', "JSON", "application/jsonlines"), reasons.MALFORMED_JSON),
        (Payload('[{"a": 1, "b": 2}, 7]', "JSON", "application/json"), reasons.MIXED_RECORDS),
        (Payload("", "JSON", "application/json"), reasons.EMPTY_PAYLOAD),
        (Payload("\n", "CSV", "text/csv"), reasons.EMPTY_PAYLOAD),
        (Payload('1,"2', "CSV", "text/csv"), reasons.MALFORMED_CSV),
        (None, reasons.NO_INPUT),
    ],
)
@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_faulty_payload_costs_one_event(tmp_path, given, reason, position):
    events = [capture_event(GOOD)] * 2
    events.insert(position, capture_event(given, csv_payload([[1]])))
    chunks = read(tmp_path, events)
    rejects = rejects_of(chunks)
    assert sum(rows.count for rows in chunks) == 4
    assert rejects.by_reason == {reason: 1}
    assert [reject.line for reject in rejects.located] == [position + 1]


def test_bytes_that_are_no_text_are_a_reject(tmp_path):
    event = capture_event(GOOD)
    event["captureData"]["endpointInput"] |= {"encoding": "BASE64", "data": "//79"}
    rejects = rejects_of(read(tmp_path, [event, capture_event(GOOD)]))
    assert rejects.by_reason == {reasons.NOT_TEXT: 1}


def test_an_event_without_a_response_has_no_prediction(tmp_path):
    events = [capture_event(GOOD, csv_payload([["x"], ["y"]])), capture_event(GOOD)]
    chunks = read(tmp_path, events, schema(*NAMES, prediction=0))
    assert [rows.count for rows in chunks] == [2, 2]
    assert [rows.prediction is None for rows in chunks] == [False, True]
    assert rejects_of(chunks).count == 0


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("form", ["CSV", "JSON rows", "JSON objects"])
def test_an_event_without_a_response_costs_itself_where_responses_are_features(tmp_path, form, position):
    """Without a payload mapping a record is its response's values and its request's."""
    payload = {
        "CSV": lambda names, rows: csv_payload(rows),
        "JSON rows": lambda names, rows: json_payload(rows),
        "JSON objects": lambda names, rows: json_payload(objects_of(names, rows)),
    }[form]
    given, answer = payload(NAMES, [[1, 2], [3, 4]]), payload(("p",), [[0.5], [0.25]])
    events = [capture_event(given, answer)] * 2
    events.insert(position, capture_event(given))
    chunks = read(tmp_path, events, replace(schema("p", *NAMES), is_positional=True, outputs=1))
    assert [rows.features[0].numbers.tolist() for rows in chunks if rows.count] == [[0.5, 0.25, 0.5, 0.25]]
    assert sum(rows.count for rows in chunks) == 4
    assert rejects_of(chunks).by_reason == {reasons.NO_OUTPUT: 2}
    assert [reject.line for reject in rejects_of(chunks).located] == [position + 1]


def test_a_response_with_too_few_values_costs_its_record(tmp_path):
    answer = Payload("x,0.5\ny\nz,0.25", "CSV", "text/csv")
    (rows,) = read(
        tmp_path, [capture_event(csv_payload([[1, 2], [3, 4], [5, 6]]), answer)], schema(*NAMES, prediction=0, score=1)
    )
    assert rows.features[0].numbers.tolist() == [1, 5]
    assert rows.score.numbers.tolist() == [0.5, 0.25]
    assert rows.payload_index.tolist() == [0, 2]
    assert rows.rejects.by_reason == {reasons.WRONG_OUTPUT_WIDTH: 1}


def test_only_the_first_rejects_are_located_in_the_order_of_the_lines(tmp_path):
    events = ["broken" if i % 2 else capture_event(None) for i in range(3 * LOCATED_REJECTS)]
    rejects = rejects_of(read(tmp_path, [*events, capture_event(GOOD)]))
    assert rejects.count == 3 * LOCATED_REJECTS
    assert [reject.line for reject in rejects.located] == list(range(1, LOCATED_REJECTS + 1))


@pytest.mark.parametrize("unit_bytes", [200, 3000, 1 << 20])
def test_a_ragged_payload_is_located_once_for_each_reason_however_the_file_is_cut(tmp_path, unit_bytes):
    """Many records of one payload would leave no place for the lines after it."""
    ragged = capture_event(
        csv_payload([[1]] * 15 + [[1, 2]] * 2), csv_payload([["x"]] * 15 + [["y"]] * 2), event_id="e"
    )
    events = [ragged, ragged, "broken", capture_event(GOOD, event_id="e"), ragged]
    write_capture(tmp_path, events, name="one.jsonl")
    rejects = rejects_of(read_all(capture_job(tmp_path, schema(*NAMES, prediction=0)), unit_bytes))
    assert rejects.by_reason == {reasons.WRONG_WIDTH: 45, reasons.NOT_JSON: 1}
    assert [(reject.line, reject.reason) for reject in rejects.located] == [
        (1, reasons.WRONG_WIDTH),
        (2, reasons.WRONG_WIDTH),
        (3, reasons.NOT_JSON),
        (5, reasons.WRONG_WIDTH),
    ]


def test_lines_are_counted_across_the_cuts_of_a_file(tmp_path):
    events = ["broken" if i in (7, 40, 93) else capture_event(GOOD, event_id="e") for i in range(100)]
    write_capture(tmp_path, events, name="one.jsonl")
    for unit_bytes in (200, 777, 5000):
        rejects = rejects_of(read_all(capture_job(tmp_path, SCHEMA), unit_bytes))
        assert [reject.line for reject in rejects.located] == [8, 41, 94]


def test_a_damaged_compressed_file_gives_what_can_be_read_and_one_reject(tmp_path):
    path = write_capture(tmp_path, [capture_event(GOOD, event_id=str(i)) for i in range(2000)], is_gzip=True)
    path.write_bytes(path.read_bytes()[:-2000])
    chunks = read_all(capture_job(tmp_path, SCHEMA))
    assert "compressed file is damaged" in rejects_of(chunks).by_reason
    assert rejects_of(chunks).count <= 2


def test_no_reject_repeats_a_value(tmp_path):
    secret = "4929-1234"
    given = [Payload(secret, "CSV", "text/csv"), Payload(f'{{"a": ["{secret}"', "JSON", "application/json")]
    given += [Payload(f'["{secret}"]', "JSON", "application/json"), Payload(f'1,"{secret}', "CSV", "text/csv")]
    chunks = read(tmp_path, [capture_event(payload) for payload in given] + [f'{{"captureData": "{secret}"}}'])
    assert rejects_of(chunks).count == 5
    assert secret not in str(rejects_of(chunks))


def test_keys_that_are_absent_and_keys_that_nobody_asked_for_are_counted(tmp_path):
    objects = [{"a": 1, "b": 2}, {"a": 1}, {"a": 1, "b": None, "c": 3}, {"a": 1, "b": 2, "c": 4, "d": {"e": 5}}]
    for i, payload in enumerate([json_payload(objects), json_lines_payload(objects)]):
        chunks = read(tmp_path / str(i), [capture_event(payload)] * 3)
        assert sum((rows.absent for rows in chunks), start=chunks[0].absent.__class__()) == {"b": 3}
        assert sum((rows.extra for rows in chunks), start=chunks[0].extra.__class__()) == {"c": 6, "d": 3}
        assert chunks[0].features[1].kinds[Kind.NULL] == 6


def test_unclaimed_keys_of_refused_records_are_not_counted(tmp_path):
    good, bad = json_payload([{"a": 1, "b": 2, "c": 3}]), json_payload([{"a": 1, "c": 3}] * 2)
    answer = csv_payload([["x"]])
    events = [capture_event(good, answer), capture_event(bad, answer), capture_event(good, answer)]
    (rows,) = read(tmp_path, events, schema(*NAMES, prediction=0))
    assert rows.extra == {"c": 2}
    assert not rows.absent


@pytest.mark.parametrize("layout", ["columns", "indexed", "objects"])
def test_a_column_absent_from_a_whole_window_is_absent_in_every_record(tmp_path, layout):
    payloads = {
        "columns": {"a": [1, 2], "z": [0, 0]},
        "indexed": {"a": {"0": 1, "1": 2}, "z": {"0": 0, "1": 0}},
        "objects": objects_of(("a", "z"), [(1, 0), (2, 0)]),
    }
    for _ in range(2):  # the second time by the keys learned the first time
        (rows,) = read(tmp_path, [capture_event(json_payload(payloads[layout]))] * 2)
        assert rows.absent == {"b": 4}
        assert rows.extra == {"z": 4}
        assert rows.features[0].numbers.tolist() == [1, 2, 1, 2]


@pytest.mark.parametrize("reader", ["compiled", "python"])
def test_an_event_with_an_id_of_more_than_1024_bytes_is_one_reject(tmp_path, monkeypatch, request, reader):
    if reader == "compiled":
        request.getfixturevalue("native")
    else:
        monkeypatch.setattr(native, "_native", None)
    events = [capture_event(GOOD, inference_id="é" * size) for size in (64, 512, 513)]
    (rows,) = read(tmp_path, events)
    assert rows.count == 4
    assert rows.rejects.by_reason == {"inference id of more than 1,024 bytes": 1}
    assert [reject.line for reject in rows.rejects.located] == [3]
