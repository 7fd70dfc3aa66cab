"""The image as a Lambda function: the same bytes as a processing job, one event after another, nothing left behind."""

from __future__ import annotations

import gc
import json
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from model_monitor import function
from model_monitor.aws import s3
from model_monitor.contract import DATASET_SOURCE, OUTPUT_PATH, RUNTIME_API
from model_monitor.errors import SettingsError
from model_monitor.monitors import registry
from model_monitor.runners import stopping
from tests.monitor_image.conftest import OptMl, healthy_events

REPORTS = "s3://bucket/reports/12"
NAME = "covertype-all-202603020400-1"


@pytest.fixture
def request_of(bucket: Any, opt_ml, healthy_baseline):
    """The request of a healthy window's job, with what it reads in the bucket; and the tree that a job would find."""

    def make() -> tuple[OptMl, dict[str, Any]]:
        tree = opt_ml().configure().for_window(healthy_events(), files=3).with_baseline(healthy_baseline)
        for path in sorted(path for path in (tree.root / "processing").rglob("*") if path.is_file()):
            bucket.put_object(Bucket="bucket", Key=path.relative_to(tree.root).as_posix(), Body=path.read_bytes())
        source = tree.root / "processing/input/endpoint"
        names = sorted(path.relative_to(source).as_posix() for path in source.rglob("*.jsonl"))
        manifest = json.dumps([{"prefix": "s3://bucket/processing/input/endpoint/"}, *names])
        bucket.put_object(Bucket="bucket", Key="manifest.json", Body=manifest)
        inputs = [
            ("endpoint", "s3://bucket/manifest.json", DATASET_SOURCE, "ManifestFile"),
            ("config", "s3://bucket/processing/input/config", "/opt/ml/processing/input/config", "S3Prefix"),
            (
                "constraints",
                "s3://bucket/processing/baseline/constraints/constraints.json",
                "/opt/ml/processing/baseline/constraints",
                "S3Prefix",
            ),
            ("stats", "s3://bucket/processing/baseline/stats", "/opt/ml/processing/baseline/stats", "S3Prefix"),
        ]
        return tree, {
            "ProcessingJobName": NAME,
            "Environment": tree.environment | {"publish_cloudwatch_metrics": "Disabled"},
            "ProcessingInputs": [
                {"InputName": name, "S3Input": {"S3Uri": uri, "LocalPath": path, "S3DataType": kind}}
                for name, uri, path, kind in inputs
            ],
            "ProcessingOutputConfig": {
                "Outputs": [{"OutputName": "reports", "S3Output": {"S3Uri": REPORTS, "LocalPath": OUTPUT_PATH}}]
            },
        }

    return make


@pytest.fixture(autouse=True)
def own_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder that a function may write."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def stored(bucket: Any) -> dict[str, bytes]:
    """What was left below the reports, by name."""
    found = bucket.list_objects_v2(Bucket="bucket", Prefix="reports/12/").get("Contents", [])
    return {
        each["Key"].removeprefix("reports/12/"): bucket.get_object(Bucket="bucket", Key=each["Key"])["Body"].read()
        for each in found
    }


def comparable(name: str, content: bytes) -> Any:
    """Without the block that tells of the run alone."""
    return {**json.loads(content), "run": None} if name == "report.json" else content


def test_a_function_leaves_the_bytes_of_a_job(request_of, bucket):
    tree, request = request_of()
    answer = function.handle(request)
    assert tree.run(publish_cloudwatch_metrics="Disabled") == answer["status"] == 0
    assert answer["message"] == tree.message
    assert answer["bytes"] > 0
    found = stored(bucket)
    expected = {path.relative_to(tree.output).as_posix(): path for path in tree.output.rglob("*") if path.is_file()}
    assert set(found) == set(expected)
    assert {"report.json", "metrics.jsonl", "statistics.json"} <= set(found)
    for name, content in found.items():
        assert comparable(name, content) == comparable(name, expected[name].read_bytes()), name
    details = json.loads(found["report.json"])["run"]["details"]
    assert (details["processing_job_name"], details["input:endpoint"]) == (NAME, "s3://bucket/manifest.json")


def test_the_report_is_stored_when_all_else_is(request_of, monkeypatch):
    stored, real = [], s3.write_object

    def slow(uri: str, content: bytes) -> None:
        time.sleep(0 if uri.endswith("report.json") else 0.02)
        real(uri, content)
        stored.append(uri.rpartition("/")[2])

    monkeypatch.setattr(s3, "write_object", slow)
    _, request = request_of()
    assert function.handle(request)["status"] == 0
    assert len(stored) > 2
    assert stored.index("report.json") == len(stored) - 1


