"""Tasks that wait for their token: who answers goes on with the execution; nobody in time is a time-out of virtual time."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.deployed import deploy, function, reason, role
from tests.twin.states.test_machines import machine, seen, start, states_role, task
from twin import Twin

MINUTE = timedelta(minutes=1)
ASK = "arn:aws:states:::lambda:invoke.waitForTaskToken"
KEEP = "arn:aws:states:::sns:publish.waitForTaskToken"


def waiting(twin: Twin, **more: Any) -> tuple[str, str]:
    """An execution that waits, and its token, which a queue was told."""
    topic = twin.client("sns").create_topic(Name="t")["TopicArn"]
    queue = twin.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    twin.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:eu-west-1:123456789012:q")
    asking = task(KEEP, {"TopicArn": topic, "Message": {"token.$": "$$.Task.Token"}}, **more)
    execution = start(twin, machine(twin, states_role(twin, "states"), asking))
    (message,) = twin.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    return execution, json.loads(json.loads(message["Body"])["Message"])["token"]


def test_an_execution_goes_on_with_what_its_token_is_answered(twin: Twin) -> None:
    client = twin.client("stepfunctions")
    execution, token = waiting(twin)
    twin.advance(timedelta(hours=3))
    assert seen(twin, execution)["status"] == "RUNNING"
    with pytest.raises(client.exceptions.InvalidOutput):
        client.send_task_success(taskToken=token, output="{")
    client.send_task_success(taskToken=token, output='{"approved": true}')
    twin.settle()
    found = seen(twin, execution)
    assert (found["status"], found["output"]) == ("SUCCEEDED", {"approved": True})
    with pytest.raises(client.exceptions.TaskTimedOut, match="does not exist anymore"):
        client.send_task_success(taskToken=token, output="{}")
    with pytest.raises(client.exceptions.InvalidToken):
        client.send_task_success(taskToken="never handed out", output="{}")


def test_a_token_that_is_answered_with_a_failure_fails_its_task(twin: Twin) -> None:
    execution, token = waiting(twin)
    twin.client("stepfunctions").send_task_failure(taskToken=token, error="Rejected", cause="by a person")
    found = seen(twin, execution)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "Rejected", "by a person")


def test_nobody_answers_in_time(twin: Twin) -> None:
    execution, token = waiting(twin, TimeoutSeconds=3600)
    twin.advance(59 * MINUTE)
    assert seen(twin, execution)["status"] == "RUNNING"
    twin.advance(MINUTE)
    assert seen(twin, execution)["error"] == "States.Timeout"
    client = twin.client("stepfunctions")
    with pytest.raises(client.exceptions.TaskTimedOut):
        client.send_task_failure(taskToken=token)


def test_a_task_that_is_not_heard_of_is_given_up(twin: Twin) -> None:
    execution, token = waiting(twin, TimeoutSeconds=7200, HeartbeatSeconds=600)
    twin.advance(9 * MINUTE)
    twin.client("stepfunctions").send_task_heartbeat(taskToken=token)
    twin.advance(9 * MINUTE)
    assert seen(twin, execution)["status"] == "RUNNING"
    twin.advance(MINUTE)
    assert seen(twin, execution)["error"] == "States.HeartbeatTimeout"


def test_a_token_of_an_execution_that_was_stopped_is_worth_nothing(twin: Twin) -> None:
    client = twin.client("stepfunctions")
    execution, token = waiting(twin)
    client.stop_execution(executionArn=execution)
    with pytest.raises(client.exceptions.TaskTimedOut):
        client.send_task_success(taskToken=token, output="{}")


def test_a_function_may_answer_at_once_and_one_that_fails_fails_its_task(twin: Twin) -> None:
    answering = (
        "import boto3\n"
        "def handle(event, context):\n"
        "    if event['fail']:\n"
        "        raise ValueError('no')\n"
        "    boto3.client('stepfunctions').send_task_success(taskToken=event['token'], output='[7]')\n"
    )
    may = role("states:SendTaskSuccess")
    assert deploy(twin, {"Role": may, "F": function(answering, FunctionName="f")}) == "CREATE_COMPLETE", reason(twin)
    payload = {"token.$": "$$.Task.Token", "fail.$": "$.fail"}
    arn = machine(twin, states_role(twin, "states"), task(ASK, {"FunctionName": "f", "Payload": payload}))
    assert seen(twin, start(twin, arn, {"fail": False}))["output"] == [7]
    assert seen(twin, start(twin, arn, {"fail": True}))["error"] == "ValueError"
    assert twin.identity.violations() == []


def test_answering_is_a_right_of_its_own(twin: Twin) -> None:
    nobody = role()
    nobody["Properties"]["RoleName"] = "nobody"
    assert deploy(twin, {"Role": nobody}) == "CREATE_COMPLETE", reason(twin)
    with pytest.raises(ClientError, match="not authorized to perform: states:SendTaskSuccess"):
        twin.client("stepfunctions", role="nobody").send_task_success(taskToken="t", output="{}")


def test_items_are_written_under_a_condition(twin: Twin) -> None:
    twin.client("dynamodb").create_table(
        TableName="runs",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    claim = {
        "TableName": "runs",
        "Item": {"pk": {"S.$": "$$.StateMachine.Name"}, "owner": {"S.$": "$.owner"}},
        "ConditionExpression": "attribute_not_exists(pk)",
    }
    arn = machine(twin, states_role(twin, "states"), task("arn:aws:states:::dynamodb:putItem", claim))
    assert seen(twin, start(twin, arn, {"owner": "first"}))["status"] == "SUCCEEDED"
    assert seen(twin, start(twin, arn, {"owner": "second"}))["error"] == "DynamoDB.ConditionalCheckFailedException"
    item = twin.client("dynamodb").get_item(TableName="runs", Key={"pk": {"S": "m"}})["Item"]
    assert item["owner"] == {"S": "first"}
