"""What attribution drift needs of the rows: a sample of records to explain, or sums of what the endpoint said itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model_monitor.schema import Rows
from model_monitor.sketches.moments import Moments
from model_monitor.sketches.quantiles import Quantiles
from model_monitor.sketches.sample import RecordSample


@dataclass(frozen=True, slots=True)
class Captured:
    """Attributions that responses held, of one label and feature.

    values, sizes, squares: moments of the values, of their sizes without sign, of their squares.
    """

    values: Moments = field(default_factory=Moments)
    sizes: Moments = field(default_factory=Moments)
    squares: Moments = field(default_factory=Moments)
    quantiles: Quantiles = field(default_factory=Quantiles)

    @classmethod
    def of(cls, values: np.ndarray) -> Captured:
        """From float64 values, all of them finite."""
        return cls(
            _moments(values),
            _moments(np.abs(values)),
            _moments(values * values),
            Quantiles.of_counts(*np.unique(values + 0.0, return_counts=True)),
        )

    def merge(self, other: Captured) -> Captured:
        """Combine two disjoint parts."""
        return Captured(
            self.values.merge(other.values),
            self.sizes.merge(other.sizes),
            self.squares.merge(other.squares),
            self.quantiles.merge(other.quantiles),
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        return {name: getattr(self, name).to_json() for name in ("values", "sizes", "squares", "quantiles")}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Captured:
        """The inverse of `to_json`."""
        values, sizes, squares = (Moments.from_json(content[name]) for name in ("values", "sizes", "squares"))
        return cls(values, sizes, squares, Quantiles.from_json(content["quantiles"]))


def _moments(values: np.ndarray) -> Moments:
    return Moments.of(values, float(values.min()), float(values.max())) if values.size else Moments()


@dataclass(frozen=True, slots=True)
class AttributionProfile:
    """Records of a window.

    sample: of them, to be explained later; empty when the endpoint's own attributions are taken.
    captured: one for each label and feature; () when none are read. answered: records that had all of them.
    """

    sample: RecordSample
    captured: tuple[Captured, ...] = ()
    answered: int = 0

    @classmethod
    def of_records(cls, rows: Rows, limit: int, seed: int, *, keeps_names: bool = False) -> AttributionProfile:
        """One chunk, of which a model will be asked. keeps_names: of its events, where single records are told."""
        return cls(RecordSample.of(rows, limit, seed, keeps_names=keeps_names))

    @classmethod
    def of_answers(cls, rows: Rows) -> AttributionProfile:
        """One chunk whose responses say it; records that lack a value of any feature are left out."""
        seen = RecordSample(0, 0, seen=rows.count)
        if not rows.attributions or not rows.count:
            return cls(seen)
        nothing = np.full(rows.count, np.nan)
        found = np.array([nothing if c.numbers is None else c.numbers.astype(np.float64) for c in rows.attributions])
        is_whole = np.isfinite(found).all(axis=0)
        captured = tuple(Captured.of(values) for values in np.ascontiguousarray(found[:, is_whole]))
        return cls(seen, captured, int(is_whole.sum()))

    def merge(self, other: AttributionProfile) -> AttributionProfile:
        """Combine two disjoint parts."""
        if self.captured and other.captured:
            captured = tuple(mine.merge(theirs) for mine, theirs in zip(self.captured, other.captured, strict=True))
        else:
            captured = self.captured or other.captured
        return AttributionProfile(self.sample.merge(other.sample), captured, self.answered + other.answered)

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        return {
            "sample": self.sample.to_json(),
            "captured": [each.to_json() for each in self.captured],
            "answered": self.answered,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> AttributionProfile:
        """The inverse of `to_json`."""
        captured = tuple(map(Captured.from_json, content["captured"]))
        return cls(RecordSample.from_json(content["sample"]), captured, content["answered"])
