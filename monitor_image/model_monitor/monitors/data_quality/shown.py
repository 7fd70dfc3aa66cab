"""What a report, CloudWatch and a terminal show of data quality."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from model_monitor.contract import (
    DIMENSION_FEATURE,
    METRIC_DRIFT_MAX,
    METRIC_DRIFTED_SHARE,
    CheckType,
    PerFeature,
    Verdict,
    feature_data_metric,
    feature_drift_metric,
    feature_non_null_metric,
    violations_metric,
)
from model_monitor.job.job import Job
from model_monitor.monitors.conclusion import Check, Conclusion, Outcome
from model_monitor.monitors.data_quality.statistics import DatasetStatistics
from model_monitor.outputs.metric import Metric, StatisticValues
from model_monitor.schema import Privacy
from model_monitor.sketches.feature import FeatureStatistics
from model_monitor.words import NO_VALUE, number, share

UNJUDGED = (
    Verdict.OK,
    Verdict.NO_DATA,
    Verdict.INSUFFICIENT_DATA,
)  # without checks: of a baseline, or of nothing
NAME_WIDTH = 36
COLUMN_CHECKS = frozenset({CheckType.MISSING_COLUMN, CheckType.EXTRA_COLUMN})


def metrics(statistics: DatasetStatistics, conclusion: Conclusion, job: Job) -> Iterator[Metric]:
    """Violations by type and drift of the whole; of single features as the job asks."""
    for check_type in CheckType:
        count = sum(check.check_type == check_type for check in conclusion.violations)
        yield Metric(violations_metric(check_type), float(count), "Count")
    drift = _drift(conclusion)
    if drift:
        violated = sum(check.outcome is Outcome.VIOLATED for check in drift.values())
        yield Metric(METRIC_DRIFTED_SHARE, violated / len(drift))
        yield Metric(METRIC_DRIFT_MAX, max(check.distance or 0.0 for check in drift.values()))
    for feature in statistics.features:
        if _is_told(feature, job) and feature.name not in conclusion.silenced:
            yield from _of_feature(feature, drift.get(feature.name), job.metrics.feature_dimension)


def _of_feature(feature: FeatureStatistics, drift: Check | None, has_dimension: bool) -> Iterator[Metric]:
    values: list[tuple[str, float | StatisticValues]] = []
    if feature.present + feature.missing:
        values.append((feature_non_null_metric(feature.name), feature.completeness))
    numeric = feature.numeric
    is_shown = feature.inferred_type.is_numeric and feature.privacy is not Privacy.RESTRICTED
    if is_shown and numeric is not None and numeric.minimum is not None and numeric.maximum is not None:
        data = StatisticValues(float(numeric.count), numeric.sum, numeric.minimum, numeric.maximum)
        values.append((feature_data_metric(feature.name), data))
    if drift is not None and drift.distance is not None:
        values.append((feature_drift_metric(feature.name), drift.distance))
    for name, value in values:
        yield Metric(name, value)
        if has_dimension:
            yield Metric(name, value, extra_dimensions={DIMENSION_FEATURE: feature.name})


def summary(statistics: DatasetStatistics, conclusion: Conclusion) -> dict[str, Any]:
    """The monitor's block in report.json: what was covered, and the statistics of each feature, no category's name."""
    drift = _drift(conclusion)
    evaluated = sum(check.outcome is not Outcome.NOT_EVALUATED for check in conclusion.checks)
    return {
        "item_count": statistics.item_count,
        "coverage": {"checks": len(conclusion.checks), "evaluated": evaluated},
        "drifted_share": sum(c.outcome is Outcome.VIOLATED for c in drift.values()) / len(drift) if drift else None,
        "drift_max": max((c.distance or 0.0 for c in drift.values()), default=None),
        "features": [_summary(feature, drift.get(feature.name)) for feature in statistics.features],
    }


def _summary(feature: FeatureStatistics, drift: Check | None) -> dict[str, Any]:
    content: dict[str, Any] = {
        "name": feature.name,
        "inferred_type": feature.inferred_type.value,
        "present": feature.present,
        "missing": feature.missing,
        "completeness": feature.completeness,
        "distance": drift.distance if drift is not None else None,
    }
    if feature.spelled:
        content["missing_as"] = dict(feature.spelled)
    if feature.privacy is not Privacy.OPEN:
        content["privacy"] = feature.privacy.value
    if feature.privacy is Privacy.RESTRICTED:
        return content
    content["distinct"] = round(feature.distinct_count)
    numeric = feature.numeric
    if feature.inferred_type.is_numeric and numeric is not None and numeric.ranks is not None:
        content |= {
            "mean": numeric.mean,
            "std_dev": numeric.std_dev,
            "min": numeric.minimum,
            "median": numeric.ranks.quantile(0.5),
            "max": numeric.maximum,
            "rank_error": numeric.rank_error / numeric.count,
        }
    return content


def _drift(conclusion: Conclusion) -> dict[str, Check]:
    """Drift checks that were evaluated, by feature."""
    return {
        check.subject: check
        for check in conclusion.checks
        if check.check_type == CheckType.BASELINE_DRIFT and check.outcome is not Outcome.NOT_EVALUATED
    }


def _is_told(feature: FeatureStatistics, job: Job) -> bool:
    """Whether a feature has metrics of its own."""
    if job.metrics.per_feature is PerFeature.NONE:
        return False
    return job.metrics.per_feature is PerFeature.ALL or feature.name in job.metrics.critical


def lines(summary: Mapping[str, Any], conclusion: Conclusion) -> list[str]:
    """One line for each feature."""
    features: Sequence[Mapping[str, Any]] = summary.get("features", ())
    is_judged = bool(conclusion.checks) or conclusion.verdict not in UNJUDGED
    if not features:
        return []
    by_subject: dict[str, list[Check]] = defaultdict(list)
    for check in conclusion.checks:
        by_subject[check.subject].append(check)
    width = min(max(len("feature"), *(len(feature["name"]) for feature in features)), NAME_WIDTH)
    found = [f"{'feature':<{width}}  {'type':<10}  {'complete':>8}" + ("  distance  verdict" if is_judged else "")]
    for feature in features:
        complete = share(feature["completeness"]) if feature["present"] + feature["missing"] else NO_VALUE
        line = f"{_cut(feature['name'], width):<{width}}  {feature['inferred_type']:<10}  {complete:>8}"
        if is_judged:
            line += f"  {number(feature.get('distance')):>8}  {_verdict(by_subject.pop(feature['name'], []))}"
        found.append(line)
    return found + [
        f"{_cut(name, width):<{width}}  {NO_VALUE:<10}  {NO_VALUE:>8}  {NO_VALUE:>8}  {_verdict(checks)}"
        for name, checks in by_subject.items()
        if not {check.check_type for check in checks} & COLUMN_CHECKS  # whose subject is no feature
        and all(check.outcome is Outcome.NOT_EVALUATED for check in checks)
    ]


def _cut(name: str, width: int) -> str:
    return name if len(name) <= width else name[: width - 3] + "..."


def _verdict(checks: list[Check]) -> str:
    """What became of a feature's checks: a pass of all is `held`, of some says how many, and why the others are none.

    What is beyond its limit by chance is held and told: the distance beside it is cut to the limit, as metrics are.
    """
    held = [check for check in checks if check.outcome is Outcome.HELD]
    violated = [str(check.check_type) for check in checks if check.outcome is Outcome.VIOLATED]
    missed = [check for check in checks if check.outcome is Outcome.NOT_EVALUATED]
    by_chance = [f"{check.check_type} {number(check.observed)}" for check in held if check.is_by_chance]
    told_so = f", beyond its limit by chance: {', '.join(by_chance)}" if by_chance else ""
    if not missed and not violated and held:
        return f"held{told_so}"
    told = [f"violated: {', '.join(violated)}"] if violated else []
    if held and not violated:
        told = [f"held ({len(held)} of {len(checks)} checks){told_so}"]
    if missed or not checks:
        told.append(
            f"not evaluated: {_why(missed, names_all=bool(told))}" if missed else "not evaluated: it has no check"
        )
    return "; ".join(told)


def _why(missed: list[Check], *, names_all: bool) -> str:
    """Reasons with the checks they hold for; one reason of all checks needs no names."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for check in missed:
        by_reason[check.description].append(str(check.check_type))
    if len(by_reason) == 1 and not names_all:
        return next(iter(by_reason))
    return "; ".join(f"{', '.join(types)} ({reason})" for reason, types in by_reason.items())
