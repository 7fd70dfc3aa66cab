"""Packages of the registry, and the person who decides about them."""

from __future__ import annotations

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from tests.lambda_.releases.conftest import CHALLENGER, CHAMPION, NOON, PLACE, RECORDS, RUN, SETTINGS, World

PENDING = "PendingManualApproval"


@pytest.fixture
def plan(world: World) -> dict:
    """Of a challenger that is better."""
    return better(world)


def better(world: World, **given: str) -> dict:
    plan = {**world.collect(**given), "trained": {"artifact": CHALLENGER}}
    return {**plan, "compared": {"verdict": "better", "reason": "accuracy 0.9 against 0.6"}}


def of(world: World, artifact: str) -> dict:
    (found,) = [
        each
        for each in world.sagemaker.packages.values()
        if each["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == artifact
    ]
    return found


def test_a_better_model_is_one_package_however_often_it_is_registered(world: World, plan: dict):
    first, second = (world.step("register", plan) for _ in range(2))
    assert first == second
    assert first["status"] == "Approved"
    made = of(world, CHALLENGER)
    model = botocore.session.get_session().get_service_model("sagemaker").operation_model("CreateModelPackage")
    request = {key: value for key, value in made.items() if key != "ModelPackageArn"}
    assert str(ParamValidator().validate(request, model.input_shape).generate_report()) == ""


def test_a_package_says_what_it_is_made_of_and_what_it_will_be_compared_with(world: World, plan: dict):
    world.step("register", plan)
    made = of(world, CHALLENGER)
    about = made["CustomerMetadataProperties"]
    assert about["run"] == RUN
    assert about["manifest"] == f"{RECORDS}/{RUN}/manifest.json"
    assert made["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"] == f"{RECORDS}/{RUN}/comparison.json"
    checks = made["DriftCheckBaselines"]["ModelDataQuality"]
    assert checks["Statistics"]["S3Uri"] == f"{PLACE}/{about['baseline_version']}/data_quality/statistics.json"
    assert set(made["DriftCheckBaselines"]) == {"ModelDataQuality"}


def test_a_registry_of_another_account_is_used_in_the_name_of_its_role(world: World, plan: dict):
    role = "arn:aws:iam::210987654321:role/registers"
    group = "arn:aws:sagemaker:eu-west-1:210987654321:model-package-group/shared"
    world.configure(
        "release", {**SETTINGS, "registry": {**SETTINGS["registry"], "group": group, "is_own": False, "role": role}}
    )
    assert world.collect(mode="train")["registry_role"] == role
    world.step("register", plan)
    world.collect(rollback_to=world.step("register", plan)["package_arn"])
    assert {asked for asked, _ in world.assumed} == {role}
    assert all(package["ModelPackageGroupName"] == group for package in world.sagemaker.packages.values())
    assert "create_model_package_group" not in world.sagemaker.calls


def test_the_first_champion_is_a_package_too_so_that_one_may_go_back(world: World, plan: dict):
    world.step("register", plan)
    old = of(world, CHAMPION)
    assert old["ModelApprovalStatus"] == "Approved"
    assert old["CustomerMetadataProperties"]["baseline_version"] == "v1-a"
    back = world.collect(rollback_to=old["ModelPackageArn"])
    assert (back["path"], back["artifact"], back["version"]) == ("release", CHAMPION, "v1-a")


@pytest.mark.parametrize(("mode", "status"), [("deploy", "Approved"), ("train", PENDING), ("propose", PENDING)])
def test_a_person_is_asked_unless_the_mode_deploys(world: World, mode: str, status: str):
    assert world.step("register", better(world, mode=mode))["status"] == status


# --- the person ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(world: World) -> dict:
    """A plan whose package waits."""
    plan = better(world, mode="train")
    return {**plan, "package": {"answer": world.step("register", plan)}}


def ask(world: World, plan: dict) -> None:
    world.call("approval", {"token": "t", "plan": plan, "now": NOON.isoformat()})


def decided(arn: str, status: str) -> dict:
    detail = {"ModelPackageArn": arn, "ModelApprovalStatus": status, "ModelPackageGroupName": "g"}
    return {"source": "aws.sagemaker", "detail-type": "SageMaker Model Package State Change", "detail": detail}


def arn_of(plan: dict) -> str:
    return str(plan["package"]["answer"]["package_arn"])


def test_the_question_says_why_and_how_to_answer(world: World, waiting: dict):
    ask(world, waiting)
    (message,) = world.messages
    arn = arn_of(waiting)
    assert message["Subject"] == "APPROVE? A better model of shop waits"
    for part in (
        "accuracy 0.9 against 0.6",
        f"{arn} --model-approval-status Approved",
        f"{arn} --model-approval-status Rejected",
    ):
        assert part in message["Message"]
    assert world.tasks == []


@pytest.mark.parametrize(("status", "told"), [("Approved", "success"), ("Rejected", "failure")])
def test_the_answer_goes_to_the_execution_that_waits_once(world: World, waiting: dict, status: str, told: str):
    ask(world, waiting)
    for _ in range(2):
        world.call("approval", decided(arn_of(waiting), status))
    ((kind, task),) = world.tasks
    assert (kind, task["taskToken"]) == (told, "t")
    assert task.get("error", "Rejected") == "Rejected"


def test_a_person_who_was_faster_than_the_question_is_heard(world: World, waiting: dict):
    world.sagemaker.packages[arn_of(waiting)]["ModelApprovalStatus"] = "Approved"
    world.call("approval", decided(arn_of(waiting), "Approved"))
    assert world.tasks == []
    ask(world, waiting)
    assert [kind for kind, _ in world.tasks] == ["success"]


def test_packages_of_others_and_other_changes_are_nobody_s_answer(world: World, waiting: dict):
    ask(world, waiting)
    world.call("approval", decided("arn:other", "Approved"))
    world.call("approval", decided(arn_of(waiting), PENDING))
    assert world.tasks == []


def test_an_answer_that_comes_too_late_is_no_fault(world: World, waiting: dict, monkeypatch: pytest.MonkeyPatch):
    ask(world, waiting)

    def gone(**_: str) -> None:
        raise ClientError({"Error": {"Code": "TaskTimedOut", "Message": "gone"}}, "SendTaskSuccess")

    states = world._client("stepfunctions")
    states.send_task_success = gone
    plain = world._client
    monkeypatch.setattr(world, "_client", lambda service: states if service == "stepfunctions" else plain(service))
    world.call("approval", decided(arn_of(waiting), "Approved"))
    assert world.item("token", f"approval#{arn_of(waiting)}") == {}
