"""Words for people: forms of texts, and which name is meant by one that does not exist."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import given, strategies as st

from model_monitor import cli
from model_monitor.words import did_you_mean, form_of, listed, meant
from tests.captures import columns_side, events_of, write_capture, write_csv

COLUMNS = ["Age", "BMI", "Blood Pressure", "outcome"]


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("bmi", "BMI"),
        ("age", "Age"),
        ("blood_pressure", "Blood Pressure"),
        ("bloodPresure", "Blood Pressure"),
        ("Outcomes", "outcome"),
        ("glucose", None),
        ("", None),
    ],
)
def test_a_name_in_another_case_or_nearly_so_is_meant(name, other):
    assert meant(name, COLUMNS) == other


def test_several_names_are_asked_for_each():
    assert did_you_mean(["bmi"], COLUMNS) == "did you mean 'BMI'?"
    assert did_you_mean(["bmi", "glucose", "age"], COLUMNS) == "did you mean 'BMI' for 'bmi', 'Age' for 'age'?"
    assert did_you_mean(["glucose"], COLUMNS) == did_you_mean([], COLUMNS) == did_you_mean(["bmi"], []) == ""


def test_names_are_never_many_and_never_long():
    assert listed([f"c{i}" for i in range(25)]).endswith("'c19' and 5 more")
    assert len(listed(["x" * 1000])) < 100


# --- where it is asked ---------------------------------------------------------------------------------------------------

DATA = [{"age": 20 + i % 50, "bmi": 20 + i % 9 + 0.5} for i in range(200)]
RENAMED = [{"age": record["age"], "BMI": record["bmi"], "note": "x"} for record in DATA]


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


def config(tmp_path, **changes):
    path = tmp_path / "monitoring.json"
    path.write_text(json.dumps({"version": 1, "payload": {"features": ["age", "bmi"]}} | changes))
    return path


def test_a_baseline_asks_for_the_column_that_is_meant_and_names_those_there(tmp_path, capsys):
    dataset = write_csv(tmp_path / "training.csv", RENAMED)
    assert run("baseline", "--dataset", dataset, "--output", tmp_path / "b", "--config", config(tmp_path)) == 1
    told = capsys.readouterr().err
    assert "no column for 'bmi' of the payload mapping: did you mean 'BMI'?" in told
    assert "Columns that no feature names: 'BMI', 'note'." in told


def test_a_window_asks_for_it_too(tmp_path):
    dataset = write_csv(tmp_path / "training.csv", DATA)
    assert run("baseline", "--dataset", dataset, "--output", tmp_path / "b", "--config", config(tmp_path)) == 0
    capture = write_capture(tmp_path / "capture", events_of(RENAMED, side=columns_side))
    arguments = ("--dataset", capture, "--baseline", tmp_path / "b", "--output", tmp_path / "r")
    assert run("monitor", *arguments, "--config", config(tmp_path)) == 2
    checks = json.loads((tmp_path / "r" / "report.json").read_text())["monitors"][0]["checks"]
    (missing,) = (check for check in checks if check["check_type"] == "missing_column_check")
    expected = "no record has 'bmi': did you mean 'BMI'?; columns that no feature names: 'BMI', 'note'"
    assert missing["sentence"] == expected
    assert missing["description"].endswith("Missing columns: bmi")  # AWS's wording


def test_a_configuration_asks_for_the_feature_that_is_meant(tmp_path, capsys):
    dataset, path = write_csv(tmp_path / "training.csv", DATA), config(tmp_path, metrics={"critical": ["BMI"]})
    assert run("baseline", "--dataset", dataset, "--output", tmp_path / "b", "--config", path) == 1
    assert "metrics.critical: 'BMI' is no feature of the payload; did you mean 'bmi'?" in capsys.readouterr().err


def test_a_table_of_labels_asks_for_the_column_that_is_meant(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("InferenceId,Out_Come\na,1\n")
    arguments = ("labels", tmp_path / "t.csv", "--output", tmp_path / "out", "--label-column", "outcome")
    assert run(*arguments) == 1
    assert "has no column 'outcome': did you mean 'Out_Come'? Found: InferenceId, Out_Come." in capsys.readouterr().err


# --- forms of texts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("", "an empty text"),
        ("123", "3 digits"),
        ("7", "1 digit"),
        ("3f2a91bc", "8 hexadecimal digits"),
        ("3F2A91BC", "8 hexadecimal digits, in capitals"),
        ("3f2A91bc", "1 digit, 1 letter, 1 digit, 1 letter, 2 digits and 2 letters"),  # no writing of a number
        ("facade", "6 letters"),
        ("0b5f7a34-5a1c-4d0e-9d7c-1f2e3d4c5b6a", "a UUID"),
        ("ab-000123", '2 letters, "-" and 6 digits'),
        ("a--1", '1 letter, "--" and 1 digit'),
        ("order 17", "5 letters, 1 blank and 2 digits"),
        ("1\x072", "1 digit, 1 other sign and 1 digit"),
        ("a1b2c3d4x", "9 characters"),
    ],
)
def test_a_form_says_what_a_text_is_made_of(text, form):
    assert form_of(text) == form


@given(st.text(alphabet=string.ascii_letters + string.digits, min_size=8))
def test_a_form_never_holds_the_text(text):
    assert text not in form_of(text)
