"""Bias metrics against a slow measurement from the definitions, by hand, and on their edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from model_monitor.monitors.model_bias import metrics as bias
from model_monitor.monitors.model_bias.intervals import deviations
from model_monitor.monitors.model_bias.metrics import POST_TRAINING, PRE_TRAINING
from model_monitor.monitors.model_bias.settings import Bootstrap
from tests.bias_tables import Record, labelled, measure, random_columns, reference, settings, values

SEX = [{"name": "sex", "values": [1]}]


def counted(**cells: int) -> np.ndarray:
    """A table of one group from cells such as d10=3: facet, observed, predicted."""
    counts = np.zeros((2, 2, 2, 2), np.int64)
    for name, count in cells.items():
        counts[1, "ad".index(name[0]), int(name[1]), int(name[2])] = count
    return counts


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("is_tied", [False, True], ids=["no ties", "many ties"])
def test_every_metric_agrees_with_its_definition_on_random_tables(seed: int, is_tied: bool) -> None:
    columns, label, said = random_columns(seed, 40 + 17 * seed, is_tied=is_tied)
    found = settings(facets=SEX, group_variable="town")
    (entry,) = measure(labelled(columns, label, said), found).entries
    inputs = zip(columns["town"], columns["age"], columns["one"], columns["two"], strict=True)
    records = [
        Record(sex == 1, y == 1, p == 1, town, (town, age, one, two))
        for sex, y, p, (town, age, one, two) in zip(columns["sex"], label, said, inputs, strict=True)
    ]
    expected = reference(records)
    assert len(expected) == len(PRE_TRAINING) + len(POST_TRAINING) == 21
    assert values(entry) == pytest.approx(expected, abs=1e-12)


def test_a_hand_worked_table() -> None:
    """a: 10 records, 6 positive, 5 accepted; d: 8 records, 2 positive, 2 accepted, one of them rightly."""
    table = counted(a11=4, a10=2, a01=1, a00=3, d11=1, d10=1, d01=1, d00=5)
    found = {**bias.pre_training(table.sum(axis=-1)), **bias.post_training(table)}
    assert found["CI"] == pytest.approx(2 / 18)
    assert found["DPL"] == found["TVD"] == found["KS"] == pytest.approx(0.6 - 0.25)
    assert found["LP"] == pytest.approx(math.sqrt(2) * 0.35)
    assert found["KL"] == pytest.approx(0.6 * math.log(0.6 / 0.25) + 0.4 * math.log(0.4 / 0.75))
    assert found["CDDL"] == pytest.approx(6 / 10 - 2 / 8)
    assert found["CDDPL"] == pytest.approx(6 / 11 - 2 / 7)
    assert found["DPPL"] == pytest.approx(0.5 - 0.25)
    assert found["DI"] == pytest.approx(0.5)
    assert found["AD"] == pytest.approx(7 / 10 - 6 / 8)
    assert found["DAR"] == pytest.approx(4 / 5 - 1 / 2)
    assert found["DCA"] == pytest.approx(6 / 5 - 1)
    assert found["DCR"] == pytest.approx(6 / 6 - 4 / 5)
    assert found["DRR"] == pytest.approx(5 / 6 - 3 / 5)
    assert found["RD"] == pytest.approx(4 / 6 - 1 / 2)
    assert found["SD"] == pytest.approx(5 / 6 - 3 / 4)
    assert found["TE"] == pytest.approx(1 - 2)
    # 13 right, 2 false positives, 3 false negatives: benefits of 1, 2 and 0, on average 17/18
    assert found["GE"] == pytest.approx(((13 + 4 * 2) * (18 / 17) ** 2 - 18) / 36)


def test_nothing_over_nothing_is_0_and_something_over_nothing_is_infinite() -> None:
    found = bias.ratio(np.array([0, 3, 0, 2]), np.array([0, 0, 5, 4]))
    assert found.tolist() == [0.0, math.inf, 0.0, 0.5]


def test_two_infinite_ratios_differ_by_0_and_one_alone_is_infinite() -> None:
    both = bias.post_training(counted(a10=2, a00=1, a11=1, d10=3, d00=1, d11=1))
    assert both["TE"] == 0  # no false positives on either side
    only_d = bias.post_training(counted(a10=2, a01=1, a11=1, d10=3, d00=1, d11=1))
    assert only_d["TE"] == math.inf
    only_a = bias.post_training(counted(a10=2, a00=1, a11=1, d10=3, d01=1, d11=1))
    assert only_a["TE"] == -math.inf
    nobody = bias.post_training(counted(a10=2, a00=1, d11=1, d00=1))
    assert nobody["DI"] == math.inf


def test_what_a_table_leaves_undefined_has_a_reason() -> None:
    empty = bias.pre_training_errors(counted(a11=3, a00=2).sum(axis=-1))
    assert set(empty) == set(PRE_TRAINING)
    assert set(empty.values()) == {bias.EMPTY_FACET}
    assert set(bias.post_training_errors(counted(d11=3, d00=2)).values()) == {bias.EMPTY_REST}
    nobody = bias.post_training_errors(counted(a10=3, d10=2, d00=1))
    assert nobody == dict.fromkeys(POST_TRAINING, bias.NO_POSITIVE)
    assert bias.pre_training_errors(counted(a00=3, d00=2).sum(axis=-1)) == {"CDDL": bias.NO_POSITIVE}
    assert bias.post_training_errors(counted(a11=3, d01=2)) == {"CDDPL": bias.NO_NEGATIVE}
    assert bias.pre_training_errors(counted(a00=3, d11=2).sum(axis=-1)) == {"KL": bias.NO_COMMON_LABEL}
    without = bias.pre_training_errors(counted(a11=1, a00=1, d11=1, d00=1).sum(axis=-1), bias.NO_GROUP_VARIABLE)
    assert without == {"CDDL": "Group variable is empty or not provided"}


def test_records_of_an_unknown_group_count_in_every_metric_but_the_conditional_ones() -> None:
    known = counted(a11=4, a10=2, a01=1, a00=3, d11=1, d10=1, d01=1, d00=5)
    more = known.copy()
    more[0] = 7  # the group of records without one
    before, after = bias.post_training(known), bias.post_training(more)
    assert before["CDDPL"] == after["CDDPL"]
    assert before["DI"] != after["DI"]


CELLS = st.lists(st.integers(0, 30), min_size=16, max_size=16)


@given(cells=CELLS)
def test_metrics_stay_in_their_ranges(cells: list[int]) -> None:
    table = np.array(cells, np.int64).reshape(2, 2, 2, 2)
    table[1, :, 1, 1] += 1  # both sides have records, and somebody is accepted
    found = {**bias.pre_training(table.sum(axis=-1)), **bias.post_training(table)}
    bounded = ("CI", "DPL", "CDDL", "CDDPL", "DPPL", "AD", "DAR", "DRR", "RD", "SD")
    assert all(-1 - 1e-12 <= found[name] <= 1 + 1e-12 for name in bounded)
    assert 0 <= found["TVD"] <= 1 + 1e-12
    assert -1e-12 <= found["JS"] <= math.log(2) + 1e-12
    assert found["LP"] <= math.sqrt(2) + 1e-12
    assert found["GE"] >= -1e-12


@given(cells=CELLS)
def test_changing_sides_changes_the_sign_of_differences_and_nothing_of_distances(cells: list[int]) -> None:
    table = np.array(cells, np.int64).reshape(2, 2, 2, 2) + 1
    ours = {**bias.pre_training(table.sum(axis=-1)), **bias.post_training(table)}
    theirs = {**bias.pre_training(table[:, ::-1].sum(axis=-1)), **bias.post_training(table[:, ::-1])}
    for name in ("CI", "DPL", "CDDL", "CDDPL", "DPPL", "AD", "DAR", "DCA", "DCR", "DRR", "RD", "SD", "TE"):
        assert ours[name] == pytest.approx(-theirs[name], abs=1e-12)
    for name in ("JS", "LP", "TVD", "KS", "GE"):
        assert ours[name] == pytest.approx(theirs[name], abs=1e-12)
    assert ours["DI"] == pytest.approx(1 / theirs["DI"])


@given(first=CELLS, second=CELLS)
def test_many_tables_at_once_are_each_as_if_alone(first: list[int], second: list[int]) -> None:
    tables = np.array([first, second], np.int64).reshape(2, 2, 2, 2, 2) + 1
    together = {**bias.pre_training(tables.sum(axis=-1)), **bias.post_training(tables)}
    for place in range(2):
        alone = {**bias.pre_training(tables[place].sum(axis=-1)), **bias.post_training(tables[place])}
        assert {name: value[place] for name, value in together.items()} == {n: float(v) for n, v in alone.items()}


def test_resampled_deviations_agree_with_the_binomial_law_and_repeat_exactly() -> None:
    counts = np.zeros((2, 2, 2, 3), np.int64)
    counts[1, 0] = [[0, 300, 100], [0, 50, 150]]
    counts[1, 1] = [[0, 200, 100], [0, 60, 140]]
    found = deviations(counts, Bootstrap(draws=4000, seed=3))
    accepted, sizes = np.array([250, 240]) / np.array([600, 500]), np.array([600, 500])
    law = math.sqrt(float((accepted * (1 - accepted) / sizes).sum()))
    assert found["DPPL"] == pytest.approx(law, rel=0.05)
    assert found == deviations(counts, Bootstrap(draws=4000, seed=3))
    assert found != deviations(counts, Bootstrap(draws=4000, seed=4))
