"""Where the inputs of a published run lie that a comparison replays."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def adult(shared: Path) -> Path:
    """Clarify's example on census data."""
    return shared / "data" / "adult_clarify"
