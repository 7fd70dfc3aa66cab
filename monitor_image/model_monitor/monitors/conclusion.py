"""What a check concludes. Types only."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from model_monitor.contract import Decision, Verdict
from model_monitor.words import BY_CHANCE


class Outcome(StrEnum):
    """A check's result. `NOT_EVALUATED` never reads as a pass."""

    HELD = "held"
    VIOLATED = "violated"
    NOT_EVALUATED = "not_evaluated"


@dataclass(frozen=True, slots=True)
class Evidence:
    """How likely a check's observation is although nothing has changed.

    p_value: that chance, in [0, 1]. allowed: level → the observation up to which the level explains it, in the check's own unit
    and counted on the side on which it gets worse; None where that cannot be told.
    alike: what it has in common with other evidence of its monitor that is the same chance of the same counts, such as that of
    recall and of false_negative_rate: they are one test. None: it is a test of its own.
    """

    p_value: float
    allowed: Callable[[float], float | None] = field(default=lambda _: None, compare=False, repr=False)
    alike: Hashable = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Check:
    """One evaluated (or not evaluated) constraint.

    check_type: `constraint_check_type`; subject: feature or metric name.
    observed, allowed: numbers where the check has them; their unit is the check's (share, distance, count).
    description: AWS's wording when violated, the reason when not evaluated, else "".
    is_required: a monitor with a required check not evaluated is never `ok`.
    distance: of drift checks, the L-infinity distance in [0, 1] that metrics carry, whatever test decided.
    evidence: what sampling alone explains of it; None: nothing does (columns are counted, not sampled), or nobody can tell.
    baseline: the baseline's own value, in the unit of `observed`. allowance: the observation up to which sampling explains it.
    sentence: what changed, in the feature's own terms and in plain words; never a record's own value.
    """

    check_type: str
    subject: str
    outcome: Outcome
    observed: float | None = None
    allowed: float | None = None
    description: str = ""
    is_required: bool = False
    distance: float | None = None
    evidence: Evidence | None = None
    baseline: float | None = None
    allowance: float | None = None
    sentence: str = ""

    @property
    def is_by_chance(self) -> bool:
        """Beyond its limit, and held because chance explains it."""
        return self.outcome is Outcome.HELD and self.sentence.startswith(BY_CHANCE)


class Lack(StrEnum):
    """What no record of a window has, so that nothing could be compared; the files may tell why."""

    LABEL = "label"
    PREDICTION = "prediction"


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a monitor concludes from its checks.

    silenced: features whose metrics are switched off (`emit_metrics`).
    notes: what a reader of the checks should know first.
    drift: of model quality, how far what the model says has moved, whether that counts among the checks yet or not.
    awaits_labels: labels that are still to come, or to be corrected, may settle what could not be evaluated.
    decision: which rule decided.
    lack: what no record has, where that is why nothing was evaluated.
    """

    verdict: Verdict
    checks: tuple[Check, ...] = ()
    reason: str = ""  # why nothing was evaluated, or the error
    silenced: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    drift: tuple[Check, ...] = ()
    awaits_labels: bool = False
    decision: Decision = Decision.AWS
    lack: Lack | None = None

    @property
    def violations(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.outcome is Outcome.VIOLATED)

    @property
    def repeated(self) -> Mapping[str, str]:
        """Of violations that are one test under several names: each further subject with the first one's."""
        first: dict[Hashable, str] = {}
        found = {}
        for check in self.violations:
            if check.evidence is not None and check.evidence.alike is not None:
                told = first.setdefault(check.evidence.alike, check.subject)
                if told != check.subject:
                    found[check.subject] = told
        return found

    @property
    def tested(self) -> tuple[Check, ...]:
        """Everything on which chance has a say: the checks, and what will be one later."""
        return (*self.checks, *(check for check in self.drift if check not in self.checks))

    @property
    def drift_max(self) -> float | None:
        """The farthest move of what the model says; None where none is known."""
        known = [check for check in self.drift if check.outcome is not Outcome.NOT_EVALUATED]
        return max((check.distance or 0.0 for check in known), default=None)
