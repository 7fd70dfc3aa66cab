"""Changes of known size, made to the records of a window. Imports NumPy alone, as `samples` does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from benchmarks.calibration import populations
from benchmarks.calibration.samples import Sample, Texts

POPULATION: Final = "nullable"
NUMBER, GAPPED, GAPS, FACET, GROUP = "x", "income", 0.05, "sex", "f"
FOUND: Final = 0.9  # share of the windows in which a change has to be found
LEVELS: Final = 64


@dataclass(frozen=True, slots=True)
class Change:
    """One kind of change.

    what: for the page, with its unit. make: (sample, size of the change, one uniform number a record) → changed sample.
    monitor, subject: of the checks that count as having found it; any subject where there is none.
    """

    name: str
    what: str
    make: Callable[[Sample, float, np.ndarray], Sample]
    smallest: float
    largest: float
    monitor: str
    subject: str = ""

    @property
    def levels(self) -> np.ndarray:
        """Sizes of the change that are tried, each larger than the one before by the same factor."""
        return np.geomspace(self.smallest, self.largest, LEVELS)

    @property
    def step(self) -> float:
        """That factor."""
        return float((self.largest / self.smallest) ** (1 / (LEVELS - 1)))


def shifted(sample: Sample, size: float, _: np.ndarray) -> Sample:
    """The number moves by `size` standard deviations."""
    return replace(sample, features=sample.features | {NUMBER: sample.features[NUMBER] + size})  # type: ignore[operator]


def spread(sample: Sample, size: float, _: np.ndarray) -> Sample:
    """The number's standard deviation grows by the share `size`."""
    return replace(sample, features=sample.features | {NUMBER: sample.features[NUMBER] * (1 + size)})  # type: ignore[operator]


def emptied(sample: Sample, size: float, drawn: np.ndarray) -> Sample:
    """Of all records the share `size` loses a value that it had."""
    values = np.where(drawn < size / (1 - GAPS), np.nan, sample.features[GAPPED])  # type: ignore[arg-type]
    return replace(sample, features=sample.features | {GAPPED: values})


def misled(sample: Sample, size: float, drawn: np.ndarray) -> Sample:
    """Of all records the share `size` has a wrong prediction instead of a right one."""
    is_right = sample.prediction == sample.label
    flips = is_right & (drawn < size / max(is_right.mean(), 1e-9))
    score = sample.score if sample.score is None else np.where(flips, 1 - sample.score, sample.score)
    return replace(sample, prediction=np.where(flips, 1 - sample.prediction, sample.prediction), score=score)


def disfavoured(sample: Sample, size: float, drawn: np.ndarray) -> Sample:
    """In one group the share of positive labels falls by `size`; predictions stay."""
    group = sample.features[FACET]
    if not isinstance(group, Texts):
        raise TypeError(FACET)
    members = group.codes == group.words.index(GROUP)
    share = max(float(sample.label[members].mean()) if members.any() else 0.0, 1e-9)
    turned = members & (sample.label == 1) & (drawn < size / share)
    return replace(sample, label=np.where(turned, 0, sample.label))


CHANGES: Final = (
    Change("shift", "a number moves, in standard deviations", shifted, 0.01, 5.0, "data_quality", NUMBER),
    Change("spread", "its standard deviation grows, share", spread, 0.01, 20.0, "data_quality", NUMBER),
    Change("nulls", "values go missing (5 % were), share of records", emptied, 0.001, 0.94, "data_quality", GAPPED),
    Change("accuracy", "accuracy falls, share of records", misled, 0.001, 0.7, "model_quality"),
    Change("bias", "DPL grows, difference of shares", disfavoured, 0.001, 0.5, "model_bias"),
)


def find(name: str) -> Change:
    """A change by its name."""
    return next(each for each in CHANGES if each.name == name)


def windows(size: int, number: int, baseline: int) -> tuple[Sample, Sample, np.ndarray]:
    """The baseline, the window and the numbers that a change draws on, of one pair; the same for whoever asks."""
    make = populations.find(POPULATION).make
    random = np.random.default_rng([1000, size, number])
    first, second = make(random, baseline), make(random, size)
    return first, second, random.random(size)


def told_apart(size: int, baseline: int) -> float:
    """A number that tells whether two environments see the same records."""
    first, second, drawn = windows(size, 0, baseline)
    return float(np.nansum(first.features[GAPPED]) + second.label.sum() + drawn.sum())  # type: ignore[arg-type]


def smallest(change: Change, share_found: Callable[[float], float]) -> float | None:
    """The smallest size of a change that is found often enough, to one of its levels; None: not even the largest is."""
    levels = change.levels.tolist()
    if share_found(levels[-1]) < FOUND:
        return None
    low, high = -1, len(levels) - 1  # not found below, found at
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if share_found(levels[middle]) >= FOUND else (middle, high)
    return float(levels[high])
