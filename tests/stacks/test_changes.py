"""What a pull request is told about two synths."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stacks import changes

BUCKET: dict[str, Any] = {"Type": "AWS::S3::Bucket", "Properties": {"A": 1}}
FUNCTION: dict[str, Any] = {"Type": "AWS::Lambda::Function", "Properties": {"Code": {"S3Key": f"{'a' * 64}.zip"}}}
ALARM: dict[str, Any] = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Threshold": 1}}


def stack(**resources: Any) -> dict[str, Any]:
    return {"Resources": resources}


BEFORE = {
    "dev-Storage": stack(Data=BUCKET),
    "dev-Alarms": stack(Drift=ALARM, Run=FUNCTION),
    "dev-Old": stack(Old=ALARM),
}
AFTER = {
    "dev-Storage": stack(),
    "dev-Alarms": stack(
        Drift={**ALARM, "Properties": {"Threshold": 2}},
        Run=json.loads(json.dumps(FUNCTION).replace("a" * 64, "b" * 64)),
        More=ALARM,
    ),
    "dev-New": stack(New=ALARM),
}


def test_each_resource_is_new_changed_of_other_code_or_removed():
    found = {change.name: change for change in changes.compare(BEFORE, AFTER)}
    assert set(found) == set(BEFORE) | set(AFTER)
    alarms = found["dev-Alarms"]
    assert (set(alarms.added), set(alarms.changed), set(alarms.code), set(alarms.removed)) == (
        {"More"},
        {"Drift"},
        {"Run"},
        set(),
    )
    assert (found["dev-New"].is_new, found["dev-Old"].is_gone) == (True, True)
    assert found["dev-Storage"].lost == {"Data": "AWS::S3::Bucket"}


def test_the_comment_begins_with_what_is_lost_and_ends_with_what_synth_said(tmp_path, capsys):
    for name, found in (("before", BEFORE), ("after", AFTER)):
        for stack_name, template in found.items():
            path = tmp_path / name / "dev" / f"{stack_name}.template.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(template))
    (tmp_path / "told").write_text("dev: 12.30 dollars a month\n")
    changes.main([str(tmp_path / "before"), str(tmp_path / "after"), "--told", str(tmp_path / "told")])
    told = capsys.readouterr().out
    assert "| `dev-Alarms` | 1 | 1 | 1 |  |" in told
    assert "**Stay deployed until somebody deletes them** (docs/remove.md): `dev-Old`\n" in told
    assert "`dev-Storage` loses AWS::S3::Bucket `Data`" in told
    assert "~ AWS::CloudWatch::Alarm Drift" in told
    assert told.rstrip().endswith("</details>")
    assert "12.30 dollars" in told


@pytest.mark.parametrize("same", [BEFORE, AFTER])
def test_the_same_twice_is_no_change(same):
    assert "Nothing: every template is as before." in changes.markdown(list(changes.compare(same, same)))
