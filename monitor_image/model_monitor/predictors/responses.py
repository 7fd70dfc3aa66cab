"""Response bodies to numbers: the selected values of every record, as (records, outputs).

What is selected is a position, or a JMESPath: into each line of JSON Lines, into the whole of a JSON document (where that
finds nothing, into each of its records). Errors tell counts and kinds, never what a model answered.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import orjson

from model_monitor.errors import PredictorError
from model_monitor.predictors.templates import CSV, JSON, JSON_LINES

Selector = str | int | None

_LINES: Final = ("jsonlines", "jsonl", "x-jsonlines", "x-ndjson", "ndjson", "json-lines")


@dataclass(frozen=True, slots=True)
class Responses:
    """What is read from the answers of a model.

    accept: the content type that was asked for; an answer's own wins where it is one that is known here.
    selector: of the numbers inside a record; None: all there is.
    where: who answers, for errors.
    """

    accept: str
    selector: Selector = None
    where: str = "the endpoint"

    def read(self, body: bytes, content_type: str | None, records: int) -> np.ndarray:
        """float64 (records, outputs). Raises: PredictorError."""
        kind = _kind(content_type) or self.accept
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise self._error("the answer is no text", kind) from None
        values = self._csv(text, records) if kind == CSV else self._json(text, kind, records)
        return self._matrix(values, kind, records)

    # --- values ------------------------------------------------------------------------------------------------------

    def _csv(self, text: str, records: int) -> Any:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) == 1 and records != 1:
            return self._one_line(lines[0], records)
        if len(lines) != records:
            raise self._error(f"the answer has {len(lines)} lines to {records} records", CSV)
        rows = list(csv.reader(lines)) if '"' in text else [_plain(line) for line in lines]
        if self.selector is None:
            return rows
        position = self._position(CSV)
        if min(map(len, rows)) <= position:
            raise self._error(f"an answer has no value at position {position}", CSV)
        cells = [row[position] for row in rows]
        if any(cell.lstrip().startswith("[") for cell in cells[:1]):  # a list of probabilities in one quoted field
            return [self._loads(cell, CSV) for cell in cells]
        return cells

    def _one_line(self, line: str, records: int) -> Any:
        """All records in one line, as the built-in algorithms write them."""
        cells = _plain(line)
        if not records or len(cells) % records:
            raise self._error(f"the answer has one line of {len(cells)} values to {records} records", CSV)
        width = len(cells) // records
        rows = [cells[start : start + width] for start in range(0, len(cells), width)]
        if self.selector is None:
            return rows
        position = self._position(CSV)
        if position >= width:
            raise self._error(f"an answer has no value at position {position}", CSV)
        return [row[position] for row in rows]

    def _json(self, text: str, kind: str, records: int) -> Any:
        if kind == JSON_LINES:
            lines = [line for line in text.split("\n") if line.strip()]
            if len(lines) != records:
                raise self._error(f"the answer has {len(lines)} lines to {records} records", kind)
            return [self._select(self._loads(line, kind)) for line in lines]
        document = self._loads(text, kind)
        if isinstance(self.selector, int) and isinstance(document, list) and len(document) == records:
            return [self._select(item) for item in document]
        found = self._select(document)
        if found is None and isinstance(document, list):
            found = [self._select(item) for item in document]
        return found

    def _select(self, value: Any) -> Any:
        if self.selector is None:
            return value
        if isinstance(self.selector, int):
            is_list = isinstance(value, list) and self.selector < len(value)
            return value[self.selector] if is_list else None
        return _searcher(self.selector)(value)

    def _loads(self, text: str, kind: str) -> Any:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            raise self._error("the answer is malformed", kind) from None

    # --- shape -------------------------------------------------------------------------------------------------------

    def _matrix(self, values: Any, kind: str, records: int) -> np.ndarray:
        if values is None:
            raise self._error("the answer holds nothing there", kind)
        try:
            found = np.array(values, np.float64)
        except (ValueError, TypeError):
            what = "records of several widths" if _is_ragged(values) else "what is no number"
            raise self._error(f"the answer holds {what}", kind) from None
        if records == 1 and found.ndim < 2:
            found = found.reshape(1, -1)
        elif found.ndim == 1:
            found = found.reshape(-1, 1)
        if found.ndim != 2 or len(found) != records or not found.shape[1]:
            shape = " × ".join(map(str, found.shape)) or "one value"
            raise self._error(f"the answer holds {shape} for {records} records", kind)
        if not np.isfinite(found).all():
            raise self._error("the answer holds a value that is null or not finite", kind)
        return found

    def _position(self, kind: str) -> int:
        if isinstance(self.selector, int):
            return self.selector
        if isinstance(self.selector, str) and self.selector.isdecimal():
            return int(self.selector)
        raise self._error("a line of values has positions, not names", kind)

    def _error(self, problem: str, kind: str) -> PredictorError:
        selected = "" if self.selector is None else f" at '{self.selector}'"
        return PredictorError(
            f"{self.where}: {problem} ({kind}{selected}). "
            "Check predictor.accept_type, and predictor.probability or predictor.label: a position, or a JMESPath."
        )


def check_selector(selector: Selector) -> str | None:
    """Why a selector cannot be followed; None when it can."""
    if isinstance(selector, int):
        return "should not be negative" if selector < 0 else None
    if selector is None:
        return None
    try:
        _searcher(selector)
    except PredictorError as error:
        return str(error)
    return None


@lru_cache
def _searcher(path: str) -> Callable[[Any], Any]:
    import jmespath  # only runs that ask a model need it
    import jmespath.exceptions

    try:
        compiled = jmespath.compile(path)
    except jmespath.exceptions.JMESPathError as error:
        raise PredictorError(f"'{path}' is not a JMESPath") from error

    def search(value: Any) -> Any:
        try:
            return compiled.search(value)
        except jmespath.exceptions.JMESPathTypeError:  # its text would tell the value
            return None
        except jmespath.exceptions.JMESPathError as error:
            raise PredictorError(f"'{path}' calls a function that JMESPath does not have, or wrongly") from error

    return search


def _kind(content_type: str | None) -> str | None:
    mime = (content_type or "").partition(";")[0].strip().lower()
    subtype = mime.rpartition("/")[2]
    if subtype in _LINES:
        return JSON_LINES
    if subtype == "json" or subtype.endswith("+json"):
        return JSON
    return CSV if subtype == "csv" else None


def _plain(line: str) -> list[str]:
    """The values of a line; some containers write each record as a list in brackets."""
    return line.replace("[", "").replace("]", "").split(",")


def _is_ragged(values: Any) -> bool:
    widths = {len(value) if isinstance(value, list) else -1 for value in values} if isinstance(values, list) else set()
    return len(widths) > 1
