"""Stands for AWS's XGBoost framework container on an endpoint: loads the model with its serving script and answers HTTP.

Started by the twin with the interpreter that holds what the container holds; standard library only, nothing of ours. Like
the container it answers GET /ping and POST /invocations, and turns what the script raises into a status and a text.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

FUNCTIONS = ("model_fn", "input_fn", "predict_fn", "output_fn")
DEFAULT_ACCEPT = "application/json"


class Container:
    """The loaded model and its script. One request at a time, as one worker of the container."""

    def __init__(self, script: ModuleType, model_directory: Path) -> None:
        missing = [name for name in FUNCTIONS if not hasattr(script, name)]
        if missing:
            raise SystemExit(f"{script.__file__}: {', '.join(missing)} not found; the twin brings no default handlers")
        self._script = script
        self._model: Any = script.model_fn(str(model_directory))
        self._lock = threading.Lock()

    def answer(self, body: bytes, content_type: str | None, accept: str) -> tuple[bytes, str]:
        """The response's body and content type."""
        with self._lock:
            data = self._script.input_fn(body, content_type)
            result = self._script.output_fn(self._script.predict_fn(data, self._model), accept)
        content, kind = result if isinstance(result, tuple) else (result, accept)
        return (content.encode() if isinstance(content, str) else bytes(content)), kind


def handler(container: Container) -> type[BaseHTTPRequestHandler]:
    """The HTTP side."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(200 if self.path == "/ping" else 404, b"", "text/plain")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            accept = self.headers.get("Accept") or "*/*"
            if accept == "*/*":
                accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", DEFAULT_ACCEPT)
            try:
                content, kind = container.answer(body, self.headers.get("Content-Type"), accept)
            except Exception as error:  # noqa: BLE001  whatever the script raises is the caller's ModelError
                traceback.print_exc()
                self._send(500, f"{type(error).__name__}: {error}".encode(), "text/plain")
                return
            self._send(200, content, kind)

        def _send(self, status: int, content: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Requests are not logged."""

    return Handler


def end_with_parent() -> None:
    """A container does not outlive its host."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="folder of the unpacked artefact")
    parser.add_argument("--code", type=Path, required=True, help="folder of the serving script")
    parser.add_argument("--program", required=True, help="the serving script's file name")
    parser.add_argument("--ready", type=Path, required=True, help="the port is written here once the model is loaded")
    arguments = parser.parse_args()
    threading.Thread(target=end_with_parent, daemon=True).start()
    sys.path[:0] = [str(arguments.code)]
    container = Container(importlib.import_module(Path(arguments.program).stem), arguments.model)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(container))
    server.daemon_threads = True
    partial = arguments.ready.with_suffix(".part")
    partial.write_text(str(server.server_port))
    partial.replace(arguments.ready)
    server.serve_forever()


if __name__ == "__main__":
    main()
