"""Time zones that functions carry with them, as Lambda's runtimes promise none: files of the IANA's database."""

from __future__ import annotations

import zoneinfo
from importlib import resources
from pathlib import Path


def zone_file(name: str) -> str:
    """How lambda/shared/windows.py finds it beside itself."""
    return f"zone-{name.replace('/', '-')}"


def zone_bytes(name: str) -> bytes:
    """The zone as this machine knows it. Raises: FileNotFoundError, ModuleNotFoundError."""
    for folder in zoneinfo.TZPATH:
        path = Path(folder, name)
        if path.is_file():
            return path.read_bytes()
    return resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
