"""Functions that are images: the entry point asks for events over the runtime API, stays warm, and is ended when it must be."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.deployed import deploy, reason, ref, role
from twin import Twin

URI = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/monitor:1"
LOOP = """
import http.client, json, os, pathlib, sys, time
server = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
base, count = "/2018-06-01/runtime", 0

def post(path, answer):
    server.request("POST", base + path, json.dumps(answer))
    server.getresponse().read()

if os.environ.get("START") == "never":
    time.sleep(60)
if os.environ.get("START") == "fail":
    post("/init/error", {"errorType": "Unready", "errorMessage": "no settings"})
    sys.exit(1)
while True:
    server.request("GET", base + "/invocation/next")
    asked = server.getresponse()
    event, headers = json.loads(asked.read()), asked.headers
    call, count = "/invocation/" + headers["Lambda-Runtime-Aws-Request-Id"], count + 1
    print("seen", count)
    if event.get("do") == "exit":
        os._exit(3)
    if event.get("do") == "sleep":
        time.sleep(event.get("seconds", 60))
    if event.get("do") == "raise":
        post(call + "/error", {"errorType": "ValueError", "errorMessage": "no good"})
        continue
    pathlib.Path(os.environ["TMPDIR"], f"file-{count}").touch()
    left = int(headers["Lambda-Runtime-Deadline-Ms"]) / 1000 - time.time()
    post(call + "/response", {"count": count, "pid": os.getpid(), "left": left, "environment": dict(os.environ),
                              "arn": headers["Lambda-Runtime-Invoked-Function-Arn"],
                              "files": sorted(os.listdir(os.environ["TMPDIR"]))})
"""


@pytest.fixture
def twin(twin: Twin, tmp_path: Path) -> Twin:
    """The twin, with a script of the standard library for the image's entry point."""
    script = tmp_path / "entry.py"
    script.write_text(LOOP)
    twin.image_entry = [sys.executable, str(script)]
    return twin


def image(**properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "PackageType": "Image",
            "Code": {"ImageUri": URI},
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Timeout": 30,
            "MemorySize": 1769,
            "Architectures": ["arm64"],
            "EphemeralStorage": {"Size": 1024},
            **properties,
        },
    }


def made(twin: Twin, **properties: Any) -> str:
    assert deploy(twin, {"Role": role(), "F": image(**properties)}).endswith("E_COMPLETE"), reason(twin)
    return ref(twin, "F")


def call(twin: Twin, name: str, **event: Any) -> dict[str, Any]:
    answer = twin.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    return dict(json.loads(answer["Payload"].read()))


def test_an_image_answers_warm_with_its_variables_and_a_folder_of_its_own(
    twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUST_NOT_LEAK", "leaked")
    name = made(twin, Environment={"Variables": {"GREETING": "hello"}})
    first, second = call(twin, name), call(twin, name)
    assert (first["count"], second["count"], second["files"]) == (1, 2, ["file-1", "file-2"])
    assert first["pid"] == second["pid"]
    assert 25 < first["left"] <= 30
    assert first["arn"].endswith(f":function:{name}")
    variables = first["environment"]
    assert variables["AWS_ACCESS_KEY_ID"] == twin.identity.credentials(ref(twin, "Role"))["AWS_ACCESS_KEY_ID"]
    assert (variables["AWS_LAMBDA_FUNCTION_NAME"], variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]) == (name, "1769")
    assert variables["GREETING"] == "hello"
    assert variables["HOME"] == variables["TMPDIR"] == variables["MODEL_MONITOR_TMP"]
    assert "MUST_NOT_LEAK" not in variables
    logs = [(Path(entry.data["directory"]) / "log.txt").read_text() for entry in twin.journal.of("function")]
    assert logs == ["seen 1\n", "seen 2\n"]
    found = twin.client("lambda").get_function_configuration(FunctionName=name)
    assert (found["Architectures"], found["EphemeralStorage"]) == (["arm64"], {"Size": 1024})


