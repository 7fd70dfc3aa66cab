"""Predictions and their labels as one mergeable profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model_monitor.labels.coverage import Coverage
from model_monitor.monitors.model_quality.agreement import Agreement
from model_monitor.monitors.model_quality.said import Said
from model_monitor.monitors.model_quality.slices import Slice
from model_monitor.schema import Rows, Truth
from model_monitor.sketches.answers import Answers, Problem, stated


@dataclass(frozen=True, slots=True)
class QualityProfile:
    """What every number of the model-quality monitor is read from.

    records: all of them. answered: those of which the model said something; stated: those with a prediction named as such.
    labels: how many labels there are, whether a prediction asked for them or not; 0 where they came with the records.
    """

    records: int = 0
    answered: int = 0
    stated: int = 0
    labels: int = 0
    coverage: Coverage = field(default_factory=Coverage)
    agreement: Agreement = field(default_factory=Agreement)
    said: Said = field(default_factory=Said)
    slices: dict[str, Slice] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        rows: Rows,
        problem: Problem,
        now: int | None = None,
        subsamples: tuple[np.ndarray, ...] = (),
        slices: Mapping[str, tuple[float, ...]] | None = None,
    ) -> QualityProfile:
        """One chunk.

        Args:
            now: seconds since 1970 UTC, what the age of a prediction without label is counted to; None: unknown.
            subsamples: masks of rows, one for each subsample of a regression.
            slices: features or metadata fields whose values are looked at one by one, or cut at edges where it has some.
        """
        answers, truth = Answers.of(rows, problem), truth_of(rows)
        everything = np.ones(rows.count, np.bool_)
        return cls(
            rows.count,
            int(answers.is_given.sum()),
            stated(rows),
            truth.total if truth.keys is not None else 0,
            _coverage(rows, truth, now),
            Agreement.of(answers, truth, problem, everything, subsamples),
            Said.of(answers),
            {
                name: Slice.of(name, rows, answers, truth, problem, subsamples, edges)
                for name, edges in (slices or {}).items()
            },
        )

    def merge(self, other: QualityProfile) -> QualityProfile:
        """Combine two disjoint parts that were joined with the same labels."""
        return QualityProfile(
            self.records + other.records,
            self.answered + other.answered,
            self.stated + other.stated,
            max(self.labels, other.labels),
            self.coverage.merge(other.coverage),
            self.agreement.merge(other.agreement),
            self.said.merge(other.said),
            {
                name: self.slices.get(name, Slice()).merge(other.slices.get(name, Slice()))
                for name in dict.fromkeys((*self.slices, *other.slices))
            },
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        return {
            "records": self.records,
            "answered": self.answered,
            "stated": self.stated,
            "labels": self.labels,
            "coverage": self.coverage.to_json(),
            "agreement": self.agreement.to_json(),
            "said": self.said.to_json(),
            "slices": {name: part.to_json() for name, part in self.slices.items()},
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> QualityProfile:
        """The inverse of `to_json`."""
        return cls(
            content["records"],
            content["answered"],
            content["stated"],
            content["labels"],
            Coverage.from_json(content["coverage"]),
            Agreement.from_json(content["agreement"]),
            Said.from_json(content["said"]),
            {name: Slice.from_json(part) for name, part in content["slices"].items()},
        )


def truth_of(rows: Rows) -> Truth:
    """The labels of the rows; none of any where nothing was joined."""
    if rows.truth is not None:
        return rows.truth
    nothing = np.full(rows.count, -1)
    return Truth(nothing.astype(np.int32), (), nothing, 0)


def _coverage(rows: Rows, truth: Truth, now: int | None) -> Coverage:
    events = rows.events
    times = np.repeat(events.times, events.records) if len(events.records) else np.full(rows.count, -1)
    found = np.where(truth.codes >= 0, truth.places, -1)
    return Coverage.of(found, truth.total if truth.keys is not None else None, times, now, events.variant)
