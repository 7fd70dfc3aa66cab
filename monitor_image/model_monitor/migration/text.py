"""An environment file as text: YAML with reasons beside what they are about. The core has no library for it and needs none."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

Path = tuple[str, ...]
WIDTH: Final = 120
PLAIN: Final = re.compile(r"[A-Za-z_][\w./:?*() -]*")  # begins with a letter, holds nothing that YAML reads into
WORDS: Final = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")
ONE_LINE: Final = ("baseline", "capture")  # however long their URIs are
BLOCKS: Final = (  # what stands on lines of its own, however short; * stands for any name
    ("endpoints",),
    ("endpoints", "*"),
    ("endpoints", "*", "monitors"),
    ("endpoints", "*", "monitors", "*"),
)


def written(content: Mapping[str, Any], notes: Mapping[Path, Sequence[str]], head: Sequence[str]) -> str:
    """The file. notes: path → what is said above it; of a path that is not in the content, below its parent."""
    lines = [f"# {line}".rstrip() for line in head]
    lines += _lines(content, notes, ())
    return "\n".join(lines) + "\n"


def _lines(content: Mapping[str, Any], notes: Mapping[Path, Sequence[str]], path: Path) -> list[str]:
    margin = "  " * len(path)
    lines: list[str] = []
    for key, value in content.items():
        here = (*path, key)
        lines += [f"{margin}# {note}" for note in notes.get(here, ())]
        short = f"{margin}{scalar(key)}: {flow(value)}"
        is_long = len(short) > WIDTH and key not in ONE_LINE
        if isinstance(value, Mapping) and value and (_is_block(here) or is_long):
            lines += [f"{margin}{scalar(key)}:", *_lines(value, notes, here)]
        else:
            lines += [f"{margin}# {note}" for below in notes if below[:-1] == here for note in notes[below]]
            lines.append(short)
    absent = [path_ for path_ in notes if path_[:-1] == path and path_[-1] not in content]
    return lines + [f"{margin}# {note}" for path_ in absent for note in notes[path_]]


def _is_block(path: Path) -> bool:
    return any(
        len(path) == len(block) and all(mine in ("*", given) for mine, given in zip(block, path, strict=True))
        for block in BLOCKS
    )


def flow(value: Any) -> str:
    """On one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """Text bare where nothing else can be read into it, else as JSON, which YAML holds."""
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in WORDS and _is_unambiguous(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _is_unambiguous(text: str) -> bool:
    return ": " not in text and not text.endswith((":", " ")) and " #" not in text
