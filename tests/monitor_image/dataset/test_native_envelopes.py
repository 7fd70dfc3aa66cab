"""Lines of capture files by the compiled reader against the Python one, on what the service writes and on damage."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from model_monitor.dataset import native
from model_monitor.dataset.formats import capture_json
from model_monitor.dataset.formats.capture_json import Lines, decode_blocks
from model_monitor.dataset.sides import Sides
from model_monitor.dataset.texts import Texts
from tests.effort import examples

pytestmark = pytest.mark.usefixtures("native")

SIDE = b'{"endpointInput":{"data":"1"}}'
ALIKE = b'{"captureData":{"endpointInput":{"data":"%s","encoding":"CSV"}},"eventMetadata":{"eventId":"%s"}}\n'
TEXTS = st.one_of(
    st.sampled_from(
        ["", "1,2\n3,4", '{"a": "b\\n"}', "é\u2028日本😀", "\x00\x7f\x1f\t", "x" * 70 + '"', "\\" * 9, "a/b"]
    ),
    st.text(max_size=12),
    st.text(alphabet='ab"\\\n\t,é😀', max_size=200),
)
NAMES = st.one_of(st.none(), TEXTS, st.sampled_from(["CSV", "JSON", "BASE64", "text/csv", "application/json"]))
TIMES = st.sampled_from([None, "2020-01-01T00:00:01Z", "2020-01-01T00:00:02.5Z", "now", ""])
OTHERS: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)


def _objects(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """With some of the optional keys and an unknown one, in any order."""
    known = st.fixed_dictionaries(required, optional=optional | {"other": OTHERS})
    return known.flatmap(lambda found: st.permutations(list(found.items())).map(dict))


SIDES = _objects({"data": TEXTS}, {"encoding": NAMES, "observedContentType": NAMES, "mode": st.just("INPUT")})
EVENTS = _objects(
    {"captureData": _objects({}, {"endpointInput": st.none() | SIDES, "endpointOutput": st.none() | SIDES})},
    {
        "eventMetadata": _objects(
            {}, {"eventId": st.none() | TEXTS, "inferenceId": st.none() | TEXTS, "inferenceTime": TIMES}
        ),
        "eventVersion": st.just("0"),
    },
)


@st.composite
def usual_lines(draw: st.DrawFn) -> bytes:
    """An event as one JSON writer or another would write it."""
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), ("\t,", " : ")]))
    text = json.dumps(draw(EVENTS), ensure_ascii=draw(st.booleans()), separators=separators)
    return text.replace("/", draw(st.sampled_from(["/", "\\/"]))).encode() + draw(st.sampled_from([b"", b"\r", b" "]))


PIECES = [
    b"",
    b'"',
    b"\\",
    b"\\u12",
    b"\\ud83d",
    b"\x00",
    b"\x1f",
    b"\x80",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
    b"\xf4\x90\x80\x80",
]
PIECES += [
    b"\n",
    b"\r",
    b"\x0b",
    b"\x0c",
    b"\xe2\x80\xa8",
    b"\xef\xbb\xbf",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"0",
    b"-",
    b".",
]
PIECES += [
    b"e9",
    b"null",
    b"NaN",
    b"1e999",
    b'"data":"2",',
    b'"endpointInput":null,',
    b'"eventMetadata":{},',
    b'"\\u0064ata":"3",',
]


@st.composite
def damaged_lines(draw: st.DrawFn) -> bytes:
    """A line with a piece cut out or put in."""
    line = draw(usual_lines())
    start = draw(st.integers(0, len(line)))
    return line[:start] + draw(st.sampled_from(PIECES)) + line[start + draw(st.integers(0, 3)) :]


@st.composite
def alike_lines(draw: st.DrawFn) -> bytes:
    """Events of one client, the same but for their texts; some are damaged or change their form."""
    names = [f"<{i}>" for i in range(5)]
    data, answer, key, time, version = names
    event = {
        "captureData": {
            "endpointInput": {"data": data, "encoding": draw(NAMES)},
            "endpointOutput": {"mode": "OUTPUT", "data": answer, "observedContentType": "text/csv"},
        },
        "eventMetadata": {draw(st.sampled_from(["eventId", "inferenceId", "other"])): key, "inferenceTime": time},
        "eventVersion": version,
    }
    pattern = json.dumps(event)
    lines: list[bytes] = []
    for _ in range(draw(st.integers(2, 5))):
        line = pattern
        for name in names:
            text = "0" if name == version else draw(TEXTS)
            line = line.replace(f'"{name}"', json.dumps(text, ensure_ascii=draw(st.booleans())))
        content = line.encode()
        if draw(st.integers(0, 4)) == 0:
            start = draw(st.integers(0, len(content)))
            content = content[:start] + draw(st.sampled_from(PIECES)) + content[start + draw(st.integers(0, 2)) :]
        lines.append(content + draw(st.sampled_from([b"", b"", b"\r", b" \n"])))
    return b"\n".join(lines)


BLANKS = st.sampled_from([b"", b" ", b"\t\r", b"\x0c", b"\xef\xbb\xbf"])
BLOCKS = st.lists(st.one_of(usual_lines(), alike_lines(), damaged_lines(), BLANKS), max_size=5).map(b"\n".join)


def _side(sides: Sides) -> list[tuple[str, object]]:
    codes = [0] * len(sides.texts) if sides.codes is None else sides.codes.tolist()
    return [(text, sides.declared[code]) for text, code in zip(sides.texts, codes, strict=True)]


def _columns(lines: Lines) -> tuple[object, ...]:
    numbers = lines.times.tolist(), lines.numbers.tolist(), lines.counts.tolist()
    assert {array.dtype for array in (lines.times, lines.numbers, lines.counts)} == {np.dtype(np.int64)}
    return (
        lines.keys,
        _side(lines.inputs),
        _side(lines.outputs),
        numbers,
        lines.bad.first(len(lines.bad)),
        lines.tolerated,
    )


def _in_python(blocks: list[bytes]) -> Lines:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "_native", None)
        return decode_blocks(blocks)


@settings(deadline=None, max_examples=examples(120))
@given(st.lists(BLOCKS, max_size=3))
@example([])
@example([b"", b"\n\n", b'{"captureData":{}}'])
@example([b'{"captureData":{}}{"captureData":{}}\n\n'])
@example([b'\n{"captureData":{}}{"captureData":{}}'])
@example([b'{"captureData":{},"x":[{}\n,{}]}{"captureData":{}}\n'])
@example([ALIKE % (b"1", b"a") + ALIKE % (b"2", b"b") + ALIKE[:-3] % (b"3", b"c"), ALIKE % (b"4", b"d")])
@example([ALIKE % (b"1", b"a") + ALIKE % (b"2", b"b\\n") + ALIKE % (b"\\ud800", b"c") + ALIKE % (b"4", b"d")])
@example([ALIKE % (b"1", b"a") + (ALIKE % (b"2", b"b")).replace(b"CSV", b"JSON") + ALIKE % (b"3", b"c")])
@example([ALIKE % (b"1", b"a") + (ALIKE % (b"2", b"b"))[:-1] + ALIKE % (b"3", b"c") + b"{}"])
@example([b'{"captureData":{},"x":' + b"[" * 70 + b"]" * 70 + b"}"])
def test_blocks_are_read_as_in_python(blocks: list[bytes]) -> None:
    assert _columns(decode_blocks(blocks)) == _columns(_in_python(blocks))


@settings(deadline=None, max_examples=examples(100))
@given(st.lists(usual_lines(), min_size=1, max_size=5))
def test_what_the_service_writes_needs_no_python(lines: list[bytes]) -> None:
    *_, odd = native.read_envelopes([b"\n".join(lines)])
    assert odd == b""


@pytest.mark.parametrize(
    "line",
    [
        b'{"captureData":{"endpointInput":{"data":1}}}',
        b'{"captureData":{"endpointInput":{"data":null}}}',
        b'{"captureData":{"endpointInput":{}}}',
        b'{"captureData":{"endpointInput":{"data":"1","encoding":1}}}',
        b'{"captureData":null}',
        b'{"captureData":{},"eventMetadata":null}',
        b'{"captureData":{},"eventMetadata":{"eventId":1}}',
        b'{"captureData":{},"eventMetadata":{"inferenceId":1.5}}',
        b'{"captureData":{},"eventMetadata":{"inferenceTime":1}}',
        b'{"captureData":{},"captureData":' + SIDE + b"}",
        b'{"captureData":{"endpointInput":{"data":"1","data":"2"}}}',
        b'{"captureData":{"endpointInput":{"data":"1"},"endpointInput":null}}',
        b'{"capture\\u0044ata":' + SIDE + b"}",
        b'{"captureData":' + SIDE + b',"x":NaN}',
        b'{"captureData":' + SIDE + b',"x":"\xff"}',
        b'{"captureData":' + SIDE + b',"x":"\\ud800"}',
        b'{"captureData":' + SIDE + b',"\xff":01}',
        b'{"captureData":' + SIDE + b',"x":1.}',
        b'{"captureData":{"endpointInput":{"data":"\\ud83d"}}}',
        b'{"captureData":{"endpointInput":{"data":"\\ud83dx\\ude00"}}}',
        b'{"captureData":{"endpointInput":{"data":"' + b"\xf0\x9f\x98\x80" * 40 + b'\xf0\x9f\x98"}}}',
        b'{"captureData":{"endpointInput":{"data":"' + b"a" * 63 + b'\\"\\\\" }}}',
        b'{"captureData":{"endpointInput":{"data":"' + b"a" * 62 + b"\\n\\u00e9" + b"b" * 200 + b'"}}}',
        b'{"captureData":{"endpointInput":{"data":"' + b'\\"' * 200 + b'"}}}',
        b'\xef\xbb\xbf{"captureData":' + SIDE + b"}",
        b"[]",
        b"{}",
        b"null",
        b"{",
        b'{"captureData":' + SIDE + b",}",
        b'{"captureData":' + SIDE,
        b'{"captureData":{"endpointInput":{"data":"1',
        b'{"captureData":{"endpointInput":{"data":"1\\',
        b'{"captureData":{"endpointInput":{"data":"1\\u00',
        b'{"captureData":{},"x":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
    ids=lambda line: line[:60].decode("ascii", "backslashreplace"),
)
def test_an_unusual_line_is_judged_by_python_and_costs_no_other(line: bytes) -> None:
    good = b'{"captureData":{"endpointInput":{"data":"good"}},"eventMetadata":{"eventId":"good"}}'
    blocks = [b"\n".join([good, line, good, b""]), good]
    found = _columns(decode_blocks(blocks))
    assert found == _columns(_in_python(blocks))
    assert isinstance(found[0], list)
    assert found[0].count("good") == 3


def test_a_text_is_never_cut_or_mixed_whatever_its_length() -> None:
    """Sizes around those of the blocks that are read at once, with an escape and a letter beyond ASCII at every place."""
    words = [
        "a" * size + end + "b" * rest for size in range(130) for end in ('"', "é", "\n", "\x01") for rest in (0, 3, 129)
    ]
    lines = [json.dumps({"captureData": {"endpointInput": {"data": word}}}, ensure_ascii=False) for word in words]
    found = decode_blocks(["\n".join(lines).encode()])
    assert isinstance(found.inputs.texts, Texts)
    assert list(found.inputs.texts) == words


def test_python_decodes_all_where_one_event_is_only_tolerated() -> None:
    lines = [b'{"captureData":' + SIDE + b"}", b'{"captureData":' + SIDE + b',"x":NaN}', b"{"]
    found = decode_blocks([b"\n".join(lines)])
    assert (len(found.keys), found.tolerated, found.bad.first(9)) == (2, 1, [(0, 2, "not valid JSON")])
    assert list(found.inputs.texts) == ["1", "1"]


def test_each_time_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []

    def parse(text: str | None) -> int:
        asked.append(text)
        return 7

    monkeypatch.setattr(capture_json, "parse_time", parse)
    monkeypatch.setattr(capture_json, "_seconds", capture_json._Seconds())
    event = b'{"captureData":{},"eventMetadata":{"inferenceTime":"2021-01-01T00:00:00Z"}}\n'
    assert decode_blocks([event * 3, event]).times.tolist() == [7] * 4
    assert asked == ["2021-01-01T00:00:00Z"]
