"""What endpoints have in common, and endpoints in files of their own."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from stacks.settings import environment as settings
from tests.stacks.settings.test_settings import SMALL, faults_of

COMMON: dict[str, Any] = {"metrics": {"per_feature": "none"}, "monitors": {"data-quality": {"min_records": 70}}}
OTHER = {
    "capture": {"destination": "s3://elsewhere/live"},
    "payload": {"features": ["a"]},
    "monitors": {"data-quality": {"min_records": 7, "baseline": {"dataset": "s3://elsewhere/a.csv"}}},
}


def document(**more: Any) -> dict[str, Any]:
    found = yaml.safe_load(SMALL)
    return {**found, **more}


def test_an_endpoint_overrides_what_it_names_and_takes_the_rest():
    given = document(defaults=COMMON)
    given["endpoints"]["other"] = OTHER
    found = settings.parse(given, "test", "test").endpoints
    assert [found[name].monitors["data-quality"].min_records for name in ("shop", "other")] == [70, 7]
    assert {block.metrics.per_feature for block in found.values()} == {"none"}
    assert found["shop"].monitors["data-quality"].baseline.dataset == "s3://models/shop/baseline.csv"


def test_lists_replace_and_null_takes_away():
    given = document(defaults={"model": {"image": "x", "locations": ["s3://a/b"]}, "payload": {"features": ["z"]}})
    given["endpoints"]["shop"]["model"] = None
    given["endpoints"]["shop"]["capture"] = {"destination": "s3://elsewhere/live"}
    shop = settings.parse(given, "test", "test").endpoints["shop"]
    assert (shop.model, [feature.name for feature in shop.payload.features]) == (None, ["age", "income"])


@pytest.mark.parametrize(
    ("defaults", "expected"),
    [
        ({"monitors": {"data-quality": {"min_records": -1}}}, "defaults.monitors.data-quality.min_records: "),
        ({"colour": "blue"}, "defaults.colour: is unknown"),
        ({"metrics": {"critical": ["height"]}}, "defaults.metrics.critical[0]: 'height'"),
        (["metrics"], "defaults: should hold keys and values of an endpoint"),
    ],
)
def test_a_fault_of_the_defaults_is_told_there_and_once(defaults, expected):
    given = document(defaults=defaults)
    given["endpoints"]["second"] = given["endpoints"]["shop"]
    with pytest.raises(settings.SettingsFaults) as caught:
        settings.parse(given, "test", "test")
    found = [fault for fault in caught.value.faults if fault.startswith(expected)]
    assert len(found) == 1, caught.value.faults


def test_a_fault_of_an_endpoint_stays_its_own():
    shop = {"endpoints__shop__monitors__data_quality__min_records": -1}
    assert [f for f in faults_of(defaults=COMMON, **shop) if f.startswith("endpoints.shop.monitors.data-quality.min")]


def test_endpoints_may_have_files_of_their_own(tmp_path):
    (tmp_path / "fleet.yaml").write_text(SMALL)
    (tmp_path / "fleet").mkdir()
    (tmp_path / "fleet" / "other.yaml").write_text(yaml.safe_dump(OTHER))
    assert set(settings.load(tmp_path / "fleet.yaml").endpoints) == {"shop", "other"}
    (tmp_path / "fleet" / "shop.yaml").write_text(yaml.safe_dump(OTHER))
    with pytest.raises(settings.SettingsFaults, match=r"endpoints\.shop: stands in .*fleet\.yaml and in .*shop\.yaml"):
        settings.load(tmp_path / "fleet.yaml")


def test_the_schema_knows_the_keys_that_endpoints_have_in_common():
    assert "monitors" in settings.schema()["properties"]["defaults"]["propertyNames"]["enum"]
