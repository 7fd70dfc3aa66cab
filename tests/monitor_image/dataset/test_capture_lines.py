"""Lines of capture files that are no events, or more than one, cost only themselves; compiled and not."""

from __future__ import annotations

import pytest

from model_monitor.dataset import native
from model_monitor.dataset.formats import capture_json
from model_monitor.dataset.formats.capture_json import decode_blocks

EVENT = b'{"captureData":{"endpointInput":{"data":"%s"}}}'
ONE, TWO = EVENT % b"1", EVENT % b"2"


@pytest.fixture(params=["installed", "Python's", "Python's for large blocks"], autouse=True)
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader that is installed, and Python's."""
    if request.param != "installed":
        monkeypatch.setattr(native, "_native", None)
    if request.param == "Python's for large blocks":
        monkeypatch.setattr(capture_json, "FEW_BYTES", 0)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_each_line_is_an_event(end: bytes) -> None:
    found = decode_blocks([ONE + (end or b"\n") + TWO + end, TWO])
    assert list(found.inputs.texts) == ["1", "2", "2"]
    assert (found.numbers.tolist(), found.counts.tolist(), found.bad.first(9)) == ([0, 1, 0], [2, 1], [])


@pytest.mark.parametrize(
    ("lines", "good", "bad"),
    [
        ([ONE + TWO, b""], [], [0]),
        ([b"", ONE + TWO], [], [1]),
        ([b"\r", ONE + TWO + b"\r", ONE], [2], [1]),
        ([b'{"captureData":{},"x":[{}', b",{}]}" + ONE], [], [0, 1]),
        ([b'{"captureData":', b"{}}", TWO], [2], [0, 1]),
        ([b"", ONE, b" ", b"\x0c", TWO, b""], [1, 4], []),
    ],
)
def test_an_event_is_one_line(lines: list[bytes], good: list[int], bad: list[int]) -> None:
    found = decode_blocks([b"\n".join(lines)])
    assert (found.numbers.tolist(), found.bad.first(9)) == (good, [(0, line, "not valid JSON") for line in bad])


def test_bytes_that_are_no_text_are_replaced() -> None:
    found = decode_blocks([b"\n".join([ONE, EVENT % b"a\xffb", TWO])])
    assert (list(found.inputs.texts), found.tolerated) == (["1", "a\ufffdb", "2"], 1)


def test_a_line_that_is_nested_without_end_is_a_fault() -> None:
    nested = b'{"captureData":{},"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    found = decode_blocks([b"\n".join([ONE, nested, TWO])])
    assert (list(found.inputs.texts), [line for _, line, _ in found.bad.first(9)]) == (["1", "2"], [1])


def test_faults_name_their_block() -> None:
    found = decode_blocks([ONE, b"{\n" + TWO, b"", b"[]"])
    assert found.bad.first(9) == [(1, 0, "not valid JSON"), (3, 0, "not a capture event")]
    assert (found.counts.tolist(), found.numbers.tolist()) == ([1, 1, 0, 0], [0, 1])


def test_only_some_events_are_taken() -> None:
    found = decode_blocks([b"\n".join([ONE, TWO]), ONE, b"\n".join([b"{", TWO])])
    some = found.take((found.numbers == 1).nonzero()[0])
    assert (list(some.inputs.texts), some.counts.tolist(), some.numbers.tolist()) == (["2", "2"], [1, 0, 1], [1, 1])
    assert some.bad.first(9) == found.bad.first(9)
