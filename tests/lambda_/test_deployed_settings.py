"""What the stacks hand to the functions is what the functions read, and what they make of it is what SageMaker takes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from model_monitor import contract
from stacks.retraining_plane_stack import FOLDER
from tests.reviewed import everywhere
from tests.synthesis import ENVIRONMENTS, Assembly, environment, synthesize

pytestmark = pytest.mark.xdist_group("synth")

LAMBDA = Path(__file__).resolve().parents[2] / "lambda"
ARN = "arn:aws:iam::123456789012:role/a-role-name"  # long enough to stand for any reference


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def assembly(request: pytest.FixtureRequest) -> Assembly:
    """Each environment in turn."""
    return environment(request.param)


def text(value: Any) -> str:
    """A template's value with references replaced."""
    if isinstance(value, str):
        return value
    return "".join(text(part) for part in value["Fn::Join"][1]) if "Fn::Join" in value else ARN


def faults(operation: str, request: dict[str, Any]) -> str:
    """What the API's own model finds wrong with a request."""
    model = botocore.session.get_session().get_service_model("sagemaker").operation_model(operation)
    return str(ParamValidator().validate(request, model.input_shape).generate_report())


def test_every_policy_is_read_and_makes_a_training_job(
    assembly: Assembly, load: Callable[[str], SimpleNamespace]
) -> None:
    room, steps = load("retraining"), load("collect")
    parameters = assembly.policies()
    assert parameters
    for parameter in parameters:
        policy = room.policy.read(text(parameter["Value"]))
        name = room.decide.name_at(policy.job_name_prefix, datetime(2026, 3, 4, 5, tzinfo=UTC))
        assert room.decide.stem(policy.job_name_prefix) == policy.job_name_prefix, "the role allows the whole prefix"
        training = json.loads(text(parameter["Value"]))["training"]
        for channels in (["train"], ["train", "fresh"]):
            manifests = {channel: f"s3://bucket/{channel}.json" for channel in channels}
            request = steps.decide.training_job(name, training, manifests)
            assert faults("CreateTrainingJob", request) == ""
            assert [channel["ChannelName"] for channel in request["InputDataConfig"]] == channels
        assert "train" in {channel.name for channel in policy.training.channels}
        assert policy.alarms
        assert not policy.alarms.keys() & (policy.other_alarm_names | policy.violation_alarm_names)


def test_the_retraining_function_spells_names_as_others_do(load: Callable[[str], SimpleNamespace]) -> None:
    tell = load("retraining").tell
    assert (tell.METRIC, tell.FOLDER) == (contract.METRIC_RETRAINING_DECISIONS, FOLDER)


def test_every_baseline_is_read_and_makes_a_processing_job(
    assembly: Assembly, load: Callable[[str], SimpleNamespace]
) -> None:
    room = load("baseline")
    for step in assembly.properties("Custom::ModelBaseline"):
        given = {name: text(value) for name, value in step.items()}
        baseline = room.decide.properties({"ResourceProperties": given})
        for name in room.decide.attempt_names(baseline.job_name):
            assert name.startswith(f"{baseline.job_name}-"), "the rule and the role know jobs by this prefix"
            assert faults("CreateProcessingJob", {"ProcessingJobName": name, **baseline.processing_job}) == ""


def test_every_live_pointer_is_read(assembly: Assembly, load: Callable[[str], SimpleNamespace]) -> None:
    room = load("live_pointer")
    for pointer in assembly.properties("Custom::LivePointer"):
        plan = room.decide.plan({"RequestType": "Create", "ResourceProperties": pointer})
        assert plan.initial_value.startswith("s3://")


WORDS = {  # of its description
    "approval": "Waits for a person",
    "baseline": "Baseline of",
    "collect": "which rows, which models",
    "conclude": "Last step of a retraining",
    "dashboard": "for the dashboard",
    "emptying": "Empties",
    "finish": "Last step of a run",
    "human_flow": "flow definitions of Augmented AI",
    "live_pointer": "Seeds",
    "plan": "First step of a run",
    "quiet": "none of its runs goes on",
    "pipeline": "SageMaker Pipeline",
    "rebaseline": "baseline current",
    "reconciler": "no container",
    "register": "Registers a model",
    "release": "Puts a model live",
    "retraining": "alarm",
    "review": "The page that reviewers",
    "review_answers": "what labelling tools answer",
    "review_clerk": "their answers as labels",
    "sweep": "silent",
    "updates": "being updated",
    "watch": "Asks the monitors",
}


@cache
def reviews() -> Assembly:
    """With every way to review predictions, and composite alarms."""
    return synthesize(everywhere())


def imported(module: Path) -> set[Path]:
    """A function's modules: its own and those of lambda/shared/ that they import, near or far."""
    found: set[Path] = set()
    todo = [module]
    while todo:
        found.add(here := todo.pop())
        words = re.findall(r"^(?:import|from) (.+)", here.read_text(), re.MULTILINE)
        names = {name for word in words for name in re.findall(r"\w+", word)}
        places = [folder / f"{name}.py" for name in names for folder in (module.parent, LAMBDA / "shared")]
        todo += [place for place in places if place.exists() and place not in found]
    return found


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in LAMBDA.glob("*/handler.py")))
def test_every_variable_a_function_reads_is_set(folder: str) -> None:
    """And none is set that nobody reads."""
    code = "".join(module.read_text() for module in imported(LAMBDA / folder / "handler.py"))
    needed = set(re.findall(r"os\.environ\[['\"](\w+)['\"]\]", code)) - {"AWS_REGION"}  # Lambda's own
    wanted = set(re.findall(r"os\.environ\.get\(['\"](\w+)['\"]", code))
    functions = [
        function
        for each in (*map(environment, ENVIRONMENTS), reviews())
        for function in each.properties("AWS::Lambda::Function")
        if WORDS[folder] in function.get("Description", "") and function.get("Handler") == "handler.handle"
    ]
    assert functions
    for function in functions:
        assert needed <= set(function.get("Environment", {}).get("Variables", {})) <= needed | wanted
