"""What joining predictions with their labels lost, on either side."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np

AGES: Final = (
    3600,
    86400,
    7 * 86400,
    30 * 86400,
    90 * 86400,
)  # seconds; upper bounds of the groups of unlabelled predictions
AGE_NAMES: Final = ("under 1 hour", "under 1 day", "under 7 days", "under 30 days", "under 90 days", "90 days or more")
NO_TIME: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Coverage:
    """Predictions with and without a label, and which labels were used.

    matched: predictions with a label, by variant.
    unlabelled: predictions without one, by variant and age at the end of the run's window.
    used: one bit for each label that there is, packed; b"" stands for none used.
    """

    matched: Counter[str] = field(default_factory=Counter)
    unlabelled: Counter[tuple[str, str]] = field(default_factory=Counter)
    used: bytes = b""

    @classmethod
    def of(cls, found: np.ndarray, labels: int | None, times: np.ndarray, now: int | None, variant: str = "") -> Self:
        """One chunk.

        Args:
            found: int64 (rows,), place of each row's label among `labels`, -1 without one.
            labels: None when they came with the records, so that none can be unused.
            times: int64 (rows,), seconds since 1970 UTC; -1 unknown. `now`: what ages are counted to; None: unknown.
        """
        is_matched = found >= 0
        ages = (now or 0) - times[~is_matched]
        is_known = (times[~is_matched] >= 0) & (now is not None)
        groups = np.where(is_known, np.searchsorted(np.array(AGES), ages, side="right"), len(AGES) + 1)
        names = (*AGE_NAMES, NO_TIME)
        counts = np.bincount(groups, minlength=len(names))
        bits = np.zeros(labels or 0, np.bool_)
        if labels is not None:
            bits[found[is_matched]] = True
        return cls(
            Counter({variant: int(is_matched.sum())} if is_matched.any() else {}),
            Counter({(variant, name): int(n) for name, n in zip(names, counts, strict=True) if n}),
            np.packbits(bits).tobytes() if is_matched.any() else b"",
        )

    def merge(self, other: Coverage) -> Coverage:
        """Combine two disjoint parts that were joined with the same labels."""
        if self.used and other.used:
            used = (np.frombuffer(self.used, np.uint8) | np.frombuffer(other.used, np.uint8)).tobytes()
        else:
            used = self.used or other.used
        return Coverage(self.matched + other.matched, self.unlabelled + other.unlabelled, used)

    @property
    def predictions(self) -> int:
        return self.matched.total() + self.unlabelled.total()

    @property
    def share(self) -> float | None:
        """Predictions that have a label; None of no predictions."""
        return self.matched.total() / self.predictions if self.predictions else None

    def unused(self, labels: int) -> int:
        """Labels that no prediction asked for."""
        return labels - int(np.bitwise_count(np.frombuffer(self.used, np.uint8)).sum())

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        unlabelled = [[variant, age, count] for (variant, age), count in sorted(self.unlabelled.items())]
        return {"matched": dict(sorted(self.matched.items())), "unlabelled": unlabelled, "used": self.used.hex()}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        unlabelled = Counter({(variant, age): count for variant, age, count in content["unlabelled"]})
        return cls(Counter(content["matched"]), unlabelled, bytes.fromhex(content["used"]))
