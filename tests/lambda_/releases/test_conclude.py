"""How a retraining ended: one record, one event, one message, whatever happened."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.lambda_.releases.conftest import (
    CHALLENGER,
    CHAMPION,
    ENDPOINT,
    HOUR,
    LIVE,
    NOON,
    RECORDS,
    RUN,
    TABLE,
    World,
)

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


def test_the_report_shows_both_models_and_what_the_new_one_is_made_of(world: World):
    world.put("shop/training/2026-03-02T1100-review.csv", b"1,5,5\n")
    world.window(NOON - HOUR, "error")
    plan = {
        **world.collect(),
        "result": "not_better",
        "compared": {"verdict": "worse_bias", "reason": "less fair <to> some"},
    }
    group = {
        "facet": "area",
        "group": "<south>",
        "metric": "DPPL",
        "outcome": "worse",
        "champion": 0.01,
        "challenger": 0.2,
    }
    comparison = {
        "metric": "accuracy",
        "champion": 0.7,
        "challenger": 0.812345,
        "interval": [0.05, 0.2],
        "metrics": {"champion": {"f1": {"value": 0.6}}, "challenger": {"f1": {"value": None}, "confusion_matrix": {}}},
        "slices": [{"feature": "size", "group": "1", "outcome": "not_judged", "reason": "fewer than 30 records"}],
        "fairness": [group],
    }
    world.put(f"retraining/shop/{RUN}/comparison.json", comparison)
    conclude(world, plan)
    told = world.text(f"{RECORDS}/{RUN}/report.html")
    assert f"{RECORDS}/{RUN}/report.html" in world.messages[-1]["Message"]
    for shown in (
        "<td>accuracy, which decided</td><td>0.7</td><td>0.8123 (a difference of 0.05 to 0.2)</td>",
        "<td>f1</td><td>0.6</td><td>undefined</td>",
        "<td>DPPL of area &lt;south&gt;</td><td>0.01</td><td>0.2</td><td>worse</td>",
        "not judged: fewer than 30 records",
        "<td>fresh</td><td>review</td><td>1</td>",
        "its run ended in an error",
        "less fair &lt;to&gt; some",
        CHAMPION,
    ):
        assert shown in told, shown


def test_a_first_step_that_failed_is_told_of_what_is_known(world: World):
    given = {"endpoint": ENDPOINT, "run": RUN, "reason": "drift", "result": "failed", "error": FAILURE}
    assert conclude(world, given)["ended_as"] == "failed"
    assert json.loads(world.text(f"{RECORDS}/{RUN}/record.json"))["why"] == "drift"


def stop(world: World, name: str = RUN, **given: object) -> dict:
    detail = {
        "status": "ABORTED",
        "name": name,
        "input": json.dumps({"endpoint": ENDPOINT, **given}),
        "cause": "by hand",
    }
    event = {"detail-type": "Step Functions Execution Status Change", "detail": detail, "time": NOON.isoformat()}
    return world.call("conclude", event)


def test_an_execution_that_was_stopped_before_it_changed_anything_ends_at_once(world: World):
    world.collect()
    stop(world, run=RUN)
    assert "by hand" in world.item(f"run#{RUN}")["reason"]
    assert len(world.messages) == 1
    assert "owner" not in world.item("lock")
    assert world.executions == {}


@pytest.mark.parametrize("left_out", [{}, {"input": None}])
def test_an_event_without_the_input_is_read_with_its_execution(world: World, left_out: dict[str, None]):
    world.collect()
    world.executions[RUN] = {"status": "ABORTED", "input": json.dumps({"endpoint": ENDPOINT, "run": RUN})}
    detail = {
        "status": "ABORTED",
        "name": RUN,
        "cause": "by hand",
        **left_out,
    }  # of a machine that a customer's key encrypts
    world.call(
        "conclude",
        {"detail-type": "Step Functions Execution Status Change", "detail": detail, "time": NOON.isoformat()},
    )
    assert "by hand" in world.item(f"run#{RUN}")["reason"]
    assert len(world.messages) == 1


def test_an_execution_that_was_stopped_in_an_update_is_put_back_by_another(world: World):
    plan = {**world.collect(), "artifact": CHALLENGER}
    world.step("release", plan, "live")
    stop(world, run=RUN)
    stop(world, run=RUN)  # events come twice
    assert world.messages == []
    assert list(world.executions) == [f"{RUN}-b"]
    settling = world.call("collect", world.executions[f"{RUN}-b"]["event"])
    assert (settling["path"], settling["champion"], settling["run"]) == ("settle", plan["champion"], RUN)
    world.step("release", settling, "back")
    assert world.parameter(LIVE) == CHAMPION
    conclude(world, {**settling, "result": "failed"})
    assert "by hand" in world.item(f"run#{RUN}")["reason"]
    assert "The old model serves" in world.messages[-1]["Message"]
    assert json.loads(world.text(f"{RECORDS}/{RUN}/record.json"))["why"] == "drift"


def test_what_settles_and_is_stopped_is_settled_again(world: World):
    world.step("release", {**world.collect(), "artifact": CHALLENGER}, "live")
    stop(world, run=RUN)
    world.executions[f"{RUN}-b"]["status"] = "ABORTED"
    stop(world, f"{RUN}-b", run=RUN, settles="by hand")
    stop(world, run=RUN)
    assert list(world.executions) == [f"{RUN}-b", f"{RUN}-b-b"]


def test_a_settling_run_whose_first_step_fails_calls_for_a_person(world: World):
    given = {"endpoint": ENDPOINT, "run": RUN, "settles": "by hand", "result": "failed", "error": FAILURE}
    conclude(world, given)
    assert "a person must look at the endpoint" in world.messages[-1]["Message"]


@pytest.fixture
def look(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], dict]:
    """The rule's own event, with this one endpoint beside the code."""
    (file := tmp_path / "endpoints.json").write_text(json.dumps([ENDPOINT, "another"]))
    load = world.load

    def loaded(name: str) -> SimpleNamespace:
        room = load(name)
        monkeypatch.setattr(room.stopped, "FILE", file)
        return room

    def pass_() -> dict:
        monkeypatch.setattr(world, "load", loaded)
        found = world.call("conclude", {"detail-type": "Scheduled Event", "time": NOON.isoformat()})
        monkeypatch.setattr(world, "load", load)
        return found

    return pass_


