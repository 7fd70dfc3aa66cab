"""Objects from and to S3, metrics to CloudWatch. Imported only by runs that need it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from model_monitor.aws import clients
from model_monitor.errors import MonitorError, OutputError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEME: Final = "s3://"
METRICS_PER_CALL: Final = 1000  # PutMetricData's limit
CALLS_AT_ONCE: Final = 8
COPIED_AT_ONCE: Final = 1 << 20  # bytes
CONFLICTS: Final = 3  # conditional writes that met another one, tried again
TAKEN: Final = ("PreconditionFailed", "412")
DENIED: Final = ("AccessDenied", "403")
PAUSES: Final = (
    2.0,
    4.0,
    8.0,
    16.0,
)  # seconds: a policy that was just written is known everywhere within half a minute
ABSENT: Final = ("NoSuchKey", "NoSuchBucket", "404")

Item = TypeVar("Item")
Found = TypeVar("Found")


def is_s3(location: str) -> bool:
    """Whether a location is an S3 URI rather than a local path."""
    return location.startswith(SCHEME)


def join(uri: str, *parts: str) -> str:
    """A key below a URI."""
    return "/".join((uri.rstrip("/"), *parts))


def read_object(uri: str) -> bytes | None:
    """The content of one object; None when there is none under that key."""
    bucket, key = _split(uri)
    try:
        content: bytes = _patiently(lambda: _client("s3").get_object(Bucket=bucket, Key=key))["Body"].read()
    except _boto_errors() as error:
        if _code(error) in ABSENT:
            return None
        raise SettingsError(
            uri,
            f"cannot be read ({_code(error)}).",
            "The run's role needs s3:GetObject, kms:Decrypt, and s3:ListBucket (without it a missing object is refused "
            "too); under network isolation mount it as an input instead.",
        ) from error
    return content


def write_object(uri: str, content: bytes) -> None:
    """Put one object; readers see all of it or none."""
    bucket, key = _split(uri)
    try:
        _client("s3").put_object(Bucket=bucket, Key=key, Body=content, **_encryption())
    except _boto_errors() as error:
        raise _unwritten(uri, error) from error


def write_file(uri: str, path: Path) -> None:
    """Put a file of up to 5 GB, streamed; readers see all of it or none."""
    bucket, key = _split(uri)
    try:
        with path.open("rb") as content:
            _client("s3").put_object(Bucket=bucket, Key=key, Body=content, **_encryption())
    except _boto_errors() as error:
        raise _unwritten(uri, error) from error


def create_object(uri: str, content: bytes) -> bool:
    """Put one object unless there is one already; whether it was put."""
    bucket, key = _split(uri)
    for _ in range(CONFLICTS):
        try:
            _client("s3").put_object(Bucket=bucket, Key=key, Body=content, IfNoneMatch="*", **_encryption())
        except _boto_errors() as error:
            if _code(error) in TAKEN:
                return False
            if _code(error) != "ConditionalRequestConflict":
                raise _unwritten(uri, error) from error
        else:
            return True
    return False  # somebody else is writing it all the time


def delete_object(uri: str) -> None:
    """Delete one object; one that is not there is fine."""
    bucket, key = _split(uri)
    try:
        _client("s3").delete_object(Bucket=bucket, Key=key)
    except _boto_errors() as error:
        raise OutputError(
            uri, f"cannot be deleted ({_code(error)}).", "The run's role needs s3:DeleteObject."
        ) from error


@dataclass(frozen=True, slots=True)
class Stored:
    """One object; `relative` is its key below the URI that was listed."""

    uri: str
    relative: str
    size_bytes: int


def list_objects(uri: str) -> list[Stored]:
    """Every object below a prefix, by key; the prefix is a folder, so `…/2` does not find `…/20`."""
    return _listed(uri, delimiter="")[1]


def list_folder(uri: str) -> tuple[list[str], list[Stored]]:
    """Names of the folders directly below a prefix, and the objects directly below it."""
    return _listed(uri, delimiter="/")


def download(objects: Iterable[tuple[str, Path]]) -> int:
    """Fetch objects (URI, path) to files, a few at a time and streamed; how many.

    Raises: SettingsError naming the object that could not be fetched.
    """
    client = _client("s3")
    return sum(at_once(lambda wanted: _download(client, *wanted), objects))


def at_once(call: Callable[[Item], Found], items: Iterable[Item]) -> list[Found]:
    """What calls about some items give, a few at a time and in the order of the items."""
    with ThreadPoolExecutor(max_workers=CALLS_AT_ONCE) as pool:
        return list(pool.map(call, items))


def _download(client: Any, uri: str, path: Path) -> int:
    bucket, key = _split(uri)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("wb") as file:
            shutil.copyfileobj(client.get_object(Bucket=bucket, Key=key)["Body"], file, COPIED_AT_ONCE)
    except _boto_errors() as error:
        raise SettingsError(
            uri,
            f"cannot be fetched ({_code(error)}).",
            "The run's role needs s3:GetObject, and kms:Decrypt of its key.",
        ) from error
    return 1


def _listed(uri: str, delimiter: str) -> tuple[list[str], list[Stored]]:
    bucket, _, prefix = uri.removeprefix(SCHEME).rstrip("/").partition("/")
    if not is_s3(uri) or not bucket:
        raise SettingsError(uri, "is no S3 URI.", "Expected s3://bucket or s3://bucket/prefix.")
    folder = prefix + "/" if prefix else ""
    folders, objects = [], []
    try:
        pages = _client("s3").get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket, Prefix=folder, Delimiter=delimiter):
            folders += [item["Prefix"][len(folder) :].rstrip("/") for item in page.get("CommonPrefixes", ())]
            objects += [
                Stored(f"{SCHEME}{bucket}/{item['Key']}", item["Key"][len(folder) :], item["Size"])
                for item in page.get("Contents", ())
                if not item["Key"].endswith("/")
            ]
    except _boto_errors() as error:
        raise SettingsError(
            uri,
            f"cannot be listed ({_code(error)}).",
            "Check the bucket's name; the run's role needs s3:ListBucket on it.",
        ) from error
    return folders, objects


def _unwritten(uri: str, error: Exception) -> OutputError:
    remedy = "The role needs s3:PutObject, and kms:GenerateDataKey of its key."
    return OutputError(uri, f"cannot be written ({_code(error)}).", remedy)


def put_metric_data(namespace: str, data: Sequence[Mapping[str, Any]]) -> None:
    """Send data points that PutMetricData accepts as they are."""
    client = _client("cloudwatch")
    try:
        for start in range(0, len(data), METRICS_PER_CALL):
            client.put_metric_data(Namespace=namespace, MetricData=data[start : start + METRICS_PER_CALL])
    except _boto_errors() as error:
        raise OutputError(
            f"CloudWatch namespace {namespace}",
            f"metrics cannot be sent ({_code(error)}).",
            "The run's role needs cloudwatch:PutMetricData; or set metrics.route to file.",
        ) from error


def _encryption() -> dict[str, str]:
    key = clients.output_key()
    return {} if key is None else {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}


def _patiently(call: Callable[[], Any]) -> Any:
    """The answer of a read whose right may be a moment old: a deployment changes policies while runs start."""
    for pause in PAUSES:
        try:
            return call()
        except _boto_errors() as error:
            if _code(error) not in DENIED:
                raise
            time.sleep(pause)
    return call()


def _split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix(SCHEME).partition("/")
    if not bucket or not key:
        raise SettingsError(uri, "is no S3 URI of an object.", "Expected s3://bucket/key.")
    return bucket, key


def prepare() -> None:
    """Do what the first call to S3 would have to do, without a call, which says what is missing."""
    with suppress(MonitorError, *_boto_errors()):
        _client("s3")


def _client(service: str) -> Any:
    """One for all calls and threads of a process: making it takes longer than most calls, and it keeps its connections."""
    return _made(service, (clients.region(), clients.told(), os.getpid()))


@cache
def _made(service: str, told: object) -> Any:  # noqa: ARG001 (what a client is made of, and whose connections it has)
    from botocore.config import Config

    return clients.client(service, Config(retries={"mode": "standard", "max_attempts": 5}))


def _boto_errors() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError

    return (BotoCoreError, ClientError)


def _code(error: Exception) -> str:
    response: dict[str, Any] = getattr(error, "response", None) or {}  # of a timeout it is None
    code: str = response.get("Error", {}).get("Code", type(error).__name__)
    return code
