"""What an error of a preprocessor tells, and what it never tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from model_monitor.errors import ScriptError
from model_monitor.job.job import Scripts
from tests.builders import (
    START,
    capture_job,
    schema,
    write_capture,
)
from tests.monitor_image.dataset.scripting import events, in_processes, job_of, read, script

__all__ = ["script"]  # a fixture

SECRET = "4111-1111-1111-1111"


def test_an_error_of_the_script_tells_type_and_places_and_never_a_value(tmp_path, script):
    path = script("""
import json

def helper(value):
    return float(value)

def preprocess_handler(record):
    return {"a": helper(json.loads(record.endpoint_input.data))}
""")
    with pytest.raises(ScriptError) as caught:
        read(job_of(tmp_path, path, events(1, SECRET), schema("a")))
    told = str(caught.value)
    assert "ValueError at prepare.py:5 in helper" in told
    assert ".jsonl:2" in told
    assert SECRET not in told
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("'text'", "returned a str for the record at"),
        ("7", "returned a int for the record at"),
        ("[{'a': 1}, 2]", "returned a list for the record at"),
        ("{'a': object()}", "gave key 'a' a object for the record at"),
        ("{'a': [1, 2]}", "gave key 'a' a list for the record at"),
        ("exit(3)", "SystemExit"),
    ],
)
def test_an_answer_that_is_no_record_fails_the_run(tmp_path, script, answer, told):
    path = script(f"def preprocess_handler(record):\n    return {answer}\n")
    with pytest.raises(ScriptError) as caught:
        read(job_of(tmp_path, path, events(1)))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "import not_installed_here\n",
            "ModuleNotFoundError at prepare.py:1 in <module>: No module named 'not_installed_here'",
        ),
        ("def handler(record):\n    return {}\n", "has no function preprocess_handler"),
        ("def (:\n", "SyntaxError"),
    ],
)
def test_a_script_that_cannot_be_used_is_told_in_full(tmp_path, script, text, told):
    with pytest.raises(ScriptError) as caught:
        read(job_of(tmp_path, script(text), events(1)))
    assert told in str(caught.value)


def test_an_error_reaches_the_front_door_from_another_process(tmp_path, script):
    path = script(
        "import json\n\ndef preprocess_handler(record):\n    return {'a': 1 / json.loads(record.endpoint_input.data)}\n"
    )
    for hour in range(8):
        write_capture(tmp_path / "capture", events(hour - 6), hour=START + timedelta(hours=hour))
    with pytest.raises(ScriptError, match=r"ZeroDivisionError at prepare\.py:4 in preprocess_handler"):
        in_processes(replace(capture_job(tmp_path / "capture", schema("a")), scripts=Scripts(path)), 2)
