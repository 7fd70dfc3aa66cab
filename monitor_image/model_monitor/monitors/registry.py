"""Collects monitors, checks and suggestion rules by walking their packages: adding one is adding a file."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from model_monitor.contract import MONITOR_KEYS, MonitoringType

if TYPE_CHECKING:  # the monitors themselves ask for their checks and rules here
    from model_monitor.monitors.base import AnyMonitor
    from model_monitor.monitors.data_quality.comparison import CheckRule
    from model_monitor.monitors.data_quality.suggestion import SuggestRule


def _found(package_name: str, constant: str) -> Iterator[Any]:
    """The constant of every module below a package that has one, in the order of the modules' names."""
    package = importlib.import_module(package_name)
    for module in sorted(pkgutil.walk_packages(package.__path__, f"{package_name}."), key=lambda info: info.name):
        value = getattr(importlib.import_module(module.name), constant, None)
        if value is not None:
            yield value


@cache
def find(type_: MonitoringType) -> AnyMonitor | None:
    """The monitor of a type, in the module that its configuration key names; no other one is imported."""
    name = f"model_monitor.monitors.{MONITOR_KEYS[type_]}"
    if importlib.util.find_spec(name) is None:
        return None
    monitor: AnyMonitor = importlib.import_module(f"{name}.monitor").MONITOR
    return monitor


@cache
def monitors() -> dict[MonitoringType, AnyMonitor]:
    """The `MONITOR` of every folder of `model_monitor.monitors`."""
    found: dict[MonitoringType, AnyMonitor] = {}
    rooms = importlib.import_module("model_monitor.monitors")
    for name in sorted(room.name for room in pkgutil.iter_modules(rooms.__path__) if room.ispkg):
        monitor: AnyMonitor = importlib.import_module(f"{rooms.__name__}.{name}.monitor").MONITOR
        if monitor.type in found:
            raise TypeError(f"two monitors claim {monitor.type}")
        found[monitor.type] = monitor
    return found


@cache
def check_rules() -> tuple[CheckRule, ...]:
    """Every `CHECK` in `model_monitor.monitors.data_quality.checks`, in the order of their `order`."""
    return tuple(sorted(_found("model_monitor.monitors.data_quality.checks", "CHECK"), key=lambda rule: rule.order))


@cache
def suggest_rules() -> tuple[SuggestRule, ...]:
    """Every `RULE` in `model_monitor.monitors.data_quality.suggest`."""
    return tuple(_found("model_monitor.monitors.data_quality.suggest", "RULE"))
