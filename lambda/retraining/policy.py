"""What the deployment allows: when retraining may start and what a training job looks like. Parsed from JSON, no AWS calls."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK = timedelta(days=7)
WEEKLY = re.compile(r"(mon|tue|wed|thu|fri|sat|sun) ([01]\d|2[0-3]):([0-5]\d)")


class Mode(StrEnum):
    """How far the loop may go by itself. Everything after the trained model belongs to the release workflow."""

    NOTIFY = "notify"
    PROPOSE = "propose"
    TRAIN = "train"
    DEPLOY = "deploy"


class PolicyError(ValueError):
    """The policy cannot be used; names the key, what was expected and what to do."""

    def __init__(self, key: str, expected: str) -> None:
        self.key, self.expected = key, expected
        super().__init__(f"retraining policy: {key} should be {expected}. Deploy the retraining stack again.")


@dataclass(frozen=True)
class Channel:
    """One input of the training job. An optional one is left out while its prefix holds nothing."""

    name: str
    uri: str
    content_type: str = "text/csv"
    is_optional: bool = False


@dataclass(frozen=True)
class Training:
    """The training job to create, or what a pipeline is told. image: empty where a pipeline trains.

    source_uri: a tar.gz with train.py at its top, for script mode; empty for built-in algorithms.
    region: where the job runs, for what the framework container fetches."""

    image: str
    role_arn: str
    instance_type: str
    output_uri: str
    channels: tuple[Channel, ...]
    instance_count: int = 1
    volume_size_gb: int = 30
    max_runtime_seconds: int = 3600
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    kms_key_arn: str = ""
    source_uri: str = ""
    region: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    encrypt_traffic: bool = False
    subnets: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Freeze:
    """A time in which nothing is started: once, or every week. Times of the week are counted from Monday 00:00 UTC."""

    start: datetime | timedelta
    end: datetime | timedelta

    def end_after(self, now: datetime) -> datetime | None:
        """When the freeze that holds now is over; None where none holds."""
        if isinstance(self.start, datetime) and isinstance(self.end, datetime):
            return self.end if self.start <= now < self.end else None
        if isinstance(self.start, datetime) or isinstance(self.end, datetime):
            return None
        monday = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=now.weekday())
        length = (self.end - self.start) % WEEK
        for start in (monday - WEEK + self.start, monday + self.start):
            if start <= now < start + length:
                return start + length
        return None


@dataclass(frozen=True)
class Policy:
    """When the alarms of one schedule may start a training job.

    alarms: those that may, each with the check types it is about. other_alarm_names: of the model or its data too, of types that
    were not chosen. violation_alarm_names: of broken data. namespace, hours: where runs send their metrics, and the time between
    two of them. persistent_windows, persistent_of: at least so many of the last windows show the cause. min_new_labels: rows of
    the channel `fresh` since the last start. proposal_hours: how long a proposal may be accepted.
    """

    endpoint: str
    schedule: str
    mode: Mode
    alarms: Mapping[str, tuple[str, ...]]
    other_alarm_names: frozenset[str]
    violation_alarm_names: frozenset[str]
    allow_rehearsal: bool
    namespace: str
    hours: float
    cooldown_hours: float
    max_per_week: int
    retrain_on_broken_data: bool
    persistent_windows: int
    persistent_of: int
    min_new_labels: int
    freeze: tuple[Freeze, ...]
    proposal_hours: float
    is_dry_run: bool
    reports_uri: str
    job_name_prefix: str
    training: Training


def read(text: str) -> Policy:
    """Parse a policy. Raises: PolicyError at the first key that is missing or of the wrong kind."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise PolicyError("the parameter", "a JSON object") from error
    block = _Block(content, "")
    mode = block.text("mode")
    if mode not in set(Mode):
        raise PolicyError("mode", " | ".join(Mode))
    return Policy(
        endpoint=block.text("endpoint"),
        schedule=block.text("schedule"),
        mode=Mode(mode),
        alarms=_alarms(_Block(content.get("alarms"), "alarms")),
        other_alarm_names=frozenset(block.texts("other_alarm_names", ())),
        violation_alarm_names=frozenset(block.texts("violation_alarm_names", ())),
        allow_rehearsal=block.flag("allow_rehearsal", False),
        namespace=block.text("namespace"),
        hours=block.number("hours"),
        cooldown_hours=block.number("cooldown_hours"),
        max_per_week=int(block.number("max_per_week")),
        retrain_on_broken_data=block.flag("retrain_on_broken_data", False),
        persistent_windows=int(block.number("persistent_windows", 1)),
        persistent_of=int(block.number("persistent_of", 1)),
        min_new_labels=int(block.number("min_new_labels", 0)),
        freeze=_freezes(block.get("freeze") or []),
        proposal_hours=block.number("proposal_hours", 72),
        is_dry_run=block.flag("dry_run", False),
        reports_uri=block.text("reports_uri"),
        job_name_prefix=block.text("job_name_prefix"),
        training=_training(_Block(content.get("training"), "training")),
    )


