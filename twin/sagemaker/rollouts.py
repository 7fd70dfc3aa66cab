"""How traffic moves from an old fleet to a new one: the stages that a DeploymentConfig asks for. Pure.

A share of an endpoint's requests stands for the part of the new fleet's capacity whose traffic is turned on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

INTERVAL: Final = "WaitIntervalInSeconds"
TERMINATION: Final = "TerminationWaitInSeconds"
LONGEST_WAIT: Final = 3600
TIMEOUTS: Final = (600, 28800)
MOST_ALARMS: Final = 10
SIZES: Final = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}
LEAST_PERCENT: Final = {"CANARY": 1, "LINEAR": 10}
MOST_PERCENT: Final = 50


class BadDeployment(ValueError):
    """A DeploymentConfig that the service refuses, or that the twin does not carry out; the message says why."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a deployment: the share of requests that the new fleet answers, and how long that is watched."""

    share: float
    seconds: int
    wait: str  # the setting that the seconds come from
    capacity: str  # as a status message says it: full, canary, linear step

    def instances(self, count: int) -> int:
        """How many of the new fleet's instances answer."""
        return max(1, math.ceil(self.share * count - 1e-9))


@dataclass(frozen=True, slots=True)
class Plan:
    """What a DeploymentConfig asks for."""

    stages: tuple[Stage, ...]
    alarms: tuple[str, ...]


def plan(config: Mapping[str, Any], instances: Sequence[int]) -> Plan:
    """Read a DeploymentConfig; `instances` are those of each variant. Raises: BadDeployment."""
    if config.get("RollingUpdatePolicy"):
        raise BadDeployment("RollingUpdatePolicy is not in the twin: it has blue/green deployments")
    policy = config.get("BlueGreenUpdatePolicy") or {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE"}}
    routing = policy["TrafficRoutingConfiguration"]
    interval, termination = _seconds(routing, INTERVAL), _seconds(policy, TERMINATION)
    shares = _shares(routing, instances)
    word = {"CANARY": "canary", "LINEAR": "linear step"}.get(routing["Type"], "")
    stages = [Stage(share, interval, INTERVAL, word) for share in shares[:-1]]
    stages.append(Stage(1.0, termination, TERMINATION, "full"))
    _check_timeout(policy, sum(stage.seconds for stage in stages))
    return Plan(tuple(stages), _alarms(config))


def _check_timeout(policy: Mapping[str, Any], waits: int) -> None:
    """Whether the limit leaves room for the waits; a deployment here takes no longer than they do."""
    limit = policy.get("MaximumExecutionTimeoutInSeconds")
    if limit is None:
        return
    if not TIMEOUTS[0] <= limit <= TIMEOUTS[1]:
        raise BadDeployment(f"MaximumExecutionTimeoutInSeconds is {TIMEOUTS[0]} to {TIMEOUTS[1]}, found {limit}")
    if waits >= limit:
        raise BadDeployment(f"MaximumExecutionTimeoutInSeconds {limit} must be more than all waits, {waits} seconds")


def _shares(routing: Mapping[str, Any], instances: Sequence[int]) -> list[float]:
    """The new fleet's shares, one a stage; the last is 1."""
    kind, setting = routing["Type"], SIZES.get(routing["Type"])
    surplus = [name for name in SIZES.values() if name in routing and name != setting]
    if surplus:
        raise BadDeployment(f"{', '.join(surplus)} does not belong to traffic routing of type {kind}")
    if setting is None:
        if kind != "ALL_AT_ONCE":
            raise BadDeployment(f"Type {kind}: expected ALL_AT_ONCE, CANARY or LINEAR")
        return [1.0]
    if setting not in routing:
        raise BadDeployment(f"traffic routing of type {kind} needs {setting}")
    size = _size(kind, routing[setting], instances)
    if kind == "CANARY":
        return [size, 1.0]
    steps = math.ceil(1 / size - 1e-9)
    return [min(1.0, size * step) for step in range(1, steps)] + [1.0]


def _size(kind: str, size: Mapping[str, Any], instances: Sequence[int]) -> float:
    """The share that a size stands for: of every variant at most half."""
    value, setting = int(size["Value"]), SIZES[kind]
    if size["Type"] == "CAPACITY_PERCENT":
        if not LEAST_PERCENT[kind] <= value <= MOST_PERCENT:
            raise BadDeployment(f"{setting} is {LEAST_PERCENT[kind]} to {MOST_PERCENT} percent, found {value}")
        return value / 100
    fewest = min(instances)
    if not value >= 1 or value * 2 > fewest:
        raise BadDeployment(f"{setting} is at most half of a variant's instances ({fewest}), found {value}")
    return value / fewest


def _seconds(settings: Mapping[str, Any], name: str) -> int:
    value = int(settings.get(name) or 0)
    if not 0 <= value <= LONGEST_WAIT:
        raise BadDeployment(f"{name} is 0 to {LONGEST_WAIT}, found {value}")
    return value


def _alarms(config: Mapping[str, Any]) -> tuple[str, ...]:
    names = [alarm["AlarmName"] for alarm in (config.get("AutoRollbackConfiguration") or {}).get("Alarms") or ()]
    if len(names) > MOST_ALARMS:
        raise BadDeployment(f"AutoRollbackConfiguration has at most {MOST_ALARMS} alarms, found {len(names)}")
    return tuple(names)
