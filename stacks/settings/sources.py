"""Where the sources lie that stand beside stacks/: in the repository there, in an installed distribution inside of it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
PACKED: Final = Path(__file__).resolve().parents[1] / "sources"  # pyproject.toml puts them there


def source(name: str) -> Path:
    """A file or folder that is deployed: lambda, monitor_image, app.py."""
    return (PACKED if PACKED.is_dir() else REPOSITORY) / name


def of_the_user() -> Path:
    """What paths of code in the settings are relative to: the repository, or where somebody's own app runs."""
    return Path.cwd() if PACKED.is_dir() else REPOSITORY
