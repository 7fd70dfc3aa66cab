"""Model containers of endpoints and transform jobs: one serving process per model, started at its first request and kept."""

from __future__ import annotations

import http.client
import io
import os
import signal
import subprocess
import tarfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from twin import objects
from twin.surroundings import Surroundings

SERVE: Final = Path(__file__).with_name("serve_container.py")
SECONDS_TO_START: Final = 60.0
SECONDS_TO_ANSWER: Final = 60.0  # the service's limit


class DoesNotServe(Exception):
    """The container did not become healthy; says why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a container answered."""

    status: int
    body: bytes
    content_type: str | None


class Container:
    """A serving process."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process, self._port = process, port

    def invoke(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """POST /invocations. Raises: OSError when the process is gone."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SECONDS_TO_ANSWER)
        try:
            connection.request("POST", "/invocations", body, dict(headers))
            response = connection.getresponse()
            return Reply(response.status, response.read(), response.getheader("Content-Type"))
        finally:
            connection.close()

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        if self.is_alive():
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Containers:
    """The serving processes by model. A model made anew under an old name is another model."""

    def __init__(self, twin: Surroundings) -> None:
        self._twin = twin
        self._containers: dict[str, Container] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        twin.on_stop(lambda: self.keep(set()))

    def of(self, identity: str, container: Mapping[str, Any], role: str) -> Container:
        """The process that serves a model, started if it does not run. Raises: DoesNotServe."""
        with self._lock:
            lock = self._locks.setdefault(identity, threading.Lock())
        with lock:
            running = self._containers.get(identity)
            if running is None or not running.is_alive():
                running = self._containers[identity] = self._start(identity, container, role)
            return running

    def keep(self, identities: set[str]) -> None:
        """Stop every process that serves none of these models."""
        for identity in set(self._containers) - identities:
            self._containers.pop(identity).stop()

    def end(self, identity: str) -> None:
        """Stop the process that serves a model, if it runs."""
        running = self._containers.pop(identity, None)
        if running is not None:
            running.stop()

    def _start(self, identity: str, container: Mapping[str, Any], role: str) -> Container:
        folder = self._twin.directory / "models" / identity
        variables = {str(key): str(value) for key, value in (container.get("Environment") or {}).items()}
        s3 = self._twin.client("s3", role)
        try:
            unpack(s3, container["ModelDataUrl"], folder / "model")
            submitted = variables.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
            if submitted.startswith("s3://"):
                unpack(s3, submitted, folder / "code")
        except (ClientError, objects.NothingThere, tarfile.TarError, KeyError) as error:
            raise DoesNotServe(f"the model's files cannot be fetched: {type(error).__name__}: {error}") from error
        code = folder / "code" if (folder / "code").is_dir() else folder / "model" / "code"
        program = variables.get("SAGEMAKER_PROGRAM", "inference.py")
        if not (code / program).is_file():
            raise DoesNotServe(
                f"no serving script {program}: set SAGEMAKER_SUBMIT_DIRECTORY and SAGEMAKER_PROGRAM in the model's environment"
            )
        process, ready = self._launch(folder, code, program, role, variables)
        self._twin.journal.add(
            "container", f"model container {identity} starts", model=identity, log=str(folder / "log.txt")
        )
        return Container(process, _wait(process, ready, folder / "log.txt"))

    def _launch(
        self, folder: Path, code: Path, program: str, role: str, variables: Mapping[str, str]
    ) -> tuple[subprocess.Popen[bytes], Path]:
        ready = folder / "port"
        ready.unlink(missing_ok=True)
        command = [self._twin.xgboost_python, SERVE, "--model", folder / "model", "--code", code]
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder),
            "PYTHONUNBUFFERED": "1",
            "OMP_NUM_THREADS": "1",
            "SM_MODEL_DIR": str(folder / "model"),
            **self._twin.identity.environment(role),
            **variables,
        }
        with (folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                [*map(str, command), "--program", program, "--ready", str(ready)],
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return process, ready


def _wait(process: subprocess.Popen[bytes], ready: Path, log: Path) -> int:
    """The port, once the container answers. Raises: DoesNotServe."""
    end = time.monotonic() + SECONDS_TO_START
    while not ready.is_file():
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            process.wait()
            last = log.read_text("utf-8", "replace").strip().rpartition("\n")[2]
            raise DoesNotServe(f"the container did not pass its health check: {last or 'no output'}")
        time.sleep(0.02)
    return int(ready.read_text())


def unpack(s3: Any, uri: str, folder: Path) -> None:
    """Fetch a tar.gz and unpack it, links and paths that lead outside refused."""
    bucket, key = objects.split(uri)
    content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        archive.extractall(folder, filter="data")
