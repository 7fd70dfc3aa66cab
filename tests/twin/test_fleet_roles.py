"""Two hundred endpoints under one control plane: what their shared roles may do is what an account takes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import app as composition
from app import report_roles
from stacks import findings, roles
from stacks.price import estimate
from stacks.rules.sizes import large_policies
from stacks.settings import environment as settings
from stacks.settings.environment import Settings
from tests.synthesis import new_app
from twin import Twin

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("synth")]

COUNT = 200
ACCOUNT, REGION = "123456789012", "eu-west-1"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-4000-8000-000000000000"  # what only a deployment knows
IMAGES = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"


class StandIn:
    """What the shared stacks know of the stack that watches an endpoint: these have none of their own here."""

    def __init__(self, name: str) -> None:
        self.watched, self.monitors, self.reconciled = [f"fleet-{name}-drift"], {}, []  # type: ignore[var-annotated]


def endpoint(name: str) -> dict[str, Any]:
    """One of another team, with a bucket for its capture and one for its training data."""
    training = f"s3://{name}-training-{ACCOUNT}/train/"
    return {
        "capture": {"destination": f"s3://{name}-capture-{ACCOUNT}/live"},
        "payload": {"features": ["amount", "age"], "label": "is_late", "output": {"score": "score"}},
        "ground_truth": {},
        "monitors": {"quality": {"baseline": {"dataset": f"{training}baseline.csv"}}},
        "retraining": {"image": f"{IMAGES}/xgboost:3", "training_data": training, "min_new_labels": 10},
    }


def fleet() -> Settings:
    names = [f"deliveries-{number:03}" for number in range(COUNT)]
    document = {
        "version": 1,
        "account": ACCOUNT,
        "region": REGION,
        "monitor_image": f"{IMAGES}/model-monitor:1",
        "security": {"role_prefix": "corp-"},
        "endpoints": {name: endpoint(name) for name in names},
    }
    return settings.parse(document, "fleet", "test")


@pytest.fixture(autouse=True)
def shared_stacks_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The endpoints' own stacks have roles of their own, which do not grow; other tests hold all to the rules."""
    monkeypatch.setattr(findings, "check_security", lambda _: None)
    monkeypatch.setattr(composition, "_endpoint", lambda shared, name: shared.endpoints.update({name: StandIn(name)}))


def test_two_hundred_endpoints_with_buckets_of_their_own_have_roles_that_an_account_takes(tmp_path: Path) -> None:
    assert report_roles(new_app(tmp_path / "out"), fleet()) is None
    assert list(large_policies(estimate.templates_of(tmp_path / "out"))) == []
    printed = json.loads(re.sub("<[^<>]+>", KEY, (tmp_path / "out" / roles.FILE).read_text()))
    assert {role["RoleName"] for role in printed if "ManagedPolicyDocuments" in role} >= {
        "corp-fleet-Release-CollectRole"
    }
    with Twin(tmp_path / "twin") as twin:
        iam = twin.client("iam")
        for role in printed:
            name = role["RoleName"]
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(role["AssumeRolePolicyDocument"]))
            if role["PolicyDocument"] is not None:
                text = json.dumps(role["PolicyDocument"])
                iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=text)
            for number, document in enumerate(role.get("ManagedPolicyDocuments", ())):
                policy = iam.create_policy(PolicyName=f"{name}-{number}", PolicyDocument=json.dumps(document))["Policy"]
                iam.attach_role_policy(RoleName=name, PolicyArn=policy["Arn"])
