"""missing_column_check: every feature of the baseline is a column of the window."""

from __future__ import annotations

from model_monitor.contract import MISSING_COLUMNS, CheckType
from model_monitor.monitors.conclusion import Check
from model_monitor.monitors.data_quality.columns import check_columns
from model_monitor.monitors.data_quality.comparison import CheckRule, DatasetComparison


def _check(comparison: DatasetComparison) -> Check:
    current = comparison.current
    width = current.uniform_width
    if width is not None:
        number = max(len(current.features) - width, 0)
        return check_columns(comparison, CheckType.MISSING_COLUMN, MISSING_COLUMNS, number, ())
    names = [feature.name for feature in comparison.features if feature.current is None]
    return check_columns(comparison, CheckType.MISSING_COLUMN, MISSING_COLUMNS, len(names), names)


CHECK = CheckRule(CheckType.MISSING_COLUMN, 10, dataset=_check)
