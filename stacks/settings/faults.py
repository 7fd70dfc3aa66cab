"""What pydantic finds wrong with the fields of a file, told by the path in the file and in its words, never with a value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pydantic_core import ErrorDetails

from stacks.settings.block import Block, FaultyBlock, nearest_key

Path = tuple[int | str, ...]

_EXPECTED: Final = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "keys and values",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "literal_error": "{expected}",
    "model_type": "keys and values",
    "string_type": "text",
    "tuple_type": "a list",
}
_MESSAGES: Final = {type_: f"should be {words}" for type_, words in _EXPECTED.items()} | {
    "missing": "is missing",
    "extra_forbidden": "is unknown",
    "string_type": "should be text; quote it",
    "string_pattern_mismatch": "should match {pattern}",
    "none_required": "is not there yet; leave it out",
    "literal_error": "should be one of {expected}",
    "enum": "should be one of {expected}",
}


def field_faults(kind: type[Block], errors: Iterable[ErrorDetails], document: Mapping[Any, Any]) -> list[str]:
    """One line for each fault of a field, in the order of the file's keys in `kind`; those of checks are left out.

    Where a field allows several forms, pydantic tells what is wrong with the value as each of them. Faults inside the form
    that the value has are the ones to correct; where it has none of them, one line names them all.
    """
    by_place: dict[Path, list[tuple[Path, ErrorDetails]]] = {}
    for number, error in enumerate(errors):
        if not isinstance(error.get("ctx", {}).get("error"), FaultyBlock):
            path, forms_at = _in_file(error, document)
            place = (*path, number) if forms_at is None else path[:forms_at]
            by_place.setdefault(place, []).append((path, error))
    return [fault for place, found in by_place.items() for fault in _at_one_place(kind, place, found)]


def _at_one_place(kind: type[Block], place: Path, found: Sequence[tuple[Path, ErrorDetails]]) -> list[str]:
    of_its_form = [(path, error) for path, error in found if path != place or error["type"] not in _EXPECTED]
    if of_its_form:
        return [f"{_text(path)}: {_message(kind, error)}" for path, error in of_its_form]
    forms = [_EXPECTED[error["type"]].format(**error.get("ctx", {})) for _, error in found]
    return [f"{_text(place)}: should be {', or '.join(dict.fromkeys(forms))}"]


def _message(kind: type[Block], error: ErrorDetails) -> str:
    """Values are not repeated: they may be secrets in the wrong place."""
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, ValueError):
        return str(cause)
    if error["type"] not in _MESSAGES:
        return error["msg"][0].lower() + error["msg"][1:]
    meant = nearest_key(kind, error["loc"]) if error["type"] == "extra_forbidden" else None
    return _MESSAGES[error["type"]].format(**error.get("ctx", {})) + (f"; did you mean {meant}?" if meant else "")


def _in_file(error: ErrorDetails, document: object) -> tuple[Path, int | None]:
    """The path in the file, and how much of it leads to a value that may have several forms.

    Among the keys and positions pydantic has the names of such forms, and a mark where it is a key that is wrong.
    """
    path: list[int | str] = []
    forms_at, at = None, document
    for number, part in enumerate(error["loc"]):
        is_last = number + 1 == len(error["loc"])
        if isinstance(at, (list, tuple)):
            at = dict(enumerate(at))
        if isinstance(at, Mapping) and part in at:
            at = at[part]
        elif error["type"] != "missing" or not is_last:
            forms_at = len(path) if forms_at is None and part != "[key]" else forms_at
            continue
        path.append(part)
    return tuple(path), forms_at


def _text(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
