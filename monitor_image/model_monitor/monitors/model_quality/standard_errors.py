"""How much a metric varies from sample to sample: standard errors from counts and sums, and what each record adds to a metric.

A record's influence on a metric is how much the metric changes with its share of the records. Means of influences are what the
delta method takes a metric for: standard error² = Σ influence² / records². Names are AWS's.
"""

from __future__ import annotations

import math

import numpy as np

from model_monitor.contract import ProblemType
from model_monitor.monitors.model_quality.classification import BETAS
from model_monitor.monitors.model_quality.residuals import Residuals

Hits = tuple[int, int]  # (records that count, records that could)


def shares(counts: np.ndarray, type_: ProblemType) -> dict[str, Hits]:
    """The metrics that are plain shares of records, each of its own ones.

    Args:
        counts: int64 (classes, classes), actual by predicted; of a binary problem index 1 is the positive class.
    """
    right, total = int(np.trace(counts)), int(counts.sum())
    if type_ is ProblemType.MULTICLASS:
        return {"accuracy": (right, total), "weighted_recall": (right, total)}
    (true_negatives, false_positives), (false_negatives, true_positives) = counts.tolist()
    negatives, positives = true_negatives + false_positives, false_negatives + true_positives
    return {
        "recall": (true_positives, positives),
        "precision": (true_positives, true_positives + false_positives),
        "accuracy": (right, total),
        "true_positive_rate": (true_positives, positives),
        "true_negative_rate": (true_negatives, negatives),
        "false_positive_rate": (false_positives, negatives),
        "false_negative_rate": (false_negatives, positives),
    }


def influences(counts: np.ndarray, type_: ProblemType) -> dict[str, np.ndarray]:
    """By metric that is no plain share, what a record of each cell of the confusion matrix is worth; as `shares`, of mean 0."""
    is_binary = type_ is ProblemType.BINARY
    found = {} if is_binary else {"weighted_precision": _influence(counts, 0.0, is_binary=False)}
    prefix = "" if is_binary else "weighted_"
    return found | {f"{prefix}{name}": _influence(counts, beta, is_binary=is_binary) for name, beta in BETAS.items()}


def _influence(counts: np.ndarray, beta: float, *, is_binary: bool) -> np.ndarray:
    """Of F_beta, which is the precision for beta = 0: of class 1, or the mean over classes weighted by how often each is the truth.

    With h hits, s records of the class and p predictions of it, F = (1 + β²) h / (β² s + p).
    """
    cells, squared = counts.astype(np.float64), beta * beta
    actual, predicted, hits = cells.sum(axis=1), cells.sum(axis=0), np.diagonal(cells)
    below = squared * actual + predicted
    inverse = np.divide(1.0, below, out=np.zeros(len(cells)), where=below > 0)
    score = (1 + squared) * hits * inverse
    by_hit, by_actual, by_predicted = (1 + squared) * inverse, -squared * score * inverse, -score * inverse
    if is_binary:
        weight, own = np.array([0.0, 1.0]), np.zeros(2)
        worth = np.zeros(())
    else:
        weight, own = actual / cells.sum(), score / cells.sum()
        worth = weight @ score
    found = np.diag(weight * by_hit) + (weight * by_actual + own)[:, None] + (weight * by_predicted)[None, :]
    return np.asarray(cells.sum() * found - worth)


def area_influences(negatives: np.ndarray, positives: np.ndarray) -> np.ndarray:
    """What a record is worth to the area under the ROC curve, by class and score, of mean 0 in either class.

    Args:
        negatives, positives: int64 (scores,), scores ascending; neither is 0 throughout.
    Returns: float64 (2, scores), negatives first. Source: DeLong, DeLong & Clarke-Pearson (1988), as shares of all records.
    """
    below = (np.cumsum(negatives) - negatives / 2) / negatives.sum()
    above = 1 - (np.cumsum(positives) - positives / 2) / positives.sum()
    area, total = float(positives @ below / positives.sum()), float(negatives.sum() + positives.sum())
    return np.stack([(above - area) * total / negatives.sum(), (below - area) * total / positives.sum()])


def of_counts(counts: np.ndarray, type_: ProblemType) -> dict[str, float]:
    """Standard errors of all metrics of a confusion matrix; NaN where a metric rests on no record."""
    errors = {name: of_share(*hits) for name, hits in shares(counts, type_).items()}
    for name, influence in influences(counts, type_).items():
        total = float(counts.sum())
        errors[name] = math.sqrt(float(np.sum(counts * influence**2))) / total if total else math.nan
    return errors


def of_share(hits: int, size: int) -> float:
    """Of a share of `size` records."""
    return math.sqrt(hits / size * (1 - hits / size) / size) if size else math.nan


def of_area(negatives: np.ndarray, positives: np.ndarray) -> float:
    """Of the area under the ROC curve; NaN below two records of either class. Arguments and source: as of `area_influences`."""
    table = np.stack([negatives, positives])
    size = table.sum(axis=1)
    if size.min() < 2:
        return math.nan
    squares = (table * area_influences(negatives, positives) ** 2).sum(axis=1) / size.sum() ** 2
    return math.sqrt(float((squares * size / (size - 1)).sum()))


def of_residuals(sums: Residuals) -> dict[str, float]:
    """Of mae, mse, rmse and r2, from sums of powers; NaN of fewer than two records, and of r2 where the truth never varies."""
    count = sums.truth.count
    if count < 2:
        return dict.fromkeys(("mae", "mse", "rmse", "r2"), math.nan)
    mse = _root(sums.squares.m2, count)
    rmse = math.sqrt(sums.squared / count)
    return {
        "mae": _root(sums.absolute.m2, count),
        "mse": mse,
        "rmse": mse / (2 * rmse) if rmse else 0.0,
        "r2": math.sqrt(explained_spread(sums) / count),
    }


def explained_spread(sums: Residuals) -> float:
    """The variance of a record's influence on r2, (u (t - mean)² - e²) / variance of t with u = 1 - r2; NaN where undefined.

    Source: the delta method; the mean of the truth adds nothing, since its influence is 0 to first order.
    """
    count, spread = sums.truth.count, sums.truth.m2 / sums.truth.count if sums.truth.count else 0.0
    if not spread or not math.isfinite(spread):
        return math.nan
    unexplained = sums.squared / sums.truth.m2
    squares = sums.squares.m2 / count + (sums.squares.sum / count) ** 2
    crossed = sums.joint.squares_by_square / count
    fourths = sums.joint.fourths / count
    return max((squares - 2 * unexplained * crossed + unexplained**2 * fourths) / spread**2, 0.0)


def truth_spread(sums: Residuals) -> float:
    """The variance of a record's influence on the variance of the truth; NaN of none."""
    count = sums.truth.count
    return max(sums.joint.fourths / count - (sums.truth.m2 / count) ** 2, 0.0) if count else math.nan


def _root(m2: float, count: int) -> float:
    """Of a mean, from the sum of squares about it."""
    return math.sqrt(max(m2, 0.0) / (count - 1) / count)


def sizes(counts: np.ndarray, type_: ProblemType) -> dict[str, int]:
    """By metric of a confusion matrix the records that it rests on."""
    own = {name: size for name, (_, size) in shares(counts, type_).items()}
    rest = int(counts.sum() - counts[0, 0]) if type_ is ProblemType.BINARY else int(counts.sum())
    return own | dict.fromkeys(influences(counts, type_), rest)
