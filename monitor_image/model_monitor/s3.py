"""The one room that knows boto3: small objects from S3, metrics to CloudWatch. Imported only by runs that need it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from model_monitor.errors import MonitorError, OutputError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEME: Final = "s3://"
METRICS_PER_CALL: Final = 1000  # PutMetricData's limit
ABSENT: Final = ("NoSuchKey", "NoSuchBucket", "404")


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
        content: bytes = _client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
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
        _client("s3").put_object(Bucket=bucket, Key=key, Body=content)
    except _boto_errors() as error:
        raise OutputError(
            uri,
            f"cannot be written ({_code(error)}).",
            "The role needs s3:PutObject, and kms:GenerateDataKey of its key.",
        ) from error


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


def _split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix(SCHEME).partition("/")
    if not bucket or not key:
        raise SettingsError(uri, "is no S3 URI of an object.", "Expected s3://bucket/key.")
    return bucket, key


def _client(service: str) -> Any:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import NoRegionError

    try:
        return boto3.client(service, config=Config(retries={"mode": "standard", "max_attempts": 5}))
    except NoRegionError as error:
        raise MonitorError("AWS is needed but no region is set. Set AWS_REGION.") from error


def _boto_errors() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError

    return (BotoCoreError, ClientError)


def _code(error: Exception) -> str:
    response: dict[str, Any] = getattr(error, "response", {})
    code: str = response.get("Error", {}).get("Code", type(error).__name__)
    return code
