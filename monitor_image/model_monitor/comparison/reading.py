"""Held-out rows with what both models said of them, brought together file by file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from model_monitor.comparison import predictions
from model_monitor.comparison.fairness import Crossed
from model_monitor.comparison.groups import Column, Grouping
from model_monitor.comparison.outcomes import Outcomes, Said
from model_monitor.contract import JobKind, ProblemType
from model_monitor.dataset.discover import DataFile, discover
from model_monitor.dataset.rows import read_rows
from model_monitor.dataset.tables import first_row
from model_monitor.dataset.units import Segment, plan
from model_monitor.errors import DatasetError, NoDataset, SettingsError
from model_monitor.job.job import DatasetKind, DatasetSource, Job
from model_monitor.label_text import without_zeros
from model_monitor.labels.join import join
from model_monitor.monitors.model_bias.profile import BiasProfile
from model_monitor.monitors.model_bias.settings import BiasSettings
from model_monitor.monitors.model_quality.agreement import Agreement
from model_monitor.monitors.model_quality.profile import truth_of
from model_monitor.schema import Feature, Privacy, Rows, Schema
from model_monitor.sketches.answers import Answers, Problem

LABEL: Final = "(label)"  # of held-out rows whose label nobody named
MODELS: Final = ("champion", "challenger")


@dataclass(frozen=True, slots=True)
class Places:
    """Files or folders: held-out rows (CSV, label first, no header), and predictions of them by either model."""

    holdout: Path
    champion: Path
    challenger: Path


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked at. slices: names of features. bias: what facets are compared by; None: none. judges_bias: whether facets
    decide, so that both models' answers are counted together."""

    schema: Schema
    problem: Problem
    slices: tuple[str, ...] = ()
    bias: BiasSettings | None = None
    judges_bias: bool = False


@dataclass(slots=True)
class Found:
    """Everything that was read. The first of two is the champion's.

    records: rows in all; labelled: of these with a label that can be compared.
    unanswered: labelled rows that a model said nothing of.
    outcomes: rows that both answered; groups: these rows by slice.
    """

    schema: Schema
    outcomes: Outcomes
    groups: dict[str, Grouping] = field(default_factory=dict)
    agreements: tuple[Agreement, Agreement] = (Agreement(), Agreement())
    bias: tuple[BiasProfile, BiasProfile] | None = None
    crossed: Crossed | None = None
    records: int = 0
    labelled: int = 0
    unanswered: tuple[int, int] = (0, 0)


def read(places: Places, asked: Asked) -> Found:
    """All rows with both models' predictions.

    Raises: NoDataset, SettingsError, DatasetError; each names the file, and the line where it is one.
    """
    files = discover(_source(places.holdout))
    if not files:
        raise NoDataset(places.holdout, "held-out row")
    schema = _schema(asked.schema, files)
    _refuse_slices(asked.slices, schema)
    job = Job(JobKind.BASELINE, _source(places.holdout), Path(), schema)
    names = [file.relative for file in files]
    answers = [predictions.files_of(place, names) for place in (places.champion, places.challenger)]
    gathered = _Gathered(replace(asked, schema=schema))
    for file, champion, challenger in zip(files, *answers, strict=True):
        for pair in _chunks(file, (champion, challenger), job):
            gathered.add(*pair)
    return gathered.found()


def _source(path: Path) -> DatasetSource:
    return DatasetSource(path, DatasetKind.CSV, has_header=False)


def _schema(schema: Schema, files: Sequence[DataFile]) -> Schema:
    """The declared features, or as many as the first row has values beside its label."""
    row = next((row for file in files if (row := first_row(Segment(file, 0, file.size_bytes)))), None)
    width = 1 + len(schema.features) if row is None else len(row)
    features = schema.features if schema.features and not schema.is_positional else ()
    if features and width != len(features) + 1:
        raise DatasetError(
            f"{files[0].path}: the first row has {width} values, expected a label and {len(features)} features. "
            "Held-out rows have the label first, the features in the payload's order, and no header."
        )
    features = features or tuple(Feature(f"_c{place}") for place in range(1, width))
    payload = replace(schema.payload, label=schema.payload.label or LABEL)
    return replace(schema, features=features, payload=payload, is_positional=False, outputs=0)


