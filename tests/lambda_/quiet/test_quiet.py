"""Custom::QuietSchedule: a deletion waits for runs of its schedule, and for nobody else's."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:runs"


class Machine:
    """Executions that go on, by their input; each pause ends the first."""

    def __init__(self, *given: str) -> None:
        self.running = list(given)
        self.pauses = 0

    def pause(self, seconds: float) -> None:
        self.pauses += 1
        self.running = self.running[1:]

    def get_paginator(self, call: str) -> SimpleNamespace:
        assert call == "list_executions"
        return SimpleNamespace(paginate=self.pages)

    def pages(self, **asked: str) -> list[dict[str, Any]]:
        assert asked == {"stateMachineArn": MACHINE, "statusFilter": "RUNNING"}
        found = [{"name": f"run-{n}", "executionArn": text} for n, text in enumerate(self.running)]
        return [{"executions": found[:1]}, {"executions": found[1:]}]

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803 (boto3's name)
        return {"input": executionArn}


def run(schedule: str) -> str:
    return json.dumps({"schedule": schedule, "scheduled_time": "2026-03-02T00:00:00Z"})


@pytest.fixture
def ask(
    load: Callable[[str], SimpleNamespace], cloudformation: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    room = load("quiet")

    def asked(kind: str, machine: Machine, longest: float = 840, **properties: Any) -> dict[str, Any]:
        monkeypatch.setattr(room.handler, "client", {"stepfunctions": machine}.__getitem__)
        monkeypatch.setattr(room.handler, "LONGEST_SECONDS", longest)
        monkeypatch.setattr(room.handler.time, "sleep", machine.pause)
        event = {
            "RequestType": kind,
            "ResponseURL": cloudformation.url,
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": "Quiet",
            "ResourceProperties": {"Schedule": "fraud-data", "MachineArn": MACHINE, **properties},
        }
        room.handler.handle(event)
        answer: dict[str, Any] = cloudformation.answers[-1]
        return answer

    return asked


def test_a_deletion_waits_until_the_schedule_s_runs_are_over(ask: Callable[..., dict[str, Any]]) -> None:
    machine = Machine(run("fraud-data"), run("churn-data"), run("fraud-data"), "no JSON", run("churn-data"))
    assert ask("Delete", machine)["Status"] == "SUCCESS"
    assert (machine.pauses, machine.running) == (3, ["no JSON", run("churn-data")])


@pytest.mark.parametrize(("code", "status"), [("StateMachineDoesNotExist", "SUCCESS"), ("AccessDenied", "FAILED")])
def test_a_machine_that_is_gone_runs_nothing(ask: Callable[..., dict[str, Any]], code: str, status: str) -> None:
    class Gone(Machine):
        def pages(self, **asked: str) -> list[dict[str, Any]]:
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, "ListExecutions")

    assert ask("Delete", Gone())["Status"] == status


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_a_deployment_waits_for_nothing(ask: Callable[..., dict[str, Any]], kind: str) -> None:
    machine = Machine(run("fraud-data"))
    assert ask(kind, machine)["Status"] == "SUCCESS"
    assert machine.pauses == 0


def test_a_run_that_does_not_end_fails_the_deletion_by_its_name(ask: Callable[..., dict[str, Any]]) -> None:
    answer = ask("Delete", Machine(run("fraud-data")), longest=5)
    assert answer["Status"] == "FAILED"
    assert "a run of fraud-data goes on (run-0). Delete the stack again when it has ended." in answer["Reason"]


def test_a_request_that_names_no_schedule_is_answered_with_what_it_should_name(
    ask: Callable[..., dict[str, Any]],
) -> None:
    answer = ask("Delete", Machine(), Schedule="")
    assert (answer["Status"], "property Schedule should be" in answer["Reason"]) == ("FAILED", True)
