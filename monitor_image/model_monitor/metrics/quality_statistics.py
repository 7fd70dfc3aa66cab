"""What the model-quality monitor knows of a window: its metrics, how many labels came, and what the model said."""

from __future__ import annotations

from dataclasses import dataclass, field

from model_monitor.metrics.predictions import prediction_features
from model_monitor.metrics.quality import Quality, measure
from model_monitor.profiles.answers import Problem
from model_monitor.profiles.coverage import Coverage
from model_monitor.profiles.model_quality import QualityProfile
from model_monitor.profiles.statistics import FeatureStatistics


@dataclass(frozen=True, slots=True)
class QualityStatistics:
    """Numbers read from a profile.

    records: all of them; answered: those of which the model said something; odd: whose label is of no use.
    predictions: what the model said, as features: the predicted label, the score or the number.
    unused: labels that no prediction of these records asked for; None where labels came with the records.
    """

    problem: Problem = field(default_factory=Problem)
    records: int = 0
    answered: int = 0
    odd: int = 0
    coverage: Coverage = field(default_factory=Coverage)
    unused: int | None = None
    quality: Quality = field(default_factory=Quality)
    predictions: tuple[FeatureStatistics, ...] = ()

    @property
    def labelled(self) -> int:
        """Records that have a label."""
        return self.coverage.matched.total()


def read_statistics(profile: QualityProfile, problem: Problem) -> QualityStatistics:
    """Numbers read from a merged profile."""
    return QualityStatistics(
        problem,
        profile.records,
        profile.answered,
        profile.agreement.odd,
        profile.coverage,
        profile.coverage.unused(profile.labels) if profile.labels else None,
        measure(profile.agreement, problem),
        prediction_features(profile.said, problem, profile.records),
    )
