"""A running twin for the tests of its parts, a bus that only remembers, and a stand-in for the monitor image."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.twin.accounts import allow_everything
from twin import Twin


@dataclass
class RememberingBus:
    """Stands for EventBridge: keeps what was emitted."""

    emitted: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def emit(self, source: str, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
        self.emitted.append((source, detail_type, detail))

    def of(self, detail_type: str) -> list[dict[str, Any]]:
        return [detail for _, kind, detail in self.emitted if kind == detail_type]


STAND_IN = '''#!{python}
"""Writes down what it was given and then does what variable `plan` says."""
import json, os, sys, time
from pathlib import Path

root = Path(os.environ["MODEL_MONITOR_ROOT"])
reports = root / "processing" / "output"
files = {{str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}}
seen = {{"arguments": sys.argv[1:], "environment": dict(os.environ), "directory": os.getcwd(), "files": files}}
reports.mkdir(parents=True, exist_ok=True)
(reports / "seen.json").write_text(json.dumps(seen))
(reports / "statistics.json").write_text(json.dumps({{"version": 0.0, "features": [{{"name": "Elevation"}}]}}))
plan = os.environ.get("plan", "ok")
if plan == "learn":
    (reports / "constraints.json").write_text(json.dumps({{"version": 0.0, "features": [], "monitoring_config": {{}}}}))
if plan == "violate":
    violation = {{"feature_name": "Elevation", "constraint_check_type": "data_type_check", "description": "d"}}
    (reports / "constraint_violations.json").write_text(json.dumps({{"violations": [violation]}}))
metrics = root / "output" / "metrics" / "cloudwatch"
metrics.mkdir(parents=True)
point = {{"MetricName": "records", "Timestamp": os.environ.get("end_time", ""), "Value": 7,
          "Dimensions": [{{"Name": "Endpoint", "Value": "covertype"}}]}}
(metrics / "cloudwatch_metrics.jsonl").write_text(json.dumps(point) + "\\n")
messages = {{"ok": "Completed: Job completed successfully with no violations.",
             "violate": "CompletedWithViolations: Job completed successfully with 2 violations.\\ndetails",
             "fail": "Error: the mapping is wrong", "long": "x" * 3000}}
if plan in messages:
    (root / "output" / "message").write_text(messages[plan])
if plan == "latin":
    (root / "output" / "message").write_bytes(b"\\xff\\xfe")
if plan == "sleep":
    time.sleep(60)
if plan == "crash":
    print("Traceback: something broke")
sys.exit(plan in ("fail", "crash"))
'''


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    """An account at 2026-03-02T00:00Z with three roles that may do everything: monitor, endpoint, training. Its monitor image
    is a stand-in that writes down what it was given; model containers run in the interpreter of the tests."""
    image = tmp_path / "image-python"
    image.write_text(STAND_IN.format(python=sys.executable))
    image.chmod(0o755)
    with Twin(tmp_path / "twin", image_python=image, xgboost_python=Path(sys.executable)) as running:
        allow_everything(running, "monitor", "endpoint", "training")
        yield running


@pytest.fixture
def bus(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> RememberingBus:
    """What the twin's parts emit, instead of rules and targets."""
    remembering = RememberingBus()
    monkeypatch.setattr(twin, "events", remembering, raising=False)
    return remembering
