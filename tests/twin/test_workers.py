from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from twin import Twin
from twin.workers import Running, run


def test_jobs_run_side_by_side_and_finish_in_the_order_of_their_start(twin: Twin) -> None:
    workers, second_ran, finished = twin.workers, threading.Event(), []
    workers.start("first", lambda: second_ran.wait(10), lambda result: finished.append(("first", result)))
    workers.start("second", second_ran.set, lambda _: finished.append(("second", True)))
    workers.wait()
    assert finished == [("first", True), ("second", True)]


def test_the_clock_waits_for_jobs_that_jobs_start(twin: Twin) -> None:
    workers, finished = twin.workers, []

    def start_another(_: None) -> None:
        workers.start("inner", lambda: time.sleep(0.05), lambda _: finished.append("inner"))

    workers.start("outer", lambda: None, start_another)
    workers.wait()
    assert finished == ["inner"]


def test_an_error_of_the_twin_itself_reaches_whoever_waits(twin: Twin) -> None:
    def fail() -> None:
        raise LookupError("a defect")

    twin.workers.start("job", fail, lambda _: None)
    with pytest.raises(LookupError, match="a defect"):
        twin.workers.wait()
    assert [entry.text for entry in twin.journal.of("internal-error")] == ["job: LookupError: a defect"]
    twin.workers.wait()


def test_a_program_that_ignores_the_request_to_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twin.workers.SECONDS_TO_END", 0.2)
    text = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
    command = [sys.executable, "-c", text]
    done = run(command, environment={}, directory=tmp_path, log=tmp_path / "log", seconds=1, running=Running())
    assert (done.is_timed_out, done.is_stopped, done.exit_code) == (True, False, -signal.SIGKILL)
    assert done.tail == "on"
