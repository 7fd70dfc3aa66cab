"""What sampling alone explains of a bias metric that is larger in magnitude than the baseline's: the baseline is a sample, too.

Asked is how often |window| > |baseline|, and at least as far apart as they are, although nothing has changed:

- Metrics of two proportions (DPL, KL, JS, LP, TVD, KS; DPPL, DI, AD, RD, SD, DAR, DRR, TE), of one (CI) and of numbers of errors
  (GE): exactly, over all ways in which the marked records of each side could have fallen to the window and to the baseline.
- DCA, DCR, CDDL and CDDPL: by drawing which records are the window's (a permutation test), the far tail fitted.
- FT, and CDDL and CDDPL of restricted facets: Student's t around what samples of the window's size had in the baseline.

Chances are those of a test of two sides, twice that of being worse: budgets are kept with room to spare.
Ratios are compared with half a record added to either part, so that 0 and infinity lie at a finite distance; DI by its logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import PCG64, Generator

from model_monitor.monitors.conclusion import Evidence
from model_monitor.monitors.model_bias import lattice
from model_monitor.monitors.model_bias.counted import Counted, Flips
from model_monitor.monitors.model_bias.curve import MOST_FREEDOM, Curve
from model_monitor.monitors.model_bias.metrics import (
    CONDITIONAL,
    FLIP_TEST,
    NEGATIVE,
    POSITIVE,
    A,
    D,
    demographic_disparity,
    generalized_entropy,
)
from model_monitor.monitors.tails import DrawnTail, student_reached, student_tail

Told = Callable[[float], float]  # how far from the baseline's → the value there, in the metric's own unit
Tally = tuple[
    np.ndarray, np.ndarray
]  # records that are marked, and those among which: int64 (2,), by side of the facet

SIDES: Final = 2
HALF: Final = 0.5
TINY: Final = 1e-300  # whose logarithm stands for that of 0, where it is multiplied by 0
LEFT_OUT: Final = 1e-15  # chance of all numbers together that a lattice leaves out
TIED: Final = 1e-9  # relative; equal values that are computed in two ways
BINS: Final = 2048
FEW_DRAWS: Final = 1000
MANY_DRAWS: Final = 20_000
CELLS_DRAWN: Final = 4_000_000
COMMON: Final = 20  # of the few draws that are as far: then more would tell nothing new
LABELS: Final = ("DPL", "JS", "KL", "KS", "LP", "TVD")
RATIOS: Final = ("DCA", "DCR")
ERRORS: Final = "GE"
BALANCE: Final = "CI"

ALL: Final = ((1, 1), (1, 1))  # by observed and predicted label: negative, positive
ACCEPTED: Final = ((0, 1), (0, 1))
REJECTED: Final = ((1, 0), (1, 0))
PROPORTIONS: Final[Mapping[str, tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]]] = {
    "AD": (((1, 0), (0, 1)), ALL),
    "DAR": (((0, 0), (0, 1)), ACCEPTED),
    "DI": (ACCEPTED, ALL),
    "DPPL": (ACCEPTED, ALL),
    "DRR": (((1, 0), (0, 0)), REJECTED),
    "RD": (((0, 0), (0, 1)), ((0, 0), (1, 1))),
    "SD": (((1, 0), (0, 0)), ((1, 1), (0, 0))),
    "TE": (((0, 0), (1, 0)), ((0, 1), (1, 0))),  # false negatives among errors
}


def tally(name: str, counted: Counted) -> Tally | None:
    """What a metric of two proportions counts; None of others."""
    if name in LABELS:
        return counted.observed[:, POSITIVE], counted.observed.sum(axis=1)
    if name not in PROPORTIONS:
        return None
    marked, among = (np.array(each) for each in PROPORTIONS[name])
    return (counted.predicted * marked).sum(axis=(1, 2)), (counted.predicted * among).sum(axis=(1, 2))


def is_empty(name: str, counted: Counted) -> bool:
    """Whether one side has no record that the metric could count: its value is made up (0 of 0)."""
    if name in RATIOS:
        label = POSITIVE if name == "DCA" else NEGATIVE
        return not counted.predicted[:, :, label].sum(axis=1).all()
    found = tally(name, counted)
    return found is not None and not found[1].all()


def evidence(name: str, window: Counted, baseline: Counted, values: tuple[float, float]) -> Evidence | None:
    """How likely a window's metric is although nothing has changed; None where nobody can tell.

    values: of the window and of the baseline.
    """
    if name == FLIP_TEST:
        return _of_flips(window.flips, baseline, values)
    if name in CONDITIONAL and name in baseline.curves:
        return _of_curve(baseline.curves[name], float(window.by_group(name, window.groups).sum()), values)
    found = _worse(name, window, baseline)
    return found and Evidence(min(1.0, SIDES * found.p_value), lambda level: found.allowed(level / SIDES))


def _worse(name: str, window: Counted, baseline: Counted) -> Evidence | None:
    if name in CONDITIONAL:
        return _of_disparity(name, window, baseline)
    if name in RATIOS:
        return _of_ratio(name, window, baseline)
    if name == ERRORS:
        return _of_errors(window, baseline)
    if name == BALANCE:
        return _of_balance(window, baseline)
    return _of_proportions(name, window, baseline)


# --- exactly -----------------------------------------------------------------------------------------------------------


def _of_proportions(name: str, window: Counted, baseline: Counted) -> Evidence | None:
    here, there = tally(name, window), tally(name, baseline)
    if here is None or there is None or not (here[1].all() and there[1].all()):
        return None
    marked = here[0] + there[0]
    axes = [lattice.axis(int(marked[side]), int(here[1][side] + there[1][side]), int(here[1][side])) for side in (A, D)]
    of_a, of_d = axes[A][0][:, None], axes[D][0][None, :]
    current = _value(name, of_a, of_d, here[1])
    known = _value(name, marked[A] - of_a, marked[D] - of_d, there[1])
    found = [_value(name, np.array(part[A]), np.array(part[D]), sizes) for part, sizes in (here, there)]
    return _weighted(name, (current, known), axes[A][1][:, None] * axes[D][1][None, :], (found[0], found[1]))


def _value(name: str, of_a: np.ndarray, of_d: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """A metric of two proportions. of_a, of_d: marked records of either side; sizes: int64 (2,), those among which."""
    if name == "DI":
        shares = [(marked + HALF) / (size + 2 * HALF) for marked, size in zip((of_a, of_d), sizes, strict=True)]
        return np.asarray(np.log(shares[D]) - np.log(shares[A]))
    if name == "TE":
        return np.asarray(_odds(of_a, sizes[A]) - _odds(of_d, sizes[D]))
    if name in ("JS", "KL"):
        return _divergence(name, of_a, of_d, sizes)
    gap = of_a / sizes[A] - of_d / sizes[D]
    return np.asarray(np.abs(gap) if name in ("KS", "LP", "TVD") else gap)


def _odds(marked: np.ndarray, size: int) -> np.ndarray:
    return np.asarray((marked + HALF) / (size - marked + HALF))


def _divergence(name: str, of_a: np.ndarray, of_d: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """KL or JS, as `metrics.divergence` has it, with one logarithm for each number of an axis."""
    total = np.zeros(np.broadcast_shapes(of_a.shape, of_d.shape))
    for ours, theirs in ((of_a, of_d), (sizes[A] - of_a, sizes[D] - of_d)):
        first, second = ours / sizes[A], theirs / sizes[D]
        if name == "KL":
            gain = first * (np.log(np.maximum(first, TINY)) - np.log(np.maximum(second, TINY)))
            total += np.where(second > 0, gain, 0.0)
        else:
            middle = (first + second) / 2
            total += (_entropy(first) + _entropy(second)) / 2 - _entropy(middle)
    return total


def _entropy(share: np.ndarray) -> np.ndarray:
    return np.asarray(share * np.log(np.maximum(share, TINY)))


def _of_balance(window: Counted, baseline: Counted) -> Evidence:
    sides = [counted.observed.sum(axis=1) for counted in (window, baseline)]
    sizes = [int(each.sum()) for each in sides]
    marked = int(sides[0][D] + sides[1][D])
    numbers, chances = lattice.axis(marked, sum(sizes), sizes[0])
    parts = (1 - 2 * numbers / sizes[0], 1 - 2 * (marked - numbers) / sizes[1])
    found = tuple(np.array(1 - 2 * side[D] / size) for side, size in zip(sides, sizes, strict=True))
    return _weighted(BALANCE, parts, chances, (found[0], found[1]))


def _of_errors(window: Counted, baseline: Counted) -> Evidence:
    """GE, from the numbers of false positives and false negatives among all records."""
    tables = [counted.predicted.sum(axis=0) for counted in (window, baseline)]
    sizes = [int(table.sum()) for table in tables]
    errors = [(int(table[NEGATIVE, POSITIVE]), int(table[POSITIVE, NEGATIVE])) for table in tables]
    both = (errors[0][0] + errors[1][0], errors[0][1] + errors[1][1])
    positives, negatives, chances = lattice.plane(both, sum(sizes), sizes[0])
    parts = (
        generalized_entropy(np.array(sizes[0]), positives, negatives),
        generalized_entropy(np.array(sizes[1]), both[0] - positives, both[1] - negatives),
    )
    found = [
        generalized_entropy(np.array(size), *(np.array(each) for each in error))
        for size, error in zip(sizes, errors, strict=True)
    ]
    return _weighted(ERRORS, parts, chances, (found[0], found[1]))


def _weighted(
    name: str, parts: tuple[np.ndarray, np.ndarray], chances: np.ndarray, found: tuple[np.ndarray, np.ndarray]
) -> Evidence:
    """From the metric of window and baseline in every case, each with its chance, and in the one that was found."""
    shifts, observed = _shifts(*parts).ravel(), float(_shifts(*found))
    weights = np.broadcast_to(chances, parts[0].shape).ravel()
    as_far = shifts >= (observed * (1 - TIED) - TIED * TIED if observed >= 0 else -1)
    chance = min(1.0, float(weights[as_far].sum()) + LEFT_OUT)
    return Evidence(chance, _reached(shifts, weights, _told(name, float(found[0]), float(found[1]))))


def _shifts(window: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """How far apart two values are where the window's is larger in magnitude; else -1. What is undefined is infinitely far."""
    with np.errstate(invalid="ignore"):
        is_worse = np.abs(window) > np.abs(baseline)
        found = np.where(is_worse, np.abs(window - baseline), -1.0)
    return np.where(np.isnan(window) | np.isnan(baseline), np.inf, found)