def _alarms(block: _Block) -> dict[str, tuple[str, ...]]:
    return {name: block.texts(name) for name in block.names}


def _freezes(given: object) -> tuple[Freeze, ...]:
    if not isinstance(given, list):
        raise PolicyError("freeze", "a list")
    blocks = [_Block(freeze, f"freeze[{index}]") for index, freeze in enumerate(given)]
    return tuple(Freeze(_moment(block, "start"), _moment(block, "end")) for block in blocks)


def _moment(block: _Block, key: str) -> datetime | timedelta:
    text = block.text(key)
    if match := WEEKLY.fullmatch(text):
        return timedelta(days=DAYS.index(match[1]), hours=int(match[2]), minutes=int(match[3]))
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise PolicyError(block.name(key), "a time, or a day and an hour of the week") from error
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _training(block: _Block) -> Training:
    channels = block.get("channels")
    if not isinstance(channels, list) or not channels:
        raise PolicyError("training.channels", "a list with at least one channel")
    return Training(
        image=block.text("image", ""),
        role_arn=block.text("role_arn"),
        instance_type=block.text("instance_type"),
        output_uri=block.text("output_uri"),
        channels=tuple(
            _channel(_Block(channel, f"training.channels[{index}]")) for index, channel in enumerate(channels)
        ),
        instance_count=int(block.number("instance_count", 1)),
        volume_size_gb=int(block.number("volume_size_gb", 30)),
        max_runtime_seconds=int(block.number("max_runtime_seconds", 3600)),
        hyperparameters={str(key): str(value) for key, value in (block.get("hyperparameters") or {}).items()},
        kms_key_arn=block.text("kms_key_arn", ""),
        source_uri=block.text("source_uri", ""),
        region=block.text("region", ""),
        tags={str(key): str(value) for key, value in (block.get("tags") or {}).items()},
        encrypt_traffic=block.flag("encrypt_traffic", False),
        subnets=block.texts("subnets", ()),
        security_group_ids=block.texts("security_group_ids", ()),
    )


def _channel(block: _Block) -> Channel:
    """The original data (channel `train`) is never optional; the others are, unless the policy says otherwise."""
    name = block.text("name")
    return Channel(
        name=name,
        uri=block.text("uri"),
        content_type=block.text("content_type", "text/csv"),
        is_optional=block.flag("optional", name != "train"),
    )


class _Block:
    """Typed access to one JSON object; a default stands for a key that is absent or null."""

    def __init__(self, content: object, path: str) -> None:
        if not isinstance(content, Mapping):
            raise PolicyError(path or "the parameter", "an object")
        self._content: Mapping[str, Any] = content
        self._path = path

    @property
    def names(self) -> list[str]:
        return [str(key) for key in self._content]

    def get(self, key: str) -> Any:
        return self._content.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        return str(self._typed(key, str, "text", default))

    def flag(self, key: str, default: bool) -> bool:
        return bool(self._typed(key, bool, "true or false", default))

    def number(self, key: str, default: float | None = None) -> float:
        value: float = self._typed(key, (int, float), "a number of at least 0", default)
        if isinstance(value, bool) or value < 0:
            raise PolicyError(self.name(key), "a number of at least 0")
        return value

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        value = self._typed(key, (list, tuple), "a list of texts", default)
        if not all(isinstance(item, str) for item in value):
            raise PolicyError(self.name(key), "a list of texts")
        return tuple(value)

    def _typed(self, key: str, kind: type | tuple[type, ...], expected: str, default: Any) -> Any:
        value = self._content.get(key)
        if value is None:
            value = default
        if value is None or not isinstance(value, kind):
            raise PolicyError(self.name(key), expected)
        return value

    def name(self, key: str) -> str:
        """Its path, for a fault."""
        return f"{self._path}.{key}" if self._path else key
