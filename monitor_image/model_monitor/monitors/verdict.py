"""From checks to a monitor's verdict."""

from __future__ import annotations

from collections.abc import Sequence

from model_monitor.contract import Verdict
from model_monitor.monitors.answered import CHECK_ANSWERS
from model_monitor.monitors.conclusion import Check, Conclusion, Outcome


def conclude(checks: Sequence[Check]) -> Conclusion:
    """Violated when any check is; ok when at least one check and all required ones held; else too little is known."""
    evaluated = [check for check in checks if check.outcome is not Outcome.NOT_EVALUATED]
    missed = [check for check in checks if check.outcome is Outcome.NOT_EVALUATED]
    required = [check for check in missed if check.is_required]
    if any(check.outcome is Outcome.VIOLATED for check in evaluated):
        return Conclusion(Verdict.VIOLATED, tuple(checks))
    if not evaluated:
        reasons = sorted({check.description for check in missed})
        return Conclusion(Verdict.INSUFFICIENT_DATA, tuple(checks), f"no check was evaluated: {'; '.join(reasons)}")
    if required:
        first = required[0]
        more = f" (and {len(required) - 1} more)" if len(required) > 1 else ""
        reason = f"{first.check_type} of '{first.subject}' is required and was not evaluated{more}: {first.description}"
        if first.check_type == CHECK_ANSWERS:  # its description says what was counted
            reason = f"{first.description}{more}"
        return Conclusion(Verdict.INSUFFICIENT_DATA, tuple(checks), reason)
    return Conclusion(Verdict.OK, tuple(checks))
