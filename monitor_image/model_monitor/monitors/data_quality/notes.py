"""What a reader of a baseline or a window should know first: what was left out, and what is not what it seems."""

from __future__ import annotations

from typing import Final

from model_monitor.job.job import Job
from model_monitor.monitors.base import Locate
from model_monitor.monitors.data_quality.statistics import DatasetStatistics
from model_monitor.schema import FeatureType
from model_monitor.sketches.feature import FeatureStatistics
from model_monitor.sketches.kinds import matching, number_share
from model_monitor.words import counted

NAMES_TOLD: Final = 5
MANY: Final = 0.5  # share of numbers from which on other values are worth a note


def baseline_notes(statistics: DatasetStatistics, job: Job, locate: Locate) -> tuple[str, ...]:
    """Of a baseline's data."""
    return (*filter(None, [left_out(statistics, job)]), *others_among_numbers(statistics, job, locate))


def others_among_numbers(statistics: DatasetStatistics, job: Job, locate: Locate) -> tuple[str, ...]:
    """Features most of whose values are numbers: what type they got, and where the first value of another kind is."""
    declared = {feature.name for feature in job.schema.features if feature.type is not None}
    mixed = [each for each in statistics.features if each.name not in declared and _is_mixed(each)]
    told = [_mixed(each, locate(each.name)) for each in mixed[:NAMES_TOLD]]
    more = [f"So are {counted(len(mixed) - NAMES_TOLD, 'feature')} more."] if len(mixed) > NAMES_TOLD else []
    return (*told, *more)


def _is_mixed(feature: FeatureStatistics) -> bool:
    return feature.kinds is not None and MANY <= number_share(feature.kinds) < 1.0


def _mixed(feature: FeatureStatistics, place: str) -> str:
    numbers = matching(feature.kinds, FeatureType.FRACTIONAL) if feature.kinds is not None else 0
    first = f", first other at {place}" if place else ""
    found = f"'{feature.name}': {numbers:,} of {feature.present:,} values are numbers{first}"
    if feature.inferred_type.is_numeric:
        return f"{found}. It is {feature.inferred_type}; as many others are allowed."
    return f"{found}. It is {feature.inferred_type}, compared by its most frequent values; mend the data or declare its type."


def left_out(statistics: DatasetStatistics, job: Job) -> str:
    """Undeclared keys that the first records do not have, so that they became no features."""
    counts = statistics.extra.counts
    if not counts or not job.schema.is_positional:
        return ""
    most = sorted(counts, key=lambda name: (-counts[name], name))
    told = ", ".join(f"'{name}' ({counted(counts[name], 'record')})" for name in most[:NAMES_TOLD])
    more = f" and {len(most) - NAMES_TOLD} more" if len(most) > NAMES_TOLD else ""
    return f"Left out, since none of the first records has them: {told}{more}. Declare the features to analyse them."
