"""One schedule of an account as a monitor of an environment file: what is taken over, and what is not and why."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from model_monitor import contract
from model_monitor.contract import MonitoringType, Variable, monitor_key
from model_monitor.errors import SettingsError
from model_monitor.migration import times
from model_monitor.migration.analyses import Analysis, NotTakenOver, Read, analysis
from model_monitor.migration.schedules import Schedule

MANAGED: Final = "managed"
MODEL_MONITOR: Final = "model_monitor"
NAME: Final = re.compile(r"[a-z0-9](-?[a-z0-9]){0,31}")
NAME_MAX: Final = 32
INSTANCE, VOLUME_GB, SECONDS = "ml.m5.large", 20, 3000  # the environment file's defaults
HOURLY_SECONDS: Final = 3600  # at most, of Model Monitor
FEWEST_SECONDS: Final = 60
ASKING_SECONDS: Final = 3600  # a run that asks a model: half an hour of asking after its endpoint has started
OURS: Final = frozenset(  # variables that the settings say, or that a schedule sets by itself
    {*(str(variable) for variable in Variable), "publish_cloudwatch_metrics", "problem_type"}
)
CODE: Final = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+\.py")
LABELLED: Final = (MonitoringType.MODEL_QUALITY, MonitoringType.MODEL_BIAS)


@dataclass(frozen=True, slots=True)
class Adopted:
    """A monitor. settings: below `monitors.{name}`. of_aws: the schedule it was, whose name the metrics carry."""

    name: str
    schedule: Schedule
    settings: dict[str, Any] = field(default_factory=dict)
    analysis: Analysis = field(default_factory=Analysis)
    notes: tuple[str, ...] = ()

    @property
    def keeps_its_name(self) -> bool:
        """Whether metrics, alarms and reports go on under the same name."""
        return contract.schedule_name(self.schedule.endpoint, self.name) == self.schedule.name


def adopted(schedule: Schedule, scheduler: str, read: Read, taken: Collection[str] = ()) -> Adopted:
    """taken: names of monitors that the endpoint has already. Raises: NotTakenOver."""
    notes: list[str] = []
    _check(schedule)
    cadence = times.cadence(schedule.expression, notes)
    if cadence is None:
        raise NotTakenOver(f"its schedule is {schedule.expression}, and not by the hour or the day")
    found = analysis(schedule, read)
    notes += found.notes
    name = _name(schedule, taken)
    settings: dict[str, Any] = {}
    if schedule.type is not MonitoringType.DATA_QUALITY:
        settings["types"] = [monitor_key(schedule.type)]
    if scheduler != MANAGED:
        settings["scheduler"] = scheduler
    if cadence != "hourly":
        settings["schedule"] = cadence
    block = dict(found.block) if found.block is not None else None
    settings |= _window(schedule, scheduler, times.period(cadence), block, notes)
    settings["baseline"] = _baseline(schedule, read, notes)
    if block is not None:
        settings[monitor_key(schedule.type)] = block
    settings |= _scripts(schedule, notes) | _machine(schedule, scheduler, cadence, notes)
    made = Adopted(name, schedule, settings, found)
    return Adopted(name, schedule, settings, found, (*_told(made, scheduler), *notes, *_lost(schedule)))


def _check(schedule: Schedule) -> None:
    if not schedule.endpoint:
        raise NotTakenOver("it watches batch transforms; describe them by hand in capture.transform")
    if not schedule.definition.is_of_aws:
        image = schedule.definition.application.get("ImageUri")
        raise NotTakenOver(f"it runs an image of yours ({image}), of which nobody here knows what it checks")
    if schedule.definition.constraints is None and schedule.definition.statistics is None:
        raise NotTakenOver("it has no baseline; give it one (baseline.dataset, or constraints and statistics)")


def _name(schedule: Schedule, taken: Collection[str]) -> str:
    """What follows the endpoint's name, so that the kit's schedule has the name of AWS's; else as much of it as fits."""
    rest = schedule.name.removeprefix(f"{schedule.endpoint}-")
    slug = re.sub(r"[^a-z0-9]+", "-", rest.lower()).strip("-")[:NAME_MAX].strip("-") or monitor_key(schedule.type)
    name, number = slug if NAME.fullmatch(slug) else monitor_key(schedule.type).replace("_", "-"), 1
    while name in taken:
        number += 1
        name = f"{slug[: NAME_MAX - 1 - len(str(number))].rstrip('-')}-{number}"
    return name


