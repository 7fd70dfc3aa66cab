"""Violation by violation: which both found, which only one, and where the value is another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from model_monitor.migration.violations import Violation

TOLERANCE = 1e-6  # absolute, and relative to the larger value


class State(StrEnum):
    """Of one violation."""

    SAME = "same"
    DIFFERS = "differs"
    ONLY_AWS = "only_aws"
    ONLY_OURS = "only_ours"


@dataclass(frozen=True, slots=True)
class Difference:
    """One violation as either side has it; `state` says how they relate."""

    state: State
    aws: Violation | None
    ours: Violation | None

    @property
    def either(self) -> Violation:
        """What it is about."""
        found = self.aws or self.ours
        assert found is not None
        return found


def differences(aws: Sequence[Violation], ours: Sequence[Violation], tolerance: float = TOLERANCE) -> list[Difference]:
    """AWS's in its order, then what only we found. Where a text tells no value, being violated is all there is to compare."""
    left: dict[tuple[str, str], list[Violation]] = {}
    for violation in ours:
        left.setdefault(violation.key, []).append(violation)
    found = []
    for theirs in aws:
        same = left.get(theirs.key)
        mine = same.pop(0) if same else None
        state = State.ONLY_AWS if mine is None else _state(theirs, mine, tolerance)
        found.append(Difference(state, theirs, mine))
    return found + [Difference(State.ONLY_OURS, None, mine) for rest in left.values() for mine in rest]


def _state(aws: Violation, ours: Violation, tolerance: float) -> State:
    if aws.value is None or ours.value is None or (math.isnan(aws.value) and math.isnan(ours.value)):
        return State.SAME
    is_close = math.isclose(aws.value, ours.value, rel_tol=tolerance, abs_tol=tolerance)
    return State.SAME if is_close else State.DIFFERS
