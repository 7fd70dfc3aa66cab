"""A violation that is forced, so that alarms, notifications and what hangs on them can be tried; marked as one everywhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from model_monitor.contract import (
    CHECK_LESS,
    REHEARSAL,
    CheckType,
    MonitoringType,
    Verdict,
    monitor_key,
)
from model_monitor.monitors.conclusion import Check, Conclusion, Outcome

REASON: Final = (
    f"{REHEARSAL}: one violation was forced to try alarms and notifications; violations of any other name are real"
)
DRIFT_TEXT: Final = "Baseline drift distance: 1.0 exceeds threshold: 0.0"
METRIC_TEXT: Final = f"Metric {REHEARSAL} with -1.0 was {CHECK_LESS} '0.0'"


def rehearsed(conclusion: Conclusion, monitor: MonitoringType, check_type: str) -> Conclusion:
    """The same conclusion with one violation more, of `check_type`; what this monitor would have concluded stands in the notes."""
    is_drift = check_type == CheckType.BASELINE_DRIFT
    forced = Check(
        check_type=str(check_type),
        subject=REHEARSAL,
        outcome=Outcome.VIOLATED,
        observed=1.0 if is_drift else None,  # elsewhere it must not seem to be a value that was measured
        allowed=0.0 if is_drift else None,
        description=f"{REHEARSAL}: forced. {DRIFT_TEXT if is_drift else METRIC_TEXT}",
        distance=1.0 if is_drift else None,
    )
    otherwise = conclusion.verdict if not conclusion.reason else f"{conclusion.verdict} ({conclusion.reason})"
    return replace(
        conclusion,
        verdict=Verdict.ERROR if conclusion.verdict is Verdict.ERROR else Verdict.VIOLATED,
        reason=conclusion.reason if conclusion.verdict is Verdict.ERROR else REASON,
        checks=(forced, *conclusion.checks),
        notes=(f"{REASON}. Without it {monitor_key(monitor)} is: {otherwise}", *conclusion.notes),
    )
