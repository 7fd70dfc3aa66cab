"""Finds monitors by the names of their folders: adding one is adding a folder. Imports none before it is asked for."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

from model_monitor.contract import MONITOR_KEYS, MonitoringType, monitor_key, monitor_type

if TYPE_CHECKING:
    from model_monitor.monitors.base import AnyMonitor

ROOM = __name__.rpartition(".")[0]


@cache
def types() -> dict[str, MonitoringType]:
    """The type of each monitor by its key, which is the name of its folder: the contract's in its order, then others."""
    rooms = importlib.import_module(ROOM)
    known, names = (
        list(MONITOR_KEYS.values()),
        {room.name for room in pkgutil.iter_modules(rooms.__path__) if room.ispkg},
    )
    ordered = [*(name for name in known if name in names), *sorted(names.difference(known))]
    return {name: monitor_type(name) for name in ordered}


@cache
def find(type_: MonitoringType) -> AnyMonitor | None:
    """The monitor of a type; no other one is imported."""
    name = f"{ROOM}.{monitor_key(type_)}"
    if importlib.util.find_spec(name) is None:
        return None
    monitor: AnyMonitor = importlib.import_module(f"{name}.monitor").MONITOR
    if monitor.type != type_:
        raise TypeError(f"{name} should hold the monitor {type_}, and holds {monitor.type}")
    return monitor


@cache
def monitors() -> dict[MonitoringType, AnyMonitor]:
    """The `MONITOR` of every folder beside this module."""
    found = {type_: find(type_) for type_ in types().values()}
    return {type_: monitor for type_, monitor in found.items() if monitor is not None}
