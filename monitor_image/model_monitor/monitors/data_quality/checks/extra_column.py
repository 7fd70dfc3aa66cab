"""extra_column_check: every column of the window is a feature of the baseline."""

from __future__ import annotations

from model_monitor.contract import EXTRA_COLUMNS, CheckType
from model_monitor.monitors.conclusion import Check
from model_monitor.monitors.data_quality.columns import check_columns
from model_monitor.monitors.data_quality.comparison import CheckRule, DatasetComparison


def _check(comparison: DatasetComparison) -> Check:
    current = comparison.current
    width = current.uniform_width
    if width is not None:
        number = max(width - len(current.features), 0)
        return check_columns(comparison, CheckType.EXTRA_COLUMN, EXTRA_COLUMNS, number, ())
    known = {feature.name for feature in comparison.features} | comparison.ignored
    names = [feature.name for feature in current.features if feature.name not in known]
    names += sorted(key for key in current.extra.counts if key not in known)
    return check_columns(comparison, CheckType.EXTRA_COLUMN, EXTRA_COLUMNS, len(names), names)


CHECK = CheckRule(CheckType.EXTRA_COLUMN, 20, dataset=_check)
