"""`python -m benchmarks.calibration`: null replay and power within a budget of time, taken up again where it ended.

Results stand in build/calibration, one line a piece of work, in files named after the code that settles them: results of
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.calibration import populations, power, replay
from benchmarks.calibration.results import read_lines, results_of

ROOT: Final = Path(__file__).resolve().parents[2]
BUILD: Final = ROOT / "build" / "calibration"
HERE: Final = "benchmarks/calibration"
RECORDS: Final = tuple(f"{HERE}/{name}.py" for name in ("samples", "populations", "changes"))  # what is drawn
CORE: Final = (*RECORDS, f"{HERE}/watch.py", "monitor_image/model_monitor")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the work. until: share of the time after which nothing of it begins. sources: what settles its results."""

    name: str
    tasks: Callable[[argparse.Namespace], Iterable[Any]]
    do: Callable[[Any], Any]
    until: float
    sources: tuple[str, ...]

    @property
    def file(self) -> Path:
        """Where its results stand, apart from those of other code."""
        return BUILD / f"{self.name}-{fingerprint(self.sources)}.jsonl"


PARTS: Final = (
    Part(
        "replay",
        lambda options: (
            each
            for each in replay.chunks(options.rounds, options.sizes, options.first_round)
            if each.population in options.populations
        ),
        replay.runs_of,
        0.6,
        (*CORE, f"{HERE}/replay.py"),
    ),
    Part(
        "power",
        lambda options: power.searches(("ours",), options.sizes),
        power.measure,
        0.8,
        (*CORE, f"{HERE}/power.py"),
    ),
    Part(
        "peers",
        lambda options: power.searches(tuple(power.PEERS), options.sizes),
        power.measure,
        1.0,
        (*RECORDS, f"{HERE}/power.py", "benchmarks/peers"),
    ),
)


def main(arguments: list[str] | None = None) -> int:
    """Work until the time is over or all is done."""
    options = parser().parse_args(arguments)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"):
        os.environ[name] = "1"  # processes are what runs in parallel
    start = time.monotonic()
    for part in PARTS:
        if options.only in (None, part.name):
            end = start + options.seconds * (part.until if options.only is None else 1.0)
            work(part.tasks(options), part.do, part.file, end, options.workers)
    results = results_of(*(part.file for part in PARTS))
    (BUILD / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    print(f"{BUILD / 'results.json'}: {sum(cell['runs'] for cell in results['replay']):,} runs")
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    form = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__, formatter_class=form)
    top.add_argument("--seconds", type=float, default=3600.0, help="nothing begins after so long (default: an hour)")
    top.add_argument(
        "--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes (default: one a core)"
    )
    top.add_argument("--only", choices=[part.name for part in PARTS], help="one of the parts")
    top.add_argument("--rounds", type=int, default=replay.ROUNDS, help="of the null replay; more rounds are more runs")
    top.add_argument("--first-round", type=int, default=0, help="rounds before it are left out, since they are known")
    top.add_argument("--sizes", type=int, nargs="+", default=tuple(replay.ROUND), help="records of a window")
    names = [population.name for population in populations.POPULATIONS]
    top.add_argument("--populations", choices=names, nargs="+", default=names, help="of the null replay")
    return top


def fingerprint(sources: Iterable[str], root: Path = ROOT) -> str:
    """Of the code that settles some results."""
    state = hashlib.sha256()
    for source in sources:
        place = root / source
        for path in sorted([*place.rglob("*.py"), *place.rglob("*.txt")]) if place.is_dir() else [place]:
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
