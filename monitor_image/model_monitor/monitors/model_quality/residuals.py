"""How far predictions of numbers are from the truth: sums that merge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from model_monitor.sketches.moments import Moments


@dataclass(frozen=True, slots=True)
class Residuals:
    """Sums over records with a label.

    absolute: of |truth - prediction|. error: of truth - prediction. truth: of the label itself.
    """

    absolute: Moments = field(default_factory=Moments)
    error: Moments = field(default_factory=Moments)
    truth: Moments = field(default_factory=Moments)

    @classmethod
    def of(cls, truth: np.ndarray, predicted: np.ndarray) -> Self:
        """One chunk of finite float64 numbers."""
        error = truth - predicted
        return cls(*(_moments(values) for values in (np.abs(error), error, truth)))

    def merge(self, other: Self) -> Self:
        """Combine two disjoint parts."""
        return type(self)(
            self.absolute.merge(other.absolute), self.error.merge(other.error), self.truth.merge(other.truth)
        )

    @property
    def squared(self) -> float:
        """Σ(truth - prediction)²."""
        return self.error.m2 + self.error.count * self.error.mean**2

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        return {name: getattr(self, name).to_json() for name in ("absolute", "error", "truth")}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(*(Moments.from_json(content[name]) for name in ("absolute", "error", "truth")))


def _moments(values: np.ndarray) -> Moments:
    return Moments.of(values, float(values.min()), float(values.max())) if values.size else Moments()
