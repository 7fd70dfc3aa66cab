"""What a check concludes. Types only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from model_monitor.contract import Verdict


class Outcome(StrEnum):
    """A check's result. `NOT_EVALUATED` never reads as a pass."""

    HELD = "held"
    VIOLATED = "violated"
    NOT_EVALUATED = "not_evaluated"


@dataclass(frozen=True, slots=True)
class Check:
    """One evaluated (or not evaluated) constraint.

    check_type: `constraint_check_type`; subject: feature or metric name.
    observed, allowed: numbers where the check has them; their unit is the check's (share, distance, count).
    description: AWS's wording when violated, the reason when not evaluated, else "".
    is_required: a monitor with a required check not evaluated is never `ok`.
    distance: of drift checks, the L-infinity distance in [0, 1] that metrics carry, whatever test decided.
    """

    check_type: str
    subject: str
    outcome: Outcome
    observed: float | None = None
    allowed: float | None = None
    description: str = ""
    is_required: bool = False
    distance: float | None = None


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a monitor concludes from its checks.

    silenced: features whose metrics are switched off (`emit_metrics`).
    notes: what a reader of the checks should know first.
    drift_max: of model quality, how far what the model says has moved, whether that counts as a check yet or not.
    awaits_labels: labels that are still to come, or to be corrected, may settle what could not be evaluated.
    """

    verdict: Verdict
    checks: tuple[Check, ...] = ()
    reason: str = ""  # why nothing was evaluated, or the error
    silenced: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    drift_max: float | None = None
    awaits_labels: bool = False

    @property
    def violations(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.outcome is Outcome.VIOLATED)
