"""Spellings of missing values, from a baseline's files to a window's verdict."""

from __future__ import annotations

import json

import pytest

from model_monitor import cli
from tests.captures import columns_side, csv_side, events_of, write_capture, write_csv

ROWS = 200


def records(number="", text="CT", every=10):
    """Records of which one in ten has something in the place of a number."""
    return [
        {"bmi": number if i % every == 0 else 20 + i % 9 + 0.5, "state": text if i % every == 0 else "NM"}
        for i in range(ROWS)
    ]


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


def config(tmp_path, payload, **monitor):
    path = tmp_path / "monitoring.json"
    payload = {"features": ["bmi", "state"]} | payload
    path.write_text(json.dumps({"version": 1, "payload": payload, "monitors": {"data_quality": monitor}}))
    return path


def learn(tmp_path, data, payload=(), **monitor):
    """The report of a baseline job; its features by name."""
    dataset = write_csv(tmp_path / "training.csv", data)
    given = ("--config", config(tmp_path, dict(payload), **monitor))
    assert run("baseline", "--dataset", dataset, "--output", tmp_path / "b", *given) == 0
    report = json.loads((tmp_path / "b" / "report.json").read_text())
    return report, {feature["name"]: feature for feature in report["monitors"][0]["summary"]["features"]}


def watch(tmp_path, data, payload=(), side=columns_side, **monitor):
    """Exit status and report of a window."""
    capture = write_capture(tmp_path / "capture", events_of(data, side=side))
    arguments = ("--dataset", capture, "--baseline", tmp_path / "b", "--output", tmp_path / "r")
    status = run("monitor", *arguments, "--config", config(tmp_path, dict(payload), **monitor))
    return status, json.loads((tmp_path / "r" / "report.json").read_text())


def violated(report):
    return {
        (check["subject"], check["check_type"])
        for check in report["monitors"][0]["checks"]
        if check["outcome"] == "violated"
    }


@pytest.mark.parametrize("reader", ["auto", "python"])
@pytest.mark.parametrize("spelling", ["NaN", "nan", "NA", "N/A", "null", "None"])
def test_in_a_column_of_numbers_the_usual_spellings_are_missing_and_counted(tmp_path, monkeypatch, reader, spelling):
    monkeypatch.setenv("monitor_reader", reader)
    _, features = learn(tmp_path, records(spelling))
    assert features["bmi"]["inferred_type"] == "Fractional"
    assert (features["bmi"]["missing"], features["bmi"]["missing_as"]) == (20, {spelling: 20})
    for side in (columns_side, csv_side):
        status, report = watch(tmp_path, records(spelling), side=side)
        assert (status, violated(report)) == (0, set())
        assert report["reading"]["tolerated"] == {f"missing value written as '{spelling}'": 20}


def test_they_are_one_with_empty_fields(tmp_path):
    learn(tmp_path, records(""))
    assert watch(tmp_path, records("NA"))[0] == 0
    status, report = watch(tmp_path, records("NA", text="NM", every=2))
    assert status == 2
    assert ("bmi", "completeness_check") in violated(report)


def test_among_texts_they_are_values(tmp_path):
    _, features = learn(tmp_path, records("", text="NA"))
    assert (features["state"]["missing"], features["state"]["distinct"]) == (0, 2)
    assert watch(tmp_path, records("", text="NA"))[1]["reading"]["tolerated"] == {}


def test_another_text_among_numbers_is_no_missing_value(tmp_path):
    _, features = learn(tmp_path, records("-"))
    assert features["bmi"]["inferred_type"] == "String"


@pytest.mark.parametrize("reader", ["auto", "python"])
def test_declared_spellings_hold_in_every_feature(tmp_path, monkeypatch, reader):
    monkeypatch.setenv("monitor_reader", reader)
    payload = {"missing": ["-", "unknown"]}
    report, features = learn(tmp_path, records("-", text="unknown"), payload)
    assert (features["bmi"]["inferred_type"], features["bmi"]["missing"]) == ("Fractional", 20)
    assert (features["state"]["missing"], features["state"]["distinct"]) == (20, 1)
    counts = {"missing value written as '-'": 20, "missing value written as 'unknown'": 20}
    assert report["reading"]["tolerated"] == counts
    status, report = watch(tmp_path, records("-", text="unknown"), payload)
    assert (status, report["reading"]["tolerated"]) == (0, counts)


def test_declared_spellings_take_the_place_of_the_usual_ones(tmp_path):
    _, features = learn(tmp_path, records("NA"), {"missing": []})
    assert features["bmi"]["inferred_type"] == "String"


def test_to_aws_rule_they_are_texts(tmp_path):
    learn(tmp_path, records(""))
    for name in ("constraints", "statistics"):  # as AWS writes them: without our block
        path = tmp_path / "b" / f"{name}.json"
        document = json.loads(path.read_text())
        document.pop("model_monitor")
        path.write_text(json.dumps(document))
    status, report = watch(tmp_path, records("NaN"))
    assert (status, violated(report)) == (2, {("bmi", "data_type_check")})
    assert watch(tmp_path, records("NaN"), decision="calibrated")[0] == 0
    assert watch(tmp_path, records("NaN"), {"missing": ["NaN"]})[0] == 0
    _, features = learn(tmp_path, records("NaN"), decision="aws")
    assert features["bmi"]["inferred_type"] == "String"


@pytest.mark.parametrize("spelling", ["-999", "0", "1e5", ".5", "true"])
def test_a_value_cannot_stand_for_nothing(tmp_path, capsys, spelling):
    dataset = write_csv(tmp_path / "training.csv", records())
    given = ("--config", config(tmp_path, {"missing": [spelling]}))
    assert run("baseline", "--dataset", dataset, "--output", tmp_path / "b", *given) == 1
    assert "payload.missing: should hold texts that are no numbers" in capsys.readouterr().err
