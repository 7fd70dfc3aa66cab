"""What a run knows of the attributions of its window."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model_monitor.monitors.model_explainability.attributions import Aggregation, Explained, Method, aggregate
from model_monitor.monitors.model_explainability.profile import AttributionProfile, Captured
from model_monitor.monitors.model_explainability.sampling import Spread, ranks_around_the_median


@dataclass(frozen=True, slots=True, eq=False)
class Local:
    """Attributions of single records: float64 (entries, labels, features), and records that each entry stands for.

    names: object (entries, 2), event id and place in the event; None for datasets that are no capture.
    """

    values: np.ndarray
    counts: np.ndarray
    names: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class AttributionStatistics:
    """Global attributions.

    features, labels: names. values: float64 (labels, features). expected: (labels,), None where unknown.
    records: of the window. used: of them, those that the values stand for.
    stopped: why fewer were explained than should have been; fault: why there is nothing at all.
    clusters: baseline rows that this run made; None when they were given. baselines: how many there were.
    spent: predictions and calls that it took.
    spread: how well the values are known; None where there are none.
    unfit: why the records are no input of the model: a mistake of who sends them, no fault of the run.
    is_baseline: later windows are compared with it, so that its file keeps the spread.
    """

    features: tuple[str, ...]
    records: int
    method: Method
    aggregation: Aggregation
    use_logit: bool = False
    labels: tuple[str, ...] = ()
    values: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    expected: tuple[float | None, ...] = ()
    used: int = 0
    samples: int | None = None
    stopped: str = ""
    fault: str = ""
    clusters: np.ndarray | None = None
    baselines: int = 0
    local: Local | None = None
    spent: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    spread: Spread | None = None
    unfit: str = ""
    is_baseline: bool = False

    @property
    def errors_by_label(self) -> dict[str, dict[str, float]]:
        """label → feature → standard error, of the features of which it is known."""
        if self.spread is None:
            return {}
        named = zip(self.labels, self.spread.errors.tolist(), strict=True)
        return {
            label: {
                feature: error for feature, error in zip(self.features, errors, strict=True) if math.isfinite(error)
            }
            for label, errors in named
        }

    @property
    def by_label(self) -> dict[str, dict[str, float]]:
        """label → feature → attribution."""
        named = zip(self.labels, self.values.tolist(), strict=True)
        return {label: dict(zip(self.features, values, strict=True)) for label, values in named}

    @property
    def facts(self) -> dict[str, Any]:
        """How the values were found, as a baseline keeps it."""
        return {
            "method": self.method.value,
            "agg_method": self.aggregation.value,
            "use_logit": self.use_logit,
            "num_samples": self.samples,
            "records": self.records,
            "records_explained": self.used,
            "baseline_rows": self.baselines,
        }


def labels_of(outputs: int, headers: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the outputs, Clarify's where none are given."""
    return headers or tuple(f"label{number}" for number in range(outputs))


def of_explained(
    explained: Explained, counts: np.ndarray, aggregation: Aggregation
) -> tuple[np.ndarray, tuple[float | None, ...], int]:
    """Values, expected values, and how many records they stand for."""
    counts = counts[: len(explained.values)]
    expected = tuple(explained.expected.tolist())
    if not len(counts):
        return np.empty((0, explained.values.shape[2])), (), 0
    return aggregate(explained.values, counts, aggregation), expected, int(counts.sum())


def spread_of_captured(profile: AttributionProfile, features: int, aggregation: Aggregation) -> Spread | None:
    """Standard errors from what merges; how features vary together is not kept."""
    errors = np.array([_error(captured, aggregation) for captured in profile.captured])
    return Spread(errors.reshape(-1, features)) if errors.size else None


def _error(captured: Captured, aggregation: Aggregation) -> float:
    moments = captured.sizes if aggregation is Aggregation.MEAN_ABS else captured.squares
    total = moments.count
    if total < 2:
        return math.nan
    if aggregation is Aggregation.MEDIAN:
        low, high = (captured.quantiles.ranks().quantile(rank / total) for rank in ranks_around_the_median(total))
        return (high - low) / 2
    return math.sqrt(moments.m2 / (total - 1) / total)


def of_captured(profile: AttributionProfile, features: int, aggregation: Aggregation) -> np.ndarray:
    """float64 (labels, features) from what responses said."""
    found = np.array([_aggregated(captured, aggregation) for captured in profile.captured])
    return found.reshape(-1, features) if found.size else np.empty((0, features))


def _aggregated(captured: Captured, aggregation: Aggregation) -> float:
    if aggregation is Aggregation.MEDIAN:
        return captured.quantiles.ranks().quantile(0.5)
    return (captured.sizes if aggregation is Aggregation.MEAN_ABS else captured.squares).mean
