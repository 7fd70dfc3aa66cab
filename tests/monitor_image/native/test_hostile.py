"""Payloads that are made to cost more than their size: memory stays in proportion, and what does not fit is left to Python."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from model_monitor.dataset import native
from model_monitor.dataset.fields import Field, Side
from model_monitor.dataset.formats.csv import read_csv
from model_monitor.dataset.formats.json import read_json
from tests.conftest import ROOT
from tests.native_records import assert_same, in_python

PAYLOADS = {
    "braces in a string": 'read_json([dumps([RECORD | {"c0": "{" * SIZE}])], side(None))',
    "line breaks in quotes": 'read_csv(["," .join(["a"] * (WIDE - 1)) + \',"\' + "\\n" * SIZE + \'"\'], side(WIDE))',
    "blank lines": 'read_csv(["\\n".join([ROW, "\\n" * SIZE, ROW])], side(WIDE))',
    "one long column": 'read_json([dumps(COLUMNS)] * 9 + [dumps(COLUMNS | {f"c{WIDE - 1}": [1] * (SIZE // 2)})], side(None))',
}
PROGRAM = """
import resource
from json import dumps
from model_monitor.dataset import native
from model_monitor.dataset.fields import Field, Side
from model_monitor.dataset.formats.csv import read_csv
from model_monitor.dataset.formats.json import read_json
assert native.is_available()
WIDE, SIZE = 56, 4 << 20
ROW = ",".join(["a"] * WIDE)
RECORD = {f"c{i}": "w" for i in range(WIDE)}
COLUMNS = {name: [word] for name, word in RECORD.items()}
side = lambda width: Side(tuple(Field(f"c{i}", i) for i in range(WIDE)), width)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = PAYLOAD
assert found.counts.sum() > 0
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
MOST_MB = 400  # a hundred times the payload; columns with room for all that might be records took 900 and more


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_memory_follows_what_is_there_and_not_what_might_be(payload: str) -> None:
    program = PROGRAM.replace("PAYLOAD", payload)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "monitor_image"), *sys.path])}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < MOST_MB


def test_python_reads_where_the_compiled_reader_has_no_memory_left(monkeypatch) -> None:
    def spent(*_: object) -> None:
        raise MemoryError

    names = ("read_csv", "read_json", "read_envelopes", "open_texts")
    monkeypatch.setattr(native, "_native", SimpleNamespace(**dict.fromkeys(names, spent)))
    side = Side((Field("a", 0), Field("b", 1)), 2)
    texts, payloads = ["1,x\n2,y"], ['[{"a": 1, "b": "x"}]']
    assert_same(read_csv(texts, side), in_python(lambda: read_csv(texts, side)), side)
    assert_same(read_json(payloads, side), in_python(lambda: read_json(payloads, side)), side)
    assert native.read_envelopes([b"{}"]) is None
