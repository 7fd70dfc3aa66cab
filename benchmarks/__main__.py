"""`python -m benchmarks`: measure every cell, write build/bench/results.json and table.md.

Ratios are of commands run in turn within this run, after a run of each that is not counted; a cell whose tool is missing is
named as skipped, never left out. `python -m benchmarks.publish` puts the results into the pages.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import capture, function, jobs, labels, measure
from benchmarks.cells import Cell, cell, merged, row, skipped, table

NUMBER, TEXT = "n", "t"
KINDS = NUMBER * 54 + TEXT * 2
OURS_STATUS, OTHERS_STATUS = frozenset({0, 2}), frozenset({0})  # 2: violations were found, the run completed
LEAST_RUNS = 3


def main(arguments: list[str] | None = None) -> int:
    """All cells, or those of some jobs; status 1 when a measured cell does not meet its value."""
    options = parser().parse_args(arguments)
    if options.list:
        print("\n".join(jobs.names()))
        return 0
    bench = Bench(options.repeats, frozenset(options.only or ()), frozenset(options.against or ()))
    jobs.BUILD.mkdir(parents=True, exist_ok=True)
    (jobs.BUILD / "machine.json").write_text(json.dumps(machine(), indent=1) + "\n")
    results = jobs.BUILD / "results.json"
    before: list[Cell] = json.loads(results.read_text()) if bench.is_partial and results.exists() else []
    measured: list[Cell] = []
    for one in bench.cells():
        measured.append(one | {"load": round(os.getloadavg()[0], 1)})
        print(row(measured[-1]), flush=True)
        results.write_text(json.dumps(merged(before, measured), indent=1) + "\n")
    (jobs.BUILD / "table.md").write_text(table(merged(before, measured)))
    print(f"\n{results}\n{jobs.BUILD / 'table.md'}")
    return 0 if all(one["met"] for one in measured if one["met"] is not None) else 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    form = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__, formatter_class=form)
    top.add_argument(
        "--only",
        action="append",
        choices=jobs.names(),
        metavar="JOB",
        help="one job, whose cells replace the last ones; may be repeated",
    )
    others = sorted({ratio.other for ratio in jobs.RATIOS})
    top.add_argument(
        "--against", action="append", choices=others, metavar="OTHER", help="ratios to this one alone; may be repeated"
    )
    top.add_argument("--repeats", type=int, default=LEAST_RUNS, help="counted runs of each command (median; default 3)")
    top.add_argument("--list", action="store_true", help="names of the jobs")
    return top


def machine() -> dict[str, str | int | float]:
    """What the figures were measured on; load is that of the minute before, so 0 means idle."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "processor": model,
        "python": platform.python_version(),
        "reader": "compiled" if is_reader_compiled() else "Python's",
        "load_before": round(os.getloadavg()[0], 1),
    }


