"""What a report, CloudWatch and a terminal show of model quality."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from model_monitor.contract import (
    CHECK_GREATER,
    CHECK_LESS,
    CHECK_PREDICTION_DRIFT,
    DIMENSION_SLICE,
    DIMENSION_SLICE_VALUE,
    METRIC_ANSWERED,
    METRIC_LABEL_COVERAGE,
    METRIC_LABELS_WITHOUT_PREDICTION,
    METRIC_PREDICTION_DRIFT,
    MonitoringType,
    Verdict,
    violations_metric,
)
from model_monitor.job.job import Job
from model_monitor.monitors.conclusion import Conclusion
from model_monitor.monitors.model_quality.files import MATRIX_LABELS, curves_json, matrix, points_of
from model_monitor.monitors.model_quality.metrics import Quality
from model_monitor.monitors.model_quality.options import in_job
from model_monitor.monitors.model_quality.statistics import QualityStatistics, SliceStatistics
from model_monitor.monitors.model_quality.verdict import (
    why_not,
)
from model_monitor.outputs.metric import Metric
from model_monitor.sketches.feature import FeatureStatistics
from model_monitor.sketches.ranks import Buckets
from model_monitor.words import NO_VALUE, counted, number

CHECK_TYPES = (CHECK_LESS, CHECK_GREATER, CHECK_PREDICTION_DRIFT)
NAME_WIDTH = 36
SLICES_SHOWN = 5
HISTOGRAM_BUCKETS: Final = 20


def metrics(statistics: QualityStatistics, conclusion: Conclusion, job: Job) -> Iterator[Metric]:
    """Coverage always; the metrics themselves and violations once the window can be judged."""
    share = statistics.coverage.share
    if share is not None:
        yield Metric(METRIC_LABEL_COVERAGE, share)
    if statistics.records:
        yield Metric(METRIC_ANSWERED, statistics.answered / statistics.records)
    if statistics.unused is not None:
        yield Metric(METRIC_LABELS_WITHOUT_PREDICTION, float(statistics.unused), "Count")
    if conclusion.drift_max is not None:
        yield Metric(METRIC_PREDICTION_DRIFT, conclusion.drift_max)
    if statistics.records and not why_not(statistics, job.settings_of(MonitoringType.MODEL_QUALITY), job):
        for name, value in statistics.quality.values.items():
            if math.isfinite(value):
                yield Metric(name, value)
        yield from _of_slices(statistics, in_job(job).slice_metrics)
    if conclusion.verdict in (Verdict.OK, Verdict.VIOLATED):
        for check_type in CHECK_TYPES:
            count = sum(check.check_type == check_type for check in conclusion.violations)
            yield Metric(violations_metric(check_type), float(count), "Count")


def _of_slices(statistics: QualityStatistics, names: tuple[str, ...]) -> Iterator[Metric]:
    """One series for each metric, field and value; each costs money, so they are named one by one."""
    for part in statistics.slices:
        for value, found in part.values.items():
            dimensions = {DIMENSION_SLICE: part.name, DIMENSION_SLICE_VALUE: value}
            for name in names:
                if math.isfinite(found.values.get(name, math.nan)):
                    yield Metric(name, found.values[name], extra_dimensions=dimensions)


def summary(statistics: QualityStatistics, conclusion: Conclusion) -> dict[str, Any]:
    """The monitor's block in report.json."""
    found, coverage = statistics.quality, statistics.coverage
    unlabelled: dict[str, int] = {}
    for (_, age), count in sorted(coverage.unlabelled.items()):
        unlabelled[age] = unlabelled.get(age, 0) + count
    return {
        "problem_type": statistics.problem.type,
        "item_count": found.count,
        "labels": {
            "predictions": statistics.records,
            "without_answer": statistics.records - statistics.answered,
            "labelled": statistics.labelled,
            "coverage": coverage.share,
            "unlabelled_by_age": unlabelled,
            "by_variant": _by_variant(statistics),
            "without_prediction": statistics.unused,
            "of_no_use": statistics.odd,
        },
        "metrics": [_metric(name, value, found) for name, value in found.values.items()],
        "predictions": [_prediction(feature) for feature in statistics.predictions],
        "slices": [_slice(part) for part in statistics.slices],
        "auc_error": found.area_error,
        "label_count": len(found.labels),
        "confusion_matrix": matrix(found) if 0 < len(found.labels) <= MATRIX_LABELS else None,
        "curves": None if found.curves is None else curves_json(found.curves) | {"points": points_of(found.curves)},
        "prediction_drift_max": conclusion.drift_max,
    }


