"""The features of a chunk: columns with their types, without the texts that stand for nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model_monitor.dataset.classify import Literals, type_column
from model_monitor.schema import NO_NUMBERS, Column, Feature, Kind, Schema

NO_ANSWER: Final = ("NaN", "nan")


def type_features(schema: Schema, columns: Sequence[Literals]) -> tuple[tuple[Column, ...], list[int], Counter[str]]:
    """Columns of the schema's features; in how many records each one's key was absent; what was tolerated."""
    made, absent = [], []
    tolerated: Counter[str] = Counter()
    for feature, literals in zip(schema.features, columns, strict=True):
        column, missing = type_column(literals, is_text=feature.is_text)
        spellings = spellings_of(feature, schema.payload.missing)
        if spellings:
            column, found = without_missing(column, spellings)
            tolerated.update({f"missing value written as '{word}'": count for word, count in found.items()})
        made.append(column)
        absent.append(missing)
    return tuple(made), absent, tolerated


def answer(column: Column) -> Column:
    """What the model said: NaN says nothing, among numbers and among texts."""
    return without_missing(column, NO_ANSWER)[0]


def spellings_of(feature: Feature, declared: tuple[str, ...] | None) -> tuple[str, ...]:
    """The texts that stand for nothing in a feature; the usual ones only where it is known to hold numbers."""
    if declared is not None:
        return declared
    return NO_NUMBERS if feature.type is not None and feature.type.is_numeric else ()


def without_missing(column: Column, spellings: Iterable[str]) -> tuple[Column, dict[str, int]]:
    """A column whose cells with one of these texts are missing, and how many there were of each."""
    texts = column.texts
    if texts is None:
        return column, {}
    is_none = pc.is_in(texts.dictionary, pa.array(list(spellings), pa.string()))
    if not is_none.true_count:
        return column, {}
    places = np.flatnonzero(np.asarray(is_none))
    codes = texts.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    counts = np.bincount(codes[codes >= 0], minlength=len(texts.dictionary))[places]
    found = dict(zip(texts.dictionary.take(pa.array(places)).to_pylist(), counts.tolist(), strict=True))
    plain = pc.if_else(pa.array(np.isin(codes, places)), pa.scalar(None, pa.string()), texts.cast(pa.string()))
    kinds = column.kinds.copy()
    kinds[Kind.STRING] -= counts.sum()
    kinds[Kind.NULL] += counts.sum()
    return Column(kinds, column.numbers, None if plain.null_count == len(plain) else plain.dictionary_encode()), found
