"""Writing files so that a reader never sees half of one, and the same content always gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from model_monitor.errors import OutputError


def write_bytes(path: Path, content: bytes) -> Path:
    """Write to a neighbour, then rename: a run that is killed leaves the old file or none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise OutputError(
            path, f"cannot be written ({error.strerror}).", "Check the folder's rights and free space."
        ) from error
    return path


def to_json(content: Mapping[str, Any]) -> bytes:
    """Indented JSON in the order of the keys given; a number that is not finite becomes null."""
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def write_json(path: Path, content: Mapping[str, Any]) -> Path:
    """One JSON document."""
    return write_bytes(path, to_json(content))


def write_json_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> Path:
    """One compact JSON object per line."""
    return write_bytes(path, b"".join(orjson.dumps(line) + b"\n" for line in lines))


def remove(path: Path) -> None:
    """Take away what an earlier run left in a folder that is used again; a missing file is fine."""
    path.unlink(missing_ok=True)
