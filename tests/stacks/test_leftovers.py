"""Which deployed stacks an environment makes no more, and how they are deleted."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from stacks import leftovers

PLACE = "aws://123456789012/eu-west-1"


def assembly(folder: Path, *names: str, environment: str = "prod") -> Path:
    tags = {"Environment": environment}
    stacks = {
        name: {"type": "aws:cloudformation:stack", "environment": PLACE, "properties": {"tags": tags}} for name in names
    }
    others = {"Tree": {"type": "cdk:tree"}, "prod-Storage.assets": {"type": "cdk:asset-manifest"}}
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {**others, **stacks}}))
    return folder


def deployed(name: str, hour: int = 0, *, endpoint: str = "", region: str = "eu-west-1", **more: Any) -> dict[str, Any]:
    tags = {"Environment": "prod", **({"Endpoint": endpoint} if endpoint else {})}
    return {
        "StackName": name,
        "StackId": f"arn:aws:cloudformation:{region}:123456789012:stack/{name}/{hour}",
        "StackStatus": "UPDATE_COMPLETE",
        "Description": "Model monitoring: something",
        "CreationTime": f"2026-03-02T{hour:02}:00:00.000000+00:00",
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        **more,
    }


KEPT = [deployed("prod-Storage", 1), deployed("prod-shop-Monitoring", 4, endpoint="shop")]


def told(
    folder: Path, stacks: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, capsys: Any, *options: str
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"Stacks": stacks})))
    status = leftovers.main([str(assembly(folder, "prod-Storage", "prod-shop-Monitoring")), *options])
    return status, *capsys.readouterr()


def test_what_monitors_goes_before_what_serves_and_endpoints_before_what_they_share(tmp_path, monkeypatch, capsys):
    left = [
        deployed("prod-kiosk-Endpoint", 2, endpoint="kiosk"),
        deployed("prod-kiosk-Monitoring", 3, endpoint="kiosk"),
        deployed("prod-ControlPlane", 9),  # came later than the monitors that go over to it
    ]
    status, out, _ = told(tmp_path, [*KEPT, *left], monkeypatch, capsys)
    deleted = [line.split()[-1] for line in out.splitlines() if " delete-stack " in line]
    assert (status, deleted) == (0, ["prod-kiosk-Monitoring", "prod-kiosk-Endpoint", "prod-ControlPlane"])
    assert out.startswith("prod: 3 deployed stacks are none of the file's any more.")
    assert out.count("wait stack-delete-complete --region eu-west-1 --stack-name") == 3
    assert told(tmp_path, [*KEPT, *left], monkeypatch, capsys, "--fail")[0] == 1
    assert told(tmp_path, KEPT, monkeypatch, capsys, "--fail")[0] == 0


@pytest.mark.parametrize(
    "other",
    [
        deployed("prod-eu-Storage", Tags=[{"Key": "Environment", "Value": "prod-eu"}]),
        deployed("prod-network", Description="Subnets of another team"),
        deployed("prod-network", Description=None),
        deployed("shared-network"),
        deployed("prod-old-Monitoring", region="us-east-1"),
        deployed("prod-old-Monitoring", StackStatus="DELETE_COMPLETE"),
    ],
    ids=["environment", "description", "no-description", "name", "region", "deleted"],
)
def test_stacks_of_others_are_never_named(tmp_path, monkeypatch, capsys, other):
    other = {key: value for key, value in other.items() if value is not None}
    status, out, _ = told(tmp_path, [*KEPT, other], monkeypatch, capsys)
    assert (status, out) == (0, "prod: every stack that is deployed is one of the file's\n")


def test_another_account_or_region_is_told_from_nothing_left(tmp_path, monkeypatch, capsys):
    status, out, error = told(tmp_path, [deployed("prod-Storage", region="us-east-1")], monkeypatch, capsys)
    assert (status, out) == (1, "")
    assert "ask with the credentials and the Region of 123456789012/eu-west-1" in error


def test_a_folder_without_an_environment_and_nothing_to_read_say_what_to_do(tmp_path, monkeypatch, capsys):
    assert leftovers.main([str(tmp_path)]) == 1
    assert "run make synth first" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert leftovers.main([str(assembly(tmp_path, "prod-Storage"))]) == 1
    assert "aws cloudformation describe-stacks" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("{}", "no list of Stacks in it"),
        ("[]", "no list of Stacks in it"),
        ('{"Stacks": 3}', "no list of Stacks in it"),
        ("no JSON", "none: Expecting value: line 1 column 1 (char 0)"),
        ('{"Stacks": [{"StackName": "prod-Storage"}]}', "stacks without StackId, StackStatus"),
    ],
)
def test_what_is_no_answer_of_cloudformation_is_refused_in_words(tmp_path, monkeypatch, capsys, given, found):
    monkeypatch.setattr("sys.stdin", io.StringIO(given))
    assert leftovers.main([str(assembly(tmp_path, "prod-Storage"))]) == 1
    error = capsys.readouterr().err
    assert "should be the JSON that aws cloudformation describe-stacks prints" in error
    assert error.endswith(f"; found {found}\n")
