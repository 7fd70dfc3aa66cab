"""Training and serving as the framework container runs them: in its own interpreter, with its packages alone."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

PYTHON = ROOT / "build/venv/xgboost/bin/python"
FEATURES = [{"name": "size"}, {"name": "colour"}]
COLOURS = ("blue", "green", "red")
CLIENT = """
import json, sys
import inference
model = inference.model_fn(sys.argv[1])
answers = []
for body, content_type, accept in json.load(sys.stdin):
    try:
        answers.append(inference.output_fn(inference.predict_fn(inference.input_fn(body, content_type), model), accept))
    except ValueError as error:
        answers.append([type(error).__name__, str(error)])
json.dump(answers, sys.stdout)
"""
Call = tuple[str, str, str | None]


def install(folder: Path, payload: dict[str, Any]) -> Path:
    """The scripts with their mapping beside them, as the deployment packages them."""
    shutil.copytree(ROOT / "stacks/model_code", folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "payload.json").write_text(json.dumps(payload))
    return folder


def python(code: Path, *arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PYTHON), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(code), "PYTHONDONTWRITEBYTECODE": "1", **variables},
    )


def rows(count: int, labels: Callable[[int, str], object], seed: int = 1) -> str:
    """Label first, no header; the label follows from size and colour."""
    dice = random.Random(seed)
    drawn = ((dice.randrange(100), dice.choice(COLOURS)) for _ in range(count))
    return "".join(f"{labels(size, colour)},{size},{colour}\n" for size, colour in drawn)


def train(code: Path, folder: Path, *arguments: str, **channels: str) -> subprocess.CompletedProcess[str]:
    variables = {"SM_MODEL_DIR": str(folder / "model")}
    for name, text in channels.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "part-0.csv").write_text(text)
        variables[f"SM_CHANNEL_{name.upper()}"] = str(folder / name)
    return python(code, str(code / "train.py"), "--num_round", "12", "--max_depth", "3", *arguments, **variables)


def three_classes(size: int, colour: str) -> int:
    """Classes that start at 1 and leave 3 out."""
    return 1 if size < 40 else 2 if colour == "red" else 4


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("container") / "code", {"features": FEATURES, "label": "kind"})


@pytest.fixture(scope="module")
def trained(code: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("trained")
    done = train(code, folder, train=rows(400, three_classes), validation=rows(100, three_classes, seed=2))
    assert done.returncode == 0, done.stderr
    return folder / "model", done.stdout


def ask(code: Path, model: Path, *calls: Call) -> list[Any]:
    done = python(code, "-c", CLIENT, str(model), stdin=json.dumps(calls))
    assert done.returncode == 0, done.stderr
    answers: list[Any] = json.loads(done.stdout)
    return answers


def test_training_learns_and_prints_what_a_metric_definition_reads(trained: tuple[Path, str]) -> None:
    model, printed = trained
    metrics = dict(line.split(": ") for line in printed.splitlines())
    assert float(metrics["validation-accuracy"]) > 0.95
    assert (metrics["train-rows"], metrics["fresh-rows"]) == ("400", "0")
    metadata = json.loads((model / "metadata.json").read_text())
    assert metadata["classes"] == [1, 2, 4]
    assert metadata["categories"] == {"colour": sorted(COLOURS)}
    assert metadata["objective"] == "multi:softprob"


def test_the_same_data_trains_the_same_model(code: Path, trained: tuple[Path, str], tmp_path: Path) -> None:
    train(code, tmp_path, train=rows(400, three_classes))
    assert (tmp_path / "model/model.json").read_bytes() == (trained[0] / "model.json").read_bytes()


def test_fresh_rows_are_trained_on_and_bring_their_categories(code: Path, tmp_path: Path) -> None:
    done = train(code, tmp_path, train=rows(100, three_classes), fresh="4,90,violet\n" * 20)
    assert "fresh-rows: 20" in done.stdout
    metadata = json.loads((tmp_path / "model/metadata.json").read_text())
    assert "violet" in metadata["categories"]["colour"]


def test_a_request_of_several_records_is_answered_one_by_one(code: Path, trained: tuple[Path, str]) -> None:
    as_json, as_csv, as_lines = ask(
        code,
        trained[0],
        ('{"size": [10, 80], "colour": ["red", "red"]}', "application/json", "application/json"),
        ("10,red\n80,red\n", "text/csv", "text/csv"),
        (
            '{"size": 10, "colour": "red"}\n{"size": 80, "colour": "blue"}\n',
            "application/jsonlines",
            "application/jsonlines",
        ),
    )
    body, content_type = as_json
    items = json.loads(body)
    assert content_type == "application/json"
    assert [(item["payload_index"], item["label"]) for item in items] == [(0, 1), (1, 2)]
    assert all(0.5 < item["score"] <= 1 for item in items)
    assert as_csv == [f"1,{items[0]['score']}\n2,{items[1]['score']}\n", "text/csv"]
    assert [json.loads(line)["label"] for line in as_lines[0].splitlines()] == [1, 4]


def test_missing_values_unknown_categories_and_fractions_are_still_served(
    code: Path, trained: tuple[Path, str]
) -> None:
    (answer,) = ask(
        code,
        trained[0],
        (
            '[{"size": 10.0, "colour": "mauve"}, {"size": 10}, {"size": null, "colour": "red"}]',
            "application/json",
            None,
        ),
    )
    assert [item["label"] for item in json.loads(answer[0])][:2] == [1, 1]
    assert len(json.loads(answer[0])) == 3


def test_a_text_where_a_number_belongs_is_refused_without_its_value(code: Path, trained: tuple[Path, str]) -> None:
    (refused,) = ask(code, trained[0], ("10,red\nsecret,red\n", "text/csv", "text/csv"))
    assert refused == ["PayloadError", "record 2: feature 'size' should be a number, found text"]


def test_an_accept_header_chooses_the_first_type_spoken(code: Path, trained: tuple[Path, str]) -> None:
    call = ("10,red\n", "text/csv")
    chosen, refused = ask(code, trained[0], (*call, "image/png, text/csv;q=0.9"), (*call, "image/png"))
    assert chosen[1] == "text/csv"
    assert refused[0] == "UnsupportedType"


def test_two_classes_are_served_with_the_probability_of_the_second(code: Path, tmp_path: Path) -> None:
    done = train(code, tmp_path, train=rows(200, lambda size, _: "sick" if size > 50 else "healthy"))
    assert done.returncode == 0, done.stderr
    (answer,) = ask(code, tmp_path / "model", ("5,red\n95,red\n", "text/csv", "application/json"))
    healthy, sick = json.loads(answer[0])
    assert (healthy["label"], sick["label"]) == ("healthy", "sick")
    assert healthy["score"] < 0.2 < 0.8 < sick["score"]


def test_a_regression_answers_with_the_number_itself(code: Path, tmp_path: Path) -> None:
    done = train(code, tmp_path, "--objective", "reg:squarederror", train=rows(200, lambda size, _: size * 2))
    assert "train-rmse: " in done.stdout, done.stderr
    (answer,) = ask(code, tmp_path / "model", ("50,red\n", "text/csv", "application/json"))
    assert json.loads(answer[0])[0]["label"] == pytest.approx(100, abs=15)


def test_names_and_positions_of_the_response_follow_the_mapping(trained: tuple[Path, str], tmp_path: Path) -> None:
    output = {"records": "predictions", "prediction": "answer.kind", "score": "p", "payload_index": "i"}
    named = install(tmp_path / "named", {"features": FEATURES, "output": output})
    placed = install(tmp_path / "placed", {"features": FEATURES, "output": {"prediction": 1, "score": 0}})
    (nested,) = ask(named, trained[0], ("10,red\n", "text/csv", "application/json"))
    (swapped,) = ask(placed, trained[0], ("10,red\n", "text/csv", "text/csv"))
    (item,) = json.loads(nested[0])["predictions"]
    assert (item["i"], item["answer"]) == (0, {"kind": 1})
    assert swapped[0] == f"{item['p']},1\n"


def test_a_response_says_what_each_feature_contributed_to_each_class(trained: tuple[Path, str], tmp_path: Path) -> None:
    """Shapley values add up: the sums over features differ between two records as the log odds of the classes do."""
    named = install(tmp_path / "why", {"features": FEATURES, "output": {"attributions": ["first", "second", "third"]}})
    (answer,) = ask(named, trained[0], ("10,red\n90,blue\n", "text/csv", "application/json"))
    small, large = json.loads(answer[0])
    assert all(len(item[key]) == len(FEATURES) for item in (small, large) for key in ("first", "second", "third"))
    classes = {item["label"]: item for item in (small, large)}
    for label, item in classes.items():
        sums = [sum(item[key]) for key in ("first", "second", "third")]
        assert (1, 2, 4)[sums.index(max(sums))] == label


def test_attributions_are_as_many_as_the_model_has_outputs(trained: tuple[Path, str], tmp_path: Path) -> None:
    named = install(tmp_path / "why", {"features": FEATURES, "output": {"attributions": "why"}})
    asked, as_csv = ask(
        named, trained[0], ("1,red\n", "text/csv", "application/json"), ("1,red\n", "text/csv", "text/csv")
    )
    assert "names 1 places, the model has 3 outputs" in asked[1]
    assert "CSV response holds no attributions" in as_csv[1]


def test_an_artefact_of_another_mapping_is_refused_when_it_is_loaded(trained: tuple[Path, str], tmp_path: Path) -> None:
    other = install(tmp_path / "code", {"features": list(reversed(FEATURES))})
    done = python(other, "-c", CLIENT, str(trained[0]), stdin="[]")
    assert "train it with this mapping" in done.stderr


def test_a_pickle_is_never_loaded(code: Path, tmp_path: Path) -> None:
    (tmp_path / "xgboost-model").write_bytes(b"\x80\x04\x95cos\nsystem\n")
    done = python(code, "-c", CLIENT, str(tmp_path), stdin="[]")
    assert "neither XGBoost's JSON nor its UBJSON" in done.stderr


def test_a_row_of_the_wrong_width_is_located_without_its_values(code: Path, tmp_path: Path) -> None:
    done = train(code, tmp_path, train="1,10,red\n2,secret\n")
    assert done.returncode == 1
    assert done.stderr.strip() == "part-0.csv:2: expected a label and 2 values, found 2 fields"


def test_num_class_below_the_classes_found_is_refused(code: Path, tmp_path: Path) -> None:
    done = train(code, tmp_path, "--objective", "multi:softprob", "--num_class", "2", train=rows(100, three_classes))
    assert (done.returncode, done.stderr.strip()) == (1, "num_class is 2, the labels hold 3 classes")
