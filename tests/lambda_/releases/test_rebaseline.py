"""The next baseline: a dataset of recent rows and the new model's answers, and the pointer that moves to it and back."""

from __future__ import annotations

import json

import botocore.session
import pytest
from botocore.validate import ParamValidator

from tests.lambda_.releases.conftest import BASELINE, LIVE_BASELINE, PLACE, RUN, SETS, World

VERSION = f"v-{RUN}"


@pytest.fixture
def plan(world: World) -> dict:
    """Of a run whose new model was asked about recent rows."""
    plan = world.collect()
    rows = world.text(f"{SETS}/{RUN}/recent/rows.csv").splitlines()
    answers = "".join(json.dumps({"label": n % 2, "score": 0.5, "payload_index": 0}) + "\n" for n in range(len(rows)))
    world.put(f"shop/sets/{RUN}/answers/now/rows.csv.out", answers.encode())
    return plan


def complete(world: World) -> None:
    for name in BASELINE["files"]:
        world.put(f"baselines/shop/{VERSION}/{name}", {})


def test_the_dataset_holds_features_truth_and_what_the_new_model_says(world: World, plan: dict):
    world.configure("baseline", {**BASELINE, "columns": [["label", "predicted"], ["score", "score"]]})
    made = world.step("rebaseline", plan, "prepare")
    lines = [json.loads(line) for line in world.text(f"{SETS}/{RUN}/baseline/dataset.jsonl").splitlines()]
    assert lines[0] == {"height": 10, "weight": 20, "size": 1, "predicted": 0, "score": 0.5}
    assert [line for line in lines if "weight" not in line], "what is missing stays missing"
    request = made["job"]
    model = botocore.session.get_session().get_service_model("sagemaker").operation_model("CreateProcessingJob")
    lacking = str(ParamValidator().validate(request, model.input_shape).generate_report())
    assert lacking == 'Missing required parameter in input: "ProcessingResources"', "the template of this test has none"
    assert request["Environment"]["baseline_version"] == VERSION
    (output,) = request["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"]["S3Uri"] == f"{PLACE}/{VERSION}"
    (source,) = request["ProcessingInputs"]
    assert source["S3Input"]["S3Uri"] == f"{SETS}/{RUN}/baseline/"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("7", 7), ("-7", -7), ("7.0", 7.0), ("1e3", 1000.0), ("007", "007"), ("", None), ("-", "-"), ("C2703", "C2703")],
)
def test_cells_are_what_they_say(load, text: str, expected: object):
    found = load("rebaseline").decide.value(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("line", "records"),
    [
        ('{"label": 1, "score": 0.5}', ""),
        ('[{"label": 1, "score": 0.5}]', ""),
        ('{"out": {"predictions": [{"label": 1, "score": 0.5}]}}', "out.predictions"),
    ],
)
def test_answers_of_one_request_each_are_found_where_the_payload_says(load, line: str, records: str):
    columns = [("label", "said"), ("score", "score")]
    assert load("rebaseline").decide.answer(line, columns, records) == {"said": 1, "score": 0.5}


def test_answers_in_csv_have_the_names_of_the_dataset(load):
    decide = load("rebaseline").decide
    lines = list(decide.dataset(["1,5"], ["0,0.25"], ["height"], "size", [[0, "predicted"], [1, "score"]]))
    assert json.loads(lines[0]) == {"height": 5, "size": 1, "predicted": 0, "score": 0.25}


@pytest.mark.parametrize(("answers", "said"), [(["{}"], "fewer rows"), (["{}", "{}", "{}"], "more rows")])
def test_a_model_that_answers_another_number_of_rows_makes_no_baseline(load, answers: list[str], said: str):
    decide = load("rebaseline").decide
    with pytest.raises(decide.RowsDiffer, match=said):
        list(decide.dataset(["1,5", "0,6"], answers, ["height"], "size", []))


def test_the_pointer_moves_to_a_complete_version_and_back(world: World, plan: dict):
    complete(world)
    for _ in range(2):
        assert world.step("rebaseline", plan, "point")["version"] == VERSION
    current = json.loads(world.text(f"{PLACE}/current.json"))
    assert (current["version"], current["created_by"], current["completed"]) == (VERSION, RUN, [VERSION, "v1-a"])
    assert world.parameter(LIVE_BASELINE) == VERSION
    world.step("rebaseline", plan, "back")
    assert json.loads(world.text(f"{PLACE}/current.json"))["version"] == "v1-a"
    assert world.parameter(LIVE_BASELINE) == "v1-a"


def test_an_incomplete_version_is_never_current(world: World, plan: dict):
    with pytest.raises(RuntimeError, match=r"lacks data_quality/statistics.json"):
        world.step("rebaseline", plan, "point")
    assert json.loads(world.text(f"{PLACE}/current.json"))["version"] == "v1-a"


def test_where_the_pointer_was_not_moved_it_is_not_moved_back(world: World, plan: dict):
    before = world.text(f"{PLACE}/current.json")
    assert world.step("rebaseline", plan, "back")["version"] == ""
    assert world.text(f"{PLACE}/current.json") == before
