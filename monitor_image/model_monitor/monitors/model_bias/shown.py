"""What a report, CloudWatch and a terminal show of bias."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from model_monitor.contract import (
    CHECK_BIAS_DRIFT,
    DIMENSION_BIAS_STAGE,
    DIMENSION_FACET,
    DIMENSION_FACET_VALUE,
    DIMENSION_LABEL,
    DIMENSION_LABEL_VALUE,
    DIMENSION_MONITOR,
    METRIC_ANSWERED,
    METRIC_INFINITY,
    METRIC_LABEL_COVERAGE,
    BiasStage,
    MonitoringType,
    Verdict,
    bias_metric,
    violations_metric,
)
from model_monitor.job.job import Job
from model_monitor.monitors.conclusion import Conclusion
from model_monitor.monitors.model_bias.constraints import BiasCheck
from model_monitor.monitors.model_bias.files import number
from model_monitor.monitors.model_bias.metrics import DESCRIPTIONS
from model_monitor.monitors.model_bias.statistics import BiasStatistics, Entry, Value
from model_monitor.outputs.metric import Metric
from model_monitor.words import NO_VALUE, counted, number as shown_number


def metrics(statistics: BiasStatistics, conclusion: Conclusion, job: Job) -> Iterator[Metric]:
    """Coverage always; violations and values, under Clarify's dimensions, once the window can be judged.

    Groups that nobody named are values of the data, which no metric carries.
    """
    if statistics.records:
        share = statistics.labelled / statistics.records
        yield Metric(METRIC_LABEL_COVERAGE, share, extra_dimensions={DIMENSION_MONITOR: str(MonitoringType.MODEL_BIAS)})
    was_judged = any(isinstance(check, BiasCheck) for check in conclusion.checks)  # not so by a rehearsal alone
    is_told = any(settings.type == MonitoringType.MODEL_QUALITY for settings in job.monitors)  # of all records, there
    if was_judged and statistics.predicted and not is_told:
        yield Metric(METRIC_ANSWERED, statistics.predicted / statistics.labelled)
    if conclusion.verdict not in (Verdict.OK, Verdict.VIOLATED):
        return
    yield Metric(violations_metric(CHECK_BIAS_DRIFT), float(len(conclusion.violations)), "Count")
    for entry in statistics.entries if was_judged else ():
        for stage, values in ((BiasStage.PRE, entry.pre), (BiasStage.POST, entry.post)):
            for name, found in values.items():
                if entry.is_configured and found.value is not None and not math.isnan(found.value):
                    yield Metric(
                        bias_metric(name),
                        math.copysign(METRIC_INFINITY, found.value) if math.isinf(found.value) else found.value,
                        extra_dimensions=_dimensions(statistics, entry, stage),
                    )


def _dimensions(statistics: BiasStatistics, entry: Entry, stage: BiasStage) -> dict[str, str]:
    return {
        DIMENSION_FACET: entry.facet,
        DIMENSION_FACET_VALUE: entry.stable_text,
        DIMENSION_BIAS_STAGE: str(stage),
        DIMENSION_LABEL: statistics.label,
        DIMENSION_LABEL_VALUE: statistics.label_text,
    }


def summary(statistics: BiasStatistics, _: Conclusion) -> dict[str, Any]:
    """The monitor's block in report.json: what was counted, and every metric with its spread where it is known."""
    records, labelled = statistics.records, statistics.labelled
    return {
        "label": statistics.label,
        "label_value_or_threshold": statistics.label_text,
        "records": records,
        "labelled": labelled,
        "label_coverage": labelled / records if records else None,
        "predicted": statistics.predicted,
        "without_facet": dict(statistics.missing),
        "facets": [_of_entry(entry) for entry in statistics.entries],
    }


def _of_entry(entry: Entry) -> dict[str, Any]:
    content: dict[str, Any] = {
        "facet": entry.facet,
        "group": entry.stable_text,  # as messages and metrics have it: without a value of the data
        "value_or_threshold": entry.text,
        "read_as": "threshold" if entry.is_threshold else "values",
        "reason": entry.reason,
    }
    if entry.reason:
        return content
    content |= {"advantaged": entry.advantaged, "disadvantaged": entry.disadvantaged}
    content |= {stage: _of_values(values) for stage, values in (("pre", entry.pre), ("post", entry.post))}
    flip = entry.flip
    if flip is not None:
        content["flip_test"] = {
            "is_exact": flip.records == flip.seen,
            "records": flip.records,
            "seen": flip.seen,
            "tested": flip.tested,
            "neighbours": flip.neighbours,
            "incomplete": flip.incomplete,
            "low": flip.low,
            "high": flip.high,
        }
    return content


def _of_values(values: Mapping[str, Value]) -> dict[str, Any]:
    told = {}
    for name, found in values.items():
        spread = {} if math.isnan(found.deviation) else {"standard_deviation": found.deviation}
        told[name] = {"value": number(found.value)} | spread | ({"error": found.error} if found.error else {})
    return told


def lines(summary: Mapping[str, Any], conclusion: Conclusion) -> list[str]:
    """Each group against the rest: how many records, and every metric with its limit and, where it is known, how far chance
    alone may take it; what has no value is told below.
    """
    if not summary:
        return []
    checks = {(c.facet, c.facet_value, c.metric_name): c for c in conclusion.checks if isinstance(c, BiasCheck)}
    has_allowance = any(check.allowance is not None for check in checks.values())
    told = [f"labels: {summary['labelled']:,} of {counted(summary['records'], 'prediction')}"]
    spelled_out: set[str] = set()
    for part in summary["facets"]:
        group = f"{part['facet']} {part['group']}".strip()
        if part["reason"]:
            told += ["", f"{group}: {part['reason']}"]
            continue
        told += ["", f"{group}: {part['disadvantaged']:,} records against {part['advantaged']:,}"]
        chance = f"  {'by chance':>10}" if has_allowance else ""
        told += [f"{'metric':<8}  {'value':>10}  {'limit':>10}{chance}  verdict"]
        for name, found in (*part["pre"].items(), *part["post"].items()):
            if found["value"] is None:
                continue
            check = checks.get((part["facet"], part["value_or_threshold"], name))
            value = found["value"] if isinstance(found["value"], str) else shown_number(found["value"])
            limit = shown_number(check.allowed if check else None)
            reach = f"  {shown_number(check.allowance if check else None):>10}" if has_allowance else ""
            verdict = NO_VALUE if check is None else str(check.outcome).replace("_", " ")
            words = "" if name in spelled_out else DESCRIPTIONS.get(name, "").removesuffix(f" ({name})")
            spelled_out.add(name)
            told.append(f"{name:<8}  {value:>10}  {limit:>10}{reach}  {verdict:<13}  {words}".rstrip())
    return told
