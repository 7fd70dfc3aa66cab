"""What a reader of a baseline or a window should know first: what was left out, and what is not what it seems."""

from __future__ import annotations

from typing import Final

from model_monitor.job.job import Job
from model_monitor.monitors.data_quality.statistics import DatasetStatistics
from model_monitor.words import counted

NAMES_TOLD: Final = 5


def baseline_notes(statistics: DatasetStatistics, job: Job) -> tuple[str, ...]:
    """Of a baseline's data."""
    return tuple(filter(None, [left_out(statistics, job)]))


def left_out(statistics: DatasetStatistics, job: Job) -> str:
    """Undeclared keys that the first records do not have, so that they became no features."""
    counts = statistics.extra.counts
    if not counts or not job.schema.is_positional:
        return ""
    most = sorted(counts, key=lambda name: (-counts[name], name))
    told = ", ".join(f"'{name}' ({counted(counts[name], 'record')})" for name in most[:NAMES_TOLD])
    more = f" and {len(most) - NAMES_TOLD} more" if len(most) > NAMES_TOLD else ""
    return f"Left out, since none of the first records has them: {told}{more}. Declare the features to analyse them."
