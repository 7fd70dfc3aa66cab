"""The stages of a DeploymentConfig, and what is refused of one."""

from __future__ import annotations

from typing import Any

import pytest

from twin.sagemaker.rollouts import BadDeployment, plan


def config(kind: str = "ALL_AT_ONCE", wait: int = 300, termination: int = 120, **routing: Any) -> dict[str, Any]:
    traffic = {"Type": kind, "WaitIntervalInSeconds": wait, **routing}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": traffic, "TerminationWaitInSeconds": termination}}


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def instances(value: int) -> dict[str, Any]:
    return {"Type": "INSTANCE_COUNT", "Value": value}


@pytest.mark.parametrize(
    ("asked", "stages"),
    [
        (config(), [(1.0, 120)]),
        ({"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]}}, [(1.0, 0)]),
        (config("CANARY", CanarySize=percent(10)), [(0.1, 300), (1.0, 120)]),
        (config("CANARY", CanarySize=instances(1)), [(0.25, 300), (1.0, 120)]),
        (config("LINEAR", LinearStepSize=percent(30)), [(0.3, 300), (0.6, 300), (0.9, 300), (1.0, 120)]),
        (config("LINEAR", LinearStepSize=instances(2)), [(0.5, 300), (1.0, 120)]),
    ],
)
def test_stages_of_a_deployment(asked: dict[str, Any], stages: list[tuple[float, int]]) -> None:
    found = [(pytest.approx(stage.share), stage.seconds) for stage in plan(asked, [4]).stages]
    assert found == stages


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        (config("CANARY"), "needs CanarySize"),
        (config("LINEAR", CanarySize=percent(10)), "CanarySize does not belong"),
        (config("CANARY", CanarySize=percent(60)), "CanarySize is 1 to 50 percent, found 60"),
        (config("LINEAR", LinearStepSize=percent(5)), "LinearStepSize is 10 to 50 percent, found 5"),
        (config("CANARY", CanarySize=instances(3)), r"at most half of a variant's instances \(4\), found 3"),
        (config("SIDEWAYS"), "Type SIDEWAYS"),
        (config(termination=7200), "TerminationWaitInSeconds is 0 to 3600, found 7200"),
        ({"RollingUpdatePolicy": {"WaitIntervalInSeconds": 1}}, "RollingUpdatePolicy is not in the twin"),
        (
            {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": str(number)} for number in range(11)]}},
            "at most 10 alarms, found 11",
        ),
    ],
)
def test_a_deployment_that_the_service_refuses(asked: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadDeployment, match=complaint):
        plan(asked, [4, 8])


@pytest.mark.parametrize(("limit", "complaint"), [(60, "is 600 to 28800"), (700, "more than all waits, 720 seconds")])
def test_a_time_limit_leaves_room_for_the_waits(limit: int, complaint: str) -> None:
    asked = config("CANARY", wait=600, CanarySize=percent(10))
    asked["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] = limit
    with pytest.raises(BadDeployment, match=complaint):
        plan(asked, [4])
