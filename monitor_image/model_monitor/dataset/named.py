"""Datasets whose values have names (or a place in a headerless file): features, label, prediction and score by role."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from model_monitor.dataset.classify import Literals, type_column
from model_monitor.dataset.fields import Field, Side
from model_monitor.dataset.missing import answer, type_features
from model_monitor.schema import Column, Rejects, Rows, Schema

ROLES = ("label", "prediction", "score")


@lru_cache
def named_side(schema: Schema) -> Side:
    """Fields of a dataset's record: the features in order, then the roles the mapping names."""
    fields = [Field(f.name, i, f.path, f.is_text) for i, f in enumerate(schema.features)]
    fields += [Field(name, len(schema.features) + i) for i, name in enumerate(_beside(schema))]
    keys = attribution_keys(schema)
    fields += [Field(key, len(fields) + i, key) for i, key in enumerate(keys)]
    return Side(tuple(fields), len(schema.features), schema.payload.records)


def attribution_keys(schema: Schema) -> tuple[str, ...]:
    """What each feature contributed, of the first label, then of the next: `why[0]` is a place in a list, or a column's name."""
    places = [str(place) for place in schema.payload.output.attributions]
    named = [place for place in places if not place.isdecimal()]
    return tuple(f"{place}[{i}]" for place in named for i in range(len(schema.features)))


def _beside(schema: Schema) -> tuple[str, ...]:
    """Columns that are no features: those with a role, and others that a monitor asks for."""
    roles = tuple(roles_of(schema).values())
    return (*roles, *(name for name in schema.payload.metadata if name not in {*schema.names, *roles}))


def roles_of(schema: Schema) -> dict[str, str]:
    """Role → name of its column, for those that are named and are not features themselves; the role of a class is its number."""
    payload, output = schema.payload, schema.payload.output
    names = (payload.label, payload.prediction or output.prediction, payload.score or output.score)
    named = [*zip(ROLES, names, strict=True), *enumerate(payload.scores or output.scores)]
    taken = {*schema.names, payload.label}  # where `label` is the truth, a response's key `label` is no column of it
    return {
        str(role): name
        for role, name in named
        if isinstance(name, str) and name not in (schema.names if role == "label" else taken)
    }


def side_of_header(schema: Schema, header: Sequence[str]) -> Side:
    """The fields that a file with this header has."""
    position = {name: i for i, name in reversed(list(enumerate(header)))}  # of equal names the first
    fields = [replace(f, position=position[f.key]) for f in named_side(schema).fields if f.key in position]
    return Side(tuple(fields), len(header))


def side_of_positions(schema: Schema, width: int) -> Side:
    """The fields of a file without a header: the features in order, after the label if there is one value more."""
    label = schema.payload.label
    shift = 1 if label is not None and width == len(schema.features) + 1 else 0
    fields = [Field(f.name, i + shift, None, f.is_text) for i, f in enumerate(schema.features)]
    if shift and label is not None:
        fields.append(Field(label, 0))
    return Side(tuple(fields), len(schema.features) + shift)


def named_rows(schema: Schema, count: int, columns: dict[str, Literals], extra: Counter[str], rejects: Rejects) -> Rows:
    """Typed rows of literals by name; a feature that no column has is absent in every record."""
    literals = [columns.get(name) for name in schema.names]
    features, absences, tolerated = type_features(
        schema, [[None] * count if each is None else each for each in literals]
    )
    found = zip(schema.names, literals, absences, strict=True)
    absent = +Counter({name: count if each is None else missing for name, each, missing in found})
    roles: dict[str, Column] = {}
    for role, name in roles_of(schema).items():
        if name in columns:
            column, missing = type_column(columns[name])
            if missing < count:
                roles[role] = column
    metadata = {name: type_column(columns[name])[0] for name in schema.payload.metadata if name in columns}
    contributed = [type_column(columns[key])[0] for key in attribution_keys(schema) if key in columns]
    return Rows(
        schema,
        count,
        features,
        prediction=None if "prediction" not in roles else answer(roles["prediction"]),
        score=roles.get("score"),
        label=roles.get("label"),
        class_scores=tuple(column for role, column in roles.items() if role not in ROLES),
        attributions=tuple(contributed) if len(contributed) == len(attribution_keys(schema)) else (),
        metadata=metadata,
        absent=absent,
        extra=extra,
        rejects=rejects,
        tolerated=tolerated,
    )
