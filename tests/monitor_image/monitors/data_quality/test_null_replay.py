"""Windows from the baseline's own distribution raise no false drift; a stated shift is always seen.

The default method (Robust, threshold 0.1) on 24 numeric features of every common shape and 4 text features. What is always
seen: a shift of the mean of a normal feature by as many standard deviations as `SHIFTS` says, and a category that grows by
the share it says; always means in every seed tried.
"""

from __future__ import annotations

import numpy as np
import pytest

from model_monitor.contract import CheckType, JobKind, Verdict
from model_monitor.monitors.conclusion import Conclusion, Outcome
from model_monitor.monitors.data_quality.baseline import Baseline
from model_monitor.monitors.data_quality.profile import DatasetProfile
from model_monitor.monitors.data_quality.statistics import DatasetStatistics
from model_monitor.schema import Column, Feature, Kind, Rows, Schema
from tests.tables import DATA_QUALITY, checks_by_subject, job_for

BASELINE_RECORDS = 10_000
SHIFTS = {
    40: (3.0, 0.85),
    200: (1.5, 0.6),
    1_000: (0.9, 0.45),
    10_000: (0.6, 0.35),
    200_000: (0.5, 0.3),
}  # size: mean, share
ONE_HOT = tuple(f"hot{i}" for i in range(8))
TEXTS = tuple(f"text{i}" for i in range(4))


def numbers_of(random: np.random.Generator, size: int) -> dict[str, np.ndarray]:
    shapes = {
        "normal": random.normal(size=size),
        "uniform": random.random(size),
        "lognormal": random.lognormal(size=size),
        "heavy": random.pareto(0.7, size),
        "bimodal": np.where(random.random(size) < 0.5, random.normal(-5, 1, size), random.normal(5, 1, size)),
        "rounded": np.round(random.normal(size=size), 1),
        "constant": np.full(size, 3.5),
        "rare": np.where(random.random(size) < 0.002, random.random(size), 0.0),
    }
    whole = {
        "count": random.poisson(3, size),
        "geometric": random.geometric(0.3, size),
        "wide": random.integers(-(10**12), 10**12, size),
        "hour": random.integers(0, 24, size),
        "id_like": random.permutation(size),
    }
    whole["id_like"] = random.integers(0, 10**6, size)
    hot = {name: (random.random(size) < 0.5 / (i + 1)).astype(np.int64) for i, name in enumerate(ONE_HOT)}
    return shapes | whole | hot


def rows(random: np.random.Generator, size: int, mean: float = 0.0, share: float = 0.0) -> Rows:
    """`mean` moves the feature `normal`, `share` moves records of `text0` into its first category."""
    import pyarrow as pa

    columns = numbers_of(random, size)
    columns["normal"] = columns["normal"] + mean
    features = {}
    for name, values in columns.items():
        kinds = np.zeros(5, np.int64)
        kinds[Kind.INTEGRAL if values.dtype.kind == "i" else Kind.FRACTIONAL] = size
        features[name] = Column(kinds, values)
    for position, name in enumerate(TEXTS):
        weights = 1 / np.arange(1, 3 + 12 * position)
        codes = random.choice(weights.size, size, p=weights / weights.sum())
        if name == "text0":
            codes = np.where(random.random(size) < share, 1, codes)
        vocabulary = pa.array([f"v{code}" for code in range(weights.size)])
        kinds = np.zeros(5, np.int64)
        kinds[Kind.STRING] = size
        texts = pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), vocabulary)
        features[name] = Column(kinds, None, texts)
    return Rows(Schema(tuple(map(Feature, features))), size, tuple(features.values()))


def statistics(found: Rows, kind: JobKind = JobKind.MONITOR) -> DatasetStatistics:
    job = job_for(found.schema, kind)
    result = DATA_QUALITY.statistics(DatasetProfile.of(found), job)
    assert isinstance(result, DatasetStatistics)
    return result


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    found = rows(np.random.default_rng(2026), BASELINE_RECORDS)
    numbers = statistics(found, JobKind.BASELINE)
    return Baseline(DATA_QUALITY.suggest(numbers, job_for(found.schema, JobKind.BASELINE)), numbers)


def conclusion_of(found: Rows, baseline: Baseline) -> Conclusion:
    conclusion = DATA_QUALITY.check(statistics(found), baseline, job_for(found.schema, min_records=30))
    assert isinstance(conclusion, Conclusion)
    return conclusion


def replay(size: int, seeds: int, baseline: Baseline) -> set[tuple[Verdict, Outcome]]:
    """What healthy windows and their drift checks came to."""
    found = set()
    for seed in range(seeds):
        conclusion = conclusion_of(rows(np.random.default_rng([size, seed]), size), baseline)
        drift = checks_by_subject(conclusion, CheckType.BASELINE_DRIFT)
        found |= {(conclusion.verdict, check.outcome) for check in drift.values()}
    return found


def shifted(size: int, seeds: int, baseline: Baseline) -> set[frozenset[str]]:
    """What was violated in windows in which two features have moved."""
    mean, share = SHIFTS[size]
    windows = (rows(np.random.default_rng([size, seed, 1]), size, mean, share) for seed in range(seeds))
    return {frozenset(check.subject for check in conclusion_of(found, baseline).violations) for found in windows}


FEW = [(40, 30), (200, 20), (1_000, 10), (10_000, 3), (200_000, 1)]
MANY = [(40, 1_000), (200, 500), (1_000, 200), (10_000, 50), (200_000, 8)]


@pytest.mark.parametrize(("size", "seeds"), FEW)
def test_healthy_windows_raise_no_violation(size, seeds, baseline):
    assert replay(size, seeds, baseline) == {(Verdict.OK, Outcome.HELD)}


@pytest.mark.parametrize(("size", "seeds"), FEW)
def test_a_stated_shift_is_seen_in_every_window_and_nothing_else_is(size, seeds, baseline):
    assert shifted(size, seeds, baseline) == {frozenset({"normal", "text0"})}


@pytest.mark.exhaustive
@pytest.mark.parametrize(("size", "seeds"), MANY)
def test_many_healthy_windows_raise_no_violation(size, seeds, baseline):
    assert replay(size, seeds, baseline) == {(Verdict.OK, Outcome.HELD)}


@pytest.mark.exhaustive
@pytest.mark.parametrize(("size", "seeds"), MANY)
def test_a_stated_shift_is_seen_in_every_one_of_many_windows(size, seeds, baseline):
    assert shifted(size, seeds, baseline) == {frozenset({"normal", "text0"})}
