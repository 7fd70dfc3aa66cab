"""The front door of a Lambda function made from this image: windows that are small, analysed within seconds.

An event is the request of a processing job, so one document serves both runners. What the service would mount is brought to a
folder that stands for /opt/ml, the container's own front door analyses it, and what it leaves goes to S3. Lambda's runtime
interface is a loop over HTTP (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html), so nothing needs to be installed.
"""

from __future__ import annotations

import gc
import http.client
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from model_monitor import container
from model_monitor.aws import clients, s3
from model_monitor.contract import (
    COMPARISON_FILE,
    EXIT_MESSAGE_FILE,
    EXIT_OK,
    OUTPUT_PATH,
    PROCESSING_JOB_CONFIG,
    REPORT_FILE,
    RUNTIME_API,
    Variable,
)
from model_monitor.errors import MonitorError, OutputError, SettingsError
from model_monitor.job.variables import relocate
from model_monitor.logs import log, to_stdout
from model_monitor.outputs import files
from model_monitor.outputs.report import Failure

Request = Mapping[str, Any]  # as CreateProcessingJob takes it, or {"comparison": {...}}
COMPARISON: Final = "comparison"
MANIFEST_ENDING: Final = ".manifest"
Answer = dict[str, Any]
PATH: Final = "/2018-06-01/runtime"
MANIFEST: Final = "ManifestFile"
FOLDER: Final = "model-monitor"  # below the one folder that can be written


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Serve one event after another until the service ends the process; a run that it ends leaves its report first."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_OK))
    to_stdout()
    _warm()
    runtime = Runtime(environment[RUNTIME_API])
    while True:
        runtime.serve(lambda request: handle(request, environment))


class Runtime:
    """Lambda's side of the loop."""

    def __init__(self, address: str) -> None:
        self._api = http.client.HTTPConnection(address)  # waits for an event as long as it takes

    def serve(self, handler: Callable[[Request], Answer]) -> None:
        """Take one event and answer it; what goes wrong is the answer."""
        headers, body = self._call("GET", "/invocation/next")
        event = headers["Lambda-Runtime-Aws-Request-Id"]
        try:
            answer = json.dumps(handler(json.loads(body))).encode()
        except Exception as error:  # noqa: BLE001 (the front door: every error becomes an answer)
            log("failed", level=logging.ERROR, error=type(error).__name__, reason=str(error))
            self._call("POST", f"/invocation/{event}/error", json.dumps(_told(error)).encode())
        else:
            self._call("POST", f"/invocation/{event}/response", answer)

    def _call(self, method: str, path: str, body: bytes | None = None) -> tuple[http.client.HTTPMessage, bytes]:
        self._api.request(method, PATH + path, body)
        answer = self._api.getresponse()
        content = answer.read()
        if answer.status >= http.client.BAD_REQUEST:
            raise RuntimeError(f"Lambda's runtime interface answered {answer.status} to {method} {path}")
        return answer.headers, content


def _told(error: Exception) -> dict[str, Any]:
    return {"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": []}


def handle(request: Request, environment: Mapping[str, str] = os.environ) -> Answer:
    """Run one job, or one comparison, in a folder of its own: empty before and gone after, as another event may come here.

    Returns: `status` (of the container: 0 for every completed run), `message` (its exit message), `seconds`, `bytes`; of a
        comparison its head and `comparison_uri`.
    Raises: SettingsError for a request that is none; OutputError when outputs cannot be stored; of a comparison any
        MonitorError.
    """
    root = Path(tempfile.gettempdir()) / FOLDER
    shutil.rmtree(root, ignore_errors=True)
    began = time.monotonic()
    clients.stand_at(root)
    try:
        if COMPARISON in request:
            return {**_compared(request[COMPARISON], root), "seconds": round(time.monotonic() - began, 3)}
        size = stage(request, root)
        status = container.main({**environment, **request.get("Environment", {}), Variable.ROOT: str(root)})
        upload(request, root)
        message = relocate(EXIT_MESSAGE_FILE, root).read_text()
        return {"status": status, "message": message, "seconds": round(time.monotonic() - began, 3), "bytes": size}
    finally:
        clients.stand_at(None)
        shutil.rmtree(root, ignore_errors=True)


def _compared(content: object, root: Path) -> Answer:
    """Two models on rows from S3; comparison.json goes back there, its head is the answer.

    Errors that are not ours are told without their words, which may hold values of the rows.
    """
    try:
        return _compare(content, root)
    except MonitorError:
        raise
    except Exception as error:  # noqa: BLE001 (the front door, as for runs)
        raise MonitorError(Failure.of(error).message) from None


