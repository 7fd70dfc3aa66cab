"""statistics.json of custom metrics."""

from __future__ import annotations

from typing import Any

from model_monitor.monitors.custom_metrics.statistics import Statistics


def statistics_file(statistics: Statistics) -> dict[str, Any]:
    """statistics.json of custom metrics."""
    values = {each["name"]: each for each in values_of(statistics)}
    return {"version": 0.0, "dataset": coverage(statistics), "custom_metrics": values}


def coverage(statistics: Statistics) -> dict[str, Any]:
    return {
        "item_count": statistics.item_count,
        "rows_used": statistics.rows_used,
        "rows_with_label": statistics.labelled,
        "is_sample": statistics.is_sample,
    }


def values_of(statistics: Statistics) -> list[dict[str, Any]]:
    return [
        {
            "name": metric.name,
            "status": measured.status.value,
            "value": measured.value,
            "unit": metric.unit,
            "worse": metric.worse,
            "threshold": metric.threshold,
            "reason": measured.reason,
        }
        for metric, measured in statistics.metrics
    ]
