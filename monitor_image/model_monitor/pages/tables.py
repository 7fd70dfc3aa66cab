"""The tables of a report's page as rows, for programs: the same numbers in the same order, made of report.json alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from model_monitor.contract import MonitoringType
from model_monitor.pages import report as page

Row = dict[str, Any]


def rows(report: Mapping[str, Any]) -> dict[str, list[Row]]:
    """Table → rows. A table of which the report has nothing is empty; restricted features are in no distribution."""
    of = {monitor["type"]: monitor for monitor in report["monitors"]}
    return {
        "checks": [{"monitor": one["key"], **check} for one in report["monitors"] for check in one.get("checks", ())],
        "features": list(_features(of.get(MonitoringType.DATA_QUALITY))),
        "distributions": list(_distributions(of.get(MonitoringType.DATA_QUALITY))),
        "quality": list(_quality(of.get(MonitoringType.MODEL_QUALITY))),
        "confusion_matrix": list(_confusion(of.get(MonitoringType.MODEL_QUALITY))),
        "bias": list(_bias(of.get(MonitoringType.MODEL_BIAS))),
        "attributions": list(_attributions(of.get(MonitoringType.MODEL_EXPLAINABILITY))),
    }


def _features(monitor: Mapping[str, Any] | None) -> Iterator[Row]:
    """By drift, those of violated checks first."""
    for feature in page.features(monitor):
        yield {
            "feature": feature["name"],
            "type": feature["inferred_type"],
            "completeness": feature["completeness"],
            "distance": feature.get("distance"),
            "limit": feature["drift"]["allowed"] if feature["drift"] else None,
            "violated": ", ".join(check["check_type"] for check in feature["violated"]),
        }


def _distributions(monitor: Mapping[str, Any] | None) -> Iterator[Row]:
    """A bin or a category a row, with both sides as shares. low, high: None of categories; category: None of all others."""
    for picture in (monitor or {}).get("pictures", {}).get("features", ()):
        bounds, names = picture.get("bounds"), picture.get("categories")
        then, now = (_shares(picture[side]) for side in ("baseline", "window"))
        for place, (before, after) in enumerate(zip(then, now, strict=True)):
            low, high = (bounds[place], bounds[place + 1]) if bounds else (None, None)
            at = {"low": low, "high": high, "category": names[place] if names else None}
            yield {"feature": picture["name"], **at, "baseline": before, "window": after}


def _shares(counts: list[float]) -> list[float]:
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]


def _quality(monitor: Mapping[str, Any] | None) -> Iterator[Row]:
    """Intervals are of 95 %."""
    for metric in (page.quality(monitor) or {"metrics": ()})["metrics"]:
        check, (low, high) = metric["check"] or {}, metric["interval"] or (None, None)
        about = {"low": low, "high": high, "baseline": check.get("baseline"), "limit": check.get("allowed")}
        yield {"metric": metric["name"], "value": metric["value"], **about, "outcome": check.get("outcome")}


def _confusion(monitor: Mapping[str, Any] | None) -> Iterator[Row]:
    """An actual and a predicted label a row."""
    matrix = (monitor or {"summary": {}})["summary"].get("confusion_matrix") or {}
    for actual, said in matrix.items():
        for predicted, count in said.items():
            yield {"actual": actual, "predicted": predicted, "count": count}


def _bias(monitor: Mapping[str, Any] | None) -> Iterator[Row]:
    """A group and a metric a row. stage: pre of labels, post of predictions."""
    for facet in page.bias(monitor):
        for each in facet["metrics"]:
            check = each["check"] or {}
            who = {"facet": facet["facet"], "group": facet["value_or_threshold"], "stage": each["stage"]}
            numbers = {"value": page.finite(each["value"]), "baseline": check.get("baseline")}
            yield {**who, "metric": each["name"], **numbers, "outcome": check.get("outcome")}


def _attributions(monitor: Mapping[str, Any] | None) -> Iterator[Row]:
    """A label and a feature a row, then and now."""
    for label in page.attribution(monitor):
        for row in label["rankings"]:
            then, now = row["then"] or {}, row["now"] or {}
            ranks = {"baseline_rank": then.get("rank"), "rank": now.get("rank")}
            values = {"baseline": then.get("value"), "value": now.get("value")}
            yield {"label": label["name"], "feature": row["name"], **ranks, **values}
