"""What sampling alone explains: how likely it is to see so much, or more, although nothing has changed.

Every baseline is a sample, too. Counts are compared by exact two-sample tests, distances by bounds that hold for samples of
any size; nothing here is an approximation for large samples only unless it says so. Values in [0, 1]; small: not explained.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from model_monitor.monitors.conclusion import Evidence

TWO_SAMPLE_FACTOR: Final = 2.16863  # of the two-sample bound where sizes differ. Source: Wei & Dudley (2012), theorem 1
NEGLIGIBLE: Final = 1e-18
COMMON: Final = (
    64  # occurrences of a value in both samples, above which one sample alone never holds them all by chance
)
STEPS: Final = 20  # of a bisection
SPREADS: Final = 12.0  # standard deviations beyond which nothing is worth counting


def hypergeometric_tail(count: int, drawn: int, marked: int, total: int) -> float:
    """Chance that at least `count` of `drawn` records are marked, of `total` records with `marked` marked ones.

    Fisher's exact test, one side: of a window's records and its baseline's together, `marked` have some property.
    """
    first = max(count, drawn + marked - total, 0)
    last = min(drawn, marked)
    if count <= max(0, drawn + marked - total):
        return 1.0
    if first > last:
        return 0.0
    return _sum_of_ratios(
        _log_hypergeometric(first, drawn, marked, total),
        last - first,
        lambda x: (
            (marked - (first + x))
            * (drawn - (first + x))
            / ((first + x + 1.0) * (total - marked - drawn + first + x + 1))
        ),
    )


def binomial_tail(count: int, trials: int, share: float) -> float:
    """Chance of at least `count` successes in `trials`, each with the chance `share`."""
    if count <= 0:
        return 1.0
    if share <= 0 or count > trials:
        return 0.0
    if share >= 1:
        return 1.0
    start = _log_choose(trials, count) + count * math.log(share) + (trials - count) * math.log1p(-share)
    odds = share / (1 - share)
    return _sum_of_ratios(start, trials - count, lambda x: (trials - (count + x)) / (count + x + 1.0) * odds)


def _sum_of_ratios(start: float, more: int, ratio: Callable[[np.ndarray], np.ndarray]) -> float:
    """The sum of terms, the first of which is exp(start), each the one before times `ratio`; in blocks until it stands."""
    total, log_term, position = 0.0, start, 0
    while True:
        block = min(more - position, 4096)
        if block > 0:
            steps = np.log(ratio(np.arange(position, position + block, dtype=np.float64)))
            logs = log_term + np.concatenate([[0.0], np.cumsum(steps)])
        else:
            logs = np.array([log_term])
        total += float(np.exp(logs[:-1] if block > 0 else logs).sum())
        if block <= 0:
            return min(total, 1.0)
        log_term, position = float(logs[-1]), position + block
        is_falling = block < 2 or steps[-1] < 0
        if is_falling and math.exp(min(log_term, 0.0)) < NEGLIGIBLE * max(total, 1e-300):
            return min(total, 1.0)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _log_hypergeometric(count: int, drawn: int, marked: int, total: int) -> float:
    return _log_choose(marked, count) + _log_choose(total - marked, drawn - count) - _log_choose(total, drawn)


def more_often(count: int, size: int, baseline_count: int, baseline_size: int) -> Evidence:
    """That something occurs in a larger share of the window than of the baseline, each a sample of records."""
    total, marked = size + baseline_size, count + baseline_count

    def chance(number: int) -> float:
        return hypergeometric_tail(number, size, number + baseline_count, total)

    return Evidence(hypergeometric_tail(count, size, marked, total), lambda level: _largest(chance, size, level) / size)


def more_often_than(count: int, size: int, share: float) -> Evidence:
    """That something occurs in a larger share of the window than `share`, which somebody declared."""

    def chance(number: int) -> float:
        return binomial_tail(number, size, share)

    return Evidence(chance(count), lambda level: _largest(chance, size, level) / size)


def _largest(chance: Callable[[int], float], size: int, level: float) -> int:
    """The largest count whose chance is above a level; chances fall with the count."""
    low, high = 0, size
    if chance(high) > level:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if chance(middle) > level else (low, middle)
    return low


def distance(value: float, size: int, baseline_size: int, *, error: float = 0.0) -> Evidence:
    """That two samples of one distribution are a Kolmogorov-Smirnov distance apart.

    Args:
        error: how wrong the distance may be because ranks are known approximately, in [0, 1].
    Source: Wei & Dudley (2012), the two-sample form of the Dvoretzky-Kiefer-Wolfowitz inequality; it holds with ties, too.
    """
    effective = size * baseline_size / (size + baseline_size)
    seen = max(value - error, 0.0)
    chance = min(1.0, TWO_SAMPLE_FACTOR * math.exp(-2 * effective * seen**2))
    return Evidence(
        chance, lambda level: min(1.0, math.sqrt(math.log(TWO_SAMPLE_FACTOR / level) / (2 * effective)) + error)
    )


def largest_difference(value: float, current: Mapping[str, int], baseline: Mapping[str, int]) -> Evidence:
    """That the share of some category differs by `value`: the sum of what every category alone would explain."""
    pooled = Counter(current.get(name, 0) + baseline.get(name, 0) for name in current.keys() | baseline.keys())
    return difference_of_any(value, pooled, sum(current.values()), sum(baseline.values()))


def difference_of_any(value: float, pooled: Mapping[int, int], n: int, m: int) -> Evidence:
    """The same where only the occurrences are known that categories have in both samples together.

    Args:
        pooled: occurrences → categories that have so many.
        n, m: records of the window and of the baseline.
    """

    def chance(gap: float) -> float:
        return min(1.0, sum(number * _differs(gap, count, n, m) for count, number in sorted(pooled.items())))

    return Evidence(chance(value), lambda level: _bisect(chance, level))


def _differs(gap: float, pooled: int, n: int, m: int) -> float:
    """Chance that a category with `pooled` occurrences has shares that differ by at least `gap`, on either side."""
    # x/n - (pooled-x)/m >= gap, and the same with the sides exchanged
    up = math.ceil((gap + pooled / m) * n * m / (n + m) - 1e-9)
    down = math.ceil((gap + pooled / n) * n * m / (n + m) - 1e-9)
    chance = hypergeometric_tail(up, n, pooled, n + m) if up <= min(n, pooled) else 0.0
    return chance + (hypergeometric_tail(down, m, pooled, n + m) if down <= min(m, pooled) else 0.0)


def _bisect(chance: Callable[[float], float], level: float) -> float:
    """Where a falling chance crosses a level, in [0, 1]."""
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if chance(middle) > level else (low, middle)
    return high


def unseen(count: int, current: Mapping[str, int], baseline: Mapping[str, int]) -> Evidence:
    """That so many values of the window do not occur in the baseline, although both are samples of one population.

    Of a value that occurs c times in both together, all c fall into the window with a chance that is known (n of n + m records
    are the window's), and rare values do. The number of such occurrences is summed over all values, exactly but for the dependence
    between values, which makes large sums rarer still.
    """
    n, m = sum(current.values()), sum(baseline.values())
    numbers: dict[int, int] = {}
    for name in current.keys() | baseline.keys():
        pooled = current.get(name, 0) + baseline.get(name, 0)
        if pooled <= COMMON:
            numbers[pooled] = numbers.get(pooled, 0) + 1
    alone = {  # chance that all occurrences of one value fall into the window
        pooled: math.exp(_log_choose(n + m - pooled, n - pooled) - _log_choose(n + m, n)) if pooled <= n else 0.0
        for pooled in sorted(numbers)
    }
    mean = sum(numbers[pooled] * pooled * share for pooled, share in alone.items())
    variance = sum(numbers[pooled] * pooled**2 * share * (1 - share) for pooled, share in alone.items())
    at_most = min(n, max(count, math.ceil(mean + SPREADS * math.sqrt(variance)) + COMMON))
    spread = np.zeros(at_most + 1)  # chance of each sum
    spread[0] = 1.0
    for pooled, share in alone.items():
        if share > 0:
            spread = np.convolve(spread, _sums_of_alike(numbers[pooled], share, pooled))[: at_most + 1]
    below = np.cumsum(spread)
    chance = max(0.0, 1.0 - float(below[count - 1])) if count else 1.0

    def allowed(level: float) -> float | None:
        found = np.flatnonzero(1.0 - below <= level)
        return None if not found.size else float(found[0]) / n

    return Evidence(chance, allowed)


def _sums_of_alike(values: int, share: float, occurrences: int) -> np.ndarray:
    """Chances of `occurrences` times a binomial number; what is negligible is left out above."""
    if share >= 1.0:
        return np.append(np.zeros(values * occurrences), 1.0)
    last = min(values, math.ceil(values * share + SPREADS * math.sqrt(values * share * (1 - share)) + COMMON))
    numbers = range(last + 1)
    logs = [_log_choose(values, x) + x * math.log(share) + (values - x) * math.log1p(-share) for x in numbers]
    chances = np.zeros(last * occurrences + 1)
    chances[::occurrences] = np.exp(logs)
    return chances


def normal_tail(value: float) -> float:
    """Chance that a standard normal number is above `value`."""
    return 0.5 * math.erfc(value / math.sqrt(2.0))
