"""Configuration files of older formats: steps of the test's own, since the kit has had one format."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from model_monitor.errors import SettingsError
from model_monitor.formats import migrated
from model_monitor.job import migrations
from model_monitor.job.configuration import parse_configuration


def flattened(document: dict[str, Any]) -> dict[str, Any]:
    """From a format that had columns in the place of a payload."""
    document["payload"] = {"features": document.pop("columns")}
    return document


def test_a_file_that_an_older_version_wrote_is_read(monkeypatch):
    monkeypatch.setitem(migrations.STEPS, 0, flattened)
    found = parse_configuration(orjson.dumps({"version": 0, "columns": ["Slope"]}), "monitoring.json")
    assert found.schema.names == ("Slope",)


def test_steps_follow_each_other_and_leave_what_they_were_given_as_it_is():
    given = {"version": 1, "path": ["a"]}
    steps = {1: lambda d: {**d, "path": [*d["path"], "b"]}, 2: lambda d: {**d, "path": [*d["path"], "c"]}}
    assert migrated(given, 3, steps) == {"version": 3, "path": ["a", "b", "c"]}
    assert migrated({"version": 2, "path": []}, 3, steps) == {"version": 3, "path": ["c"]}
    assert migrated({"version": 3, "path": []}, 3, steps) == {"version": 3, "path": []}
    assert migrated({"path": ["a"]}, 3, steps) == {"version": 3, "path": ["a", "b", "c"]}, "the first had no version"
    assert given == {"version": 1, "path": ["a"]}


def test_a_step_may_change_what_it_is_given():
    given = {"version": 1, "payload": {"features": ["a"]}}

    def step(document: dict[str, Any]) -> dict[str, Any]:
        document["payload"]["features"].append("b")
        return document

    assert migrated(given, 2, {1: step})["payload"] == {"features": ["a", "b"]}
    assert given["payload"] == {"features": ["a"]}


@pytest.mark.parametrize(
    ("version", "told"),
    [
        (0, "version: should be 1, found 0, which no version of this kit reads; write it in format 1"),
        (2, "version: should be 1, found 2, which a newer version of this kit writes; upgrade the one that reads it"),
        (True, "version: should be a whole number, found true or false; write 1, without quotes"),
        ("secret", "version: should be a whole number, found text; write 1, without quotes"),
    ],
)
def test_a_version_that_nobody_knows_is_refused_beside_all_other_faults(version, told):
    with pytest.raises(SettingsError) as caught:
        parse_configuration(orjson.dumps({"version": version, "colour": "blue"}), "monitoring.json")
    lines = str(caught.value).splitlines()
    assert lines[0] == "monitoring.json: the configuration: 2 faults:"
    assert lines[1].startswith(f"  {told}")
    assert "secret" not in str(caught.value)


def test_where_there_are_steps_every_version_that_is_read_is_told():
    steps = {1: flattened, 2: flattened}
    with pytest.raises(ValueError, match="should be 1 to 3, found 4"):
        migrated({"version": 4}, 3, steps)
    with pytest.raises(ValueError, match="should be 3, found 1"):
        migrated({"version": 1}, 3, {1: flattened})
