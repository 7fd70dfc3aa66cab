"""A text feature with many values from the files of a baseline job to the verdict of a window, as a user runs both."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_monitor import cli
from tests.captures import events_of, write_capture, write_csv
from tests.text_world import cities, digits, uuids

pytestmark = pytest.mark.xdist_group("texts")  # one baseline

Change = Callable[[np.random.Generator, dict[str, Any]], dict[str, Any]]  # (chance, a record) → what is new in it


def records(random: np.random.Generator, size: int) -> list[dict[str, Any]]:
    columns = {"id": uuids(random, size), "city": cities(random, size)}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    folder: Path = tmp_path_factory.mktemp("texts")
    config = folder / "monitoring.json"
    config.write_text(json.dumps({"version": 1, "payload": {"features": ["id", "city"]}}))
    dataset = write_csv(folder / "training.csv", records(np.random.default_rng(1), 50_000))
    shared = ["--config", str(config)]
    assert cli.main(["baseline", "--dataset", str(dataset), "--output", str(folder / "baseline"), *shared]) == 0

    def run(seed: int, status: int, change: Change = lambda _random, _record: {}) -> dict[str, Any]:
        random = np.random.default_rng(seed)
        found = [{**each, **change(random, each)} for each in records(random, 300)]
        here = folder / f"{seed}"
        capture = write_capture(here / "capture", events_of(found))
        arguments = ["--dataset", str(capture), "--baseline", str(folder / "baseline"), "--output", str(here / "out")]
        assert cli.main(["monitor", *arguments, *shared]) == status
        report: dict[str, Any] = json.loads((here / "out" / "report.json").read_bytes())
        return report

    return run


def violations(report: dict[str, Any]) -> set[tuple[str, str]]:
    (monitor,) = report["monitors"]
    return {(check["subject"], check["check_type"]) for check in monitor["checks"] if check["outcome"] == "violated"}


def test_a_healthy_window_is_ok(judge):
    assert judge(10, 0)["verdict"] == "ok"


def test_three_hundred_records_of_one_unknown_value_are_violated(judge):
    assert violations(judge(11, 2, lambda *_: {"city": "unknown"})) == {
        ("city", "baseline_drift_check"),
        ("city", "categorical_values_check"),
    }


def test_identifiers_of_another_form_are_violated(judge):
    assert violations(judge(12, 2, lambda random, _: {"id": digits(random, 1)[0]})) == {("id", "baseline_drift_check")}
