"""The block of text features in statistics.json: what it holds, how large it may be, what it never tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from model_monitor.contract import OWN_BLOCK, Decision, MonitoringType
from model_monitor.errors import BaselineError
from model_monitor.job.job import BaselineFiles, MonitorSettings
from model_monitor.monitors.data_quality.baseline import read_dataset_statistics
from model_monitor.monitors.data_quality.text_comparison import differences
from model_monitor.monitors.data_quality.text_file import VALUES_WRITTEN
from model_monitor.schema import Privacy
from model_monitor.sketches.forms import Case
from model_monitor.sketches.frequencies import hashes_of
from tests.tables import DATA_QUALITY, job_for
from tests.text_world import NAME, cities, files_of, products, rows_of, uuids


def document(cells: list[str], privacy: Privacy = Privacy.OPEN) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(files_of(rows_of(cells, privacy))[1])
    return found


def block(cells: list[str], privacy: Privacy = Privacy.OPEN) -> dict[str, Any]:
    found: dict[str, Any] = document(cells, privacy)[OWN_BLOCK]["texts"][NAME]
    return found


def test_every_count_is_read_as_it_was_written():
    cells = products(np.random.default_rng(1), 5_000)
    text = read_dataset_statistics(document(cells), "file").by_name[NAME].text
    assert text is not None
    names = sorted(set(cells))
    fewest, most = text.count_of(hashes_of([*names, "never"]))
    assert fewest.tolist() == most.tolist() == [*(cells.count(name) for name in names), 0]
    assert text.lengths is not None
    assert text.lengths[5] == text.total == 5_000


def test_the_commonest_values_are_named_with_their_counts():
    cells = products(np.random.default_rng(1), 5_000)
    first = block(cells)["commonest"]["values"][0]
    assert (first["value"], first["count"]) == ("P-000", cells.count("P-000"))
    assert first["hash"] == f"{hashes_of(['P-000'])[0]:010x}"


def test_what_a_text_feature_looks_like_is_told():
    found = block(["A12", "2026-03-02", "", "b", "c"] * 2)
    assert found["forms"] == {"empty": 2, "letters": 4, "date": 2, "alphanumeric": 2}
    assert found["lengths"] == [[0, 2], [1, 4], [3, 2], [10, 2]]
    assert found["cases"] == {"upper": 2, "lower": 4, "mixed": 4}
    assert (found["records"], found["distinct_count"]) == (10, 5)


def test_a_baseline_that_knows_no_cases_is_compared_without_them():
    found = document(["a", "b"] * 20)
    del found[OWN_BLOCK]["texts"][NAME]["cases"]
    text = read_dataset_statistics(found, "file").by_name[NAME].text
    assert text is not None
    assert text.cases is None
    now = replace(text, cases={Case.UPPER: 40})
    assert len(differences(now, text)) == len(differences(now, now)) - 1


def test_ten_thousand_values_take_less_than_a_hundred_kilobytes():
    assert len(orjson.dumps(block(cities(np.random.default_rng(2), 100_000)))) < 100_000


def test_more_values_than_are_written_are_a_sample_of_bounded_size():
    found = block(uuids(np.random.default_rng(3), 40_000))
    assert len(orjson.dumps(found)) < 170_000
    sample = read_dataset_statistics(document(uuids(np.random.default_rng(3), 40_000)), "file").by_name[NAME].text
    assert sample is not None
    assert sample.sample is not None
    assert sample.sample.hashes.size == VALUES_WRITTEN
    assert sample.different == 40_000


def test_aws_part_of_the_file_keeps_aws_cut_off():
    feature = document(products(np.random.default_rng(4), 3_000))["features"][0]
    assert "distribution" not in feature["string_statistics"]


def test_a_file_that_no_baseline_job_signed_tells_nothing_of_texts():
    content = document(["a", "b"])
    del content[OWN_BLOCK]["version"]
    assert read_dataset_statistics(content, "file").by_name[NAME].text is None


def window_file(tmp_path: Path, is_ours: bool, decision: Decision | None = None) -> dict[str, Any]:
    """statistics.json of a window whose baseline is ours, or AWS's."""
    rows = rows_of(cities(np.random.default_rng(5), 1_000))
    path = tmp_path / "statistics.json"
    content = orjson.loads(files_of(rows)[1])
    path.write_bytes(orjson.dumps({key: value for key, value in content.items() if is_ours or key != OWN_BLOCK}))
    settings = MonitorSettings(MonitoringType.DATA_QUALITY, 1, {}, decision=decision)
    baselines = {MonitoringType.DATA_QUALITY: BaselineFiles(statistics=path)}
    job = replace(job_for(rows.schema), monitors=(settings,), baselines=baselines)
    found: dict[str, Any] = DATA_QUALITY.files.statistics(DATA_QUALITY.statistics(DATA_QUALITY.profile(rows, job), job))
    return found


def test_a_window_s_file_holds_no_set_of_hashes(tmp_path):
    found = window_file(tmp_path, is_ours=True)[OWN_BLOCK]["texts"][NAME]
    assert "values" not in found
    assert len(found["commonest"]["values"]) == 120


def test_a_window_s_file_is_aws_alone_where_aws_rule_decides(tmp_path):
    assert OWN_BLOCK not in window_file(tmp_path, is_ours=False)
    assert OWN_BLOCK not in window_file(tmp_path, is_ours=True, decision=Decision.AWS)


def test_a_restricted_feature_tells_no_value_and_no_value_of_few_records():
    random = np.random.default_rng(6)
    cells = [f"secret{number}" for number in random.zipf(1.4, 4_000)]
    content = orjson.dumps(document(cells, Privacy.RESTRICTED))
    assert b"secret" not in content
    found = block(cells, Privacy.RESTRICTED)
    assert "values" not in found
    assert "lengths" not in found
    assert all(value["count"] >= 10 and "value" not in value for value in found["commonest"]["values"])
    plain = {f"{each:010x}" for each in hashes_of(sorted(set(cells))).tolist()}
    assert not plain & {value["hash"] for value in found["commonest"]["values"]}


@pytest.mark.parametrize("texts", [{NAME: 3}, {NAME: {}}, {NAME: {"forms": {"unknown": 1}}}])
def test_a_damaged_block_is_refused(texts):
    damaged = document(["a", "b"]) | {OWN_BLOCK: {"version": 1, "texts": texts}}
    with pytest.raises(BaselineError):
        read_dataset_statistics(damaged, "file")
