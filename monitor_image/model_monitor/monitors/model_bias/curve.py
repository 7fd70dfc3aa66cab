"""How a metric behaves in smaller samples of a baseline: where its value depends on the sample's size, and how it spreads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.random import PCG64, Generator

from model_monitor.monitors.model_bias.metrics import demographic_disparity

SMALLEST: Final = 40  # records of a sample
BLOCKS: Final = 32  # samples of one size
SEARCHED: Final = 100_000  # records of all samples of one size, since each is searched for neighbours
DRAWS: Final = 200
MOST_FREEDOM: Final = (
    30.0  # spreads of small samples are no better known than that: their tails are no normal distribution's
)


@dataclass(frozen=True, slots=True)
class Level:
    """Samples of one size. mean, variance (n - 1): of the metric among `samples` of them."""

    size: float
    mean: float
    variance: float
    samples: int


@dataclass(frozen=True, slots=True)
class Curve:
    """A metric of the whole baseline of `size` records, and of smaller samples, the largest first."""

    size: float
    value: float
    levels: tuple[Level, ...] = ()

    @classmethod
    def of(cls, size: float, value: float, samples: Sequence[tuple[np.ndarray, np.ndarray]]) -> Self:
        """samples: of each size, the sizes and the values of two or more samples."""
        levels = (
            Level(float(sizes.mean()), float(values.mean()), float(values.var(ddof=1)), len(values))
            for sizes, values in samples
            if len(values) > 1 and np.isfinite(values).all()
        )
        return cls(float(size), float(value), tuple(levels))

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the spread."""
        return min(float(sum(level.samples - 1 for level in self.levels)), MOST_FREEDOM)

    @property
    def spread(self) -> float:
        """Variance of the metric of one record: what falls with the size of a sample."""
        weights = [level.samples - 1 for level in self.levels]
        scaled = [level.variance * level.size for level in self.levels]
        return sum(w * s for w, s in zip(weights, scaled, strict=True)) / sum(weights)

    def expected(self, size: float) -> float:
        """The metric in a sample of that size, between the sizes that were tried."""
        known = sorted([(level.size, level.mean) for level in self.levels] + [(self.size, self.value)])
        return float(np.interp(math.log(size), [math.log(each) for each, _ in known], [mean for _, mean in known]))

    def deviation(self, size: float) -> float:
        """Standard deviation of the difference between a sample of that size and what is expected of it."""
        return math.sqrt(self.spread * (1 / size + 1 / self.size))

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        levels = [[level.size, level.mean, level.variance, level.samples] for level in self.levels]
        return {"size": self.size, "value": self.value, "levels": levels}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        levels = (Level(float(size), float(mean), float(var), int(n)) for size, mean, var, n in content["levels"])
        return cls(float(content["size"]), float(content["value"]), tuple(levels))


def sizes_below(records: int) -> Iterator[tuple[int, int]]:
    """(size, samples of it) that are cut from so many records: halves, quarters, and so on."""
    size = min(records // 2, SEARCHED // 4)
    while size >= SMALLEST:
        yield size, min(records // size, BLOCKS, SEARCHED // size)
        size //= 2


def block_curve(
    records: int, size: float, value: float, measured: Callable[[slice], tuple[float, float] | None]
) -> Curve:
    """Of disjoint blocks of records that stand in random order. measured: block → (its size, its metric), None: it has none."""
    samples = []
    for length, count in sizes_below(records):
        found = [measured(slice(i * length, (i + 1) * length)) for i in range(count)]
        told = [each for each in found if each is not None]
        if len(told) > 1:
            samples.append((np.array([one for one, _ in told]), np.array([other for _, other in told])))
    return Curve.of(size, value, samples)


def disparity_curve(counts: np.ndarray) -> Curve:
    """Of CDDL or CDDPL, by drawing records again. counts: int64 (groups, 2, 2)."""
    total, source = int(counts.sum()), Generator(PCG64(0))
    samples = []
    size = total
    while size >= SMALLEST:
        drawn = source.multinomial(size, counts.ravel() / total, size=DRAWS).reshape(DRAWS, *counts.shape)
        samples.append((np.full(DRAWS, float(size)), demographic_disparity(drawn)))
        size //= 2
    return Curve.of(total, float(demographic_disparity(counts)), samples)
