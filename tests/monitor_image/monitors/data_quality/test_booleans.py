"""A Boolean feature from a baseline's files to a window's verdict: one value in any of its spellings."""

from __future__ import annotations

import json

import pytest

from model_monitor import cli
from tests.captures import columns_side, csv_side, events_of, write_capture, write_csv, write_lines

ROWS = 200
SPELLED = {
    "pandas": ("True", "False"),
    "json": (True, False),
    "lower": ("true", "false"),
    "upper": ("TRUE", "FALSE"),
    "digits": (1, 0),
    "texts": ("1", "0"),
}
TYPED = {"name": "member", "type": "Boolean"}


def records(spelling, share=0.25, count=ROWS):
    """Records of whom a share are members."""
    yes, no = SPELLED[spelling]
    return [{"member": yes if i < share * count else no, "age": 20 + i % 50} for i in range(count)]


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


def config(tmp_path, member):
    path = tmp_path / "monitoring.json"
    path.write_text(json.dumps({"version": 1, "payload": {"features": [member, "age"]}}))
    return path


def baseline(tmp_path, spelling, member, form="csv"):
    data = records(spelling)
    write = write_csv if form == "csv" else write_lines
    dataset = write(tmp_path / f"training.{'csv' if form == 'csv' else 'jsonl'}", data)
    arguments = ("--dataset", dataset, "--output", tmp_path / "baseline", "--config", config(tmp_path, member))
    return run("baseline", *arguments)


def window(tmp_path, spelling, member, side=columns_side, share=0.25):
    capture = write_capture(tmp_path / "capture", events_of(records(spelling, share), side=side))
    arguments = ("--dataset", capture, "--baseline", tmp_path / "baseline", "--output", tmp_path / "report")
    status = run("monitor", *arguments, "--config", config(tmp_path, member))
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    checks = {(c["check_type"], c["subject"]): c for c in report["monitors"][0]["checks"] if c["subject"] == "member"}
    return status, {check: found for (check, _), found in checks.items()}


def violated(checks):
    return {check for check, found in checks.items() if found["outcome"] == "violated"}


@pytest.mark.parametrize("reader", ["auto", "python"])
@pytest.mark.parametrize(
    ("learnt", "form", "sent", "side"),
    [
        ("pandas", "csv", "json", columns_side),
        ("pandas", "csv", "upper", csv_side),
        ("json", "jsonl", "pandas", csv_side),
        ("upper", "csv", "lower", columns_side),
    ],
)
def test_spellings_are_one_value_without_any_declaration(tmp_path, monkeypatch, reader, learnt, form, sent, side):
    monkeypatch.setenv("monitor_reader", reader)
    assert baseline(tmp_path, learnt, "member", form) == 0
    status, checks = window(tmp_path, sent, "member", side)
    assert status == 0
    assert {check: found["outcome"] for check, found in checks.items()} == {
        "data_type_check": "held",
        "completeness_check": "held",
        "baseline_drift_check": "held",
        "categorical_values_check": "held",
    }


@pytest.mark.parametrize("reader", ["auto", "python"])
@pytest.mark.parametrize(("learnt", "sent"), [("digits", "json"), ("pandas", "digits"), ("texts", "texts")])
def test_zero_and_one_are_booleans_where_that_is_declared(tmp_path, monkeypatch, reader, learnt, sent):
    monkeypatch.setenv("monitor_reader", reader)
    assert baseline(tmp_path, learnt, TYPED) == 0
    status, checks = window(tmp_path, sent, TYPED)
    assert (status, violated(checks)) == (0, set())
    assert window(tmp_path, sent, TYPED, share=0.9)[1]["baseline_drift_check"]["outcome"] == "violated"


def test_zero_and_one_are_numbers_where_nobody_declares_them(tmp_path):
    assert baseline(tmp_path, "pandas", "member") == 0
    status, checks = window(tmp_path, "digits", "member")
    assert status == 2
    assert "data_type_check" in violated(checks)
    assert "Expected data type: Boolean" in checks["data_type_check"]["description"]
    assert checks["categorical_values_check"]["description"] == "the feature fails its type check"


def test_what_is_no_boolean_fails_the_type_check(tmp_path, monkeypatch):
    assert baseline(tmp_path, "pandas", "member") == 0
    monkeypatch.setitem(SPELLED, "words", ("yes", "no"))
    assert "data_type_check" in violated(window(tmp_path, "words", "member")[1])


def test_a_declared_boolean_refuses_a_baseline_of_other_values(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(SPELLED, "words", ("yes", "no"))
    assert baseline(tmp_path, "words", TYPED) == 1
    assert "feature 'member' should be Boolean, found String" in capsys.readouterr().err


def test_a_feature_declared_as_text_keeps_its_spellings(tmp_path):
    text = {"name": "member", "type": "String"}
    assert baseline(tmp_path, "pandas", text) == 0
    assert "categorical_values_check" in violated(window(tmp_path, "json", text)[1])


def test_aws_files_say_string_and_the_type_stands_in_our_block(tmp_path):
    assert baseline(tmp_path, "pandas", "member") == 0
    for name in ("constraints", "statistics"):
        document = json.loads((tmp_path / "baseline" / f"{name}.json").read_text())
        assert document["features"][0]["inferred_type"] == "String"
        assert document["model_monitor"]["types"] == {"member": "Boolean"}
    constraints = json.loads((tmp_path / "baseline" / "constraints.json").read_text())
    assert constraints["features"][0]["string_constraints"] == {"domains": ["false", "true"]}


def test_files_that_aws_wrote_keep_its_rule(tmp_path):
    """Without our block a text is a text: `True` is unknown where `true` was seen."""
    assert baseline(tmp_path, "json", "member", "jsonl") == 0
    for name in ("constraints", "statistics"):
        path = tmp_path / "baseline" / f"{name}.json"
        document = json.loads(path.read_text())
        del document["model_monitor"]
        path.write_text(json.dumps(document))
    assert "categorical_values_check" in violated(window(tmp_path, "pandas", "member")[1])
    assert window(tmp_path, "json", "member")[0] == 0


def test_a_file_that_says_boolean_is_understood(tmp_path):
    assert baseline(tmp_path, "json", "member", "jsonl") == 0
    for name in ("constraints", "statistics"):
        path = tmp_path / "baseline" / f"{name}.json"
        text = (
            path.read_text().replace('"String"', '"Boolean"').replace('"true"', '"True"').replace('"false"', '"False"')
        )
        document = json.loads(text)
        del document["model_monitor"]
        path.write_text(json.dumps(document))
    assert window(tmp_path, "upper", "member")[0] == 0
