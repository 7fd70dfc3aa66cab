"""What each schedule runs, as it was deployed: an SSM parameter below one path, so that no function needs to know an endpoint.

Environment: MONITORS_PREFIX (that path).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from aws import client


def find(schedule: str) -> dict[str, Any]:
    """One of them. Raises: what AWS says of a schedule that is not there."""
    found: dict[str, Any] = json.loads(
        client("ssm").get_parameter(Name=f"{_prefix()}/{schedule}")["Parameter"]["Value"]
    )
    return found


def every() -> Iterator[dict[str, Any]]:
    """All of the environment."""
    for page in client("ssm").get_paginator("get_parameters_by_path").paginate(Path=_prefix()):
        yield from (json.loads(found["Value"]) for found in page["Parameters"])


def _prefix() -> str:
    return os.environ["MONITORS_PREFIX"]
