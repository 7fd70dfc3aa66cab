"""What a baseline's or a window's reader is told first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from model_monitor import cli


def baseline(folder: Path, *options: object) -> dict[str, Any]:
    arguments = ["baseline", "--output", folder / "baseline", *options]
    assert cli.main([str(argument) for argument in arguments]) == 0
    content: dict[str, Any] = json.loads((folder / "baseline/report.json").read_text())
    return content["monitors"][0]


@pytest.mark.parametrize("late", [0, 1, 7])
def test_a_key_that_comes_after_the_first_records_is_named(tmp_path, late):
    records = [{"a": i} for i in range(1000)] + [{"a": 1, "c": 2}] * late
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    notes = baseline(tmp_path, "--dataset", tmp_path / "train.jsonl")["notes"]
    told = f"'c' ({late} record{'s' if late > 1 else ''})"
    assert [told in note for note in notes] == ([True] if late else [])


ODD = ["?", "n.v.", ".5", "1,234.5", " -3.2", "1.", "true"]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(("numbers", "type_"), [(200, "Fractional"), (20, "String")])
def test_numbers_with_another_value_among_them_are_told_and_located(tmp_path, kind, odd, numbers, type_):
    values = [str(i + 0.5) for i in range(numbers)]
    values[numbers // 2] = odd
    lines = [f'"{value}",{i}' if kind == "csv" else json.dumps({"x": value, "k": i}) for i, value in enumerate(values)]
    path = tmp_path / f"train.{kind}"
    path.write_text("\n".join(["x,k"] * (kind == "csv") + lines) + "\n")
    found = baseline(tmp_path, "--dataset", path)
    line = numbers // 2 + 1 + (kind == "csv")
    told = f"'x': {numbers - 1} of {numbers} values are numbers, first other at train.{kind}:{line}"
    assert [note.startswith(told) for note in found["notes"]] == [True]
    statistics = json.loads(next((tmp_path / "baseline").rglob("statistics.json")).read_text())
    types = {feature["name"]: feature["inferred_type"] for feature in statistics["features"]}
    assert types == {"x": type_, "k": "Integral"}


def test_a_baseline_with_odd_values_accepts_its_own_data(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("x\n" + "".join(f"{i}.5\n" for i in range(300)) + "n.v.\n")
    baseline(tmp_path, "--dataset", path)
    arguments = ["monitor", "--dataset", path, "--format", "csv", "--baseline", tmp_path / "baseline"]
    assert cli.main([str(each) for each in [*arguments, "--output", tmp_path / "report"]]) == 0
    path.write_text("x\n" + "".join(f"{i}.5\n" for i in range(300)) + "n.v.\n" * 20)
    assert cli.main([str(each) for each in [*arguments, "--output", tmp_path / "report"]]) == 2
