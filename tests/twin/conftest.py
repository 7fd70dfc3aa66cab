"""A running twin for the tests of its parts, and a bus that only remembers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from twin import Twin


@dataclass
class RememberingBus:
    """Stands for EventBridge: keeps what was emitted."""

    emitted: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def emit(self, source: str, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
        self.emitted.append((source, detail_type, detail))

    def of(self, detail_type: str) -> list[dict[str, Any]]:
        return [detail for _, kind, detail in self.emitted if kind == detail_type]


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    """An empty account at 2026-03-02T00:00Z."""
    with Twin(tmp_path / "twin") as running:
        yield running


@pytest.fixture
def bus(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> RememberingBus:
    """What the twin's parts emit, instead of rules and targets."""
    remembering = RememberingBus()
    monkeypatch.setattr(twin, "events", remembering, raising=False)
    return remembering
