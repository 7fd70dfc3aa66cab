"""What every function does the same way: it calls AWS through one client a service, and logs one line of JSON for what happened."""

from __future__ import annotations

import json
import logging
import sys
from functools import cache
from typing import Any

import boto3

logger = logging.getLogger("function")
if not logger.handlers:
    logger.addHandler(logging.StreamHandler(sys.stdout))
    logger.setLevel(logging.INFO)
    logger.propagate = False


@cache
def client(service: str) -> Any:
    """One boto3 client per service and execution environment."""
    return boto3.client(service)


def log(what: str, **fields: Any) -> None:
    """One line: the event and its fields."""
    logger.info(json.dumps({"event": what, **fields}))
