"""What retraining of all endpoints shares: one function that knows every alarm, what it hears of, and what it may."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from model_monitor import contract
from stacks.settings import environment as settings
from tests.analyses import DOCUMENT, analysed
from tests.synthesis import Assembly, synthesize

pytestmark = pytest.mark.xdist_group("synth")

PLANE = "-RetrainingPlane"


def index(assembly: Assembly) -> dict[str, Any]:
    (path,) = assembly.folder.glob("asset.*/index.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def policies(assembly: Assembly) -> dict[str, dict[str, Any]]:
    """name of the parameter → policy."""
    found = {}
    for parameter in assembly.policies():
        parts = parameter["Value"]["Fn::Join"][1]
        text = "".join(part if isinstance(part, str) else "token" for part in parts)
        found[parameter["Name"]] = json.loads(text)
    return found


def test_an_environment_has_one_function_and_one_subscription(assembly):
    functions = assembly.properties("AWS::Lambda::Function", PLANE)
    subscribed = [s for s in assembly.properties("AWS::SNS::Subscription") if s["Protocol"] == "lambda"]
    queues = assembly.properties("AWS::SQS::Queue", PLANE)
    assert (len(functions), len(subscribed), len(queues)) == (1, 1, 1)
    assert functions[0]["ReservedConcurrentExecutions"] == 5
    assert assembly.properties("AWS::Lambda::Function", "-Retraining") == []


def test_the_index_knows_every_alarm_of_every_policy(assembly):
    known, deployed = index(assembly), policies(assembly)
    expected = {
        alarm: policy["endpoint"]
        for policy in deployed.values()
        for alarm in (*policy["alarms"], *policy["other_alarm_names"], *policy["violation_alarm_names"])
    }
    assert known["alarms"] == expected
    assert known["policies"] == {policy["endpoint"]: name for name, policy in deployed.items()}


def test_the_pass_comes_often_enough_for_the_hour(assembly):
    schedules = [rule for rule in assembly.properties("AWS::Events::Rule", PLANE) if "ScheduleExpression" in rule]
    assert [rule["ScheduleExpression"] for rule in schedules] == ["rate(30 minutes)"]


def test_alarms_of_this_account_may_call_the_function(assembly):
    permissions = assembly.properties("AWS::Lambda::Permission", PLANE)
    (of_alarms,) = [p for p in permissions if p["Principal"] == "lambda.alarms.cloudwatch.amazonaws.com"]
    assert of_alarms["SourceAccount"] == assembly.settings.account


def test_failures_of_the_function_of_its_queue_and_of_trainings_page_people(assembly):
    start = f"{assembly.settings.environment}-retraining-"
    found = {a["AlarmName"].removeprefix(start): a for a in assembly.properties("AWS::CloudWatch::Alarm", PLANE)}
    assert set(found) == {"failed", "undecided", "silent"}
    of_workflow = {
        a["AlarmName"].removeprefix(start) for a in assembly.properties("AWS::CloudWatch::Alarm", "-Release")
    }
    assert of_workflow == {"workflow-failed", "approval-unheard", "conclude-unheard"}


def test_training_roles_are_handed_on_by_their_path_and_runs_cannot(assembly):
    path = contract.training_role_path(assembly.settings.environment)
    roles = assembly.properties("AWS::IAM::Role", "-Retraining")
    assert {role.get("Path") for role in roles} == {path}
    assert not path.startswith(contract.role_path(assembly.settings.environment))


def test_the_table_is_there_without_a_control_plane():
    """Where no endpoint is managed by the kit's scheduler and none is retrained, too."""
    document = copy.deepcopy(DOCUMENT)
    for endpoint in document["endpoints"].values():
        endpoint.pop("retraining", None)
        for monitor in endpoint["monitors"].values():
            monitor["scheduler"] = "model_monitor"
    assembly = synthesize(settings.parse(document, "test", "test"))
    assert len(assembly.properties("AWS::DynamoDB::Table", "-Storage")) == 1
    assert not [name for name in assembly.templates if name.endswith((PLANE, "-ControlPlane"))]


def test_settings_reach_the_policy_and_the_index():
    freeze = [{"start": "fri 18:00", "end": "mon 08:00"}]
    asked: dict[str, Any] = {
        "more_alarms": ["fraud-any"],
        "dry_run": True,
        "persistent_windows": 2,
        "persistent_of": 3,
        "min_new_labels": 100,
        "freeze": freeze,
        "proposal_hours": 12,
    }
    assembly = synthesize(analysed(**{f"retraining__{name}": value for name, value in asked.items()}))
    reading = [
        json.dumps(statement["Resource"])
        for policy in assembly.properties("AWS::IAM::Policy", PLANE)
        for statement in policy["PolicyDocument"]["Statement"]
        if "s3:GetObject" in statement["Action"]
    ]
    assert any("/fraud/training/*" in place for place in reading), "rows are counted where they lie"
    (policy,) = policies(assembly).values()
    names = ("dry_run", "persistent_windows", "persistent_of", "min_new_labels", "freeze", "proposal_hours")
    assert {name: policy[name] for name in names} == {name: asked[name] for name in names}
    chosen = {check for name, checks in policy["alarms"].items() if name != "fraud-any" for check in checks}
    assert set(policy["alarms"]["fraud-any"]) == chosen
    assert index(assembly)["alarms"]["fraud-any"] == "fraud"
