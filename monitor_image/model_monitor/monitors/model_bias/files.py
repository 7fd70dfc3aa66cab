"""analysis.json and constraint_violations.json of bias, in Clarify's shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from model_monitor.contract import OWN_BLOCK, BiasStage
from model_monitor.monitors.conclusion import Check, Conclusion
from model_monitor.monitors.model_bias.constraints import COUNTED, BiasCheck, written
from model_monitor.monitors.model_bias.metrics import DESCRIPTIONS
from model_monitor.monitors.model_bias.statistics import BiasStatistics, Value

VERSION = "1.0"


def analysis_file(statistics: BiasStatistics) -> dict[str, Any]:
    """A run's result, and the next runs' constraints. A stage without any value is left out, as Clarify does."""
    content: dict[str, Any] = {"version": VERSION}
    for stage in (BiasStage.POST, BiasStage.PRE):
        facets: dict[str, list[dict[str, Any]]] = {}
        for entry in statistics.entries:
            values = entry.pre if stage is BiasStage.PRE else entry.post
            group = {"value_or_threshold": entry.text, "metrics": [_metric(*item) for item in values.items()]}
            facets.setdefault(entry.facet, []).extend([group] if values else [])
        if any(facets.values()):
            content[stage.block] = {
                "label": statistics.label,
                "facets": facets,
                "label_value_or_threshold": statistics.label_text,
            }
    kept = _counted(statistics) if statistics.is_baseline else {}
    return content | ({OWN_BLOCK: {COUNTED: kept}} if kept else {})


def _counted(statistics: BiasStatistics) -> dict[str, list[dict[str, Any]]]:
    """What later windows need beside the values: how many records there are behind them."""
    facets: dict[str, list[dict[str, Any]]] = {}
    for entry in statistics.entries:
        if entry.counted is not None:
            group = {"value_or_threshold": entry.text, **entry.counted.to_json()}
            facets.setdefault(entry.facet, []).append(group)
    return facets


def violations_file(conclusion: Conclusion) -> dict[str, Any] | None:
    """The content of the file; None when nothing is violated."""
    violations = [_violation(check) for check in conclusion.violations]
    return {"version": VERSION, "violations": violations} if violations else None


def _violation(check: Check) -> dict[str, str]:
    parts = {"facet": check.subject, "facet_value": "", "metric_name": check.subject}  # a rehearsal's is of no group
    if isinstance(check, BiasCheck):
        parts = {"facet": check.facet, "facet_value": check.facet_value, "metric_name": check.metric_name}
    return {"constraint_check_type": str(check.check_type), "description": check.description, **parts}


def number(value: float | None) -> float | str | None:
    """Infinity is text in these files, since JSON has no number for it."""
    return written(value) if value is not None and math.isinf(value) else value


def _metric(name: str, found: Value) -> Mapping[str, Any]:
    content = {"name": name, "description": DESCRIPTIONS[name], "value": number(found.value)}
    return content | ({"error": found.error} if found.value is None else {})
