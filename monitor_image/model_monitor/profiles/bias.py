"""What bias is measured from: counts that merge, and for the flip test the rows themselves up to a limit.

Only records with a label count. Those whose facet has no value belong to neither side.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import xxhash

from model_monitor.profiles.bias_settings import FACETS_KEPT, GROUPS_KEPT, BiasSettings, Facet
from model_monitor.profiles.bias_table import BiasTable
from model_monitor.profiles.facets import Cells, Traits
from model_monitor.profiles.label_flags import labels_of, predicted_labels
from model_monitor.profiles.numeric_rows import NumericRows, Part, row_keys
from model_monitor.schema import Column, Rows, Schema


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
    facets: one for each of the settings'. observed, predicted_traits: what kind of labels there are.
    rows: of the records with label and prediction, for the flip test; None when nobody asks for it.
    """

    facets: tuple[FacetProfile, ...]
    rows: NumericRows | None = None
    records: int = 0
    labelled: int = 0
    predicted: int = 0
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
            return replace(empty, records=rows.count)
        is_labelled = rows.truth.codes >= 0
        keep = None if is_labelled.all() else np.flatnonzero(is_labelled)
        count = rows.count if keep is None else len(keep)
        if not count or not settings.facets:
            return replace(empty, records=rows.count, labelled=count)
        codes = rows.truth.codes if keep is None else rows.truth.codes[keep]
        label, observed = labels_of(codes, rows.truth.words, settings.label)
        said_codes, words = predicted_labels(rows, keep, settings.probability_threshold)
        prediction, said = labels_of(said_codes, words, settings.label)
        group, groups, has_many = _group(rows, settings.group, keep, count)
        facets, marks = [], []
        for facet in settings.facets:
            cells = Cells.of(column_of(rows, facet.name), keep)
            where, facet_words, mark, has_many_facets = _facet(cells, facet, count)
            table = BiasTable.of(where, group, label, prediction, facet_words, groups)
            table = replace(table, has_many_facets=has_many_facets, has_many_groups=has_many)
            facets.append(FacetProfile(table, cells.traits()))
            marks.append(mark)
        kept = None
        if empty.rows is not None and settings.flip is not None:
            part, texts = _numeric(rows, keep, prediction, marks, settings.flip.seed)
            kept = NumericRows.of(empty.rows.limit, part, texts)
        predicted = int(np.count_nonzero(prediction))
        return cls(tuple(facets), kept, rows.count, count, predicted, observed, said)

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
            self.observed.merge(other.observed),
            self.said.merge(other.said),
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        return {
            "facets": [[facet.table.to_json(), facet.traits.to_json()] for facet in self.facets],
            "rows": None if self.rows is None else self.rows.to_json(),
            "counts": [self.records, self.labelled, self.predicted],
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
        records, labelled, predicted = content["counts"]
        observed, said = Traits.from_json(content["observed"]), Traits.from_json(content["said"])
        return cls(tuple(facets), rows, records, labelled, predicted, observed, said)


def column_of(rows: Rows, name: str) -> Column | None:
    """A feature, or a field that was joined to the records."""
    if name in rows.schema.names:
        return rows.features[rows.schema.names.index(name)]
    return rows.metadata.get(name)


def mark_of(word: str) -> int:
    """How rows of the flip test remember the value of a facet."""
    return xxhash.xxh3_64_intdigest(word.encode("utf-8", "surrogatepass")) | 1  # never 0, which is a missing value


def _group(
    rows: Rows, name: str | None, keep: np.ndarray | None, count: int
) -> tuple[np.ndarray, tuple[str, ...], bool]:
    none = np.zeros(count, np.int8)
    if name is None:
        return none, (), False
    found = Cells.of(column_of(rows, name), keep).values(count, GROUPS_KEPT)
    return (none, (), True) if found is None else (found[0] + 1, found[1], False)


def _facet(cells: Cells, facet: Facet, count: int) -> tuple[np.ndarray, tuple[str, ...] | None, np.ndarray, bool]:
    """Place of each row on the table's axis, the words of the axis, marks for the flip test, whether there were too many words."""
    if facet.wanted.values:
        flags = cells.flags(facet.wanted, count)
        return flags, None, flags.astype(np.uint64), False
    found = cells.values(count, FACETS_KEPT)
    if found is None:
        return np.zeros(count, np.int8), (), np.zeros(count, np.uint64), True
    marks = np.array([0, *map(mark_of, found[1])], np.uint64)
    return found[0] + 1, found[1], marks[found[0] + 1], False


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
