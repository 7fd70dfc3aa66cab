"""Step Functions: standard state machines and the API of their executions.

A machine is made only if the service would make it: its role admits states.amazonaws.com, may write to the log group where
logging is on, and may keep the rule by which a task that waits for a SageMaker job learns of its end.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from twin.api import ApiError, Call
from twin.listing import page
from twin.sagemaker.jobs import Jobs
from twin.states import definitions, tasks
from twin.states.executions import Execution, Executions, Machine
from twin.surroundings import Surroundings
from twin.workers import Workers

PRINCIPAL: Final = "states.amazonaws.com"
NAME: Final = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}")
LARGEST_INPUT: Final = 256 * 2**10
MANAGED_RULE: Final = "StepFunctionsGetEventsForSageMaker{job}JobsRule"
RULE_ACTIONS: Final = ("events:PutTargets", "events:PutRule", "events:DescribeRule")
LOG_ACTIONS: Final = (
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
)
KEPT: Final = ("loggingConfiguration", "tracingConfiguration", "encryptionConfiguration")


@dataclass(eq=False)
class StateMachine:
    """A state machine. `settings` are those that are kept and shown."""

    arn: str
    name: str
    role: str
    text: str
    definition: dict[str, Any]
    created: datetime
    revision: str
    settings: dict[str, Any] = field(default_factory=dict)
    tags: list[dict[str, str]] = field(default_factory=list)

    def snapshot(self) -> Machine:
        return Machine(self.arn, self.name, self.role, self.definition)

    def summary(self) -> dict[str, Any]:
        return {"stateMachineArn": self.arn, "name": self.name, "type": "STANDARD", "creationDate": self.created}

    def describe(self) -> dict[str, Any]:
        return {
            **self.summary(),
            "status": "ACTIVE",
            "definition": self.text,
            "roleArn": self.role,
            "revisionId": self.revision,
            "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
            "tracingConfiguration": {"enabled": False},
            **self.settings,
        }


class StateMachines:
    """All state machines of the account, and their executions."""

    def __init__(self, twin: Surroundings, workers: Workers, jobs: Mapping[str, Jobs[Any, Any]]) -> None:
        self._twin = twin
        self._driver = Executions(twin, workers, jobs)
        self._machines: dict[str, StateMachine] = {}
        self._executions: dict[str, Execution] = {}
        self._starting = threading.Lock()  # of two that give one name, one begins
        operations: dict[str, Callable[[dict[str, Any], Call], dict[str, Any] | None]] = {
            "CreateStateMachine": self.create,
            "UpdateStateMachine": self.update,
            "DeleteStateMachine": self.delete,
            "DescribeStateMachine": lambda asked, _: self._find(asked["stateMachineArn"]).describe(),
            "ListStateMachines": self.list,
            "StartExecution": self.start,
            "StopExecution": self.stop,
            "DescribeExecution": lambda asked, _: self._execution(asked).describe(),
            "ListExecutions": self.list_executions,
            "GetExecutionHistory": self.history,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTagsForResource": lambda asked, _: {"tags": self._find(asked["resourceArn"]).tags},
        }
        twin.api.register("stepfunctions", **operations)

    # --- machines -------------------------------------------------------------------------------------------------------

    def create(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        name = asked["name"]
        _check_name(name)
        arn = f"arn:aws:states:{self._twin.region}:{self._twin.account}:stateMachine:{name}"
        _only(asked, "name", "definition", "roleArn", "type", "tags", *KEPT)
        if asked.get("type", "STANDARD") != "STANDARD":
            raise _not_here("express workflows")
        definition = self._check(asked["definition"], asked["roleArn"], asked)
        known = self._machines.get(arn)
        if known is not None:
            same = (known.text, known.role) == (asked["definition"], asked["roleArn"])
            if not same:
                raise ApiError("StateMachineAlreadyExists", f"State Machine Already Exists: '{arn}'")
            return {"stateMachineArn": arn, "creationDate": known.created}
        now = self._twin.clock.now()
        machine = StateMachine(
            arn, name, asked["roleArn"], asked["definition"], definition, now, str(uuid.uuid4()), _kept(asked)
        )
        machine.tags = list(asked.get("tags") or ())
        self._machines[arn] = machine
        return {"stateMachineArn": arn, "creationDate": now}

    def update(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        _only(asked, "stateMachineArn", "definition", "roleArn", *KEPT)
        machine = self._find(asked["stateMachineArn"])
        text, role = asked.get("definition") or machine.text, asked.get("roleArn") or machine.role
        machine.definition = self._check(text, role, {**machine.settings, **asked})
        machine.text, machine.role = text, role
        machine.settings |= _kept(asked)
        machine.revision = str(uuid.uuid4())
        return {"updateDate": self._twin.clock.now(), "revisionId": machine.revision}

    def delete(self, asked: dict[str, Any], _: Call) -> None:
        """What runs goes on to its end, as at the service."""
        self._machines.pop(asked["stateMachineArn"], None)

    def list(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        found = [machine.summary() for machine in self._machines.values()]
        return _page("stateMachines", found, asked)

    def _check(self, text: str, role: str, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Refuse what the service refuses, and what would not really run here; the parsed definition."""
        try:
            definition = definitions.parse(text)
        except definitions.InvalidDefinition as error:
            raise ApiError("InvalidDefinition", f"Invalid State Machine Definition: '{error}'") from error
        identity, where = self._twin.identity, f"arn:aws:events:{self._twin.region}:{self._twin.account}:rule"
        if not identity.trusts(role, PRINCIPAL):
            raise ApiError(
                "AccessDeniedException",
                f"Neither the global service principal {PRINCIPAL}, nor the regional one is authorized to assume the provided "
                f"role {role}.",
            )
        used = [tasks.integration(s["Resource"]).job for _, s in definitions.states(definition) if s["Type"] == "Task"]
        for job in sorted(set(used) - {""}):
            rule = f"{where}/{MANAGED_RULE.format(job=job)}"
            lacking = [action for action in RULE_ACTIONS if not identity.may(role, action, rule)]
            if lacking:
                raise ApiError(
                    "AccessDeniedException",
                    f"'{role}' is not authorized to create managed-rule: it lacks {', '.join(lacking)} on {rule}",
                )
        self._check_logging(role, settings.get("loggingConfiguration") or {})
        return definition

    def _check_logging(self, role: str, logging: Mapping[str, Any]) -> None:
        if logging.get("level", "OFF") == "OFF":
            return
        destinations = logging.get("destinations") or []
        groups = [d.get("cloudWatchLogsLogGroup", {}).get("logGroupArn", "") for d in destinations]
        if len(groups) != 1 or not groups[0].endswith(":*"):
            raise ApiError(
                "InvalidLoggingConfiguration",
                f"Invalid Logging Configuration: Log Destination must be the ARN of one log group, ending in :*, found {groups}",
            )
        lacking = [action for action in LOG_ACTIONS if not self._twin.identity.may(role, action, "*")]
        if lacking:
            raise ApiError(
                "AccessDeniedException",
                "The state machine IAM Role is not authorized to access the Log Destination: it lacks "
                f"{', '.join(lacking)} on *",
            )

    def tag(self, asked: dict[str, Any], _: Call) -> None:
        machine = self._find(asked["resourceArn"])
        new = {tag["key"] for tag in asked["tags"]}
        machine.tags = [tag for tag in machine.tags if tag["key"] not in new] + list(asked["tags"])

    def untag(self, asked: dict[str, Any], _: Call) -> None:
        machine = self._find(asked["resourceArn"])
        machine.tags = [tag for tag in machine.tags if tag["key"] not in asked["tagKeys"]]

    # --- executions -----------------------------------------------------------------------------------------------------

    def start(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        """A name is used once; the same name and input while it runs is the same execution."""
        machine = self._find(asked["stateMachineArn"])
        name, given = asked.get("name") or str(uuid.uuid4()), asked.get("input") or "{}"
        _check_name(name)
        if len(given.encode()) > LARGEST_INPUT:
            raise ApiError(
                "InvalidExecutionInput", f"Invalid State Machine Execution Input: over {LARGEST_INPUT} bytes"
            )
        try:
            json.loads(given)
        except ValueError as error:
            raise ApiError("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'") from error
        arn = f"{machine.arn.replace(':stateMachine:', ':execution:')}:{name}"
        with self._starting:
            known = self._executions.get(arn)
            if known is not None and (known.status != "RUNNING" or known.input != given):
                raise ApiError("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")
            is_new = known is None
            if known is None:
                known = self._executions[arn] = self._driver.prepare(machine.snapshot(), name, given)
        if is_new:
            self._driver.start(known)
        return {"executionArn": arn, "startDate": known.started}

    def stop(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        execution = self._execution(asked)
        self._driver.stop(execution, asked.get("error"), asked.get("cause"))
        return {"stopDate": execution.stopped}

    def list_executions(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        """Newest first."""
        _only(asked, "stateMachineArn", "statusFilter", "maxResults", "nextToken")
        machine, status = self._find(asked["stateMachineArn"]), asked.get("statusFilter")
        found = [e.summary() for e in reversed([*self._executions.values()]) if e.machine.arn == machine.arn]
        return _page("executions", [e for e in found if status in (None, e["status"])], asked)

    def history(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        events = list(self._execution(asked).history)
        return _page("events", events[::-1] if asked.get("reverseOrder") else events, asked)

    def _find(self, arn: str) -> StateMachine:
        if arn not in self._machines:
            raise ApiError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        return self._machines[arn]

    def _execution(self, asked: Mapping[str, Any]) -> Execution:
        arn = asked["executionArn"]
        if arn not in self._executions:
            raise ApiError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return self._executions[arn]


def _kept(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {name: asked[name] for name in KEPT if asked.get(name)}


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise ApiError("InvalidName", f"Invalid Name: '{name}'")


def _only(asked: Mapping[str, Any], *known: str) -> None:
    surplus = sorted(name for name in asked if name not in known and asked[name] not in (None, False))
    if surplus:
        raise _not_here(", ".join(surplus))


def _not_here(what: str) -> ApiError:
    return ApiError("NotImplementedByTwin", f"the twin's state machines have no {what}")


def _page(result: str, found: list[Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Step Functions spells its token in lower case."""
    answer = page(result, found, asked.get("nextToken"), asked.get("maxResults") or 100)
    token = answer.pop("NextToken", None)
    return {**answer, **({"nextToken": token} if token else {})}
