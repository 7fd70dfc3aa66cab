"""State machines on the virtual clock: their calls, waits, jobs and ends, within the rights of their role."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.accounts import BASE, CLUSTER, EVERYTHING, IMAGE, make_buckets
from tests.twin.conftest import RememberingBus
from tests.twin.deployed import deploy, function, reason, ref, role
from twin import Twin
from twin.quotas import Rate

MINUTE = timedelta(minutes=1)
ROLE = "arn:aws:iam::123456789012:role"
RULE = "arn:aws:events:eu-west-1:123456789012:rule/StepFunctionsGetEventsForSageMakerProcessingJobsRule"
JOB = "arn:aws:states:::sagemaker:createProcessingJob.sync"
INVOKE = "arn:aws:states:::lambda:invoke"


def states_role(twin: Twin, name: str, *statements: tuple[list[str], str], service: str = "states") -> str:
    """A role that Step Functions may take; without statements it may do everything."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": f"{service}.amazonaws.com"}}
    allowed = [{"Effect": "Allow", "Action": actions, "Resource": resource} for actions, resource in statements]
    iam = twin.client("iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    document = json.dumps({"Version": "2012-10-17", "Statement": allowed} if allowed else EVERYTHING)
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document)
    return f"{ROLE}/{name}"


def task(resource: str, parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True, **more}


def machine(twin: Twin, role_arn: str, start: dict[str, Any], limit: int | None = None, **states: Any) -> str:
    definition = {"StartAt": "S", "States": {"S": start, **states}, **({"TimeoutSeconds": limit} if limit else {})}
    client = twin.client("stepfunctions")
    made = client.create_state_machine(name="m", definition=json.dumps(definition), roleArn=role_arn)
    return str(made["stateMachineArn"])


def start(twin: Twin, arn: str, given: Any = None, **more: Any) -> str:
    answer = twin.client("stepfunctions").start_execution(stateMachineArn=arn, input=json.dumps(given or {}), **more)
    twin.settle()
    return str(answer["executionArn"])


def seen(twin: Twin, execution: str) -> dict[str, Any]:
    found = twin.client("stepfunctions").describe_execution(executionArn=execution)
    return {**found, "output": json.loads(found["output"])} if "output" in found else dict(found)


def job(**environment: str) -> dict[str, Any]:
    return {
        "ProcessingJobName.$": "$$.Execution.Name",
        "RoleArn": f"{ROLE}/monitor",
        "AppSpecification": IMAGE,
        "ProcessingResources": CLUSTER,
        "Environment": environment,
    }


def test_a_deployed_machine_calls_a_function_within_its_role_and_tells_its_end(twin: Twin) -> None:
    definition = {
        "StartAt": "Call",
        "States": {"Call": task("arn:${P}:states:::lambda:invoke", {"FunctionName": "${F}", "Payload.$": "$"})},
    }
    code = "def handle(event, context):\n    return {'twice': event['n'] * 2}\n"
    of_states = role("lambda:InvokeFunction")
    of_states["Properties"]["AssumeRolePolicyDocument"] = {
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "states.amazonaws.com"}}]
    }
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "q"}}
    pattern = {"source": ["aws.states"], "detail": {"status": ["SUCCEEDED"]}}
    targets = [{"Id": "t", "Arn": {"Fn::GetAtt": ["Q", "Arn"]}}]
    resources = {
        "Role": role(),
        "F": function(code),
        "States": of_states,
        "Q": queue,
        "Rule": {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": pattern, "Targets": targets}},
        "M": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "DefinitionString": json.dumps(definition),
                "DefinitionSubstitutions": {"F": {"Fn::GetAtt": ["F", "Arn"]}, "P": "aws"},
                "RoleArn": {"Fn::GetAtt": ["States", "Arn"]},
                "TracingConfiguration": {"Enabled": "true"},
            },
        },
    }
    assert deploy(twin, resources) == "CREATE_COMPLETE", reason(twin)
    execution = start(twin, ref(twin, "M"), {"n": 21})
    found = seen(twin, execution)
    assert (found["status"], found["output"]["Payload"]) == ("SUCCEEDED", {"twice": 42})
    history = twin.client("stepfunctions").get_execution_history(executionArn=execution)["events"]
    assert [event["type"] for event in history] == [
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]
    sqs = twin.client("sqs")
    (message,) = sqs.receive_message(QueueUrl=sqs.get_queue_url(QueueName="q")["QueueUrl"])["Messages"]
    event = json.loads(message["Body"])
    assert (event["detail-type"], event["resources"]) == ("Step Functions Execution Status Change", [execution])
    assert json.loads(event["detail"]["output"])["Payload"] == {"twice": 42}
    assert [twin.identity.calls(ref(twin, "States"))["lambda", "Invoke"], twin.identity.violations()] == [1, []]


