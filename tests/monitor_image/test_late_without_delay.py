"""Windows that are judged without a delay: concluded by their own run, or waiting as long as labels can help them."""

from __future__ import annotations

import pytest

from model_monitor import late
from tests.captures import write_lines
from tests.monitor_image.conftest import FEATURES
from tests.monitor_image.late_world import RECORDS, World, hour, label_of, points

NAME = "202603020400.json"
REGRESSION = {"problem_type": "regression", "label_delay": "PT0H", "thresholds": {"mae": 9.0}}


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    made.serve(0)
    return made


def test_without_a_delay_a_window_is_scored_by_its_own_run_and_published_once(world):
    world.quality |= {"label_delay": "PT0H", "label_horizon": "P1D"}
    world.label(0, hour(0), right=range(32), wrong=range(32, RECORDS))
    tree = world.run(0)
    assert points(tree, "accuracy") == [("2026-03-02T05:00:00Z", 0.8)]
    assert (world.kept("pending"), world.kept("scored")) == ([], [NAME])
    again = world.run(0, late_minutes=50)
    assert points(again, "accuracy") == []
    assert late.SCORED_BEFORE in again.report["monitors"][0]["notes"]
    assert world.kept("pending") == []


def test_a_window_of_too_few_records_does_not_wait(world):
    world.serve(1, records=20)
    tree = world.run(1)
    assert tree.report["verdict"] == "insufficient_data"
    assert world.kept("pending") == []


def test_a_window_whose_labels_are_no_numbers_waits_without_a_delay_until_they_are_corrected(world):
    world.quality |= REGRESSION
    pending = [label_of(0, record, True) for record in range(RECORDS)]
    for line in pending[20:]:
        line["groundTruthData"]["data"] = "pending"
    world.labels.mkdir()
    write_lines(world.labels / f"{hour(0):%Y/%m/%d/%H}/0.jsonl", pending)
    waited = world.run(0)
    world.label(0, hour(3), right=range(20, RECORDS))
    world.serve(4)
    tree = world.run(4)
    assert "20 of 40 predictions can be compared with their label" in waited.message
    assert points(waited, "label_coverage") == [("2026-03-02T05:00:00Z", 1.0)]  # it waits, and is due
    assert points(waited, "mae") == []
    assert points(tree, "mae") == [("2026-03-02T09:05:00Z", 0.0)], tree.message


def test_a_window_whose_model_said_too_little_is_concluded_since_no_label_helps_it(world):
    world.quality |= REGRESSION
    world.changes["payload"] = {"features": [*FEATURES], "output": {"prediction": "nothing_of_the_kind"}}
    world.label(0, hour(0), right=range(20))
    tree = world.run(0)
    assert "no record has a prediction" in tree.message
    assert (world.kept("pending"), world.kept("scored")) == ([], [])


def test_a_verdict_that_lacks_a_baseline_and_no_labels_is_final(world):
    world.quality |= {"label_delay": "PT0H", "thresholds": {}}
    world.label(0, hour(0), right=range(RECORDS))
    tree = world.run(0)
    assert tree.report["verdict"] == "insufficient_data"
    assert points(tree, "accuracy") == [("2026-03-02T05:00:00Z", 1.0)]
    assert world.kept("pending") == world.kept("scored") == []
