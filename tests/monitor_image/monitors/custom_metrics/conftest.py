"""Fixtures of monitors' tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_monitor.monitors.custom_metrics import loading
from tests.monitor_image.monitors.custom_metrics.payments import (
    block_of_guide,
)


@pytest.fixture(autouse=True)
def _forgotten():
    loading.load.cache_clear()
    yield
    loading.load.cache_clear()


@pytest.fixture
def example(tmp_path: Path) -> Path:
    path = tmp_path / "fraud_metrics.py"
    path.write_text(block_of_guide("python"))
    return path
