"""Custom resources: asked with the real request, answered now or later, by whichever function."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from typing import Any

import pytest

from tests.twin.accounts import make_buckets
from tests.twin.deployed import deploy, function, reason, ref, role
from twin import Twin

ANSWER = """
import json, urllib.request
def answer(event, status, data=None, reason=""):
    body = {"Status": status, "Reason": reason, "Data": data or {}, "PhysicalResourceId": PHYSICAL,
            **{k: event[k] for k in ("StackId", "RequestId", "LogicalResourceId")}}
    request = urllib.request.Request(event["ResponseURL"], json.dumps(body).encode(), method="PUT",
                                     headers={"Content-Type": ""})
    urllib.request.urlopen(request).close()
PHYSICAL = "thing-1"
"""
AT_ONCE = ANSWER + "def handle(event, context): answer(event, 'SUCCESS', {'Seen': json.dumps(event)})\n"


def custom(**properties: Any) -> dict[str, Any]:
    return {
        "Type": "Custom::Thing",
        "Properties": {"ServiceToken": {"Fn::GetAtt": ["F", "Arn"]}, **properties},
    }


def test_a_function_is_asked_with_everything_cloudformation_sends_and_its_data_can_be_referred_to(twin: Twin) -> None:
    resources = {"Role": role(), "F": function(AT_ONCE), "Thing": custom(Count=3, On=True, Deep={"List": [1.5]})}
    outputs = {"Seen": {"Value": {"Fn::GetAtt": ["Thing", "Seen"]}}, "Ref": {"Value": {"Ref": "Thing"}}}
    assert deploy(twin, resources, Outputs=outputs) == "CREATE_COMPLETE", reason(twin)
    stack = twin.client("cloudformation").describe_stacks(StackName="test")["Stacks"][0]
    found = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    event = json.loads(found["Seen"])
    assert found["Ref"] == "thing-1"
    assert event["RequestType"] == "Create"
    assert event["ResourceType"] == "Custom::Thing"
    assert event["LogicalResourceId"] == "Thing"
    assert event["StackId"] == stack["StackId"]
    assert "PhysicalResourceId" not in event
    assert event["ResourceProperties"] == {
        "ServiceToken": event["ServiceToken"],
        "Count": "3",
        "On": "true",
        "Deep": {"List": ["1.5"]},
    }


def test_an_update_tells_the_old_properties_and_a_deletion_the_physical_id(twin: Twin) -> None:
    base = {"Role": role(), "F": function(AT_ONCE)}
    deploy(twin, {**base, "Thing": custom(Count=1)})
    deploy(twin, {**base, "Thing": custom(Count=2)})
    deploy(twin, base)
    asked = [json.loads(_event(entry)) for entry in twin.journal.of("function")]
    assert [event["RequestType"] for event in asked] == ["Create", "Update", "Delete"]
    assert asked[1]["OldResourceProperties"]["Count"] == "1"
    assert asked[1]["PhysicalResourceId"] == asked[2]["PhysicalResourceId"] == "thing-1"


def test_another_physical_id_is_a_replacement_whose_old_part_is_deleted_afterwards(twin: Twin) -> None:
    code = ANSWER + (
        "def handle(event, context):\n"
        "    global PHYSICAL\n"
        "    PHYSICAL = event.get('PhysicalResourceId') if event['RequestType'] == 'Delete' else"
        " 'thing-' + event['ResourceProperties']['Count']\n"
        "    answer(event, 'SUCCESS')\n"
    )
    base = {"Role": role(), "F": function(code)}
    deploy(twin, {**base, "Thing": custom(Count=1)})
    assert deploy(twin, {**base, "Thing": custom(Count=2)}) == "UPDATE_COMPLETE", reason(twin)
    assert ref(twin, "Thing") == "thing-2"
    last = json.loads(_event(twin.journal.of("function")[-1]))
    assert (last["RequestType"], last["PhysicalResourceId"]) == ("Delete", "thing-1")


def _event(entry: Any) -> str:
    from pathlib import Path

    return (Path(entry.data["directory"]) / "event.json").read_text()


def test_a_failed_answer_fails_the_stack_with_its_reason_and_rolls_back(twin: Twin) -> None:
    code = ANSWER + (
        "def handle(event, context):\n"
        "    failed = event['RequestType'] == 'Create'\n"
        "    answer(event, 'FAILED' if failed else 'SUCCESS', reason='the moon is full')\n"
    )
    resources = {"Role": role(), "F": function(code), "Thing": custom(), "Topic": {"Type": "AWS::SNS::Topic"}}
    assert deploy(twin, resources) == "ROLLBACK_COMPLETE"
    assert "[Thing] Received response status [FAILED]" in reason(twin)
    assert "the moon is full" in reason(twin)
    assert twin.client("sns").list_topics()["Topics"] == []
    assert twin.client("lambda").list_functions()["Functions"] == []


def test_the_answer_may_come_from_another_function_after_an_event(twin: Twin) -> None:
    """As the baseline does it: the first call only notes where to answer, and a job's event lets it answer."""
    code = ANSWER + (
        "import boto3\n"
        "def handle(event, context):\n"
        "    s3 = boto3.client('s3')\n"
        "    if 'RequestType' in event:\n"
        "        s3.put_object(Bucket='notes', Key='pending.json', Body=json.dumps(event))\n"
        "        return\n"
        "    asked = json.load(s3.get_object(Bucket='notes', Key='pending.json')['Body'])\n"
        "    answer(asked, 'SUCCESS', {'Job': event['detail']['ProcessingJobName']})\n"
    )
    make_buckets(twin, "notes")
    pattern = {"source": ["aws.sagemaker"], "detail": {"ProcessingJobStatus": ["Completed"]}}
    rule = {
        "Type": "AWS::Events::Rule",
        "Properties": {"EventPattern": pattern, "Targets": [{"Id": "t", "Arn": {"Fn::GetAtt": ["F", "Arn"]}}]},
    }
    permission = {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Fn::GetAtt": ["F", "Arn"]},
            "Principal": "events.amazonaws.com",
            "SourceArn": {"Fn::GetAtt": ["Rule", "Arn"]},
        },
    }
    thing = {**custom(), "DependsOn": ["Rule", "Permission"]}
    resources = {
        "Role": role("s3:PutObject", "s3:GetObject"),
        "F": function(code),
        "Rule": rule,
        "Permission": permission,
        "Thing": thing,
    }

    def finish() -> None:
        while not twin.client("s3").list_objects_v2(Bucket="notes").get("Contents"):
            time.sleep(0.05)
        detail = {"ProcessingJobName": "job-7", "ProcessingJobStatus": "Completed"}
        twin.events.emit("aws.sagemaker", "SageMaker Processing Job State Change", detail, [])

    job = threading.Thread(target=finish)
    job.start()
    status = deploy(twin, resources)
    job.join()
    assert status == "CREATE_COMPLETE", reason(twin)
    assert twin.deployments.find("test").resources["Thing"].made.attributes == {"Job": "job-7"}
    assert twin.identity.violations() == []