def _slice(part: SliceStatistics) -> dict[str, Any]:
    values = [
        {
            "value": value,
            "item_count": found.count,
            "metrics": [_metric(name, number, found) for name, number in found.values.items()],
            "fault": found.fault,
        }
        for value, found in part.values.items()
    ]
    return {
        "name": part.name,
        "values": values,
        "suppressed": {"values": part.suppressed, "records": part.suppressed_records},
        "has_many_values": part.has_many_values,
    }


def _prediction(feature: FeatureStatistics) -> dict[str, Any]:
    """The distribution of predicted labels, or a histogram of scores."""
    content: dict[str, Any] = {"name": feature.name, "present": feature.present, "missing": feature.missing}
    numeric = feature.numeric
    if numeric is None or numeric.ranks is None or numeric.minimum is None or numeric.maximum is None:
        return content | {"counts": dict(feature.categories or {})}
    buckets = Buckets.equal_width(numeric.ranks, numeric.minimum, numeric.maximum, HISTOGRAM_BUCKETS)
    histogram = {"bounds": buckets.bounds.tolist(), "counts": buckets.counts.tolist()}
    return content | {
        "mean": numeric.mean,
        "std_dev": numeric.std_dev,
        "min": numeric.minimum,
        "max": numeric.maximum,
        "histogram": histogram,
    }


def _by_variant(statistics: QualityStatistics) -> dict[str, dict[str, int]]:
    coverage = statistics.coverage
    variants = {*coverage.matched, *(variant for variant, _ in coverage.unlabelled)}
    return {
        variant: {
            "labelled": coverage.matched[variant],
            "unlabelled": sum(count for (name, _), count in coverage.unlabelled.items() if name == variant),
        }
        for variant in sorted(variants)
    }


def _metric(name: str, value: float, found: Quality) -> dict[str, Any]:
    spreads = {"standard_deviation": found.deviations, "standard_error": found.errors}
    numbers = {"value": value} | {key: by_name.get(name, math.nan) for key, by_name in spreads.items()}
    return {"name": name} | {key: number if math.isfinite(number) else None for key, number in numbers.items()}


def lines(summary: Mapping[str, Any], conclusion: Conclusion) -> list[str]:
    """Metrics with their standard errors and limits, how many labels came, and which groups do worst."""
    if not summary:
        return []
    labels, metrics = summary["labels"], summary["metrics"]
    found = [f"labels: {labels['labelled']:,} of {counted(labels['predictions'], 'prediction')}"]
    shown = [metric for metric in metrics if not metric["name"].endswith("best_constant_classifier")]
    checks = {check.subject: check for check in conclusion.checks}
    width = max((len(name) for name in ("metric", *checks, *(metric["name"] for metric in shown))), default=0)
    if shown:
        found += ["", f"{'metric':<{width}}  {'value':>10}  {'+/-':>8}  {'limit':>10}  verdict"]
    for metric in shown:
        check = checks.pop(metric["name"], None)
        limit = number(check.allowed if check else None)
        verdict = NO_VALUE if check is None else str(check.outcome).replace("_", " ")
        verdict += ", beyond its limit by chance" if check is not None and check.is_by_chance else ""
        value, error = number(metric["value"]), number(metric["standard_error"])
        found.append(f"{metric['name']:<{width}}  {value:>10}  {error:>8}  {limit:>10}  {verdict}")
    return found + [line for part in summary["slices"] for line in _slice_lines(part)]


def _slice_lines(part: Mapping[str, Any]) -> list[str]:
    """The groups that do worst by one metric."""
    found = []
    for value in part["values"]:
        metrics = {metric["name"]: metric["value"] for metric in value["metrics"]}
        name = "rmse" if "rmse" in metrics else "accuracy"
        if metrics.get(name) is not None:
            found.append((metrics[name] if name == "accuracy" else -metrics[name], name, value))
    found.sort(key=lambda item: (item[0], item[2]["value"]))
    small = part["suppressed"]
    notes = [f"{len(part['values']) - SLICES_SHOWN} more in the report"] if len(part["values"]) > SLICES_SHOWN else []
    notes += (
        [f"{small['values']} too small to be told ({counted(small['records'], 'record')})"] if small["values"] else []
    )
    notes += ["too many different values"] if part["has_many_values"] else []
    if not found and not notes:
        return []
    lines = ["", f"by {part['name']}" + (f" ({'; '.join(notes)})" if notes else "")]
    width = min(max((len(value["value"]) for _, _, value in found[:SLICES_SHOWN]), default=0), NAME_WIDTH)
    for score, name, value in found[:SLICES_SHOWN]:
        text = value["value"] if len(value["value"]) <= width else value["value"][: width - 3] + "..."
        lines.append(f"  {text:<{width}}  {name} {number(abs(score))}  {counted(value['item_count'], 'record')}")
    return lines
