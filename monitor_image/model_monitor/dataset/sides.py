"""One side of the events of a batch, requests or responses: their payloads and how each is to be read."""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from model_monitor.dataset import foreign, native
from model_monitor.dataset.records import NOT_TEXT
from model_monitor.dataset.texts import Texts

JSON_LINES_TYPES = {"jsonlines", "jsonl", "x-jsonlines", "x-ndjson", "ndjson", "json-lines", "x-jsonl"}
HEADER_PRESENT = re.compile(r"(^|;)\s*header\s*=\s*\"?present\"?\s*(;|$)")  # a parameter of text/csv, RFC 4180

Declared: TypeAlias = tuple[str | None, str | None]  # a payload's encoding and observed content type


class Format(StrEnum):
    """How a payload's text is to be read."""

    ABSENT = "absent"
    CSV = "csv"
    CSV_WITH_HEADER = "csv_with_header"
    JSON = "json"
    JSON_LINES = "json_lines"


FORMATS = tuple(Format)
PLACES = {form: place for place, form in enumerate(FORMATS)}
UNKNOWN = len(FORMATS)  # a place that says: see the text


@dataclass(frozen=True, slots=True)
class Sides:
    """One side of each event as captured.

    texts: the payloads, "" where the side is absent.
    declared: what is said of them; None stands for an absent side.
    codes: int32 (events,), which of `declared` holds for an event; None where they have the only one.
    """

    texts: Sequence[str]
    declared: Sequence[Declared | None]
    codes: np.ndarray | None = None

    @classmethod
    def absent(cls, events: int) -> Sides:
        """A side that no event has."""
        return cls([""] * events, (None,))

    def take(self, places: np.ndarray) -> Sides:
        """Those of some events."""
        return Sides(taken(self.texts, places), self.declared, None if self.codes is None else self.codes[places])


@dataclass(slots=True)
class Opened:
    """Payloads as text. forms: uint8 (events,), place in FORMATS; an int where all have the same.

    What is no text counts as absent, for whoever can do without it. faults: event → why its payload is no text.
    """

    texts: Sequence[str]
    forms: np.ndarray | int
    faults: dict[int, str] = field(default_factory=dict)


def open_sides(sides: Sides) -> Opened:
    """Format and text of each payload."""
    declared = [declared_format(one) for one in sides.declared]
    if any(one is not None and _described(*one).is_odd for one in sides.declared):
        return _open_each(sides)
    forms = np.array([UNKNOWN if form is None else PLACES[form] for form in declared], np.uint8)
    if UNKNOWN not in forms:
        if sides.codes is None or (forms == forms[0]).all():
            return Opened(sides.texts, int(forms[0]))
        return Opened(sides.texts, forms[sides.codes])
    return _open_compiled(sides) or _open_each(sides)


def _open_compiled(sides: Sides) -> Opened | None:
    """All at once, by the compiled reader; None where it is not installed or a text needs Python."""
    if not isinstance(sides.texts, Texts):
        return None
    said = [None if one is None else _described(*one) for one in sides.declared]
    kinds = [(Format.ABSENT, False) if one is None else (one.form, one.is_binary) for one in said]
    codes = np.zeros(len(sides.texts), np.int32) if sides.codes is None else sides.codes
    is_binary = np.array([binary for _, binary in kinds], np.uint8)[codes]
    found = native.open_texts(sides.texts, is_binary)
    if found is None:
        return None
    texts, looks_like_json, odd = found
    faults: dict[int, str] = {}
    for event in odd:
        try:
            _decode_base64(sides.texts[event])
        except ValueError as fault:
            faults[event] = str(fault)
        else:
            return None
    forms = np.array([UNKNOWN if form is None else PLACES[form] for form, _ in kinds], np.uint8)[codes]
    sniffed = np.where(looks_like_json, PLACES[Format.JSON], PLACES[Format.CSV]).astype(np.uint8)
    forms = np.where(forms == UNKNOWN, sniffed, forms)
    forms[list(faults)] = PLACES[Format.ABSENT]
    return Opened(texts, forms, faults)


def _open_each(sides: Sides) -> Opened:
    events = len(sides.texts)
    codes = [0] * events if sides.codes is None else sides.codes.tolist()
    texts, forms, faults = [""] * events, [0] * events, dict[int, str]()
    for event, (text, code) in enumerate(zip(sides.texts, codes, strict=True)):
        try:
            form, texts[event] = open_side(text, sides.declared[code])
        except ValueError as fault:
            faults[event] = str(fault)
        else:
            forms[event] = PLACES[form]
    return Opened(texts, np.array(forms, np.uint8), faults)


def taken(texts: Sequence[str], places: np.ndarray) -> Sequence[str]:
    """Some of the texts."""
    return texts.take(places) if isinstance(texts, Texts) else [texts[place] for place in places.tolist()]


# --- one payload -------------------------------------------------------------------------------------------------------


def open_side(data: str, declared: Declared | None) -> tuple[Format, str]:
    """Format and text of one payload.

    Raises: ValueError with the reason if it is no text.
    """
    if declared is None:
        return Format.ABSENT, ""
    said = _described(*declared)
    if said.fault:
        raise ValueError(said.fault)
    text = _decode_base64(data, said.charset) if said.is_binary else data
    return said.form or _sniff(text), text


def declared_format(declared: Declared | None) -> Format | None:
    """The format of a payload with this encoding and content type; None when its data must be looked at."""
    if declared is None:
        return Format.ABSENT
    said = _described(*declared)
    return None if said.is_binary else said.form


@dataclass(frozen=True, slots=True)
class _Described:
    """What the envelope says of a payload.

    form: None: see the text. is_binary: it is in base 64. fault: why nobody needs to look at it.
    """

    form: Format | None
    is_binary: bool = False
    charset: str = foreign.UTF_8
    fault: str = ""

    @property
    def is_odd(self) -> bool:
        """Whether it takes more than base 64 and UTF-8."""
        return bool(self.fault) or (self.is_binary and self.charset != foreign.UTF_8)


@lru_cache(maxsize=256)
def _described(encoding: str | None, content_type: str | None) -> _Described:
    name = (encoding or "").strip().upper()
    mime, _, parameters = (content_type or "").lower().partition(";")
    mime, csv = mime.strip(), Format.CSV_WITH_HEADER if HEADER_PRESENT.search(parameters) else Format.CSV
    subtype = mime.rpartition("/")[2]
    is_lines = subtype in JSON_LINES_TYPES
    if name == "CSV":
        return _Described(csv)
    if name == "JSON":
        return _Described(Format.JSON_LINES if is_lines else Format.JSON)
    is_binary, charset = name == "BASE64", foreign.charset_of(parameters)
    other = foreign.by_type(mime)
    if other is not None or (is_binary and not charset):
        return _Described(None, is_binary, charset, foreign.UNKNOWN_CHARSET if other is None else foreign.reason(other))
    if is_lines:
        return _Described(Format.JSON_LINES, is_binary, charset)
    if subtype == "json" or subtype.endswith("+json"):
        return _Described(Format.JSON, is_binary, charset)
    return _Described(csv if subtype == "csv" else None, is_binary, charset)


def _decode_base64(data: str, charset: str = foreign.UTF_8) -> str:
    try:
        content = binascii.a2b_base64(data)
    except (binascii.Error, ValueError):
        raise ValueError(NOT_TEXT) from None
    try:
        return content.decode(charset)
    except ValueError:
        other = foreign.by_beginning(content)
        raise ValueError(NOT_TEXT if other is None else foreign.reason(other)) from None


def _sniff(text: str) -> Format:
    return Format.JSON if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[") else Format.CSV
