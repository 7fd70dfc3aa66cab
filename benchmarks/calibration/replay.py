"""Null replay: windows from the baseline's own population, each with a baseline of its own, and what was called violated.

A run is drawn from its population, size and number alone, so that every run can be had again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from benchmarks.calibration import populations
from benchmarks.calibration.samples import Population
from benchmarks.calibration.watch import Watch
from model_monitor.contract import Decision, Verdict, monitor_key
from model_monitor.monitors.conclusion import Conclusion

BASELINE_RECORDS: Final = 2_000
CHUNKS: Final = {40: 25, 320: 25, 2_000: 25, 20_000: 10, 200_000: 2}  # size: runs that one process does in one go
ROUND: Final = {320: 50, 2_000: 50, 40: 25, 20_000: 20, 200_000: 2}  # size: runs of a population in one round
ROUNDS: Final = 22
AWS_EVERY: Final = 10  # of the runs one is decided by AWS's rule, too; its share of violations needs no bound
RUNS: Final = "runs"
JUDGED: Final = (Verdict.OK, Verdict.VIOLATED)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some runs of one population and size: those numbered from `first`."""

    population: str
    size: int
    first: int
    runs: int

    @property
    def key(self) -> str:
        return f"{self.population}/{self.size}/{self.first}+{self.runs}"


def chunks(rounds: int = ROUNDS, sizes: Sequence[int] = tuple(ROUND), first_round: int = 0) -> Iterator[Chunk]:
    """All work, in the order in which it is done: each round has its share of every cell."""
    for number in range(first_round, rounds):
        for size in sizes:
            for population in populations.POPULATIONS:
                start = number * ROUND[size]
                for first in range(start, start + ROUND[size], CHUNKS[size]):
                    yield Chunk(population.name, size, first, min(CHUNKS[size], start + ROUND[size] - first))


@dataclass(slots=True)
class Tally:
    """What was found in some runs.

    judged: by monitor, runs in which it came to a verdict. violated: by set of monitors, runs with a false violation; declared: the
    same with the population's design effect, and plain: with none, both where records depend on each other; aws: the same by AWS's
    rule, and of how many runs. checks: false violations by monitor, type of check and subject. reasons: why there was no verdict.
    """

    runs: int = 0
    seconds: float = 0.0
    judged: Counter[str] = field(default_factory=Counter)
    violated: Counter[str] = field(default_factory=Counter)
    aws: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    declared: Counter[str] = field(default_factory=Counter)
    plain: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Count another's runs, too."""
        self.runs, self.seconds = self.runs + other.runs, self.seconds + other.seconds
        for name in COUNTERS:
            getattr(self, name).update(getattr(other, name))

    def to_json(self) -> dict[str, Any]:
        """For a file."""
        counted = {name: dict(sorted(getattr(self, name).items())) for name in COUNTERS}
        return {"runs": self.runs, "seconds": round(self.seconds, 3), **counted}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Tally:
        """The inverse of `to_json`."""
        return cls(content["runs"], content["seconds"], *(Counter(content.get(name, {})) for name in COUNTERS))


COUNTERS: Final = ("judged", "violated", "aws", "checks", "reasons", "declared", "plain")


def replay(chunk: Chunk) -> Tally:
    """Do the runs of a chunk."""
    population, tally, start = populations.find(chunk.population), Tally(), time.process_time()
    for number in range(chunk.first, chunk.first + chunk.runs):
        _run(population, chunk.size, number, tally)
    tally.seconds = time.process_time() - start
    return tally


def runs_of(chunk: Chunk) -> dict[str, Any]:
    """The same as the line of a file."""
    return replay(chunk).to_json()


def seed(population: Population, size: int, number: int) -> list[int]:
    """What a run is drawn from."""
    return [[each.name for each in populations.POPULATIONS].index(population.name), size, number]


def _run(population: Population, size: int, number: int, tally: Tally) -> None:
    random = np.random.default_rng(seed(population, size, number))
    watch = Watch.of(population, population.make(random, BASELINE_RECORDS))
    found = watch.found(population.make(random, size))
    ours = watch.conclusions(found, size)
    _count(watch, ours, tally)
    _count_declared(watch, ours, population, tally)
    tally.runs += 1
    if number % AWS_EVERY == 0:
        theirs = watch.conclusions(found, size, Decision.AWS)
        tally.aws.update(
            name for name, places in watch.sets.items() if _is_violated([theirs[place] for place in places])
        )
        tally.aws[RUNS] += 1


def _count(watch: Watch, conclusions: Sequence[Conclusion], tally: Tally) -> None:
    keys = [monitor_key(each.type) for each in watch.job.monitors]
    for name, places in watch.sets.items():
        settled = watch.settled([conclusions[place] for place in places])
        tally.violated[name] += _is_violated(settled)
        if name == "all":
            for key, conclusion in zip(keys, settled, strict=True):
                tally.judged[key] += conclusion.verdict in JUDGED
                if conclusion.verdict not in JUDGED:
                    tally.reasons[f"{key}: {conclusion.reason}"] += 1
        else:
            tally.checks.update(f"{name}: {each.check_type}: {each.subject}" for each in settled[0].violations)


def _count_declared(watch: Watch, conclusions: Sequence[Conclusion], population: Population, tally: Tally) -> None:
    if population.is_independent:
        return
    for name, places in watch.sets.items():
        mine = [conclusions[place] for place in places]
        tally.declared[name] += _is_violated(watch.settled(mine, population.design_effect))
        tally.plain[name] += _is_violated(watch.settled(mine, 1.0))


def _is_violated(conclusions: Sequence[Conclusion]) -> bool:
    return any(conclusion.verdict is Verdict.VIOLATED for conclusion in conclusions)
