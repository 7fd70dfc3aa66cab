"""Both readers answer alike whatever a captured file holds: a share of what `make fuzz` tries, and its kept cases."""

from __future__ import annotations

import pytest

from tests.monitor_image.dataset.differential import CORPUS, SCHEMAS, Case, answer, case, disagreements, kept_cases

SEED, CASES = 1, 300


def test_damaged_captures_are_read_alike(native):
    kept = kept_cases()
    assert list(disagreements((case(SEED, number, kept) for number in range(CASES)), native)) == []


@pytest.mark.parametrize("path", sorted(CORPUS.iterdir()), ids=lambda path: path.stem)
def test_kept_cases_are_read_alike(path, native):
    data = path.read_bytes()
    assert list(disagreements((Case(data, schema) for schema in range(len(SCHEMAS))), native)) == []


@pytest.mark.parametrize("reader", ["compiled", "python"])
def test_a_byte_order_mark_before_a_payload_is_no_part_of_its_first_value(reader, request):
    module = request.getfixturevalue("native") if reader == "compiled" else None
    (rows,) = answer(Case((CORPUS / "byte-order-mark-before-csv.jsonl").read_bytes(), 0), module)
    assert rows[0] == 2
    assert rows[1][0] == ([0, 0, 2, 0, 0], ("int64", ["1", "1"]), None)
