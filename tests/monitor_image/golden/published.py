"""What was published of a run, and the same run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from model_monitor import flow
from model_monitor.contract import JobKind
from model_monitor.job.configuration import parse_configuration
from model_monitor.job.job import BaselineFiles, DatasetKind, DatasetSource, Job
from model_monitor.outputs.report import MonitorResult


def content_of(path: Path) -> dict[str, Any]:
    """Of a JSON file."""
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def recompute(
    folder: Path,
    data: Path,
    kind: DatasetKind,
    content: dict[str, Any],
    *,
    baseline: Path | None = None,
    ground_truth: Path | None = None,
) -> MonitorResult:
    """The result of the one monitor that a configuration has: of a monitoring job where it has a baseline, or of a baseline job."""
    configuration = parse_configuration(json.dumps(content).encode(), "test")
    (monitor,) = configuration.monitors
    job = Job(
        JobKind.MONITOR if baseline else JobKind.BASELINE,
        DatasetSource(data, kind),
        folder / "output",
        configuration.schema,
        configuration.monitors,
        {monitor.type: BaselineFiles(baseline)} if baseline else {},
        ground_truth=ground_truth,
        workers=1,
    )
    report = flow.run(job)
    assert report.error is None
    (result,) = report.results
    return result
