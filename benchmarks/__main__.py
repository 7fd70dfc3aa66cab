"""`python -m benchmarks`: measure every cell, write build/bench/results.json and the table that the README includes.

Ratios are of commands run in turn within this run; a cell whose tool is missing is named as skipped, never left out.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import capture, jobs, measure

NUMBER, TEXT = "n", "t"
KINDS = NUMBER * 54 + TEXT * 2
OURS_STATUS, OTHERS_STATUS = frozenset({0, 2}), frozenset({0})  # 2: violations were found, the run completed
Cell = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", action="append", help="a job's name; may be repeated")
    parser.add_argument("--repeats", type=int, default=3, help="counted runs of each command (median is taken)")
    arguments = parser.parse_args()
    bench = Bench(arguments.repeats, frozenset(arguments.only or ()))
    cells: list[Cell] = []
    for one in bench.cells():
        cells.append(one)
        print(row(one), flush=True)
    jobs.BUILD.mkdir(parents=True, exist_ok=True)
    (jobs.BUILD / "results.json").write_text(json.dumps(cells, indent=1) + "\n")
    (jobs.BUILD / "table.md").write_text(table(cells))
    print(f"\n{jobs.BUILD / 'results.json'}\n{jobs.BUILD / 'table.md'}")
    return 0 if all(one["met"] for one in cells if one["met"] is not None) else 1


class Bench:
    """Prepares data and baseline once, then yields one cell after the other."""

    def __init__(self, repeats: int, only: frozenset[str] = frozenset()) -> None:
        self.repeats, self.only = repeats, only
        self.log = jobs.BUILD / "log.txt"
        self.baseline = jobs.BUILD / "baseline"
        self.configuration = jobs.BUILD / "config.json"
        self.native = self._build_native()

    def cells(self) -> Iterator[Cell]:
        self._prepare_baseline()
        yield from (self._ratio(ratio) for ratio in jobs.RATIOS if self._wants(ratio.job))
        if self._wants("csv_10m"):
            yield from self._memory()
        if self._wants("small_window"):
            yield self._seconds("small_window", "wall", self._ours("small_window"), jobs.SMALL_WINDOW_MUST_S)
        if self._wants("startup"):
            yield self._seconds("startup", "entry point to first byte read", self._startup(), jobs.STARTUP_MUST_S)

    def _wants(self, job: str) -> bool:
        return not self.only or job in self.only

    def _ratio(self, ratio: jobs.Against) -> Cell:
        other = self._other(ratio.other, ratio.job)
        if other is None:
            return skipped(ratio.job, ratio.measure, ratio.must, ratio.other)
        runs = measure.interleaved(
            [(self._ours(ratio.job), OURS_STATUS), (other, OURS_STATUS if ratio.other in jobs.DATA else OTHERS_STATUS)],
            self.repeats,
            self.log,
        )
        ours, theirs = measure.medians(runs)
        value = theirs / ours if ratio.is_speedup else ours / theirs
        met = value >= ratio.must if ratio.is_speedup else value <= ratio.must
        return cell(
            ratio.job, ratio.measure, value, "x", self.repeats, ratio.must, met, wall_s=ours, other_wall_s=theirs
        )

    def _memory(self) -> Iterator[Cell]:
        peaks = {}
        for job in ("csv_1m", "csv_10m"):
            runs = [measure.once(self._ours(job), self.log, memory=True) for _ in range(self.repeats)]
            peaks[job] = statistics.median(run.peak_pss_mb for run in runs)
            must = jobs.MEMORY_MUST_MB
            yield cell(job, "peak PSS", peaks[job], "MB", self.repeats, must, peaks[job] <= must)
        growth, must_growth = peaks["csv_10m"] / peaks["csv_1m"], jobs.MEMORY_GROWTH_MUST
        yield cell("csv_10m", "PSS / PSS of csv_1m", growth, "x", self.repeats, must_growth, growth <= must_growth)

    def _seconds(self, job: str, what: str, command: list[str], must: float) -> Cell:
        runs = measure.interleaved([(command, OURS_STATUS)], max(self.repeats, 5), self.log)
        value = measure.medians(runs)[0]
        return cell(job, what, value, "s", max(self.repeats, 5), must, value <= must)

    def _ours(self, job: str) -> list[str]:
        data = capture.write(jobs.DATA[job], jobs.BUILD / "data" / job)
        return [
            *self._core(),
            "monitor",
            *("--dataset", str(data), "--baseline", str(self.baseline)),
            *("--output", str(jobs.BUILD / "output" / job), "--config", str(self.configuration)),
        ]

    def _core(self) -> list[str]:
        return [str(jobs.ROOT / "build/venv/image/bin/python"), str(jobs.ROOT / "benchmarks" / "core.py")]

    def _startup(self) -> list[str]:
        return [*self._core(), "--until-first-byte", *self._ours("small_window")[2:]]

    def _other(self, name: str, job: str) -> list[str] | None:
        capture.write(jobs.DATA[job], jobs.BUILD / "data" / job)
        if name in jobs.DATA:
            return self._ours(name)
        if name == "native":
            return [self.native, KINDS, *jobs.capture_files(job)] if self.native else None
        if name == "spark" and shutil.which("java") is None:
            return None
        return jobs.peer_command(name, job)

    def _prepare_baseline(self) -> None:
        features = [{"name": name} for name in capture.COLUMNS]
        output = {"prediction": "label", "score": "score", "payload_index": "payload_index"}
        self.configuration.parent.mkdir(parents=True, exist_ok=True)
        self.configuration.write_text(
            json.dumps(
                {"version": 1, "payload": {"features": features, "output": output}, "monitors": {"data_quality": {}}}
            )
        )
        dataset = capture.write_baseline(jobs.BUILD / "data")
        command = [*self._core(), "baseline", "--dataset", str(dataset), "--output", str(self.baseline)]
        run = measure.once([*command, "--config", str(self.configuration)], self.log)
        if run.status != 0:
            raise SystemExit(f"the baseline job ended with status {run.status}; see {self.log}")

    def _build_native(self) -> str | None:
        target, compiler = jobs.BUILD / "native_scan", shutil.which("g++")
        source = jobs.ROOT / "benchmarks" / "native_scan.cpp"
        if compiler is None or not Path("/usr/include/simdjson.h").exists():
            return None
        target.parent.mkdir(parents=True, exist_ok=True)
        options = ["-O3", "-march=native", "-std=c++17"]
        subprocess.run([compiler, *options, str(source), "-lsimdjson", "-o", str(target)], check=True)
        return str(target)


def cell(job: str, what: str, value: float, unit: str, runs: int, must: float, met: bool, **more: float) -> Cell:
    """One entry of results.json."""
    measured = {name: round(seconds, 3) for name, seconds in more.items()}
    return {
        **{"job": job, "measure": what, "value": round(value, 3), "unit": unit, "runs": runs},
        **{"must": must, "met": met},
        **measured,
    }


def skipped(job: str, what: str, must: float, tool: str) -> Cell:
    """A cell that could not be measured here, with what is missing."""
    needs = {"native": "g++ and libsimdjson-dev", "spark": "a Java runtime"}.get(tool, tool)
    nothing = {"value": None, "unit": "", "runs": 0, "must": must, "met": None}
    return {"job": job, "measure": what, **nothing, "skipped": f"needs {needs}"}


def row(one: Cell) -> str:
    """A cell as a line of the Markdown table."""
    value = one.get("skipped") or f"{one['value']} {one['unit']}"
    verdict = {True: "yes", False: "no", None: "not measured"}[one["met"]]
    return f"| {one['job']} | {one['measure']} | {value} | {one['must']} | {verdict} |"


def table(cells: list[Cell]) -> str:
    """The Markdown table of all cells."""
    head = ["| job | measure | value | must | met |", "|---|---|---|---|---|"]
    return "\n".join([*head, *map(row, cells)]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
