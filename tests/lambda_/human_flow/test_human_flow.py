"""Custom::HumanFlow makes a worker template and a flow definition, replaces both on change, and leaves nothing of a failure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from model_monitor.review.augmented_ai import input_of
from model_monitor.review.outside import Parcel
from stacks.constructs.human_flow import TEMPLATE
from tests.twin.accounts import EVERYTHING, make_buckets
from twin import Twin
from twin.sagemaker.flow_definitions import render

TEAM = "arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/doctors"
ROLE = "arn:aws:iam::123456789012:role/Flow"
PROPERTIES = {
    "ServiceToken": "arn",
    "NamePrefix": "Breast-cancer-review-1",
    "WorkTeamArn": TEAM,
    "TaskTitle": "Review of predictions",
    "TaskDescription": "Agree, or choose another label.",
    "People": "1",
    "AvailableSeconds": "864000",
    "LimitSeconds": "3600",
    "OutputPath": "s3://answers/loops/",
    "KeyArn": "arn:aws:kms:eu-west-1:123456789012:key/1",
    "RoleArn": ROLE,
    "TemplateDigest": "x",
}


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    with Twin(tmp_path_factory.mktemp("twin")) as found:
        trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        iam = found.client("iam")
        for role in ("Flow", "Powerless"):
            iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
        iam.put_role_policy(RoleName="Flow", PolicyName="all", PolicyDocument=json.dumps(EVERYTHING))
        make_buckets(found, "answers")
        yield found


@pytest.fixture
def world(
    load: Callable[[str], SimpleNamespace],
    cloudformation: SimpleNamespace,
    twin: Twin,
    monkeypatch: pytest.MonkeyPatch,
) -> SimpleNamespace:
    room = load("human_flow")
    monkeypatch.setattr(room.handler, "TEMPLATE", TEMPLATE)
    monkeypatch.setattr(room.handler, "client", twin.client)
    return SimpleNamespace(room=room, sink=cloudformation, sagemaker=twin.client("sagemaker"))


def call(world: SimpleNamespace, kind: str, name: str = "", **changes: str) -> dict[str, Any]:
    event = {
        "RequestType": kind,
        "ResponseURL": world.sink.url,
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Flow",
        "ResourceProperties": PROPERTIES | changes,
    }
    world.room.handler.handle(event | ({"PhysicalResourceId": name} if name else {}))
    answer: dict[str, Any] = world.sink.answers[-1]
    return answer


def there(world: SimpleNamespace) -> list[str]:
    return [each["FlowDefinitionName"] for each in world.sagemaker.list_flow_definitions()["FlowDefinitionSummaries"]]


def test_a_flow_is_made_replaced_on_change_and_deleted(world: SimpleNamespace) -> None:
    made = call(world, "Create")
    assert made["Status"] == "SUCCESS"
    name = made["PhysicalResourceId"]
    assert name.startswith("breast-cancer-review-1-")
    assert made["Data"]["FlowDefinitionArn"].endswith(f":flow-definition/{name}")
    found = world.sagemaker.describe_flow_definition(FlowDefinitionName=name)
    assert found["HumanLoopConfig"]["TaskCount"] == 1
    assert found["OutputConfig"]["S3OutputPath"] == "s3://answers/loops/"
    assert call(world, "Create")["PhysicalResourceId"] == name  # CloudFormation may ask twice
    changed = call(world, "Update", name, TaskTitle="Another title")["PhysicalResourceId"]
    assert changed != name
    assert sorted(there(world)) == sorted([name, changed])
    for each in (name, changed, name):  # what is gone already is fine
        assert call(world, "Delete", each)["Status"] == "SUCCESS"
    assert there(world) == []
    with pytest.raises(world.sagemaker.exceptions.ResourceNotFound):
        world.sagemaker.describe_human_task_ui(HumanTaskUiName=name)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"RoleArn": "arn:aws:iam::123456789012:role/Powerless"}, "may not write s3://answers/loops/"),
        ({"RoleArn": "arn:aws:iam::123456789012:role/Nobody"}, "cannot assume role"),
        ({"WorkTeamArn": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/x"}, "is no work team"),
        ({"TaskTitle": ""}, "properties TaskTitle should be texts that are not empty"),
    ],
)
def test_a_failure_is_told_and_leaves_nothing(world: SimpleNamespace, changes: dict[str, str], told: str) -> None:
    answer = call(world, "Create", **changes)
    assert answer["Status"] == "FAILED"
    assert told in answer["Reason"]
    assert there(world) == []
    assert call(world, "Delete", answer["PhysicalResourceId"])["Status"] == "SUCCESS"


def test_what_serves_stays_when_an_update_fails(world: SimpleNamespace) -> None:
    name = call(world, "Create")["PhysicalResourceId"]
    failed = call(world, "Update", name, RoleArn="arn:aws:iam::123456789012:role/Powerless")
    assert (failed["Status"], failed["PhysicalResourceId"]) == ("FAILED", name)
    assert there(world) == [name]
    call(world, "Delete", name)


# --- the template --------------------------------------------------------------------------------------------------------

HOSTILE = '<script>alert(1)</script>" onmouseover="x" {{ task.input }} {% raw %}'


def shown(*tasks: dict[str, Any]) -> str:
    context = {
        "endpoint": HOSTILE,
        "labels": ["0", "1", HOSTILE],
        "label_names": {"0": "benign", "1": HOSTILE},
        "instructions": HOSTILE,
        "features": {
            "area": {"mean": 2.0, "buckets": [[0.5, 1, 3], [1, 9.25, 4]]},
            HOSTILE: {"categories": [[HOSTILE, 3]]},
        },
    }
    return render(TEMPLATE.read_text(), json.loads(json.dumps(input_of(Parcel("p", tasks, context)))))


def a_task(number: int) -> dict[str, Any]:
    features = {"area": 1.23456789, HOSTILE: HOSTILE, "nothing": None}
    return {"id": f"{number:020x}", "prediction": "1", "score": 0.55, "features": features}


def test_each_record_has_a_choice_of_its_own_that_agrees_or_changes() -> None:
    html = shown(a_task(1), a_task(2))
    for number in (1, 2):
        assert html.count(f'name="label-{number:020x}"') == 4
        assert html.count(f'name="comment-{number:020x}"') == 1
    assert html.count("Agree: ") == 2
    assert html.count("Change to: benign (0)") == 2
    assert html.count("0.5 to 9.25, on average 2") == 2


def test_hostile_text_shows_as_text() -> None:
    html = shown(a_task(1))
    assert html.count("<script") == 1  # the crowd elements' own
    assert 'onmouseover="x"' not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "{{ task.input }}" in html  # as text: what a value says is no template


def test_the_template_fits_what_the_service_takes() -> None:
    text = TEMPLATE.read_text()
    assert 0 < len(text) <= 128_000
    assert "https://assets.crowd.aws/crowd-html-elements.js" in text
    assert Path(TEMPLATE).name == "worker_template.liquid.html"
