"""`python -m benchmarks.calibration`: null replay and power within a budget of time, taken up again where it ended.

Results stand in build/calibration, one line a piece of work, in a folder named after the code that they are of: results of
other code are not mixed. `python -m benchmarks.calibration.publish` puts them into benchmarks/calibration.json and the page.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any, Final

from benchmarks.calibration import power, replay
from benchmarks.calibration.results import read_lines, results_of

ROOT: Final = Path(__file__).resolve().parents[2]
BUILD: Final = ROOT / "build" / "calibration"
SOURCES: Final = ("monitor_image/model_monitor", "benchmarks/calibration")
REPLAY_SHARE: Final = 0.65  # of the time
NOT_RESULTS: Final = frozenset({"__main__.py", "page.py", "publish.py", "bounds.py"})


def main(arguments: list[str] | None = None) -> int:
    """Work until the time is over or all is done."""
    options = parser().parse_args(arguments)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"):
        os.environ[name] = "1"  # processes are what runs in parallel
    folder, start = BUILD / fingerprint(), time.monotonic()
    print(f"{folder}")
    if options.only != "power":
        end = start + options.seconds * (REPLAY_SHARE if options.only is None else 1.0)
        work(
            replay.chunks(options.rounds, options.sizes), replay.runs_of, folder / "replay.jsonl", end, options.workers
        )
    if options.only != "replay":
        end = start + options.seconds
        work(power.searches(options.sizes), power.measure, folder / "power.jsonl", end, options.workers)
    results = results_of(folder)
    (BUILD / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    print(f"{BUILD / 'results.json'}: {sum(cell['runs'] for cell in results['replay']):,} runs")
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    form = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__, formatter_class=form)
    top.add_argument(
        "--seconds", type=float, default=3600.0, help="stop handing out work after so long (default: an hour)"
    )
    top.add_argument(
        "--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes (default: one a core)"
    )
    top.add_argument("--only", choices=("replay", "power"), help="one of the two parts")
    top.add_argument("--rounds", type=int, default=replay.ROUNDS, help="of the null replay; more rounds are more runs")
    top.add_argument("--sizes", type=int, nargs="+", default=tuple(replay.ROUND), help="records of a window")
    return top


def fingerprint(root: Path = ROOT) -> str:
    """Of the code that settles the results."""
    state = hashlib.sha256()
    for source in SOURCES:
        for path in sorted((root / source).rglob("*.py")):
            if path.name not in NOT_RESULTS or source == SOURCES[0]:
                state.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return state.hexdigest()[:12]


def work(tasks: Iterable[Any], do: Callable[[Any], Any], file: Path, end: float, workers: int) -> None:
    """Do what is not done yet, on several processes, until the time is over; each result is a line of the file."""
    done = {line["key"] for line in read_lines(file)}
    rest = iter([task for task in tasks if task.key not in done])
    file.parent.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool, file.open("a") as sink:
        pending: dict[Future[Any], Any] = {}
        while True:
            while len(pending) < workers and time.monotonic() < end and (task := next(rest, None)) is not None:
                pending[pool.submit(do, task)] = task
            if not pending:
                return
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                task = pending.pop(future)
                sink.write(json.dumps({"key": task.key, "result": future.result()}) + "\n")
                sink.flush()


if __name__ == "__main__":
    sys.exit(main())
