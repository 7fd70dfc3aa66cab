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
