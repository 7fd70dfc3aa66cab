"""Records of a made population as plain arrays, for us and for peers alike. Imports NumPy alone: peers run elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Texts:
    """A column of words. codes: int32 (records,), position in `words`, -1 where a value is missing."""

    codes: np.ndarray
    words: tuple[str, ...]


Values = np.ndarray | Texts  # numbers: int64, or float64 with NaN where a value is missing


@dataclass(frozen=True, slots=True)
class Sample:
    """Labelled records. attributions: what each feature contributed to each prediction, (features, records)."""

    features: dict[str, Values]
    label: np.ndarray
    prediction: np.ndarray
    score: np.ndarray | None
    attributions: np.ndarray

    @property
    def size(self) -> int:
        return len(self.label)


Make = Callable[[np.random.Generator, int], Sample]


@dataclass(frozen=True, slots=True)
class Population:
    """Where records come from, and how they are watched.

    what: in one line, for the page. facets, quality, label_values: of the monitors' options.
    design_effect: what somebody who knows of records that depend on each other would declare; 1 where none do.
    """

    name: str
    what: str
    make: Make
    facets: tuple[Mapping[str, Any], ...]
    quality: Mapping[str, Any] = field(default_factory=lambda: {"problem_type": "binary"})
    label_values: tuple[float, ...] = (1,)
    design_effect: float = 1.0

    @property
    def is_independent(self) -> bool:
        """Records do not depend on each other; where they do, no test for independent ones holds exactly."""
        return self.design_effect == 1.0


def chosen(random: np.random.Generator, size: int, words: Sequence[str], shares: Sequence[float] | np.ndarray) -> Texts:
    """Words in given shares, which are scaled to one."""
    weights = np.asarray(shares, np.float64)
    return Texts(random.choice(len(words), size, p=weights / weights.sum()).astype(np.int32), tuple(words))


def with_gaps(random: np.random.Generator, values: Values, share: float) -> Values:
    """The same values, of which a share is missing."""
    gone = random.random(len(values.codes if isinstance(values, Texts) else values)) < share
    if isinstance(values, Texts):
        return Texts(np.where(gone, np.int32(-1), values.codes), values.words)
    return np.where(gone, np.nan, values)


def answered(
    random: np.random.Generator, features: dict[str, Values], parts: Mapping[str, np.ndarray], start: float = 0.0
) -> Sample:
    """Labels that follow a logistic model of the parts, and that model's own answers: a good model, not a perfect one."""
    attributions = np.stack([np.nan_to_num(parts[name]) for name in features])
    score = 1.0 / (1.0 + np.exp(-(start + attributions.sum(axis=0))))
    label = (random.random(len(score)) < score).astype(np.int64)
    return Sample(features, label, (score > 0.5).astype(np.int64), score, attributions)
