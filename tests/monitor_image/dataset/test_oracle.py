"""The reader against an independent slow one, on random payloads full of odd literals."""

import json
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from model_monitor.schema import Feature, FeatureType
from tests.builders import (
    START,
    Payload,
    capture_event,
    capture_job,
    columns_of,
    json_lines_payload,
    json_payload,
    objects_of,
    read_all,
    schema,
    write_capture,
)
from tests.effort import examples
from tests.monitor_image.dataset.oracle import cell_of_json, cell_of_text, expected_table, table_of

ODD = [
    "37",
    "37.0",
    "-5",
    "+5",
    " 7",
    "7 ",
    "  7",
    "- 5",
    "00501",
    "-0",
    "0x1F",
    "1_000",
    "1.",
    ".5",
    "-.5",
    "1e5",
    "1.5E-3",
]
ODD += [
    "1.e5",
    "5e",
    "e5",
    "1e+5",
    "1-2",
    "1.2.3",
    "--5",
    "1e400",
    "-1e400",
    "1e-400",
    "NaN",
    "nan",
    "inf",
    "-Infinity",
]
ODD += ["N/A", "NULL", "null", "None", "true", "false", "True", "2024-01-01", "12:30", "9223372036854775807"]
ODD += ["9223372036854775808", "-9223372036854775808", "9" * 30, "9" * 400, "a,b", 'say "no"', "two\nlines", "\u2028"]
ODD += [
    "\tx",
    "\u0663",
    "é",
    "'",
    ";",
    "#N/A",
    "0X1f",
    "x" * 40,
    "\ufeff",
    "7\t",
    "-",
    "+",
    "E",
    ".",
    "1,5",
    "[1]",
    "{}",
]

literals = st.one_of(
    st.none(),
    st.just(""),
    st.sampled_from(ODD),
    st.integers(-(10**6), 10**6).map(str),
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.text(alphabet=st.characters(exclude_characters="\r\x00", exclude_categories=["Cs"]), max_size=4),
)
values = st.one_of(
    literals,
    st.integers(-(10**6), 10**6),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([float("nan"), float("inf"), float("-inf")]),
    st.booleans(),
)
plain = st.one_of(st.none(), st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6), st.sampled_from(["x", "y", "37"]))
column_types = st.sampled_from(
    [literals, st.integers(0, 9).map(str), st.floats(-9, 9).map(repr), st.sampled_from(["x", "y"])]
)
is_text_flags = st.lists(st.booleans(), min_size=4, max_size=4)


def declared(width, texts):
    return schema(*(Feature(f"f{i}", FeatureType.STRING if texts[i] else None) for i in range(width)))


def csv_line(row, quotes):
    return ",".join(map(csv_field, row, quotes))


def csv_field(text, is_quoted):
    if text is None:
        return ""
    must = text == "" or any(c in text for c in ',"\n') or is_quoted
    return '"' + text.replace('"', '""') + '"' if must else text


@st.composite
def csv_events(draw):
    """Payloads as rows of literals, with the text that writes them."""
    width = draw(st.integers(1, 4))
    cells = st.tuples(*(draw(column_types) for _ in range(width)))
    payloads = draw(st.lists(st.lists(cells, min_size=1, max_size=4), min_size=1, max_size=8))
    texts = []
    for rows in payloads:
        if rows[0] == (None,) or rows[-1] == (None,):  # blank lines around a payload are no records
            rows[:] = [("1",), *rows, ("2",)]
        quotes = draw(st.lists(st.booleans(), min_size=width, max_size=width))
        end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
        texts.append(end.join(csv_line(row, quotes) for row in rows) + draw(st.sampled_from(["", end])))
    return width, payloads, texts


