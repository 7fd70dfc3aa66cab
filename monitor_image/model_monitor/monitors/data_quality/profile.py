"""The profile of a dataset: every feature, and what the records looked like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from model_monitor.schema import Column, Feature, FeatureType, Kind, Rows
from model_monitor.sketches.booleans import as_booleans
from model_monitor.sketches.frequencies import Frequencies, KeyCounts
from model_monitor.sketches.kinds import no_kinds
from model_monitor.sketches.numbers import Numbers

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class FeatureProfile:
    """One feature. kinds: int64 (5,), literals by `Kind`. Numbers and texts are both kept: its type shows at the end."""

    kinds: np.ndarray = field(default_factory=no_kinds)
    numbers: Numbers = field(default_factory=Numbers)
    texts: Frequencies = field(default_factory=Frequencies)

    @classmethod
    def of(cls, column: Column) -> FeatureProfile:
        """One chunk of one feature."""
        numbers = Numbers()
        if column.numbers is not None:
            numbers = Numbers.of(column.numbers, int(column.kinds[Kind.INTEGRAL] + column.kinds[Kind.FRACTIONAL]))
        return cls(np.asarray(column.kinds, np.int64), numbers, Frequencies.of(column.texts))

    def merge(self, other: FeatureProfile) -> FeatureProfile:
        """Combine two disjoint parts."""
        return FeatureProfile(
            self.kinds + other.kinds, self.numbers.merge(other.numbers), self.texts.merge(other.texts)
        )

    @property
    def rows(self) -> int:
        """Cells, null or not."""
        return int(self.kinds.sum())

    @property
    def nulls(self) -> int:
        """Cells without a value."""
        return int(self.kinds[Kind.NULL])

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        return {"kinds": self.kinds.tolist(), "numbers": self.numbers.to_json(), "texts": self.texts.to_json()}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> FeatureProfile:
        """The inverse of `to_json`."""
        return cls(
            np.array(content["kinds"], np.int64),
            Numbers.from_json(content["numbers"]),
            Frequencies.from_json(content["texts"]),
        )


@dataclass(frozen=True, slots=True)
class DatasetProfile:
    """All features of the schema, in its order; no features at all is the empty profile of any schema.

    absent: feature → records without its key; extra: keys no feature claims; widths: refused records by their number of
    values.
    """

    item_count: int = 0
    features: tuple[FeatureProfile, ...] = ()
    absent: Mapping[str, int] = field(default_factory=dict)
    extra: KeyCounts = field(default_factory=KeyCounts)
    widths: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Rows) -> DatasetProfile:
        """One chunk."""
        return cls(
            rows.count,
            tuple(
                FeatureProfile.of(_in_one_spelling(feature, column))
                for feature, column in zip(rows.schema.features, rows.features, strict=True)
            ),
            dict(rows.absent),
            KeyCounts.of(rows.extra),
            dict(rows.rejects.widths),
        )

    def merge(self, other: DatasetProfile) -> DatasetProfile:
        """Combine two disjoint parts of one dataset."""
        if not self.features or not other.features:
            features = self.features or other.features
        else:
            features = tuple(mine.merge(theirs) for mine, theirs in zip(self.features, other.features, strict=True))
        return DatasetProfile(
            self.item_count + other.item_count,
            features,
            _sum(self.absent, other.absent),
            self.extra.merge(other.extra),
            _sum(self.widths, other.widths),
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        return {
            "item_count": self.item_count,
            "features": [feature.to_json() for feature in self.features],
            "absent": dict(sorted(self.absent.items())),
            "extra": self.extra.to_json(),
            "widths": [[width, records] for width, records in sorted(self.widths.items())],
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> DatasetProfile:
        """The inverse of `to_json`."""
        return cls(
            content["item_count"],
            tuple(map(FeatureProfile.from_json, content["features"])),
            content["absent"],
            KeyCounts.from_json(content["extra"]),
            dict(content["widths"]),
        )


def _in_one_spelling(feature: Feature, column: Column) -> Column:
    """Booleans as `true` and `false`; what a model is asked with keeps its form."""
    if feature.type is not FeatureType.BOOLEAN:
        return column
    return as_booleans(column, takes_digits=not feature.is_inferred)


def _sum(first: Mapping[K, int], second: Mapping[K, int]) -> dict[K, int]:
    if not first or not second:
        return dict(first or second)
    merged = Counter(first)
    merged.update(second)
    return dict(merged)
