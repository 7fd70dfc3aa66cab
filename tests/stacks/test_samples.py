"""The smaller samples of environments/, and that whatever is added to an environment leaves the rest of it as it is."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from constructs import Construct
from syrupy.extensions.json import JSONSnapshotExtension

from app import build
from stacks.settings import environment as settings
from tests.synthesis import ENVIRONMENTS, SAMPLES, environment, new_app

pytestmark = pytest.mark.xdist_group("synth")

BOOTSTRAP_QUALIFIER_CONTEXT = "@aws-cdk/core:bootstrapQualifier"
QUALIFIER, DEFAULT_QUALIFIER = "corp7", "hnb659fds"
SMALL = {"fleet": "fleet-deliveries-Monitoring", "staging": "staging-covertype-Monitoring"}
MORE = {
    "capture": {"destination": "s3://elsewhere-310987654321/live"},
    "payload": {"features": ["amount"], "label": "is_late"},
    "monitors": {"quality": {"baseline": {"dataset": "s3://elsewhere-310987654321/baseline.csv"}}},
}
# what shared functions may and know, and what the environment's dashboard shows, grows with its endpoints
CHANGED_IN_PLACE = {"AWS::IAM::Policy", "AWS::CloudWatch::Dashboard", "AWS::Lambda::Function"}
NAMES = ("Name", "FunctionName", "DashboardName", "PolicyName", "Roles", "Role", "Runtime", "Handler")


def test_every_sample_is_synthesized_somewhere():
    assert {*SMALL, *ENVIRONMENTS} == set(SAMPLES)


@pytest.mark.parametrize("name", SMALL)
def test_a_sample_is_clean_and_matches_its_snapshot(name, snapshot):
    assembly = environment(name)
    assert [report.get("violations") for report in assembly.report["pluginReports"]] == [[]]
    assert "Fn::ImportValue" not in json.dumps(assembly.templates)
    watched = {schedule["Name"] for schedule in assembly.properties("AWS::Scheduler::Schedule")}
    monitors = {(e, m) for e, block in assembly.settings.endpoints.items() for m in block.monitors}
    assert watched == {f"{endpoint}-{monitor}" for endpoint, monitor in monitors}
    masked = re.sub(r"[0-9a-f]{64}", "<hash>", json.dumps(assembly.templates[SMALL[name]]))
    assert json.loads(masked) == snapshot(extension_class=JSONSnapshotExtension)


def test_an_endpoint_that_is_there_already_is_five_lines():
    lines = (settings.ENVIRONMENTS / "fleet" / "refunds.yaml").read_text().splitlines()
    assert len(lines) <= 5
    assert {"capture", "payload", "monitors"} <= {line.partition(":")[0] for line in lines}
    assert environment("fleet").settings.endpoints["refunds"].monitors


def test_the_fleet_takes_what_it_has_in_common_from_its_defaults():
    fleet = environment("fleet")
    assert set(fleet.settings.endpoints) == {"orders", "deliveries", "refunds"}
    periods = {name: found.monitors["quality"].schedule for name, found in fleet.settings.endpoints.items()}
    assert periods == {"orders": "hourly", "refunds": "hourly", "deliveries": "daily"}
    assert fleet.properties("AWS::SageMaker::Endpoint") == []


def assembly_of(document: dict[str, Any]) -> Path:
    """Of an environment in an account whose bootstrap has a qualifier of its own; without the security rules, which look at one
    synth at a time."""
    folder = Path(tempfile.mkdtemp(prefix="synthesis-"))
    app = new_app(folder)
    app.node.set_context(BOOTSTRAP_QUALIFIER_CONTEXT, QUALIFIER)
    build(Construct(app, "Environment"), settings.parse(document, "staging", "test"))
    app.synth()
    return folder


def templates(folder: Path) -> dict[str, dict[str, Any]]:
    return {path.name: json.loads(path.read_text()) for path in folder.glob("*.template.json")}


@pytest.fixture(scope="module")
def staging() -> Path:
    return assembly_of(yaml.safe_load((settings.ENVIRONMENTS / "staging.yaml").read_text()))


def test_stacks_are_named_by_environment_endpoint_and_part():
    named = set(environment("staging").templates)
    shared = {"Storage", "Alerting", "Live", "ControlPlane", "Dashboard"}
    assert named == {f"staging-{part}" for part in (*shared, "covertype-Endpoint", "covertype-Monitoring")}


def test_a_bootstrap_with_a_qualifier_of_its_own_is_used_everywhere(staging):
    """Roles, buckets and the repository of assets, the version that is asked for, and the files that roles may read."""
    written = [path.read_text() for path in staging.glob("*.json")]
    assert sum(f"cdk-{QUALIFIER}-assets-" in text for text in written) > 2
    assert any(f"/cdk-bootstrap/{QUALIFIER}/version" in text for text in written)
    assert any(f"cdk-{QUALIFIER}-deploy-role-" in text for text in written)
    assert not [path.name for path in staging.glob("*.json") if DEFAULT_QUALIFIER in path.read_text()]


def test_one_more_endpoint_replaces_and_removes_nothing(staging):
    document = yaml.safe_load((settings.ENVIRONMENTS / "staging.yaml").read_text())
    before = templates(staging)
    document["endpoints"] = {"another": MORE, **document["endpoints"]}
    after = templates(assembly_of(document))
    assert len(after) == len(before) + 1
    for stack, template in before.items():
        old, new = template["Resources"], after[stack]["Resources"]
        assert old.keys() <= new.keys(), stack
        changed = {found["Type"] for name, found in old.items() if new[name] != found}
        assert changed <= CHANGED_IN_PLACE, stack
        for name, found in old.items():
            given, left = found.get("Properties", {}), new[name].get("Properties", {})
            assert [given.get(key) for key in NAMES] == [left.get(key) for key in NAMES], "a new name is a new resource"
        assert template.get("Outputs", {}).items() <= after[stack].get("Outputs", {}).items()
