"""The schedules of an account as an environment file: read, translated, written with the reasons beside what could not be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from model_monitor.contract import MonitoringType
from model_monitor.migration import alarms as rung, schedules, text
from model_monitor.migration.analyses import NotTakenOver, Read
from model_monitor.migration.monitors import MANAGED, Adopted, adopted, network
from model_monitor.migration.schedules import Schedule

VERSION: Final = 1  # of the environment file's format
VARIANT: Final = "AllTraffic"
VARIANTS_MAX: Final = 7  # whose traffic one alarm can watch
ALL_TRAFFIC: Final = 100  # percent
FULL: Final = "full"  # every metric that runs measure, not those of the kit's own alarms alone
KEY: Final = ":key/"
KEYS_MAX: Final = 20


class Account(schedules.Definitions, Protocol):
    """What is read of an account (`aws.monitors.Account`)."""

    @property
    def region(self) -> str: ...
    def id(self) -> str: ...
    def schedules(self, endpoint: str | None = None) -> Iterator[dict[str, Any]]: ...
    def endpoint(self, name: str) -> tuple[dict[str, Any], dict[str, Any]] | None: ...
    def alarms(self) -> list[dict[str, Any]]: ...


@dataclass(slots=True)
class Written:
    """An environment file that grows. notes: path → what is said above it. left_out: schedules without a counterpart."""

    content: dict[str, Any] = field(default_factory=dict)
    notes: dict[text.Path, list[str]] = field(default_factory=dict)
    taken_over: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    topics: set[str] = field(default_factory=set)
    networks: list[Mapping[str, list[str]]] = field(default_factory=list)

    def note(self, path: text.Path, *lines: str) -> None:
        self.notes.setdefault(path, []).extend(" ".join(line.split()) for line in lines)

    def leave_out(self, path: text.Path, schedule: str, reason: str) -> None:
        """A schedule that has no counterpart: said where it would stand."""
        self.left_out.append(schedule)
        self.note(path, f"left out: schedule {schedule}: {reason}")


def environment(account: Account, read: Read, scheduler: str = MANAGED, endpoints: Iterable[str] = ()) -> Written:
    """Of every endpoint that is watched, or of some. Only reads."""
    written = Written({"version": VERSION, "account": account.id(), "region": account.region, "endpoints": {}})
    watched = account.alarms()
    wanted = tuple(endpoints)
    described: Iterable[dict[str, Any]]
    described = [each for name in wanted for each in account.schedules(name)] if wanted else account.schedules()
    by_endpoint: dict[str, list[Schedule]] = {}
    for each in described:
        found = schedules.read(each, account)
        by_endpoint.setdefault(found.endpoint, []).append(found)
    for name, found_ in sorted(by_endpoint.items()):
        _endpoint(written, account, name, found_, scheduler, read, watched)
    _shared(written)
    return written


def _endpoint(
    written: Written,
    account: Account,
    name: str,
    found: list[Schedule],
    scheduler: str,
    read: Read,
    watched: list[dict[str, Any]],
) -> None:
    path = ("endpoints", name)
    try:
        capture = _capture(account.endpoint(name), written) if name else {}
    except NotTakenOver as reason:
        for schedule in found:
            written.leave_out(path, schedule.name, str(reason))
        return
    made: list[Adopted] = []
    for schedule in found:
        try:
            made.append(adopted(schedule, scheduler, read, [each.name for each in made]))
        except NotTakenOver as reason:
            written.leave_out(
                (*path, "monitors", schedule.name) if name else ("endpoints", ""), schedule.name, str(reason)
            )
    if not made:
        for left in [key for key in written.notes if key[:2] == path and len(key) > 2]:
            written.note(path, *written.notes.pop(left))
        return
    block: dict[str, Any] = {"capture": capture}
    if payload := _payload(written, path, made):
        block["payload"] = payload
    if labels := [each.schedule.definition.ground_truth for each in made if each.schedule.definition.ground_truth]:
        block["ground_truth"] = {"location": labels[0]}
        for other in sorted(set(labels) - {labels[0]}):
            written.note((*path, "ground_truth"), f"labels are read from one place, and {other} is another")
    block["monitors"] = {each.name: each.settings for each in made}
    names = {each["name"] if isinstance(each, dict) else each for each in block.get("payload", {}).get("features", ())}
    block |= _metrics(written, path, made, watched, names)
    written.content["endpoints"][name] = block
    for each in made:
        written.taken_over.append(each.schedule.name)
        written.note((*path, "monitors", each.name), *each.notes)
        _remember(written, each.schedule)


def _capture(found: tuple[dict[str, Any], dict[str, Any]] | None, written: Written) -> dict[str, Any]:
    """Where the endpoint captures to."""
    if found is None:
        raise NotTakenOver("its endpoint does not exist")
    described, config = found
    capture = config.get("DataCaptureConfig") or described.get("DataCaptureConfig") or {}
    if capture.get("EnableCapture") is False:
        raise NotTakenOver("its endpoint's capture is switched off; switch it on")
    if not capture.get("DestinationS3Uri"):
        raise NotTakenOver("its endpoint captures nothing; give it a DataCaptureConfig")
    block: dict[str, Any] = {"destination": capture["DestinationS3Uri"].rstrip("/")}
    sampling = capture.get("InitialSamplingPercentage", capture.get("CurrentSamplingPercentage", ALL_TRAFFIC))
    if sampling not in (ALL_TRAFFIC, 0):
        block["sampling_percentage"] = sampling
    variants = [each["VariantName"] for each in config.get("ProductionVariants") or ()]
    if variants != [VARIANT]:
        block["variants"] = variants[:VARIANTS_MAX]
    if capture.get("KmsKeyId"):
        written.keys.add(str(capture["KmsKeyId"]))
    return block


def _payload(written: Written, path: text.Path, made: list[Adopted]) -> dict[str, Any]:
    """What the schedules say of requests and responses together; what they say differently is said."""
    payload: dict[str, Any] = {}
    for each in made:
        for key, value in each.analysis.payload.items():
            if payload.setdefault(key, value) == value:
                continue
            if key == "output":
                places = {place: found for place, found in value.items() if payload["output"].get(place) is None}
                payload["output"] |= places
            else:
                written.note((*path, "payload"), f"{each.schedule.name} says otherwise what {key} is; choose one")
    if payload and "features" not in payload:
        written.note((*path, "payload"), "features are taken by position: nobody names them; payload.features would")
    is_positional = any(each.schedule.type is MonitoringType.DATA_QUALITY for each in made)
    if is_positional and payload.get("features"):
        told = "compares by position as AWS does until features are named; now it compares these by name"
        names = ", ".join(each.name for each in made if each.schedule.type is MonitoringType.DATA_QUALITY)
        written.note((*path, "payload"), f"{names}: {told}")
    return payload


def _metrics(
    written: Written, path: text.Path, made: list[Adopted], watched: list[dict[str, Any]], names: set[str]
) -> dict[str, Any]:
    """Alarms on the old metrics: the kit makes those on distances itself, and publishes where the others look.

    names: of the payload's features; none where they are taken by position.
    """
    critical: list[str] = []
    namespaces: set[str] = set()
    others: list[str] = []
    for each in made:
        found = rung.of_schedule(watched, each.schedule.name)
        if not found.names:
            continue
        written.topics |= found.topics
        namespaces |= found.namespaces
        others += found.others
        here = (*path, "monitors", each.name)
        distances = found.distances if each.schedule.type is MonitoringType.DATA_QUALITY else {}
        distances = {feature: bound for feature, bound in distances.items() if not names or feature in names}
        if distances and each.schedule.definition.statistics:
            each.settings["alarms"] = {"drift_features": distances}
            critical += [feature for feature in distances if feature not in critical]
        written.note(here, f"alarms on its metrics: {', '.join(found.names)}")
        if not each.keeps_its_name:
            written.note(here, "these alarms look for the old schedule's name: make them anew, or rename the schedule")
    block: dict[str, Any] = {"namespace": min(namespaces), "critical": critical} if namespaces else {}
    if others:
        block["level"] = FULL
        written.note((*path, "metrics"), f"full, for alarms that look at other metrics: {', '.join(others)}")
    if len(namespaces) > 1:
        written.note((*path, "metrics"), f"alarms look into {', '.join(sorted(namespaces))}; a run publishes into one")
    if namespaces:
        written.note((*path, "metrics"), "AWS's namespace, so that alarms on it ring as before (docs/migrate.md)")
    return {"metrics": {key: value for key, value in block.items() if value}} if block else {}


def _remember(written: Written, schedule: Schedule) -> None:
    """What belongs to the environment and not to one monitor."""
    key = schedule.definition.output_key
    if key:
        written.keys.add(str(key))
    if (found := network(schedule)) is not None and found not in written.networks:
        written.networks.append(found)


def _shared(written: Written) -> None:
    """Keys, network and topic of the environment, before its endpoints."""
    shared: dict[str, Any] = {}
    arns = sorted(key for key in written.keys if KEY in key)
    if arns:
        shared["security"] = {"read_key_arns": arns[:KEYS_MAX]}
        written.note(("security",), "capture or reports of these monitors are encrypted with them")
    if others := sorted(written.keys - set(arns)):
        written.note(("endpoints",), f"keys that are no ARN, for security.read_key_arns: {', '.join(others)}")
    if written.networks:
        shared["network"] = dict(written.networks[0])
    if len(written.networks) > 1:
        written.note(("network",), f"schedules run in {len(written.networks)} networks, and an environment has one")
    if len(written.topics) == 1:
        shared["alarms"] = {"topic_arn": next(iter(written.topics))}
        written.note(
            ("alarms",), "the topic of the alarms that there are; its policy must admit cloudwatch.amazonaws.com"
        )
    elif written.topics:
        written.note(
            ("endpoints",),
            f"alarms tell several topics, name one in alarms.topic_arn: {', '.join(sorted(written.topics))}",
        )
    endpoints = written.content.pop("endpoints")
    written.content |= {**shared, "endpoints": endpoints}
