"""Times a command as a whole process and samples the memory of its process tree."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command. `peak_pss_mb` is the largest sampled sum of PSS over its process tree, in 10^6 bytes."""

    wall_s: float
    peak_pss_mb: float
    status: int


def once(command: list[str], log: Path, *, memory: bool = False, environment: dict[str, str] | None = None) -> Run:
    """Run to the end. Memory is sampled only when asked, because sampling costs the measured process time."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=sink, stderr=sink, env=environment or as_installed())
        peak = _sample(process) if memory else 0.0
        status = process.wait()
        return Run(time.perf_counter() - start, peak, status)


def as_installed() -> dict[str, str]:
    """This environment, with modules compiled once and kept, as they are in the image: else each run compiles them."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def told(command: list[str], log: Path) -> dict[str, float]:
    """What a command says of itself, `seconds` among it: of work that is short beside the start of a process."""
    done = subprocess.run(command, capture_output=True, text=True, env=as_installed(), check=False)
    with log.open("a") as sink:
        sink.write(done.stdout + done.stderr)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:6])} ended with status {done.returncode}; see {log}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _sample(process: subprocess.Popen[bytes]) -> float:
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(map(_pss, _tree(process.pid))))
        time.sleep(SAMPLE_SECONDS)
    return peak / 1e6


def _tree(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # it ended between the listing and the look
        return 0


def medians(runs: list[list[Run]]) -> list[float]:
    """Median wall seconds of each command of an interleaved series `runs[repeat][command]`."""
    return [statistics.median(run.wall_s for run in series) for series in zip(*runs, strict=True)]


def interleaved(commands: list[tuple[list[str], frozenset[int]]], repeats: int, log: Path) -> list[list[Run]]:
    """Run the commands in turn, `repeats` times, so that a machine that slows down slows all of them.

    A first run of each is not counted: it fills caches and compiles modules. Each command comes with the exit statuses
    that count as done; any other ends the benchmark.
    """
    series = []
    for _ in range(repeats + 1):
        series.append([once(command, log) for command, _ in commands])
        for (command, allowed), run in zip(commands, series[-1], strict=True):
            if run.status not in allowed:
                raise SystemExit(f"{' '.join(command[:6])} … ended with status {run.status}; see {log}")
    return series[1:]