def _reached(shifts: np.ndarray, weights: np.ndarray, told: Told) -> Callable[[float], float | None]:
    """level → the value up to which it explains a shift, from shares of the shifts in bins."""
    is_finite = np.isfinite(shifts)
    top = float(shifts[is_finite].max(initial=0.0))
    if top <= 0:
        return lambda _: None
    places = np.clip(np.floor(shifts[is_finite] / top * BINS), -1, BINS - 1).astype(np.int64) + 1
    masses = np.bincount(places, weights[is_finite], BINS + 1)[1:]
    infinite = float(weights[~is_finite].sum())
    beyond = np.cumsum(masses[::-1])[::-1] + infinite  # chance of the bin's lower edge or more

    def reached(level: float) -> float | None:
        low = np.flatnonzero(beyond <= level)
        return told(float(low[0] / BINS * top if low.size else top))

    return reached


def _told(name: str, current: float, known: float) -> Told:
    """In the metric's own unit, on the side of the baseline on which the window is."""
    sign = math.copysign(1.0, current - known) if abs(current) > abs(known) else math.copysign(1.0, known)
    if name == "DI":
        return lambda shift: math.exp(known + sign * shift)
    factor = math.sqrt(2) if name == "LP" else 1.0  # with two labels, LP is the gap of one of them by the root of two
    return lambda shift: factor * (known + sign * shift)


