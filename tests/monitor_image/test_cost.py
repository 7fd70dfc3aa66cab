"""What strangers write costs in proportion to its size: memory and processor time, in both readers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from model_monitor.dataset import records as reasons
from model_monitor.errors import UnpacksTooLarge
from model_monitor.labels import label_reader, label_records
from tests import hostile
from tests.conftest import ROOT

PROGRAM = Path(__file__).with_name("cost.py")
INPUT_BYTES = 600_000
MEMORY_PER_BYTE, FIXED_MEMORY = 64, 16 << 20
SECONDS_PER_BYTE = 5e-6
REJECTED = {  # what of an input cannot be read; of the others nothing is
    "one_long_id": {reasons.ID_TOO_LONG},
    "lines_of_one_letter": {reasons.NOT_JSON},
    "lines_of_numbers": {reasons.NOT_A_CAPTURE_EVENT},
    "empty_objects": {reasons.NOT_A_CAPTURE_EVENT},
    "lines_cut_short": {reasons.NOT_JSON},
    "narrow_rows": {reasons.WRONG_WIDTH},
    "empty_lists": {reasons.WRONG_WIDTH},
    "lists_in_lists": {reasons.MALFORMED_JSON, reasons.NOT_JSON},
    "csv_of_narrow_rows": {reasons.WRONG_WIDTH},
    "csv_of_open_quotes": {reasons.WRONG_WIDTH},
    "csv_of_one_wide_row": {reasons.WRONG_WIDTH},
    "json_lines_of_numbers": {reasons.WRONG_WIDTH},
    "json_lines_cut_short": {reasons.MALFORMED_JSON},
    "labels_of_one_letter": {label_reader.NOT_JSON},
    "labels_without_breaks": {label_records.NO_LABEL},
    "labels_of_a_long_id": {label_records.ID_TOO_LONG},
    "labels_in_a_list_of_numbers": {label_records.NOT_A_RECORD},
    "labels_in_lists_in_lists": {label_reader.NOT_JSON},
    "labels_in_narrow_rows": {label_reader.WRONG_WIDTH},
    "labels_in_empty_rows": {label_records.NO_LABEL},
    "labels_beside_columns": {label_reader.WRONG_WIDTH},
    "labels_beside_too_many_columns": {label_reader.TOO_MANY_COLUMNS},
    **{name: {UnpacksTooLarge.__name__} for name in hostile.BOMBS},
}
CASES = [
    *((name, "compiled") for name in hostile.READ_TWICE),
    *((n, "python") for n in hostile.READ_TWICE | hostile.READ_ONCE),
]
Costs = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def costs() -> Costs:
    """(input, reader) → what it cost."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "monitor_image"), *sys.path])}
    command = [sys.executable, PROGRAM, str(INPUT_BYTES)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    found = map(json.loads, done.stdout.splitlines())
    return {(cost["name"], cost["reader"]): cost for cost in found}


@pytest.mark.parametrize(("name", "reader"), CASES)
def test_the_cost_of_an_input_follows_its_size(name: str, reader: str, costs: Costs, request) -> None:
    if reader == "compiled":
        request.getfixturevalue("native")
    assert (name, reader) in costs, "it took more than a minute, or more memory than the machine has"
    cost = costs[name, reader]
    assert cost["peak"] <= FIXED_MEMORY + MEMORY_PER_BYTE * cost["bytes"]
    assert cost["seconds"] <= SECONDS_PER_BYTE * cost["bytes"]
    assert set(cost["rejects"]) == REJECTED.get(name, set())
