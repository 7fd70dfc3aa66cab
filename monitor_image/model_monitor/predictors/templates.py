"""Rows to request bodies: CSV, JSON Lines and JSON, by the templates that Clarify's configurations carry.

    text/csv               one line a record
    application/jsonlines  content_template with $features, one line a record
    application/json       content_template with $records (a list) or $record (one a request), each made by record_template:
                           $features, $features_kvp, or "${name}" for every feature; $feature_names where wanted

A template is checked before any work, and cells become text column by column.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson

from model_monitor.errors import PredictorError
from model_monitor.predictors.base import Matrix

CSV: Final = "text/csv"
JSON_LINES: Final = "application/jsonlines"
JSON: Final = "application/json"
CONTENT_TYPES: Final = (CSV, JSON_LINES, JSON)

FEATURES, NAMES, PAIRS, RECORD, RECORDS = "$features", "$feature_names", "$features_kvp", "$record", "$records"
_PLACEHOLDER: Final = re.compile(r"\$(?:features_kvp|features|feature_names|records|record)(?!\w)")
_NAMED: Final = re.compile(r'"\$\{((?:[^"\\]|\\.)*?)\}"')
_QUOTED: Final = re.compile(r'[",\r\n]')
_INT64: Final = 2.0**63


@dataclass(frozen=True, slots=True)
class Template:
    """How records become a body. `is_single`: a request holds one record.

    prefix, separator, suffix: what stands around and between the records of a body.
    """

    encode: Callable[[Matrix], list[bytes]]
    prefix: bytes = b""
    separator: bytes = b"\n"
    suffix: bytes = b""
    is_single: bool = False

    def body(self, records: Sequence[bytes]) -> bytes:
        """The body of one request."""
        return self.prefix + self.separator.join(records) + self.suffix

    def size_bytes(self, records: int, content_bytes: int) -> int:
        """Of a body with so many records that have so many bytes together."""
        around = len(self.prefix) + len(self.suffix)
        return around + content_bytes + max(0, records - 1) * len(self.separator)


def faults(content_type: str, content: str | None, record: str | None, names: Sequence[str] = ()) -> list[str]:
    """What is wrong with templates of a content type, each as `key: what`. names: of the features, () where unknown."""
    if content_type == JSON_LINES:
        return _line_faults(content, record)
    if content_type == JSON:
        return _document_faults(content, record) or (_name_faults(record or "", names) if names else [])
    given = {"content_template": content, "record_template": record}
    return [f"{key}: is for JSON only, found with {content_type}" for key, value in given.items() if value is not None]


def compile_template(content_type: str, content: str | None, record: str | None, names: Sequence[str]) -> Template:
    """A template for rows of these features. Raises: PredictorError."""
    found = faults(content_type, content, record, names)
    if found:
        raise PredictorError("predictor: " + "; ".join(found) + ".")
    if content_type == CSV:
        return Template(_csv_records)
    if content_type == JSON_LINES:
        return Template(_record_encoder(content or "", names))
    return _document(content or "", record or "", names)


# --- checks ------------------------------------------------------------------------------------------------------------


def _line_faults(content: str | None, record: str | None) -> list[str]:
    found = [] if record is None else [f"record_template: is for {JSON} only; JSON Lines take content_template alone"]
    if content is None:
        return [*found, f'content_template: is missing; {JSON_LINES} needs one such as {{"features":{FEATURES}}}']
    placeholders = _PLACEHOLDER.findall(content)
    if placeholders.count(FEATURES) != 1 or set(placeholders) - {FEATURES, NAMES}:
        return [*found, f"content_template: should hold {FEATURES} exactly once, found {_listed(placeholders)}"]
    if "\n" in content:
        return [*found, "content_template: should be one line, since each record is one"]
    return found + _json_faults("content_template", content)


def _document_faults(content: str | None, record: str | None) -> list[str]:
    example = f'such as {{"instances":{RECORDS}}} with record_template {{"features":{FEATURES}}}'
    if content is None or record is None:
        given = {"content_template": content, "record_template": record}
        return [f"{key}: is missing; {JSON} needs both, {example}" for key, value in given.items() if value is None]
    found = []
    outer = _PLACEHOLDER.findall(content)
    if outer.count(RECORDS) + outer.count(RECORD) != 1 or set(outer) - {RECORDS, RECORD, NAMES}:
        what = f"should hold {RECORDS} (a list) or {RECORD} (one record a request) exactly once"
        found.append(f"content_template: {what}, found {_listed(outer)}")
    else:
        found += _json_faults("content_template", content)
    inner, named = _PLACEHOLDER.findall(record), _NAMED.findall(record)
    ways = [inner.count(FEATURES) == 1, inner.count(PAIRS) == 1, bool(named)]
    if sum(ways) != 1 or set(inner) - {FEATURES, PAIRS, NAMES} or max(inner.count(FEATURES), inner.count(PAIRS)) > 1:
        what = f'should hold {FEATURES}, {PAIRS}, or "${{name}}" for every feature'
        found.append(f"record_template: {what}, found {_listed([*inner, *named])}")
    else:
        found += _json_faults("record_template", record)
    return found


def _name_faults(record: str, names: Sequence[str]) -> list[str]:
    """Placeholders of single features must name every feature once, and nothing else."""
    named = [_unescaped(name) for name in _NAMED.findall(record)]
    if not named:
        return []
    missing, unknown = [n for n in names if n not in named], [n for n in named if n not in names]
    twice = sorted({name for name in named if named.count(name) > 1})
    told = (("has no placeholder for", missing), ("names what is no feature:", unknown), ("repeats", twice))
    return [f"record_template: {what} {_listed(group)}" for what, group in told if group]


def _json_faults(key: str, template: str) -> list[str]:
    try:
        json.loads(_PLACEHOLDER.sub("null", template))
    except ValueError:
        return [f"{key}: is no JSON once its placeholders are filled in"]
    return []


def _listed(found: Iterable[str]) -> str:
    names = list(found)
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more if names else "none"


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text


# --- bodies ------------------------------------------------------------------------------------------------------------


def _document(content: str, record: str, names: Sequence[str]) -> Template:
    """`content` around the records of one request."""
    filled = content.replace(NAMES, _json(list(names)))
    marker = RECORDS if RECORDS in filled else RECORD
    before, _, after = filled.partition(marker)
    is_single = marker == RECORD
    opening, closing = ("", "") if is_single else ("[", "]")
    encode = _record_encoder(record, names)
    return Template(encode, (before + opening).encode(), b",", (closing + after).encode(), is_single)


def _record_encoder(template: str, names: Sequence[str]) -> Callable[[Matrix], list[bytes]]:
    """A function from rows to one JSON text each."""
    quoted = [_json(name) for name in names]
    pairs = "{" + ",".join(f"{name.replace('%', '%%')}:%s" for name in quoted) + "}"
    order = list(range(len(names)))
    if _NAMED.search(template):
        places = {name: i for i, name in enumerate(names)}
        order = [places[_unescaped(name)] for name in _NAMED.findall(template)]
    pieces, position = [], 0
    for match in re.finditer(f"{_PLACEHOLDER.pattern}|{_NAMED.pattern}", template):
        pieces.append(template[position : match.start()].replace("%", "%%"))
        fillings = {
            FEATURES: "[" + ",".join(["%s"] * len(names)) + "]",
            PAIRS: pairs,
            NAMES: ("[" + ",".join(quoted) + "]").replace("%", "%%"),
        }
        pieces.append(fillings.get(match.group(0), "%s"))
        position = match.end()
    pattern = "".join(pieces) + template[position:].replace("%", "%%")

    def encode(rows: Matrix) -> list[bytes]:
        tokens = [_tokens(rows, feature, _json, "null") for feature in range(len(rows.names))]
        cells = zip(*(tokens[feature] for feature in order), strict=True)
        return [text.encode() for text in map(pattern.__mod__, cells)]

    return encode


def _csv_records(rows: Matrix) -> list[bytes]:
    tokens = [_tokens(rows, feature, _csv_field, "") for feature in range(len(rows.names))]
    return [line.encode() for line in map(",".join, zip(*tokens, strict=True))]


def _tokens(rows: Matrix, feature: int, spell: Callable[[Any], str], missing: str) -> list[str]:
    """The cells of one feature as they stand in a body."""
    column = rows.values[:, feature]
    is_integral = bool(rows.is_integral) and rows.is_integral[feature]
    if rows.is_numeric:
        return _number_tokens(column, missing, is_integral=is_integral)
    words: dict[Any, str] = {None: missing}
    for value in set(column.tolist()) - {None}:
        words[value] = spell(value) if isinstance(value, str) else _number(float(value), missing, is_integral)
    return list(map(words.__getitem__, column.tolist()))


def _number(value: float, missing: str, is_integral: bool) -> str:
    return _number_tokens(np.array([value]), missing, is_integral=is_integral)[0]


def _number_tokens(column: np.ndarray, missing: str, *, is_integral: bool) -> list[str]:
    """Whole numbers of an integral feature without a fraction, everything else in its shortest exact form."""
    absent = np.flatnonzero(~np.isfinite(column))
    filled = column
    if absent.size:
        filled = column.copy()
        filled[absent] = 0.0
    if is_integral and np.all((np.abs(filled) < _INT64) & (filled == np.floor(filled))):
        filled = filled.astype(np.int64)
    if not filled.size:
        return []
    tokens = orjson.dumps(filled.tolist())[1:-1].decode().split(",")
    for place in absent.tolist():
        tokens[place] = missing
    return tokens


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _csv_field(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if not text or _QUOTED.search(text) else text
