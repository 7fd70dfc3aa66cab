"""One population watched by all monitors with their defaults, without files of records and without processes.

A window's records become `Rows`; what follows is what a run does: profile, statistics, checks, one decision for all. The
baseline goes through its files, as it does for users.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from benchmarks.calibration.samples import Population, Sample, Texts, Values
from model_monitor import flow
from model_monitor.contract import ANALYSIS_FILE, CONSTRAINTS_FILE, STATISTICS_FILE, Decision, JobKind, monitor_key
from model_monitor.job.configuration import parse_configuration
from model_monitor.job.job import BaselineFiles, DatasetKind, DatasetSource, Job
from model_monitor.labels.join import join
from model_monitor.monitors.conclusion import Conclusion
from model_monitor.monitors.decision import budget_of, settle
from model_monitor.outputs.files import to_json
from model_monitor.outputs.report import Dataset, Report
from model_monitor.schema import Column, Kind, Rows, Schema
from model_monitor.sketches.neighbours import Neighbours
from model_monitor.sketches.reading import Reading

FAST = Path("/dev/shm")  # where there is one, files cost nothing


def document_of(population: Population, features: Sequence[str]) -> dict[str, Any]:
    """The configuration that a user would write."""
    return {
        "payload": {
            "features": list(features),
            "label": "label",
            "output": {"prediction": "prediction", "score": "score", "attributions": "contributions"},
        },
        "monitors": {
            "data_quality": {},
            "model_quality": dict(population.quality),
            "model_bias": {
                "facets": [dict(facet) for facet in population.facets],
                "label_values": list(population.label_values),
            },
            "model_explainability": {"method": "captured"},
        },
    }


@dataclass(frozen=True, slots=True)
class Watch:
    """A baseline, and the job that compares windows with it."""

    job: Job
    baselines: dict[Any, Any]

    @classmethod
    def of(cls, population: Population, sample: Sample) -> Watch:
        """What a baseline job makes of a sample."""
        configuration = parse_configuration(
            orjson.dumps(document_of(population, tuple(sample.features))), "calibration"
        )
        source = DatasetSource(Path("records"), DatasetKind.CSV)
        job = Job(JobKind.BASELINE, source, Path("output"), configuration.schema, configuration.monitors, workers=1)
        rows = rows_of(sample, job.schema)
        found = _found(rows, job)
        alike = Neighbours.of(rows).alike(job.schema.names)  # as of captured traffic, in its order
        measured = replace(job, measured_effect=alike.effect, alike_column=alike.column)
        report = Report(measured, Reading(records=sample.size), (), Dataset())
        with tempfile.TemporaryDirectory(dir=FAST if FAST.is_dir() else None) as folder:
            files = {result.type: _written(Path(folder), result) for result in flow.suggest(found, report)}
            job = replace(job, kind=JobKind.MONITOR, baselines=files)
            baselines, job = dict(flow.load_baselines(job)), flow.with_decisions(job)
        schema = job.schema.with_types(flow.known_features(job, baselines))
        return cls(replace(job, schema=schema, baselines={}), baselines)

    def found(self, sample: Sample) -> list[tuple[Any, Any]]:
        """Each monitor with its statistics of a window."""
        return _found(rows_of(sample, self.job.schema), self.job)

    def conclusions(
        self, found: Sequence[tuple[Any, Any]], records: int, decision: Decision | None = None
    ) -> list[Conclusion]:
        """What the monitors say before chance has its say; `decision` for all of them, else the job's own."""
        job = self.job
        if decision is not None:
            job = replace(job, monitors=tuple(replace(each, decision=decision) for each in job.monitors))
        report = Report(job, Reading(records=records), (), Dataset())
        return [bare(flow.conclude(monitor, statistics, report, self.baselines)) for monitor, statistics in found]

    def settled(self, conclusions: Sequence[Conclusion], design_effect: float | None = None) -> list[Conclusion]:
        """The decision of a run over these monitors alone, whose conclusions are `bare`. design_effect: declared; else measured."""
        return settle(conclusions, budget_of(self.job), self.job.effect if design_effect is None else design_effect)

    @property
    def sets(self) -> dict[str, tuple[int, ...]]:
        """Monitors that run together, as positions: all of them, and each alone."""
        keys = [monitor_key(each.type) for each in self.job.monitors]
        return {"all": tuple(range(len(keys)))} | {key: (place,) for place, key in enumerate(keys)}


def bare(conclusion: Conclusion) -> Conclusion:
    """The same, without what would tell how far chance reaches: it decides nothing, and takes half of a run's time."""
    checks = (
        check if check.evidence is None else replace(check, evidence=replace(check.evidence, allowed=lambda _: None))
        for check in conclusion.checks
    )
    return replace(conclusion, checks=tuple(checks), drift=())


def _found(rows: Rows, job: Job) -> list[tuple[Any, Any]]:
    return [(monitor, monitor.statistics(monitor.profile(rows, job), job)) for monitor in flow.monitors_of(job)]


def _written(folder: Path, result: Any) -> BaselineFiles:
    place = folder / monitor_key(result.type)
    place.mkdir()
    for name, content in result.files.items():
        (place / name).write_bytes(content if isinstance(content, bytes) else to_json(content))
    constraints = next(place / name for name in (CONSTRAINTS_FILE, ANALYSIS_FILE) if (place / name).exists())
    statistics = place / STATISTICS_FILE
    return BaselineFiles(constraints, statistics if statistics.exists() else None)


# --- records as rows ---------------------------------------------------------------------------------------------------


def rows_of(sample: Sample, schema: Schema) -> Rows:
    """The table that a reader would make of these records."""
    rows = Rows(
        schema,
        sample.size,
        tuple(column_of(sample.features[name]) for name in schema.names),
        prediction=column_of(sample.prediction),
        score=None if sample.score is None else column_of(sample.score),
        label=column_of(sample.label),
        attributions=tuple(column_of(values) for values in sample.attributions),
        payload_index=np.arange(sample.size),
    )
    return join(rows, None)


def column_of(values: Values) -> Column:
    """A column as readers make it: whole numbers are written without a point."""
    kinds = np.zeros(len(Kind), np.int64)
    if isinstance(values, Texts):
        present = values.codes >= 0
        kinds[Kind.NULL] = np.count_nonzero(~present)
        are_truth_values = set(values.words) <= {"true", "false"}
        kinds[Kind.BOOLEAN if are_truth_values else Kind.STRING] = np.count_nonzero(present)
        return Column(kinds, None, _dictionary(values, present))
    present = np.isfinite(values)
    kinds[Kind.NULL] = np.count_nonzero(~present)
    kinds[Kind.INTEGRAL] = np.count_nonzero(values[present] == np.floor(values[present]))
    kinds[Kind.FRACTIONAL] = present.sum() - kinds[Kind.INTEGRAL]
    return Column(kinds, values if present.any() else None)


def _dictionary(values: Texts, present: np.ndarray) -> pa.DictionaryArray | None:
    """Of the words that occur alone."""
    if not present.any():
        return None
    used = np.unique(values.codes[present])
    places = np.zeros(len(values.words) + 1, np.int32)
    places[used] = np.arange(used.size, dtype=np.int32)
    codes = pa.array(places[values.codes], mask=~present)
    return pa.DictionaryArray.from_arrays(codes, pa.array([values.words[code] for code in used.tolist()]))
