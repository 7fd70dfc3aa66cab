"""Finding declared metrics: in the module that the configuration names, else in what installed packages announce.

User code is imported here, once in each process. What cannot be imported is a fault that the monitor reports; it takes
nothing else with it. No record has been seen by then, so the error's own words may be told.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from model_monitor.errors import MonitorError
from model_monitor.job.user_code import WORDS_MAX, described, import_file
from model_monitor.monitors.custom_metrics.declaration import CustomMetric

GROUP = "model_monitor.metrics"


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong with a metric, or with the module or entry point that should hold some."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """Declared metrics in the order of their declaration, each name once."""

    metrics: tuple[CustomMetric, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """What some metric reads beside prediction, score and label."""
        return tuple(dict.fromkeys(column for metric in self.metrics for column in metric.columns))


@cache
def load(module: str | None) -> Found:
    """The metrics of a module (its importable name, or the path of a .py file); None: of the entry points."""
    metrics: dict[str, CustomMetric] = {}
    faults: list[Fault] = []
    for source, loaded in _sources(module):
        if isinstance(loaded, Fault):
            faults.append(loaded)
            continue
        for metric in loaded:
            if metric.name in metrics and metrics[metric.name] is not metric:
                faults.append(Fault(metric.name, f"declared more than once, the second time by {source}"))
            else:
                metrics[metric.name] = metric
    if not metrics and not faults:
        where = f"module {module}" if module else f"the entry points of group {GROUP}"
        faults.append(Fault(module or GROUP, f"no metric is declared by {where}"))
    return Found(tuple(metrics.values()), tuple(faults))


def _sources(module: str | None) -> Iterator[tuple[str, tuple[CustomMetric, ...] | Fault]]:
    """Each place that may declare metrics, with what it declares."""
    if module is not None:
        yield module, _attempt(module, lambda: _imported(module))
        return
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
        yield entry.name, _attempt(entry.name, entry.load)


def _attempt(name: str, load_it: object) -> tuple[CustomMetric, ...] | Fault:
    assert callable(load_it)
    try:
        return _declared_by(load_it())
    except MonitorError:  # the job is being stopped
        raise
    except _Absent as error:
        return Fault(name, str(error))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - user code: whatever it raises is told, and ends nothing else
        return Fault(name, f"cannot be imported: {described(error)}: {error}"[:WORDS_MAX])


class _Absent(Exception):
    """There is no such module."""


def _imported(module: str) -> ModuleType:
    if module.endswith(".py"):
        path = Path(module).absolute()
        if not path.is_file():
            raise _Absent(f"there is no file {path.name} in {path.parent}")
        return import_file(path)
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # the module is there, and what it imports is not
        folders = ", ".join(path or "." for path in sys.path)
        told = f"there is no module {error.name}, and a file would end in .py; Python looks in {folders}"
        raise _Absent(told[:WORDS_MAX]) from error


def _declared_by(value: object) -> tuple[CustomMetric, ...]:
    """A module's metrics, or those that an entry point names itself."""
    if isinstance(value, CustomMetric):
        return (value,)
    found = list(vars(value).values()) if isinstance(value, ModuleType) else value
    if not isinstance(found, (list, tuple)):
        raise TypeError(f"expected a module or metrics, found {type(value).__name__}")
    return tuple(dict.fromkeys(each for each in found if isinstance(each, CustomMetric)))
