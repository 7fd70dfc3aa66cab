"""The deployed function and its page in a real browser, signed in by a code that is exchanged with its proof, as with Cognito."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from moto import mock_aws

from model_monitor.review.desk import Desk, Rules
from model_monitor.review.serving import Server
from tests.monitor_image.review import browser
from tests.monitor_image.review.conftest import CONTEXT, NOW, make_table, table_store_class, task

pytestmark = [
    pytest.mark.skipif(browser.PROGRAM is None, reason="no Chromium: apt-get install chromium"),
    pytest.mark.xdist_group("browser"),
]


class Quiet(BaseHTTPRequestHandler):
    """A server that says nothing on the terminal."""

    def send(self, status: int, headers: dict[str, str], body: str = "") -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body.encode()))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    @property
    def sent(self) -> str:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()

    def log_message(self, *_: object) -> None:
        """Nothing."""


class SignIn(Quiet):
    """Cognito's pages, for somebody who types nothing wrong: a code for a challenge, a token for the code with its proof."""

    challenges: dict[str, str]

    def do_GET(self) -> None:
        asked = dict(parse_qsl(urlsplit(self.path).query))
        assert asked["code_challenge_method"] == "S256"
        self.challenges["code-1"] = asked["code_challenge"]
        back = f"{asked['redirect_uri']}?{urlencode({'code': 'code-1', 'state': asked['state']})}"
        self.send(302, {"Location": back})

    def do_POST(self) -> None:
        asked = dict(parse_qsl(self.sent))
        digest = hashlib.sha256(asked["code_verifier"].encode()).digest()
        is_proven = base64.urlsafe_b64encode(digest).decode().rstrip("=") == self.challenges.pop(asked["code"])
        content = {"id_token": "token-of-ann"} if is_proven else {"error": "invalid_grant"}
        self.send(200 if is_proven else 400, {"Access-Control-Allow-Origin": "*"}, json.dumps(content))


class Gateway(Quiet):
    """API Gateway in front of the function: checks the token below api/, passes all else on."""

    handle_: Callable[[dict[str, Any]], dict[str, Any]]

    def do_GET(self) -> None:
        self.passed("GET")

    def do_POST(self) -> None:
        self.passed("POST")

    def passed(self, method: str) -> None:
        path = urlsplit(self.path).path.removeprefix("/review")
        context: dict[str, Any] = {"path": urlsplit(self.path).path}
        if path.startswith("/api/"):
            if self.headers.get("Authorization") != "token-of-ann":
                self.send(401, {}, "{}")
                return
            person = {"email": "ann@example.com", "email_verified": "true"}
            context["authorizer"] = {"claims": {**person, "cognito:groups": "[review-dev-clinic]"}}
        event = {"httpMethod": method, "path": path or "/", "body": self.sent or None, "requestContext": context}
        found = type(self).handle_(event)
        self.send(found["statusCode"], found["headers"], found["body"])


@pytest.fixture
def listening() -> Iterator[Callable[[type[Quiet]], str]]:
    servers: list[Server] = []

    def listen(handler: type[Quiet]) -> str:
        servers.append(Server(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_address[1]}"

    yield listen
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_reviewer_signs_in_elsewhere_and_answers_here(
    load: Callable[[str], SimpleNamespace],
    listening: Callable[[type[Quiet]], str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    SignIn.challenges = {}
    variables = {
        "TABLE": "runs",
        "GROUP_PREFIX": "review-dev-",
        "GROUPS_CLAIM": "cognito:groups",
        "AUTHORITY": listening(SignIn),
        "CLIENT_ID": "page",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    handler = load("review").handler
    handler._reviews = lambda: {"clinic": {"rules": {}}}
    Gateway.handle_ = handler.handle
    with mock_aws():
        table = make_table()
        desk = Desk(table_store_class()(table, "clinic"), Rules(second_opinions=0.0))
        desk.put([task(1), task(2)], CONTEXT, NOW)
        with browser.browser(tmp_path / "profile") as chromium:
            page = chromium.page()
            address = listening(Gateway)
            page.open(f"{address}/review/")
            page.wait("!document.getElementById('elsewhere').hidden")
            page.ask("document.getElementById('elsewhere').click()")
            page.wait("document.getElementById('task') && !document.getElementById('task').hidden")
            assert page.ask("location.href") == f"{address}/review/"
            assert page.ask("document.getElementById('who').textContent") == "ann@example.com"
            page.wait("!document.querySelector('[aria-busy]')")
            page.press("1")
            page.wait("document.getElementById('counts').textContent.startsWith('1 done')")
        said = [record["history"] for _, record in desk.store.page("task#", 10) if record["history"]]
    assert [(one["reviewer"], one["label"]) for [one] in said] == [("ann@example.com", "0")]