def test_a_functions_error_is_the_states_error(twin: Twin) -> None:
    codes = {
        "ValueError": "def handle(e, c):\n    raise ValueError('no good')",
        "Runtime.ExitError": "import os\ndef handle(e, c):\n    os._exit(3)",
        "Sandbox.Timedout": "import time\ndef handle(e, c):\n    time.sleep(60)",
    }
    resources = {
        f"F{number}": function(code, FunctionName=f"f{number}", Timeout=1 if "sleep" in code else 30)
        for number, code in enumerate(codes.values())
    }
    deploy(twin, {"Role": role(), **resources})
    parameters = {"FunctionName.$": "$"}
    arn = machine(twin, states_role(twin, "states"), task(INVOKE, parameters))
    for number, error in enumerate(codes):
        found = seen(twin, start(twin, arn, f"f{number}"))
        assert (found["status"], found["error"]) == ("FAILED", error)
        assert "errorMessage" in json.loads(found["cause"])


def test_a_call_that_the_role_may_not_make_fails_under_the_services_general_name(twin: Twin) -> None:
    deploy(twin, {"Role": role(), "F": function("def handle(e, c): return 1", FunctionName="f")})
    states = states_role(
        twin, "states", (["lambda:InvokeFunction"], "arn:aws:lambda:eu-west-1:123456789012:function:g")
    )
    found = seen(twin, start(twin, machine(twin, states, task(INVOKE, {"FunctionName": "f"}))))
    assert found["error"] == "Lambda.AWSLambdaException"
    assert "not authorized to perform: lambda:InvokeFunction" in found["cause"]
    (violation,) = twin.identity.violations()
    assert (violation.role, violation.action) == ("states", "lambda:InvokeFunction")


def test_a_job_is_waited_for_and_its_description_is_the_result(twin: Twin, bus: RememberingBus) -> None:
    arn = machine(twin, states_role(twin, "states"), task(JOB, job()))
    found = seen(twin, start(twin, arn, name="run-1"))
    assert found["status"] == "SUCCEEDED"
    assert found["output"]["ProcessingJobStatus"] == "Completed"
    assert found["output"]["ProcessingJobName"] == "run-1"
    assert isinstance(found["output"]["CreationTime"], int)
    assert [event["status"] for event in bus.of("Step Functions Execution Status Change")] == ["RUNNING", "SUCCEEDED"]


