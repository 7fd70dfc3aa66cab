"""A schedule with several types: what its runs are told, and what makes another baseline."""

from __future__ import annotations

import json
from typing import Any

from model_monitor import contract
from model_monitor.job.configuration import parse_configuration
from stacks.configuration import baseline_version, configuration_document
from stacks.settings import monitor as monitor_settings
from tests.analyses import BIAS, CUSTOM, EXPLAINED, MODEL_QUALITY, MONITOR, analysed


def test_a_run_is_told_what_the_environment_says_and_no_default_of_the_core():
    document = configuration_document("fraud", analysed().endpoints["fraud"], "all")
    assert document["monitors"]["model_quality"] == {"min_records": 20, **MODEL_QUALITY}
    assert document["monitors"]["custom_metrics"] == {
        "min_records": 20,
        "label_delay": "PT0H",
        "min_coverage": 0.0,
        **CUSTOM,
    }
    assert document["monitors"]["model_bias"] == {"min_records": 20, "min_coverage": 0.0, **BIAS}
    assert document["monitors"]["model_explainability"] == {"min_records": 20, **EXPLAINED}


def test_a_metric_that_is_not_judged_is_said_to_the_run():
    changed = {**MODEL_QUALITY, "thresholds": {"recall": None}}
    endpoint = analysed(**{f"{MONITOR}model_quality": changed}).endpoints["fraud"]
    assert configuration_document("fraud", endpoint, "all")["monitors"]["model_quality"]["thresholds"] == {
        "recall": None
    }


def test_slices_of_numbers_are_told_with_their_edges_and_others_by_name():
    changed = {**MODEL_QUALITY, "slices": ["visits", {"field": "age", "edges": [25, 40.5]}, {"field": "variant"}]}
    endpoint = analysed(**{f"{MONITOR}model_quality": changed}).endpoints["fraud"]
    document = configuration_document("fraud", endpoint, "all")
    told = document["monitors"]["model_quality"]["slices"]
    assert told == ["visits", {"field": "age", "edges": [25, 40.5]}, "variant"]
    read = parse_configuration(json.dumps(document).encode(), "monitoring.json").monitors
    (quality,) = (each for each in read if each.type is contract.MonitoringType.MODEL_QUALITY)
    assert quality.options["slices"] == {"visits": (), "age": (25.0, 40.5), "variant": ()}


def test_labels_of_scores_may_be_numbers():
    endpoint = analysed(**{f"{MONITOR}model_bias": {**BIAS, "class_labels": [0, 1]}}).endpoints["fraud"]
    document = configuration_document("fraud", endpoint, "all")
    assert document["monitors"]["model_bias"]["class_labels"] == ["0", "1"]
    parse_configuration(json.dumps(document).encode(), "monitoring.json")


def test_a_rehearsal_is_a_flag_of_the_environment():
    rehearsing = analysed(**{f"{MONITOR}create_violation_tests": True}).endpoints["fraud"]
    assert configuration_document("fraud", rehearsing, "all")["create_violation_tests"] is True
    assert baseline_version(rehearsing) == baseline_version(analysed().endpoints["fraud"])


def test_another_way_to_measure_is_another_baseline_and_another_threshold_is_not():
    def version(**quality_changes: Any) -> str:
        changed = {**MODEL_QUALITY, **quality_changes}
        return baseline_version(analysed(**{f"{MONITOR}model_quality": changed}).endpoints["fraud"])

    assert version(thresholds={"accuracy": 0.9}, label_delay="P1D", min_coverage=0.5) == version()
    assert version(positive_label="yes") != version()


def test_other_code_is_another_baseline(tmp_path, monkeypatch):
    monkeypatch.setattr(monitor_settings, "of_the_user", lambda: tmp_path)
    (tmp_path / "metrics.py").write_text("one = 1")
    endpoint = analysed(**{f"{MONITOR}custom_metrics": {"module": "metrics.py"}}).endpoints["fraud"]
    before = baseline_version(endpoint)
    (tmp_path / "metrics.py").write_text("one = 2")
    assert baseline_version(endpoint) != before
