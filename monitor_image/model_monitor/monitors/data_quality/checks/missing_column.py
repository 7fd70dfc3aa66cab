"""missing_column_check: every feature of the baseline is a column of the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from model_monitor.contract import MISSING_COLUMNS, CheckType
from model_monitor.monitors.conclusion import Check, Outcome
from model_monitor.monitors.data_quality.columns import check_columns
from model_monitor.monitors.data_quality.comparison import CheckRule, DatasetComparison
from model_monitor.words import did_you_mean, listed


def _check(comparison: DatasetComparison) -> Check:
    current = comparison.current
    width = current.uniform_width
    if width is not None:
        number = max(len(current.features) - width, 0)
        return check_columns(comparison, CheckType.MISSING_COLUMN, MISSING_COLUMNS, number, ())
    names = [feature.name for feature in comparison.features if feature.current is None]
    check = check_columns(comparison, CheckType.MISSING_COLUMN, MISSING_COLUMNS, len(names), names)
    return replace(check, sentence=_sentence(names, comparison)) if check.outcome is Outcome.VIOLATED else check


def _sentence(names: Sequence[str], comparison: DatasetComparison) -> str:
    """Which columns are missing, and which of those that nobody asked for may be meant."""
    known = {feature.name for feature in comparison.features} | comparison.ignored
    unclaimed = sorted(key for key in comparison.current.extra.counts if key not in known)
    asked = did_you_mean(names, unclaimed)
    there = f"; columns that no feature names: {listed(unclaimed)}" if unclaimed else ""
    return f"no record has {listed(names)}{f': {asked}' if asked else ''}{there}"


CHECK = CheckRule(CheckType.MISSING_COLUMN, 10, dataset=_check)
