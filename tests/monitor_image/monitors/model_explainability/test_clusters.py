"""Baseline rows as the centres of clusters."""

from __future__ import annotations

import numpy as np

from model_monitor.monitors.model_explainability.clusters import centres


def three_groups():
    chance = np.random.default_rng(1)
    middles = np.array([[0.0, 0.0], [50.0, 0.0], [0.0, 8.0]])
    sizes = (60, 30, 10)
    return np.concatenate([m + chance.normal(scale=0.3, size=(n, 2)) for m, n in zip(middles, sizes, strict=True)])


def ones(cells):
    return np.ones(len(cells), np.int64)


def test_groups_that_stand_apart_are_found_the_largest_first():
    cells = three_groups()
    found = centres(cells, ones(cells))
    assert np.allclose(found, [cells[:60].mean(axis=0), cells[60:90].mean(axis=0), cells[90:].mean(axis=0)], atol=1e-9)


def test_one_cluster_is_the_mean_of_all_records_whatever_stands_for_several():
    cells = np.array([[1.0, np.nan], [4.0, 10.0]])
    assert centres(cells, np.array([3, 1]), count=1).tolist() == [[1.75, 10.0]]


def test_a_cloud_without_groups_is_one_or_few_clusters():
    cells = np.random.default_rng(2).normal(size=(400, 20))
    assert len(centres(cells, ones(cells))) == 1


def test_text_counts_by_its_most_frequent_value():
    cells = np.array([["red", 1.0], ["red", 2.0], ["blue", 3.0], [None, None]], object)
    assert centres(cells, ones(cells), count=1).tolist() == [["red", 2.0]]


def test_there_are_never_more_clusters_than_different_records():
    cells = np.array([[1.0], [1.0], [2.0]])
    assert sorted(centres(cells, ones(cells), count=3).ravel().tolist()) == [1.0, 2.0]


def test_the_order_of_records_does_not_matter_for_a_whole_number_of_groups():
    cells = three_groups()
    turned = cells[np.random.default_rng(3).permutation(len(cells))]
    assert np.allclose(centres(turned, ones(cells), count=3, seed=5), centres(cells, ones(cells), count=3, seed=9))
