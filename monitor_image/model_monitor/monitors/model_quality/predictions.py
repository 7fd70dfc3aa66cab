"""What the model says as two features of their own, the predicted label and the score, and how far they have moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from model_monitor.contract import ProblemType
from model_monitor.monitors import chance
from model_monitor.monitors.conclusion import Evidence
from model_monitor.monitors.drift import Apart, change
from model_monitor.monitors.model_quality.said import Said
from model_monitor.schema import FeatureType
from model_monitor.sketches.answers import Problem
from model_monitor.sketches.distance import categorical_linf, robust
from model_monitor.sketches.feature import FeatureStatistics, NumericStatistics, numeric_of
from model_monitor.words import figure

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


@dataclass(frozen=True, slots=True)
class Moved:
    """How far what the model says is from what it said. distance: in [0, 1]; sizes: of the window and the baseline.

    sentence: the change in the feature's own terms.
    """

    distance: float
    sizes: tuple[int, int]
    evidence: Evidence
    sentence: str

    @property
    def robust(self) -> float:
        """Less what the sizes of the two samples may explain, as AWS takes it."""
        return robust(self.distance, *self.sizes)


def moved_between(current: FeatureStatistics, baseline: FeatureStatistics, limit: float) -> Moved | None:
    """Largest difference of shares of one label, or between two distributions of numbers; None where they have none.

    Args:
        limit: of the distance, up to which nothing is violated.
    """
    now, then = current.numeric, baseline.numeric
    if current.categories and baseline.categories:
        return _of_labels(current.name, current.categories, baseline.categories)
    if now is None or then is None:
        return None
    found = Apart.of(now, then, limit)
    if found is None:
        return None
    return Moved(found.distance, found.sizes, found.evidence, _of_numbers(current.name, now, then))


def _of_labels(name: str, now: Mapping[str, int], then: Mapping[str, int]) -> Moved:
    distance, sizes = categorical_linf(now, then), (sum(now.values()), sum(then.values()))
    share = {word: (then.get(word, 0) / sizes[1], now.get(word, 0) / sizes[0]) for word in sorted({*now, *then})}
    word, (before, after) = max(share.items(), key=lambda item: abs(item[1][1] - item[1][0]))
    sentence = f"{name} '{word}' in {before:.1%} -> {after:.1%} of the records"
    return Moved(distance, sizes, chance.largest_difference(distance, now, then), sentence)


def _of_numbers(name: str, now: NumericStatistics, then: NumericStatistics) -> str:
    if now.ranks is None or then.ranks is None:
        return f"mean {name} {figure(then.mean)} -> {figure(now.mean)}"
    return change(f"median {name}", then.ranks, now.ranks)