def is_reader_compiled() -> bool:
    """Whether the core that is measured has the compiled reader."""
    probe = [str(jobs.ROOT / "build/venv/image/bin/python"), "-c", "import model_monitor_native"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


class Bench:
    """Prepares data and baseline once, then yields one cell after the other."""

    def __init__(
        self, repeats: int = LEAST_RUNS, only: frozenset[str] = frozenset(), against: frozenset[str] = frozenset()
    ) -> None:
        self.repeats, self.only, self.against = repeats, only, against
        self.log = jobs.BUILD / "log.txt"
        self.baseline, self.configuration = jobs.BUILD / "baseline", jobs.BUILD / "config.json"
        self.labelled_baseline = jobs.BUILD / "baseline_labelled"
        self.labelled_configuration = jobs.BUILD / "config_labelled.json"
        self.native = self._build_native()
        self.functions: dict[str, function.Seconds] = {}

    def cells(self) -> Iterator[Cell]:
        """Every wanted cell, in the table's order."""
        if any(self._wants(job) for job in jobs.names() if job not in {*jobs.ANALYSES, *jobs.SYNTHS}):
            self._prepare_baselines()
        ratios = [ratio for ratio in jobs.RATIOS if self._wants(ratio.job)]
        yield from (self._ratio(ratio) for ratio in ratios if not self.against or ratio.other in self.against)
        for limit in jobs.LIMITS:
            if self._wants(limit.job) and not self.against:
                yield self._memory(limit) if limit.what == "memory" else self._seconds(limit)

    @property
    def is_partial(self) -> bool:
        """Whether some cells are left as they were measured before."""
        return bool(self.only or self.against)

    def _wants(self, job: str) -> bool:
        return not self.only or job in self.only

    def _ratio(self, ratio: jobs.Against) -> Cell:
        if ratio.other == "local":
            return self._fetched(ratio)
        missing = self._missing(ratio.other)
        if missing:
            return skipped(ratio, missing)
        if ratio.job in jobs.ANALYSES:
            return self._analysis(ratio)
        ours = (self._ours(ratio.job), OURS_STATUS)
        other = self._other(ratio)
        runs = measure.interleaved([ours, other], self.repeats, self.log)
        ours_s, other_s = measure.medians(runs)
        value = other_s / ours_s if ratio.is_speedup else ours_s / other_s
        return cell(ratio, value, "x", self.repeats, wall_s=ours_s, other_wall_s=other_s)

    def _fetched(self, ratio: jobs.Against) -> Cell:
        """A new function's run, its fetching included, against the command's."""
        local = measure.interleaved([(self._ours(ratio.job), OURS_STATUS)], self.repeats, self.log)
        ours_s, other_s = self._function(ratio.job, self.repeats).cold, measure.medians(local)[0]
        return cell(ratio, ours_s / other_s, "x", self.repeats, wall_s=ours_s, other_wall_s=other_s)

    def _function(self, job: str, repeats: int) -> function.Seconds:
        """Of a function; measured once for all of its cells."""
        if job not in self.functions:
            asked = function.Function(data_of(job), self.baseline, self.configuration)
            try:
                self.functions[job] = asked.medians(repeats)
            finally:
                asked.close()
        return self.functions[job]

    def _analysis(self, ratio: jobs.Against) -> Cell:
        """Both sides in turn, each in a process of its own that times itself."""
        sides = [jobs.analysis_command(ratio.job, who) for who in ("ours", ratio.other)]
        runs = [[measure.told(command, self.log) for command in sides] for _ in range(self.repeats)]
        ours_s, other_s = (statistics.median(run["seconds"] for run in side) for side in zip(*runs, strict=True))
        value = other_s / ours_s if ratio.is_speedup else ours_s / other_s
        found = cell(ratio, value, "x", self.repeats, wall_s=ours_s, other_wall_s=other_s)
        return found | {name: runs[0][0][name] for name in ("error", "half_interval") if name in runs[0][0]}

    def _missing(self, other: str) -> str | None:
        if other == "native":
            return None if self.native else "native"
        if other == "python_reader":
            return None if is_reader_compiled() else other
        return "spark" if other == "spark" and shutil.which("java") is None else None

    def _other(self, ratio: jobs.Against) -> tuple[list[str], frozenset[int]]:
        """The other command, and the exit statuses that count as done."""
        if ratio.other in jobs.DATA:  # of ours against ours
            return self._ours(ratio.other), OURS_STATUS
        if ratio.other == "python_reader":
            return ["env", "monitor_reader=python", *self._ours(ratio.job)], OURS_STATUS
        if ratio.other == "native":
            return [str(self.native), KINDS, *jobs.capture_files(ratio.job)], OTHERS_STATUS
        return jobs.peer_command(ratio.other, ratio.job), OTHERS_STATUS

    def _memory(self, limit: jobs.Limit) -> Cell:
        command = self._ours(limit.job)
        runs = [measure.once(command, self.log, memory=True) for _ in range(self.repeats)]
        return cell(limit, statistics.median(run.peak_pss_mb for run in runs), "MB", self.repeats)

    def _seconds(self, limit: jobs.Limit) -> Cell:
        if limit.what in function.Seconds._fields:
            found = getattr(self._function(limit.job, self.repeats), limit.what)
            return cell(limit, found, "s", self.repeats)
        if limit.what == "synth":
            synth = ([sys.executable, "-m", "benchmarks.synth", str(jobs.SYNTHS[limit.job])], OTHERS_STATUS)
            return cell(limit, measure.medians(measure.interleaved([synth], 1, self.log))[0], "s", 1)
        command = self._ours(limit.job)
        if limit.what == "first_byte":
            command = [*self._core(), "--until-first-byte", *command[2:]]
        repeats = max(self.repeats, 5)
        runs = measure.interleaved([(command, OURS_STATUS)], repeats, self.log)
        return cell(limit, measure.medians(runs)[0], "s", repeats)

    def _ours(self, job: str) -> list[str]:
        is_labelled = job in jobs.LABELLED
        baseline = self.labelled_baseline if is_labelled else self.baseline
        configuration = self.labelled_configuration if is_labelled else self.configuration
        return [
            *self._core(),
            "monitor",
            *("--dataset", str(data_of(job)), "--baseline", str(baseline)),
            *("--output", str(jobs.BUILD / "output" / job), "--config", str(configuration)),
            *(("--ground-truth", str(labels_of(job))) if is_labelled else ()),
        ]

    def _core(self) -> list[str]:
        return [str(jobs.ROOT / "build/venv/image/bin/python"), str(jobs.ROOT / "benchmarks" / "core.py")]

    def _prepare_baselines(self) -> None:
        features = [{"name": name} for name in capture.COLUMNS]
        output = {"prediction": "label", "score": "score", "payload_index": "payload_index"}
        payload: dict[str, object] = {"features": features, "output": output}
        plain = capture.write_baseline(jobs.BUILD / "data")
        self._write_baseline(plain, self.baseline, self.configuration, payload, {"data_quality": {}})
        if any(self._wants(job) for job in jobs.LABELLED):
            labelled = labels.write_baseline(plain, jobs.BUILD / "data")
            monitors = {"data_quality": {}, "model_quality": {"problem_type": "multiclass"}}
            payload |= {"label": "truth", "prediction": "said"}
            self._write_baseline(labelled, self.labelled_baseline, self.labelled_configuration, payload, monitors)

    def _write_baseline(
        self, dataset: Path, folder: Path, configuration: Path, payload: dict[str, object], monitors: dict[str, object]
    ) -> None:
        configuration.parent.mkdir(parents=True, exist_ok=True)
        configuration.write_text(json.dumps({"version": 1, "payload": payload, "monitors": monitors}))
        command = [*self._core(), "baseline", "--dataset", str(dataset), "--output", str(folder)]
        run = measure.once([*command, "--config", str(configuration)], self.log)
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


def data_of(job: str) -> Path:
    """The capture tree of a job, made when it is not there yet."""
    if job in jobs.LABELLED:
        return data_of(jobs.LABELLED[job].capture)
    source = jobs.JOINED.get(job, jobs.SAME.get(job, job))
    written = capture.write(jobs.DATA[source], jobs.BUILD / "data" / source)
    return capture.join(written, jobs.capture_folder(job)) if job in jobs.JOINED else written


def labels_of(job: str) -> Path:
    """The labels of a job, made when they are not there yet."""
    return labels.write(jobs.LABELLED[job], data_of(job), jobs.BUILD / "data" / job)


if __name__ == "__main__":
    sys.exit(main())
