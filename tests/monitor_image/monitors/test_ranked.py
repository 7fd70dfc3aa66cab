"""Samples apart in place or in width, against SciPy's tests and seeded deals, and what is said when nothing changed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from model_monitor.monitors import chance
from model_monitor.monitors.conclusion import Evidence
from model_monitor.monitors.ranked import OF_DISTANCE, OF_RANKS, apart
from model_monitor.sketches.distance import kolmogorov_smirnov
from model_monitor.sketches.ranks import Ranks

LEVEL = 5e-7


def ranks(values: np.ndarray) -> Ranks:
    return Ranks.of_counts(*np.unique(values, return_counts=True))


def found(current: np.ndarray, baseline: np.ndarray, **options: float) -> tuple[float, Evidence]:
    now, then = ranks(current), ranks(baseline)
    distance = kolmogorov_smirnov(now, then)
    return distance, apart(distance, now, then, **options)  # type: ignore[arg-type]


def drawn(size: int, seed: int, *, place: float = 0.0, width: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.normal(place, width, size), random.normal(size=2000)


@pytest.mark.parametrize(("size", "place"), [(20, 1.5), (40, 1.0), (320, 0.35)])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_move_is_as_unlikely_as_the_exact_test_of_ranks_says(size: int, place: float, sign: int) -> None:
    window, baseline = drawn(size, 1, place=place)
    exact = stats.mannwhitneyu(window, baseline, method="exact" if size < 100 else "asymptotic").pvalue
    assert exact < 1e-4
    assert found(sign * window, sign * baseline)[1].p_value == pytest.approx(OF_RANKS * exact, rel=0.15)


@pytest.mark.parametrize("width", [1.5, 0.6])
def test_another_width_is_as_unlikely_as_moods_test_says(width: float) -> None:
    window, baseline = drawn(320, 2, width=width)
    expected = stats.mood(window, baseline).pvalue
    assert expected < 1e-6
    chance_of_it = found(window, baseline)[1].p_value
    far = np.log10(chance_of_it) / np.log10(OF_RANKS * expected)  # SciPy's is a normal distribution's, far out too
    assert far == pytest.approx(1.0, abs=0.15)
    assert chance_of_it < chance.distance(kolmogorov_smirnov(ranks(window), ranks(baseline)), 320, 2000).p_value


def test_numbers_with_many_ties_are_told_as_deals_of_them_say() -> None:
    """Nine in ten are zero: no normal distribution, but the chance is that of seeded deals, of either score."""
    random = np.random.default_rng(3)
    pack = np.where(random.random(1060) < 0.9, 0.0, np.floor(random.exponential(3, 1060)))
    deals = np.array([random.permutation(1060)[:60] for _ in range(40_000)])
    place = stats.rankdata(pack) / 1060 - 0.5
    means = [np.round(scores[deals].mean(axis=1), 12) for scores in (place, place**2)]
    for share in (1e-2, 1e-3):
        reached = np.quantile(means[0], 1 - share, method="closest_observation")
        deal = int(np.flatnonzero(means[0] == reached)[0])
        one_side = min((each >= each[deal]).mean() for each in means)
        is_window = np.isin(np.arange(1060), deals[deal])
        distance, told = found(pack[is_window], pack[~is_window])
        expected = min(OF_DISTANCE * chance.distance(distance, 60, 1000).p_value, 2 * OF_RANKS * one_side)
        assert 0.6 * expected <= told.p_value <= 1.8 * expected


@pytest.mark.parametrize(
    "make",
    [
        lambda random, size: random.normal(size=size),
        lambda random, size: random.standard_cauchy(size),
        lambda random, size: np.where(random.random(size) < 0.97, 0.0, random.random(size)),
        lambda random, size: random.poisson(0.3, size),
    ],
    ids=["bell", "no mean", "nearly always 0", "counts"],
)
@pytest.mark.parametrize("size", [12, 40, 320])
def test_where_nothing_changed_a_chance_is_no_smaller_than_it_says(make, size: int) -> None:
    random = np.random.default_rng(4)
    told = np.array([found(make(random, size), make(random, 500))[1].p_value for _ in range(1500)])
    for level in (0.05, 0.01):
        assert (told <= level).sum() <= stats.binom.ppf(1 - 1e-6, len(told), level)


@pytest.mark.parametrize("options", [{"place": 0.5}, {"place": -0.6}, {"width": 2.0}, {"place": 0.4, "width": 0.5}])
@pytest.mark.parametrize("size", [40, 320])
def test_what_is_allowed_is_beyond_the_distance_where_chance_explains_it(options: dict[str, float], size: int) -> None:
    distance, told = found(*drawn(size, 5, **options))
    for level in (1e-2, 1e-4, 1e-6, told.p_value * 1.05, told.p_value * 0.95):
        allowed = told.allowed(level)
        assert allowed is not None
        assert 0 < allowed <= 1
        assert (distance > allowed) == (told.p_value < level)
    assert told.allowed(1e-6) > told.allowed(1e-3)  # type: ignore[operator]


def test_a_change_that_only_the_distance_sees_is_told_by_it() -> None:
    """Two heaps on both sides of the middle: same place, same width of ranks or nearly."""
    window, baseline = np.repeat([-0.6, 0.6], 160), np.linspace(-1, 1, 2000)
    distance, told = found(window, baseline)
    assert told.p_value == pytest.approx(OF_DISTANCE * chance.distance(distance, 320, 2000).p_value)


def test_within_its_limit_ranks_are_not_asked_and_chances_are_no_smaller() -> None:
    window, baseline = drawn(320, 6, place=0.3)
    now, then = ranks(window), ranks(baseline)
    distance = kolmogorov_smirnov(now, then)
    spared = apart(distance, now, then, is_beyond=False)
    assert spared.p_value == min(1.0, OF_DISTANCE * chance.distance(distance, 320, 2000).p_value)
    assert spared.p_value >= apart(distance, now, then).p_value


def test_ranks_that_are_known_approximately_tell_less() -> None:
    window, baseline = drawn(320, 7, place=0.5)
    chances = [found(window, baseline, error=error)[1].p_value for error in (0.0, 0.01, 0.05, 0.5)]
    assert chances == sorted(chances)
    assert chances[-1] == 1.0


def test_all_numbers_alike_are_no_evidence() -> None:
    distance, told = found(np.full(40, 7.0), np.full(2000, 7.0))
    assert (distance, told.p_value) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("size", "place", "width", "more"),
    [(40, 1.1, 1.0, 15), (320, 0.42, 1.0, 10), (320, 0.0, 1.6, 80), (320, 0.0, 0.6, 80), (40, 0.0, 3.0, 80)],
)
def test_changes_that_a_distance_alone_misses_are_found(size: int, place: float, width: float, more: int) -> None:
    """In nine of ten windows, at the level of one check among a hundred."""
    pairs = [drawn(size, seed, place=place, width=width) for seed in range(100)]
    by_all = sum(found(*pair)[1].p_value < LEVEL for pair in pairs)
    by_distance = sum(
        chance.distance(kolmogorov_smirnov(ranks(now), ranks(then)), size, 2000).p_value < LEVEL for now, then in pairs
    )
    assert by_all >= 90
    assert by_all - by_distance >= more


@pytest.mark.parametrize(
    ("pool", "drawn"),
    [([1016, 1003, 1], 20), ([100_000, 100_000, 4], 12), ([554, 2, 530, 4], 3), ([3, 8, 2, 7], 7), ([40, 1, 38], 30)],
)
def test_over_all_windows_of_a_pool_chances_are_no_smaller_than_they_say(pool: list[int], drawn: int) -> None:
    """Counted out over every way to draw the window: two heaps and rare values beside them are where ranks are no bell."""
    told, weights = [], []
    for rest in np.ndindex(*(min(count, drawn) + 1 for count in pool[1:])):
        window = np.array([drawn - sum(rest), *rest])
        if 0 <= window[0] <= pool[0]:
            sides = [np.flatnonzero(part) for part in (window, pool - window)]
            now, then = (
                Ranks.of_counts(kinds.astype(float), part[kinds])
                for kinds, part in zip(sides, (window, pool - window), strict=True)
            )
            told.append(apart(kolmogorov_smirnov(now, then), now, then).p_value)
            weights.append(stats.multivariate_hypergeom.pmf(window, pool, drawn))
    assert sum(weights) == pytest.approx(1.0, rel=1e-6)
    for level in (0.05, 1e-2, 1e-3, 1e-5, 1e-7):
        assert sum(weight for each, weight in zip(told, weights, strict=True) if each <= level) <= level
