"""The state machine of an environment's runs: plan, run, finish. Every path ends in finish, so that every window has a verdict.

Plan ─► Choose ─┬─ taken ──────────────────────────────────────────► Done
                ├─ none ───────────────────────────────────────────► Finish
                ├─ lambda ─► RunInLambda ─ out of time or memory ─► Promote ─┐
                └─ processing ─► RunAsJob ◄─ Wait ◄─ quota used up ◄─────────┘ ─► Finish
"""

from __future__ import annotations

from typing import Any

HANDLED_BY_LAMBDA = ["Lambda.TooManyRequestsException", "Lambda.ServiceException", "Lambda.AWSLambdaException"]
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


def _retry(errors: list[str], *, seconds: int, attempts: int, longest: int = 300) -> dict[str, Any]:
    return {
        "ErrorEquals": errors,
        "IntervalSeconds": seconds,
        "MaxAttempts": attempts,
        "BackoffRate": 2,
        "MaxDelaySeconds": longest,
        "JitterStrategy": "FULL",
    }


def _function(arn: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:${partition}:states:::lambda:invoke",
        "Parameters": {"FunctionName": arn, "Payload": payload},
    }


def definition(partition: str, plan_arn: str, finish_arn: str) -> dict[str, Any]:
    """In Amazon States Language. plan_arn, finish_arn: the functions of the first and the last step."""
    to_finish = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Finish"}]
    states: dict[str, Any] = {
        "Plan": {
            **_function(
                plan_arn,
                {
                    "schedule.$": "$.schedule",
                    "scheduled_time.$": "$.scheduled_time",
                    "owner.$": "$$.Execution.Id",
                    "now.$": "$$.Execution.StartTime",
                    "input.$": "$",
                },
            ),
            "OutputPath": "$.Payload",
            "Retry": [_retry(["States.ALL"], seconds=5, attempts=5)],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Unplanned"}],
            "Next": "Choose",
        },
        "Unplanned": {
            "Type": "Pass",
            "Parameters": {
                "schedule.$": "$.schedule",
                "scheduled_time.$": "$.scheduled_time",
                "owner.$": "$$.Execution.Id",
                "error.$": "$.error",
            },
            "Next": "Finish",
        },
        "Choose": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.runner", "StringEquals": "taken", "Next": "Done"},
                {"Variable": "$.runner", "StringEquals": "none", "Next": "Finish"},
                {"Variable": "$.runner", "StringEquals": "lambda", "Next": "RunInLambda"},
            ],
            "Default": "RunAsJob",
        },
        "RunInLambda": {
            "Type": "Task",
            "Resource": "arn:${partition}:states:::lambda:invoke",
            "Parameters": {"FunctionName.$": "$.function", "Payload.$": "$.job"},
            "TimeoutSeconds": LAMBDA_SECONDS + 60,
            "ResultSelector": {"seconds.$": "$.Payload.seconds", "status.$": "$.Payload.status"},
            "ResultPath": "$.result",
            "Retry": [_retry([*HANDLED_BY_LAMBDA, *UNREACHABLE, *IDLE], seconds=10, attempts=8)],
            "Catch": [{"ErrorEquals": TOO_MUCH, "ResultPath": "$.promoted", "Next": "Promote"}, *to_finish],
            "Next": "Finish",
        },
        "Promote": {"Type": "Pass", "Result": "processing", "ResultPath": "$.ran_as", "Next": "RunAsJob"},
        "RunAsJob": {
            "Type": "Task",
            "Resource": "arn:${partition}:states:::sagemaker:createProcessingJob.sync",
            "Parameters": {f"{name}.$": f"$.job.{name}" for name in JOB_FIELDS},
            "ResultSelector": {
                "ProcessingStartTime.$": "$.ProcessingStartTime",
                "ProcessingEndTime.$": "$.ProcessingEndTime",
            },
            "ResultPath": "$.result",
            # rights that are a moment old, and the service's own faults; a job that failed has used up its name
            "Retry": [_retry(["SageMaker.SdkClientException", GENERAL], seconds=10, attempts=3)],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "IsBusy"}],
            "Next": "Finish",
        },
        "IsBusy": {
            "Type": "Choice",
            "Choices": [
                {
                    "And": [
                        {
                            "Or": [
                                {"Variable": f"$.error.{where}", "StringMatches": pattern}
                                for where in ("Error", "Cause")
                                for pattern in BUSY
                            ]
                        },
                        {"Not": {"Variable": "$.error.Error", "StringEquals": "States.TaskFailed"}},
                        {"Variable": "$$.State.EnteredTime", "TimestampLessThanPath": "$.wait_until"},
                    ],
                    "Next": "Wait",
                }
            ],
            "Default": "Finish",
        },
        "Wait": {"Type": "Wait", "SecondsPath": "$.wait_seconds", "Next": "RunAsJob"},
        "Finish": {
            "Type": "Task",
            "Resource": "arn:${partition}:states:::lambda:invoke",
            "Parameters": {"FunctionName": finish_arn, "Payload": {"plan.$": "$", "now.$": "$$.State.EnteredTime"}},
            "OutputPath": "$.Payload",
            "Retry": [_retry(["States.ALL"], seconds=5, attempts=8)],
            "End": True,
        },
        "Done": {"Type": "Succeed"},
    }
    machine = {"Comment": "One run: plan, run, finish", "StartAt": "Plan", "States": states}
    return {key: _with_partition(each, partition) for key, each in machine.items()}


def _with_partition(value: Any, partition: str) -> Any:
    if isinstance(value, dict):
        return {key: _with_partition(each, partition) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_partition(each, partition) for each in value]
    return value.replace("${partition}", partition) if isinstance(value, str) else value
