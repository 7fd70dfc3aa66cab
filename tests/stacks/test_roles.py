"""Roles that another team creates: what is printed for it, and that an environment uses just these."""

from __future__ import annotations

import json
import re

import pytest

from app import report_roles
from stacks import role_names, roles
from stacks.settings import environment as settings
from tests.synthesis import Assembly, environment, new_app, synthesize

pytestmark = pytest.mark.xdist_group("synth")

PREFIX = "corp-"


def report(assembly: Assembly) -> dict[str, roles.Role]:
    chosen = assembly.settings
    found = roles.Report(assembly.templates, account=chosen.account, region=chosen.region, prefix=PREFIX).roles()
    return {role.name: role for role in found}


@pytest.fixture(scope="module")
def brought() -> Assembly:
    """The environment of the demo, for which another team created the roles."""
    document = environment("dev").settings.model_dump(mode="json", exclude={"environment"}, exclude_unset=True)
    document["security"] = {**document.get("security", {}), "role_prefix": PREFIX}
    return synthesize(settings.parse(document, "dev", "dev.yaml"))


def test_an_environment_uses_just_the_roles_that_are_printed_and_creates_none(brought, dev):
    made = {r["Type"] for template in brought.templates.values() for r in template.get("Resources", {}).values()}
    assert not {type_ for type_ in made if type_.startswith("AWS::IAM::")}
    used = set(re.findall(r":role(/[\w/+=,.@-]+)", json.dumps(brought.templates)))
    used = {path for path in used if PREFIX in path}
    assert used == {f"{role.path}{role.name}" for role in report(dev).values()}


def test_names_fit_and_differ_where_they_are_cut():
    first, second = (role_names.name(PREFIX, "dev-" + "e" * 60 + end, "PlanRole") for end in "ab")
    assert len(first) == len(second) == role_names.LONGEST
    assert first != second


def test_what_is_printed_is_what_templates_grant(assembly):
    granted = sorted(
        json.dumps(statement["Action"])
        for policy in assembly.properties("AWS::IAM::Policy")
        for statement in policy["PolicyDocument"]["Statement"]
    )
    printed = [role.policy["Statement"] for role in report(assembly).values() if role.policy]
    assert sorted(json.dumps(each["Action"]) for statements in printed for each in statements) == granted


def test_a_role_is_printed_with_who_takes_it_what_it_may_and_where(prod):
    role = report(prod)["corp-prod-ControlPlane-StarterRole"]
    assert role.services == ["scheduler.amazonaws.com"]
    assert role.trust["Statement"][0]["Condition"] == {"StringEquals": {"aws:SourceAccount": prod.settings.account}}
    (starting, *_) = role.policy["Statement"]
    where = f"{prod.settings.region}:{prod.settings.account}"
    assert starting["Action"] == "states:StartExecution"
    assert re.fullmatch(rf"arn:aws:states:{where}:stateMachine:Machine[0-9A-F]{{8}}-\*", starting["Resource"])
    assert role.boundary == prod.settings.security.permissions_boundary


def test_roles_that_are_handed_over_are_named_as_they_are_created(prod):
    found = report(prod)
    named = {
        resource
        for role in found.values()
        for statement in (role.policy or {"Statement": ()})["Statement"]
        if statement["Action"] == "iam:PassRole"
        for resource in ([statement["Resource"]] if isinstance(statement["Resource"], str) else statement["Resource"])
    }
    created = {f"arn:aws:iam::{prod.settings.account}:role{role.path}{role.name}" for role in found.values()}
    paths = {arn.removesuffix("*") for arn in named if arn.endswith("/*")}
    brought = {role for endpoint in prod.settings.endpoints.values() for role in endpoint.role_arns.values() if role}
    assert named - {f"{path}*" for path in paths} - brought <= created
    assert all(any(arn.startswith(path) for arn in created | brought) for path in paths)


def test_nothing_is_left_unsaid_but_what_a_deployment_alone_knows(assembly):
    gaps = {gap for role in report(assembly).values() for gap in roles.unknown(role)}
    keys_and_groups = re.compile(r"<[\w-]+\.(\w*Key\w*\.Arn|\w*Group\w*)>")
    live = re.compile(r"<(of )?/model-monitor/[\w/-]+/live/model>")
    assert [gap for gap in gaps if not (keys_and_groups.fullmatch(gap) or live.fullmatch(gap))] == []
    assert "{'" not in roles.text(list(report(assembly).values()))


def test_the_documents_are_what_the_cli_takes(prod):
    found = json.loads(roles.documents(list(report(prod).values())))
    assert {tuple(sorted(each)) for each in found} == {
        (
            "AssumeRolePolicyDocument",
            "Description",
            "Path",
            "PermissionsBoundary",
            "PolicyDocument",
            "RoleName",
        )
    }
    assert all(len(json.dumps(each["PolicyDocument"], separators=(",", ":"))) <= 10_240 for each in found)


def test_the_command_writes_the_list_and_refuses_where_nobody_brings_roles(tmp_path, capsys):
    document = environment("staging").settings.model_dump(mode="json", exclude={"environment"}, exclude_unset=True)
    refused = report_roles(new_app(tmp_path), settings.parse(document, "staging", "staging.yaml"))
    assert refused is not None
    assert "security.role_prefix is missing" in refused
    document["security"] = {**document.get("security", {}), "role_prefix": PREFIX}
    assert report_roles(new_app(tmp_path), settings.parse(document, "staging", "staging.yaml")) is None
    written = [role["RoleName"] for role in json.loads((tmp_path / roles.FILE).read_text())]
    assert sorted(written) == sorted(report(environment("staging")))
    assert "corp-staging-ControlPlane-PlanRole" in capsys.readouterr().err
