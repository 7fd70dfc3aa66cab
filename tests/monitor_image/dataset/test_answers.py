"""Why no record has a prediction: the side, the path and the keys that were found, never a value."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from model_monitor.contract import JobKind
from model_monitor.dataset.answers import why_unanswered
from model_monitor.job.job import DatasetKind, DatasetSource, Job
from model_monitor.schema import Feature, OutputMapping, PayloadMapping, Schema
from tests.captures import HOUR, csv_side, event, json_side, write_capture

SECRET = "4711.25"
ENTERED = csv_side([{"a": 1}])


def said(folder: Path, left: dict[str, Any] | None, output: OutputMapping, **source: Any) -> str:
    capture = write_capture(folder, [event(0, ENTERED, left, HOUR)])
    schema = Schema((Feature("a"),), PayloadMapping(output=output))
    job = Job(JobKind.MONITOR, DatasetSource(capture, DatasetKind.CAPTURE, **source), folder / "out", schema)
    return why_unanswered(job)


@pytest.mark.parametrize(
    ("left", "output", "told"),
    [
        (
            json_side({"predictions": [{"score": SECRET, "classes": [1]}]}),
            OutputMapping(records="predictions", prediction="label"),
            "payload.output.prediction names 'label' in the response, whose records have the keys 'score', 'classes'",
        ),
        (
            json_side({"predictions": [{"score": SECRET}]}),
            OutputMapping(prediction="label", score="p"),
            "payload.output.prediction names 'label' and payload.output.score names 'p' in the response, whose records have "
            "the key 'score'",
        ),
        (
            json_side({"answers": [{"label": SECRET}]}),
            OutputMapping(records="predictions", prediction="label"),
            "payload.output.prediction names 'label' in the response, where payload.output.records looks for 'predictions', "
            "and the response has the key 'answers'",
        ),
        (
            csv_side([{"x": SECRET, "y": 2}]),
            OutputMapping(prediction="4"),
            "payload.output.prediction names value 4 in the response, whose lines are CSV of 2 values",
        ),
        (
            json_side([[SECRET, 1, 2]]),
            OutputMapping(),
            "payload.output names neither prediction nor score in the response, whose records have 3 values without keys",
        ),
        (
            json_side({f"key_{i:03d}_{'x' * 100}": 1 for i in range(12)}),
            OutputMapping(prediction="label"),
            "and 4 more",
        ),
        (
            json_side({"predictions": [{"label": None, "why": SECRET}]}),
            OutputMapping(prediction="label"),
            "payload.output.prediction names 'label' in the response, where 'label' is null: let the model answer with numbers",
        ),
        (
            json_side({"label": math.nan}),
            OutputMapping(prediction="label"),
            "where NaN stands, which is no number: let the",
        ),
        (
            csv_side([{"x": "nan"}]),
            OutputMapping(prediction="0"),
            "where NaN stands, which is no number: let the model",
        ),
        (None, OutputMapping(prediction="label"), "names 'label' in the response, and no response was captured"),
        (
            {"observedContentType": "application/json", "encoding": "JSON", "data": "{" + SECRET},
            OutputMapping(prediction="label"),
            "payload.output.prediction names 'label' in the response, which is no valid JSON",
        ),
    ],
)
def test_the_response_is_told_by_its_keys_and_by_none_of_its_values(tmp_path, left, output, told):
    found = said(tmp_path, left, output)
    assert told in found
    assert SECRET not in found
    assert len(found) < 1000


def test_a_side_that_is_not_read_is_said(tmp_path):
    found = said(tmp_path, json_side({"label": 1}), OutputMapping(prediction="label"), captured=("endpointInput",))
    assert found.endswith("in the response, and responses are not read (captured names the request alone)")


def test_of_a_table_the_columns_are_told(tmp_path):
    file = tmp_path / "data.csv"
    file.write_text("a,b\n1,2\n")
    schema = Schema((Feature("a"), Feature("b")), PayloadMapping(prediction="label"))
    job = Job(JobKind.MONITOR, DatasetSource(file, DatasetKind.CSV), tmp_path / "out", schema)
    assert why_unanswered(job) == "payload.prediction names 'label', and the dataset has the columns 'a', 'b'"


def test_lines_of_json_are_told_by_the_first(tmp_path):
    lines = "\n".join(json.dumps({"score": SECRET}) for _ in range(2))
    left = {"observedContentType": "application/jsonlines", "encoding": "JSON", "data": lines}
    assert said(tmp_path, left, OutputMapping(prediction="label")).endswith("whose records have the key 'score'")


@pytest.mark.parametrize(
    ("left", "looks"),
    [
        (csv_side([{"y": f"[{SECRET}]"}]), "in brackets"),
        (csv_side([{"y": f"{SECRET}%"}]), "with a percent sign"),
        (json_side({"predictions": [[[4711.25]]]}), "in brackets"),
        (json_side({"predictions": [[[4711.25, 1]]]}), "a list or an object as text"),
        (json_side({"predictions": [f"{SECRET},1"]}), "CSV text inside one value"),
        (json_side(f"'{SECRET}'"), "in quotes"),
        (json_side([{"0": "high"}]), "a word"),
    ],
)
@pytest.mark.parametrize("role", ["prediction", "score"])
def test_what_is_found_and_no_number_is_not_told_as_missing(tmp_path, left, looks, role):
    found = said(tmp_path, left, OutputMapping(**{role: "0"}))
    told = f"payload.output.{role} names value 0 in the response, where text stands that is no number ({looks}): "
    assert found == f"{told}let the model answer with numbers"
