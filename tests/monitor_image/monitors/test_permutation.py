"""The chance of a deal against all deals: counted by SciPy of two kinds of records, dealt by a seeded source of many kinds."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import special, stats

from model_monitor.monitors.pack import Pack
from model_monitor.monitors.permutation import KINDS_KEPT, greater


def chance_of(values: np.ndarray, current: np.ndarray, baseline: np.ndarray) -> float:
    return greater(values, current, baseline, shift=1.0, start=0.0).p_value


@pytest.mark.parametrize(
    ("size", "baseline_size", "marked"), [(320, 5000, 300), (320, 320, 60), (2000, 400, 90), (40, 800, 30)]
)
def test_of_two_kinds_the_chance_is_that_of_a_hypergeometric_sum(size: int, baseline_size: int, marked: int) -> None:
    total = size + baseline_size
    middle = size * marked / total
    for count in range(int(middle) + 2, int(middle + 5 * middle**0.5)):
        if marked - count < 0 or count >= min(size, marked):
            break
        exact = stats.hypergeom.sf(count - 1, total, marked, size)
        current = np.array([size - count, count])
        found = chance_of(np.array([0.0, 1.0]), current, np.array([total - marked, marked]) - current)
        assert 0.85 * exact <= found <= 1.4 * exact  # half a step is given away, so hardly ever less


@pytest.mark.parametrize(
    ("values", "counts", "drawn"),
    [
        ([0.0, -1.0, 0.3, 0.8], [4600, 100, 30, 20], 320),
        ([0.0, -1.0, 0.3, 0.8], [580, 30, 20, 10], 320),
        ([0.0, -1.0, 0.3, 0.8], [340, 10, 5, 5], 40),
    ],
    ids=["a small window", "equal sizes", "few"],
)
def test_of_many_kinds_the_chance_is_that_of_seeded_deals(values: list[float], counts: list[int], drawn: int) -> None:
    random = np.random.Generator(np.random.PCG64(1))
    worth, pack = np.array(values), np.array(counts)
    deals = random.multivariate_hypergeometric(pack, drawn, size=400_000)
    sums = np.round(deals @ worth, 9)
    for share in (1e-2, 1e-3, 1e-4):
        reached = np.quantile(sums, 1 - share, method="closest_observation")
        current = deals[int(np.flatnonzero(sums == reached)[0])]
        exact = (sums >= reached).mean()
        assert 0.75 * exact <= chance_of(worth, current, pack - current) <= 1.7 * exact


@pytest.mark.parametrize("drawn", [200, 1800])
def test_heavy_tails_are_no_news(drawn: int) -> None:
    """Values that no normal approximation bears: the chance is right whichever sample is the small one."""
    random = np.random.Generator(np.random.PCG64(2))
    worth = np.exp(2 * random.standard_normal(2000))
    found = []
    for _ in range(300):
        is_drawn = np.zeros(2000, np.int64)
        is_drawn[random.choice(2000, drawn, replace=False)] = 1
        found.append(chance_of(worth, is_drawn, 1 - is_drawn))
    assert (np.array(found) <= 0.05).mean() == pytest.approx(0.05, abs=0.03)
    assert min(found) > 1e-4


def test_nothing_to_tell_is_no_evidence() -> None:
    assert chance_of(np.array([3.0]), np.array([5]), np.array([9])) == 1.0
    assert chance_of(np.array([0.0, 1.0]), np.array([5, 5]), np.array([1, 9])) == 1.0  # it got better
    assert chance_of(np.array([0.0, np.inf]), np.array([5, 5]), np.array([9, 1])) == 1.0


def test_a_window_of_the_worst_alone_is_told() -> None:
    found = chance_of(np.array([0.0, 1.0]), np.array([0, 30]), np.array([3000, 0]))
    assert found < 1e-20


def test_the_reach_of_a_level_is_where_the_chance_crosses_it() -> None:
    worth, pack, drawn = np.array([0.0, 1.0, 2.5]), np.array([5000, 300, 60]), 400
    current = np.array([340, 50, 10])
    found = greater(worth, current, pack - current, shift=0.0, start=0.2)
    shift = float(current @ worth / 400 - (pack - current) @ worth / (pack.sum() - 400))
    told = greater(worth, current, pack - current, shift=shift, start=0.2)
    assert told.allowed(found.p_value) == pytest.approx(0.2 + shift, abs=5e-3)
    assert told.allowed(1e-4) > told.allowed(1e-2) > 0.2  # type: ignore[operator]
    assert drawn == current.sum()


def test_many_kinds_are_told_in_steps() -> None:
    random = np.random.Generator(np.random.PCG64(4))
    worth = random.normal(size=5 * KINDS_KEPT)
    worth[:KINDS_KEPT] += 0.2
    current = (np.arange(worth.size) < KINDS_KEPT).astype(np.int64)
    expected = stats.ttest_ind(worth[current > 0], worth[current == 0], alternative="greater").pvalue
    assert chance_of(worth, current, 1 - current) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(("sigma", "size", "baseline"), [(2.0, 30, 20_000), (1.5, 50, 50_000), (2.0, 100, 50_000)])
def test_one_card_that_decides_the_sum_is_no_news(sigma: float, size: int, baseline: int) -> None:
    """The largest of twenty thousand heavy-tailed numbers decides every sum that it is in."""
    random = np.random.default_rng(2)
    found = []
    for _ in range(60):
        values = np.exp(sigma * random.normal(size=size + baseline))
        is_drawn = (np.arange(values.size) < size).astype(np.int64)
        found.append(chance_of(values, is_drawn, 1 - is_drawn))
    assert min(found) > 1e-4


@pytest.mark.parametrize(
    ("values", "counts", "drawn"),
    [
        ([0.0, 1e-3, 1.0], [1016, 1003, 1], 20),
        ([0.0, 0.9, 1.0], [500_000, 499_990, 3], 8),
        ([0.0, 1.0], [700, 300], 25),
    ],
    ids=["one is far away", "three are", "two kinds"],
)
def test_over_all_deals_a_chance_is_hardly_ever_smaller_than_it_says(
    values: list[float], counts: list[int], drawn: int
) -> None:
    """Counted out: how likely it is that a deal is told as at most so likely."""
    told, weights = every_deal(np.array(values), counts, drawn)
    assert all(share_told(told, weights, level) <= 1.6 * level for level in (0.05, 1e-3, 1e-5, 1e-7))


@pytest.mark.parametrize(
    ("values", "counts", "drawn"),
    [
        ([1.0, 2.0, 38.0], [4, 39_565, 6], 46),
        ([0.0, 0.004, 1.0], [152, 58_596, 14], 13),
        ([0.0, 0.016, 1.0], [7991, 1675, 157], 9),
    ],
)
def test_a_few_cards_far_away_move_the_sum_in_their_own_steps(
    values: list[float], counts: list[int], drawn: int
) -> None:
    """However many others lie between, which make the sum look smooth."""
    told, weights = every_deal(np.array(values), counts, drawn)
    assert all(share_told(told, weights, level) <= 2.5 * level for level in (1e-4, 1e-5, 1e-6, 1e-8))


def every_deal(worth: np.ndarray, counts: list[int], drawn: int) -> tuple[list[float], list[float]]:
    """What is told of each deal, and how likely it is."""
    pack, told, weights = np.array(counts), [], []
    for rest in np.ndindex(*(min(count, drawn) + 1 for count in counts[1:])):
        deal = np.array([drawn - sum(rest), *rest])
        if 0 <= deal[0] <= counts[0]:
            told.append(chance_of(worth, deal, pack - deal))
            weights.append(
                float(np.exp(sum(map(_log_choose, counts, deal.tolist())) - _log_choose(sum(counts), drawn)))
            )
    assert sum(weights) == pytest.approx(1.0)
    return told, weights


def share_told(told: list[float], weights: list[float], level: float) -> float:
    """How likely it is that a chance is told of at most a level."""
    return sum(weight for each, weight in zip(told, weights, strict=True) if each <= level)


def _log_choose(n: int, k: int) -> float:
    return float(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1))


def test_the_end_that_no_deal_exceeds_is_rare_too() -> None:
    """The approximation has no solution there, and the bound that takes its place is somewhat larger."""
    worth = np.arange(1025.0)
    pack = Pack((worth - worth.mean()) / worth.std(), np.full(1025, 2.0), 40)
    found = [pack.chance(share * pack.largest) for share in (0.9, 0.99, 0.999, 1.0)]
    assert 0 < max(found) < 1e-30


def test_values_that_are_alike_but_for_rounding_are_no_pack() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert chance_of(np.array([0.0625, np.nextafter(0.0625, 1)]), np.array([7, 3]), np.array([40, 60])) == 1.0
