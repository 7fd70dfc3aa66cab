"""Held-out rows and predictions of them, in the forms that batch transforms leave, and what is told where they do not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest

from model_monitor.comparison.reading import Places
from model_monitor.comparison.request import of_document
from model_monitor.comparison.verdict import compare
from model_monitor.errors import DatasetError, NoDataset, SettingsError
from tests.monitor_image.comparison.conftest import CONFIGURATION, answered, write


@pytest.fixture
def model(binary):
    _, truth, random = binary
    return answered(truth, random.random(600) < 0.8, random)


def with_output(**output):
    return {**CONFIGURATION, "payload": {**CONFIGURATION["payload"], "output": output}}


def lines(items):
    return "".join(f"{json.dumps(item)}\n" for item in items)


@pytest.mark.parametrize(
    ("output", "form"),
    [
        ({"prediction": "label", "score": "score"}, lambda m: lines({"score": s, "label": n} for n, s in m)),
        ({"prediction": 0, "score": 1}, lambda m: lines([n, s] for n, s in m)),
        ({"score": 0}, lambda m: "".join(f"{s}\n" for _, s in m)),
        ({"score": "score"}, lambda m: "".join(f"{s}\n" for _, s in m)),
        ({"score": "score"}, lambda m: lines({"score": s} for _, s in m)),
        (
            {"records": "predictions", "prediction": "label", "score": "score"},
            lambda m: lines({"predictions": [{"label": n, "score": s}]} for n, s in m),
        ),
        (
            {"records": "predictions", "prediction": "label", "score": "score"},
            lambda m: lines(  # several records a request
                {"predictions": [{"label": n, "score": s} for n, s in m[start : start + 50]]}
                for start in range(0, 600, 50)
            ),
        ),
        ({"score": [0, 1]}, lambda m: "".join(f"{1 - s},{s}\r\n" for _, s in m)),
        ({"score": ["no", "yes"]}, lambda m: lines({"no": 1 - s, "yes": s} for _, s in m)),
        ({"score": "all"}, lambda m: lines({"all": [1 - s, s]} for _, s in m)),
    ],
    ids=[
        "objects",
        "lists",
        "score",
        "named score",
        "score object",
        "container",
        "batches",
        "two scores",
        "named",
        "list",
    ],
)
def test_predictions_are_read_by_the_mapping_of_captured_responses(judge, binary, model, output, form):
    expected = judge(binary[0], model, model)
    found = judge(binary[0], form(model), form(model), with_output(**output))
    assert found["records"] == 600
    assert found["champion"] == pytest.approx(expected["champion"])


def test_folders_are_brought_together_by_the_names_of_their_files(judge, binary, model, tmp_path):
    rows = binary[0]
    for start in range(0, 600, 200):
        name, part = f"2026-03-0{start // 200 + 1}.csv", slice(start, start + 200)
        write(tmp_path / "holdout" / name, rows[part])
        write(tmp_path / "champion" / f"{name}.out", model[part])
        write(tmp_path / "challenger" / name, model[part])
    asked = of_document(CONFIGURATION, "test", {"slices": ["area"]})
    whole = compare(Places(*(tmp_path / name for name in ("holdout", "champion", "challenger"))), *asked)
    alone = judge(rows, model, model, slices=["area"])
    assert len(whole.found.outcomes) == 600
    assert whole.paired.champion == pytest.approx(alone["champion"])
    assert [each.records for each in whole.slices] == [each["records"] for each in alone["slices"]]


def test_rows_in_several_blocks_meet_their_own_predictions(judge, binary, model, monkeypatch):
    expected = judge(binary[0], model, model, slices=["area"])
    monkeypatch.setattr("model_monitor.dataset.units.UNIT_BYTES", 1000)
    monkeypatch.setattr("model_monitor.comparison.reading.plan", lambda files: plan_small(files))
    assert judge(binary[0], model, model, slices=["area"]) == expected


def plan_small(files):
    from model_monitor.dataset.units import plan

    units = plan(files, 1000)
    assert len(units) > 5
    return units


def test_features_that_nobody_declared_are_taken_by_their_place(judge, binary, model):
    payload = {"output": {"prediction": 0, "score": 1}}
    found = judge(binary[0], model, model, {**CONFIGURATION, "payload": payload}, slices=["_c2"])
    assert {each["group"] for each in found["slices"]} == {"north", "south"}


def test_a_missing_prediction_is_told_with_both_numbers(judge, binary, model):
    with pytest.raises(
        DatasetError, match=r"challenger\.out: holds 599 predictions of 600 records\. Predict the very file"
    ):
        judge(binary[0], model, model[:-1])


def test_a_line_that_cannot_be_read_is_told_and_none_of_its_values(judge, binary, model):
    broken = lines({"label": n, "score": s} for n, s in model).replace("\n", '\n{"label": SECRET\n', 1).split("\n")
    text = "\n".join([*broken[:2], *broken[3:]])
    with pytest.raises(DatasetError, match=r"champion\.out: line 2: malformed JSON payload") as told:
        judge(binary[0], text, model, with_output(prediction="label", score="score"))
    assert "SECRET" not in str(told.value)


def test_a_prediction_without_all_its_values_is_told_by_its_line(judge, binary, model):
    short = [said if place != 7 else said[:1] for place, said in enumerate(model)]
    with pytest.raises(DatasetError, match=r"challenger\.out: line 8: unexpected number of values"):
        judge(binary[0], model, short)


def test_rows_of_another_width_are_told(judge, binary, model):
    with pytest.raises(DatasetError, match="the first row has 2 values, expected a label and 2 features"):
        judge([row[:2] for row in binary[0]], model, model)
    torn = [row if place != 41 else (*row, "more") for place, row in enumerate(binary[0])]
    with pytest.raises(DatasetError, match=r"rows\.csv:42: unexpected number of values"):
        judge(torn, model, model)


def test_places_without_files_are_told(tmp_path, binary, model):
    asked = of_document(CONFIGURATION, "test", {})
    there, nowhere = write(tmp_path / "rows.csv", binary[0]), tmp_path / "nowhere"
    said = write(tmp_path / "said.csv", model)
    with pytest.raises(NoDataset, match="nowhere"):
        compare(Places(nowhere, said, said), *asked)
    with pytest.raises(SettingsError, match="nowhere: is not there"):
        compare(Places(there, said, nowhere), *asked)
    nowhere.mkdir()
    with pytest.raises(NoDataset, match="nowhere"):
        compare(Places(nowhere, said, said), *asked)
    with pytest.raises(SettingsError, match=r"holds no predictions of rows\.csv\. Expected rows\.csv\.out"):
        compare(Places(there, said, nowhere), *asked)


def test_labels_that_fit_no_binary_problem_are_told(judge, binary, model):
    rows = [(("a", "b", "c")[place % 3], *row[1:]) for place, row in enumerate(binary[0])]
    with pytest.raises(SettingsError, match=r"champion .*cannot be compared with the labels.*positive"):
        judge(rows, model, model)


def test_what_nobody_says_is_predicted_is_asked_for():
    with pytest.raises(SettingsError, match=r"monitors\.model_quality: is missing"):
        of_document({"version": 1, "payload": CONFIGURATION["payload"]}, "test", {})


def test_scores_of_some_records_alone_make_no_area(judge, binary, model):
    some = [(label, score if place else "") for place, (label, score) in enumerate(model)]
    found = judge(binary[0], model, some, metric="auc")
    assert found["verdict"] == "insufficient_data"
    assert found["reason"] == "auc needs a score of every record from both models"
    assert judge(binary[0], model, some)["metric"] == "accuracy"


def test_numbers_as_labels_meet_predictions_in_any_spelling(judge, binary, model):
    text = "".join(f"{label}.0,{score}\n" for label, score in model)
    assert judge(binary[0], text, model)["champion"] == judge(binary[0], model, text)["champion"]
    assert np.isfinite(judge(binary[0], text, model)["difference"])
