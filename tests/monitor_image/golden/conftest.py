"""Where the inputs of published runs lie that several tests recompute."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def adult(shared: Path) -> Path:
    """Clarify's examples on census data: a logistic model of 14 features, with bias and attributions."""
    return shared / "data" / "adult_clarify"


@pytest.fixture(scope="session")
def covertype(shared: Path) -> Path:
    """Several records a request, texts and integers."""
    return shared / "data" / "covertype_multi_payload"
