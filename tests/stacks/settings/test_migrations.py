"""Environment files of older formats: a step of the test's own, since the kit has had one format."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import yaml

from model_monitor.migration import environment as adopted
from stacks.settings import environment as settings, migrations
from stacks.settings.environment import Settings, SettingsFaults
from tests.stacks.settings.test_settings import SMALL

OLD = SMALL.replace("version: 1", "version: 0").replace("region:", "location:")
OF_ITS_OWN = """
capture: {destination: s3://elsewhere/live, share: 5}
payload: {features: [a]}
monitors: {quality: {baseline: {dataset: s3://elsewhere/a.csv}}}
"""


def renamed(document: dict[str, Any]) -> dict[str, Any]:
    """From a format that knew `location`, and `share` of a capture."""
    document["region"] = document.pop("location")
    for endpoint in document["endpoints"].values():
        capture = endpoint.get("capture", {})
        if "share" in capture:
            capture["sampling_percentage"] = capture.pop("share")
    return document


def test_a_file_of_an_older_format_is_read_with_its_endpoints_in_files_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setitem(migrations.STEPS, 0, renamed)
    (tmp_path / "old.yaml").write_text(OLD)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "other.yaml").write_text(OF_ITS_OWN)
    found = settings.load(tmp_path / "old.yaml")
    assert (found.version, found.region) == (1, "eu-west-1")
    assert found.endpoints["other"].capture.sampling_percentage == 5


def test_what_a_step_leaves_is_checked_as_any_file(monkeypatch):
    monkeypatch.setitem(migrations.STEPS, 0, lambda document: document)
    with pytest.raises(SettingsFaults) as caught:
        settings.parse(yaml.safe_load(OLD), "old", "old.yaml")
    assert sorted(fault.partition(":")[0] for fault in caught.value.faults) == ["location", "region"]


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("0", "version: should be 1, found 0, which no version of this kit reads; write it in format 1"),
        ("2", "version: should be 1, found 2, which a newer version of this kit writes; upgrade the one that reads it"),
        ("'1'", "version: should be a whole number, found text; write 1, without quotes"),
    ],
)
def test_a_version_that_nobody_knows_is_refused_beside_all_other_faults(version, told):
    document = yaml.safe_load(SMALL.replace("version: 1", f"version: {version}\ncolour: blue"))
    with pytest.raises(SettingsFaults, match=r"test\.yaml: 2 faults") as caught:
        settings.parse(document, "test", "test.yaml")
    assert [fault for fault in caught.value.faults if fault.startswith(told)], caught.value.faults
    assert [fault for fault in caught.value.faults if fault.startswith("colour: is unknown")]


def test_what_writes_environment_files_writes_the_newest_format():
    assert get_args(Settings.model_fields["version"].annotation) == (migrations.VERSION,)
    assert adopted.VERSION == migrations.VERSION