def _compare(content: object, root: Path) -> Answer:
    from model_monitor.comparison.document import document, head
    from model_monitor.comparison.reading import Places
    from model_monitor.comparison.request import of_document, read_request
    from model_monitor.comparison.verdict import compare

    asked = read_request(content)
    where = asked.configuration if isinstance(asked.configuration, str) else COMPARISON
    configuration = asked.configuration if not isinstance(asked.configuration, str) else s3.read_object(where)
    if configuration is None:
        raise SettingsError(where, "is not there.", "Check the URI of the configuration.")
    question = of_document(configuration, where, asked.options)
    uris = (asked.holdout_uri, asked.champion_uri, asked.challenger_uri)
    places = Places(*(_brought(uri, root / COMPARISON / str(number)) for number, uri in enumerate(uris)))
    found = document(compare(places, *question))
    uri = asked.output_uri
    uri = uri if uri.endswith(".json") else s3.join(uri, COMPARISON_FILE)
    s3.write_object(uri, files.to_json(found))
    log("compared", verdict=found["verdict"], records=found["records"], metric=found["metric"])
    return {**head(found), "comparison_uri": uri}


def _brought(uri: str, folder: Path) -> Path:
    """What lies below a URI, or what a manifest lists, as a folder; one object as a file."""
    kind = MANIFEST if uri.endswith(MANIFEST_ENDING) else ""
    wanted = list(_objects({"S3Uri": uri, "LocalPath": str(folder), "S3DataType": kind}, folder))
    s3.download(wanted)
    is_one = not kind and len(wanted) == 1 and wanted[0][0] == uri
    return wanted[0][1] if is_one else folder


def stage(request: Request, root: Path) -> int:
    """What the service would have mounted: the job's own description and its inputs; how many bytes of inputs."""
    if not isinstance(request.get("ProcessingJobName"), str):
        raise SettingsError(
            "the event",
            "is no request of a processing job: it has no ProcessingJobName.",
            "Start runs by their schedule, or invoke with the request that CreateProcessingJob would take.",
        )
    config = relocate(PROCESSING_JOB_CONFIG, root)
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps(dict(request)))
    relocate(OUTPUT_PATH, root).mkdir(parents=True)
    sources = [each["S3Input"] for each in request.get("ProcessingInputs") or ()]
    s3.prepare()  # once, before several threads ask
    wanted = [item for found in s3.at_once(lambda each: list(_objects(each, root)), sources) for item in found]
    s3.download(wanted)
    return sum(path.stat().st_size for _, path in wanted)


def _objects(source: Mapping[str, str], root: Path) -> Iterator[tuple[str, Path]]:
    """(URI, where it is mounted) of an input: what a manifest lists, or what lies below a prefix; an object is one file."""
    folder, uri = relocate(source["LocalPath"], root), source["S3Uri"]
    if source.get("S3DataType") == MANIFEST:
        content = s3.read_object(uri)
        if content is None:
            raise SettingsError(uri, "is not there, though the request names it as a manifest.", "Plan the run again.")
        head, *names = json.loads(content)
        yield from ((head["prefix"] + name, folder / name) for name in names)
        return
    found = s3.list_objects(uri)
    if not found:
        yield uri, folder / uri.rpartition("/")[2]
    yield from ((stored.uri, folder / stored.relative) for stored in found)


def upload(request: Request, root: Path) -> None:
    """What the run left, to where the request says; report.json comes last, so whoever sees it sees everything."""
    for output in request["ProcessingOutputConfig"]["Outputs"]:
        target = output["S3Output"]
        folder = relocate(target["LocalPath"], root)
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        if not paths:
            raise OutputError(str(folder), "is empty: the run left no report.", "Its log says why.")
        _put([path for path in paths if path.name != REPORT_FILE], folder, target["S3Uri"])
        _put([path for path in paths if path.name == REPORT_FILE], folder, target["S3Uri"])


def _put(paths: Iterable[Path], folder: Path, uri: str) -> None:
    """Files of a folder below a URI."""
    s3.at_once(
        lambda path: s3.write_object(s3.join(uri, path.relative_to(folder).as_posix()), path.read_bytes()), paths
    )


def _warm() -> None:
    """Import what every run needs while the service still counts the start, not the event. None of it is ever garbage: nobody
    looks for some now, nor through all of it in each run."""
    gc.disable()
    from model_monitor import flow, late  # noqa: F401

    s3.prepare()
    gc.freeze()
    gc.enable()
