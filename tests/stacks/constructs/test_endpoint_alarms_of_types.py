"""A schedule with several types: who is told of what, and what may train."""

from __future__ import annotations

import json
from typing import Any

import pytest

from model_monitor.contract import CHECKS_OF, Cause
from tests.analyses import ALARMS
from tests.synthesis import Assembly

pytestmark = pytest.mark.xdist_group("synth")


def alarms(assembly: Assembly) -> dict[str, dict[str, Any]]:
    found = assembly.alarms()
    return {alarm["AlarmName"].removeprefix("analysed-fraud-all-"): alarm for alarm in found}


def test_each_type_has_alarms_of_its_own(every_type):
    known = {"data-quality", "drift", "model-quality", "bias-drift", "attribution-drift", "custom-metrics"}
    known |= {"error", "stale", "rejected", "capture-loss", "label-coverage", "labels-missing"}
    assert set(alarms(every_type)) == known | {"quality-accuracy", "quality-false_negative_rate", "custom-cost"}


def test_bounds_of_the_environment_are_watched_on_their_worse_side(every_type):
    found = alarms(every_type)
    sides = {
        name: (found[name]["ComparisonOperator"], found[name]["Threshold"], found[name]["Statistic"])
        for name in ("quality-accuracy", "quality-false_negative_rate", "label-coverage", "custom-cost")
    }
    assert sides == {
        "quality-accuracy": ("LessThanThreshold", ALARMS["quality"]["accuracy"], "Minimum"),
        "quality-false_negative_rate": ("GreaterThanThreshold", 0.4, "Maximum"),
        "label-coverage": ("LessThanThreshold", ALARMS["label_coverage"], "Minimum"),
        "custom-cost": ("GreaterThanThreshold", 3, "Maximum"),
    }


def policy(assembly: Assembly) -> dict[str, Any]:
    (parameter,) = assembly.policies()
    parts = parameter["Value"]["Fn::Join"][1]
    found: dict[str, Any] = json.loads("".join(part if isinstance(part, str) else "token" for part in parts))
    return found


def test_chosen_types_may_train_and_others_are_known_by_name(every_type):
    start, found = "analysed-fraud-all-", policy(every_type)
    chosen = {"drift", "model-quality", "quality-accuracy", "quality-false_negative_rate"}
    assert set(found["alarms"]) == {start + what for what in chosen}
    assert found["alarms"][f"{start}model-quality"] == list(CHECKS_OF[Cause.MODEL_QUALITY])
    others = ("bias-drift", "attribution-drift", "custom-metrics", "custom-cost")
    assert found["other_alarm_names"] == [start + what for what in others]
    assert found["allow_rehearsal"] is False
