"""constraint_violations.json, in AWS's shape. It exists only when there are violations: its mere existence means so."""

from __future__ import annotations

from typing import Any

from model_monitor.monitors.conclusion import Conclusion


def violations_file(conclusion: Conclusion) -> dict[str, Any] | None:
    """The content of the file; None when nothing is violated."""
    violations = [
        {
            "feature_name": check.subject,
            "constraint_check_type": str(check.check_type),
            "description": check.description,
        }
        for check in conclusion.violations
    ]
    return {"violations": violations} if violations else None
