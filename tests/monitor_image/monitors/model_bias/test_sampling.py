"""What chance explains of bias metrics: exact where it can be counted, honest where it is drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from model_monitor.contract import Decision
from model_monitor.monitors.model_bias import lattice
from model_monitor.monitors.model_bias.counted import Counted
from model_monitor.monitors.model_bias.metrics import post_training, pre_training
from model_monitor.monitors.model_bias.rule import MIRRORED, ONE_GAP, Rule
from model_monitor.monitors.model_bias.sampling import _divergence
from model_monitor.monitors.model_bias.settings import BiasSettings
from tests.monitor_image.monitors.model_bias.judged import chance, counted, metrics_of, table


@pytest.mark.parametrize(
    ("marked", "total", "drawn"), [(7, 40, 12), (0, 9, 4), (9, 9, 4), (300, 2320, 320), (4, 22000, 2000)]
)
def test_an_axis_is_the_hypergeometric_distribution(marked, total, drawn):
    numbers, chances = lattice.axis(marked, total, drawn)
    assert chances == pytest.approx(stats.hypergeom(total, marked, drawn).pmf(numbers), rel=1e-8, abs=1e-15)
    assert chances.sum() == pytest.approx(1, abs=1e-12)


def test_an_axis_of_many_records_takes_one_number_for_its_neighbours():
    numbers, chances = lattice.axis(200_000, 800_000, 300_000)
    assert len(numbers) < 2 * lattice.POINTS
    exact = stats.hypergeom(800_000, 200_000, 300_000)
    far = math.ceil(75_000 + 4.2 * exact.std())
    beyond = exact.pmf(np.arange(far, far + 3000)).sum()
    assert chances[numbers >= far].sum() == pytest.approx(beyond, rel=0.15)


def test_a_plane_is_the_multivariate_hypergeometric_distribution():
    first, second, chances = lattice.plane((6, 9), 60, 20)
    exact = stats.multivariate_hypergeom([6, 9, 45], 20)
    for i, j in ((0, 0), (2, 3), (6, 9), (5, 1)):
        place = (int(np.flatnonzero(first[:, 0] == i)[0]), int(np.flatnonzero(second[0] == j)[0]))
        assert chances[place] == pytest.approx(exact.pmf([i, j, 20 - i - j]), rel=1e-9)


@pytest.mark.parametrize("counts", [(3, 10, 5, 9), (0, 10, 5, 9), (10, 10, 0, 9), (3, 10, 9, 9), (0, 10, 0, 9)])
def test_divergences_on_a_lattice_are_the_metrics(counts):
    of_a, all_a, of_d, all_d = counts
    exact = pre_training(np.array([[[all_a - of_a, of_a], [all_d - of_d, of_d]]]))
    for name in ("KL", "JS"):
        found = _divergence(name, np.array(of_a), np.array(of_d), np.array([all_a, all_d]))
        assert float(found) == pytest.approx(float(exact[name]), abs=1e-15)


@pytest.mark.parametrize(
    "name", ["DPL", "KL", "JS", "TVD", "DPPL", "AD", "RD", "SD", "DAR", "DRR", "TE", "DI", "GE", "CI"]
)
def test_exact_chances_are_those_of_drawing_which_records_are_the_windows(name):
    """The permutation test with 40,000 draws, of cases that are rather rare; the other side counts as much again."""
    rng, observed = np.random.default_rng(1), 1.0
    while not 0.001 < observed < 0.1:
        window, baseline = counted(table(rng, 160)), counted(table(rng, 400))
        observed = chance(name, window, baseline)
    pooled = window.counts + baseline.counts
    sizes = _strata(name, window)
    drawn = np.zeros((40_000, 1, 2, 2, 3), np.int64)
    flat = drawn.reshape(40_000, -1)
    for cells, count in sizes:
        flat[:, cells] = rng.multivariate_hypergeometric(pooled.ravel()[cells], count, size=40_000)
    values = _smoothed(name, drawn), _smoothed(name, pooled - drawn)
    found = [float(_smoothed(name, sample.counts[None])[0]) for sample in (window, baseline)]
    as_far = (np.abs(values[0]) > np.abs(values[1])) & (
        np.abs(values[0] - values[1]) >= abs(found[0] - found[1]) - 1e-12
    )
    assert observed / 2 == pytest.approx(as_far.mean(), abs=4 * math.sqrt(observed / 40_000) + 1e-4)


def _strata(name: str, window: Counted) -> list[tuple[np.ndarray, int]]:
    """Cells that are mixed with each other, and how many of them are the window's: what the test takes as it is."""
    places = np.arange(12).reshape(2, 2, 3)
    among = {
        "RD": [places[:, 1]], "SD": [places[:, 0]], "DAR": [places[:, :, 2]], "DRR": [places[:, :, 1]],
        "TE": [np.array([[places[s, 1, 1], places[s, 0, 2]] for s in (0, 1)])],
    }.get(name, [places])  # fmt: skip
    parts = [places.ravel()] if name in ("GE", "CI") else [side.ravel() for part in among for side in part]
    rest = np.setdiff1d(places, np.concatenate(parts))
    parts += [np.array([cell]) for cell in rest]
    flat = window.counts.ravel()
    return [(cells, int(flat[cells].sum())) for cells in parts]


def _smoothed(name: str, tables: np.ndarray) -> np.ndarray:
    if name == "DI":
        said = tables[..., 1:].sum(axis=(1, 3))
        shares = (said[..., 1] + 0.5) / (said.sum(axis=-1) + 1)
        return np.log(shares[:, 1] / shares[:, 0])
    if name == "TE":
        cells = tables[..., 1:].sum(axis=1)
        odds = (cells[:, :, 1, 0] + 0.5) / (cells[:, :, 0, 1] + 0.5)
        return odds[:, 0] - odds[:, 1]
    values = pre_training(tables.sum(axis=-1)) | post_training(tables[..., 1:])
    return values[name]


@pytest.mark.parametrize("name", sorted(MIRRORED | ONE_GAP.keys()))
def test_gaps_of_one_thing_and_of_sides_that_change_places_are_one_test(name: str) -> None:
    rng = np.random.default_rng(12)
    for _ in range(5):
        window, baseline = (
            counted(rng.multinomial(size, rng.dirichlet(np.full(8, 3.0))).reshape(2, 2, 2)) for size in (300, 900)
        )
        turned = [Counted(np.ascontiguousarray(each.counts[:, ::-1])) for each in (window, baseline)]
        found = []
        for here, there, asked in (
            (window, baseline, name),
            (*turned, name),
            (window, baseline, ONE_GAP.get(name, name)),
        ):
            rule = Rule(BiasSettings(), Decision.CALIBRATED, here, there)
            told = rule.evidence(asked, metrics_of(here)[asked], metrics_of(there)[asked])
            assert told is not None
            found.append(told)
        assert len({each.alike for each in found}) == 1
        assert [each.p_value for each in found] == pytest.approx([found[0].p_value] * 3, rel=0.05)  # ties
        others = Rule(BiasSettings(), Decision.CALIBRATED, turned[0], baseline).evidence(name, 0.1, 0.0)
        assert others is not None
        assert others.alike != found[0].alike
