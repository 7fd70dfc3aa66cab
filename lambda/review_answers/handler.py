"""Review answers: what a company's labelling tool posts, behind API Gateway. Who knows the endpoint's secret may answer.

Environment: TABLE (of the environment), SECRETS (endpoint → name of the parameter that holds its webhook's secret). Beside the code
lies reviews.json, the rules of each endpoint. POST hooks/{endpoint}, with the headers and the body of `labelling_tool`.
"""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from aws import client, log, table_named
from review_table import TableStore

from model_monitor.review.desk import Desk, Rules
from model_monitor.review.labelling_tool import said_in, verified
from model_monitor.review.outside import receive

OK, BAD, FORBIDDEN = 200, 400, 403
LARGEST_BODY = 256 * 1024


def handle(event: dict[str, Any], _context: object = None) -> dict[str, Any]:
    """One call of API Gateway's proxy integration."""
    endpoint = str((event.get("pathParameters") or {}).get("endpoint") or "")
    now, body = _asked_at(event), _body(event)
    secret = _secret(endpoint) if endpoint in _secrets() else ""
    if not verified(secret, body, event.get("headers") or {}, now):
        return _sent(FORBIDDEN, {"problem": "no valid signature"})
    said = said_in(body.decode("utf-8", "replace"))
    if said is None:
        return _sent(BAD, {"problem": "should hold answers, each with id, label and reviewer"})
    desk = Desk(TableStore(table_named(os.environ["TABLE"]), endpoint), Rules(**_rules(endpoint)))
    problems = {one.task_id: problem for one in said if (problem := receive(desk, one, now))}
    log("answered", endpoint=endpoint, kept=len(said) - len(problems), refused=len(problems))
    return _sent(OK, {"kept": len(said) - len(problems), "refused": problems})


def _asked_at(event: dict[str, Any]) -> datetime:
    milliseconds = event.get("requestContext", {}).get("requestTimeEpoch")
    return datetime.now(UTC) if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def _body(event: dict[str, Any]) -> bytes:
    text = event.get("body") or ""
    body = base64.b64decode(text) if event.get("isBase64Encoded") else text.encode()
    return body if len(body) <= LARGEST_BODY else b""


def _secrets() -> dict[str, str]:
    secrets: dict[str, str] = json.loads(os.environ["SECRETS"])
    return secrets


@cache
def _secret(endpoint: str) -> str:
    name = _secrets()[endpoint]
    value: str = client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    return value


@cache
def _rules(endpoint: str) -> dict[str, Any]:
    reviews: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "reviews.json").read_text())
    rules: dict[str, Any] = reviews[endpoint]["rules"]
    return rules


def _sent(status: int, content: dict[str, Any]) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(content)}