def _window(
    schedule: Schedule, scheduler: str, period: timedelta, block: dict[str, Any] | None, notes: list[str]
) -> dict[str, Any]:
    """What a run looks at, where that is not what came since the run before; offsets of labels become their delay."""
    try:
        given = times.offsets(schedule)
    except ValueError as error:
        notes.append(
            f"the offset {error} of its window is not understood; a run looks at what came since the run before"
        )
        return {}
    if given is None:
        return {}
    start, end = given
    if end > timedelta(0):
        if block is not None and schedule.type in LABELLED:
            block["label_delay"] = times.iso(end)
        else:
            notes.append(f"its windows ended {times.iso(end)} before the run; the kit's end shortly before it")
    length = start - end
    if length == period or length <= timedelta(0):
        return {}
    if scheduler == MANAGED and length > period:
        return {"window": times.iso(length)}
    notes.append(
        f"its windows of {times.iso(length)} are not taken over; a run looks at what came since the run before"
    )
    return {}


def _baseline(schedule: Schedule, read: Read, notes: list[str]) -> dict[str, str]:
    """AWS's own files, as they lie there."""
    found: dict[str, str] = {}
    for key, uri in (("constraints", schedule.definition.constraints), ("statistics", schedule.definition.statistics)):
        if uri is None:
            continue
        found[key] = uri
        try:
            if read(uri) is None:
                notes.append(f"baseline.{key} is not there: {uri}")
        except SettingsError as error:
            notes.append(f"baseline.{key} could not be read: {error}")
    return found


def _scripts(schedule: Schedule, notes: list[str]) -> dict[str, Any]:
    found: dict[str, str] = {}
    application = schedule.definition.application
    for key, ours in (
        ("RecordPreprocessorSourceUri", "preprocessor"),
        ("PostAnalyticsProcessorSourceUri", "postprocessor"),
    ):
        uri = application.get(key)
        if uri and CODE.fullmatch(uri):
            found[ours] = uri
        elif uri:
            notes.append(f"scripts.{ours} is no .py file: {uri}")
    return {"scripts": found} if found else {}


def _machine(schedule: Schedule, scheduler: str, cadence: str, notes: list[str]) -> dict[str, Any]:
    """Instance, disk and time, where they are not the defaults."""
    cluster = schedule.definition.cluster
    found: dict[str, Any] = {}
    if (instance := cluster.get("InstanceType")) and instance != INSTANCE:
        found["instance_type"] = instance
    if (volume := cluster.get("VolumeSizeInGB")) and volume != VOLUME_GB:
        found["volume_size_gb"] = volume
    if (count := cluster.get("InstanceCount") or 1) > 1:
        notes.append(f"it ran on {count} instances; the kit takes one, with processes for its cores")
    seconds = schedule.definition.max_seconds or SECONDS
    if schedule.type is MonitoringType.MODEL_EXPLAINABILITY:
        seconds = max(seconds, ASKING_SECONDS)
    if scheduler == MODEL_MONITOR and cadence == "hourly":
        seconds = min(seconds, HOURLY_SECONDS)
    if seconds != SECONDS and seconds >= FEWEST_SECONDS:
        found["max_runtime_seconds"] = seconds
    return found


def _told(made: Adopted, scheduler: str) -> list[str]:
    """Where it comes from, and whether its name, and so its metrics, alarms and reports, go on."""
    schedule = made.schedule
    said = [f"was schedule {schedule.name} ({schedule.type}); its reports stay below {schedule.definition.reports}"]
    if not made.keeps_its_name:
        ours = contract.schedule_name(schedule.endpoint, made.name)
        said.append(
            f"it is {ours} from now on, since the kit names schedules ENDPOINT-MONITOR: metrics carry that name"
        )
    elif scheduler == MODEL_MONITOR:
        said.append(f"delete {schedule.name} before the deployment: two schedules cannot have one name")
    if schedule.status != "Scheduled":
        said.append(f"it was {schedule.status}, and the kit's will run")
    return said


def _lost(schedule: Schedule) -> list[str]:
    """What has no counterpart. Of variables the names alone: their values may be secret."""
    definition = schedule.definition
    said = (
        [f"the role {definition.role} is not taken over: the kit makes one that may do less"] if definition.role else []
    )
    if others := sorted(set(definition.environment) - OURS):
        said.append(f"variables without a counterpart: {', '.join(others)}")
    if definition.endpoint_input.get("ExcludeFeaturesAttribute"):
        said.append("ExcludeFeaturesAttribute has no counterpart: name the features in payload")
    if definition.network.get("EnableNetworkIsolation"):
        said.append("network isolation has no counterpart: a run fetches its configuration itself; use subnets")
    return said


def network(schedule: Schedule) -> Mapping[str, list[str]] | None:
    """The subnets and security groups of its runs."""
    found = schedule.definition.network.get("VpcConfig")
    return {"subnets": list(found["Subnets"]), "security_groups": list(found["SecurityGroupIds"])} if found else None
