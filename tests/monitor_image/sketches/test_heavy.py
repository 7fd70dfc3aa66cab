"""Heavy values among very many, without a list of candidates."""

from __future__ import annotations

import numpy as np
import pytest

from model_monitor.sketches.heavy import HASH_BITS, STANDARD_ERRORS, HeavyHitters

OTHERS = 400_000


def data(seed: int, shares: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hashes of many values of one record each and of some heavy ones; their counts; the heavy ones first."""
    random = np.random.default_rng(seed)
    hashes = np.unique(random.integers(0, 1 << HASH_BITS, OTHERS + len(shares), dtype=np.uint64))
    random.shuffle(hashes)
    counts = np.ones(hashes.size, np.int64)
    counts[: len(shares)] = [round(share * OTHERS) for share in shares]
    return hashes, counts, hashes[: len(shares)]


@pytest.mark.parametrize("seed", range(5))
def test_values_of_one_percent_are_found_with_their_counts(seed):
    hashes, counts, heavy = data(seed, (0.3, 0.15, 0.02, 0.01))
    sketch = HeavyHitters.of(hashes, counts)
    assert set(heavy.tolist()) <= set(sketch.candidates().tolist())
    estimates, errors = sketch.estimate(heavy)
    assert (np.abs(estimates - counts[:4]) <= STANDARD_ERRORS * errors + 1).all()
    assert (errors < 0.001 * OTHERS).all()


def test_a_value_that_does_not_occur_has_hardly_any_records():
    hashes, counts, _ = data(7, (0.3,))
    absent = np.setdiff1d(np.random.default_rng(8).integers(0, 1 << HASH_BITS, 1_000, dtype=np.uint64), hashes)
    estimates, errors = HeavyHitters.of(hashes, counts).estimate(absent)
    assert (estimates <= STANDARD_ERRORS * errors).mean() > 0.99
    assert estimates.max() < 0.002 * OTHERS


def test_no_unlisted_value_has_more_records_than_said():
    hashes, counts, heavy = data(9, (0.3, 0.004))
    sketch = HeavyHitters.of(hashes, counts)
    assert counts[1] <= sketch.most_unlisted(heavy[:1], counts[:1]) < 0.01 * OTHERS


def test_parts_add_up_to_the_whole():
    hashes, counts, _ = data(10, (0.1,))
    parts = [HeavyHitters.of(hashes[start::3], counts[start::3]) for start in range(3)]
    whole = HeavyHitters.of(hashes, counts).counters
    assert np.array_equal(parts[2].merge(parts[0]).merge(parts[1]).counters, whole)
    assert np.array_equal(HeavyHitters.from_json(parts[0].to_json()).counters, parts[0].counters)


def test_counters_are_the_sums_that_they_are_said_to_be():
    hashes, counts = np.array([5, 1 << 39, (1 << 39) + 2], np.uint64), np.array([3, 4, 5], np.int64)
    first_row = HeavyHitters.of(hashes, counts).counters[0]
    assert first_row[0, :4].tolist() == [3, 3, 0, 3]  # records, then those with bit 0, 1, 2
    assert first_row[256, [0, 1, 2, 40]].tolist() == [9, 0, 5, 9]
