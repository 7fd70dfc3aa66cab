"""The two promises: same files → same bytes whoever works in whatever order; same records cut otherwise → same numbers."""

from __future__ import annotations

import json
import math
import random
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from model_monitor import flow
from model_monitor.contract import JobKind, MonitoringType
from model_monitor.dataset.units import plan
from model_monitor.job import baselines
from model_monitor.job.job import DatasetKind, DatasetSource, Job
from model_monitor.outputs.folder import write_folder
from model_monitor.outputs.report import Run
from model_monitor.schema import Feature, OutputMapping, PayloadMapping, Schema, Window
from tests.captures import csv_side, event, events_of, json_side, outputs, write_capture
from tests.monitor_image.conftest import FEATURES, OUTPUT, SPAN, land

RUN = Run(datetime(2026, 3, 2, 6, tzinfo=UTC), datetime(2026, 3, 2, 6, tzinfo=UTC))
SCHEMA = Schema(tuple(Feature(name) for name in FEATURES), PayloadMapping(output=OutputMapping(**OUTPUT)))


def job_of(dataset: Path, output: Path, baseline: Path | None = None, workers: int = 1) -> Job:
    found = {} if baseline is None else baselines.resolve(str(baseline), [MonitoringType.DATA_QUALITY])
    return Job(
        kind=JobKind.MONITOR,
        dataset=DatasetSource(dataset, DatasetKind.CAPTURE),
        output=output,
        schema=SCHEMA,
        baselines=found,
        window=Window(*SPAN),
        endpoint="covertype",
        schedule="covertype-data-quality",
        workers=workers,
    )


def bytes_of(job: Job) -> dict[str, bytes]:
    """Every output file; the run block, which may differ, taken out of the report."""
    write_folder(flow.run(job), RUN)
    files = {path.relative_to(job.output).as_posix(): path.read_bytes() for path in sorted(job.output.rglob("*.json*"))}
    report = json.loads(files["report.json"])
    del report["run"]
    return files | {"report.json": json.dumps(report).encode()}


@pytest.mark.slow
def test_same_files_give_the_same_bytes_for_any_workers_and_any_order_of_arrival(
    tmp_path, healthy_baseline, monkeypatch
):
    """Fractions, categories, drift, rejects and repeated keys, in many units."""
    monkeypatch.setattr(flow, "plan", partial(plan, unit_bytes=3000))
    records = land(900, seed=5, Slope=lambda record: None if record["Elevation"] % 7 == 0 else record["Slope"] * 1.7)
    events = events_of(records, size=3)
    events += [event(5, csv_side(land(2)), json_side(outputs(3))), *events[:20]]
    write_capture(tmp_path / "first", events, files=40)
    arrived = sorted((tmp_path / "first").rglob("*.jsonl"))
    random.Random(2).shuffle(arrived)
    for path in arrived:
        target = tmp_path / "second" / path.relative_to(tmp_path / "first")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    one = bytes_of(job_of(tmp_path / "first", tmp_path / "out1", healthy_baseline, workers=1))
    assert set(one) >= {"statistics.json", "constraints.json", "constraint_violations.json", "metrics.jsonl"}
    for source, workers in (("first", 2), ("first", 3), ("second", 1), ("second", 2)):
        other = bytes_of(job_of(tmp_path / source, tmp_path / f"out-{source}-{workers}", healthy_baseline, workers))
        assert other == one, (source, workers)


CELLS = st.one_of(
    st.none(),
    st.integers(-(10**9), 10**9),
    st.floats(-1e12, 1e12, allow_nan=False).map(lambda value: float(f"{value:.6g}")),
    st.sampled_from(["a", "b", "", "00501", "true", "NaN", "2024-01-01"]),
)
RECORDS = st.lists(st.fixed_dictionaries(dict.fromkeys(FEATURES, CELLS)), min_size=1, max_size=24)


def statistics_of(job: Job, unit_bytes: int, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    patch.setattr(flow, "plan", partial(plan, unit_bytes=unit_bytes))
    report = flow.run(job)
    content = dict(report.results[0].files["statistics.json"])
    return content | {"rejected": report.reading.rejects.count, "repeats": report.reading.repeats}


def close(one: Any, other: Any, path: str = "") -> None:
    """Equal, except that moments may differ in the last bits."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), path
        for key in one:
            close(one[key], other[key], f"{path}.{key}")
    elif path.endswith((".mean", ".sum", ".std_dev")):
        # a sum of numbers of both signs is as exact as its largest partial sum, not as its result
        assert math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12 * 24e12), path
    elif path.endswith(".sketch.data"):
        assert sorted(one[0]) == sorted(other[0]), path
    elif isinstance(one, list):
        assert len(one) == len(other), path
        key = (lambda item: item.get("value", 0)) if path.endswith("categorical.buckets") else None
        pairs = zip(sorted(one, key=key), sorted(other, key=key), strict=True) if key else zip(one, other, strict=True)
        for a, b in pairs:
            close(a, b, f"{path}[]")
    else:
        assert one == other, path


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=RECORDS, files=st.integers(1, 6), size=st.integers(1, 5), unit_bytes=st.integers(200, 4000))
def test_the_same_records_cut_into_other_files_give_the_same_numbers(
    records, files, size, unit_bytes, tmp_path_factory, monkeypatch
):
    folder = tmp_path_factory.mktemp("cuts")
    events = events_of(records, size=size)
    write_capture(folder / "whole", events)
    write_capture(folder / "cut", events, files=files)
    whole = replace(job_of(folder / "whole", folder / "out"), max_rejected_fraction=1.0)
    cut = replace(whole, dataset=replace(whole.dataset, path=folder / "cut"))
    close(statistics_of(whole, 1 << 24, monkeypatch), statistics_of(cut, unit_bytes, monkeypatch))
