"""Power: the smallest change that is found in nine of ten windows, by our rule, by AWS's, and by peers with their defaults."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from benchmarks.calibration import changes, populations
from benchmarks.calibration.changes import Change
from benchmarks.calibration.replay import BASELINE_RECORDS
from benchmarks.calibration.samples import Sample
from benchmarks.calibration.watch import Watch
from model_monitor.contract import Decision, monitor_key
from model_monitor.job.job import FalseAlarms
from model_monitor.monitors.conclusion import Conclusion
from model_monitor.monitors.decision import chance_of_a_run

ROOT: Final = Path(__file__).resolve().parents[2]
WINDOWS: Final = {40: 60, 320: 60, 2_000: 50, 20_000: 40, 200_000: 20}
PEER_WINDOWS: Final = 20  # they take a fifth of a second for each
HEALTHY: Final = {  # windows that settle a peer's own thresholds
    40: 200,
    320: 200,
    2_000: 200,
    20_000: 60,
    200_000: 20,
}
PEERS: Final = {"evidently": "Evidently", "nannyml": "NannyML"}
OURS: Final = ("calibrated", "aws")
PEER_SECONDS: Final = 1_800  # of a core, after which a peer is given up on a size
SILENT: Final = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}  # peers report their use unless told not to


@dataclass(frozen=True, slots=True)
class Search:
    """`who` looks for a change in windows of a size; a peer for all changes, since its start takes longest."""

    who: str
    change: str
    size: int

    @property
    def key(self) -> str:
        return f"{self.who}/{self.change or 'all'}/{self.size}"


def searches(who: Sequence[str] = ("ours", *PEERS), sizes: Sequence[int] = tuple(WINDOWS)) -> list[Search]:
    """Small windows first; our two rules are measured together."""
    found = []
    for size in sizes:
        for each in who:
            found += [
                Search(each, name, size) for name in ([c.name for c in changes.CHANGES] if each == "ours" else [""])
            ]
    return found


def measure(search: Search, windows: int | None = None) -> dict[str, dict[str, Any]]:
    """change → who → `smallest` (None: not even the largest change), and false alarms at no change."""
    if search.who == "ours":
        return {search.change: _ours(changes.find(search.change), search.size, windows or WINDOWS[search.size])}
    told = _peer(search, windows or PEER_WINDOWS)
    return {change.name: {search.who: told.get(change.name, told)} for change in changes.CHANGES}


# --- our two rules -----------------------------------------------------------------------------------------------------


def _ours(change: Change, size: int, windows: int) -> dict[str, Any]:
    population = populations.find(changes.POPULATION)
    pairs = [changes.windows(size, number, BASELINE_RECORDS) for number in range(windows)]
    watches = [Watch.of(population, baseline) for baseline, _, _ in pairs]

    @cache
    def found(level: float) -> dict[str, float]:
        counts = dict.fromkeys(OURS, 0)
        for watch, (_, window, drawn) in zip(watches, pairs, strict=True):
            sample = window if not level else change.make(window, level, drawn)
            for rule, is_found in seen(watch, sample, change).items():
                counts[rule] += is_found
        return {rule: count / windows for rule, count in counts.items()}

    result = {}
    for rule in OURS:
        none = found(0.0)[rule]
        least = 0.0 if none >= changes.FOUND else changes.smallest(change, lambda level, rule=rule: found(level)[rule])  # type: ignore[misc]
        result[rule] = {"smallest": least, "false_alarms": none, "windows": windows}
    return result


def seen(watch: Watch, sample: Sample, change: Change) -> dict[str, bool]:
    """By which of our rules a change is found: a check that is about it is violated."""
    statistics = watch.found(sample)
    settled = watch.settled(watch.conclusions(statistics, sample.size))
    plain = watch.conclusions(statistics, sample.size, Decision.AWS)
    return {"calibrated": _names(watch, settled, change), "aws": _names(watch, plain, change)}


def _names(watch: Watch, conclusions: Sequence[Conclusion], change: Change) -> bool:
    keys = [monitor_key(each.type) for each in watch.job.monitors]
    mine = conclusions[keys.index(change.monitor)]
    return any(not change.subject or check.subject == change.subject for check in mine.violations)


# --- peers, each in its own environment --------------------------------------------------------------------------------


def interpreter(peer: str) -> Path:
    """Of a peer's environment."""
    return ROOT / "build" / "venv" / peer / "bin" / "python"


def _peer(search: Search, windows: int) -> dict[str, Any]:
    """What a peer says of each change; why it says nothing, where it does not."""
    python = interpreter(search.who)
    if not python.exists():
        return {"skipped": f"{PEERS[search.who]} is not installed here"}
    asked = {
        "size": search.size,
        "windows": windows,
        "healthy": max(windows, HEALTHY[search.size]) if windows == PEER_WINDOWS else windows,
        "baseline": BASELINE_RECORDS,
        "budget": chance_of_a_run(FalseAlarms(), None),
    }
    command = [str(python), str(ROOT / "benchmarks" / "peers" / f"{search.who}_changes.py"), json.dumps(asked)]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **SILENT}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, preexec_fn=_limited, check=False)
    if done.returncode == -signal.SIGXCPU:
        return {"skipped": f"took longer than {PEER_SECONDS} s"}
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        return {"skipped": f"ended with status {done.returncode}"}
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if answer.pop("records") != changes.told_apart(search.size, BASELINE_RECORDS):
        return {"skipped": "its NumPy draws other records"}
    return answer


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (PEER_SECONDS, PEER_SECONDS + 5))