def test_a_job_that_fails_fails_its_task_with_its_description(twin: Twin) -> None:
    caught = {"Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "T"}]}
    failing = task(JOB, job(plan="fail"), **caught)
    arn = machine(twin, states_role(twin, "states"), failing, T={"Type": "Pass", "End": True})
    found = seen(twin, start(twin, arn))
    assert found["output"]["Error"] == "States.TaskFailed"
    described = json.loads(found["output"]["Cause"])
    assert (described["ProcessingJobStatus"], described["ExitMessage"]) == ("Failed", "Error: the mapping is wrong")


def test_a_task_that_takes_longer_than_it_may_stops_its_job(twin: Twin) -> None:
    arn = machine(twin, states_role(twin, "states"), task(JOB, job(plan="sleep"), TimeoutSeconds=1))
    assert seen(twin, start(twin, arn, name="late"))["error"] == "States.Timeout"
    described = twin.client("sagemaker").describe_processing_job(ProcessingJobName="late")
    assert described["ProcessingJobStatus"] == "Stopped"


def test_waits_and_retries_go_on_when_the_virtual_clock_has_come_so_far(twin: Twin) -> None:
    retry = [{"ErrorEquals": ["Lambda.ResourceNotFoundException"], "IntervalSeconds": 90, "MaxAttempts": 2}]
    waiting = {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "T"}
    missing = task(INVOKE, {"FunctionName": "nobody"}, Retry=retry)
    execution = start(twin, machine(twin, states_role(twin, "states"), waiting, T=missing), {"seconds": 600})
    history = twin.client("stepfunctions").get_execution_history
    began = twin.clock.now()
    twin.advance(timedelta(hours=1))
    assert seen(twin, execution)["error"] == "Lambda.ResourceNotFoundException"
    failed = [e["timestamp"] - began for e in history(executionArn=execution)["events"] if e["type"] == "TaskFailed"]
    assert failed == [10 * MINUTE, 12 * MINUTE, 15 * MINUTE]  # after 0, 90 and 180 seconds, on whole minutes


def test_an_execution_ends_at_its_time_limit_or_when_it_is_stopped(twin: Twin) -> None:
    client, waiting = twin.client("stepfunctions"), {"Type": "Wait", "Seconds": 7200, "End": True}
    arn = machine(twin, states_role(twin, "states"), waiting, limit=3600)
    first, second = start(twin, arn), start(twin, arn)
    client.stop_execution(executionArn=second, error="Enough", cause="by hand")
    twin.advance(timedelta(hours=3))
    assert (seen(twin, first)["status"], seen(twin, first)["error"]) == ("TIMED_OUT", "States.Timeout")
    found = seen(twin, second)
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Enough", "by hand")
    listed = client.list_executions(stateMachineArn=arn, statusFilter="ABORTED")["executions"]
    assert [e["executionArn"] for e in listed] == [second]


def test_a_name_is_used_once(twin: Twin) -> None:
    client = twin.client("stepfunctions")
    arn = machine(twin, states_role(twin, "states"), {"Type": "Wait", "Seconds": 60, "End": True})
    first = start(twin, arn, {"n": 1}, name="w")
    assert start(twin, arn, {"n": 1}, name="w") == first
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        start(twin, arn, {"n": 2}, name="w")
    twin.advance(2 * MINUTE)
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        start(twin, arn, {"n": 1}, name="w")
    assert len(client.list_executions(stateMachineArn=arn)["executions"]) == 1


def test_a_map_runs_its_items_beside_each_other_and_one_failure_is_its_own(twin: Twin) -> None:
    choice = {
        "Type": "Choice",
        "Choices": [{"Variable": "$.v", "NumericGreaterThan": 8, "Next": "Bad"}],
        "Default": "Wait",
    }
    inner = {
        "StartAt": "Which",
        "States": {
            "Which": choice,
            "Wait": {"Type": "Wait", "Seconds": 60, "Next": "Out"},
            "Out": {"Type": "Pass", "Parameters": {"i.$": "$.i"}, "End": True},
            "Bad": {"Type": "Fail", "Error": "TooMuch"},
        },
    }
    state = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemSelector": {"v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index"},
        "MaxConcurrency": 2,
        "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, **inner},
        "End": True,
    }
    arn = machine(twin, states_role(twin, "states"), state)
    execution = start(twin, arn, {"items": [5, 6, 7]})
    twin.advance(MINUTE)
    assert seen(twin, execution)["status"] == "RUNNING"  # two at once: the third waits for the second minute
    twin.advance(MINUTE)
    assert seen(twin, execution)["output"] == [{"i": 0}, {"i": 1}, {"i": 2}]
    failed = start(twin, arn, {"items": [5, 9]})
    assert (seen(twin, failed)["status"], seen(twin, failed)["error"]) == ("FAILED", "TooMuch")
    empty = start(twin, arn, {"items": []})
    assert seen(twin, empty)["output"] == []


def test_a_machine_that_the_service_would_not_make_is_not_made(twin: Twin, tmp_path: Path) -> None:
    client = twin.client("stepfunctions")
    waiting = task(JOB, job())
    with pytest.raises(ClientError, match="authorized to assume the provided role"):
        machine(twin, states_role(twin, "other", service="lambda"), waiting)
    blind = states_role(twin, "blind", (["sagemaker:*", "iam:PassRole"], "*"), (["events:PutRule"], RULE))
    with pytest.raises(
        ClientError, match=r"not authorized to create managed-rule.*events:PutTargets, events:DescribeRule"
    ):
        machine(twin, blind, waiting)
    with pytest.raises(ClientError, match=r"does not know the state type Dream.*at /States/S"):
        machine(twin, blind, {"Type": "Dream"})
    group = "arn:aws:logs:eu-west-1:123456789012:log-group:g:*"
    logging = {"level": "ERROR", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]}
    definition = json.dumps({"StartAt": "S", "States": {"S": {"Type": "Succeed"}}})
    with pytest.raises(ClientError, match="not authorized to access the Log Destination"):
        client.create_state_machine(name="m", definition=definition, roleArn=blind, loggingConfiguration=logging)
    with pytest.raises(ClientError, match="express workflows"):
        client.create_state_machine(name="m", definition=definition, roleArn=blind, type="EXPRESS")


