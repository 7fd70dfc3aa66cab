"""What the model says as two features of their own, the predicted label and the score, and how far they have moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from model_monitor.contract import ProblemType
from model_monitor.monitors.model_quality.said import Said
from model_monitor.schema import FeatureType
from model_monitor.sketches.answers import Problem
from model_monitor.sketches.distance import binned_kolmogorov_smirnov, categorical_linf, kolmogorov_smirnov, robust
from model_monitor.sketches.feature import FeatureStatistics, numeric_of

PREDICTED_LABEL: Final = "predicted label"
PREDICTED_NUMBER: Final = "predicted number"
SCORE: Final = "score"


def prediction_features(said: Said, problem: Problem, records: int) -> tuple[FeatureStatistics, ...]:
    """Statistics of what was said: labels, then scores or predicted numbers; what was never said is left out.

    Of a binary problem labels are told as the positive one and all others: which the other is may not be known yet.
    """
    found = []
    classes: Mapping[str, int] = said.classes
    if problem.type is ProblemType.BINARY and classes:
        positive = classes.get(problem.positive, 0)
        classes = +Counter({problem.positive: positive, f"not {problem.positive}": said.classes.total() - positive})
    if classes:
        count = sum(classes.values())
        missing = max(records - count, 0)
        found.append(
            FeatureStatistics(
                PREDICTED_LABEL,
                FeatureType.STRING,
                count,
                missing,
                float(len(classes)),
                None,
                dict(sorted(classes.items())),
            )
        )
    numeric = numeric_of(said.numbers)
    if numeric is not None:
        name = PREDICTED_NUMBER if problem.type is ProblemType.REGRESSION else SCORE
        missing = max(records - numeric.count, 0)
        found.append(
            FeatureStatistics(name, FeatureType.FRACTIONAL, numeric.count, missing, numeric.distinct_count, numeric)
        )
    return tuple(found)


def distance_between(current: FeatureStatistics, baseline: FeatureStatistics, *, is_robust: bool) -> float | None:
    """Largest difference of shares of one label, or between two distributions of numbers; None where they have none.

    Args:
        is_robust: less what the sizes of the two samples may explain.
    """
    now, then = current.numeric, baseline.numeric
    if current.categories and baseline.categories:
        distance = categorical_linf(current.categories, baseline.categories)
        sizes = (sum(current.categories.values()), sum(baseline.categories.values()))
    elif now is None or then is None or now.ranks is None:
        return None
    elif then.ranks is not None and then.ranks.total:
        distance, sizes = kolmogorov_smirnov(now.ranks, then.ranks), (now.ranks.total, then.ranks.total)
    elif then.buckets is not None and then.buckets.counts.sum():
        distance = binned_kolmogorov_smirnov(now.ranks, then.buckets)
        sizes = (now.ranks.total, int(then.buckets.counts.sum()))
    else:
        return None
    return robust(distance, *sizes) if is_robust else distance
