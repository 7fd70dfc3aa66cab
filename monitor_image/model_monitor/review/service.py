"""The review app's REST API over desks: who may see what, and what each address does. It knows no server.

    GET  api/me                              who I am, and my endpoints
    GET  api/{endpoint}/context              labels, and the baseline's distributions
    GET  api/{endpoint}/tasks                what waits, most uncertain first; progress
    POST api/{endpoint}/lease   {id?}        the next task, or that one
    POST api/{endpoint}/answer  {id, label, comment?, token}
    POST api/{endpoint}/skip    {id, comment?, token}
    POST api/{endpoint}/undo    {token}

Standard library alone: a deployed function carries this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

OK, BAD, UNKNOWN_PERSON, FORBIDDEN, NOT_FOUND, CONFLICT = 200, 400, 401, 403, 404, 409
LISTED = 12
CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'{and_from}; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
PAGE = Path(__file__).parent / "page"
PAGE_TYPES = {"": "text/html", "page.js": "text/javascript", "page.css": "text/css"}
PAGE_FILES = {"": "page.html", "page.js": "page.js", "page.css": "page.css"}


@dataclass(frozen=True)
class Person:
    """Who asks. endpoints: those whose predictions they review."""

    name: str
    endpoints: frozenset[str]


@dataclass(frozen=True)
class Request:
    """One call. path: below the app's address, without a slash first. body: the decoded JSON."""

    method: str
    path: str
    body: Mapping[str, Any]
    person: Person | None
    now: datetime


@dataclass(frozen=True)
class Answer:
    """What is sent back, as JSON."""

    status: int
    content: Mapping[str, Any]


def headers(sign_in: str = "") -> dict[str, str]:
    """Of every answer. sign_in: the address that the page exchanges its sign-in at."""
    return {
        "Content-Security-Policy": CONTENT_SECURITY.format(and_from=f" {sign_in}" if sign_in else ""),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }


def answer(request: Request, desk_of: Callable[[str], Any]) -> Answer:
    """One call of the API. desk_of: the desk of an endpoint."""
    if request.person is None:
        return _problem(UNKNOWN_PERSON, "sign in first")
    steps = request.path.removeprefix("api/").split("/")
    if steps == ["me"] and request.method == "GET":
        return Answer(OK, {"name": request.person.name, "endpoints": sorted(request.person.endpoints)})
    if len(steps) != 2 or (request.method, steps[1]) not in CALLS:
        return _problem(NOT_FOUND, "there is nothing at this address")
    endpoint, call = steps
    if endpoint not in request.person.endpoints:
        return _problem(FORBIDDEN, "you are no reviewer of this endpoint")
    if (fault := _fault(request.body)) is not None:
        return _problem(BAD, fault)
    return CALLS[request.method, call](request, request.person.name, desk_of(endpoint))


def _fault(body: Mapping[str, Any]) -> str | None:
    for name in ("id", "label", "comment", "token"):
        if not isinstance(body.get(name, ""), str):
            return f"{name}: should be text"
    return None


def _context(_request: Request, _name: str, desk: Any) -> Answer:
    return Answer(OK, desk.context())


def _tasks(request: Request, name: str, desk: Any) -> Answer:
    waiting = [_listed(record) for record in desk.waiting(name, request.now, LISTED)]
    return Answer(OK, {"tasks": waiting, **_progress(request, name, desk)})


def _lease(request: Request, name: str, desk: Any) -> Answer:
    outcome = desk.lease(name, request.now, request.body.get("id", ""))
    if outcome.task is None and request.body.get("id"):
        return _problem(CONFLICT, outcome.problem)
    task = None if outcome.task is None else _shown(outcome.task)
    return Answer(OK, {"task": task, **_progress(request, name, desk)})


def _answered(request: Request, name: str, desk: Any) -> Answer:
    body = request.body
    if not body.get("id") or not body.get("label"):
        return _problem(BAD, "id and label: are needed")
    said = {"comment": body.get("comment", ""), "token": body.get("token", "")}
    return _done(request, name, desk, desk.answer(name, body["id"], body["label"], request.now, **said))


def _skipped(request: Request, name: str, desk: Any) -> Answer:
    body = request.body
    if not body.get("id"):
        return _problem(BAD, "id: is needed")
    said = {"comment": body.get("comment", ""), "token": body.get("token", "")}
    return _done(request, name, desk, desk.skip(name, body["id"], request.now, **said))


def _undone(request: Request, name: str, desk: Any) -> Answer:
    outcome = desk.undo(name, request.now, token=request.body.get("token", ""))
    if outcome.problem:
        return _problem(CONFLICT, outcome.problem)
    return Answer(OK, {"task": _shown(outcome.task), **_progress(request, name, desk)})


def _done(request: Request, name: str, desk: Any, outcome: Any) -> Answer:
    if outcome.problem:
        return _problem(CONFLICT, outcome.problem)
    return Answer(OK, {"done": outcome.task["task"]["id"], **_progress(request, name, desk)})


def _progress(request: Request, name: str, desk: Any) -> dict[str, Any]:
    return {"progress": desk.progress(name, request.now)}


def _listed(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a list tells of a task."""
    task = record["task"]
    return {name: task.get(name) for name in ("id", "time", "prediction", "score", "uncertainty")}


def _shown(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a reviewer sees: nothing of what others said, nor whether it was sampled, so that nobody is led."""
    task = record["task"]
    return _listed(record) | {"scores": task.get("scores") or [], "features": task.get("features") or {}}


def _problem(status: int, told: str) -> Answer:
    return Answer(status, {"problem": told})


CALLS: Mapping[tuple[str, str], Callable[[Request, str, Any], Answer]] = {
    ("GET", "context"): _context,
    ("GET", "tasks"): _tasks,
    ("POST", "lease"): _lease,
    ("POST", "answer"): _answered,
    ("POST", "skip"): _skipped,
    ("POST", "undo"): _undone,
}
