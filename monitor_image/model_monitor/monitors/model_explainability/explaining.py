"""Between a sample of records and the model: which baseline rows, what budget, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from model_monitor.contract import JobKind
from model_monitor.errors import BudgetExceeded, PredictorError, SettingsError
from model_monitor.job.job import Job
from model_monitor.monitors.model_explainability.attributions import Choices, Explained, explain
from model_monitor.monitors.model_explainability.clusters import centres
from model_monitor.monitors.model_explainability.constraints import AttributionBaseline
from model_monitor.monitors.model_explainability.options import AttributionOptions, BaselineRow, row_faults, rows_of
from model_monitor.monitors.model_explainability.sampling import spread_of
from model_monitor.monitors.model_explainability.statistics import (
    AttributionStatistics,
    Local,
    labels_of,
    of_explained,
)
from model_monitor.predictors.base import Budget, Matrix, PredictorSource
from model_monitor.predictors.baseline_rows import read_rows
from model_monitor.predictors.sources import connect
from model_monitor.sketches.sample import RecordSample

NAMED: Final = 5  # features in a message
OWN_CLUSTERS: Final = (
    "The baseline rows are clusters of this window, since the baseline brings none for these features: the two sides are "
    "explained against different rows. Give baseline_rows, or run the baseline job again."
)


def explain_sample(
    source: PredictorSource,
    sample: RecordSample,
    found: AttributionStatistics,
    options: AttributionOptions,
    known: AttributionBaseline | None,
    job: Job,
) -> AttributionStatistics:
    """Attributions of a sample with records, within the declared budget. Raises: PredictorError, SettingsError.

    A window with text where the model takes numbers is not asked about: that is the mistake of who sends it.

    known: what the baseline job found; the rows that it made are used again.
    """
    limits = options.limits.for_source(source.is_local)
    budget = Budget(limits.predictions, limits.calls, limits.seconds)
    given = _given_rows(options, known, found.features)
    unfit = () if job.kind is JobKind.BASELINE else _texts(sample, found.features, given, job)
    if unfit:
        return replace(found, unfit=_named(unfit))
    baselines = _clustered(sample, options) if given is None else given
    cells, rows = _alike(sample.matrix, baselines)
    matrix = Matrix(cells, found.features, tuple((~sample.fractions).tolist()))
    choices = Choices(
        options.method, options.samples, options.seed, options.use_logit, limits.predictions, source.is_local
    )
    found = replace(
        found,
        clusters=baselines if given is None else None,
        baselines=len(baselines),
        notes=(*found.notes, *([OWN_CLUSTERS] if given is None and known is not None else []), *source.notes),
    )
    try:
        with connect(source, budget) as predictor:
            explained = explain(
                lambda values: predictor.predict(matrix.with_values(values)), cells, sample.contents, rows, choices
            )
    except BudgetExceeded as spent:
        return replace(found, stopped=str(spent))
    return _told(replace(found, spent=_spent(budget)), explained, sample, options, source.label_headers)


def _told(
    found: AttributionStatistics,
    explained: Explained,
    sample: RecordSample,
    options: AttributionOptions,
    headers: tuple[str, ...],
) -> AttributionStatistics:
    outputs = len(explained.expected)
    if headers and len(headers) != outputs:
        raise PredictorError(
            f"predictor.label_headers: names {len(headers)} labels, the model answers {outputs} numbers a record."
        )
    values, expected, used = of_explained(explained, sample.counts, options.aggregation)
    done = len(explained.values)
    names = None if sample.names is None else sample.names[:done]
    local = Local(explained.values, sample.counts[:done], names) if options.saves_local else None
    return replace(
        found,
        method=explained.method,
        samples=explained.samples,
        labels=labels_of(outputs, headers) if used else (),
        values=values,
        expected=expected,
        used=used,
        stopped=explained.stopped,
        local=local,
        spread=spread_of(explained.values, sample.counts[:done], options.aggregation) if used else None,
    )


def _spent(budget: Budget) -> Mapping[str, int]:
    """Seconds are left out: two runs over the same data give the same report."""
    return {"predictions": budget.spent_predictions, "calls": budget.spent_calls}


def _texts(sample: RecordSample, features: tuple[str, ...], given: np.ndarray | None, job: Job) -> tuple[str, ...]:
    """Features with text where numbers are due: by their type, or because the baseline rows have numbers there."""
    if sample.matrix.dtype != np.object_:
        return ()
    types = {feature.name: feature.type for feature in job.schema.features}
    is_number = {name for name, kind in types.items() if kind is not None and kind.is_numeric}
    if given is not None:
        rows = zip(features, given.T, strict=True)
        is_number |= {name for name, cells in rows if not any(isinstance(cell, str) for cell in cells)}
    columns = zip(features, sample.matrix.T, strict=True)
    return tuple(n for n, cells in columns if n in is_number and any(isinstance(cell, str) for cell in cells))


def _named(features: tuple[str, ...]) -> str:
    """That features fail their type check, a few by name."""
    named = ", ".join(features[:NAMED])
    more = f" and {len(features) - NAMED} more" if len(features) > NAMED else ""
    fail = "fails its type check" if len(features) == 1 else "fail their type checks"
    return f"attribution not evaluated: {named}{more} {fail} (text where the model takes numbers)"


# --- baseline rows -----------------------------------------------------------------------------------------------------


def _given_rows(
    options: AttributionOptions, known: AttributionBaseline | None, features: tuple[str, ...]
) -> np.ndarray | None:
    """The configured rows, else those of the baseline; None when this run has to make them."""
    if options.baseline_rows is None:
        if known is None or not known.rows or set(known.features) != set(features):
            return None
        return _matrix(tuple(known.rows), known.features, features)
    content = options.baseline_rows
    rows = rows_of(read_rows(content)) if isinstance(content, str) else content
    faults = (
        row_faults(rows, features)
        if rows
        else ["baseline_rows: the file holds no rows, or other things than numbers and texts in them"]
    )
    if faults:
        raise SettingsError.of_faults("model_explainability", faults)
    order = options.headers if set(options.headers) == set(features) else features
    return _matrix(rows, order, features)


def _matrix(rows: tuple[BaselineRow, ...], order: tuple[str, ...], features: tuple[str, ...]) -> np.ndarray:
    """(rows, features): lists are in the given order, objects have names."""
    named = (row if isinstance(row, Mapping) else dict(zip(order, row, strict=True)) for row in rows)
    cells = [[_cell(row[name]) for name in features] for row in named]
    if any(isinstance(cell, str) for row in cells for cell in row):
        return np.array(cells, object)
    return np.array(cells, np.float64)


def _cell(value: object) -> object:
    """As readers have it: true and false are texts."""
    return str(value).lower() if isinstance(value, bool) else value


def _clustered(sample: RecordSample, options: AttributionOptions) -> np.ndarray:
    """Centres of the sample, with whole numbers where that was asked for."""
    found = centres(sample.matrix, sample.counts, count=options.clusters, seed=options.seed)
    if not options.is_rounded:
        return found
    if found.dtype != np.object_:
        return np.round(found)
    rounded = [[round(cell) if isinstance(cell, float) else cell for cell in row] for row in found]
    return np.array(rounded, object)


def _alike(cells: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both of numbers alone, or both of objects with None where one is missing."""
    if cells.dtype == rows.dtype:
        return cells, rows
    return _objects(cells), _objects(rows)


def _objects(cells: np.ndarray) -> np.ndarray:
    if cells.dtype == np.object_:
        return cells
    objects = cells.astype(object)
    objects[np.isnan(cells)] = None
    return objects
