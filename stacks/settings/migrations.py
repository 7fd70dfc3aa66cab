"""How environment files of older formats are read: each step makes of a file of one version one of the next.

A change of the format that would refuse or misread files of yesterday raises `VERSION`, with the `version` of the settings, and
adds its step here: `STEPS[1] = …` gets a file of version 1, as YAML has it, with the endpoints that have files of their own, and
returns one of version 2; what it is given it may change. Files need not be rewritten. There has been one format, so there is no
step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from model_monitor import formats

VERSION: Final = 1
STEPS: Final[dict[int, formats.MigrationStep]] = {}


def newest(document: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A file in today's format, and what is wrong with its version; all else is checked as if it were today's."""
    try:
        return formats.migrated(document, VERSION, STEPS), []
    except ValueError as error:
        return {**document, "version": VERSION}, [f"version: {error}"]
