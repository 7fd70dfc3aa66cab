"""A baseline is found by its pointer, by its monitor's folder or flat, as AWS writes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from model_monitor.aws import s3
from model_monitor.contract import MonitoringType
from model_monitor.errors import BaselineError
from model_monitor.job import baselines

DATA_QUALITY = MonitoringType.DATA_QUALITY


def write(root: Path, **files: str) -> Path:
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_json", ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_the_pointer_names_the_version(tmp_path):
    write(tmp_path, current_json='{"version": "v2"}')
    for version in ("v1", "v2"):
        write(tmp_path / version / "data_quality", constraints_json="{}", statistics_json="{}")
    files = baselines.resolve(str(tmp_path), [DATA_QUALITY])[DATA_QUALITY]
    assert files.version == "v2"
    assert files.constraints == tmp_path / "v2" / "data_quality" / "constraints.json"
    assert files.statistics == tmp_path / "v2" / "data_quality" / "statistics.json"


def test_the_folder_of_a_baseline_job_needs_no_pointer(tmp_path):
    write(tmp_path / "data_quality", constraints_json="{}", statistics_json="{}")
    files = baselines.resolve(str(tmp_path), [DATA_QUALITY])[DATA_QUALITY]
    assert (files.version, files.constraints) == ("", tmp_path / "data_quality" / "constraints.json")


def test_a_flat_folder_as_aws_writes_it_is_found(tmp_path):
    write(tmp_path, constraints_json="{}")
    files = baselines.resolve(str(tmp_path), [DATA_QUALITY])[DATA_QUALITY]
    assert (files.constraints, files.statistics) == (tmp_path / "constraints.json", None)


def test_a_flat_folder_cannot_be_two_monitors_baseline(tmp_path):
    write(tmp_path, constraints_json="{}", statistics_json="{}")
    assert baselines.resolve(str(tmp_path), [DATA_QUALITY, MonitoringType.MODEL_QUALITY]) == {}


def test_no_baseline_yet_is_no_error(tmp_path):
    assert baselines.resolve(str(tmp_path), [DATA_QUALITY]) == {}


@pytest.mark.parametrize("pointer", ["{", "{}", "[]", '{"version": 3}', '{"version": "../v1"}', '{"version": ""}'])
def test_a_pointer_that_names_no_folder_is_refused(tmp_path, pointer):
    write(tmp_path, current_json=pointer)
    with pytest.raises(BaselineError, match=r"current\.json"):
        baselines.resolve(str(tmp_path), [DATA_QUALITY])


def test_a_pointer_to_a_missing_version_is_an_error_and_not_no_baseline(tmp_path):
    write(tmp_path, current_json='{"version": "v7"}')
    with pytest.raises(BaselineError, match="v7"):
        baselines.resolve(str(tmp_path), [DATA_QUALITY])


def test_a_mounted_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(BaselineError, match="is no file"):
        baselines.mounted(tmp_path / "constraints.json", None)
    assert baselines.mounted(None, None) is None


def test_a_baseline_in_s3_is_fetched_through_its_pointer(tmp_path, monkeypatch):
    objects = {
        "s3://bucket/baselines/churn/current.json": b'{"version": "v1"}',
        "s3://bucket/baselines/churn/v1/data_quality/constraints.json": b'{"features": []}',
    }
    monkeypatch.setattr(s3, "read_object", objects.get)
    files = baselines.resolve("s3://bucket/baselines/churn/", [DATA_QUALITY], cache=tmp_path)[DATA_QUALITY]
    assert files.constraints is not None
    assert files.constraints.read_bytes() == b'{"features": []}'
    assert (files.statistics, files.version) == (None, "v1")


@dataclass
class Named:
    path: Path
    relative: str


def test_the_digest_of_a_dataset_tells_contents_and_names_apart(tmp_path):
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("1")
    second.write_text("1")
    digests = {
        baselines.digest([Named(first, "a.csv")]),
        baselines.digest([Named(second, "b.csv")]),
        baselines.digest([Named(first, "a.csv"), Named(second, "b.csv")]),
    }
    assert len(digests) == 3
    assert baselines.digest([Named(first, "a.csv")]) in digests


def test_flat_files_are_of_the_monitor_that_wrote_them(tmp_path):
    write(tmp_path, constraints_json="{}", statistics_json="{}", provenance_json='{"monitors": ["data_quality"]}')
    both = [MonitoringType.DATA_QUALITY, MonitoringType.MODEL_QUALITY]
    assert list(baselines.resolve(str(tmp_path), both)) == [MonitoringType.DATA_QUALITY]
    assert baselines.resolve(str(tmp_path), both[1:]) == {}
