"""The REST API: who may see what, and what comes back."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import pytest

from model_monitor.review import service
from model_monitor.review.desk import Desk, Rules
from model_monitor.review.local_store import LocalStores
from model_monitor.review.service import Person, Request
from model_monitor.review.serving import reviewers_of, serve
from tests.monitor_image.review.conftest import CONTEXT, NOW, task

ANN = Person("ann", frozenset(["clinic"]))
Call = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def desk() -> Desk:
    desk = Desk(LocalStores().of("clinic"), Rules(second_opinions=0.0))
    desk.put([task(number, 0.5 + number / 100) for number in range(3)], CONTEXT, NOW)
    return desk


@pytest.fixture
def call(desk: Desk) -> Call:
    def ask(method: str, path: str, person: Person | None = ANN, **body: Any) -> tuple[int, dict[str, Any]]:
        found = service.answer(Request(method, path, body, person, NOW), {"clinic": desk}.__getitem__)
        return found.status, dict(found.content)

    return ask


def test_a_task_is_taken_answered_and_taken_back(call: Call) -> None:
    status, found = call("POST", "api/clinic/lease")
    assert status == 200
    assert found["progress"] == {"open": 3, "done_today": 0}
    taken = found["task"]["id"]
    assert call("POST", "api/clinic/answer", id=taken, label="1", token="a")[1]["progress"]["done_today"] == 1
    assert call("POST", "api/clinic/undo", token="b")[1]["task"]["id"] == taken


def test_a_reviewer_sees_no_answers_of_others_and_no_reason(call: Call) -> None:
    _, found = call("POST", "api/clinic/lease")
    assert set(found["task"]) == {"id", "time", "prediction", "score", "uncertainty", "scores", "features"}
    _, listed = call("GET", "api/clinic/tasks")
    assert set(listed["tasks"][0]) == {"id", "time", "prediction", "score", "uncertainty"}


@pytest.mark.parametrize(
    ("method", "path", "person", "status"),
    [
        ("GET", "api/me", None, 401),
        ("GET", "api/bank/tasks", ANN, 403),
        ("POST", "api/bank/lease", ANN, 403),
        ("GET", "api/clinic/tasks", Person("bob", frozenset()), 403),
        ("GET", "api/clinic/lease", ANN, 404),
        ("GET", "api/clinic", ANN, 404),
        ("GET", "etc/passwd", ANN, 404),
        ("GET", "api/me", ANN, 200),
        ("GET", "api/clinic/context", ANN, 200),
    ],
)
def test_everybody_sees_their_own_endpoints_alone(
    call: Call, method: str, path: str, person: Person | None, status: int
) -> None:
    assert call(method, path, person)[0] == status


@pytest.mark.parametrize(
    ("path", "body"), [("answer", {"id": 1}), ("answer", {"id": "x"}), ("skip", {}), ("lease", {"id": ["x"]})]
)
def test_a_request_that_is_no_request_changes_nothing(call: Call, path: str, body: dict[str, Any]) -> None:
    assert call("POST", f"api/clinic/{path}", **body)[0] == 400


def test_what_others_have_is_a_conflict(call: Call) -> None:
    taken = call("POST", "api/clinic/lease")[1]["task"]["id"]
    bob = Person("bob", frozenset(["clinic"]))
    assert call("POST", "api/clinic/lease", bob, id=taken)[0] == 409
    status, found = call("POST", "api/clinic/answer", bob, id=taken, label="1")
    assert (status, found["problem"]) == (409, "somebody else has it, or nobody does: take it first")


# --- on loopback -------------------------------------------------------------------------------------------------------


@pytest.fixture
def server(desk: Desk) -> Iterator[ThreadingHTTPServer]:
    one = serve({"clinic": desk}, reviewers_of(["ann", "bob=bank"], ["clinic"]))
    threading.Thread(target=one.serve_forever, args=(0.01,), daemon=True).start()
    yield one
    one.shutdown()
    one.server_close()


def asked(server: ThreadingHTTPServer, method: str, path: str, body: bytes = b"", **headers: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    connection.request(method, path, body or None, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


@pytest.mark.parametrize(
    ("path", "kind"), [("/", "text/html"), ("/page.js", "text/javascript"), ("/page.css", "text/css")]
)
def test_the_page_comes_with_a_policy_that_lets_nothing_else_in(
    server: ThreadingHTTPServer, path: str, kind: str
) -> None:
    answer, content = asked(server, "GET", path)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith(kind)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert b"style=" not in content


@pytest.mark.parametrize("path", ["/../desk.py", "/%2e%2e/desk.py", "/page.html", "/desk.py"])
def test_no_other_file_is_served(server: ThreadingHTTPServer, path: str) -> None:
    assert asked(server, "GET", path)[0].status == 401


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b"{}", {"Origin": "http://elsewhere.example"}, 400),
        (b"x" * 70_000, {}, 400),
        (b"{}", {}, 200),
    ],
)
def test_only_json_of_this_page_is_taken(
    server: ThreadingHTTPServer, body: bytes, headers: dict[str, str], status: int
) -> None:
    found, _ = asked(server, "POST", "/api/clinic/lease", body, Authorization="Bearer ann", **headers)
    assert found.status == status


def test_a_name_may_be_for_some_endpoints_alone(server: ThreadingHTTPServer) -> None:
    _, content = asked(server, "GET", "/api/me", Authorization="Bearer bob")
    assert json.loads(content) == {"name": "bob", "endpoints": ["bank"]}
