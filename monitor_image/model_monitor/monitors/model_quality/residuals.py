"""How far predictions of numbers are from the truth: sums that merge."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Self

import numpy as np

from model_monitor.sketches.moments import Moments

BITS_DROPPED: Final = 48  # of a double: its sign, exponent and four binary digits are left


@dataclass(frozen=True, slots=True)
class Joint:
    """Sums over records, of the truth about its mean and of squared errors; what the standard error of r2 needs.

    cubes, fourths: Σd³ and Σd⁴ with d = truth - mean of the truth. squares_by_one, squares_by_square: Σe²d and Σe²d².
    """

    cubes: float = 0.0
    fourths: float = 0.0
    squares_by_one: float = 0.0
    squares_by_square: float = 0.0

    @classmethod
    def of(cls, deviations: np.ndarray, squares: np.ndarray) -> Self:
        """One chunk of float64 numbers."""
        with np.errstate(over="ignore", invalid="ignore"):
            square = deviations * deviations
            sums = (square * deviations, square * square, squares * deviations, squares * square)
            return cls(*(float(values.sum()) for values in sums))

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The inverse of `asdict`; a sum that JSON could not say is none."""
        return cls(**{name: math.nan if value is None else value for name, value in content.items()})

    def about(self, shift: float, m2: float, count: int, squares: float) -> Joint:
        """The same sums about a mean that is less by `shift`, of `count` records with Σd² = m2 and Σe² = squares."""
        second = shift * shift
        return Joint(
            self.cubes + 3 * shift * m2 + count * (shift * second),
            self.fourths + 4 * shift * self.cubes + 6 * second * m2 + count * (second * second),
            self.squares_by_one + shift * squares,
            self.squares_by_square + 2 * shift * self.squares_by_one + second * squares,
        )

    def plus(self, other: Joint) -> Joint:
        """Of two disjoint parts about the same mean."""
        pairs = zip(asdict(self).values(), asdict(other).values(), strict=True)
        return Joint(*(mine + theirs for mine, theirs in pairs))


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many errors there are of each size, in steps of at most 6 %. counts: by step, ascending."""

    counts: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, absolute: np.ndarray) -> Self:
        """One chunk of float64 numbers, none negative."""
        counts = np.bincount(np.ascontiguousarray(absolute + 0.0).view(np.int64) >> BITS_DROPPED)
        return cls({int(step): int(counts[step]) for step in np.flatnonzero(counts)})

    def merge(self, other: Self) -> Self:
        """Combine two disjoint parts."""
        steps = sorted(self.counts.keys() | other.counts.keys())
        return type(self)({step: self.counts.get(step, 0) + other.counts.get(step, 0) for step in steps})

    @staticmethod
    def values(steps: list[int]) -> np.ndarray:
        """The size in the middle of each step; that of the first one, which nothing but 0 is in, is 0."""
        keys = np.array(steps, np.int64)
        return np.where(keys > 0, ((keys << BITS_DROPPED) + (1 << (BITS_DROPPED - 1))).view(np.float64), 0.0)

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        return {"steps": list(self.counts), "counts": list(self.counts.values())}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(dict(zip(content["steps"], content["counts"], strict=True)))


@dataclass(frozen=True, slots=True)
class Residuals:
    """Sums over records with a label.

    absolute: of |truth - prediction|. error: of truth - prediction. truth: of the label itself.
    squares, joint, sizes: of (truth - prediction)² and beyond: what is needed to tell how far chance reaches.
    """

    absolute: Moments = field(default_factory=Moments)
    error: Moments = field(default_factory=Moments)
    truth: Moments = field(default_factory=Moments)
    squares: Moments = field(default_factory=Moments)
    joint: Joint = field(default_factory=Joint)
    sizes: Sizes = field(default_factory=Sizes)

    @classmethod
    def of(cls, truth: np.ndarray, predicted: np.ndarray, *, is_whole: bool = True) -> Self:
        """One chunk of finite float64 numbers; of a subsample the metrics themselves are enough."""
        with np.errstate(over="ignore", invalid="ignore"):
            error = truth - predicted
            absolute, squares = np.abs(error), error * error
            plain = cls(_moments(absolute), _moments(error), _moments(truth))
            if not is_whole:
                return plain
            joint = Joint.of(truth - plain.truth.mean, squares)
            return replace(plain, squares=_moments(squares), joint=joint, sizes=Sizes.of(absolute))

    def merge(self, other: Self) -> Self:
        """Combine two disjoint parts. Source of joint sums: Pébay (2008)."""
        truth = self.truth.merge(other.truth)
        joint = self._joint_about(truth.mean).plus(other._joint_about(truth.mean))
        return type(self)(
            self.absolute.merge(other.absolute),
            self.error.merge(other.error),
            truth,
            self.squares.merge(other.squares),
            joint,
            self.sizes.merge(other.sizes),
        )

    @property
    def is_finite(self) -> bool:
        """Whether every sum is a number."""
        sums = (each.m2 for each in (self.absolute, self.error, self.truth, self.squares))
        return all(map(math.isfinite, (*sums, self.squares.sum, *asdict(self.joint).values())))

    def _joint_about(self, mean: float) -> Joint:
        shift, count = self.truth.mean - mean, self.truth.count
        return self.joint.about(shift, self.truth.m2, count, self.squares.sum) if shift and count else self.joint

    @property
    def squared(self) -> float:
        """Σ(truth - prediction)²."""
        return self.error.m2 + self.error.count * self.error.mean**2

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        sums = {name: getattr(self, name).to_json() for name in ("absolute", "error", "truth", "squares")}
        return {**sums, "joint": asdict(self.joint), "sizes": self.sizes.to_json()}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        absolute, error, truth, squares = (
            Moments.from_json(content[name]) for name in ("absolute", "error", "truth", "squares")
        )
        joint, sizes = Joint.from_json(content["joint"]), Sizes.from_json(content["sizes"])
        return cls(absolute, error, truth, squares, joint, sizes)


def _moments(values: np.ndarray) -> Moments:
    return Moments.of(values, float(values.min()), float(values.max())) if values.size else Moments()