# --- by drawing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Mixed:
    """Records of window and baseline together, by stratum and cell, of which the window's are drawn.

    pooled: int64 (strata, cells). taken: records of each stratum that are the window's.
    """

    pooled: np.ndarray
    taken: tuple[int, ...]

    def draws(self, count: int, seed: int) -> Iterator[np.ndarray]:
        """int64 (some, strata, cells), `count` in all."""
        source, left = Generator(PCG64(seed)), count
        while left:
            some = min(left, max(1, CELLS_DRAWN // self.pooled.size))
            parts = [
                source.multivariate_hypergeometric(cells, taken, size=some)
                for cells, taken in zip(self.pooled, self.taken, strict=True)
            ]
            left -= some
            yield np.stack(parts, axis=1)


def _of_ratio(name: str, window: Counted, baseline: Counted) -> Evidence:
    """DCA: observed positives to predicted ones; DCR: the same of negatives."""
    here, there = window.predicted, baseline.predicted
    label = POSITIVE if name == "DCA" else NEGATIVE

    def value(tables: np.ndarray) -> np.ndarray:
        table = tables.reshape(*tables.shape[:-2], 2, 2, 2)
        ratios = (table[..., label, :].sum(axis=-1) + HALF) / (table[..., :, label].sum(axis=-1) + HALF)
        gap = ratios[..., A] - ratios[..., D]
        return np.asarray(gap if name == "DCA" else -gap)

    flat = [each.reshape(2, 4) for each in (here, there)]
    return _drawn(name, _Mixed(flat[0] + flat[1], tuple(flat[0].sum(axis=1).tolist())), flat[0], value)


def _of_disparity(name: str, window: Counted, baseline: Counted) -> Evidence | None:
    if not baseline.groups or not window.groups:
        return None
    groups = sorted({*window.groups, *baseline.groups})
    here, there = (each.by_group(name, groups) for each in (window, baseline))

    def value(tables: np.ndarray) -> np.ndarray:
        return demographic_disparity(tables.reshape(*tables.shape[:-2], len(groups), 2, 2))

    flat = [each.reshape(1, -1) for each in (here, there)]
    if not flat[0].any() or not flat[1].any():
        return None
    return _drawn(name, _Mixed(flat[0] + flat[1], (int(flat[0].sum()),)), flat[0], value)


def _drawn(name: str, mixed: _Mixed, here: np.ndarray, value: Callable[[np.ndarray], np.ndarray]) -> Evidence:
    """A permutation test. Few draws where the window is nothing special, many where it may be.

    here: the window's own records, int64 (strata, cells). value: tables → the metric of each.
    """
    current, known = (value(each[None])[0] for each in (here, mixed.pooled - here))
    observed = float(_shifts(current, known))

    def tail(count: int) -> DrawnTail:
        parts = [_shifts(value(each), value(mixed.pooled - each)) for each in mixed.draws(count, seed=count)]
        return DrawnTail.of(np.maximum(np.concatenate(parts), 0.0))  # what is not worse is not apart

    found = tail(FEW_DRAWS)
    if observed >= 0 and found.chance(observed * (1 - TIED)) < COMMON / FEW_DRAWS:
        found = tail(min(MANY_DRAWS, max(2 * FEW_DRAWS, CELLS_DRAWN // mixed.pooled.size)))
    told = _told(name, float(current), float(known))
    chance = 1.0 if observed < 0 else found.chance(observed * (1 - TIED))
    return Evidence(chance, lambda level: told(max(found.reached(level), 0.0)))


# --- from how the baseline's own samples spread ------------------------------------------------------------------------


def _of_flips(flips: Flips | None, baseline: Counted, values: tuple[float, float]) -> Evidence | None:
    """FT: records of a group share neighbours, so its flips are fewer than they seem; and few of them are no bell.

    So the larger of two chances: Student's t, and the exact one of as many flips as they are worth.
    """
    known, curve = baseline.flips, baseline.curves.get(FLIP_TEST)
    if flips is None or known is None or curve is None or not curve.levels:
        return None
    by_curve = _of_curve(curve, flips.size, values)
    if by_curve is None or by_curve.p_value >= 1:
        return by_curve
    alone = max((known.more + known.less) / known.tested - values[1] ** 2, 0.0) / known.tested
    shared = max(1.0, curve.spread / curve.size / alone) if alone else 1.0
    counted = _of_few_flips(flips, known, shared)
    return by_curve if by_curve.p_value >= counted.p_value else Evidence(counted.p_value, by_curve.allowed)


def _of_few_flips(flips: Flips, known: Flips, shared: float) -> Evidence:
    """Exactly, as if `shared` flips were one."""
    numbers = [[round(n / shared) for n in (each.more, each.less, each.tested)] for each in (flips, known)]
    sizes = [max(each[2], each[0] + each[1], 1) for each in numbers]
    both = (numbers[0][0] + numbers[1][0], numbers[0][1] + numbers[1][1])
    more, less, chances = lattice.plane(both, sum(sizes), sizes[0])
    parts = ((more - less) / sizes[0], ((both[0] - more) - (both[1] - less)) / sizes[1])
    found = [np.array((each[0] - each[1]) / size) for each, size in zip(numbers, sizes, strict=True)]
    return _weighted(FLIP_TEST, parts, chances, (found[0], found[1]))


def _of_curve(curve: Curve, size: float, values: tuple[float, float]) -> Evidence | None:
    """Student's t, both sides, around what is expected of a sample of the window's size."""
    if not curve.levels or size <= 0:
        return None
    current, known = values
    expected, deviation, freedom = curve.expected(size), curve.deviation(size), curve.freedom
    sign = math.copysign(1.0, current - known)
    away = sign * (current - expected)
    if abs(current) <= abs(known) or away <= 0:
        chance = 1.0
    else:
        chance = min(1.0, 2 * student_tail(away / deviation, freedom)) if deviation else LEFT_OUT
    return Evidence(chance, lambda level: expected + sign * deviation * student_reached(level / 2, freedom))


# --- of a baseline that is no sample -----------------------------------------------------------------------------------


def evidence_alone(name: str, window: Counted, deviation: float, values: tuple[float, float]) -> Evidence | None:
    """Of a baseline that tells no counts: its value is taken as it is.

    Student's t with a degree of freedom less than the smaller side has records. deviation: of the window's value, by resampling;
    that of log DI is known from the counts (Woolf, 1955, with half a record added).
    """
    current, known = values
    if name == "DI":
        current, known, deviation = _log_ratio(window, known)
    freedom = min(window.smallest_side(is_predicted=False) - 1.0, MOST_FREEDOM)
    if freedom < 1 or not all(map(math.isfinite, (deviation, current, known))) or deviation <= 0:
        return None
    told = _told(name, current, known)
    is_worse = abs(current) > abs(known)
    chance = min(1.0, 2 * student_tail(abs(current - known) / deviation, freedom)) if is_worse else 1.0
    return Evidence(chance, lambda level: told(deviation * student_reached(level / 2, freedom)))


def _log_ratio(window: Counted, known: float) -> tuple[float, float, float]:
    """log DI of the window and of the baseline, and the deviation of the first."""
    marked, sizes = (each + HALF * k for k, each in enumerate(tally("DI", window) or (np.zeros(2), np.ones(2)), 1))
    current = float(np.log(marked / sizes)[D] - np.log(marked / sizes)[A])
    return current, math.log(known) if known > 0 else -math.inf, float(np.sqrt((1 / marked - 1 / sizes).sum()))
