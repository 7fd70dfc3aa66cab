"""One machine's runner: the same result for any number of workers, and a dead worker is told, not hung on."""

from __future__ import annotations

import gc
import os
import threading
from dataclasses import dataclass

import pytest

from model_monitor.errors import MonitorError
from model_monitor.runners import local


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
    assert type(local._context()).__name__ == "ForkServerContext"
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
