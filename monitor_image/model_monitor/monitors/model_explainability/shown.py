"""What a report, CloudWatch and a terminal show of attributions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from model_monitor.contract import (
    CHECK_ATTRIBUTION_DRIFT,
    DIMENSION_LABEL,
    DIMENSION_METHOD,
    DIMENSION_VALUE_TYPE,
    METHOD_KERNEL_SHAP,
    METRIC_ATTRIBUTED,
    METRIC_EXPECTED_VALUE,
    METRIC_NDCG_MIN,
    VALUE_TYPE_EXPECTED,
    VALUE_TYPE_GLOBAL,
    PerFeature,
    Verdict,
    attribution_metric,
    violations_metric,
)
from model_monitor.job.job import Job
from model_monitor.monitors.answered import CHECK_ANSWERS
from model_monitor.monitors.conclusion import Conclusion
from model_monitor.monitors.model_explainability.attributions import Method
from model_monitor.monitors.model_explainability.constraints import AttributionBaseline
from model_monitor.monitors.model_explainability.statistics import AttributionStatistics
from model_monitor.outputs.metric import Metric
from model_monitor.words import counted, number

RANKED_FEATURES = 5


def metrics(statistics: AttributionStatistics, conclusion: Conclusion, job: Job) -> Iterator[Metric]:
    """Violations once they were looked for, the worst label's agreement, expected values; of features as the job asks."""
    if conclusion.verdict in (Verdict.OK, Verdict.VIOLATED):  # no count is no pass
        yield Metric(violations_metric(CHECK_ATTRIBUTION_DRIFT), float(len(conclusion.violations)), "Count")
    if statistics.method is Method.CAPTURED and statistics.records:
        yield Metric(METRIC_ATTRIBUTED, statistics.used / statistics.records)
    drift = [check for check in conclusion.checks if check.check_type != CHECK_ANSWERS]
    scores = [check.observed for check in drift if check.observed is not None]
    if scores:
        yield Metric(METRIC_NDCG_MIN, min(scores))
    for label, expected in zip(statistics.labels, statistics.expected, strict=True):
        dimensions = {DIMENSION_METHOD: METHOD_KERNEL_SHAP, DIMENSION_LABEL: label}
        if expected is not None:
            yield Metric(
                METRIC_EXPECTED_VALUE,
                expected,
                extra_dimensions={**dimensions, DIMENSION_VALUE_TYPE: VALUE_TYPE_EXPECTED},
            )
        for feature, value in statistics.by_label[label].items():
            if _is_told(feature, job):
                told = {**dimensions, DIMENSION_VALUE_TYPE: VALUE_TYPE_GLOBAL}
                yield Metric(attribution_metric(feature), value, extra_dimensions=told)


def _is_told(feature: str, job: Job) -> bool:
    """Whether a feature has metrics of its own."""
    return job.metrics.per_feature is PerFeature.ALL or (
        job.metrics.per_feature is PerFeature.CRITICAL and feature in job.metrics.critical
    )


def summary(statistics: AttributionStatistics, conclusion: Conclusion) -> dict[str, Any]:
    """The monitor's block in report.json: how the values were found, and the values of each label."""
    scores = {check.subject: check.observed for check in conclusion.checks}
    named = zip(statistics.by_label.items(), statistics.expected, strict=True)
    return {
        **statistics.facts,
        "stopped": statistics.stopped,
        "spent": dict(statistics.spent),
        "ndcg_min": min((score for score in scores.values() if score is not None), default=None),
        "labels": [
            {"name": label, "ndcg": scores.get(label), "expected_value": expected, "attributions": values}
            for (label, values), expected in named
        ],
    }


def pictures(statistics: AttributionStatistics, baseline: AttributionBaseline | None) -> dict[str, Any]:
    """What each feature contributed when the baseline was made, of the labels that this window has, too."""
    then = baseline.values if baseline is not None else {}
    found = {label: dict(then[label]) for label in statistics.labels if label in then}
    return {"baseline": found} if found else {}


def lines(summary: Mapping[str, Any], conclusion: Conclusion) -> list[str]:
    """How features were explained, and of each label the first of them, and how far chance takes its agreement."""
    reached = {check.subject: check.allowance for check in conclusion.checks if check.allowance is not None}
    explained, records = summary.get("records_explained", 0), summary.get("records", 0)
    told = [f"attributions: {summary.get('method')}, {explained} of {counted(records, 'record')} explained"]
    for label in summary.get("labels", ()):
        ranked = sorted(label["attributions"].items(), key=lambda item: -abs(item[1]))
        named = ", ".join(f"{feature} {number(value)}" for feature, value in ranked[:RANKED_FEATURES])
        more = f" and {len(ranked) - RANKED_FEATURES} more" if len(ranked) > RANKED_FEATURES else ""
        chance = f" (ndcg by chance down to {number(reached[label['name']])})" if label["name"] in reached else ""
        told.append(f"  {label['name']}  ndcg {number(label['ndcg'])}  {named}{more}{chance}")
    return told
