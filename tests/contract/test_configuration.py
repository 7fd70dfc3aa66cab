"""What the stacks write, the core reads: the configuration asset of every schedule in every environment, and its variables."""

from __future__ import annotations

import ast
from pathlib import Path

import orjson
import pytest

from model_monitor.contract import MONITOR_KEYS, Variable
from model_monitor.job.configuration import parse_configuration
from stacks.configuration import configuration_document
from stacks.settings import environment as settings

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
