"""The payload mapping, and request bodies read by it: names, order, label, and where records and outputs lie.

Standard library only and Python 3.8 syntax: it runs inside AWS's XGBoost framework containers. The mapping is the file
`payload.json` beside this one: the same block that the monitor image reads from its configuration asset.
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, List, Tuple, Union

MAPPING_FILE = Path(__file__).resolve().parent / "payload.json"
JSON_TYPES = ("application/json",)
JSON_LINES_TYPES = ("application/jsonlines", "application/x-jsonlines", "application/jsonl")
CSV_TYPES = ("text/csv",)
TEXT_TYPE = "String"
NUMERIC_TYPES = ("Integral", "Fractional")

Steps = Tuple[Union[str, int, None], ...]  # a key, an index, or None for every element
Row = List[Any]

_STEP = re.compile(r'(?:^|\.)(?:([A-Za-z_][A-Za-z0-9_]*)|("(?:[^"\\]|\\.)*"))|\[(?:(-?\d+)|\*)\]')


class MappingError(ValueError):
    """The mapping cannot be used; the deployment is at fault."""


class PayloadError(ValueError):
    """A request cannot be read; the caller is at fault. Says where and what, never a value."""


class UnsupportedType(PayloadError):
    """A content type that this model does not speak."""


def parse_path(expression: str) -> Steps:
    """The steps of a JMESPath made of keys, indices and `[*]`; other expressions are refused.

    The framework container does not promise a JMESPath library, and this much is what request layouts need.
    """
    text = expression.strip()
    steps: list[str | int | None] = []
    position = 0
    while position < len(text) and text != "@":
        match = _STEP.match(text, position)
        if match is None:
            raise MappingError(
                f"payload mapping: {expression!r} uses more of JMESPath than the serving script knows (keys, [0] and [*]); "
                "serve this layout with a script of your own"
            )
        key, quoted, index = match.groups()
        if key is not None:
            steps.append(key)
        elif quoted is not None:
            steps.append(json.loads(quoted))
        else:
            steps.append(int(index) if index is not None else None)
        position = match.end()
    return tuple(steps)


def find(value: Any, steps: Steps) -> Any:
    """What the steps lead to, None where they lead nowhere."""
    for position, step in enumerate(steps):
        if step is None:
            if not isinstance(value, list):
                return None
            found = (find(item, steps[position + 1 :]) for item in value)
            return [item for item in found if item is not None]
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None
    return value


@dataclass(frozen=True)
class Feature:
    """One input of the model, in the order of the mapping."""

    name: str
    type: str | None = None
    path: Steps | None = None

    def of(self, record: dict[str, Any]) -> Any:
        return record.get(self.name) if self.path is None else find(record, self.path)


@dataclass(frozen=True)
class Mapping:
    """What a payload means. `records` leads to the list of records inside a JSON body, None: the body itself."""

    features: tuple[Feature, ...]
    label: str | None
    records: Steps | None
    output: dict[str, Any]

    @property
    def names(self) -> list[str]:
        return [feature.name for feature in self.features]

    @classmethod
    def from_json(cls, block: dict[str, Any]) -> Mapping:
        features = tuple(
            Feature(entry["name"], entry.get("type"), parse_path(entry["path"]) if entry.get("path") else None)
            for entry in block.get("features") or ()
        )
        if not features:
            raise MappingError("payload mapping: no features; declare them in the environment file under `payload`")
        records = parse_path(block["records"]) if block.get("records") else None
        return cls(features, block.get("label"), records, dict(block.get("output") or {}))

    @classmethod
    def load(cls, path: Path = MAPPING_FILE) -> Mapping:
        if not path.is_file():
            raise MappingError(f"{path.name} is missing: it is packaged beside the scripts at synthesis")
        return cls.from_json(json.loads(path.read_text(encoding="utf-8")))


def media_type(content_type: str | None) -> tuple[str, str]:
    """The bare media type and the character set of a Content-Type header."""
    parts = [part.strip() for part in (content_type or "").split(";")]
    charset = "utf-8-sig"
    for part in parts[1:]:
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset" and value.strip('" ').lower() not in ("", "utf-8"):
            charset = value.strip('" ')
    return parts[0].lower(), charset


def read_rows(body: bytes | str, content_type: str | None, mapping: Mapping) -> list[Row]:
    """The records of a request, each a list of raw values in the order of the mapping; None where a value is missing."""
    kind, charset = media_type(content_type)
    text = _text(body, charset)
    if kind in CSV_TYPES:
        return _csv_rows(text, mapping)
    if kind in JSON_TYPES:
        return _json_rows(_json(text, "the body"), mapping, "record")
    if kind in JSON_LINES_TYPES:
        rows: list[Row] = []
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                rows.extend(_json_rows(_json(line, f"line {number}"), mapping, f"line {number}, record"))
        return rows
    raise UnsupportedType(
        f"content type {kind!r} is not supported; send one of {', '.join(CSV_TYPES + JSON_TYPES + JSON_LINES_TYPES)}"
    )


def _text(body: bytes | str, charset: str) -> str:
    if isinstance(body, str):
        return body
    try:
        return bytes(body).decode(charset)
    except (UnicodeDecodeError, LookupError):
        raise PayloadError(f"the body is not text in {charset}") from None


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        position = getattr(error, "pos", 0)
        raise PayloadError(f"{where} is not JSON (character {position})") from None


def _csv_rows(text: str, mapping: Mapping) -> list[Row]:
    """RFC 4180 without a header: quoted commas and line breaks are values, blank lines are nothing."""
    rows: list[Row] = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), strict=True):
            if record:
                _check_width(len(record), mapping, f"record {len(rows) + 1}")
                rows.append([value if value != "" else None for value in record])
    except csv.Error as error:
        raise PayloadError(f"record {len(rows) + 1} is not CSV as in RFC 4180 ({error})") from None
    return rows


def _check_width(width: int, mapping: Mapping, where: str) -> None:
    if width != len(mapping.features):
        raise PayloadError(f"{where} has {width} values, the model takes {len(mapping.features)}")


def _json_rows(value: Any, mapping: Mapping, where: str) -> list[Row]:
    if mapping.records is not None:
        value = find(value, mapping.records)
        if value is None:
            raise PayloadError(f"{where.rsplit(',', 1)[0]}: nothing lies where the mapping looks for records")
    return [_row(record, mapping, f"{where} {number}") for number, record in enumerate(_records(value, where), start=1)]


def _row(record: Any, mapping: Mapping, where: str) -> Row:
    if isinstance(record, dict):
        return [feature.of(record) for feature in mapping.features]
    if isinstance(record, list):
        _check_width(len(record), mapping, where)
        return list(record)
    raise PayloadError(f"{where} should be an object or an array of values")


def _records(value: Any, where: str) -> list[Any]:
    """One list of records from the layouts in use: arrays, objects, one record alone, or an object of columns."""
    if isinstance(value, list):
        nested = any(isinstance(item, (list, dict)) for item in value)
        return value if nested or not value else [value]
    if not isinstance(value, dict):
        raise PayloadError(f"{where} should be an object or an array")
    lists = {name: column for name, column in value.items() if isinstance(column, list)}
    tables = {name: column for name, column in value.items() if isinstance(column, dict)}
    if lists and len(lists) == len(value):
        lengths = {len(column) for column in lists.values()}
        if len(lengths) > 1:
            raise PayloadError("the columns of the body differ in length")
        return [{name: column[index] for name, column in lists.items()} for index in range(lengths.pop())]
    if tables and len(tables) == len(value):
        keys = list(dict.fromkeys(key for column in tables.values() for key in column))  # in order of appearance
        return [{name: column.get(key) for name, column in tables.items()} for key in keys]
    return [value]
