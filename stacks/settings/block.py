"""A part of the settings, and how its faults are found: fields by their types, then checks of what belongs together.

A check that reads a faulty field is not asked; every other check is, so that one correction does not uncover the next fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Final, Self, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator
from pydantic.fields import FieldInfo

_UNUSABLE: Final = object()
B = TypeVar("B", bound="Block")
Check = Callable[[B], Iterator[str]]


class FaultyBlock(ValueError):
    """What the checks of a block found, each line `path: problem` with the path below the block."""


def check(method: Check[B]) -> Check[B]:
    """Mark a method of a block that yields faults as `path: problem`. It may read the block's fields and what is in them."""
    vars(method)["is_check"] = True
    return method


class Block(BaseModel):
    """A part of the settings: immutable, and a key that nobody knows is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="after")
    def _ask_checks(self) -> Self:
        if found := [fault for checked in _checks(type(self)) for fault in checked(self)]:
            raise FaultyBlock("\n".join(found))
        return self


def check_what_is_valid(kind: type[Block], content: Mapping[Any, Any]) -> list[str]:
    """What the checks of a block, and of the blocks in it, find although some of its fields are faulty."""
    return _partial(kind, content)[1]


def nearest_key(kind: type[Block], location: tuple[int | str, ...]) -> str | None:
    """The key that an unknown one may have been meant as: of the block it stands in, the one written most alike."""
    *parents, key = location
    kinds: list[Any] = [kind]
    for part in parents:
        kinds = [
            inner for each in kinds for inner in _inside(each, part)
        ] or kinds  # else it tells an alternative apart
    known = [name for each in kinds if _is_block(each) for name in each.model_fields]
    return next(iter(get_close_matches(str(key), known, n=1)), None)


def _inside(kind: Any, part: int | str) -> list[Any]:
    """What may stand below a key or position of a value of this type."""
    if _is_block(kind):
        field = kind.model_fields.get(part)
        return _alternatives(field.annotation) if field else []
    if get_origin(kind) is dict:
        return _alternatives(get_args(kind)[1])
    return _alternatives(get_args(kind)[0]) if get_origin(kind) is tuple and isinstance(part, int) else []


def _alternatives(kind: Any) -> list[Any]:
    """The types that a type allows."""
    if get_origin(kind) is Annotated:
        return _alternatives(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return [inner for each in get_args(kind) for inner in _alternatives(each)]
    return [kind]


def _is_block(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Block)


def _checks(kind: type[Block]) -> Iterator[Check[Any]]:
    """Those of the block and of the blocks it is made from."""
    return (method for base in kind.__mro__ for method in vars(base).values() if getattr(method, "is_check", False))


def _partial(kind: type[B], content: Mapping[Any, Any]) -> tuple[B, list[str]]:
    """A block that lacks its faulty fields, and the faults that checks find in it."""
    values: dict[str, Any] = {}
    absent: set[str] = set()
    faults: list[str] = []
    for name, field in kind.model_fields.items():
        if name in content:
            values[name], inner = _value(field, content[name])
            faults += [f"{name}{'' if fault.startswith('[') else '.'}{fault}" for fault in inner]
        if values.get(name) is _UNUSABLE or (name not in content and field.is_required()):
            absent.add(name)
    block = cast(B, kind.model_construct(**values))
    for name in absent:
        vars(block).pop(name, None)
    for checked in _checks(kind):
        faults += _answer(checked, block)
    return block, faults


def _answer(checked: Check[B], block: B) -> Iterator[str]:
    """The faults that a check finds before it meets a field that is not there."""
    faults = checked(block)
    while True:
        try:
            yield next(faults)
        except (StopIteration, AttributeError):
            return


def _value(field: FieldInfo, content: object) -> tuple[Any, list[str]]:
    """A field's value, of blocks what can be used of them, and the faults that checks find inside."""
    try:
        return TypeAdapter(field.rebuild_annotation()).validate_python(content), []
    except ValidationError:
        kinds = [field.annotation, *get_args(field.annotation)]
    block = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Block)), None)
    if block is not None and get_origin(field.annotation) is tuple:
        return _items(block, content)
    if block is None or not isinstance(content, Mapping):
        return _UNUSABLE, []
    if get_origin(field.annotation) is not dict:
        return _partial(block, content)
    if not content or not all(isinstance(item, Mapping) for item in content.values()):
        return _UNUSABLE, []
    parts = {str(key): _partial(block, item) for key, item in content.items()}
    faults = [f"{key}.{fault}" for key, (_, inner) in parts.items() for fault in inner]
    return {key: part for key, (part, _) in parts.items()}, faults


def _items(block: type[Block], content: object) -> tuple[Any, list[str]]:
    """Of a list of blocks what can be used of each, and the faults that checks find inside, by position."""
    if not isinstance(content, list | tuple) or not all(isinstance(item, Mapping) for item in content):
        return _UNUSABLE, []
    parts = [_partial(block, item) for item in content]
    faults = [f"[{number}].{fault}" for number, (_, inner) in enumerate(parts) for fault in inner]
    return tuple(part for part, _ in parts), faults
