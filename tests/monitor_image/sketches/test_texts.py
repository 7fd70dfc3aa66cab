"""A text feature in numbers: counts by hash and how far they are known."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest

from model_monitor.sketches import values as values_module
from model_monitor.sketches.frequencies import Frequencies, hashes_of
from model_monitor.sketches.texts import COMMONEST, Repetition, TextStatistics, read_texts, salted


def statistics(texts: list[str]) -> TextStatistics:
    found = Frequencies.of(pa.array(texts, pa.string()).dictionary_encode())
    return read_texts(found.values, found.forms, False, None, None)


def test_counts_of_all_values_are_exact_while_they_are_few():
    texts = ["a"] * 5 + [f"id-{number}" for number in range(20_000)]
    found = statistics(texts)
    fewest, most = found.count_of(hashes_of(["a", "id-7", "never"]))
    assert fewest.tolist() == most.tolist() == [5, 1, 0]
    assert (found.total, found.different, found.error) == (20_005, 20_001, 0.0)


def test_beyond_the_limit_counts_are_known_within_their_stated_error():
    with patch.object(values_module, "VALUES_KEPT", 10_000):
        found = statistics(["a"] * 9_000 + ["b"] * 3_000 + [f"id-{number}" for number in range(60_000)])
    heavy = hashes_of(["a", "b"])
    assert found.sample is not None
    assert set(heavy.tolist()) <= set(found.commonest.hashes.tolist())
    fewest, most = found.count_of(heavy)
    assert (fewest <= [9_000, 3_000]).all()
    assert (most >= [9_000, 3_000]).all()
    assert (most - fewest < 300).all()
    assert abs(found.different - 60_002) < 4 * found.error * 60_002
    assert found.count_of(hashes_of(["never"]))[0].tolist() == [0]


def test_literals_of_one_number_are_one_value_as_baselines_have_them():
    assert len(set(hashes_of(["37", "37.0", "+37", "0037", "3.7e1", "37e0"]).tolist())) == 1
    assert len(set(hashes_of(["37", "-37", "3.7", "a37", "1e400", "-0.5"]).tolist())) == 6


def test_every_text_has_the_hash_of_its_canonical_form_whatever_the_patterns():
    from model_monitor.sketches.kinds import canonical_text

    texts = ["-0", "-00", "0", "00", "+0", "- 5", " 7", "1.", ".5", "1e5", "1E+5", "0x1", "-01.50", "1-1", "0e0"]
    assert hashes_of(texts).tolist() == hashes_of(list(map(canonical_text, texts))).tolist()


@pytest.mark.parametrize(("counts", "expected"), [([1, 1, 1, 1], 1.0), ([1, 3], 0.25), ([5, 5, 100], 0.0)])
def test_the_share_of_values_that_occur_once_is_of_records(counts, expected):
    assert Repetition.of(np.array(counts)).once == expected


def test_only_the_commonest_are_listed_and_the_next_bounds_the_rest():
    texts = [f"v{number}" for number in range(200) for _ in range(1 + number % 10)]
    found = statistics(texts).commonest
    assert found.hashes.size == COMMONEST
    assert found.least <= found.counts.min()
    assert found.error == 0.0


def test_salted_statistics_can_be_asked_by_salted_hashes_only():
    found = statistics(["a"] * 50 + ["b"] * 20).salted("pepper")
    plain = hashes_of(["a", "b"])
    assert found.count_of(salted(plain, "pepper"))[0].tolist() == [50, 20]
    assert found.count_of(plain)[0].tolist() == [0, 0]
    assert found.count_of(salted(plain, "other"))[0].tolist() == [0, 0]