def test_a_job_needs_the_right_to_pass_its_role(twin: Twin) -> None:
    make_buckets(twin, "bucket")
    output = {"S3Uri": "s3://bucket/o", "LocalPath": f"{BASE}/output", "S3UploadMode": "EndOfJob"}
    settings = {**job(), "ProcessingOutputConfig": {"Outputs": [{"OutputName": "o", "S3Output": output}]}}
    events = (["events:PutTargets", "events:PutRule", "events:DescribeRule"], RULE)
    states = states_role(twin, "states", (["sagemaker:*"], "*"), events)
    found = seen(twin, start(twin, machine(twin, states, task(JOB, settings))))
    assert found["error"] == "SageMaker.AmazonSageMakerException"
    assert "not authorized to perform: iam:PassRole" in found["cause"]


def test_events_and_messages_are_sent(twin: Twin, bus: RememberingBus) -> None:
    topic = twin.client("sns").create_topic(Name="t")["TopicArn"]
    queue = twin.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    twin.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:eu-west-1:123456789012:q")
    publish = task("arn:aws:states:::sns:publish", {"TopicArn": topic, "Message.$": "$"}, ResultPath=None)
    entry = {"Source": "ours", "DetailType": "Run", "Detail.$": "$"}
    put = task("arn:aws:states:::events:putEvents", {"Entries": [entry]})
    arn = machine(
        twin, states_role(twin, "states"), {**{k: v for k, v in publish.items() if k != "End"}, "Next": "T"}, T=put
    )
    assert seen(twin, start(twin, arn, {"n": 1}))["output"]["FailedEntryCount"] == 0
    (message,) = twin.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(json.loads(message["Body"])["Message"]) == {"n": 1}
    (event,) = [e.data["event"] for e in twin.journal.of("event") if e.data["event"]["source"] == "ours"]
    assert (event["detail-type"], event["detail"]) == ("Run", {"n": 1})


def test_a_job_without_an_instance_is_tried_again_until_there_is_one(twin: Twin) -> None:
    twin.quotas.processing_jobs = {"ml.m5.large": 1}
    retry = {"ErrorEquals": ["SageMaker.ResourceLimitExceededException"], "IntervalSeconds": 60, "BackoffRate": 1.0}
    arn = machine(twin, states_role(twin, "states"), task(JOB, job(), Retry=[{**retry, "MaxAttempts": 5}]))
    executions = [start(twin, arn, name=f"run-{n}") for n in range(3)]
    assert [seen(twin, e)["status"] for e in executions] == ["SUCCEEDED", "RUNNING", "RUNNING"]
    twin.advance(3 * MINUTE)
    assert [seen(twin, e)["status"] for e in executions] == ["SUCCEEDED"] * 3
    ended = {
        job["ProcessingEndTime"] for job in twin.client("sagemaker").list_processing_jobs()["ProcessingJobSummaries"]
    }
    assert len(ended) == 3  # never two in one minute


def test_a_job_that_is_asked_for_too_fast_is_tried_again_and_its_end_is_heard(twin: Twin) -> None:
    a_minute = Rate(1, 1 / 60)
    twin.quotas.requests = {f"sagemaker:{each}ProcessingJob": a_minute for each in ("Create", "Describe")}
    retry = {"ErrorEquals": ["SageMaker.AmazonSageMakerException"], "IntervalSeconds": 60, "BackoffRate": 1.0}
    arn = machine(twin, states_role(twin, "states"), task(JOB, job(), Retry=[{**retry, "MaxAttempts": 5}]))
    executions = [start(twin, arn, name=f"run-{n}") for n in range(3)]
    assert [seen(twin, e)["status"] for e in executions] == ["SUCCEEDED", "RUNNING", "RUNNING"]
    history = twin.client("stepfunctions").get_execution_history(executionArn=executions[1])["events"]
    (failed,) = [e["taskFailedEventDetails"] for e in history if e["type"] == "TaskFailed"]
    assert failed["error"] == "SageMaker.AmazonSageMakerException"
    assert failed["cause"].startswith(
        "Rate exceeded (Service: SageMaker; Status Code: 400; Error Code: ThrottlingException;"
    )
    twin.quotas.requests["sagemaker:CreateProcessingJob"] = Rate(
        2, 0
    )  # both at once, so that one end is asked for too fast
    twin.advance(MINUTE)
    assert sorted(seen(twin, e)["status"] for e in executions) == ["RUNNING", "SUCCEEDED", "SUCCEEDED"]
    twin.advance(2 * MINUTE)
    assert [seen(twin, e)["status"] for e in executions] == ["SUCCEEDED"] * 3
