"""Payloads as text: what their declarations say, base 64, and what has to be looked at; compiled and not."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from model_monitor.dataset import sides
from model_monitor.dataset.sides import FORMATS, Format, Opened, Sides, open_sides
from model_monitor.dataset.texts import Texts
from tests.effort import examples

CSV, JSON, BINARY, NOTHING = ("CSV", "text/csv"), ("JSON", None), ("BASE64", "text/csv"), (None, None)
LINES, BINARY_JSON, BINARY_ANY = ("BASE64", "application/jsonlines"), ("BASE64", "application/json"), ("BASE64", None)
DECLARED = [None, CSV, JSON, BINARY, NOTHING, LINES, BINARY_JSON, BINARY_ANY]


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


PLAIN = st.one_of(
    st.binary(max_size=12),
    st.text(max_size=12).map(str.encode),
    st.sampled_from([b"[1]", b" \n{}", b"\xef\xbb\xbf[1]"]),
)
PIECES = ["=", "==", "A", "\n", " ", "-", "_", "é", "*", "QQ==QQ=="]


@st.composite
def payloads(draw: st.DrawFn) -> str:
    text = encoded(draw(PLAIN))
    if draw(st.booleans()):
        return text
    place = draw(st.integers(0, len(text)))
    return text[:place] + draw(st.sampled_from(PIECES)) + text[place + draw(st.integers(0, 2)) :]


EVENTS = st.lists(st.tuples(payloads(), st.sampled_from(DECLARED)), max_size=6)


def events_of(opened: Opened, events: int) -> list[tuple[str, Format] | str]:
    forms = np.broadcast_to(opened.forms, (events,)).tolist()
    found = zip(opened.texts, forms, strict=True)
    return [opened.faults.get(i) or (text, FORMATS[form]) for i, (text, form) in enumerate(found)]


def given_sides(events: list[tuple[str, sides.Declared | None]], *, is_buffer: bool) -> Sides:
    texts = ["" if declared is None else text for text, declared in events]
    different = tuple(dict.fromkeys(declared for _, declared in events)) or (None,)
    codes = np.array([different.index(declared) for _, declared in events], np.int32)
    return Sides(Texts.of(texts) if is_buffer else texts, different, codes if len(different) > 1 else None)


@pytest.mark.usefixtures("native")
@settings(deadline=None, max_examples=examples(150))
@given(EVENTS)
@example([])
@example([(encoded(b"1,2"), BINARY), (encoded(b"\xff"), BINARY), ("QQ", BINARY), (encoded(b"[1]"), BINARY_ANY)])
@example([("", BINARY), ("QQ==", BINARY), ("QUI=", BINARY), ("QUJD", BINARY), ("QUJDRA==", BINARY), ("====", BINARY)])
def test_payloads_are_opened_as_in_python(events: list[tuple[str, sides.Declared | None]]) -> None:
    compiled = events_of(open_sides(given_sides(events, is_buffer=True)), len(events))
    assert compiled == events_of(open_sides(given_sides(events, is_buffer=False)), len(events))


@pytest.mark.usefixtures("native")
def test_usual_base64_needs_no_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sides, "_open_each", None)
    texts = [b"", b"1", b"1,2", b"1,2,3", '{"ä": "é😀"}'.encode(), bytes(range(128))]
    found = open_sides(given_sides([(encoded(text), BINARY_ANY) for text in texts], is_buffer=True))
    assert list(found.texts) == [text.decode() for text in texts]
    assert [FORMATS[form] for form in found.forms.tolist()] == ["csv", "csv", "csv", "csv", "json", "csv"]


@pytest.mark.parametrize("is_buffer", [False, True])
def test_a_payload_that_is_no_text_is_a_fault_of_its_own(is_buffer: bool) -> None:
    events = [(encoded(b"1,2"), BINARY), (encoded(b"\xff\xfe"), BINARY), ("Q", BINARY), ("1,2", CSV)]
    opened = open_sides(given_sides(events, is_buffer=is_buffer))
    assert events_of(opened, 4) == [("1,2", "csv"), "payload is not text", "payload is not text", ("1,2", "csv")]


@pytest.mark.parametrize("is_buffer", [False, True])
def test_declared_texts_are_not_touched(is_buffer: bool) -> None:
    given = given_sides([("[1]", CSV), ("2", ("CSV", None))], is_buffer=is_buffer)
    opened = open_sides(given)
    assert opened.texts is given.texts
    assert opened.forms == FORMATS.index(Format.CSV)


@pytest.mark.parametrize("is_buffer", [False, True])
def test_some_events_keep_their_texts_and_declarations(is_buffer: bool) -> None:
    given = given_sides([("a", CSV), ("", None), ("é", JSON), ("[1]", NOTHING)], is_buffer=is_buffer)
    found = given.take(np.array([1, 3, 2]))
    assert events_of(open_sides(found), 3) == [("", "absent"), ("[1]", "json"), ("é", "json")]
