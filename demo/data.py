"""What the two data sets of the demo share: labelled records, requests of several records, and the files made of them.

Everything is seeded: the same hour gives the same requests. Integers stay integers in JSON, because the type check of
data quality tells 37 from 37.0.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

SEED = 20260302
Value = int | float | str
Columns = Mapping[str, Sequence[Value]]  # feature → values, in the order of the mapping


class Mode(StrEnum):
    """What an hour's traffic is like."""

    HEALTHY = "healthy"
    QUIET = "quiet"
    BROKEN = "broken"
    DRIFTING = "drifting"


@dataclass(frozen=True, slots=True)
class Table:
    """Labelled records by column."""

    columns: Columns
    labels: Sequence[int]

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, start: int, stop: int) -> Table:
        return Table({name: values[start:stop] for name, values in self.columns.items()}, self.labels[start:stop])

    def rows(self) -> Iterator[tuple[Value, ...]]:
        return zip(*self.columns.values(), strict=True)


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model says of records, in their order: each an object as in a response."""

    items: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Request:
    """One call of an application, with the truth that is known later."""

    inference_id: str
    body: bytes
    content_type: str
    accept: str
    table: Table


@dataclass(frozen=True, slots=True)
class Dataset:
    """An endpoint's data: how to draw records, and how its application writes them into a request."""

    endpoint: str
    label: str
    names: tuple[str, ...]
    content_type: str
    accept: str
    draw: Callable[[int, np.random.Generator], Table]
    damage: Callable[[Mode, Columns], Columns]  # what a mode does to the columns on their way into a request
    write: Callable[[Table, int], str]  # table, number of the request → body
    records_per_request: tuple[int, int]
    training: Callable[[], tuple[Table, Table, Table]]  # baseline, train, validation
    why: tuple[str, ...] = ()  # keys of a response that say what each feature contributed, one for each class
    is_reviewed: bool = False  # the application never learns the truth: people label what the model is not sure of

    def traffic(self, hour: int, mode: Mode, records: int) -> list[Request]:
        """About `records` records of one hour in requests of several records each; none when it is quiet."""
        if mode is Mode.QUIET:
            return []
        random = np.random.default_rng([SEED, hour, len(self.names)])
        drawn = self.draw(records, random)
        sent = Table(self.damage(mode, drawn.columns), drawn.labels)
        requests: list[Request] = []
        start = 0
        while start < records:
            stop = min(start + int(random.integers(*self.records_per_request, endpoint=True)), records)
            part, number = sent.part(start, stop), len(requests)
            body = self.write(part, number).encode()
            requests.append(
                Request(f"{self.endpoint}-{hour:03}-{number:04}", body, self.content_type, self.accept, part)
            )
            start = stop
        return requests


# --- what the application and the team's training pipeline write --------------------------------------------------------


def baseline_csv(table: Table, label: str) -> str:
    """With a header, features in the order of the mapping, the label last."""
    return _csv([(*table.columns, label), *((*row, truth) for row, truth in _labelled(table))])


def baseline_lines(table: Table, label: str, answers: Answers) -> str:
    """JSON Lines: the features and the label of each record, and what the model answers."""
    records = (dict(zip(table.columns, row, strict=True)) | {label: truth} for row, truth in _labelled(table))
    return "".join(json.dumps(one | dict(said)) + "\n" for one, said in zip(records, answers.items, strict=True))


def training_csv(table: Table, names: Sequence[str]) -> str:
    """No header, the label first; a feature that never arrived is an empty field."""
    missing = [""] * len(table)
    whole = Table({name: table.columns.get(name, missing) for name in names}, table.labels)
    return _csv([(truth, *row) for row, truth in _labelled(whole)])


def _labelled(table: Table) -> Iterator[tuple[tuple[Value, ...], int]]:
    return zip(table.rows(), table.labels, strict=True)


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def json_columns(table: Table, number: int) -> str:
    """An object of columns; every second request spells a column as pandas does, `{"0": v, "1": w}`."""
    if number % 2 == 0:
        return json.dumps({name: list(values) for name, values in table.columns.items()})
    return json.dumps(
        {name: {str(row): value for row, value in enumerate(values)} for name, values in table.columns.items()}
    )


def csv_lines(table: Table, _number: int) -> str:
    return _csv(list(table.rows()))
