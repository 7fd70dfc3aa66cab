"""Healthy windows are quiet, and small chances are as rare as they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import orjson
import pytest
from scipy import stats

from model_monitor import flow
from model_monitor.contract import Decision, MonitoringType
from model_monitor.monitors.baseline_files import signed
from model_monitor.monitors.model_bias.counted import Counted, Flips
from model_monitor.monitors.model_bias.curve import Curve
from model_monitor.monitors.model_bias.sampling import RATIOS, evidence
from model_monitor.schema import Rows
from tests.bias_tables import labelled
from tests.monitor_image.monitors.model_bias.judged import (
    baseline_of,
    calibrated,
    chance,
    counted,
    table,
    written,
)
from tests.monitor_image.monitors.model_bias.test_monitor import FAIR, job_for


def population(rng: np.random.Generator, size: int, kind: str) -> Rows:
    """even: two halves; rare: a group of one in twelve; imbalanced: three positives in a hundred."""
    share, base = {"even": (0.5, 0.4), "rare": (0.08, 0.4), "imbalanced": (0.3, 0.03)}[kind]
    sex = (rng.random(size) < share).astype(int)
    town = rng.choice(6, size, p=[0.5, 0.25, 0.1, 0.08, 0.05, 0.02])
    x, z = rng.normal(size=size) + 0.3 * sex, rng.exponential(size=size)
    score = base * np.exp(0.5 * x - 0.125 - 0.3 * sex)
    label = (rng.random(size) < np.clip(score, 0, 1)).astype(int)
    noisy = score * np.exp(0.5 * rng.normal(size=size))
    said = (
        (noisy > 2 * base).astype(int) if kind == "imbalanced" else np.where(rng.random(size) < 0.2, 1 - label, label)
    )
    columns = {"sex": sex.tolist(), "town": town.tolist(), "x": x.tolist(), "z": z.tolist()}
    return labelled(columns, label.tolist(), said.tolist())


OPTIONS = {"facets": [{"name": "sex", "values": [1]}, "town"], "group_variable": "town"}


def false_violations(kind: str, size: int, windows: int, seed: int = 0) -> tuple[int, int]:
    """How many of healthy windows are violated by the calibrated rule, and by AWS's; a new baseline of 2,000 every tenth."""
    rng, calls, plain = np.random.default_rng([seed, size]), 0, 0
    baseline = None
    for number in range(windows):
        if number % 10 == 0:
            baseline = baseline_of(population(rng, 2000, kind), **OPTIONS)
        found = calibrated(population(rng, size, kind), baseline, **OPTIONS)
        calls += bool(found.violations)
        plain += any(
            c.observed is not None and c.baseline is not None and abs(c.observed) > abs(c.baseline)
            for c in found.checks
        )
    return calls, plain


@pytest.mark.parametrize("kind", ["even", "rare", "imbalanced"])
@pytest.mark.parametrize(("size", "windows"), [(320, 4), (2000, 2)])
def test_healthy_windows_of_all_metrics_and_seven_groups_are_quiet(kind, size, windows) -> None:
    violated, by_aws = false_violations(kind, size, windows)
    assert violated == 0
    assert by_aws == windows  # of 140 comparisons some are always larger


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", ["even", "rare", "imbalanced"])
@pytest.mark.parametrize(("size", "windows"), [(320, 1500), (2000, 1000)])
def test_many_healthy_windows_are_quiet(kind, size, windows) -> None:
    assert false_violations(kind, size, windows, seed=1)[0] <= 1


@pytest.mark.parametrize("name", [*RATIOS, "RD", "DI", "GE", "TE", "CI"])
@pytest.mark.parametrize("windows", [300, pytest.param(10_000, marks=pytest.mark.exhaustive)])
def test_small_chances_are_as_rare_as_they_say(name, windows) -> None:
    """Of healthy windows of 320 records as many have a chance below 0.01, 0.001 and 0.0001 as should, or fewer."""
    rng, found = np.random.default_rng(5), []
    for number in range(windows):
        if number % 5 == 0:
            baseline = counted(table(rng, 2000))
        found.append(chance(name, counted(table(rng, 320)), baseline))
    chances = np.array(found)
    for level in (1e-2, 1e-3, 1e-4):
        assert (chances <= level).sum() <= stats.binom.ppf(1 - 1e-4, len(chances), level)
    assert (chances <= 0.1).mean() > 0.01  # and they are no empty promise


def test_a_flip_test_of_a_smaller_window_is_compared_with_smaller_samples_of_the_baseline() -> None:
    """Neighbours are farther away in a small window: its value differs although nothing has changed."""
    curve = Curve.from_json({"size": 500, "value": 0.1, "levels": [[250, 0.12, 4e-4, 2], [50, 0.3, 2e-3, 16]]})
    assert curve.expected(50) == pytest.approx(0.3)
    assert curve.expected(9000) == pytest.approx(0.1)
    known = Counted(np.zeros((1, 2, 2, 3), np.int64), flips=Flips(120, 20, 1000, 1000), curves={"FT": curve})
    window = Counted(np.zeros((1, 2, 2, 3), np.int64), flips=Flips(32, 2, 100, 100))
    healthy = evidence("FT", window, known, (0.3, 0.1))
    moved = evidence("FT", replace(window, flips=Flips(82, 2, 100, 100)), known, (0.8, 0.1))
    assert healthy is not None
    assert moved is not None
    assert healthy.p_value == 1.0
    assert moved.p_value < 1e-5


def test_few_flips_are_no_bell() -> None:
    """Three of a hundred where one in two hundred was: a normal tail says 4 in 10,000, the exact one a few in 100."""
    curve = Curve.from_json({"size": 1000, "value": 0.005, "levels": [[50, 0.005, 0.0025 / 50, 40]]})
    nobody = np.zeros((1, 2, 2, 3), np.int64)
    known = Counted(nobody, flips=Flips(10, 0, 2000, 2000), curves={"FT": curve})
    found = evidence("FT", Counted(nobody, flips=Flips(3, 0, 100, 100)), known, (0.03, 0.005))
    assert found is not None
    assert 0.005 < found.p_value < 0.1


def test_the_flow_tells_checks_which_rule_decides(tmp_path) -> None:
    job = job_for(FAIR)
    assert [each.decision for each in flow.with_decisions(job).monitors] == [Decision.AWS]
    path = tmp_path / "analysis.json"
    path.write_bytes(orjson.dumps(signed(written(FAIR))))
    ours = replace(job, baselines={MonitoringType.MODEL_BIAS: flow.BaselineFiles(path)})
    assert [each.decision for each in flow.with_decisions(ours).monitors] == [Decision.CALIBRATED]
