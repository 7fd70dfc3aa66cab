"""Batch transform jobs in the place of an endpoint: a window is what ended in it, and what a job read is found by what it wrote."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.lambda_.runs.conftest import BUCKET, NOON, QUARTER, Plane

DUE, MINUTE = NOON + QUARTER, timedelta(minutes=1)
TRANSFORM: dict[str, Any] = {
    "inputs": f"s3://{BUCKET}/in/",
    "outputs": f"s3://{BUCKET}/out/",
    "format": "csv",
    "inference_id": True,
    "joined": False,
    "longest_hours": 24,
}


@pytest.fixture
def batch(plane: Plane) -> Plane:
    plane.configure(capture=f"s3://{BUCKET}/captured", transform=TRANSFORM, variants=[])
    return plane


def put(plane: Plane, key: str, content: str, ended: datetime) -> None:
    plane.s3.put_object(Bucket=BUCKET, Key=key, Body=content.encode())
    plane.landed[key] = ended


def transformed(
    plane: Plane, began: str, name: str, ended: datetime, *, manifest: str = "", prefix: str = "in/"
) -> None:
    """What a job with data capture leaves: an answer, and manifests of what it read and wrote, in the hour in which it began."""
    put(plane, f"{prefix}{name}", "1,2\n", ended)
    put(plane, f"out/{name}.out", "0.1,id,t\n", ended)
    for side, listed in (
        ("input", [{"prefix": f"s3://{BUCKET}/{prefix}"}, name]),
        ("output", [{"prefix": f"s3://{BUCKET}/out/"}, f"{name}.out"]),
    ):
        put(
            plane,
            f"captured/{side}/{began}/{manifest or name}-{side if manifest else ''}.jsonl",
            json.dumps(listed),
            ended,
        )


def told(plane: Plane, plan: dict[str, Any]) -> dict[str, Any]:
    """The document that the run is handed."""
    uri = plan["job"]["Environment"]["monitor_transform"]
    body = plane.s3.get_object(Bucket=BUCKET, Key=uri.removeprefix(f"s3://{BUCKET}/"))["Body"].read()
    return dict(json.loads(body))


def test_a_window_is_of_the_jobs_that_ended_in_it_whenever_they_began(batch: Plane):
    transformed(batch, "2026/03/02/11", "a.csv", NOON - 5 * MINUTE)
    transformed(batch, "2026/03/01/13", "long.csv", NOON - 30 * MINUTE, manifest="m")
    transformed(batch, "2026/03/02/11", "later.csv", NOON)
    transformed(batch, "2026/03/02/10", "before.csv", NOON - 61 * MINUTE)
    plan = batch.plan(DUE)
    pairs = told(batch, plan)["pairs"]
    names = {(pair["input"].rpartition("/")[2], pair["output"].rpartition("/")[2], pair["time"]) for pair in pairs}
    assert names == {
        ("a.csv", "a.csv.out", "2026-03-02T11:55:00Z"),
        ("long.csv", "long.csv.out", "2026-03-02T11:30:00Z"),
    }
    assert (plan["objects"], plan["bytes"]) == (4, 2 * len("1,2\n") + 2 * len("0.1,id,t\n"))
    assert plan["job"]["ProcessingInputs"] == []
    assert plan["runner"] == "lambda"


def test_an_hour_without_a_job_starts_nothing(batch: Plane):
    transformed(batch, "2026/03/02/10", "before.csv", NOON - 61 * MINUTE)
    assert batch.plan(DUE)["runner"] == "none"


def test_large_jobs_are_judged_by_a_processing_job(batch: Plane):
    batch.configure(capture=f"s3://{BUCKET}/captured", transform=TRANSFORM, variants=[], lambda_max_megabytes=0)
    transformed(batch, "2026/03/02/11", "a.csv", NOON - 5 * MINUTE)
    assert batch.plan(DUE)["runner"] == "processing"


def test_two_jobs_of_an_hour_that_read_files_of_one_name_are_told_apart_by_their_manifests(batch: Plane):
    for number in (1, 2):
        put(batch, f"in/{number}/a.csv", "1,2\n", NOON - 9 * MINUTE)
        put(batch, f"out/{number}/a.csv.out", "0.1,id,t\n", NOON - 9 * MINUTE)
        for side, folder, name in (("input", "in", "a.csv"), ("output", "out", "a.csv.out")):
            listed = json.dumps([{"prefix": f"s3://{BUCKET}/{folder}/{number}/"}, name])
            put(batch, f"captured/{side}/2026/03/02/11/{number}.jsonl", listed, NOON - 9 * MINUTE)
    pairs = told(batch, batch.plan(DUE))["pairs"]
    assert [(p["input"][-7:], p["output"][-11:]) for p in pairs] == [
        ("1/a.csv", "1/a.csv.out"),
        ("2/a.csv", "2/a.csv.out"),
    ]


def test_what_cannot_be_paired_or_lies_elsewhere_is_an_error_that_says_so(batch: Plane):
    transformed(batch, "2026/03/02/11", "a.csv", NOON - 5 * MINUTE, prefix="elsewhere/")
    with pytest.raises(ValueError, match=r"lies outside of s3://data/in/; let capture.transform.inputs name"):
        batch.plan(DUE)
    batch.s3.delete_object(Bucket=BUCKET, Key="captured/input/2026/03/02/11/a.csv-.jsonl")
    with pytest.raises(ValueError, match=r"a.csv.out: the manifests of its hour below input/ .* none of them do"):
        batch.plan(DUE)


def test_no_calls_are_expected_of_an_endpoint_that_is_none(batch: Plane):
    batch.calls[NOON] = 1000
    for hours in range(8):
        batch.sweep(NOON + hours * timedelta(hours=1))
    assert batch.messages == []
