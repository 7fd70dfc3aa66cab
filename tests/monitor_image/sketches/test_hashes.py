"""Hashes: the published numbers of SplitMix64, and keys that tell records apart."""

from __future__ import annotations

import numpy as np

from model_monitor.monitors.model_quality.subsamples import content_keys
from model_monitor.schema import Events
from model_monitor.sketches.hashes import GOLDEN, different, finalised, mixed
from model_monitor.sketches.record_keys import record_keys

FROM_ZERO = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]  # what SplitMix64 draws first from the seed 0


def test_keys_are_mixed_as_splitmix64_draws_them() -> None:
    with np.errstate(over="ignore"):
        states = np.arange(3, dtype=np.uint64) * GOLDEN
    assert mixed(states).tolist() == FROM_ZERO
    assert finalised(states + GOLDEN).tolist() == FROM_ZERO


def test_keys_of_content_start_where_splitmix64_does() -> None:
    assert content_keys([np.zeros(1)]).tolist() == FROM_ZERO[:1]


def test_keys_of_records_differ_by_event_and_by_place_in_it() -> None:
    events = Events(("one", "two"), np.zeros(2, np.int64), np.array([2, 3]), "")
    places = np.array([0, 1, 0, 1, 2])
    assert len(np.unique(record_keys(events, places))) == 5
    again = Events(("two",), np.zeros(1, np.int64), np.array([3]), "")
    assert record_keys(again, places[2:]).tolist() == record_keys(events, places)[2:].tolist()


def test_different_values_are_those_of_numpy():
    rng = np.random.default_rng(2)
    for size, most in ((0, 5), (1, 5), (50, 5), (5000, 2**63), (8192, 4000)):
        values = rng.integers(0, most, size, dtype=np.uint64)
        assert different(values).tolist() == np.unique(values).tolist()
