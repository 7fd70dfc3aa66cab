"""The state machine of retrainings: every path has an end that is told, and what was changed is put back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from model_monitor import contract
from stacks.constructs import retraining_workflow, run_workflow
from stacks.constructs.next_baseline import columns
from stacks.constructs.release_settings import NAMES_CHARACTERS, cut, deployment
from stacks.settings.payload import Payload
from tests.analyses import analysed

pytestmark = pytest.mark.xdist_group("synth")
ARNS = {step: f"arn:{step}" for step in retraining_workflow.STEPS}
DEFINITION = retraining_workflow.definition("aws", ARNS, in_network=False)
STATES: dict[str, dict[str, Any]] = DEFINITION["States"]
CHANGED = ("WriteLive", "Update", "CheckUpdate", "MovePointer", "Watch")  # from here on something has to be put back
PUT_BACK = ("PutBack", "CheckReturn", "ReturnPointer")  # a model that was refused serves meanwhile
TASKS = [name for name, state in STATES.items() if state["Type"] == "Task"]


def following(name: str) -> Iterator[str]:
    state = STATES[name]
    yield from (state[key] for key in ("Next", "Default") if key in state)
    yield from (rule["Next"] for rule in (*state.get("Choices", ()), *state.get("Catch", ())))


def reached(name: str) -> set[str]:
    found, todo = set(), [name]
    while todo:
        if (here := todo.pop()) not in found:
            found.add(here)
            todo += following(here)
    return found


def test_every_state_is_reached_and_leads_to_the_last_step():
    assert reached("Collect") == set(STATES)
    for name in set(STATES) - {"Conclude", "HasFailed", "Fail", "Done"}:
        assert "Conclude" in reached(name), name


def test_whatever_fails_is_caught():
    for name in set(TASKS) - {"Conclude"}:
        assert [c["ErrorEquals"] for c in STATES[name]["Catch"]][-1] == ["States.ALL"], name
    assert STATES["Conclude"]["Retry"]


def test_a_step_waits_where_no_function_is_free_and_putting_back_a_quarter_of_an_hour():
    called = {name for name in TASKS if "lambda:invoke" in STATES[name]["Resource"]}
    assert called > {*PUT_BACK, "Approve"}
    waiting = {name for name in called if STATES[name].get("Retry", [None])[0] == run_workflow.when_full()}
    assert waiting == called - set(PUT_BACK)
    for name in PUT_BACK:
        full, others = STATES[name]["Retry"]
        assert (full["ErrorEquals"], others["ErrorEquals"]) == ([run_workflow.FULL], ["States.ALL"]), "the first counts"
        pauses = [min(full["IntervalSeconds"] * 2**n, full["MaxDelaySeconds"]) for n in range(full["MaxAttempts"])]
        assert max(pauses) == 20
        assert 14 * 60 < sum(pauses) / 2 < 16 * 60, "on average, as pauses are spread"


@pytest.mark.parametrize("name", CHANGED)
def test_what_was_changed_is_put_back(name: str):
    (catcher,) = STATES[name]["Catch"]
    failed = STATES[catcher["Next"]].get("Default", catcher["Next"])  # unless it is what a person chose
    assert STATES[failed]["Next"] == "PutBack"


def test_what_a_person_chose_stays_when_the_monitors_speak_against_it_or_cannot_be_asked():
    spoken = {rule["StringEquals"]: rule["Next"] for rule in STATES["IsHealthy"]["Choices"]}
    assert (spoken["kept"], STATES["IsHealthy"]["Default"]) == ("Deployed", "RolledBack")
    (chosen,) = STATES["WatchFailed"]["Choices"]
    assert (chosen["Variable"], chosen["BooleanEquals"]) == ("$.watch.undoes", False)
    told = STATES[chosen["Next"]]
    assert (told["Next"], told["Result"]["answer"]["status"]) == ("Deployed", "unwatched")


def test_a_package_that_never_served_is_asked_about_recent_rows_before_it_does():
    (renewed,) = [rule["Next"] for rule in STATES["Choose"]["Choices"] if rule["StringEquals"] == "renew"]
    assert STATES[renewed]["Next"] == "AskRecent"


def test_where_putting_back_fails_nobody_is_told_that_the_old_model_serves():
    for name in PUT_BACK:
        (catcher,) = STATES[name]["Catch"]
        left = STATES[catcher["Next"]]
        assert (left["ResultPath"], left["Result"]["answer"]["status"]) == ("$.returned", "lost")


def test_a_run_that_was_stopped_is_put_back_once_its_last_step_is_over():
    (settles,) = [rule["Next"] for rule in STATES["Choose"]["Choices"] if rule["StringEquals"] == "settle"]
    assert STATES[settles]["Seconds"] >= 120
    assert STATES[STATES[settles]["Next"]]["Next"] == "PutBack"


def test_nothing_is_changed_before_the_package_is_approved_and_the_baseline_is_there():
    def passes(name: str, barrier: set[str]) -> bool:
        found, todo = set(), [name]
        while todo:
            here = todo.pop()
            if here not in found and here not in barrier:
                found.add(here)
                todo += following(here)
        return "WriteLive" in found

    assert passes("Train", set())
    assert not passes("Train", {"Register"})
    assert not passes("Train", {"IsDeployed"})
    assert not passes("AskRecent", {"ComputeBaseline"})


def test_jobs_in_subnets_are_told_so():
    private = retraining_workflow.definition("aws", ARNS, in_network=True)["States"]["Train"]["Parameters"]
    assert private.keys() - STATES["Train"]["Parameters"].keys() == {"VpcConfig.$"}


def test_a_deployment_names_the_alarms_that_take_it_back(assembly):
    for parameter in assembly.properties("AWS::SSM::Parameter", "-Monitoring"):
        if not parameter["Name"].endswith("/retraining/release"):
            continue
        parts = parameter["Value"]["Fn::Join"][1]
        document = json.loads("".join(part if isinstance(part, str) else "token" for part in parts))
        named = [alarm["AlarmName"] for alarm in document["deployment"]["AutoRollbackConfiguration"]["Alarms"]]
        alarms = {a["AlarmName"]: a for a in assembly.properties("AWS::CloudWatch::Alarm", "-Monitoring")}
        assert named
        for name in named:
            assert alarms[name]["TreatMissingData"] == "notBreaching"
            assert alarms[name]["Namespace"] == "AWS/SageMaker"


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, "CANARY"),
        ({"strategy": "linear", "size_percent": 25}, "LINEAR"),
        ({"strategy": "all_at_once"}, "ALL_AT_ONCE"),
    ],
)
def test_traffic_moves_as_it_is_set(given: dict, kind: str):
    endpoint = analysed(model__instance_count=2, retraining__deployment={**given, "wait_seconds": 300}).endpoints[
        "fraud"
    ]
    found = deployment(endpoint.retraining, endpoint.model, ["a"])["BlueGreenUpdatePolicy"]
    assert found["TrafficRoutingConfiguration"]["Type"] == kind
    assert found["TrafficRoutingConfiguration"]["WaitIntervalInSeconds"] == 300
    assert 600 <= found["MaximumExecutionTimeoutInSeconds"] <= 28800


def test_names_of_a_wide_table_fill_several_parameters():
    names = [f"feature_{number:04}" for number in range(1000)]
    parts = list(cut(names))
    assert [name for part in parts for name in part] == names
    assert all(len(json.dumps(part)) <= NAMES_CHARACTERS for part in parts)
    assert len(parts) > 1


@pytest.mark.parametrize(
    ("payload", "answers", "expected"),
    [
        ({}, "application/jsonlines", [("label", "label"), ("score", "score")]),
        ({"prediction": "said"}, "application/jsonlines", [("label", "said"), ("score", "score")]),
        ({"output": {"prediction": 0, "score": 1}}, "application/jsonlines", [("label", "label"), ("score", "score")]),
        ({"output": {"prediction": 0, "score": 1}, "prediction": "said"}, "text/csv", [(0, "said")]),
        (
            {"output": {"attributions": ["a", "b"], "score": None}},
            "application/jsonlines",
            [("label", "label"), ("a", "a"), ("b", "b")],
        ),
    ],
    ids=["names", "renamed", "positions of the kit", "positions", "attributions"],
)
def test_a_dataset_calls_answers_as_the_mapping_does(payload: dict, answers: str, expected: list):
    assert list(columns(Payload(features=["height"], **payload), answers)) == expected


def test_the_machine_is_called_as_whoever_decides_calls_it(assembly):
    (machine,) = assembly.properties("AWS::StepFunctions::StateMachine", "-Release")
    assert machine["StateMachineName"] == contract.retraining_machine(assembly.settings.environment)
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
