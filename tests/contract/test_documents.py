"""What the pages say about the configuration file is what the core reads."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest

from model_monitor.contract import MONITOR_KEYS
from model_monitor.job import blocks
from model_monitor.job.configuration import parse_configuration
from model_monitor.monitors import registry

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "monitor_image" / "README.md"
WHOLE = {
    "version": 1,
    "payload": {"features": [{"name": "age"}], "metadata": [{"name": "region"}], "output": {"score": 0}},
    "monitors": {
        "data_quality": {"monitoring_config": {"distribution_constraints": {}}, "features": {}},
        "custom_metrics": {},
        "model_quality": {"problem_type": "binary", "probability_threshold": 0.5, "prediction_drift": {}},
        "model_bias": {"facets": [{"name": "age"}], "flip_test": {}, "bootstrap": {}},
        "model_explainability": {"predictor": {}, "budget": {}},
    },
    "metrics": {},
    "labelled_rows": {},
    "scripts": {},
}


def test_the_example_in_the_readme_is_complete_and_valid() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    configuration = parse_configuration(example.encode(), "README.md")
    assert len(configuration.schema.names) == 13
    assert configuration.schema.payload.label == "Cover_Type"


def test_the_page_lists_every_key_of_the_configuration_file(monkeypatch: pytest.MonkeyPatch) -> None:
    read: set[str] = set()
    end = blocks.Block.end

    def noted(block: blocks.Block, *also: str) -> None:
        read.update(block.at(key).replace("[0]", "[]") for key in block.known)
        end(block, *also)

    monkeypatch.setattr(blocks.Block, "end", noted)
    whole = orjson.dumps(WHOLE)
    for content in (whole, whole.replace(b'"predictor":{}', b'"predictor":{"artefact":"model.onnx"}')):
        parse_configuration(content, "whole.json")
    section = PAGE.read_text().split("## The configuration file")[1].split("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    listed = {key for row in rows for key in re.findall(r"`([^`]+)`", row[1])}
    config = "monitors.data_quality.monitoring_config"
    for path in (config, f"{config}.distribution_constraints"):  # AWS's own keys stand in the row of their block
        (row,) = [row for row in rows if f"`{path}`" in row[1]]
        listed |= {f"{path}.{key}" for key in re.findall(r"`([^`]+)`", row[2])}
    known = {MONITOR_KEYS[type_] for type_ in registry.monitors()}
    read -= {f"monitors.{key}" for key in MONITOR_KEYS.values() if key not in known}  # monitors of a later version
    assert len(read) > 30
    assert sorted(read - listed - {"metrics"}) == []
