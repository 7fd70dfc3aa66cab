"""What the stacks write, the core reads: the configuration asset of every schedule in every environment, and its variables."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import orjson
import pytest

from model_monitor.contract import MONITOR_KEYS, Variable
from model_monitor.job import blocks
from model_monitor.job.configuration import parse_configuration
from stacks.configuration import configuration_document
from stacks.settings import (
    analysis as analysis_settings,
    attribution as attribution_settings,
    bias as bias_settings,
    endpoint as endpoint_settings,
    environment as settings,
    monitor as monitor_settings,
    payload as payload_settings,
    review as review_settings,
)
from tests.analyses import analysed

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = sorted((ROOT / "environments").glob("*.yaml"))
SCHEDULES = [
    pytest.param(environment, endpoint, monitor, id=f"{environment.stem}-{endpoint}-{monitor}")
    for environment in ENVIRONMENTS
    for endpoint, block in settings.load(environment).endpoints.items()
    for monitor in block.monitors
]


@pytest.mark.parametrize(("environment", "endpoint", "monitor"), SCHEDULES)
def test_the_core_reads_every_deployed_configuration(environment, endpoint, monitor):
    block = settings.load(environment).endpoints[endpoint]
    document = configuration_document(endpoint, block, monitor)
    configuration = parse_configuration(orjson.dumps(document), "monitoring.json")
    assert configuration.endpoint == endpoint
    assert configuration.schedule.startswith(endpoint)
    assert [MONITOR_KEYS[found.type] for found in configuration.monitors] == list(block.monitors[monitor].types)
    assert configuration.monitors[0].min_records == block.monitors[monitor].min_records
    if block.payload is None:
        assert configuration.schema.is_positional
    else:
        assert list(configuration.schema.names) == [feature.name for feature in block.payload.features]
        assert configuration.schema.payload.label == block.payload.label
    assert configuration.metrics.namespace == block.metrics.namespace


def test_there_are_schedules_to_read():
    assert SCHEDULES


def test_every_variable_of_the_contract_is_read_by_the_core():
    used: set[str] = set()
    for path in sorted((ROOT / "monitor_image/model_monitor").rglob("*.py")):
        if path.name != "contract.py":
            used |= {
                node.attr
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Variable"
            }
    assert {variable.name for variable in Variable} - used == set()


# --- everything that a run can be told ------------------------------------------------------------------------------------

CLARIFY = {"analysis_config"}  # its own files say the same in other words
OF_THE_SCHEDULE = {"min_records", "decision"}
ELSEWHERE = {
    "": {"endpoint", "schedule", "monitors", "baseline", "ground_truth", "history", "metrics", "version", "payload"}
    | {"labelled_rows", "review", "links"},  # retraining.holdout_share, review, links of the environment
    "monitors.model_explainability.predictor": {"endpoint_name_prefix", "accelerator_type"},  # ours; gone
}
SETTINGS = {
    "": monitor_settings.Monitor,
    "payload": payload_settings.Payload,
    "payload.output": payload_settings.Output,
    "metrics": endpoint_settings.Metrics,
    "monitors.model_quality": analysis_settings.ModelQuality,
    "monitors.model_quality.prediction_drift": analysis_settings.PredictionDrift,
    "monitors.model_bias": bias_settings.ModelBias,
    "monitors.model_bias.facets[0]": bias_settings.Facet,
    "monitors.model_bias.flip_test": bias_settings.FlipTest,
    "monitors.model_bias.bootstrap": bias_settings.Bootstrap,
    "monitors.model_explainability": attribution_settings.ModelExplainability,
    "monitors.model_explainability.predictor": attribution_settings.Predictor,
    "monitors.model_explainability.budget": attribution_settings.Budget,
    "monitors.custom_metrics": analysis_settings.CustomMetrics,
    "scripts": analysis_settings.Scripts,
    "review": review_settings.Review,
    "review.classes.1": review_settings.Band,
}


def test_everything_that_a_run_can_be_told_can_be_said_in_an_environment(monkeypatch):
    read: dict[str, set[str]] = {}
    end = blocks.Block.end

    def noted(block: blocks.Block) -> None:
        read.setdefault(block.path, set()).update(block.known)
        end(block)

    monkeypatch.setattr(blocks.Block, "end", noted)
    document = configuration_document("fraud", analysed().endpoints["fraud"], "all")
    document["monitors"]["model_quality"]["prediction_drift"] = {}
    document["scripts"] = {}
    feature = document["payload"]["features"][0]["name"]
    document["review"] = {"features": [feature], "classes": {"1": {}}}
    for predictor in ({"artefact": "model.json"}, {}):
        document["monitors"]["model_explainability"]["predictor"] = predictor
        parse_configuration(json.dumps(document).encode(), "told.json")
    assert set(SETTINGS) <= set(read)
    unsaid = {
        path: keys
        for path, kind in SETTINGS.items()
        if (
            keys := read[path]
            - set(kind.model_fields)
            - ELSEWHERE.get(path, set())
            - CLARIFY
            - {"min_records", "decision"}
        )  # of the schedule
    }
    assert unsaid == {}
