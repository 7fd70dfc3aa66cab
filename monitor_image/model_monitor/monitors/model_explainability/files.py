"""Clarify's files of an explainability run: analysis.json, violations, local values, and the baseline rows it made."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from model_monitor.contract import OWN_BLOCK
from model_monitor.monitors.conclusion import Conclusion
from model_monitor.monitors.model_explainability.constraints import METHOD_KEY, STANDARD_ERRORS, AttributionBaseline
from model_monitor.monitors.model_explainability.statistics import AttributionStatistics

VERSION = "1.0"
RECORD_COLUMNS = ("event_id", "payload_index")


def analysis_file(statistics: AttributionStatistics) -> dict[str, Any]:
    """analysis.json; `computation` and `baseline_rows` are ours, beside what Clarify writes."""
    blocks = {
        label: {"global_shap_values": values, "expected_value": expected}
        for (label, values), expected in zip(statistics.by_label.items(), statistics.expected, strict=True)
    }
    content: dict[str, Any] = {"version": VERSION, "explanations": {METHOD_KEY: blocks}}
    content["computation"] = statistics.facts
    if statistics.clusters is not None:
        content["baseline_rows"] = {"features": list(statistics.features), "rows": _plain(statistics.clusters)}
    return content | (_own(statistics.errors_by_label) if statistics.is_baseline else {})


def _own(errors: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """What AWS's file has no place for: how well each attribution is known."""
    return {OWN_BLOCK: {STANDARD_ERRORS: {label: dict(found) for label, found in errors.items()}}} if errors else {}


def constraints_file(baseline: AttributionBaseline) -> dict[str, Any]:
    """The baseline as it was read."""
    blocks = {
        label: {"global_shap_values": dict(values), "expected_value": baseline.expected.get(label)}
        for label, values in baseline.values.items()
    }
    content: dict[str, Any] = {"version": VERSION, "explanations": {METHOD_KEY: blocks}}
    if baseline.facts:
        content["computation"] = dict(baseline.facts)
    if baseline.rows:
        content["baseline_rows"] = {"features": list(baseline.features), "rows": [list(row) for row in baseline.rows]}
    return content | _own(baseline.errors)


def violations_file(conclusion: Conclusion) -> dict[str, Any] | None:
    """constraint_violations.json; None when nothing is violated."""
    violations = [
        {
            "label": check.subject,
            "metric_name": "shap",
            "constraint_check_type": check.check_type,
            "description": check.description,
        }
        for check in conclusion.violations
    ]
    return {"version": VERSION, "violations": violations} if violations else None


def local_values(statistics: AttributionStatistics) -> bytes:
    """out.csv: a row for each record, a column `<feature>_<label>` for each feature of each label.

    Of captures two more columns tell which record it is; they stand last, as Clarify puts the column to join by.
    """
    header = [f"{feature}_{label}" for label in statistics.labels for feature in statistics.features]
    local = statistics.local
    if local is None:
        return _csv(header, ())
    rows: list[list[Any]] = local.values.reshape(len(local.values), -1).tolist()
    if local.names is not None:
        header += RECORD_COLUMNS
        rows = [[*row, *name] for row, name in zip(rows, local.names.tolist(), strict=True)]
    return _csv(header, (row for row, count in zip(rows, local.counts.tolist(), strict=True) for _ in range(count)))


def baseline_rows(statistics: AttributionStatistics) -> bytes:
    """baseline.csv: the rows that were made by clustering."""
    return _csv(statistics.features, () if statistics.clusters is None else _plain(statistics.clusters))


def _plain(cells: np.ndarray) -> list[list[Any]]:
    """Cells as JSON has them: whole numbers without a fraction, null where missing."""
    return [[_plain_cell(cell) for cell in row] for row in cells.tolist()]


def _plain_cell(cell: Any) -> Any:
    if isinstance(cell, float):
        return None if cell != cell else int(cell) if cell.is_integer() else cell
    return cell


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()
