"""From a sample of records to attributions of features: exact where that is cheap enough, and what they come to together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

import numpy as np

from model_monitor.errors import BudgetExceeded, PredictorError
from model_monitor.monitors.model_explainability import shapley
from model_monitor.monitors.model_explainability.shapley import Score

PREDICTIONS_AT_ONCE: Final = 1 << 17  # after which what was found is kept, so that a budget that ends loses little
REQUESTED_AT_ONCE: Final = 1 << 12  # the same where predictions are requests, of which a budget holds far fewer


class Method(StrEnum):
    """How attributions are found."""

    AUTO = "auto"  # exact where it fits the budget, else kernel
    EXACT = "exact"
    KERNEL = "kernel"
    CAPTURED = "captured"  # the endpoint returned them


class Aggregation(StrEnum):
    """What single records' attributions come to; AWS's words."""

    MEAN_ABS = "mean_abs"
    MEDIAN = "median"
    MEAN_SQ = "mean_sq"


@dataclass(frozen=True, slots=True)
class Choices:
    """How to explain. samples: coalitions for each record, None: by the number of features.

    most: predictions that may be asked for. is_cheap: predictions cost no request, so exact values may take all of `most`;
        else exact is chosen only where it costs no more than the estimate.
    """

    method: Method = Method.AUTO
    samples: int | None = None
    seed: int = 0
    use_logit: bool = False
    most: int | None = None
    is_cheap: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """Attributions of the first records of a sample.

    values: float64 (records, outputs, features). expected: (outputs,), of the baseline rows.
    stopped: why not all records of the sample are here; "" when they are.
    """

    method: Method
    samples: int | None
    values: np.ndarray
    expected: np.ndarray
    stopped: str = ""


def explain(score: Score, cells: np.ndarray, keys: np.ndarray, baselines: np.ndarray, choices: Choices) -> Explained:
    """Ask the model about records in their order until all are explained or the budget is spent.

    Args:
        cells: (records, features). keys: uint64 (records,), of their contents. baselines: (rows, features).
    Raises: PredictorError; BudgetExceeded only when not even the baseline rows can be scored.
    """
    method, samples, costs = _method(cells, baselines, choices)
    linked = _logit(score) if choices.use_logit else _checked(score)
    expected = linked(baselines).mean(axis=0)
    spent = np.cumsum(costs)
    affordable = len(cells) if choices.most is None else int((spent <= choices.most - len(baselines)).sum())
    stopped = "" if affordable == len(cells) else str(BudgetExceeded("predictions", choices.most or 0))
    found: list[np.ndarray] = []
    for few in _parts(spent[:affordable], PREDICTIONS_AT_ONCE if choices.is_cheap else REQUESTED_AT_ONCE):
        try:
            if samples is None:
                found.append(shapley.exact(linked, cells[few], baselines, expected))
            else:
                values = shapley.kernel(
                    linked, cells[few], baselines, expected, keys[few], samples=samples, seed=choices.seed
                )
                found.append(values)
        except BudgetExceeded as error:
            stopped = str(error)
            break
    values = np.concatenate(found) if found else np.empty((0, len(expected), cells.shape[1]))
    return Explained(method, samples, values, expected, stopped)


def _parts(spent: np.ndarray, at_once: int) -> Iterator[slice]:
    """Records in runs of about `at_once` predictions. spent: cumulated costs."""
    parts = (spent // at_once).astype(np.int64)
    edges = [0, *(np.flatnonzero(np.diff(parts)) + 1).tolist(), len(spent)]
    return (slice(start, stop) for start, stop in pairwise(edges) if start < stop)


def _method(cells: np.ndarray, baselines: np.ndarray, choices: Choices) -> tuple[Method, int | None, np.ndarray]:
    """The method, its coalitions for each record (None: all), and what each record costs."""
    records, features = cells.shape
    samples = choices.samples or shapley.default_samples(features)
    kernel = np.full(records, shapley.kernel_cost(features, len(baselines), samples))
    if choices.method is Method.KERNEL:
        return Method.KERNEL, samples, kernel
    exact = shapley.exact_costs(cells, baselines)
    is_no_dearer = exact.sum() <= (kernel + 1).sum()  # the empty coalition is a prediction more
    is_affordable = choices.is_cheap and (choices.most is None or exact.sum() + len(baselines) <= choices.most)
    fits = exact.max(initial=0.0) <= shapley.EXACT_PREDICTIONS and (is_no_dearer or is_affordable)
    if fits or choices.method is Method.EXACT:
        return Method.EXACT, None, exact
    return Method.KERNEL, samples, kernel


def _checked(score: Score) -> Score:
    def checked(rows: np.ndarray) -> np.ndarray:
        scores = score(rows)
        if not np.isfinite(scores).all():
            raise PredictorError(
                "the model: answered what is no finite number. Check that it takes these features as they are."
            )
        return scores

    return checked


def _logit(score: Score) -> Score:
    """Log odds of probabilities; certainty is cut off where a double can still tell."""
    checked = _checked(score)

    def logit(rows: np.ndarray) -> np.ndarray:
        shares = checked(rows)
        if shares.min(initial=0.0) < 0 or shares.max(initial=1.0) > 1:
            raise PredictorError(
                "use_logit: the model answered what is no probability. Turn it off, or select the score."
            )
        shares = np.clip(shares, 1e-12, 1 - 1e-12)
        return np.asarray(np.log(shares / (1 - shares)))

    return logit


def aggregate(values: np.ndarray, counts: np.ndarray, aggregation: Aggregation) -> np.ndarray:
    """float64 (outputs, features) of all records; an entry stands for as many as its count says.

    The median is of the signed values, as Clarify defines it.
    """
    if aggregation is Aggregation.MEDIAN:
        return _medians(values, counts)
    measure: Callable[[np.ndarray], np.ndarray] = np.abs if aggregation is Aggregation.MEAN_ABS else np.square
    total = (measure(values) * counts[:, None, None]).sum(axis=0)
    return np.asarray(total / counts.sum())


def _medians(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """With an even number of records the mean of the two in the middle."""
    order = np.argsort(values, axis=0, kind="stable")
    ends = np.cumsum(counts[order], axis=0)
    total = int(counts.sum())
    middle = [
        np.take_along_axis(order, np.argmax(ends > place, axis=0)[None], axis=0)
        for place in ((total - 1) // 2, total // 2)
    ]
    low, high = (np.take_along_axis(values, place, axis=0)[0] for place in middle)
    return np.asarray((low + high) / 2)
