"""Attribution drift: the baseline's analysis.json, and how far the ranking of features has moved from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from model_monitor.contract import CHECK_ATTRIBUTION_DRIFT, OWN_BLOCK
from model_monitor.errors import BaselineError
from model_monitor.monitors.conclusion import Check, Evidence, Outcome
from model_monitor.monitors.model_explainability.ndcg import ndcg
from model_monitor.monitors.model_explainability.sampling import Side, evidence
from model_monitor.monitors.model_explainability.statistics import AttributionStatistics
from model_monitor.words import counted

METHOD_KEY: Final = "kernel_shap"  # Clarify's, whatever the method: the attributions are Shapley values
NO_BASELINE: Final = "no baseline"
STANDARD_ERRORS: Final = "standard_errors"  # key of our own block
MOVED: Final = 3  # features in a sentence


@dataclass(frozen=True, slots=True)
class AttributionBaseline:
    """What a baseline job found.

    values: label → feature → attribution. expected: label → expected value, None where unknown.
    facts: how it was found (`agg_method`, `use_logit`), as far as the file says so; AWS's do not.
    features, rows: baseline rows that the job made by clustering; () when they were given.
    errors: label → feature → standard error; files of ours have them.
    """

    values: Mapping[str, Mapping[str, float]]
    expected: Mapping[str, float | None] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    features: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    errors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def read(document: object, where: str) -> AttributionBaseline:
    """analysis.json as Clarify or a baseline job of ours wrote it. Raises: BaselineError."""
    explanations = document.get("explanations") if isinstance(document, Mapping) else None
    labels = explanations.get(METHOD_KEY) if isinstance(explanations, Mapping) else None
    if not isinstance(document, Mapping) or not isinstance(labels, Mapping) or not labels:
        raise BaselineError(
            where,
            f"holds no explanations.{METHOD_KEY}.",
            "Expected the analysis.json of a baseline job for model explainability.",
        )
    values = {label: _values(block, f"{where}: explanations.{METHOD_KEY}.{label}") for label, block in labels.items()}
    expected = {label: block.get("expected_value") for label, block in labels.items()}
    facts, made = document.get("computation") or {}, document.get("baseline_rows") or {}
    rows = tuple(tuple(row) for row in made.get("rows", ()))
    errors = _errors(document, where)
    return AttributionBaseline(values, expected, facts, tuple(made.get("features", ())), rows, errors)


def _errors(document: Mapping[str, Any], where: str) -> dict[str, dict[str, float]]:
    """What a baseline job of ours keeps in its own block."""
    block = document.get(OWN_BLOCK)
    labels = block.get(STANDARD_ERRORS) if isinstance(block, Mapping) else None
    try:
        return {
            str(label): {str(feature): float(error) for feature, error in found.items()}
            for label, found in (labels or {}).items()
        }
    except (AttributeError, TypeError, ValueError) as fault:
        raise BaselineError(where, f"{OWN_BLOCK}.{STANDARD_ERRORS} should hold a number for each feature.") from fault


def _values(block: object, where: str) -> dict[str, float]:
    values = block.get("global_shap_values") if isinstance(block, Mapping) else None
    if not isinstance(values, Mapping) or not values:
        raise BaselineError(where, "holds no global_shap_values.")
    for feature, value in values.items():
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value):
            raise BaselineError(where, f"the value of feature '{feature}' should be a number.")
    return {str(feature): float(value) for feature, value in values.items()}


def checks(
    current: Mapping[str, Mapping[str, float]],
    baseline: AttributionBaseline,
    threshold: float,
    facts: Mapping[str, Any],
) -> list[Check]:
    """One check for each label of the baseline.

    current: label → feature → attribution, of the window. facts: how it was found.
    A single label is compared with a single one whatever they are called.
    """
    difference = _difference(facts, baseline.facts)
    is_single = len(current) == len(baseline.values) == 1
    return [
        _check(next(iter(current)) if is_single else label, current, values, threshold, difference)
        for label, values in baseline.values.items()
    ]


def _check(
    label: str,
    found: Mapping[str, Mapping[str, float]],
    baseline: Mapping[str, float],
    threshold: float,
    difference: str,
) -> Check:
    current = found.get(label)

    def unknown(reason: str) -> Check:
        return Check(CHECK_ATTRIBUTION_DRIFT, label, Outcome.NOT_EVALUATED, None, threshold, reason, is_required=True)

    if difference:
        return unknown(difference)
    if current is None:
        return unknown(f"the model has no label '{label}' any more")
    if not current.keys() & baseline.keys():
        return unknown("no feature has a name of the baseline's; declare the payload, or make the baseline again")
    names = list(dict.fromkeys([*baseline, *current]))  # a feature of one side contributes nothing on the other
    score = ndcg(_aligned(current, names), _aligned(baseline, names))
    if math.isnan(score):
        return unknown("the baseline attributes nothing to any feature")
    held = Check(
        CHECK_ATTRIBUTION_DRIFT,
        label,
        Outcome.HELD,
        score,
        threshold,
        baseline=1.0,  # a ranking agrees with itself
        sentence=moved(current, baseline, names),
    )
    if score >= threshold:
        return held
    text = f"Feature attribution drift {score} exceeds threshold {threshold}"  # AWS's words, though it is below
    return replace(held, outcome=Outcome.VIOLATED, description=text)


def moved(current: Mapping[str, float], baseline: Mapping[str, float], names: Sequence[str]) -> str:
    """Which features changed places, those that matter most first: `rank of Temperature 2 -> 1`; "" when none did."""
    before, after = (_ranks(_aligned(values, names)) for values in (baseline, current))
    gains = [np.abs(_aligned(values, names)) for values in (baseline, current)]
    weight = sum(each / (each.sum() or 1.0) for each in gains)
    lost = weight * np.abs(1 / np.log2(before + 1) - 1 / np.log2(after + 1))
    places = [place for place in np.argsort(-lost, kind="stable").tolist() if before[place] != after[place]]
    told = [f"rank of {names[place]} {before[place]} -> {after[place]}" for place in places[:MOVED]]
    more = f" and {counted(len(places) - MOVED, 'other feature')} moved" if len(places) > MOVED else ""
    return ", ".join(told) + more


def _ranks(values: np.ndarray) -> np.ndarray:
    """Places by size, from 1 on; of equal ones the first comes first."""
    ranks = np.empty(len(values), np.int64)
    ranks[np.argsort(-np.abs(values), kind="stable")] = np.arange(1, len(values) + 1)
    return ranks


def with_evidence(
    checks: Sequence[Check], statistics: AttributionStatistics, baseline: AttributionBaseline
) -> list[Check]:
    """The checks with what sampling of the explained records explains; a feature that came or went is no sampling."""
    return [replace(check, evidence=_evidence(check, statistics, baseline)) for check in checks]


def _evidence(check: Check, statistics: AttributionStatistics, baseline: AttributionBaseline) -> Evidence | None:
    spread, label = statistics.spread, check.subject
    if check.observed is None or spread is None:
        return None
    place = statistics.labels.index(label)
    known = label if label in baseline.values else next(iter(baseline.values))
    values, errors = baseline.values[known], baseline.errors.get(known, {})
    if set(values) != set(statistics.features):
        return None
    records = int(baseline.facts.get("records_explained") or 0)
    there = np.array([errors.get(name, math.nan) for name in statistics.features])
    correlation = None if spread.correlation is None else spread.correlation[place]
    return evidence(
        check.observed,
        Side(statistics.values[place], spread.errors[place], statistics.used),
        Side(_aligned(values, statistics.features), there, records),
        correlation,
    )


def _aligned(values: Mapping[str, float], names: Sequence[str]) -> np.ndarray:
    return np.array([values.get(name, 0.0) for name in names])


def _difference(facts: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
    """Why the two sides cannot be compared; "" when they can, or nobody knows."""
    for key in ("agg_method", "use_logit"):
        if key in baseline and key in facts and baseline[key] != facts[key]:
            return f"the baseline was made with another {key}; run the baseline job again"
    return ""
