"""What bias is measured from: counts that merge, and for the flip test the rows themselves up to a limit.

Only records with a label count. Those whose facet has no value belong to neither side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

import numpy as np
import xxhash

from model_monitor.monitors.model_bias.coded import Coded
from model_monitor.monitors.model_bias.facets import FLAGS, Traits
from model_monitor.monitors.model_bias.label_flags import predicted_labels
from model_monitor.monitors.model_bias.settings import FACETS_KEPT, GROUPS_KEPT, BiasSettings, Facet
from model_monitor.monitors.model_bias.table import LABELS, PREDICTIONS, BiasTable
from model_monitor.schema import Column, Rows, Schema
from model_monitor.sketches.answers import stated
from model_monitor.sketches.numeric_rows import NumericRows, Part, row_keys

CELLS_COUNTED: Final = 1 << 18  # a table of codes that is counted in one pass


@dataclass(frozen=True, slots=True)
class FacetProfile:
    """One facet: its column's traits, and counts by it."""

    table: BiasTable
    traits: Traits = field(default_factory=Traits)

    def merge(self, other: Self) -> Self:
        """Combine two disjoint parts."""
        return type(self)(self.table.merge(other.table), self.traits.merge(other.traits))


@dataclass(frozen=True, slots=True)
class BiasProfile:
    """A window, or a part of it.

    records, labelled, predicted: records in all, of them with a label, of these with a prediction.
    stated: records whose answer holds the prediction itself.
    facets: one for each of the settings'. observed, predicted_traits: what kind of labels there are.
    rows: of the records with label and prediction, for the flip test; None when nobody asks for it.
    """

    facets: tuple[FacetProfile, ...]
    rows: NumericRows | None = None
    records: int = 0
    labelled: int = 0
    predicted: int = 0
    stated: int = 0
    observed: Traits = field(default_factory=Traits)
    said: Traits = field(default_factory=Traits)

    @classmethod
    def empty(cls, settings: BiasSettings, schema: Schema) -> Self:
        """The identity of `merge`."""
        tables = (BiasTable.empty(is_configured=bool(facet.wanted.values)) for facet in settings.facets)
        rows = NumericRows(_capacity(settings, schema)) if settings.flip is not None and settings.facets else None
        return cls(tuple(map(FacetProfile, tables)), rows)

    @classmethod
    def of(cls, rows: Rows, settings: BiasSettings) -> Self:
        """One chunk."""
        empty = cls.empty(settings, rows.schema)
        if rows.truth is None or not rows.count:
            return replace(empty, records=rows.count, stated=stated(rows))
        is_labelled = rows.truth.codes >= 0
        keep = None if is_labelled.all() else np.flatnonzero(is_labelled)
        count = rows.count if keep is None else len(keep)
        if not count or not settings.facets:
            return replace(empty, records=rows.count, labelled=count, stated=stated(rows))
        codes = rows.truth.codes if keep is None else rows.truth.codes[keep]
        label = Coded.of_words(codes, rows.truth.words)
        said = predicted_labels(
            rows, keep, count, settings.probability_threshold, settings.label, settings.class_labels
        )
        group = Coded.of(None if settings.group is None else column_of(rows, settings.group), keep, count)
        facets, marks = [], []
        for facet in settings.facets:
            axis = Coded.of(column_of(rows, facet.name), keep, count)
            profile, label_counts, said_counts = _Chunk(axis, group, label, said).count(facet, settings)
            facets.append(profile)
            if settings.flip is not None:
                marks.append(_marks(axis, facet))
        kept = None
        if empty.rows is not None and settings.flip is not None:
            prediction = said.flags(settings.label).take(said.codes)
            part, texts = _numeric(rows, keep, prediction, marks, settings.flip.seed)
            kept = NumericRows.of(empty.rows.limit, part, texts)
        return cls(
            tuple(facets),
            kept,
            rows.count,
            count,
            count - int(said_counts[0]),
            stated(rows),
            label.traits(label_counts),
            said.traits(said_counts),
        )

    def merge(self, other: Self) -> Self:
        """Combine two disjoint parts."""
        rows = self.rows
        if self.rows is not None and other.rows is not None:
            rows = self.rows.merge(other.rows)
        return type(self)(
            tuple(mine.merge(theirs) for mine, theirs in zip(self.facets, other.facets, strict=True)),
            rows,
            self.records + other.records,
            self.labelled + other.labelled,
            self.predicted + other.predicted,
            self.stated + other.stated,
            self.observed.merge(other.observed),
            self.said.merge(other.said),
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        return {
            "facets": [[facet.table.to_json(), facet.traits.to_json()] for facet in self.facets],
            "rows": None if self.rows is None else self.rows.to_json(),
            "counts": [self.records, self.labelled, self.predicted, self.stated],
            "observed": self.observed.to_json(),
            "said": self.said.to_json(),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        facets = (
            FacetProfile(BiasTable.from_json(table), Traits.from_json(traits)) for table, traits in content["facets"]
        )
        rows = None if content["rows"] is None else NumericRows.from_json(content["rows"])
        records, labelled, predicted, stated = content["counts"]
        observed, said = Traits.from_json(content["observed"]), Traits.from_json(content["said"])
        return cls(tuple(facets), rows, records, labelled, predicted, stated, observed, said)


def column_of(rows: Rows, name: str) -> Column | None:
    """A feature, or a field that was joined to the records."""
    if name in rows.schema.names:
        return rows.features[rows.schema.names.index(name)]
    return rows.metadata.get(name)


def mark_of(word: str) -> int:
    """How rows of the flip test remember the value of a facet."""
    return xxhash.xxh3_64_intdigest(word.encode("utf-8", "surrogatepass")) | 1  # never 0, which is a missing value


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """The four axes of one facet's table, by row."""

    facet: Coded
    group: Coded
    label: Coded
    said: Coded

    def count(self, facet: Facet, settings: BiasSettings) -> tuple[FacetProfile, np.ndarray, np.ndarray]:
        """The facet's profile, and how often each code of an observed and of a predicted label occurs.

        All four are counted together by their codes where these are few, and codes are folded into places; else places first.
        """
        axes = (self.facet, self.group, self.label, self.said)
        raw = _count(axes) if math.prod(axis.size for axis in axes) <= CELLS_COUNTED else None
        if raw is None:
            of_facet, of_group, of_label, of_said = (axis.counts() for axis in axes)
        else:
            others = ((1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2))
            of_facet, of_group, of_label, of_said = (raw.sum(axis=axis) for axis in others)
        facets, facet_words, has_many_facets = _places(self.facet, of_facet, facet)
        found = self.group.values(of_group, GROUPS_KEPT)
        groups, group_words = (np.zeros(self.group.size, np.int64), ()) if found is None else found
        label, said = self.label.flags(settings.label), self.said.flags(settings.label)
        label = label - np.uint8(1)  # none of them is missing
        label[0] = 0
        places = (facets, groups, label.astype(np.int64), said.astype(np.int64))
        sizes = ((FLAGS if facet_words is None else len(facet_words)) + 1, len(group_words) + 1, LABELS, PREDICTIONS)
        if raw is None:
            cells = [axis_places.take(axis.codes) for axis, axis_places in zip(axes, places, strict=True)]
            counts = _count_places(cells, sizes)
        else:
            counts = raw
            for axis, (axis_places, size) in enumerate(zip(places, sizes, strict=True)):
                counts = _folded(counts, axis, axis_places, size)
        table = BiasTable(counts, facet_words, group_words, has_many_facets, found is None)
        return FacetProfile(table, self.facet.traits(of_facet)), of_label, of_said


def _count(axes: tuple[Coded, ...]) -> np.ndarray:
    return _count_places([axis.codes for axis in axes], tuple(axis.size for axis in axes))


def _count_places(codes: list[np.ndarray], sizes: tuple[int, ...]) -> np.ndarray:
    cells = codes[0].astype(np.int64)
    for places, size in zip(codes[1:], sizes[1:], strict=True):
        cells *= size
        cells += places
    return np.bincount(cells, minlength=math.prod(sizes)).reshape(sizes)


def _folded(counts: np.ndarray, axis: int, places: np.ndarray, size: int) -> np.ndarray:
    """The counts with each code of one axis added to its place."""
    moved = np.moveaxis(counts, axis, 0)
    target = np.zeros((size, *moved.shape[1:]), np.int64)
    np.add.at(target, places, moved)
    return np.moveaxis(target, 0, axis)


def _places(axis: Coded, counts: np.ndarray, facet: Facet) -> tuple[np.ndarray, tuple[str, ...] | None, bool]:
    """Place of each code on the table's axis, the words of the axis, whether there were too many words."""
    if facet.wanted.values:
        return axis.flags(facet.wanted).astype(np.int64), None, False
    found = axis.values(counts, FACETS_KEPT)
    return (np.zeros(axis.size, np.int64), (), True) if found is None else (*found, False)


def _marks(axis: Coded, facet: Facet) -> np.ndarray:
    """What rows of the flip test remember of a facet: its flag, or a hash of its value; 0 where it is missing."""
    if facet.wanted.values:
        return axis.flags(facet.wanted).take(axis.codes).astype(np.uint64)
    found = axis.values(axis.counts(), FACETS_KEPT)
    if found is None:
        return np.zeros(len(axis.codes), np.uint64)
    marks = np.array([0, *map(mark_of, found[1])], np.uint64)
    return marks.take(found[0]).take(axis.codes)


def _numeric(
    rows: Rows, keep: np.ndarray | None, prediction: np.ndarray, marks: list[np.ndarray], seed: int
) -> tuple[Part, frozenset[int]]:
    """The numbers of the rows that have a prediction, and which features hold text."""
    said = np.flatnonzero(prediction)
    where = said if keep is None else keep[said]
    values = np.full((len(where), len(rows.features)), np.nan)
    texts = set()
    for i, column in enumerate(rows.features):
        if column.numbers is not None:
            values[:, i] = column.numbers[where]
        if column.texts is not None and column.texts.indices.take(where).null_count != len(where):
            texts.add(i)
    facts = [rows.payload_index.astype(np.uint64)[where]] if rows.payload_index.size == rows.count else []
    if rows.events.ids:
        facts.append(np.repeat(rows.events.times, rows.events.records).astype(np.uint64)[where])
    marked = np.column_stack([mark[said] for mark in marks])
    flags = prediction[said]
    keys = row_keys(values, [*facts, *marked.T, flags.astype(np.uint64)], seed)
    return Part(keys, values, marked, flags), frozenset(texts)


def _capacity(settings: BiasSettings, schema: Schema) -> int:
    if settings.flip is None:
        return 0
    return settings.flip.capacity(8 * (len(schema.features) + len(settings.facets) + 1) + 1)
