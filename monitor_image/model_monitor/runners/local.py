"""Run the units of a window on this machine: in this process when there are few, else in a pool of processes.

Workers are forks of this process while it has no thread whose locks a fork would copy, which is so until something is
read here; they share its imports. Otherwise a fork server, in which nothing has run, imports the reader once and forks;
the user's own program is imported by neither, so that a plain script needs no guard.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from itertools import islice
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar

from model_monitor.contract import Variable
from model_monitor.errors import WorkersLost
from model_monitor.runners.fold import Mergeable, fold

UNITS_IN_PROCESS = 3  # starting a pool takes about as long as two workers gain on this many units
FORKABLE_THREADS = frozenset({"jemalloc_bg_thd"})  # pyarrow's spare allocator starts it and stops it around a fork
PR_SET_PDEATHSIG = 1  # of Linux: the signal that a process gets when the one that started it ends
AHEAD_PER_WORKER = 3  # finished profiles that may wait for an earlier unit, so that memory stays bounded

Unit = TypeVar("Unit")
P = TypeVar("P", bound=Mergeable)
Progress = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """The progress of a run nobody watches."""


def run(
    task: Callable[[Unit], P],
    units: Sequence[Unit],
    empty: P,
    workers: int | None = None,
    progress: Progress = silent,
    *,
    apart: bool = False,
) -> P:
    """Profile every unit and merge the profiles in unit order.

    Args:
        task: picklable, sent to each worker once (forks inherit it); one unit to its profile.
        workers: processes; None: one per core this process may use. Never changes the result.
        progress: called with (units done, units in all).
        apart: let no unit run here, because what it starts would stay in this process (threads of libraries).
    """
    wanted = min(workers or cores(), len(units))
    if wanted > 1 and not _has_semaphores():
        wanted, apart = 1, False
    if not units or (not apart and (wanted <= 1 or len(units) <= UNITS_IN_PROCESS)):
        return fold(_here(task, units, progress), empty)
    try:
        return fold(_pooled(task, units, wanted, progress), empty)
    except BrokenProcessPool as error:
        problem = "a worker process was killed, most likely for want of memory"
        raise WorkersLost(problem, wanted, Variable.WORKERS) from error


def _has_semaphores() -> bool:
    """Whether processes of a pool can share anything: without /dev/shm they cannot, as in AWS Lambda."""
    try:
        multiprocessing.Lock()
    except OSError:
        return False
    return True


def cores() -> int:
    """Cores this process may use, which in a container can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _here(task: Callable[[Unit], P], units: Sequence[Unit], progress: Progress) -> Iterator[P]:
    for done, unit in enumerate(units, start=1):
        yield task(unit)
        progress(done, len(units))


def _pooled(task: Callable[[Unit], P], units: Sequence[Unit], workers: int, progress: Progress) -> Iterator[P]:
    before = set(multiprocessing.active_children())
    context = _context()
    given = (task, os.getpid() if context.get_start_method() == "fork" else None)
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker, initargs=given) as pool:
        waiting: deque[Future[P]] = deque()
        upcoming = iter(units)
        try:
            waiting.append(_first(pool, next(upcoming), workers, before))
            for unit in islice(upcoming, workers * AHEAD_PER_WORKER - 1):
                waiting.append(pool.submit(_work, unit))
            done = 0
            while waiting:
                profile = waiting.popleft().result()
                done += 1
                progress(done, len(units))
                for unit in upcoming:
                    waiting.append(pool.submit(_work, unit))
                    break
                yield profile
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        finally:
            gc.unfreeze()


def _first(pool: ProcessPoolExecutor, unit: Unit, workers: int, before: set[BaseProcess]) -> Future[Any]:
    """Submit one unit, which starts the workers.

    Raises: WorkersLost where the system starts no more processes; those that it did start are ended.
    """
    try:
        return pool.submit(_work, unit)
    except OSError as error:
        for started in set(multiprocessing.active_children()) - before:
            started.kill()
        raise WorkersLost(
            f"a worker process could not be started ({error.strerror})", workers, Variable.WORKERS
        ) from error


def _context() -> BaseContext:
    """How workers are started; see the head of this file."""
    if sys.platform == "linux" and _other_threads() <= FORKABLE_THREADS:
        gc.freeze()  # what was imported is garbage of nobody: the workers' collections leave these pages shared
        return multiprocessing.get_context("fork")
    from model_monitor.runners import mainless  # Windows has no fork server, and no run of one process needs it

    context = mainless.Context()
    context.set_forkserver_preload(["model_monitor.flow"])
    return context


def _other_threads() -> frozenset[str]:
    """Names of the threads of this process beside the calling one, those of libraries too."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        if task.name != str(threading.get_native_id()):
            with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                found.add((task / "comm").read_text().strip())
    return frozenset(found)


_task: Callable[[Any], Any] | None = None  # of this worker: given once, since it may hold millions of labels


def _work(unit: Any) -> Any:
    assert _task is not None, "a worker without a task"
    return _task(unit)


def _prepare_worker(task: Callable[[Any], Any], runner: int | None) -> None:
    """A worker is one of many: its libraries get one thread each, and ending it is not a matter of the front door."""
    import pyarrow as pa

    global _task
    _task = task
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end_with(runner)
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def _end_with(runner: int | None) -> None:
    """End this process when the one that runs the units ends, however that happens: nobody else would end it.

    runner: that process, where this one is its fork: the system then ends it. Workers of a fork server wait for it beside their
    work, on a pipe that no other worker holds.
    """
    if runner is None:
        threading.Thread(target=_wait_for_runner, daemon=True).start()
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != runner:  # it ended before the system was told
        os._exit(1)


def _wait_for_runner() -> None:
    runner = multiprocessing.parent_process()
    if runner is not None:
        runner.join()
        os._exit(1)