def _chunks(file: DataFile, answers: tuple[Path, Path], job: Job) -> Iterator[tuple[Rows, Rows]]:
    """The rows of one file in bounded chunks, each with the answers of the champion and with those of the challenger."""
    chunks = [join(rows, None) for unit in plan([file]) for rows in read_rows(unit, job)]
    for rows in chunks:
        for reject in rows.rejects.located:
            raise DatasetError(f"{file.path}:{reject.line}: {reject.reason}. Held-out rows are compared whole, or not.")
    count = sum(rows.count for rows in chunks)
    champion, challenger = (predictions.read(path, job.schema, count) for path in answers)
    start = 0
    for rows in chunks:
        yield champion.beside(rows, start), challenger.beside(rows, start)
        start += rows.count


class _Gathered:
    """Arrays of all chunks, until they are put together."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._places: dict[str, int] = {}  # labels of several classes, in the order in which they came
        self._parts: list[tuple[np.ndarray, ...]] = []
        self._columns: dict[str, Column] = {name: Column() for name in asked.slices}
        self._agreements = [Agreement(), Agreement()]
        self._bias: list[BiasProfile] = []
        self._crossed = Crossed(asked.bias) if asked.bias is not None and asked.judges_bias else None
        self._counts = np.zeros(4, np.int64)  # records, labelled, unanswered by either

    def add(self, *models: Rows) -> None:
        """One chunk, with the answers of either model."""
        problem, rows = self._asked.problem, models[0]
        truth = truth_of(rows)
        said = [Answers.of(each, problem) for each in models]
        words = tuple(map(without_zeros, truth.words))
        actual, is_labelled = self._actual(truth.codes, words)
        is_both = is_labelled & said[0].is_given & said[1].is_given
        unanswered = [int((is_labelled & ~each.is_given).sum()) for each in said]
        self._counts += [rows.count, int(is_labelled.sum()), *unanswered]
        codes = [self._codes(each.codes, tuple(map(without_zeros, each.words))) for each in said]
        arrays = (actual, codes[0], said[0].numbers, codes[1], said[1].numbers)
        self._parts.append(tuple(array[is_both] for array in arrays))
        for name, column in self._columns.items():
            column.add(name, rows, is_both)
        for place, each in enumerate(said):
            part = Agreement.of(each, truth, problem, is_both)
            self._agreements[place] = self._agreements[place].merge(part)
        if self._crossed is not None:
            self._crossed.add(models[0], models[1], is_both)
        if self._asked.bias is not None:
            parts = [BiasProfile.of(each, self._asked.bias) for each in models]
            pairs = zip(self._bias, parts, strict=True)
            self._bias = [before.merge(part) for before, part in pairs] if self._bias else parts

    def _actual(self, codes: np.ndarray, words: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """What came true, and of which rows it is known."""
        if self._asked.problem.type is ProblemType.REGRESSION:
            numbers = np.array([_number(word) for word in words] + [np.nan])[codes]
            return numbers, np.isfinite(numbers)
        return self._codes(codes, words), codes >= 0

    def _codes(self, codes: np.ndarray, words: tuple[str, ...]) -> np.ndarray:
        """Of classifications the place of each label; of a binary problem whether it is the positive one."""
        problem = self._asked.problem
        if problem.type is ProblemType.REGRESSION:
            return np.zeros(len(codes), np.int64)
        if problem.type is ProblemType.BINARY:
            places = [int(word == problem.positive) for word in words]
        else:
            places = [self._places.setdefault(word, len(self._places)) for word in words]
        return np.asarray(np.array([*places, -1], np.int64)[codes])

    def found(self) -> Found:
        """Everything as one."""
        whole = [np.concatenate(arrays) for arrays in zip(*self._parts, strict=True)]
        type_ = self._asked.problem.type
        labels = ("", self._asked.problem.positive) if type_ is ProblemType.BINARY else tuple(self._places)
        outcomes = Outcomes(type_, labels, whole[0], Said(whole[1], whole[2]), Said(whole[3], whole[4]))
        records, labelled, *unanswered = self._counts.tolist()
        return Found(
            self._asked.schema,
            outcomes,
            {name: column.grouping() for name, column in self._columns.items()},
            (self._agreements[0], self._agreements[1]),
            (self._bias[0], self._bias[1]) if self._bias else None,
            self._crossed,
            records,
            labelled,
            (unanswered[0], unanswered[1]),
        )


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return np.nan


def _refuse_slices(names: Sequence[str], schema: Schema) -> None:
    """Raises: SettingsError for a slice that nothing has, or whose values may not be told."""
    by_name = {feature.name: feature for feature in schema.features}
    for name in names:
        if name not in by_name:
            raise SettingsError("slices", f"'{name}' is no feature.", f"Known: {', '.join(by_name)}.")
        if by_name[name].privacy is Privacy.RESTRICTED:
            raise SettingsError("slices", f"'{name}' is restricted: its values may not be told.")
