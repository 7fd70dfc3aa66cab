"""How far one machine goes: time, memory and money by records per hour and runner, from measured rates and a price list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import headlines
from benchmarks.cells import Cell, find, table
from benchmarks.jobs import MILLION

RECORDS = (1_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
MEASURED_CORES = 2
ONE_PROCESS = 1.0  # cores that a function uses: it has no shared memory, without which processes cannot share work
HOUR = 3600.0
TEMPLATE = Path(__file__).parent / "capacity_page.md"
PAYLOADS = ("json_columns", "json_records", "jsonlines", "base64", "one_record")


class Unmeasured(Exception):
    """A cell that the page is computed from is missing."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What was measured on two cores: seconds = fixed + million · millions of records; PSS in MB."""

    fixed_s: float
    million_s: float
    peak_mb: float
    small_s: float
    payloads: dict[str, float]  # kind → wall against csv_1m

    @classmethod
    def of(cls, cells: list[Cell]) -> Rates:
        """From results.json. Raises: Unmeasured."""
        one, ten = _value(cells, "csv_1m", "wall / native scan", "wall_s"), _value(cells, *TEN, "wall_s")
        million = (ten - one) / 9
        kinds = {kind: _value(cells, kind, "wall / native scan", "wall_s") / one for kind in PAYLOADS}
        peak = _value(cells, "csv_10m", "peak PSS", "value")
        return cls(max(one - million, 0.0), million, peak, _value(cells, "small_window", "wall", "value"), kinds)

    def seconds(self, records: int, cores: float) -> float:
        """A run on other cores like ours: the work is divided among them, the start is not."""
        work = self.million_s * records / MILLION * MEASURED_CORES / cores
        return max(self.fixed_s + work, self.small_s)

    def memory_mb(self, cores: int) -> float:
        """Each further process takes as much as half of what two take together."""
        return self.peak_mb * max(cores, MEASURED_CORES) / MEASURED_CORES


TEN = ("csv_10m", "time / time of csv_1m")


def _compiled(cells: list[Cell]) -> str:
    """How much faster the compiled reader makes a run, by payload."""
    found = {job: find(cells, job, "speed against Python's reader") for job in ("csv_1m", "json_records")}
    times = [f"{cell['value']:.1f} times as fast on `{job}`" for job, cell in found.items() if cell]
    return " and ".join(times) if times else "not measured here"


def _value(cells: list[Cell], job: str, measure: str, name: str) -> float:
    found = find(cells, job, measure)
    if found is None or name not in found:
        raise Unmeasured(f"{job}: {measure}")
    return float(found[name])


@dataclass(frozen=True, slots=True)
class Runner:
    """One size of a service. `per_second` is what a second of it costs."""

    name: str
    cores: float
    memory_mb: float
    per_second: float
    start_s: float
    per_run: float = 0.0
    limit_s: float = HOUR

    def fits(self, records: int, rates: Rates) -> bool:
        """Done before the limit, in its memory."""
        return self.wall_s(records, rates) <= self.limit_s and rates.memory_mb(round(self.cores)) <= self.memory_mb

    def wall_s(self, records: int, rates: Rates) -> float:
        return self.start_s + rates.seconds(records, self.cores)

    def cost(self, records: int, rates: Rates) -> float:
        """Dollars a run; the start is charged too, which is the careful assumption."""
        return self.per_run + self.wall_s(records, rates) * self.per_second

    def most_records(self, rates: Rates) -> int:
        """Records a run that end at the limit."""
        left = self.limit_s - self.start_s - rates.fixed_s
        return int(max(left, 0.0) / (rates.million_s * MEASURED_CORES / self.cores) * MILLION)


def runners(prices: dict[str, Any]) -> Iterator[Runner]:
    """The sizes of the price list."""
    small, large = prices["lambda"], prices["processing"]
    for memory in small["memory_mb"]:
        yield Runner(
            f"Lambda {memory} MB",
            min(memory / small["mb_per_core"], ONE_PROCESS),
            memory,
            small["per_gb_second"]["x86_64"] * memory / 1024,
            small["start_seconds"],
            small["per_request"],
            small["seconds_at_most"],
        )
    for name, size in large["instances"].items():
        per_second = prices["instance_hour"][name] / HOUR
        yield Runner(name, size["cores"], size["memory_gb"] * 1000, per_second, large["start_seconds"])


def page(cells: list[Cell], machine: dict[str, Any], prices: dict[str, Any]) -> str:
    """docs/capacity.md. Raises: Unmeasured."""
    rates = Rates.of(cells)
    known = list(runners(prices))
    head = "| runner | cores | " + " | ".join(f"{records:,}" for records in RECORDS) + " | most a run |"
    lines = [head, "|---" * (len(RECORDS) + 3) + "|"]
    for runner in known:
        shown = (_shown(runner, records, rates, prices["hours_per_month"]) for records in RECORDS)
        most = f"{runner.most_records(rates) / MILLION:,.0f} M"
        lines.append(f"| {runner.name} | {runner.cores:.1f} | " + " | ".join(shown) + f" | {most} |")
    kinds = [f"| {kind} | {factor:.1f} |" for kind, factor in rates.payloads.items()]
    largest = max(known, key=lambda runner: runner.most_records(rates))
    return TEMPLATE.read_text().format(
        machine=headlines.about(machine),
        fixed=rates.fixed_s,
        million=rates.million_s,
        rate=MILLION / rates.million_s,
        peak=rates.peak_mb,
        small=rates.small_s,
        each=rates.peak_mb / MEASURED_CORES,
        date=prices["date"],
        source=prices["source"],
        runs=prices["hours_per_month"],
        start=prices["processing"]["start_seconds"],
        table="\n".join(lines),
        kinds="\n".join(kinds),
        largest=largest.name,
        most=largest.most_records(rates) / MILLION,
        bytes=largest.most_records(rates) * BYTES_PER_RECORD / 1e12,
        compiled=_compiled(cells),
        cells=table(cells),
    )


BYTES_PER_RECORD = 252  # of capture, CSV payloads of ten records with 56 columns


def _shown(runner: Runner, records: int, rates: Rates, runs: int) -> str:
    if not runner.fits(records, rates):
        return "-"
    cost = runner.cost(records, rates) * runs
    return f"{runner.wall_s(records, rates):,.0f} s, {rates.memory_mb(round(runner.cores)) / 1000:.1f} GB, ${cost:,.2f}"
