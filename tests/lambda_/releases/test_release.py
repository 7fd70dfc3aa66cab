"""A model comes to serve and goes back: each step twice, with what SageMaker may do in between."""

from __future__ import annotations

import pytest

from tests.lambda_.releases.conftest import CHALLENGER, CHAMPION, ENDPOINT, LIVE, RUN, SETTINGS, World


@pytest.fixture
def plan(world: World) -> dict:
    """Of a challenger that was trained."""
    return {**world.collect(), "trained": {"artifact": CHALLENGER}}


def test_the_new_model_is_like_the_old_one_but_for_its_artefact(world: World, plan: dict):
    for _ in range(2):
        assert world.step("release", plan, "model")["model"] == RUN
    made = world.sagemaker.models[RUN]
    assert made["PrimaryContainer"] == {
        "Image": "image",
        "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
        "ModelDataUrl": CHALLENGER,
    }
    assert made["ExecutionRoleArn"].endswith("role/serving")
    assert made["Tags"] == [{"Key": "team", "Value": "a"}]


def test_what_is_live_is_written_once_and_what_was_is_remembered(world: World, plan: dict):
    for _ in range(2):
        assert world.step("release", plan, "live")["before"] == CHAMPION
    assert world.parameter(LIVE) == CHALLENGER
    assert world.item(f"run#{RUN}")["live_before"] == CHAMPION


def test_the_endpoint_changes_by_a_canary_and_goes_on_capturing(world: World, plan: dict):
    for _ in range(2):
        world.step("release", plan, "update")
    (update,) = world.sagemaker.updates
    assert update["EndpointName"] == ENDPOINT
    assert update["DeploymentConfig"] == SETTINGS["deployment"]
    made = world.sagemaker.configs[RUN]
    assert made["DataCaptureConfig"] == world.sagemaker.configs["first"]["DataCaptureConfig"]
    (variant,) = made["ProductionVariants"]
    assert variant == {**world.sagemaker.configs["first"]["ProductionVariants"][0], "ModelName": RUN}
    assert made["KmsKeyId"] == "key"


def test_variants_of_other_models_stay_as_they_are(load):
    served = {"ProductionVariants": [{"VariantName": name, "ModelName": f"m-{name}"} for name in ("A", "B")]}
    made = load("release").decide.configuration("new", "new", ["A"], served, {})
    assert [each["ModelName"] for each in made["ProductionVariants"]] == ["new", "m-B"]


def test_an_update_is_followed_to_its_end(world: World, plan: dict):
    world.step("release", plan, "update")
    assert world.step("release", plan, "check")["status"] == "updating"
    world.sagemaker.status = "RollingBack"
    assert world.step("release", plan, "check")["status"] == "updating"
    world.sagemaker.ends(config="first")
    assert world.step("release", plan, "check")["status"] == "rolled_back"
    world.sagemaker.ends(config=RUN)
    assert world.step("release", plan, "check")["status"] == "serving"
    world.sagemaker.status = "UpdateRollbackFailed"
    assert world.step("release", plan, "check")["status"] == "lost"


def test_the_old_model_comes_back_by_a_configuration_of_its_own(world: World, plan: dict):
    world.step("release", plan, "live")
    world.step("release", plan, "update")
    world.sagemaker.ends()
    world.step("release", plan, "back")
    assert world.parameter(LIVE) == CHAMPION
    assert world.step("release", plan, "returned")["status"] == "updating"
    assert world.step("release", plan, "returned")["status"] == "updating"
    world.sagemaker.ends()
    assert world.step("release", plan, "returned")["status"] == "rolled_back"
    assert len(world.sagemaker.updates) == 2
    back = world.sagemaker.configs[f"{RUN}-back"]
    assert back["DataCaptureConfig"] == world.sagemaker.configs["first"]["DataCaptureConfig"]
    (variant,) = back["ProductionVariants"]
    assert world.sagemaker.models[variant["ModelName"]]["PrimaryContainer"]["ModelDataUrl"] == CHAMPION


def test_where_nothing_was_changed_nothing_is_put_back(world: World, plan: dict):
    assert world.step("release", plan, "back")["live"] == ""
    assert world.step("release", plan, "returned")["status"] == "rolled_back"
    assert world.sagemaker.updates == []
    assert world.parameter(LIVE) == CHAMPION
