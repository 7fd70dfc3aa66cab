"""Review Lambda: the page that reviewers work with, and its REST API, behind API Gateway.

Environment: TABLE (of the environment), GROUP_PREFIX and GROUPS_CLAIM (whose reviewer somebody is), AUTHORITY and CLIENT_ID (where
the page signs people in). Beside the code lie the page and reviews.json, the rules of each endpoint.
API Gateway has proven who asks before anything below api/ comes here; what they may see is decided here, by their groups.
"""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from aws import log, table_named
from review_table import TableStore

from model_monitor.review.desk import Desk, Rules
from model_monitor.review.service import BAD, OK, PAGE, PAGE_FILES, PAGE_TYPES, Answer, Person, Request, answer, headers

FOLDER = Path(__file__).parent
LARGEST_BODY = 64 * 1024


def handle(event: dict[str, Any], _context: object = None) -> dict[str, Any]:
    """One call of API Gateway's proxy integration."""
    path = str(event["path"]).lstrip("/")
    asked = str(event.get("requestContext", {}).get("path") or "/")
    if not path and not asked.endswith("/"):  # the page's addresses are relative to the folder it lies in
        return _sent(308, "", "text/plain", {"Location": f"{asked}/"})
    if path in PAGE_FILES:
        return _sent(OK, (PAGE / PAGE_FILES[path]).read_text(), PAGE_TYPES[path])
    if path == "config.json":
        sign_in = {"authority": os.environ["AUTHORITY"], "client_id": os.environ["CLIENT_ID"]}
        return _json(Answer(OK, {"sign_in": "cognito", **sign_in}))
    person = person_of(event)
    body = _body(event)
    if body is None:
        return _json(Answer(BAD, {"problem": "should be a JSON object"}))
    found = answer(Request(event["httpMethod"], path, body, person, _asked_at(event)), _desk)
    if event["httpMethod"] == "POST":
        log("reviewed", path=path, status=found.status, task=str(body.get("id", "")))
    return _json(found)


def person_of(event: dict[str, Any]) -> Person | None:
    """Who asks, by the claims that API Gateway checked; None where it checked none."""
    claims = (event.get("requestContext", {}).get("authorizer") or {}).get("claims") or {}
    is_known = str(claims.get("email_verified", "")).lower() == "true"  # else anybody may have written it
    email = claims.get("email") if is_known else ""
    name = str(email or claims.get("cognito:username") or claims.get("sub") or "")
    if not name:
        return None
    prefix = os.environ["GROUP_PREFIX"]
    groups = _groups(claims.get(os.environ["GROUPS_CLAIM"]) or "")
    endpoints = {group.removeprefix(prefix) for group in groups if group.startswith(prefix)}
    return Person(name, frozenset(endpoints & _reviews().keys()))


def _groups(claim: object) -> list[str]:
    """API Gateway writes a list as `[a, b]` or as `a,b`."""
    parts = claim if isinstance(claim, list) else str(claim).strip("[]").split(",")
    return [str(part).strip().strip('"') for part in parts]


@cache
def _reviews() -> dict[str, dict[str, Any]]:
    content: dict[str, dict[str, Any]] = json.loads((FOLDER / "reviews.json").read_text())
    return content


@cache
def _table() -> Any:
    return table_named(os.environ["TABLE"])


def _desk(endpoint: str) -> Desk:
    return Desk(TableStore(_table(), endpoint), Rules(**_reviews()[endpoint]["rules"]))


def _asked_at(event: dict[str, Any]) -> datetime:
    """When API Gateway took the call."""
    milliseconds = event.get("requestContext", {}).get("requestTimeEpoch")
    return datetime.now(UTC) if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def _body(event: dict[str, Any]) -> dict[str, Any] | None:
    text = event.get("body") or "{}"
    try:
        text = base64.b64decode(text).decode() if event.get("isBase64Encoded") else text
        content = json.loads(text) if len(text) <= LARGEST_BODY else None
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _json(found: Answer) -> dict[str, Any]:
    return _sent(found.status, json.dumps(found.content), "application/json")


def _sent(status: int, body: str, kind: str, more: dict[str, str] | None = None) -> dict[str, Any]:
    told = {"Content-Type": f"{kind}; charset=utf-8", **headers(os.environ["AUTHORITY"]), **(more or {})}
    return {"statusCode": status, "headers": told, "body": body}
