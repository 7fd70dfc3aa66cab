"""The state machine of an environment's runs: plan, run, finish. Every path ends in finish, so that every window has a verdict.

Plan ─► Choose ─┬─ taken ──────────────────────────────────────────► Done
                ├─ none ───────────────────────────────────────────► Finish
                ├─ lambda ─► RunInLambda ─ out of time or memory ─► Promote ─┐
                └─ processing ─► RunAsJob ◄─ Wait ◄─ quota used up ◄─────────┘ ─► Finish
"""

from __future__ import annotations

from typing import Any

FULL = "Lambda.TooManyRequestsException"  # the account runs as many functions as it may, or calls them too fast
HANDLED_BY_LAMBDA = ["Lambda.ServiceException", "Lambda.AWSLambdaException"]
UNREACHABLE = ["Lambda.SdkClientException", "Lambda.ClientExecutionTimeoutException"]
IDLE = [  # a function that nobody called for weeks is made ready again, which takes a minute or two
    "Lambda.CodeArtifactUserPendingException",
    "Lambda.ResourceConflictException",
    "Lambda.ResourceNotReadyException",
    "Lambda.ENINotReadyException",
    "Lambda.EC2ThrottledException",
]
TOO_MUCH = [  # how a function ends that was too small for its window
    "Sandbox.Timedout",
    "States.Timeout",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Runtime.OutOfMemory",
    "MemoryError",
    "OSError",  # its disk is full
]
GENERAL = "SageMaker.AmazonSageMakerException"
BUSY = ("*ResourceLimitExceeded*", "*ThrottlingException*", "*Rate exceeded*")
LAMBDA_SECONDS = 900
JOB_FIELDS = (
    "ProcessingJobName",
    "ProcessingInputs",
    "ProcessingOutputConfig",
    "ProcessingResources",
    "StoppingCondition",
    "AppSpecification",
    "Environment",
    "NetworkConfig",
    "RoleArn",
    "Tags",
)


def retry(errors: list[str], *, seconds: int, attempts: int, longest: int = 300) -> dict[str, Any]:
    """Try again, after pauses that grow and are spread."""
    return {
        "ErrorEquals": errors,
        "IntervalSeconds": seconds,
        "MaxAttempts": attempts,
        "BackoffRate": 2,
        "MaxDelaySeconds": longest,
        "JitterStrategy": "FULL",
    }


def when_full() -> dict[str, Any]:
    """Wait until the account has room for one more function, four hours or so: new accounts run ten at once, fleets want more."""
    return retry([FULL], seconds=10, attempts=96)


def resource(partition: str, name: str) -> str:
    """An integration of Step Functions."""
    return f"arn:{partition}:states:::{name}"


def definition(partition: str, plan_arn: str, finish_arn: str) -> dict[str, Any]:
    """In Amazon States Language. plan_arn, finish_arn: the functions of the first and the last step."""
    invoke = resource(partition, "lambda:invoke")
    states = {
        **_planning(invoke, plan_arn),
        **_in_lambda(invoke),
        **_as_job(resource(partition, "sagemaker:createProcessingJob.sync")),
        **_finishing(invoke, finish_arn),
    }
    return {"Comment": "One run: plan, run, finish", "StartAt": "Plan", "States": states}


def _planning(invoke: str, plan_arn: str) -> dict[str, Any]:
    """The window is claimed and its runner chosen; where that fails, finish is told what is known."""
    given = {"schedule.$": "$.schedule", "scheduled_time.$": "$.scheduled_time", "owner.$": "$$.Execution.Id"}
    payload = {**given, "now.$": "$$.Execution.StartTime", "input.$": "$"}
    choices = (("taken", "Done"), ("none", "Finish"), ("lambda", "RunInLambda"))
    return {
        "Plan": {
            "Type": "Task",
            "Resource": invoke,
            "Parameters": {"FunctionName": plan_arn, "Payload": payload},
            "OutputPath": "$.Payload",
            "Retry": [when_full(), retry(["States.ALL"], seconds=5, attempts=5)],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Unplanned"}],
            "Next": "Choose",
        },
        "Unplanned": {"Type": "Pass", "Parameters": {**given, "error.$": "$.error"}, "Next": "Finish"},
        "Choose": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.runner", "StringEquals": runner, "Next": step} for runner, step in choices],
            "Default": "RunAsJob",
        },
    }


def _in_lambda(invoke: str) -> dict[str, Any]:
    """A small window; a function that was too small for it hands it to a job, once."""
    return {
        "RunInLambda": {
            "Type": "Task",
            "Resource": invoke,
            "Parameters": {"FunctionName.$": "$.function", "Payload.$": "$.job"},
            "TimeoutSeconds": LAMBDA_SECONDS + 60,
            "ResultSelector": {"seconds.$": "$.Payload.seconds", "status.$": "$.Payload.status"},
            "ResultPath": "$.result",
            "Retry": [when_full(), retry([*HANDLED_BY_LAMBDA, *UNREACHABLE, *IDLE], seconds=10, attempts=8)],
            "Catch": [
                {"ErrorEquals": TOO_MUCH, "ResultPath": "$.promoted", "Next": "Promote"},
                {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Finish"},
            ],
            "Next": "Finish",
        },
        "Promote": {"Type": "Pass", "Result": "processing", "ResultPath": "$.ran_as", "Next": "RunAsJob"},
    }


def _as_job(create: str) -> dict[str, Any]:
    """A large window, which waits until the account has an instance left."""
    times = ("ProcessingStartTime", "ProcessingEndTime")
    is_busy = [
        {"Variable": f"$.error.{where}", "StringMatches": pattern} for where in ("Error", "Cause") for pattern in BUSY
    ]
    return {
        "RunAsJob": {
            "Type": "Task",
            "Resource": create,
            "Parameters": {f"{name}.$": f"$.job.{name}" for name in JOB_FIELDS},
            "ResultSelector": {f"{name}.$": f"$.{name}" for name in times},
            "ResultPath": "$.result",
            # rights that are a moment old, and the service's own faults; a job that failed has used up its name
            "Retry": [retry(["SageMaker.SdkClientException", GENERAL], seconds=10, attempts=3)],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "IsBusy"}],
            "Next": "Finish",
        },
        "IsBusy": {
            "Type": "Choice",
            "Choices": [
                {
                    "And": [
                        {"Or": is_busy},
                        {"Not": {"Variable": "$.error.Error", "StringEquals": "States.TaskFailed"}},
                        {"Variable": "$$.State.EnteredTime", "TimestampLessThanPath": "$.wait_until"},
                    ],
                    "Next": "Wait",
                }
            ],
            "Default": "Finish",
        },
        "Wait": {"Type": "Wait", "SecondsPath": "$.wait_seconds", "Next": "RunAsJob"},
    }


def _finishing(invoke: str, finish_arn: str) -> dict[str, Any]:
    """The verdict, whatever happened; nothing where another execution has the window."""
    return {
        "Finish": {
            "Type": "Task",
            "Resource": invoke,
            "Parameters": {"FunctionName": finish_arn, "Payload": {"plan.$": "$", "now.$": "$$.State.EnteredTime"}},
            "OutputPath": "$.Payload",
            "Retry": [when_full(), retry(["States.ALL"], seconds=5, attempts=8)],
            "End": True,
        },
        "Done": {"Type": "Succeed"},
    }
