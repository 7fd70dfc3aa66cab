"""The review app on loopback, for a laptop: the page, the API, and a sign-in that stands in for the company's."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from model_monitor.review import service
from model_monitor.review.desk import Desk

LOOPBACK: Final = "127.0.0.1"
LARGEST_BODY: Final = 64 * 1024
BEARER: Final = "Bearer "

Reviewers = Mapping[str, frozenset[str]]  # name → endpoints that they review


class Server(ThreadingHTTPServer):
    """Threads that end with the program, and no word of browsers that go away before they are answered."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def serve(desks: Mapping[str, Desk], reviewers: Reviewers, port: int = 0) -> ThreadingHTTPServer:
    """A server that listens on loopback alone; `serve_forever` answers. Whoever gives a reviewer's name is that reviewer."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self._path()
            if path in service.PAGE_FILES:
                self._send(200, (service.PAGE / service.PAGE_FILES[path]).read_bytes(), service.PAGE_TYPES[path])
            elif path == "config.json":
                self._send_json(200, {"sign_in": "stand-in", "names": sorted(reviewers)})
            else:
                self._call("GET", path, {})

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            if size > LARGEST_BODY:
                self.close_connection = True
                self._send_json(service.BAD, {"problem": "the request is too large"})
                return
            try:
                body = json.loads(self.rfile.read(size) or b"{}")
            except ValueError:
                body = None
            if not isinstance(body, dict) or not self._is_own():
                self._send_json(service.BAD, {"problem": "should be a JSON object from this page"})
                return
            self._call("POST", self._path(), body)

        def _is_own(self) -> bool:
            """Whether no other site's page asks."""
            origin, host = self.headers.get("Origin"), self.headers.get("Host")
            return origin is None or urlsplit(origin).netloc == host

        def _path(self) -> str:
            return unquote(urlsplit(self.path).path).lstrip("/")

        def _call(self, method: str, path: str, body: Mapping[str, Any]) -> None:
            name = (self.headers.get("Authorization") or "").removeprefix(BEARER)
            person = service.Person(name, reviewers[name]) if name in reviewers else None
            request = service.Request(method, path, body, person, datetime.now(UTC))
            found = service.answer(request, desks.__getitem__)
            self._send_json(found.status, found.content)

        def _send_json(self, status: int, content: Mapping[str, Any]) -> None:
            self._send(status, json.dumps(content).encode(), "application/json")

        def _send(self, status: int, content: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            for name, value in service.headers().items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Quiet: addresses name endpoints, and the desk keeps who answered what."""

    return Server((LOOPBACK, port), Handler)


def reviewers_of(given: list[str], endpoints: list[str]) -> Reviewers:
    """`ann` reviews every endpoint, `ann=clinic,shop` these."""
    found: dict[str, frozenset[str]] = {}
    for each in given:
        name, _, named = each.partition("=")
        found[name] = frozenset(named.split(",")) if named else frozenset(endpoints)
    return found
