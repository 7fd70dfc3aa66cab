"""Roles that another team created from what `make roles` prints: an environment deploys and runs with just these, and what is
missing of them is named."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from app import build, report_roles
from model_monitor import contract
from stacks import findings, roles
from stacks.settings import environment as settings
from stacks.settings.environment import Settings
from tests.captures import csv_text
from tests.synthesis import new_app
from tests.twin.accounts import capture_below, make_buckets, make_endpoint
from tests.twin.test_managed_runs import DOCUMENT, HOUR, START, TEAM, Shop
from twin import Twin
from twin.deploying import DeployFailed

pytestmark = pytest.mark.slow

WITHOUT_ROLES = (
    "shops-Storage",
    "shops-Alerting",
)  # docs/deploy.md: deployed first, so that what they make can be filled in
PLAN = "corp-shops-ControlPlane-PlanRole"
Printed = list[dict[str, Any]]


def chosen() -> Settings:
    """The shop of the other tests, where data is kept, with one monitor."""
    document = copy.deepcopy(DOCUMENT) | {"security": {"role_prefix": "corp-"}}
    del document["storage"], document["endpoints"]["shop"]["monitors"]["service"]
    document["endpoints"]["shop"]["ground_truth"] = {}
    return settings.parse(document, "shops", "test")


@pytest.fixture(scope="module", autouse=True)
def without_rules() -> Iterator[None]:
    """Other tests hold these stacks to the rules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(findings, "check_security", lambda _: None)
        yield


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    app = new_app(tmp_path_factory.mktemp("assembly"))
    build(app, chosen())
    return Path(app.synth().directory)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Printed:
    """What the other team is given."""
    folder = tmp_path_factory.mktemp("roles")
    assert report_roles(new_app(folder), chosen()) is None
    found: Printed = json.loads((folder / roles.FILE).read_text())
    return found


@pytest.fixture
def twin(tmp_path: Path, assembly: Path) -> Iterator[Twin]:
    """An account in which only what needs no role is deployed."""
    with Twin(tmp_path / "twin", start=START) as running:
        make_buckets(running, TEAM)
        rows = [["height", "weight", "size"], *([50 + n % 7, 20 + n % 5, 1] for n in range(400))]
        running.client("s3").put_object(Bucket=TEAM, Key="baseline.csv", Body=csv_text(rows).encode())
        make_endpoint(running, "shop", capture_below(f"s3://{TEAM}/capture"), artefact=None, variant="AllTraffic")
        running.deploy_assembly(assembly, WITHOUT_ROLES)
        yield running


def create(twin: Twin, printed: Printed) -> None:
    """What the other team does: each role as it is printed, what only the deployment knows filled in."""
    iam = twin.client("iam")
    for role in printed:
        iam.create_role(
            RoleName=role["RoleName"],
            Path=role["Path"],
            Description=role["Description"],
            AssumeRolePolicyDocument=json.dumps(role["AssumeRolePolicyDocument"]),
        )
        allow(twin, role, role["PolicyDocument"])


def allow(twin: Twin, role: dict[str, Any], document: dict[str, Any]) -> None:
    def value(found: re.Match[str]) -> str:
        stack, logical_id, attribute = found[1].split(".")
        return str(twin.deployments.find(stack).resources[logical_id].made.attributes[attribute])

    text = re.sub(r"<([^<>]+)>", value, json.dumps(document))
    twin.client("iam").put_role_policy(RoleName=role["RoleName"], PolicyName="printed", PolicyDocument=text)


def writer_of_labels(twin: Twin) -> Any:
    """An application whose role has just the policy that the environment holds for it."""
    iam, name = twin.client("iam"), contract.label_writers_parameter("shops", "shop")
    iam.create_role(RoleName="application", AssumeRolePolicyDocument="{}")
    policy = twin.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    iam.put_role_policy(RoleName="application", PolicyName="labels", PolicyDocument=policy)
    return twin.client("s3", role="application")


def without(document: dict[str, Any], action: str) -> dict[str, Any]:
    """A policy that lacks one right."""
    return {**document, "Statement": [each for each in document["Statement"] if action not in each["Action"]]}


def test_an_environment_runs_with_the_printed_roles_and_names_a_right_that_one_of_them_lost(
    twin: Twin, assembly: Path, printed: Printed
) -> None:
    create(twin, printed)
    twin.deploy_assembly(assembly)
    kinds = {r.type for stack in twin.deployments.stacks.values() for r in stack.resources.values()}
    assert not {kind for kind in kinds if kind.startswith("AWS::IAM::")}
    shop = Shop(twin)
    shop.live(START)
    twin.advance(HOUR / 2)
    assert shop.verdicts()["07"] == "ok"
    assert twin.identity.violations() == []
    assert {role["RoleName"] for role in printed} >= set(twin.identity.roles()) >= {PLAN}

    truth = shop.outputs["GroundTruthBucket"]
    application = writer_of_labels(twin)
    application.put_object(Bucket=truth, Key="shop/ground-truth/2026/03/02/06/labels.jsonl", Body=b"")
    with pytest.raises(ClientError, match="not authorized to perform: s3:PutObject"):
        application.put_object(Bucket=truth, Key="shop/training/rows.csv", Body=b"")

    (plan,) = [role for role in printed if role["RoleName"] == PLAN]
    allow(twin, plan, without(plan["PolicyDocument"], "s3:ListBucket"))
    shop.live(START + HOUR)
    twin.advance(HOUR / 2)
    assert shop.verdicts()["08"] == "error"
    told = [entry.data["event"]["detail"] for entry in twin.journal.of("event") if "Monitoring Run Ended" in entry.text]
    assert PLAN in told[-1]["reason"]
    assert "s3:ListBucket" in told[-1]["reason"]
    lost = {(violation.role, violation.action) for violation in twin.identity.violations()}
    assert lost == {("application", "s3:PutObject"), (PLAN, "s3:ListBucket")}


def test_without_one_of_the_roles_the_deployment_fails_and_names_it(
    twin: Twin, assembly: Path, printed: Printed
) -> None:
    create(twin, [role for role in printed if role["RoleName"] != PLAN])
    with pytest.raises(DeployFailed, match=rf"shops-ControlPlane: .*cannot be assumed by Lambda.*{PLAN}"):
        twin.deploy_assembly(assembly, ["shops-ControlPlane"])
