"""What the model-quality monitor knows of a window: its metrics, how many labels came, and what the model said."""

from __future__ import annotations

from dataclasses import dataclass, field

from model_monitor.labels.coverage import Coverage
from model_monitor.monitors.model_quality.metrics import Quality, measure
from model_monitor.monitors.model_quality.predictions import prediction_features
from model_monitor.monitors.model_quality.profile import QualityProfile
from model_monitor.monitors.model_quality.slices import Slice
from model_monitor.sketches.answers import Problem
from model_monitor.sketches.feature import FeatureStatistics


@dataclass(frozen=True, slots=True)
class SliceStatistics:
    """One field. values: quality by value, the largest groups first.

    suppressed, suppressed_records: groups that are too small to be told, and their records.
    has_many_values: there were too many different values, so none is told.
    """

    name: str
    values: dict[str, Quality] = field(default_factory=dict)
    suppressed: int = 0
    suppressed_records: int = 0
    has_many_values: bool = False


@dataclass(frozen=True, slots=True)
class QualityStatistics:
    """Numbers read from a profile.

    records: all of them; answered: those of which the model said something; odd: whose label is of no use.
    stated: of those that are answered, the ones whose answer holds a prediction rather than scores alone.
    predictions: what the model said, as features: the predicted label, the score or the number.
    unused: labels that no prediction of these records asked for; None where labels came with the records.
    """

    problem: Problem = field(default_factory=Problem)
    records: int = 0
    answered: int = 0
    stated: int = 0
    odd: int = 0
    coverage: Coverage = field(default_factory=Coverage)
    unused: int | None = None
    quality: Quality = field(default_factory=Quality)
    predictions: tuple[FeatureStatistics, ...] = ()
    slices: tuple[SliceStatistics, ...] = ()

    @property
    def labelled(self) -> int:
        """Records that have a label."""
        return self.coverage.matched.total()


def read_statistics(profile: QualityProfile, problem: Problem, min_slice_records: int = 1) -> QualityStatistics:
    """Numbers read from a merged profile."""
    return QualityStatistics(
        problem,
        profile.records,
        profile.answered,
        profile.stated,
        profile.agreement.odd,
        profile.coverage,
        profile.coverage.unused(profile.labels) if profile.labels else None,
        measure(profile.agreement, problem),
        prediction_features(profile.said, problem, profile.records),
        tuple(_slice(name, part, problem, min_slice_records) for name, part in profile.slices.items()),
    )


def _slice(name: str, part: Slice, problem: Problem, minimum: int) -> SliceStatistics:
    ordered = sorted(part.values.items(), key=lambda item: (-item[1].count, item[0]))
    small = [agreement for _, agreement in ordered if agreement.count < minimum]
    return SliceStatistics(
        name,
        {value: measure(agreement, problem) for value, agreement in ordered if agreement.count >= minimum},
        len(small),
        sum(agreement.count for agreement in small),
        part.has_many_values,
    )