def test_a_stop_whose_event_was_lost_is_found_by_who_holds_the_endpoint(world: World, look: Callable[[], dict]):
    world.step("release", {**world.collect(), "artifact": CHALLENGER}, "live")
    world.executions[RUN] = {"status": "RUNNING"}
    assert look() == {"ended": []}
    world.executions[RUN]["status"] = "TIMED_OUT"
    assert look() == {"ended": [{"endpoint": ENDPOINT, "run": RUN}]}
    assert list(world.executions) == [RUN, f"{RUN}-b"]
    world.executions[f"{RUN}-b"]["status"] = "RUNNING"
    look()
    assert list(world.executions) == [RUN, f"{RUN}-b"]


def test_a_last_step_that_died_gives_the_endpoint_back(world: World, look: Callable[[], dict]):
    world.collect()
    world.executions[RUN] = {"status": "FAILED"}
    table = world.dynamodb.Table(TABLE)
    table.update_item(
        Key={"pk": f"retraining#{ENDPOINT}", "sk": f"run#{RUN}"},
        UpdateExpression="SET #r = :r",
        ExpressionAttributeNames={"#r": "result"},
        ExpressionAttributeValues={":r": "deployed"},
    )
    look()
    assert "owner" not in world.item("lock")
    assert (world.messages, list(world.executions)) == ([], [RUN])


def test_a_deployment_says_how_to_go_back(world: World):
    plan = {**world.collect(), "trained": {"artifact": "s3://new/model.tar.gz"}, "compared": {"reason": "better"}}
    world.step("register", plan)
    conclude(world, {**plan, "result": "deployed"})
    (old,) = [arn for arn, each in world.sagemaker.packages.items() if each["ModelApprovalStatus"] == "Approved"][:1]
    assert f"rollback_to {old}" in world.messages[-1]["Message"]


def test_an_endpoint_that_serves_neither_model_calls_for_a_person(world: World):
    plan = {**world.collect(), "result": "rolled_back", "returned": {"answer": {"status": "lost"}}}
    conclude(world, plan)
    assert "a person must look at the endpoint" in world.messages[-1]["Message"]


def test_a_package_that_stays_against_the_monitors_calls_for_a_person(world: World):
    kept = {"answer": {"status": "kept", "reason": "model_quality was violated"}}
    conclude(world, {**world.collect(), "result": "deployed", "watched": kept})
    (message,) = world.messages
    assert message["Subject"] == "RETRAINING DEPLOYED, MONITORS SPEAK AGAINST IT: shop"
    assert "stays although the monitors speak against it" in message["Message"]
    assert json.loads(world.text(f"{RECORDS}/{RUN}/record.json"))["is_kept"] is True


def test_a_package_that_nobody_watched_to_the_end_is_told_as_such(world: World):
    broken = {"answer": {"status": "unwatched", "reason": "the watch failed, so that no window was judged"}}
    conclude(world, {**world.collect(), "result": "deployed", "watched": broken})
    (message,) = world.messages
    assert message["Subject"] == "RETRAINING DEPLOYED, NOT WATCHED TO THE END: shop"
    assert "nobody watched it to the end" in message["Message"]
    record = json.loads(world.text(f"{RECORDS}/{RUN}/record.json"))
    assert (record["is_unwatched"], record["is_kept"]) == (True, False)
