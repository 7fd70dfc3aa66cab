"""Augmented AI in the twin: a review of uncertain diagnoses from the template to the results, as an account that has it does it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.twin.accounts import EVERYTHING, make_buckets
from twin import Twin

TEMPLATE = """<script src="https://assets.crowd.aws/crowd-html-elements.js"></script>
<crowd-form>{% for row in task.input.rows %}
<input name="agree{{ row.id }}" value="{{ row.prediction }}">{% endfor %}</crowd-form>"""
LOWER, UPPER = 0.1, 0.9
SCORES = [0.02, 0.1, 0.11, 0.5, 0.89, 0.9, 0.97]


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    with Twin(tmp_path_factory.mktemp("twin")) as found:
        trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        iam = found.client("iam")
        iam.create_role(RoleName="Flow", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
        iam.put_role_policy(RoleName="Flow", PolicyName="all", PolicyDocument=json.dumps(EVERYTHING))
        make_buckets(found, "results")
        yield found


def flow(twin: Twin, name: str, people: int = 1, **changes: Any) -> str:
    sagemaker = twin.client("sagemaker")
    ui = sagemaker.create_human_task_ui(HumanTaskUiName=name, UiTemplate={"Content": TEMPLATE})["HumanTaskUiArn"]
    asked = {
        "FlowDefinitionName": name,
        "RoleArn": f"arn:aws:iam::{twin.account}:role/Flow",
        "HumanLoopConfig": {
            "WorkteamArn": f"arn:aws:sagemaker:{twin.region}:{twin.account}:workteam/private-crowd/doctors",
            "HumanTaskUiArn": ui,
            "TaskTitle": "Diagnoses",
            "TaskDescription": "Agree, or change the prediction to 0 or 1.",
            "TaskCount": people,
        },
        "OutputConfig": {"S3OutputPath": "s3://results/a2i-results"},
    }
    return str(sagemaker.create_flow_definition(**asked | changes)["FlowDefinitionArn"])


def start(twin: Twin, arn: str, rows: list[dict[str, Any]], name: str = "") -> str:
    name = name or str(uuid.uuid4())
    content = json.dumps({"rows": rows})
    twin.client("sagemaker-a2i-runtime").start_human_loop(
        HumanLoopName=name, FlowDefinitionArn=arn, HumanLoopInput={"InputContent": content}
    )
    return name


def test_diagnoses_between_the_bounds_are_reviewed_and_their_results_can_be_read(twin: Twin) -> None:
    a2i, arn = twin.client("sagemaker-a2i-runtime"), flow(twin, "diagnoses")
    uncertain = [{"id": n, "prediction": round(one)} for n, one in enumerate(SCORES) if LOWER < one < UPPER]
    assert [row["id"] for row in uncertain] == [2, 3, 4]
    name = start(twin, arn, uncertain)
    waiting = a2i.describe_human_loop(HumanLoopName=name)
    assert (waiting["HumanLoopStatus"], waiting["FlowDefinitionArn"]) == ("InProgress", arn)
    assert "HumanLoopOutput" not in waiting
    said = {"agree2": {"agree": True, "change": False}, "agree3": {"agree": False, "change": True}, "truth3": "1"}
    assert twin.human_loops.work(lambda seen: said if 'name="agree2"' in seen.html else None) == 1
    done = a2i.describe_human_loop(HumanLoopName=name)
    assert done["HumanLoopStatus"] == "Completed"
    uri = done["HumanLoopOutput"]["OutputS3Uri"]
    assert uri == f"s3://results/a2i-results/diagnoses/{done['CreationTime']:%Y/%m/%d/%H/%M/%S}/{name}/output.json"
    body = twin.client("s3").get_object(Bucket="results", Key=uri.removeprefix("s3://results/"))["Body"].read()
    output = json.loads(body)
    assert output.keys() == {"flowDefinitionArn", "humanAnswers", "humanLoopName", "inputContent"}
    [answer] = output["humanAnswers"]
    assert (answer["answerContent"], output["inputContent"]) == (said, {"rows": uncertain})
    [event] = [one.data["event"] for one in twin.journal.of("event") if name in one.data["event"]["resources"][0]]
    assert event["detail-type"] == "SageMaker A2I HumanLoop Status Change"
    assert event["detail"]["humanLoopOutput"] == {"outputS3Uri": uri}
    assert event["detail"]["humanLoopStatus"] == "Completed"


def test_a_loop_waits_for_as_many_people_as_its_flow_asks(twin: Twin) -> None:
    name = start(twin, flow(twin, "two-people", people=2), [])
    status = lambda: twin.client("sagemaker-a2i-runtime").describe_human_loop(HumanLoopName=name)["HumanLoopStatus"]  # noqa: E731
    assert [twin.human_loops.work(lambda _: {}, who) for who in ("ann", "ann")] == [1, 0]
    assert status() == "InProgress"
    assert twin.human_loops.work(lambda _: {}, "bob") == 1
    assert status() == "Completed"


def test_lists_stops_and_deletions(twin: Twin) -> None:
    a2i, arn = twin.client("sagemaker-a2i-runtime"), flow(twin, "lists")
    names = [start(twin, arn, []) for _ in range(3)]
    with pytest.raises(a2i.exceptions.ConflictException):
        start(twin, arn, [], names[0])
    listed = a2i.list_human_loops(FlowDefinitionArn=arn, MaxResults=2)
    rest = a2i.list_human_loops(FlowDefinitionArn=arn, MaxResults=2, NextToken=listed["NextToken"])
    found = listed["HumanLoopSummaries"] + rest["HumanLoopSummaries"]
    assert {one["HumanLoopName"] for one in found} == set(names)
    with pytest.raises(a2i.exceptions.ValidationException):
        a2i.delete_human_loop(HumanLoopName=names[0])
    a2i.stop_human_loop(HumanLoopName=names[0])
    a2i.delete_human_loop(HumanLoopName=names[0])
    with pytest.raises(a2i.exceptions.ResourceNotFoundException):
        a2i.describe_human_loop(HumanLoopName=names[0])
    twin.client("sagemaker").delete_flow_definition(FlowDefinitionName="lists")
    assert a2i.describe_human_loop(HumanLoopName=names[1])["HumanLoopStatus"] == "Stopped"


def test_what_the_service_refuses_is_refused(twin: Twin) -> None:
    sagemaker = twin.client("sagemaker")
    source = {"HumanLoopRequestSource": {"AwsManagedHumanLoopRequestSource": "AWS/Textract/AnalyzeDocument/Forms/V1"}}
    with pytest.raises(sagemaker.exceptions.ClientError, match="custom tasks leave it out"):
        flow(twin, "conditions", **source)
    with pytest.raises(sagemaker.exceptions.ResourceInUse):
        sagemaker.create_human_task_ui(HumanTaskUiName="conditions", UiTemplate={"Content": TEMPLATE})
    a2i = twin.client("sagemaker-a2i-runtime")
    with pytest.raises(a2i.exceptions.ValidationException, match="no active flow definition"):
        start(twin, "arn:aws:sagemaker:eu-west-1:123456789012:flow-definition/none", [])


def test_a_template_is_rendered_with_values_as_text(twin: Twin) -> None:
    task = {"Input": json.dumps({"rows": [{"id": 1, "prediction": '"><b>'}]})}
    role = f"arn:aws:iam::{twin.account}:role/Flow"
    shown = twin.client("sagemaker").render_ui_template(UiTemplate={"Content": TEMPLATE}, Task=task, RoleArn=role)
    assert 'value="&#34;&gt;&lt;b&gt;"' in shown["RenderedContent"]
    assert shown["Errors"] == []
    missing = twin.client("sagemaker").render_ui_template(
        UiTemplate={"Content": TEMPLATE}, Task={"Input": "{}"}, RoleArn=role
    )
    assert missing["Errors"] != []