@given(csv_events(), is_text_flags)
@settings(max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_csv_is_read_as_the_slow_reader_reads_it(generated, texts):
    width, payloads, lines = generated
    events = [capture_event(Payload(text, "CSV", "text/csv"), inference_id=str(i)) for i, text in enumerate(lines)]
    expected = {
        (str(i), j): [cell_of_text(text, is_text=texts[k]) for k, text in enumerate(row)]
        for i, rows in enumerate(payloads)
        for j, row in enumerate(rows)
    }
    with tempfile.TemporaryDirectory() as folder:
        write_capture(Path(folder), events)
        assert table_of(read_all(capture_job(Path(folder), declared(width, texts)))) == expected_table(expected)


LAYOUTS = {
    "objects": lambda names, rows: json_payload(objects_of(names, rows)),
    "lists": lambda names, rows: json_payload([list(row) for row in rows]),
    "columns": lambda names, rows: json_payload(columns_of(names, rows)),
    "indexed": lambda names, rows: json_payload(
        {name: {str(i): v for i, v in enumerate(column)} for name, column in columns_of(names, rows).items()}
    ),
    "container": lambda names, rows: json_payload({"instances": objects_of(names, rows)}),
    "lines": lambda names, rows: json_lines_payload(objects_of(names, rows)),
}


@st.composite
def json_events(draw):
    """Payloads as rows of JSON values, each with a layout; some batches have one layout alone."""
    width = draw(st.integers(2, 4))
    cells = st.tuples(*(draw(st.sampled_from([values, plain, st.integers(0, 9)])) for _ in range(width)))
    payloads = draw(st.lists(st.lists(cells, min_size=1, max_size=4), min_size=1, max_size=8))
    one = draw(st.sampled_from(sorted(LAYOUTS)))
    is_mixed = draw(st.booleans())
    layouts = [draw(st.sampled_from(sorted(LAYOUTS))) if is_mixed else one for _ in payloads]
    return width, payloads, layouts


@given(json_events(), is_text_flags)
@settings(max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_json_is_read_as_the_slow_reader_reads_it(generated, texts):
    width, payloads, layouts = generated
    names = [f"f{i}" for i in range(width)]
    events = [
        capture_event(LAYOUTS[layout](names, rows), inference_id=str(i))
        for i, (rows, layout) in enumerate(zip(payloads, layouts, strict=True))
    ]
    expected = {
        (str(i), j): [cell_of_json(value, is_text=texts[k]) for k, value in enumerate(row)]
        for i, rows in enumerate(payloads)
        for j, row in enumerate(rows)
    }
    with tempfile.TemporaryDirectory() as folder:
        write_capture(Path(folder), events)
        assert table_of(read_all(capture_job(Path(folder), declared(width, texts)))) == expected_table(expected)


BROKEN_LINES = ["", "  ", "{", "null", "[]", '{"captureData": 3}', '{"eventMetadata": {}}', "\ufeff", "\u2028"]


@given(csv_events(), st.lists(st.integers(0, 3), min_size=8, max_size=8), st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_same_events_in_other_files_and_units_give_the_same_table(generated, owners, data):
    width, _, lines = generated
    events = [
        capture_event(Payload(text, "CSV", "text/csv"), inference_id=str(i), time=START + timedelta(seconds=i))
        for i, text in enumerate(lines)
    ]
    broken = data.draw(st.lists(st.sampled_from(BROKEN_LINES), max_size=3))
    declared_schema = declared(width, [False] * 4)
    tables = []
    for unit_bytes, files in ((1 << 24, [events + broken]), (300, [[], [], [], []])):
        if len(files) > 1:
            for event, owner in zip(events, owners, strict=False):
                files[owner].append(event)
            files[0] = broken + files[0]
        with tempfile.TemporaryDirectory() as folder:
            for number, part in enumerate(files):
                write_capture(Path(folder), part, name=f"{number}.jsonl", is_gzip=number == 2)
            tables.append(table_of(read_all(capture_job(Path(folder), declared_schema), unit_bytes)))
    assert tables[0] == tables[1]


@pytest.mark.parametrize("literal", ODD)
def test_an_odd_literal_is_classified_alone_and_among_integers(tmp_path, literal):
    rows = [[literal if i == 50 else str(i)] for i in range(100)]
    text = "\n".join(csv_field(row[0], False) for row in rows)
    write_capture(tmp_path, [capture_event(Payload(text, "CSV", "text/csv"), inference_id="0")])
    expected = {("0", i): [cell_of_text(row[0])] for i, row in enumerate(rows)}
    assert table_of(read_all(capture_job(tmp_path, schema("only")))) == expected_table(expected)


def test_a_plan_made_on_one_window_does_not_change_the_next(tmp_path):
    kinds = [["1", "2"], ["1.5", "2"], ["x", "x"], ["1", "2"], [" 7", "8"], ["true", "0"], ["x", "1.5"], ["1", "2"]]
    for i, column in enumerate(kinds):
        write_capture(
            tmp_path / str(i), [capture_event(Payload("\n".join(column), "CSV", "text/csv"), inference_id="0")]
        )
        expected = {("0", j): [cell_of_text(text)] for j, text in enumerate(column)}
        table = table_of(read_all(capture_job(tmp_path / str(i), schema("planned"))))
        assert table == expected_table(expected), json.dumps(column)
