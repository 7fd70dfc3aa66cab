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
    roles = assembly.properties("AWS::IAM::Role", "-Monitoring")
    trained = [role for role in roles if "train" in role.get("Description", "").lower()]
    assert len(trained) == len(assembly.policies())
    assert {role.get("Path") for role in trained} == {path}
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


ASKED: dict[str, Any] = {
    "more_alarms": ["fraud-any"],
    "dry_run": True,
    "persistent_windows": 2,
    "persistent_of": 3,
    "min_new_labels": 100,
    "freeze": [{"start": "fri 18:00", "end": "mon 08:00"}],
    "proposal_hours": 12,
    "schedule": "weekly",
    "image": None,
    "pipeline": {"name": "Trains", "step": "Fit"},
    "content_type": "application/json",
    "registry": {
        "group": "arn:aws:sagemaker:eu-west-1:210987654321:model-package-group/shared",
        "role_arn": "arn:aws:iam::210987654321:role/registers",
    },
    "gate": {"facets": ["age"], "max_bias_loss": 0.05},
}


@pytest.fixture(scope="module")
def asked() -> Assembly:
    """One endpoint whose retraining is set in every way that has a part in a template."""
    changes = {f"retraining__{name}": value for name, value in ASKED.items()}
    return synthesize(analysed(**changes, payload__records="instances[*]"))


def statements(assembly: Assembly, suffix: str, action: str) -> list[str]:
    """Resources of every statement that allows an action."""
    return [
        json.dumps(statement["Resource"])
        for policy in assembly.properties("AWS::IAM::Policy", suffix)
        for statement in policy["PolicyDocument"]["Statement"]
        if action in statement["Action"]
    ]


def test_settings_reach_the_policy_and_the_index(asked: Assembly):
    reading = statements(asked, PLANE, "s3:GetObject")
    assert any("/*/training/*" in place for place in reading), "rows are counted where they lie, of every endpoint"
    (policy,) = policies(asked).values()
    names = ("dry_run", "persistent_windows", "persistent_of", "min_new_labels", "freeze", "proposal_hours")
    assert {name: policy[name] for name in names} == {name: ASKED[name] for name in names}
    chosen = {check for name, checks in policy["alarms"].items() if name != "fraud-any" for check in checks}
    assert set(policy["alarms"]["fraud-any"]) == chosen
    assert index(asked)["alarms"]["fraud-any"] == "fraud"


def test_a_schedule_asks_the_same_function(asked: Assembly):
    (schedule,) = asked.properties("AWS::Scheduler::Schedule", PLANE)
    assert schedule["ScheduleExpression"] == "cron(30 0 ? * MON *)"
    target = schedule["Target"]
    given = {"run": "fraud", "started_by": "schedule", "time": "<aws.scheduler.scheduled-time>", "reason": "weekly"}
    assert json.loads(target["Input"]) == given
    function = target["Arn"]["Fn::GetAtt"][0]
    assert function.startswith("Decide")
    assert any(function in place for place in statements(asked, PLANE, "lambda:InvokeFunction"))


def test_a_pipeline_takes_the_place_of_the_image(asked: Assembly):
    (policy,) = policies(asked).values()
    parameters = {"TrainManifest": "train", "FreshManifest": "fresh", "OutputUri": "output"}
    assert policy["training"]["pipeline"] == {"name": "Trains", "step": "Fit", "parameters": parameters}
    assert (policy["training"]["image"], policy["training"]["source_uri"]) == ("", "")
    (started,) = statements(asked, "-Release", "sagemaker:StartPipelineExecution")
    assert ":pipeline/trains" in started
    assert all(
        ":pipeline/trains/execution/*" in each
        for each in statements(asked, "-Release", "sagemaker:StopPipelineExecution")
    )


def test_a_registry_of_another_account_is_used_in_its_own_role(asked: Assembly):
    registry = ASKED["registry"]
    assumed = statements(asked, "-Release", "sts:AssumeRole")
    assert [json.loads(each) for each in assumed] == [registry["role_arn"]] * 3
    assert not statements(asked, "-Release", "sagemaker:CreateModelPackageGroup")
    described = statements(asked, "-Release", "sagemaker:DescribeModelPackage")
    assert sum(":model-package/shared/*" in each for each in described) == 3
    assert any(":model-package/model-monitor-" in each for each in described), "packages of before may serve again"
    told = released(asked)["registry"]
    assert (told["group"], told["role"]) == (registry["group"], registry["role_arn"])


def test_how_models_are_asked_and_judged_reaches_the_steps(asked: Assembly):
    found = released(asked)
    assert (found["transform"]["content_type"], found["transform"]["records"]) == ("application/json", ["instances"])
    assert found["gate"]["facets"] == ["age"]
    (places,) = [
        json.loads(each["Value"])
        for each in asked.properties("AWS::SSM::Parameter", "-Monitoring")
        if each["Name"].endswith("/retraining/places/000")
    ]
    assert places == [[[name], ""] for name in ("amount", "age", "visits")]


def released(assembly: Assembly) -> dict[str, Any]:
    """What `releases.settings` reads."""
    (parameter,) = [
        each
        for each in assembly.properties("AWS::SSM::Parameter", "-Monitoring")
        if each["Name"].endswith("/retraining/release")
    ]
    parts = parameter["Value"]["Fn::Join"][1]
    found: dict[str, Any] = json.loads("".join(part if isinstance(part, str) else "token" for part in parts))
    return found
