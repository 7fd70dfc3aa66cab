"""How a retraining ended: one record, one event, one message, whatever happened."""

from __future__ import annotations

import json

import pytest

from tests.lambda_.releases.conftest import ENDPOINT, NOON, RECORDS, RUN, World

FAILURE = {"Error": "States.TaskFailed", "Cause": json.dumps({"FailureReason": "AlgorithmError: no rows"})}


def conclude(world: World, plan: dict) -> dict:
    return world.call("conclude", {"plan": plan, "execution": RUN, "now": NOON.isoformat()})


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"result": "not_better", "compared": {"reason": "no difference"}}, "no difference"),
        ({"result": "training_failed", "error": FAILURE}, "States.TaskFailed: AlgorithmError: no rows"),
        ({"result": "rejected", "error": {"Error": "Rejected", "Cause": "by a person"}}, "Rejected: by a person"),
        ({"result": "deployed", "watched": {"answer": {"status": "healthy", "reason": "2 windows"}}}, "2 windows"),
        ({"result": "rolled_back", "watched": {"answer": {"status": "violated", "reason": "worse"}}}, "worse"),
        ({"result": "rolled_back", "checked": {"answer": {"why": "5XX"}}}, "SageMaker rolled the update back: 5XX"),
        ({"result": "failed", "error": {"Error": "KeyError", "Cause": "no JSON"}}, "KeyError: no JSON"),
    ],
    ids=lambda value: value.get("result", "") if isinstance(value, dict) else "",
)
def test_every_end_is_kept_and_told(world: World, more: dict, reason: str):
    plan = {**world.collect(), **more}
    answer = conclude(world, plan)
    assert answer["ended_as"] == more["result"]
    record = json.loads(world.text(f"{RECORDS}/{RUN}/record.json"))
    assert (record["result"], record["reason"], record["why"]) == (more["result"], reason, "drift")
    assert record["jobs"]["training_job"]["TrainingJobName"] == RUN
    (event,) = world.events
    assert (event["endpoint"], event["run"], event["result"]) == (ENDPOINT, RUN, more["result"])
    (message,) = world.messages
    assert reason in message["Message"]
    assert event["record_uri"] in message["Message"]
    assert world.item(f"run#{RUN}")["result"] == more["result"]


def test_a_first_step_that_failed_is_told_of_what_is_known(world: World):
    given = {"endpoint": ENDPOINT, "run": RUN, "reason": "drift", "result": "failed", "error": FAILURE}
    assert conclude(world, given)["ended_as"] == "failed"
    assert json.loads(world.text(f"{RECORDS}/{RUN}/record.json"))["why"] == "drift"


def test_an_execution_that_was_stopped_has_an_end_too(world: World):
    given = json.dumps({"endpoint": ENDPOINT, "run": RUN})
    detail = {"status": "ABORTED", "name": RUN, "input": given, "cause": "by hand", "stopDate": 1}
    world.call("conclude", {"detail-type": "Step Functions Execution Status Change", "detail": detail})
    assert "by hand" in world.item(f"run#{RUN}")["reason"]
    assert len(world.messages) == 1


def test_a_deployment_says_how_to_go_back(world: World):
    plan = {**world.collect(), "trained": {"artifact": "s3://new/model.tar.gz"}, "compared": {"reason": "better"}}
    world.step("register", plan)
    conclude(world, {**plan, "result": "deployed"})
    (old,) = [arn for arn, each in world.sagemaker.packages.items() if each["ModelApprovalStatus"] == "Approved"][:1]
    assert f"rollback_to {old}" in world.messages[-1]["Message"]


def test_an_endpoint_that_serves_neither_model_calls_for_a_person(world: World):
    plan = {**world.collect(), "result": "rolled_back", "returned": {"answer": {"status": "lost"}}}
    conclude(world, plan)
    assert "a person must look at it now" in world.messages[-1]["Message"]
