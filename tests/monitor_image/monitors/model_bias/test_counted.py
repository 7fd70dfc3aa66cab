"""What a baseline keeps of its groups, so that a window is compared with a sample, comes back as it was written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import orjson
import pytest

from model_monitor.contract import OWN_BLOCK, Verdict
from model_monitor.errors import BaselineError
from model_monitor.monitors.model_bias.constraints import read
from model_monitor.monitors.model_bias.monitor import MONITOR
from model_monitor.schema import Feature, Privacy, Rows, Schema
from tests.bias_tables import labelled
from tests.monitor_image.monitors.model_bias.judged import (
    by_metric,
    calibrated,
    written,
)
from tests.monitor_image.monitors.model_bias.test_monitor import FAIR, job_for, people


def with_towns(rows: Rows, seed: int = 3) -> Rows:
    towns = np.random.default_rng(seed).choice(["Kranj", "Bled", "Celje"], rows.count, p=[0.5, 0.3, 0.2]).tolist()
    label = [int(rows.truth.words[code]) for code in rows.truth.codes.tolist()]
    cells = {name: rows.features[i].numbers.tolist() for i, name in enumerate(("sex", "x"))}
    return labelled({**cells, "town": towns}, label, label)


def test_counts_come_back_as_they_were_written() -> None:
    rows = with_towns(FAIR)
    document = written(rows, group_variable="town")
    ((key, sample),) = read(document, "analysis.json").counted.items()
    assert key == ("sex", "1")
    assert sample.observed.tolist() == [[80, 120], [92, 108]]
    assert len(sample.groups) == 3
    assert sample.counts[1:].sum() == 400
    again = sample.to_json()
    (kept,) = document[OWN_BLOCK]["counted"]["sex"]
    assert {"value_or_threshold": "1", **orjson.loads(orjson.dumps(again))} == kept
    assert not [text for text in ("Kranj", "Bled", "Celje") if text in orjson.dumps(document).decode()]
    window = MONITOR.files.statistics(MONITOR.statistics(MONITOR.profile(rows, job_for(rows)), job_for(rows)))
    assert OWN_BLOCK not in window


@pytest.mark.parametrize("name", ["sex", "town"])
def test_of_restricted_facets_and_groups_no_counts_by_group_are_kept_and_they_are_judged_all_the_same(name) -> None:
    def hidden(rows: Rows) -> Rows:
        features = tuple(
            Feature(f, privacy=Privacy.RESTRICTED if f == name else Privacy.OPEN) for f in ("sex", "x", "town")
        )
        return replace(with_towns(rows), schema=Schema(features))

    options = {"group_variable": "town", "flip_test": False}
    document = written(hidden(FAIR), **options)
    (kept,) = document[OWN_BLOCK]["counted"]["sex"]
    assert sorted(kept) == ["counts", "curves", "value_or_threshold"]
    baseline = read(document, "analysis.json")
    same, worse = (calibrated(hidden(rows), baseline, **options) for rows in (people(0.85), people(0.2, 2000)))
    assert same.verdict is Verdict.OK
    assert by_metric(same)["CDDL"].evidence.p_value > 0.01
    assert "CDDL" in {check.metric_name for check in worse.violations}


@pytest.mark.parametrize(
    "content", [{"sex": [{"counts": [1]}]}, {"sex": [{"value_or_threshold": "1", "counts": ["x"] * 12}]}]
)
def test_counts_that_are_none_are_refused(content) -> None:
    document = written(FAIR) | {OWN_BLOCK: {"counted": content}}
    with pytest.raises(BaselineError, match="should hold each group's counts"):
        read(document, "analysis.json")
