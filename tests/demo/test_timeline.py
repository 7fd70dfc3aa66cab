"""What the demo prints, on a terminal and into a file, and how it ends when something fails."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from demo import __main__ as front
from demo.expectations import Expectation
from demo.observations import Observed
from demo.timeline import Timeline

START = datetime(2026, 3, 2, 8, tzinfo=UTC)


def written(width: int | None = None) -> tuple[Timeline, io.StringIO]:
    stream = io.StringIO()
    return Timeline(Console(file=stream, highlight=False, width=width, force_terminal=width is not None)), stream


def test_proofs_have_no_trailing_blanks_and_are_wrapped() -> None:
    timeline, stream = written()
    long = "; ".join(["every record sent was read"] * 10)
    timeline.conclusion(
        [Expectation("healthy", long, True, ""), Expectation("drifting again", "no second job", False, "job [2]")]
    )
    lines = stream.getvalue().splitlines()
    assert [line for line in lines if line != line.rstrip()] == []
    assert max(map(len, lines)) <= 120
    assert len([line for line in lines if "record sent" in line]) > 1, "a long proof is wrapped, not cut"
    first, second = [line for line in lines if "record sent" in line][:2]
    assert first.index("every") == len(second) - len(second.lstrip()), "and goes on below its own text"
    assert any("no second job. Found: job [2]" in line for line in lines)


def test_a_quiet_hour_says_that_nothing_was_started_for_it() -> None:
    timeline, stream = written()
    timeline.observed(
        Observed("shop", "quiet", START, START, runner="none", verdict="no_data", reason="Job inputs had no data")
    )
    assert "Job inputs had no data; containers started: 0\n" in stream.getvalue()


def test_an_hour_shows_where_its_report_lies() -> None:
    timeline, stream = written()
    report = "build/demo/reports/shop/all/2026/03/02/08/report.json"
    timeline.observed(Observed("shop", "healthy", START, START, runner="lambda", verdict="ok", report=report))
    assert f"report     {report}\n" in stream.getvalue()


def test_without_a_training_job_it_says_so() -> None:
    timeline, stream = written()
    timeline.trainings([])
    assert "no training job was started" in stream.getvalue()


def test_a_failure_is_one_clear_line_with_where_the_logs_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken:
        def __init__(self, *arguments: object, **options: object) -> None:
            raise RuntimeError(
                "Received server error (500)\nTraceback (most recent call last):\n  ...\nKeyError: 'age'"
            )

    monkeypatch.setattr(front, "Twin", Broken)
    assert front.main(["--output", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert "Received server error (500) … KeyError: 'age'" in told.out
    assert "Traceback" not in told.out + told.err
    assert "failure.log" in told.out
    assert "Traceback (most recent call last)" in (tmp_path / "failure.log").read_text()
