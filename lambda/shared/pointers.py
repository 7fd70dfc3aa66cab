"""current.json, which says which version of a baseline runs compare with: whoever moves it writes the same. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def completed(current: Mapping[str, Any] | None) -> list[str]:
    """Versions that are known to be complete, from the content of current.json."""
    if current is None:
        return []
    return sorted({*map(str, current.get("completed", [])), str(current["version"])})


def content(version: str, endpoint: str, created_by: str, current: Mapping[str, Any] | None) -> bytes:
    """The next content of current.json. It remembers complete versions, so that a return to one computes nothing."""
    found = {
        "version": version,
        "created_by": created_by,
        "endpoint": endpoint,
        "completed": sorted({*completed(current), version}),
    }
    return json.dumps(found, indent=2).encode() + b"\n"
