"""What every function does the same way: it calls AWS through one client a service, and logs one line of JSON for what happened."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

logger = logging.getLogger("function")
if not logger.handlers:
    logger.addHandler(logging.StreamHandler(sys.stdout))
    logger.setLevel(logging.INFO)
    logger.propagate = False


STANDARD = Config(retries={"mode": "standard", "total_max_attempts": 6})  # throttling is waited out, with jitter


@cache
def client(service: str) -> Any:
    """One boto3 client per service and execution environment."""
    return boto3.client(service, config=STANDARD)


def client_as(service: str, role_arn: str) -> Any:
    """A client in the name of a role, of another account perhaps; "" is the function's own. Its credentials last an hour."""
    if not role_arn:
        return client(service)
    lent = client("sts").assume_role(RoleArn=role_arn, RoleSessionName="model-monitor-retraining")["Credentials"]
    return boto3.client(
        service,
        config=STANDARD,
        aws_access_key_id=lent["AccessKeyId"],
        aws_secret_access_key=lent["SecretAccessKey"],
        aws_session_token=lent["SessionToken"],
    )


def table_named(name: str) -> Any:
    """A DynamoDB table by its name."""
    return boto3.resource("dynamodb", config=STANDARD).Table(name)


def encrypted(key: str) -> dict[str, str]:
    """What a request that writes to S3 says of a key: some buckets refuse objects that name none. "": the bucket decides."""
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}


def log(what: str, **fields: Any) -> None:
    """One line: the event and its fields."""
    logger.info(json.dumps({"event": what, **fields}))


PAUSES = (2, 4, 8, 16)  # seconds: a policy or a role that was just written is known everywhere within half a minute
NOT_YET = ("AccessDenied", "AccessDeniedException")
NOT_ASSUMED = "assume role"  # SageMaker refuses a role that is too new with a ValidationException


def patiently(call: Callable[[], Any]) -> Any:
    """The answer of a call whose rights may be a moment old: IAM's changes take a while to be known everywhere."""
    for pause in PAUSES:
        try:
            return call()
        except ClientError as error:
            found = error.response.get("Error", {})
            if found.get("Code") not in NOT_YET and NOT_ASSUMED not in str(found.get("Message", "")).lower():
                raise
            log("waiting", reason=found.get("Code"), seconds=pause)
            time.sleep(pause)
    return call()
