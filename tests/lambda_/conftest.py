"""Loads a Lambda as the runtime does: its files, and those that all functions share, import each other by their bare names."""

from __future__ import annotations

import importlib
import json
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

LAMBDA = Path(__file__).resolve().parents[2] / "lambda"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], SimpleNamespace]]:
    """`load("retraining").decide` is that function's module, fresh; nothing of it stays behind for other tests."""
    loaded: list[str] = []

    def load_folder(name: str) -> SimpleNamespace:
        folders = (LAMBDA / "shared", LAMBDA / name)
        names = [path.stem for folder in folders for path in sorted(folder.glob("*.py"))]
        for module in names:
            sys.modules.pop(module, None)
        for folder in folders:
            monkeypatch.syspath_prepend(str(folder))
        loaded.extend(names)
        room = SimpleNamespace(**{module: importlib.import_module(module) for module in names})
        monkeypatch.setattr(room.aws, "PAUSES", (0, 0, 0, 0))
        return room

    monkeypatch.setattr("time.sleep", lambda seconds: None)
    yield load_folder
    for module in loaded:
        sys.modules.pop(module, None)


@pytest.fixture(autouse=True)
def _in_no_account(fake_account: None) -> None:
    """A function makes its clients by itself."""


@pytest.fixture
def cloudformation() -> Iterator[SimpleNamespace]:
    """Stands for the signed address CloudFormation waits at: `url`, and the `answers` that were PUT to it, sizes checked."""
    answers: list[dict[str, Any]] = []

    class Sink(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert len(body) <= 4096
            assert not self.headers["Content-Type"]
            answers.append(json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}/answer", answers=answers)
    server.shutdown()
    server.server_close()
