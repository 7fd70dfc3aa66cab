"""A configuration of the laptop and a baseline made with it."""

from __future__ import annotations

import json

import pytest

from tests.captures import write_csv
from tests.monitor_image.cli.commands import run
from tests.monitor_image.conftest import FEATURES, OUTPUT, land


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "monitoring.json"
    path.write_text(json.dumps({"version": 1, "payload": {"features": list(FEATURES), "output": OUTPUT}}))
    return path


@pytest.fixture
def baseline(tmp_path, config):
    dataset = write_csv(tmp_path / "training.csv", land(600, seed=7))
    assert run("baseline", "--dataset", dataset, "--output", tmp_path / "baseline", "--config", config) == 0
    return tmp_path / "baseline"
