"""JSON payloads by the compiled reader against the careful Python one, on what endpoints write and on what they should not."""

from __future__ import annotations

import json
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from model_monitor.dataset.fields import Field, Side
from model_monitor.dataset.formats import json_fast
from model_monitor.dataset.formats.json import load, read_json, records_of
from model_monitor.dataset.records import Records
from model_monitor.dataset.texts import Texts
from tests.native_records import assert_same, in_python

pytestmark = pytest.mark.usefixtures("native")

NUMBERS = [
    "0",
    "7",
    "-3",
    "-0",
    "-0.0",
    "37.0",
    "-0.5",
    "1e5",
    "1.5E-3",
    "2E+2",
    "123456789012345678",
    "0.1234567890123456",
]
EDGES = [
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "9007199254740993",
    "1" * 40,
    "1e308",
    "4.9e-324",
]
ODD = [
    "1e400",
    "1e-400",
    "1e-9999",
    "0e9999",
    "1" * 400,
    "01",
    "1.",
    ".5",
    "+1",
    "-",
    "1e",
    "NaN",
    "-Infinity",
    "Infinity",
    "nul",
]
WORDS = [
    "",
    "true",
    "12",
    "-7.50",
    "+4",
    "1e400",
    "9007199254740993",
    "é",
    "日本",
    "😀",
    "x" * 90,
    'a"b',
    "a\\b",
    "a/b",
    "\x00\n",
]
STRINGS = st.one_of(
    st.sampled_from(WORDS).map(json.dumps),
    st.sampled_from(WORDS).map(partial(json.dumps, ensure_ascii=False)),
    st.sampled_from(['"\\ud83d\\ude00"', '"\\u00e9\\/"', '"\\ud800"', '"\\x"', '"a\tb"', '"open', '"\\u12"']),
)
NESTED = st.sampled_from(["[]", "{}", '{"a": 1}', "[1, [2]]", "[1e999]", '["5e", 5]'])
PLAIN = st.one_of(
    st.sampled_from(["0", "1"]),
    st.sampled_from(["0.25", "12", "null", "true", "false", '"word"', '"other"']),
    st.sampled_from(NUMBERS + EDGES),
    st.integers(-(10**20), 10**20).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)
VALUES = st.one_of(PLAIN, PLAIN, PLAIN, STRINGS, st.sampled_from(ODD), NESTED)
BLANKS = st.sampled_from(["", "", " ", "\t", "  "])
KEYS = st.lists(st.sampled_from(["a", "b", "long name", "é", "z", "other", "\\u0061"]), max_size=5)
TIDY = st.just(["a", "b", "long name", "é"])


def fields(*texts: str) -> tuple[Field, ...]:
    return tuple(Field(key, i, is_text=key in texts) for i, key in enumerate(("a", "b", "long name", "é")))


SIDES = [
    Side(fields(), 4),
    Side(fields("b"), None, is_closed=False),
    Side((*fields(), Field("a", 0, is_text=True), Field("a", 0)), 4),
    Side(fields("a"), 4, records="z"),
    Side(fields()[:1], None, records="no.key", is_closed=False),
    Side(fields()[:1], 6),
]


