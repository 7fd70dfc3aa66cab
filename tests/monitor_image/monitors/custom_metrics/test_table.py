"""What a custom metric is given: columns, order, labels, samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_monitor import flow
from model_monitor.contract import JobKind
from model_monitor.dataset.units import plan
from model_monitor.job.job import DatasetKind, DatasetSource
from model_monitor.monitors.custom_metrics.evaluation import columns_of
from model_monitor.sketches.kept import KeptRows, Part, Values
from tests.captures import HOUR, write_csv
from tests.monitor_image.monitors.custom_metrics.payments import (
    declared,
    job_of,
    module_of,
    outcomes,
    payments,
    values,
    watched,
)


def seen_by(
    tmp_path: Path, found: list[dict[str, Any]], columns: tuple[str, ...], **changes: Any
) -> Mapping[str, np.ndarray]:
    """The table that a function got, by way of a file."""
    body = f"np.save({str(tmp_path / 'seen.npy')!r}, dict(table), allow_pickle=True); return 1.0"
    watched(tmp_path, module_of(tmp_path, declared("look", body, columns=columns)), found, **changes)
    return np.load(tmp_path / "seen.npy", allow_pickle=True).item()


def test_the_table_holds_what_is_declared_in_the_order_of_the_records(tmp_path):
    found = payments(50, 3)
    columns = ("amount", "country", "event_id", "payload_index", "variant", "time")
    table = seen_by(tmp_path, found, columns)
    assert sorted(table) == sorted((*columns, "prediction", "score", "label"))
    assert table["amount"].tolist() == [p["amount"] for p in found]
    assert table["country"].tolist() == [p["country"] for p in found]
    assert table["prediction"].tolist() == [p["label"] for p in found]
    assert table["label"].tolist() == [p["is_fraud"] for p in found]
    assert table["event_id"].tolist() == [f"id-{i // 3}" for i in range(50)]
    assert table["payload_index"].tolist() == [i % 3 for i in range(50)]
    assert set(table["variant"]) == {"AllTraffic"}
    assert set(table["time"]) == {HOUR.timestamp()}


def test_codes_of_a_csv_payload_equal_their_labels():
    label = Values(codes=np.array([0, 1, 2], np.int32), words=("01", "02", "a"))
    prediction = Values(np.array([1.0, 2.0, np.nan]), np.array([-1, -1, 0], np.int32), ("a",))
    columns = columns_of(
        KeptRows(
            ("prediction", "label"),
            9,
            3,
            (Part(np.arange(3, dtype=np.uint64), {"prediction": prediction, "label": label}),),
        ),
        {},
    )
    assert columns["label"].tolist() == columns["prediction"].tolist() == ["1", "2", "a"]


def test_predictions_and_labels_are_texts_when_one_of_them_is(tmp_path):
    found = payments(50, 3)
    found[4]["is_fraud"] = "unclear"
    table = seen_by(tmp_path, found, ())
    assert table["prediction"].tolist() == [str(p["label"]) for p in found]
    assert table["label"].tolist() == [str(p["is_fraud"]) for p in found]


def test_a_function_cannot_change_what_the_next_one_sees(tmp_path):
    module = module_of(
        tmp_path,
        declared("spoil", "table['score'][:] = 0; return 1.0"),
        declared("after", "return table['score'].mean()"),
    )
    report = watched(tmp_path, module, payments(60, 1))
    assert outcomes(report)["spoil"][1].startswith("error: ValueError at own_metrics.py")
    assert values(report)["custom_after"] == 0.5


def test_above_max_rows_a_sample_is_used_and_the_run_says_so(tmp_path, example):
    found = payments(600, 7)
    report = watched(tmp_path, example, found, options={"max_rows": 100})
    assert report.results[0].summary["rows_used"] == 100
    assert report.results[0].summary["is_sample"] is True
    assert report.results[0].conclusion.notes == (
        "custom metrics were computed from a sample of 100 of 600 records (monitors.custom_metrics.max_rows)",
    )
    again = watched(tmp_path, example, found, options={"max_rows": 100})
    assert values(again) == values(report)


@pytest.mark.parametrize("max_rows", [1000, 100])
def test_any_number_of_workers_gives_the_same_values(tmp_path, example, monkeypatch, max_rows):
    monkeypatch.setattr(flow, "plan", partial(plan, unit_bytes=3000))
    found = payments(600, 7)
    one, two = (watched(tmp_path, example, found, options={"max_rows": max_rows}, workers=n) for n in (1, 2))
    assert one.results[0] == two.results[0]
    assert values(one) == values(two)


def test_metadata_that_the_mapping_names_can_be_read(tmp_path):
    data = [{**payment, "channel": ["web", "shop"][i % 2]} for i, payment in enumerate(payments(60, 1))]
    dataset = write_csv(tmp_path / "baseline.csv", data)
    body = "return float((table['channel'] == 'web').mean())"
    module = module_of(tmp_path, declared("web", body, columns=("channel",)))
    job = job_of(module, DatasetSource(dataset, DatasetKind.CSV), JobKind.BASELINE)
    payload = replace(job.schema.payload, metadata=("channel",))
    report = flow.run(replace(job, schema=replace(job.schema, payload=payload)))
    assert report.results[0].files["statistics.json"]["custom_metrics"]["web"]["value"] == 0.5