def test_what_a_function_writes_names_the_key_of_its_outputs(request_of, bucket):
    _, request = request_of()
    key = "arn:aws:kms:eu-west-1:123456789012:key/1"
    request["ProcessingOutputConfig"]["KmsKeyId"] = key
    assert function.handle(request)["status"] == 0
    found = bucket.head_object(Bucket="bucket", Key="reports/12/report.json")
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", key)


def test_a_run_imports_the_monitors_of_its_job_alone(request_of, monkeypatch):
    monkeypatch.setattr(registry, "monitors", lambda: pytest.fail("all monitors are imported"))
    _, request = request_of()
    assert function.handle(request)["status"] == 0


def test_nothing_is_left_for_the_next_event(request_of, own_tmp):
    _, request = request_of()
    (own_tmp / function.FOLDER / "processing").mkdir(parents=True)
    (own_tmp / function.FOLDER / "processing/of_the_last_event").touch()
    assert function.handle(request)["status"] == 0
    assert list(own_tmp.iterdir()) == []


def test_a_run_that_fails_answers_and_leaves_its_report(request_of, bucket):
    _, request = request_of()
    request["Environment"] |= {"monitor_config": "/opt/ml/processing/input/config/absent.json"}
    answer = function.handle(request)
    assert answer["status"] == 1
    assert answer["message"].startswith("Error: ")
    assert json.loads(stored(bucket)["report.json"])["verdict"] == "error"


@pytest.mark.parametrize("kind", ["S3Prefix", "ManifestFile"])
def test_an_input_that_is_not_there_is_named(request_of, kind):
    _, request = request_of()
    request["ProcessingInputs"][0]["S3Input"] |= {"S3Uri": "s3://bucket/no/manifest.json", "S3DataType": kind}
    with pytest.raises(SettingsError, match=r"s3://bucket/no/manifest\.json"):
        function.handle(request)


def test_an_event_that_is_no_request_is_refused():
    with pytest.raises(SettingsError, match="no ProcessingJobName"):
        function.handle({"schedule": "x"})


# --- the runtime interface -------------------------------------------------------------------------------------------------


@dataclass
class Service:
    """Lambda's side: gives events, takes answers; the process ends when there are no more events."""

    events: list[bytes]
    answers: list[tuple[str, Any]] = field(default_factory=list)
    address: str = ""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    servers = []

    def start(*events: Any) -> Service:
        state = Service([event if isinstance(event, bytes) else json.dumps(event).encode() for event in events])

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                assert self.path == "/2018-06-01/runtime/invocation/next"
                body = state.events.pop(0) if state.events else b""
                self.send_response(200 if body else 410)
                self.send_header("lambda-runtime-aws-request-id", f"event-{len(state.answers)}")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                state.answers.append((self.path.removeprefix("/2018-06-01/runtime/invocation/"), body))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        state.address = f"127.0.0.1:{server.server_port}"
        return state

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_events_are_answered_one_after_another_and_an_error_ends_no_process(request_of, service):
    _, request = request_of()
    state = service(request, {"no": "request"}, request)
    runtime = function.Runtime(state.address)
    for _ in range(3):
        runtime.serve(function.handle)
    assert [place for place, _ in state.answers] == ["event-0/response", "event-1/error", "event-2/response"]
    assert [answer.get("status") for _, answer in state.answers] == [0, None, 0]
    assert state.answers[1][1]["errorType"] == "SettingsError"
    assert "no ProcessingJobName" in state.answers[1][1]["errorMessage"]


def test_a_request_to_end_is_obeyed_between_events(monkeypatch, service, fake_account):
    monkeypatch.setattr(function.Runtime, "serve", lambda *_: signal.raise_signal(signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as ended:
            function.main({RUNTIME_API: service().address})
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0, "what was imported is looked through in each run"
    finally:
        signal.signal(signal.SIGTERM, before)
        gc.unfreeze()
    assert ended.value.code == 0


def test_a_service_that_answers_no_event_is_told(service):
    runtime = function.Runtime(service().address)
    with pytest.raises(RuntimeError, match="410"):
        runtime.serve(function.handle)


def test_the_entry_point_serves_events_where_the_service_says_so(monkeypatch):
    from model_monitor import __main__ as entry

    seen = []
    monkeypatch.setattr(stopping, "remember", lambda: None)
    monkeypatch.setattr("sys.argv", ["model_monitor"])
    monkeypatch.setenv(RUNTIME_API, "127.0.0.1:1")
    monkeypatch.setattr(function, "main", lambda: seen.append("served") or 0)
    assert (entry.main(), seen) == (0, ["served"])
    assert gc.isenabled()
