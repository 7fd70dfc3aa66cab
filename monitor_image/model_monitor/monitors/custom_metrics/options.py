"""The custom-metrics part of a configuration file, and the metrics that it names."""

from __future__ import annotations

from typing import Any, Final

from model_monitor.contract import (
    MonitoringType,
)
from model_monitor.job.blocks import Block, kind_of
from model_monitor.job.job import Job
from model_monitor.monitors.custom_metrics.loading import Found, load

MAX_ROWS: Final = 5_000_000


def read_options(block: Block) -> dict[str, Any]:
    """`module`, `max_rows` and `thresholds` (metric → limit)."""
    options: dict[str, Any] = {"module": block.text("module"), "max_rows": block.count("max_rows", MAX_ROWS, minimum=1)}
    limits = block.take("thresholds")
    if limits is None:
        return options
    if not isinstance(limits, dict):
        block.faults.add(block.at("thresholds"), f"should be an object of metric → number, found {kind_of(limits)}")
        return options
    for name, limit in limits.items():
        if isinstance(limit, bool) or not isinstance(limit, (int, float)):
            block.faults.add(f"{block.at('thresholds')}.{name}", f"should be a number, found {kind_of(limit)}")
    return options | {"thresholds": dict(limits)}


def limits_of(job: Job) -> dict[str, float]:
    """The configuration's own, by metric."""
    limits: dict[str, float] = job.settings_of(MonitoringType.CUSTOM_METRICS).options.get("thresholds", {})
    return limits


def declared(job: Job) -> Found:
    """The declared metrics; none for a job that does not have this monitor."""
    is_asked = any(settings.type is MonitoringType.CUSTOM_METRICS for settings in job.monitors)
    return load(job.settings_of(MonitoringType.CUSTOM_METRICS).options.get("module")) if is_asked else Found()
