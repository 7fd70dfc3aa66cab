"""Rights around shadow endpoints: everything of their life below one prefix, and nothing of anybody else's endpoints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, aws_dynamodb as dynamodb, aws_iam as iam
from aws_cdk.assertions import Template

from stacks import findings
from stacks.constructs import endpoint_permissions
from stacks.constructs.reconciler import Reconciler, ReconcilerProps, watched
from stacks.constructs.scheduled_monitor import ScheduledMonitor

pytestmark = pytest.mark.xdist_group("synth")

ENV = Environment(account="123456789012", region="eu-west-1")
MONITOR = ScheduledMonitor(
    endpoint_name="churn", schedule_name="churn-explain", namespace="n", every=timedelta(hours=1)
)
BELOW = "arn:aws:sagemaker:eu-west-1:123456789012:"


def statements(template: dict[str, Any]) -> dict[str, set[str]]:
    """Action → resources, of every policy."""
    found: dict[str, set[str]] = {}
    for resource in template["Resources"].values():
        if resource["Type"] != "AWS::IAM::Policy":
            continue
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
            actions, targets = statement["Action"], statement["Resource"]
            for action in [actions] if isinstance(actions, str) else actions:
                for target in targets if isinstance(targets, list) else [targets]:
                    text = (
                        target if isinstance(target, str) else "".join(map(_piece, target.get("Fn::Join", ["", []])[1]))
                    )
                    found.setdefault(action, set()).add(text)
    return found


def _piece(part: Any) -> str:
    return part if isinstance(part, str) else {"AWS::Partition": "aws"}.get(part.get("Ref"), "?")


def both(prefix: str) -> set[str]:
    return {f"{BELOW}endpoint/{prefix}-*", f"{BELOW}endpoint-config/{prefix}-*"}


def template_of(*prefixes: str, monitors: Sequence[ScheduledMonitor] = (MONITOR,)) -> dict[str, Any]:
    app = App()
    stack = Stack(app, "S", env=ENV)
    table = dynamodb.Table.from_table_name(stack, "Table", "runs")
    props = ReconcilerProps(monitors=monitors, table=table, shadow_prefixes=prefixes)
    Reconciler(stack, "Reconciler", props)
    findings.check_security(app)
    return dict(Template.from_stack(stack).to_json())


@pytest.fixture(scope="module")
def granted() -> dict[str, set[str]]:
    stack = Stack(App(), "S", env=ENV)
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
    endpoint_permissions.allow_shadows(role, stack, "SM-shadow")
    endpoint_permissions.allow_asking(role, stack, "Churn")
    return statements(dict(Template.from_stack(stack).to_json()))


def test_a_run_may_make_ask_and_remove_endpoints_below_its_prefix(granted):
    below = both("sm-shadow")
    for call in ("AddTags", "CreateEndpoint", "CreateEndpointConfig", "DeleteEndpoint", "DeleteEndpointConfig"):
        assert granted[f"sagemaker:{call}"] == below, call
    assert granted["sagemaker:ListTags"] == granted["sagemaker:DescribeEndpoint"] == below


def test_of_other_endpoints_it_may_ask_the_one_that_is_named(granted):
    asked = {f"{BELOW}endpoint/churn", f"{BELOW}endpoint/sm-shadow-*"}
    assert granted["sagemaker:InvokeEndpoint"] == asked


def test_without_shadow_endpoints_the_reconciler_hears_of_no_job_and_may_remove_nothing():
    template = template_of()
    granted = statements(template)
    rules = [r for r in template["Resources"].values() if r["Type"] == "AWS::Events::Rule"]
    assert len(rules) == 1
    assert not [action for action in granted if "Delete" in action]
    assert json.loads(watched([MONITOR], []))["shadow_prefixes"] == []


def test_with_them_it_removes_those_of_jobs_that_end():
    template = template_of("sm-clarify", "mine")
    granted = statements(template)
    assert granted["sagemaker:DeleteEndpoint"] == both("sm-clarify") | both("mine")
    assert "sagemaker:CreateEndpoint" not in granted
    (pattern,) = [
        resource["Properties"]["EventPattern"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Events::Rule" and "EventPattern" in resource["Properties"]
    ]
    assert pattern["detail"] == {"ProcessingJobStatus": ["Completed", "Failed", "Stopped"]}
    assert json.loads(watched([MONITOR], ["mine"])) == {
        "schedules": {"churn-explain": {"endpoint": "churn", "namespace": "n", "published": None}},
        "shadow_prefixes": ["mine"],
    }


def test_where_it_removes_endpoints_alone_it_publishes_nothing():
    granted = statements(template_of("mine", monitors=()))
    assert "sagemaker:DeleteEndpoint" in granted
    assert not [action for action in granted if action.startswith(("cloudwatch:", "dynamodb:"))]