@st.composite
def objects(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    """An object, with keys twice or missing and blanks where they may be."""
    keys = draw(st.one_of(TIDY, TIDY, KEYS))
    comma, colon = draw(BLANKS) + "," + draw(BLANKS), draw(BLANKS) + ":" + draw(BLANKS)
    return "{" + comma.join(f'"{key}"{colon}{draw(values)}' for key in keys) + "}"


@st.composite
def lists(draw: st.DrawFn, values: st.SearchStrategy[str], size: int | None = None) -> str:
    size = draw(st.integers(0, 5)) if size is None else size
    return "[" + draw(st.sampled_from([",", ", ", "\n,"])).join(draw(values) for _ in range(size)) + "]"


@st.composite
def columns(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    size = draw(st.integers(0, 4))
    uneven = draw(st.sampled_from([0] * 9 + [1]))
    return draw(objects(lists(values, size) if not uneven else lists(values)))


@st.composite
def payloads(draw: st.DrawFn, *, are_lines: bool = False) -> list[str]:
    """Payloads of mostly one shape, some of them behind a key, some with a character changed."""
    values = draw(st.sampled_from([PLAIN, PLAIN, VALUES]))
    shapes = [
        lists(objects(values)),
        objects(values),
        columns(values),
        lists(lists(values, 4)),
        lists(lists(values)),
        lists(values),
        values,
    ]
    chosen = draw(st.sampled_from(shapes))
    key = draw(st.sampled_from(["", "", "z", "container"]))
    found = []
    for _ in range(draw(st.integers(1, 12))):
        text = draw(chosen if draw(st.integers(0, 9)) else st.sampled_from(shapes).flatmap(lambda shape: shape))
        if are_lines:
            text = "\n".join([text, *draw(st.lists(chosen, max_size=4)), *draw(st.sampled_from([[], [""], [" "]]))])
        elif key and draw(st.integers(0, 9)):
            beside = draw(st.sampled_from(["", "", "", ', "more": 5', f', "{key}": []']))
            text = f'{{"{key}": {text}{beside}}}'
        if draw(st.integers(0, 9)) == 0 and text:
            place = draw(st.integers(0, len(text) - 1))
            text = (
                text[:place]
                + draw(st.sampled_from(['"', ",", "\n", "", "5", "]", "}", "\u00a0", "\\"]))
                + text[place + 1 :]
            )
        found.append(draw(BLANKS) + text + draw(st.sampled_from(["", "\n", " \r\n"])))
    return found


def carefully(texts: list[str], side: Side, expected: np.ndarray | None = None, *, is_lines: bool = False) -> Records:
    """Payload by payload, in Python."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_fast, "read", lambda *_, **__: None)
        return in_python(lambda: read_json(texts, side, expected, is_lines=is_lines))


@pytest.mark.parametrize("side", SIDES)
@settings(deadline=None)
@given(texts=payloads())
@example(texts=['{"a": 1}', '{"a":2, "z": 1}', '{"z":[{"a":5}]}', '{"a":3}'])
@example(texts=['[{"a":1,"b":2}]'] * 9 + ["", '[{"b":1.5, "a": [1]}, {"a":9007199254740993}]', '[{"b":NaN}]'])
def test_payloads_are_read_as_in_python(side: Side, texts: list[str]) -> None:
    assert_same(read_json(texts, side), carefully(texts, side), side)


@pytest.mark.parametrize("side", SIDES[:4])
@settings(deadline=None)
@given(texts=payloads(are_lines=True))
def test_json_lines_are_read_as_in_python(side: Side, texts: list[str]) -> None:
    assert_same(read_json(texts, side, is_lines=True), carefully(texts, side, is_lines=True), side)


@pytest.mark.parametrize("side", [SIDES[0], SIDES[4], SIDES[5], Side(fields()[:1], None)])
@settings(deadline=None)
@given(texts=payloads(), sizes=st.lists(st.integers(0, 5), min_size=12, max_size=12))
@example(texts=["[0.5, 1]", '{"predictions": [1, 2]}', "3", "[4]"], sizes=[2, 1, 1, 1] * 3)
def test_lists_of_values_are_cut_as_in_python(side: Side, texts: list[str], sizes: list[int]) -> None:
    expected = np.array(sizes[: len(texts)], np.int64)
    assert_same(read_json(texts, side, expected), carefully(texts, side, expected), side)


@pytest.mark.parametrize("shape", ["records", "columns", "rows", "lines", "contained"])
def test_what_endpoints_write_needs_no_python(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many more records than there is room for at first, with words, nulls, absent and unclaimed keys."""
    rng = np.random.default_rng(3)
    records: list[dict[str, Any]] = [
        {
            "a": int(rng.integers(0, 3)),
            "b": float(rng.normal()),
            "long name": str(rng.choice(["x", "é", 'q"'])),
            "é": None,
        }
        for _ in range(5000)
    ]
    for place in range(0, 5000, 7):
        records[place] |= {"other": [1, {"b": 2}], "b": None}
        del records[place]["a"]
    groups = [records[i : i + 10] for i in range(0, 5000, 10)]
    texts = {
        "records": [json.dumps(group) for group in groups],
        "columns": [json.dumps({key: [r.get(key) for r in group] for key in ("é", "b", "a")}) for group in groups],
        "rows": [json.dumps([[r.get(key) for key in ("a", "b", "long name", "é")] for r in group]) for group in groups],
        "lines": ["\n".join(json.dumps(r, separators=(",", ":")) for r in group) + "\n" for group in groups],
        "contained": [json.dumps({"instances": group}, ensure_ascii=False) for group in groups],
    }[shape]
    expected = carefully(texts, SIDES[0], is_lines=shape == "lines")
    monkeypatch.setattr(json_fast, "read", None)
    monkeypatch.setattr("model_monitor.dataset.formats.json._read_carefully", None)
    for given_texts in (texts, Texts.of(texts)):
        assert_same(read_json(given_texts, SIDES[0], is_lines=shape == "lines"), expected, SIDES[0])


def test_one_odd_payload_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = (
        ['[{"a": 1, "b": "x"}]'] * 20
        + ['[{"a": 2, "a": 3}, {"b": {"deep": 1}, "z": 1}]', "[", '[{"a": 1e400}]']
        + ['[{"b":4}]'] * 20
    )
    expected = carefully(texts, SIDES[0])
    monkeypatch.setattr(json_fast, "read", None)
    found = read_json(texts, SIDES[0])
    assert_same(found, expected, SIDES[0])
    assert found.faults == {21: "malformed JSON payload"}


def test_more_unclaimed_keys_than_are_noted_are_left_to_python() -> None:
    texts = [json.dumps({"a": 1} | {f"k{i}": i for i in range(first, first + 100)}) for first in range(0, 5000, 100)]
    assert_same(read_json(texts, SIDES[0]), carefully(texts, SIDES[0]), SIDES[0])
    side = Side(fields(), 4, is_closed=False)
    assert_same(read_json(texts, side), carefully(texts, side), side)


def test_deep_values_end_no_process() -> None:
    texts = ['{"a": 1, "z": ' + "[" * depth + "]" * depth + "}" for depth in (3, 60, 70, 100_000)]
    found, expected = read_json(texts, SIDES[0]), carefully(texts, SIDES[0])
    assert_same(found, expected, SIDES[0])
    assert found.faults == {3: "malformed JSON payload"}


def test_arguments_that_do_not_belong_together_are_refused(native: ModuleType) -> None:
    texts = (b"{}", np.array([0, 2], np.int64))
    for shape, keys, places, needed, expected in (
        (0, [b"a"], [(1, False)], 1, None),
        (1, [b"a"], [(1, False)], 1, None),
        (9, [b"a"], [(0, False)], 1, None),
        (0, [b"a", b"b"], [(0, False)], 1, None),
        (0, [b"a"], [(0, False)] * 3, 1, None),
        (0, [b"a"], [], 1, None),
        (0, [b"a"], [(0, False)], 1, np.zeros(5, np.int64)),
    ):
        with pytest.raises(ValueError, match="belong together"):
            native.read_json(texts, shape, None, True, True, keys, places, -1, True, needed, expected)


def test_shapes_that_are_tested_are_the_shapes_there_are() -> None:
    """The careful reader is the measure: what it makes of each example is a record of its own kind."""
    found = [records_of(load(text)[0], SIDES[0]).shape.value for text in ('[{"a":1}]', '{"a":[1]}', "[[1]]", "[1]")]
    assert found == ["objects", "columns", "rows", "rows"]
