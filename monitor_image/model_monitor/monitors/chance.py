"""What sampling alone explains: how likely it is to see so much, or more, although nothing has changed.

Every baseline is a sample, too. Counts are compared by exact two-sample tests, distances by bounds that hold for samples of
any size; nothing here is an approximation for large samples only unless it says so. Values in [0, 1]; small: not explained.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

import numpy as np

from model_monitor.monitors.conclusion import Evidence

TWO_SAMPLE_FACTOR: Final = 2.16863  # of the two-sample bound where sizes differ. Source: Wei & Dudley (2012), theorem 1
NEGLIGIBLE: Final = 1e-18
FEWEST_TERMS, MOST_TERMS = 128, 8192  # of a block of a sum
FEW: Final = 64  # more than the standard deviation says where numbers are small
STEPS: Final = 40  # at most, of a search
CLOSE: Final = 1e-4  # relative, at which it ends
EDGE: Final = 2e-3  # of an interval, so that every point that is tried narrows it
PATIENCE: Final = 3  # tries on the line that did not halve it: then it is a staircase
TINY: Final = 1e-300
SPREADS: Final = 12.0  # standard deviations beyond which nothing is worth counting
ADDITIONS: Final = 10_000_000  # for which a sum's chances are worked out one by one; beyond, a bound tells enough
THETAS: Final = np.logspace(-6, 3, 400)  # where the bound of a sum is tried; each of them holds


@lru_cache(maxsize=4096)  # a search for an allowance asks two times of three for what it knows already
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
    """The sum of terms, the first of which is exp(start), each the one before times `ratio`; in blocks until it stands.

    Blocks grow: most sums stand after few terms.
    """
    total, log_term, position, longest = 0.0, start, 0, FEWEST_TERMS
    while True:
        block = min(more - position, longest)
        if block > 0:
            with np.errstate(divide="ignore"):  # terms that there cannot be have no chance
                steps = np.log(ratio(np.arange(position, position + block, dtype=np.float64)))
            logs = log_term + np.concatenate([[0.0], np.cumsum(steps)])
        else:
            logs = np.array([log_term])
        total += float(np.exp(logs[:-1] if block > 0 else logs).sum())
        if block <= 0:
            return min(total, 1.0)
        log_term, position, longest = float(logs[-1]), position + block, min(2 * longest, MOST_TERMS)
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

    return Evidence(chance(value), lambda level: crossing(chance, level, 1.0))


def _differs(gap: float, pooled: int, n: int, m: int) -> float:
    """Chance that a category with `pooled` occurrences has shares that differ by at least `gap`, on either side."""
    # x/n - (pooled-x)/m >= gap, and the same with the sides exchanged
    up = math.ceil((gap + pooled / m) * n * m / (n + m) - 1e-9)
    down = math.ceil((gap + pooled / n) * n * m / (n + m) - 1e-9)
    chance = hypergeometric_tail(up, n, pooled, n + m) if up <= min(n, pooled) else 0.0
    return chance + (hypergeometric_tail(down, m, pooled, n + m) if down <= min(m, pooled) else 0.0)


def crossing(chance: Callable[[float], float], level: float, most: float) -> float:
    """Where a falling chance crosses a level, in [0, most], to a part in ten thousand and on the side that is rarer.

    Chances of sums fall as a normal distribution's do, so the root of their logarithm is nearly a straight line: points are
    tried on it, and the middle after one that did not halve what is left.
    """

    def depth(value: float) -> float:
        return math.sqrt(-math.log(min(max(chance(value), TINY), 1.0)))

    target = math.sqrt(-math.log(min(level, 1.0)))
    low, high, above, below = 0.0, most, 0.0, depth(most)
    if below < target:  # never reached, or the end is where nothing can be said: by halves, until something is known
        below = 0.0
    is_slow, slow = False, 0
    for _ in range(STEPS):
        width = high - low
        if width <= CLOSE * high:
            break
        is_middle = is_slow or slow > PATIENCE or below <= above
        share = 0.5 if is_middle else (target - above) / (below - above)
        tried = low + width * min(max(share, EDGE), 1 - EDGE)
        found = depth(tried)
        low, high, above, below = (tried, high, found, below) if found < target else (low, tried, above, found)
        is_slow = not is_middle and high - low > width / 2
        slow += is_slow
    return high


def unseen(count: int, current: Mapping[str, int], baseline: Mapping[str, int]) -> Evidence:
    """That so many values of the window do not occur in the baseline, although both are samples of one population.

    Of a value that occurs c times in both together, all c fall into the window with a chance that is known (n of n + m records
    are the window's), and rare values do. The number of such occurrences is summed over all values, exactly but for the dependence
    between values, which makes large sums rarer still; where that takes too long, its chance is bounded from above.
    """
    n, m = sum(current.values()), sum(baseline.values())
    numbers = Counter(current.get(name, 0) + baseline.get(name, 0) for name in current.keys() | baseline.keys())
    times = np.array(sorted(numbers), np.int64)
    alone = np.array([_all_drawn(pooled, n, m) for pooled in times.tolist()])  # of one value: all of its occurrences
    is_possible = alone > NEGLIGIBLE
    times, alone = times[is_possible], alone[is_possible]
    values = np.array([numbers[pooled] for pooled in times.tolist()], np.int64)
    mean = float((values * times * alone).sum())
    variance = float((values * times.astype(np.float64) ** 2 * alone * (1 - alone)).sum())
    at_most = min(n, max(count, math.ceil(mean + SPREADS * math.sqrt(variance)) + FEW))
    last = np.minimum(_likely(values, alone), at_most // np.maximum(times, 1))
    if int((last + 1).sum()) * (at_most + 1) > ADDITIONS:
        return sum_bound(count, times, values, alone, n)
    return _of_sum(count, times, values, alone, last, at_most, n)


def _all_drawn(pooled: int, n: int, m: int) -> float:
    """Chance that all occurrences of one value fall into the window."""
    return math.exp(_log_choose(n + m - pooled, n - pooled) - _log_choose(n + m, n)) if pooled <= n else 0.0


def _likely(values: np.ndarray, alone: np.ndarray) -> np.ndarray:
    """How many of so many values may fall into the window as a whole; that there are more has no chance worth counting."""
    mean, variance = values * alone, values * alone * (1 - alone)
    likely = np.minimum(values, np.ceil(mean + SPREADS * np.sqrt(variance)) + FEW).astype(np.int64)
    return np.where(alone < 1.0, likely, 0)  # what is certain takes no adding


def _of_sum(
    count: int, times: np.ndarray, values: np.ndarray, alone: np.ndarray, last: np.ndarray, at_most: int, n: int
) -> Evidence:
    """Exactly, by adding values with the same number of occurrences at a time."""
    spread = np.zeros(at_most + 1)  # chance of each sum
    spread[0] = 1.0
    for each in zip(values.tolist(), alone.tolist(), times.tolist(), last.tolist(), strict=True):
        spread = _with_alike(spread, *each)
    below = np.cumsum(spread)
    chance = max(0.0, 1.0 - float(below[count - 1])) if count else 1.0

    def allowed(level: float) -> float | None:
        found = np.flatnonzero(1.0 - below <= level)
        return None if not found.size else float(found[0]) / n

    return Evidence(chance, allowed)


def _with_alike(spread: np.ndarray, values: int, share: float, occurrences: int, last: int) -> np.ndarray:
    """Chances of the sums to which `occurrences` times a binomial number, up to `last`, is added."""
    if share >= 1.0:
        return np.concatenate([np.zeros(values * occurrences), spread])[: spread.size]
    found = np.zeros_like(spread)
    for number in range(last + 1):
        log = _log_choose(values, number) + number * math.log(share) + (values - number) * math.log1p(-share)
        start = number * occurrences
        found[start:] += math.exp(log) * spread[: spread.size - start]
    return found


def sum_bound(count: float, times: np.ndarray, values: np.ndarray, alone: np.ndarray, whole: float) -> Evidence:
    """That the occurrences of the values that the window has as a whole add up to at least `count`, at the most.

    Args:
        times, values, alone: so many occurrences have so many values, each of which falls into the window with that chance.
        whole: records of the window.
    Source: Chernoff (1952), for numbers that are independent or, as here, negatively associated (Joag-Dev & Proschan, 1983).
    """
    shares = np.clip(alone, 1e-300, 1 - 1e-12)
    moments = np.logaddexp(np.log1p(-shares), np.log(shares) + THETAS[:, None] * times) @ values

    def allowed(level: float) -> float:
        return min(1.0, float(((moments - math.log(level)) / THETAS).min()) / whole)

    return Evidence(float(np.exp(min(0.0, (moments - THETAS * count).min()))), allowed)


def normal_tail(value: float) -> float:
    """Chance that a standard normal number is above `value`."""
    return 0.5 * math.erfc(value / math.sqrt(2.0))