def test_silence_is_waited_for_only_as_long_as_the_resource_says(twin: Twin) -> None:
    resources = {"Role": role(), "F": function("def handle(e, c): pass"), "Thing": custom(ServiceTimeout=1)}
    assert deploy(twin, resources) == "ROLLBACK_COMPLETE"
    assert "did not receive a response from your Custom Resource within 1 seconds" in reason(twin)


def test_a_function_that_crashes_fails_the_stack_at_once(twin: Twin) -> None:
    code = "def handle(event, context): raise KeyError('bucket')"
    assert deploy(twin, {"Role": role(), "F": function(code), "Thing": custom()}) == "ROLLBACK_COMPLETE"
    assert "failed 3 times: KeyError: 'bucket'" in reason(twin)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"not json", "a JSON object whose Status is SUCCESS or FAILED"),
        (b'{"Status": "MAYBE"}', "a JSON object whose Status is SUCCESS or FAILED"),
        (b'{"Status": "SUCCESS", "Data": {"x": "' + b"y" * 5000 + b'"}}', "bytes where 4096 are allowed"),
        (b'{"Status": "SUCCESS", "PhysicalResourceId": "x"}', "StackId is not the request's"),
    ],
)
def test_a_malformed_answer_fails_the_stack(twin: Twin, body: bytes, message: str) -> None:
    code = (
        "import urllib.request\n"
        "def handle(event, context):\n"
        f"    urllib.request.urlopen(urllib.request.Request(event['ResponseURL'], {body!r}, method='PUT'))\n"
    )
    assert deploy(twin, {"Role": role(), "F": function(code), "Thing": custom()}) == "ROLLBACK_COMPLETE"
    assert message in reason(twin)


def test_nobody_waits_at_an_unknown_address(twin: Twin) -> None:
    request = urllib.request.Request(f"{twin.url}/twin/custom-resource-response/none", b"{}", method="PUT")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request)
