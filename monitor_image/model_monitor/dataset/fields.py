"""What is looked for in each side of a capture event, worked out once from the schema."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from model_monitor.errors import SettingsError
from model_monitor.schema import Schema

PLAIN_KEY = re.compile(r"[A-Za-z_]\w*", re.ASCII)
SIMPLE_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[\d+\])*", re.ASCII)
STEP = re.compile(r"(\w+)|\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a record. Found by `key` in an object (or by `path`, a JMESPath), by `position` in a row or list."""

    key: str
    position: int
    path: str | None = None
    is_text: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """One side of an event, or a dataset's records.

    width: the number of values in a row or list; None: any that holds all positions (a response may hold more).
    records: JMESPath to the list of records inside a JSON payload.
    split: how a CSV line of several values is cut (`lines`: it is one record).
    is_closed: keys that no field claims are counted.
    is_named: some field is declared by a name, so that plain values beside other names are not taken for it by their place.
    """

    fields: tuple[Field, ...]
    width: int | None = None
    records: str | None = None
    split: str = "lines"
    is_closed: bool = True
    is_named: bool = False

    @property
    def needed(self) -> int:
        """Values that a row must have at least."""
        return max((field.position for field in self.fields), default=-1) + 1

    @property
    def claimed(self) -> frozenset[str]:
        """Top-level keys of a record that some field reads."""
        paths = [field.path for field in self.fields if field.path is not None]
        keys = [field.key for field in self.fields if field.path is None]
        return frozenset(keys).union(*map(_roots, paths))


@lru_cache
def input_side(schema: Schema, has_names: bool = False) -> Side:
    """The fields of the request; where values have names, what stands beside the features too."""
    features = schema.features[schema.outputs :] if schema.is_positional else schema.features
    beside = schema.payload.fields if has_names and not schema.is_positional else ()
    fields = tuple(Field(f.name, i, f.path, f.is_text) for i, f in enumerate((*features, *beside)))
    return Side(fields, len(features), schema.payload.records)


@lru_cache
def output_side(schema: Schema) -> Side | None:
    """The fields of the response; None when nothing is read from it."""
    output = schema.payload.output
    if schema.is_positional:
        features = schema.features[: schema.outputs]
        fields = tuple(Field(f.name, i, f.path, f.is_text) for i, f in enumerate(features))
        return Side(fields, len(fields), output.records, output.csv_split) if fields else None
    wanted = [value for value in (output.prediction, output.score, output.payload_index) if value is not None]
    fields = tuple(output_field(value, i) for i, value in enumerate([*wanted, *output.scores]))
    fields += tuple(_item(value, i) for value in output.attributions for i in range(len(schema.features)))
    is_named = not all(field.key.isdecimal() for field in fields)
    return Side(fields, None, output.records, output.csv_split, is_closed=False, is_named=is_named) if fields else None


def output_field(value: str | int, order: int) -> Field:
    """A response's value: a position as such, a name also as the position it has in the declaration."""
    if isinstance(value, int) or value.isdecimal():
        return Field(str(value), int(value))
    return Field(value, order, None if PLAIN_KEY.fullmatch(value) else value)


def _item(value: str | int, place: int) -> Field:
    """One value of a list in a response: of a CSV line, those from a position on."""
    if isinstance(value, int) or value.isdecimal():
        return Field(str(value), int(value) + place)
    return Field(value, place, f"{value}[{place}]")


def getter(path: str) -> Callable[[Any], Any]:
    """A function that follows a JMESPath; UNSET where a key on the way is missing.

    Raises: SettingsError if the expression is not valid.
    """
    if not SIMPLE_PATH.fullmatch(path):
        search = expression(path)
        return lambda value: search(value)
    steps = [int(index) if index else name for name, index in STEP.findall(path)]

    def follow(value: Any) -> Any:
        for step in steps:
            if isinstance(step, str):
                value = value.get(step, msgspec.UNSET) if isinstance(value, Mapping) else msgspec.UNSET
            else:
                value = value[step] if isinstance(value, list) and step < len(value) else msgspec.UNSET
        return value

    return follow


@lru_cache
def expression(path: str) -> Callable[[Any], Any]:
    """A compiled JMESPath; the library is loaded only by mappings that need one.

    A record that a function of the path cannot take, such as a text for `sum`, has no such value: the library's own error
    would end the run, and tell the record's value.
    """
    import jmespath
    import jmespath.exceptions

    try:
        compiled = jmespath.compile(path)
    except jmespath.exceptions.JMESPathError as error:
        raise SettingsError("payload mapping", f"'{path}' is not a JMESPath: {error}") from error

    def search(value: Any) -> Any:
        try:
            return compiled.search(value)
        except jmespath.exceptions.UnknownFunctionError as error:
            raise SettingsError("payload mapping", f"'{path}' calls a function that JMESPath does not have") from error
        except jmespath.exceptions.ArityError as error:
            raise SettingsError("payload mapping", f"'{path}' calls a function with too few or many values") from error
        except jmespath.exceptions.JMESPathTypeError:
            return None

    return search


@lru_cache
def _roots(path: str) -> frozenset[str]:
    """The keys that a path claims of a record: the first one, or every key that a function's arguments name."""
    quoted = re.match(r'"(?:[^"\\]|\\.)*"', path)
    plain = re.match(r"\w+(?!\w*\()", path)
    if quoted:
        return frozenset({json.loads(quoted.group(0))})
    if plain:
        return frozenset({plain.group(0)})
    from jmespath.parser import Parser

    try:
        return frozenset(_fields_in(Parser().parse(path).parsed))
    except ValueError:  # told as a wrong setting where the path is used
        return frozenset({path})


def _fields_in(node: Mapping[str, Any]) -> Iterator[str]:
    """Names of keys anywhere in a parsed JMESPath."""
    if node["type"] == "field":
        yield node["value"]
    for child in node["children"]:
        yield from _fields_in(child)