def test_a_change_and_a_deletion_end_what_is_warm(twin: Twin) -> None:
    name = made(twin)
    first = call(twin, name)
    made(twin, Code={"ImageUri": URI.replace(":1", ":2")})
    second = call(twin, name)
    assert (first["pid"] != second["pid"], second["count"], second["files"]) == (True, 1, ["file-1"])
    assert not Path(first["environment"]["TMPDIR"]).exists()
    twin.client("lambda").delete_function(FunctionName=name)
    assert not Path(second["environment"]["TMPDIR"]).exists()


def test_an_event_that_is_too_slow_ends_the_process(twin: Twin) -> None:
    name = made(twin, Timeout=1)
    first = call(twin, name)
    failed = call(twin, name, do="sleep")
    assert failed["errorType"] == "Sandbox.Timedout"
    assert failed["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert call(twin, name)["pid"] != first["pid"]


def test_errors_are_told_as_lambda_tells_them(twin: Twin) -> None:
    name = made(twin)
    assert call(twin, name, do="raise") == {"errorType": "ValueError", "errorMessage": "no good"}
    exited = call(twin, name, do="exit")
    assert exited["errorType"] == "Runtime.ExitError"
    assert exited["errorMessage"].endswith("Runtime exited with error: exit status 3")
    assert call(twin, name)["count"] == 1
    made(twin, Environment={"Variables": {"START": "fail"}})
    assert call(twin, name) == {"errorType": "Unready", "errorMessage": "no settings"}


def test_an_image_that_never_asks_for_an_event_is_told_apart(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twin.functions.images.INIT_SECONDS", 0.5)
    name = made(twin, Timeout=1, Environment={"Variables": {"START": "never"}})
    failed = call(twin, name)
    assert failed["errorType"] == "Runtime.InitError"
    assert "did not ask for an event" in failed["errorMessage"]


def test_asynchronous_calls_reach_it_too(twin: Twin) -> None:
    name = made(twin)
    twin.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    twin.functions.drain()
    assert [entry.data["payload"]["count"] for entry in twin.journal.of("function")] == [1]


def test_two_at_once_have_a_process_each_and_a_third_finds_no_place(twin: Twin) -> None:
    name = made(twin, ReservedConcurrentExecutions=2)
    answers: list[dict[str, Any]] = []
    slow = [threading.Thread(target=lambda: answers.append(call(twin, name, do="sleep", seconds=3))) for _ in "ab"]
    for thread in slow:
        thread.start()
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline and twin.functions.running(name) < 2:
        time.sleep(0.01)
    with pytest.raises(ClientError, match=r"TooManyRequestsException.*ReservedFunctionConcurrent"):
        call(twin, name)
    for thread in slow:
        thread.join()
    assert len({answer["pid"] for answer in answers}) == 2
    twin.quotas.lambda_concurrency = 0
    with pytest.raises(ClientError, match=r"TooManyRequestsException.*\(Reason: ConcurrentInvocationLimitExceeded"):
        call(twin, name)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"Code": {"ImageUri": "docker.io/monitor:1"}}, "is not valid"),
    ({"Code": {"ImageUri": URI.replace("eu-west-1", "us-east-1")}}, "must lie in Amazon ECR in eu-west-1"),
    ({"ImageConfig": {"EntryPoint": ["python3", "other.py"]}}, "runs the monitor image only"),
    ({"ImageConfig": {"Command": ["x"]}}, "without Command"),
    ({"Handler": "index.handle"}, "don't provide Handler"),
]


def test_an_image_that_would_not_run_is_refused(twin: Twin) -> None:
    for number, (changes, words) in enumerate(REFUSED):
        name = f"stack-{number}"
        assert deploy(twin, {"Role": role(), "F": image(**changes)}, name) == "ROLLBACK_COMPLETE"
        assert words in reason(twin, name)
