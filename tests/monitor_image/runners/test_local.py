"""One machine's runner: the same result for any number of workers, and a dead worker is told, not hung on."""

from __future__ import annotations

import errno
import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from model_monitor.errors import MonitorError, WorkersLost
from model_monitor.runners import local
from tests.conftest import ROOT


@dataclass(frozen=True)
class Sum:
    """Floating-point sums tell one merge order from another."""

    value: float = 0.0
    pids: frozenset[int] = frozenset()

    def merge(self, other: Sum) -> Sum:
        return Sum(self.value + other.value, self.pids | other.pids)


def tenth_power(unit: int) -> Sum:
    return Sum(0.1**unit, frozenset({os.getpid()}))


def die(unit: int) -> Sum:
    if unit == 3:
        os._exit(9)
    return Sum()


def refuse(unit: int) -> Sum:
    raise MonitorError(f"unit {unit} is unreadable")


UNITS = tuple(range(40))


def test_any_number_of_workers_gives_the_same_bits():
    alone = local.run(tenth_power, UNITS, Sum(), workers=1)
    pooled = local.run(tenth_power, UNITS, Sum(), workers=3)
    assert pooled.value.hex() == alone.value.hex()
    assert alone.pids == {os.getpid()}
    assert os.getpid() not in pooled.pids


def test_a_small_window_stays_in_this_process():
    assert local.run(tenth_power, UNITS[: local.UNITS_IN_PROCESS], Sum(), workers=4).pids == {os.getpid()}


def test_what_must_run_apart_does_so_however_little_it_is():
    for workers in (1, 2):
        pids = local.run(tenth_power, UNITS[:1], Sum(), workers=workers, apart=True).pids
        assert len(pids) == 1
        assert os.getpid() not in pids
    assert local.run(tenth_power, (), Sum(7.0), apart=True) == Sum(7.0)


def test_no_units_give_the_empty_profile():
    assert local.run(tenth_power, (), Sum(7.0), workers=2) == Sum(7.0)


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_counts_every_unit_once(workers):
    seen = []
    local.run(tenth_power, UNITS, Sum(), workers=workers, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 40) for done in range(1, 41)]


def test_a_worker_that_dies_ends_the_run_with_what_to_do():
    with pytest.raises(MonitorError, match="memory"):
        local.run(die, UNITS, Sum(), workers=2)


def test_an_error_in_a_worker_arrives_as_it_is():
    with pytest.raises(MonitorError, match="unit 0 is unreadable"):
        local.run(refuse, UNITS, Sum(), workers=2)


def test_workers_are_forks_unless_a_fork_would_copy_the_locks_of_threads(monkeypatch):
    monkeypatch.setattr(local, "_other_threads", lambda: frozenset({"jemalloc_bg_thd"}))
    assert type(local._context()).__name__ == "ForkContext"
    monkeypatch.setattr(local, "_other_threads", lambda: frozenset({"jemalloc_bg_thd", "python"}))
    assert isinstance(local._context(), ForkServerContext)
    gc.unfreeze()


def test_a_thread_of_this_process_is_seen():
    told = threading.Event()
    thread = threading.Thread(target=told.wait)
    thread.start()
    assert local._other_threads()
    told.set()
    thread.join()


@pytest.mark.parametrize("threads", [frozenset(), frozenset({"python"})], ids=["forked", "from the fork server"])
def test_both_ways_to_start_workers_give_the_same_bits(monkeypatch, threads):
    monkeypatch.setattr(local, "_other_threads", lambda: threads)
    pooled = local.run(tenth_power, UNITS, Sum(), workers=2)
    assert pooled.value.hex() == local.run(tenth_power, UNITS, Sum(), workers=1).value.hex()


def test_without_shared_semaphores_one_process_does_it_all(monkeypatch):
    """As in AWS Lambda, where there is no /dev/shm."""

    def refused() -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(local.multiprocessing, "Lock", refused)
    found = local.run(tenth_power, range(1, 9), Sum(), workers=4)
    assert found.pids == {os.getpid()}
    assert found.value == local.run(tenth_power, range(1, 9), Sum(), workers=1).value


def sleep_told(folder: Path, unit: int) -> Sum:
    (folder / str(os.getpid())).touch()
    time.sleep(60)
    return Sum()


def run_asleep(folder: str, *threads: str) -> None:
    local._other_threads = lambda: frozenset(threads)
    local.run(partial(sleep_told, Path(folder)), UNITS, Sum(), workers=2)


RUN_ASLEEP = "import sys; from tests.monitor_image.runners.test_local import run_asleep; run_asleep(*sys.argv[1:])"


def is_gone(pid: int) -> bool:
    """A process that has ended and that nobody has asked for is as good as gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def waited_for(condition: Callable[[], bool]) -> bool:
    return any(condition() or time.sleep(0.05) for _ in range(1200))


@pytest.mark.parametrize("threads", [[], ["python"]], ids=["forked", "from the fork server"])
def test_workers_end_when_their_run_is_killed(tmp_path, threads):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "monitor_image"), *sys.path])}
    run = subprocess.Popen([sys.executable, "-c", RUN_ASLEEP, tmp_path, *threads], env=environment)
    assert waited_for(lambda: len(list(tmp_path.iterdir())) == 2)
    run.kill()
    run.wait()
    workers = [int(path.name) for path in tmp_path.iterdir()]
    assert waited_for(lambda: all(map(is_gone, workers)))


def test_a_system_that_starts_no_more_processes_is_told_and_no_worker_stays(monkeypatch):
    monkeypatch.setattr(local, "_other_threads", frozenset)
    started, fork = [], os.fork

    def second_fails() -> int:
        if started:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        started.append(fork())
        return started[-1]

    monkeypatch.setattr(os, "fork", second_fails)
    told = r"^a worker process could not be started \(Resource temporarily unavailable\)\. .*fewer workers than 2 "
    with pytest.raises(WorkersLost, match=told):
        local.run(tenth_power, UNITS, Sum(), workers=2)
    assert len(started) == 1
    assert waited_for(lambda: is_gone(started[0]))
