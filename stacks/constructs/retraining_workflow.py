"""The state machine of a retraining: from rows to a better model that serves. Every path ends in Conclude, which says how it ended.

Collect ─┬─ a run that was stopped ──────────────────────────────────────────────────────► PutBack ─► Conclude
         ├─ nothing to do ─────────────────────────────────────────────────────────────────────────► Conclude
         ├─ an earlier package ──────────────────────────────────────────────────► WriteLive
         ├─ one that never served ────► RemakeModel ─► AskRecent
         └─► Train ─► MakeModel ─► AskChampion ─► AskChallenger ─► Compare ─► Judge ─┬─ not better ─► Conclude
             Conclude ◄─ rejected, expired ─ Approve ◄─ a person decides ─ Register ◄┘
                                                └───────── or not ────────────┴─► AskRecent
AskRecent ─► PrepareBaseline ─► ComputeBaseline ─► WriteLive ─► Update ⇄ CheckUpdate ─► MovePointer ─► Watch ─► Conclude
                                                       └────────── any failure from here ──────────┴─► PutBack ─► Conclude
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stacks.constructs.run_workflow import FULL, IDLE, JOB_FIELDS, resource, retry, when_full

STEPS = (
    "collect",
    "pipeline",
    "register",
    "approval",
    "release",
    "rebaseline",
    "watch",
    "conclude",
)  # folders of functions
PIPELINE_SECONDS = 120  # between two looks at a pipeline that trains
UPDATE_SECONDS = 60  # between two looks at an endpoint that is being updated
STEP_SECONDS = 120  # that a function of a step may take: what a stopped execution began is done by then
TRAINING_FIELDS = (
    "TrainingJobName",
    "AlgorithmSpecification",
    "RoleArn",
    "HyperParameters",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "StoppingCondition",
    "EnableInterContainerTrafficEncryption",
    "Tags",
)
TRANSFORM_FIELDS = (
    "TransformJobName",
    "ModelName",
    "BatchStrategy",
    "TransformInput",
    "TransformOutput",
    "TransformResources",
    "Tags",
)
KEPT: dict[str, tuple[str, dict[str, str]]] = {  # kind of job → where, and what, of its description
    "Training": ("$.trained", {"artifact.$": "$.ModelArtifacts.S3ModelArtifacts"}),
    "Transform": ("$.answered", {"job.$": "$.TransformJobName"}),
    "Processing": ("$.computed", {"job.$": "$.ProcessingJobName"}),
}
GENERAL = ["SageMaker.SdkClientException", "SageMaker.AmazonSageMakerException"]
SOON = retry([FULL], seconds=2, attempts=92, longest=20)  # a quarter of an hour or so: a model that was refused serves
State = dict[str, Any]


def definition(partition: str, functions: Mapping[str, str], *, in_network: bool) -> State:
    """In Amazon States Language. functions: step → ARN of its function; in_network: training jobs run in subnets."""
    made = _Workflow(partition, functions, in_network)
    states = {
        **made.collecting(),
        **made.comparing(),
        **made.approving(),
        **made.baseline(),
        **made.releasing(),
        **made.watching(),
        **made.putting_back(),
        **made.concluding(),
    }
    return {"Comment": "Retraining: from rows to a better model that serves", "StartAt": "Collect", "States": states}


def _ends(result: str, following: str = "Conclude") -> State:
    """Remember how it ends."""
    return {"Type": "Pass", "Result": result, "ResultPath": "$.result", "Next": following}


def _choice(variable: str, places: Mapping[str, str], default: str) -> State:
    choices = [{"Variable": variable, "StringEquals": value, "Next": place} for value, place in places.items()]
    return {"Type": "Choice", "Choices": choices, "Default": default}


class _Workflow:
    """States that call the functions of one environment."""

    def __init__(self, partition: str, functions: Mapping[str, str], in_network: bool) -> None:
        self._partition, self._functions, self._in_network = partition, functions, in_network

    # --- kinds of states ------------------------------------------------------------------------------------------------

    def _step(
        self,
        name: str,
        following: str,
        *,
        step: str = "",
        into: str,
        failed: str = "Failed",
        full: State | None = None,
    ) -> State:
        """A function of ours; its answer is kept under a name of its own. full: how it waits where no function is free."""
        return {
            "Type": "Task",
            "Resource": resource(self._partition, "lambda:invoke"),
            "Parameters": {
                "FunctionName": self._functions[name],
                "Payload": {"plan.$": "$", "now.$": "$$.State.EnteredTime", **({"step": step} if step else {})},
            },
            "ResultSelector": {"answer.$": "$.Payload"},
            "ResultPath": f"$.{into}",
            "Retry": [full or when_full(), retry(["States.ALL"], seconds=5, attempts=5)],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": failed}],
            "Next": following,
        }

    def _returning(self, name: str, following: str, *, step: str, into: str) -> State:
        """A step that puts back: people are told soon where it cannot."""
        return self._step(name, following, step=step, into=into, failed="NotPutBack", full=SOON)

    def _job(self, kind: str, job: str, fields: tuple[str, ...], following: str, failed: str = "Failed") -> State:
        """A job that is waited for. A name is used once, so only what keeps it from starting is tried again."""
        into, kept = KEPT[kind]
        return {
            "Type": "Task",
            "Resource": resource(self._partition, f"sagemaker:create{kind}Job.sync"),
            "Parameters": {f"{name}.$": f"{job}.{name}" for name in fields},
            "ResultSelector": kept,
            "ResultPath": into,
            "Retry": [retry(GENERAL, seconds=10, attempts=3)],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": failed}],
            "Next": following,
        }

    # --- parts of the workflow ------------------------------------------------------------------------------------------

    def collecting(self) -> dict[str, State]:
        """Which rows, which models, which requests; the names of everything are made of the run's."""
        payload = {"input.$": "$", "execution.$": "$$.Execution.Name", "now.$": "$$.State.EnteredTime"}
        return {
            "Collect": {
                "Type": "Task",
                "Resource": resource(self._partition, "lambda:invoke"),
                "Parameters": {"FunctionName": self._functions["collect"], "Payload": payload},
                "OutputPath": "$.Payload",
                "Retry": [when_full(), retry(["States.ALL"], seconds=5, attempts=5)],
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Failed"}],
                "Next": "Choose",
            },
            "Choose": _choice(
                "$.path",
                {"train": "HowTrained", "release": "WriteLive", "renew": "RemakeModel", "settle": "Stopped"},
                "Conclude",
            ),
            "RemakeModel": self._step("release", "AskRecent", step="model", into="model"),
            "Stopped": {"Type": "Wait", "Seconds": STEP_SECONDS, "Next": "Broken"},
            "Train": self._job(
                "Training",
                "$.training_job",
                (*TRAINING_FIELDS, *(("VpcConfig",) if self._in_network else ())),
                "MakeModel",
                failed="TrainingFailed",
            ),
            "TrainingFailed": _ends("training_failed"),
            **self.piping(),
        }

    def piping(self) -> dict[str, State]:
        """A pipeline in the place of the training job. It is asked how far it is: no integration waits for one."""
        return {
            "HowTrained": _choice("$.trains_by", {"pipeline": "StartPipeline"}, "Train"),
            "StartPipeline": self._step(
                "pipeline", "AwaitPipeline", step="start", into="started_pipeline", failed="TrainingFailed"
            ),
            "AwaitPipeline": {"Type": "Wait", "Seconds": PIPELINE_SECONDS, "Next": "CheckPipeline"},
            "CheckPipeline": self._step(
                "pipeline", "IsTrained", step="check", into="pipelined", failed="TrainingFailed"
            ),
            "IsTrained": _choice(
                "$.pipelined.answer.status",
                {"running": "AwaitPipeline", "trained": "PipelineTrained"},
                "PipelineFailed",
            ),
            "PipelineTrained": {
                "Type": "Pass",
                "InputPath": "$.pipelined.answer",
                "ResultPath": "$.trained",
                "Next": "MakeModel",
            },
            "PipelineFailed": {
                "Type": "Pass",
                "InputPath": "$.pipelined.answer.error",
                "ResultPath": "$.error",
                "Next": "TrainingFailed",
            },
        }

    def comparing(self) -> dict[str, State]:
        """Both models answer the same rows, which no training saw."""
        return {
            "MakeModel": self._step("release", "AskChampion", step="model", into="model"),
            "AskChampion": self._job("Transform", "$.champion_job", TRANSFORM_FIELDS, "AskChallenger"),
            "AskChallenger": self._job("Transform", "$.challenger_job", TRANSFORM_FIELDS, "Compare"),
            "Compare": {
                "Type": "Task",
                "Resource": resource(self._partition, "lambda:invoke"),
                "Parameters": {"FunctionName.$": "$.comparison.function", "Payload.$": "$.comparison.event"},
                "ResultSelector": {"verdict.$": "$.Payload.verdict", "reason.$": "$.Payload.reason"},
                "ResultPath": "$.compared",
                "Retry": [when_full(), retry(["Lambda.ServiceException", *IDLE], seconds=10, attempts=8)],
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Failed"}],
                "Next": "Judge",
            },
            "Judge": _choice("$.compared.verdict", {"better": "Register"}, "NotBetter"),
            "NotBetter": _ends("not_better"),
        }

    def approving(self) -> dict[str, State]:
        """In the registry, with what is known of it; a person decides where the mode does not."""
        return {
            "Register": self._step("register", "IsApproved", into="package"),
            "IsApproved": _choice("$.package.answer.status", {"Approved": "IsDeployed"}, "Approve"),
            "Approve": {
                "Type": "Task",
                "Resource": resource(self._partition, "lambda:invoke.waitForTaskToken"),
                "Parameters": {
                    "FunctionName": self._functions["approval"],
                    "Payload": {"token.$": "$$.Task.Token", "plan.$": "$", "now.$": "$$.State.EnteredTime"},
                },
                "TimeoutSecondsPath": "$.approval_seconds",
                "ResultPath": "$.approval",
                "Retry": [when_full()],
                "Catch": [
                    {"ErrorEquals": ["Rejected"], "ResultPath": "$.error", "Next": "Rejected"},
                    {"ErrorEquals": ["States.Timeout"], "ResultPath": "$.error", "Next": "Expired"},
                    {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Failed"},
                ],
                "Next": "IsDeployed",
            },
            "Rejected": _ends("rejected"),
            "Expired": _ends("expired"),
            "IsDeployed": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.deploys", "BooleanEquals": True, "Next": "HasBaseline"}],
                "Default": "Registered",
            },
            "Registered": _ends("registered"),
        }

    def baseline(self) -> dict[str, State]:
        """What the new model says of recent rows becomes what its windows are compared with. Nothing has changed yet."""
        return {
            "HasBaseline": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.has_baseline", "BooleanEquals": True, "Next": "AskRecent"}],
                "Default": "WriteLive",
            },
            "AskRecent": self._job("Transform", "$.recent_job", TRANSFORM_FIELDS, "PrepareBaseline"),
            "PrepareBaseline": self._step("rebaseline", "ComputeBaseline", step="prepare", into="baseline"),
            "ComputeBaseline": self._job("Processing", "$.baseline.answer.job", JOB_FIELDS, "WriteLive"),
        }

    def releasing(self) -> dict[str, State]:
        """First what is live, so that a deployment in between means the same model; then the endpoint, then its baseline."""
        return {
            "WriteLive": self._step("release", "Update", step="live", into="live", failed="Broken"),
            "Update": self._step("release", "AwaitUpdate", step="update", into="update", failed="Broken"),
            "AwaitUpdate": {"Type": "Wait", "Seconds": UPDATE_SECONDS, "Next": "CheckUpdate"},
            "CheckUpdate": self._step("release", "IsUpdated", step="check", into="checked", failed="Broken"),
            "IsUpdated": _choice(
                "$.checked.answer.status", {"updating": "AwaitUpdate", "serving": "MovePointer"}, "RolledBack"
            ),
            "MovePointer": self._step("rebaseline", "IsWatched", step="point", into="pointer", failed="Broken"),
        }

    def watching(self) -> dict[str, State]:
        """The monitors have the last word, for some windows."""
        return {
            "IsWatched": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.watch.windows", "NumericGreaterThan": 0, "Next": "AwaitWindow"}],
                "Default": "Deployed",
            },
            "AwaitWindow": {"Type": "Wait", "SecondsPath": "$.watch.seconds", "Next": "Watch"},
            "Watch": self._step("watch", "IsHealthy", into="watched", failed="WatchFailed"),
            "IsHealthy": _choice(
                "$.watched.answer.status",
                {"waiting": "AwaitWindow", "healthy": "Deployed", "kept": "Deployed"},
                "RolledBack",
            ),
            "WatchFailed": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.watch.undoes", "BooleanEquals": False, "Next": "Unwatched"}],
                "Default": "Broken",
            },
            "Unwatched": {  # what a person chose stays
                "Type": "Pass",
                "Result": {
                    "answer": {"status": "unwatched", "reason": "the watch failed, so that no window was judged"}
                },
                "ResultPath": "$.watched",
                "Next": "Deployed",
            },
            "Deployed": _ends("deployed"),
        }

    def putting_back(self) -> dict[str, State]:
        """The old model serves again, with its baseline."""
        return {
            "RolledBack": _ends("rolled_back", "PutBack"),
            "Broken": _ends("failed", "PutBack"),
            "PutBack": self._returning("release", "AwaitReturn", step="back", into="back"),
            "AwaitReturn": {"Type": "Wait", "Seconds": UPDATE_SECONDS, "Next": "CheckReturn"},
            "CheckReturn": self._returning("release", "HasReturned", step="returned", into="returned"),
            "HasReturned": _choice("$.returned.answer.status", {"updating": "AwaitReturn"}, "ReturnPointer"),
            "ReturnPointer": self._returning("rebaseline", "Conclude", step="back", into="pointer_back"),
            "NotPutBack": {
                "Type": "Pass",
                "Result": {"answer": {"status": "lost"}},
                "ResultPath": "$.returned",
                "Next": "Failed",
            },
        }

    def concluding(self) -> dict[str, State]:
        """The record, the event, the message; whoever waits for the lock may go on."""
        return {
            "Failed": _ends("failed"),
            "Conclude": {
                "Type": "Task",
                "Resource": resource(self._partition, "lambda:invoke"),
                "Parameters": {
                    "FunctionName": self._functions["conclude"],
                    "Payload": {"plan.$": "$", "execution.$": "$$.Execution.Name", "now.$": "$$.State.EnteredTime"},
                },
                "OutputPath": "$.Payload",
                "Retry": [when_full(), retry(["States.ALL"], seconds=5, attempts=8)],
                "Next": "HasFailed",
            },
            "HasFailed": _choice("$.ended_as", {"failed": "Fail", "training_failed": "Fail"}, "Done"),
            "Fail": {"Type": "Fail", "ErrorPath": "$.ended_as", "CausePath": "$.reason"},
            "Done": {"Type": "Succeed"},
        }
