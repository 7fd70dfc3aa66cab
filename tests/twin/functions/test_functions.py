"""Functions run from their zip, as their role, in a clean environment; their calls are recorded and repeated as Lambda does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.twin.deployed import deploy, function, reason, ref, role
from twin import Twin

ECHO = """
import os
def handle(event, context):
    print("seen", event["n"])
    names = ("AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL", "GREETING", "AWS_REGION", "_HANDLER", "HOME", "MUST_NOT_LEAK")
    return {"twice": event["n"] * 2, "environment": {n: os.environ.get(n) for n in names},
            "left": context.get_remaining_time_in_millis(), "name": context.function_name}
"""
FAIL = "def handle(event, context):\n    print('trying')\n    raise ValueError('no good')\n"


def test_a_function_answers_from_its_zip_with_its_own_environment(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUST_NOT_LEAK", "leaked")
    resources = {"Role": role(), "F": function(ECHO, Environment={"Variables": {"GREETING": "hello"}})}
    assert deploy(twin, resources) == "CREATE_COMPLETE", reason(twin)
    name = ref(twin, "F")
    answer = twin.client("lambda").invoke(FunctionName=name, Payload=json.dumps({"n": 21}), LogType="Tail")
    assert answer["StatusCode"] == 200
    assert "FunctionError" not in answer
    payload = json.loads(answer["Payload"].read())
    assert payload["twice"] == 42
    assert payload["name"] == name
    assert 20_000 < payload["left"] <= 30_000
    environment = payload["environment"]
    expected = twin.identity.credentials(ref(twin, "Role"))["AWS_ACCESS_KEY_ID"]
    assert environment == {
        "AWS_ACCESS_KEY_ID": expected,
        "AWS_ENDPOINT_URL": twin.url,
        "GREETING": "hello",
        "AWS_REGION": "eu-west-1",
        "_HANDLER": "index.handle",
        "HOME": None,
        "MUST_NOT_LEAK": None,
    }
    (entry,) = twin.journal.of("function")
    assert entry.text == f"{name} ← call by deployer: succeeded"
    assert (Path(entry.data["directory"]) / "log.txt").read_text() == "seen 21\n"


def test_a_function_that_raises_answers_with_its_error(twin: Twin) -> None:
    deploy(twin, {"Role": role(), "F": function(FAIL)})
    answer = twin.client("lambda").invoke(FunctionName=ref(twin, "F"), Payload=b"{}")
    payload = json.loads(answer["Payload"].read())
    assert (answer["FunctionError"], payload["errorType"], payload["errorMessage"]) == (
        "Unhandled",
        "ValueError",
        "no good",
    )


def test_an_asynchronous_call_that_fails_is_repeated_twice(twin: Twin) -> None:
    deploy(twin, {"Role": role(), "F": function(FAIL)})
    answer = twin.client("lambda").invoke(FunctionName=ref(twin, "F"), InvocationType="Event", Payload=b"{}")
    assert answer["StatusCode"] == 202
    assert twin.functions.drain()
    assert [entry.data["attempt"] for entry in twin.journal.of("function")] == [1, 2, 3]


def test_the_number_of_repeats_is_the_deployed_one(twin: Twin) -> None:
    config = {
        "Type": "AWS::Lambda::EventInvokeConfig",
        "Properties": {"FunctionName": {"Ref": "F"}, "Qualifier": "$LATEST", "MaximumRetryAttempts": 0},
    }
    assert deploy(twin, {"Role": role(), "F": function(FAIL), "Config": config}) == "CREATE_COMPLETE", reason(twin)
    twin.functions.invoke_later(ref(twin, "F"), {}, "test")
    twin.functions.drain()
    assert len(twin.journal.of("function")) == 1


def test_a_function_is_stopped_at_its_timeout(twin: Twin) -> None:
    code = "import time\ndef handle(event, context):\n    print('begun', flush=True)\n    time.sleep(60)\n"
    deploy(twin, {"Role": role(), "F": function(code, Timeout=1)})
    result = twin.functions.invoke(ref(twin, "F"), {})
    assert result.error.endswith("Task timed out after 1.00 seconds")
    assert result.log == "begun\n"
    assert result.seconds < 10


def test_a_function_that_exits_says_so(twin: Twin) -> None:
    deploy(twin, {"Role": role(), "F": function("import os\ndef handle(event, context):\n    os._exit(3)\n")})
    assert "Runtime exited with error: exit status 3" in twin.functions.invoke(ref(twin, "F"), {}).error


def test_no_call_sees_the_modules_or_variables_of_another(twin: Twin) -> None:
    code = "import os, boto3\ndef handle(e, c):\n    os.environ['SEEN'] = 'x'; boto3.seen = 'y'\n    return 1"
    look = "import os, boto3\ndef handle(e, c):\n    return [os.environ.get('SEEN'), getattr(boto3, 'seen', None)]"
    deploy(twin, {"Role": role(), "F": function(code), "G": function(look)})
    assert twin.functions.invoke(ref(twin, "F"), {}).payload == 1
    assert twin.functions.invoke(ref(twin, "G"), {}).payload == [None, None]


def test_new_code_and_settings_are_used_after_an_update(twin: Twin) -> None:
    deploy(twin, {"Role": role(), "F": function("def handle(e, c): return 1")})
    code = "import os\ndef handle(e, c): return os.environ['MODE']"
    changed = function(code, Environment={"Variables": {"MODE": "new"}}, Timeout=7)
    assert deploy(twin, {"Role": role(), "F": changed}) == "UPDATE_COMPLETE", reason(twin)
    assert twin.functions.invoke(ref(twin, "F"), {}).payload == "new"


def test_a_function_that_is_not_there_is_not_found(twin: Twin) -> None:
    with pytest.raises(ClientError, match="Function not found: nobody"):
        twin.client("lambda").invoke(FunctionName="nobody")


def test_a_runtime_other_than_python_is_refused(twin: Twin) -> None:
    resources = {"Role": role(), "F": function("exports.handle = 1", Runtime="nodejs22.x")}
    assert deploy(twin, resources) == "ROLLBACK_COMPLETE"
    assert "the twin runs Python functions only, not nodejs22.x" in reason(twin)
