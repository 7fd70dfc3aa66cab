"""The words that settings are made of: names, URIs, ARNs and ranges, each with the rule of the service that takes it.

No CDK in here, so that commands can read settings without it.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field

from model_monitor.contract import has_local_storage as has_local_storage
from stacks.settings.cadence import cadence


def _known_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("should be a time zone of the IANA's database, such as Europe/Berlin or UTC") from error
    return text


def _known_schedule(text: str) -> str:
    cadence(text)
    return text


_DURATION = r"P(?=[\dT])(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?)?"


def time_of(duration: str) -> timedelta:
    """What a valid duration such as `P7D` or `PT6H` says."""
    found = re.fullmatch(_DURATION, duration)
    if found is None:
        raise ValueError("should be a duration such as P7D or PT6H")
    weeks, days, hours, minutes = (int(part or 0) for part in found.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)


def told(time: timedelta) -> str:
    """A duration in words."""
    days, hours = time / timedelta(days=1), time / timedelta(hours=1)
    return f"{days:g} days" if days >= 1 else f"{hours:g} hours"


def _text(pattern: str, expected: str) -> Any:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(f"should be {expected}")
        return value

    return Annotated[str, AfterValidator(check), Field(json_schema_extra={"pattern": f"^({pattern})$"})]


def _unquoted(pattern: str, expected: str) -> Any:
    """Text for which a number is no mere lack of quotes."""

    def check(value: object) -> object:
        if not isinstance(value, str):
            raise ValueError(f"should be {expected}")
        return value

    return Annotated[_text(pattern, expected), BeforeValidator(check)]


def _as_written(given: object) -> object:
    """A time that YAML has read, as text again."""
    return given.isoformat() if isinstance(given, datetime) else given


_NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
EndpointName = _text(_NAME, "a SageMaker name: 1 to 63 letters, digits and hyphens, no hyphen first or last")
VariantName = EndpointName
MonitorName = _text(r"[a-z0-9](-?[a-z0-9]){0,31}", "1 to 32 lower-case letters, digits and single hyphens")
EnvironmentName = _text(
    r"[a-z](-?[a-z0-9]){0,15}",
    "1 to 16 lower-case letters, digits and single hyphens, a letter first: it is the file's name, without .yaml",
)
AccountId = _text(r"\d{12}", "an account id of 12 digits in quotes")
_PARTS = "(us|eu|ap|sa|ca|me|af|il|mx|cn)(-gov|-iso[a-z]?)?|eusc-de"
_DIRECTIONS = "(north|south)(east|west)?|east|west|central"
Region = _text(rf"({_PARTS})-({_DIRECTIONS})-\d", "a region such as eu-west-1")
FeatureName = _text(r"[^\x00-\x1f]{1,200}", "1 to 200 characters without control characters")
BucketName = _text(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the name of an S3 bucket")
S3Object = _text(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.*[^/]", "the S3 URI of an object: s3://bucket/key")
S3Prefix = _text(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?", "an S3 URI: s3://bucket/prefix")
_CODE = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+\.py|(?!/)(?!.*\.\./)[\w./-]+\.py"
CodeFile = _text(_CODE, "a .py file: its path in this repository, or its S3 URI")
Module = _text(
    rf"{_CODE}|[A-Za-z_]\w*(\.[A-Za-z_]\w*)*",
    "a .py file, by its path in this repository or its S3 URI, or the dotted name of a module",
)
InstanceType = _text(r"ml\.[a-z0-9]+(-[a-z0-9]+)?\.[a-z0-9]+", "an instance type such as ml.m5.large")
ImageUri = _text(
    r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/[^\s@:]+(:[\w.-]+)?(@sha256:[0-9a-f]{64})?",
    "the URI of an image in ECR, with a tag or better a digest",
)
Duration = _unquoted(_DURATION, "a duration of weeks, days, hours and minutes, such as P7D or PT6H")
ModelGroup = _text(
    rf"(arn:aws(-[a-z]+)*:sagemaker:[a-z0-9-]+:\d{{12}}:model-package-group/)?{_NAME}",
    "the name of a model package group, or its ARN",
)
PipelineName = _text(
    r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}", "1 to 256 letters, digits and hyphens, no hyphen first or last"
)
PipelineParameter = _text(
    r"[A-Za-z0-9\-_]{1,256}", "the name of a pipeline's parameter: 1 to 256 letters, digits, - and _"
)
PipelineFact = Literal["train", "fresh", "validation", "output", "run", "endpoint"]
MetricName = _text(r"[A-Za-z][A-Za-z0-9_]{0,199}", "a metric's name: 1 to 200 letters, digits and underscores")
AlarmName = _text(r"[\x20-\x7e]{1,255}", "the name of an alarm: 1 to 255 printable ASCII characters")
MimeType = _text(r"[\w.+-]+/[\w.+-]+", "a MIME type without parameters")
Email = _text(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address")
WebAddress = _text(r"https://[^\s\"'<>]{1,500}", "an address that begins with https://")
Moment = Annotated[str, BeforeValidator(_as_written)]  # YAML reads a time with seconds as one
Schedule = Annotated[str, AfterValidator(_known_schedule)]
TimeZone = Annotated[str, AfterValidator(_known_zone)]
Percent = Annotated[int, Field(ge=1, le=100)]
Share = Annotated[float, Field(ge=0, le=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


def arn(service: str, resource: str) -> Any:
    """The type of an ARN of one kind, in any partition."""
    return _text(rf"arn:aws(-[a-z]+)*:{service}:[a-z0-9-]*:\d{{12}}:{resource}", f"the ARN of a {service} resource")
