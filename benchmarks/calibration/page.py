"""docs/calibration.md from the committed results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import headlines
from benchmarks.calibration import changes, populations, power
from benchmarks.calibration.bounds import CONFIDENCE, runs_for, upper_bound
from benchmarks.calibration.replay import RUNS, Tally
from benchmarks.calibration.results import most, total
from model_monitor.job.job import FalseAlarms
from model_monitor.monitors.decision import chance_of_a_run

Cell = dict[str, Any]
TEMPLATE: Final = Path(__file__).parent / "page.md"
BUDGET: Final = chance_of_a_run(FalseAlarms(), None)
SETS: Final = {
    "all": "all four together",
    "data_quality": "data quality",
    "model_quality": "model quality",
    "model_bias": "bias",
    "model_explainability": "attribution",
}
AIMED: Final = (320, 2_000)  # sizes at which the bound has to lie within the budget
ELSEWHERE: Final = 1e-3
TOLD: Final = 12  # checks with the most false violations
AT_EQUAL: Final = "smallest_at_equal"
OWN_THRESHOLDS: Final = {"smallest_when_quiet": "quiet", AT_EQUAL: "as rare"}  # of a peer
WHO: Final = {"calibrated": "calibrated", "aws": "AWS's rule", **power.PEERS}


def page(results: Cell) -> str:
    """The page's text."""
    free = [cell for cell in results["replay"] if populations.find(cell["population"]).is_independent]
    bound = [cell for cell in results["replay"] if not populations.find(cell["population"]).is_independent]
    return TEMPLATE.read_text().format(
        budget=f"{BUDGET:.1e}",
        baseline=f"{results['baseline_records']:,}",
        needed=f"{runs_for(BUDGET):,}",
        needed_one=f"{runs_for(BUDGET, 1):,}",
        needed_elsewhere=f"{runs_for(ELSEWHERE):,}",
        confidence=f"{CONFIDENCE:.0%}",
        runs=f"{sum(cell['runs'] for cell in results['replay']):,}",
        populations=lines(f"- `{each.name}`: {each.what}" for each in populations.POPULATIONS),
        sets=sets_table(free),
        verdict=verdict(free),
        by_population=population_table(results["replay"]),
        hours=sets_table(bound),
        hours_declared=sets_table(decided(bound, "declared")),
        hours_plain=sets_table(decided(bound, "plain")),
        design_effect=f"{populations.DESIGN_EFFECT:g}",
        checks=check_table(free),
        checks_hours=check_table(bound),
        unjudged=unjudged_table(results["replay"]),
        power=power_table(results["power"]),
        aims=aims(results["power"]),
        machine=headlines.about(results["machine"]),
    )


def lines(found: Iterable[str]) -> str:
    """One below the other."""
    return "\n".join(found)


def decided(cells: Sequence[Cell], how: str) -> list[Cell]:
    """The same runs, decided with another design effect than the measured one."""
    return [{**cell, "violated": cell.get(how, {})} for cell in cells]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, or that there is nothing to tell."""
    body = ["| " + " | ".join(row) + " |" for row in rows]
    return lines(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *body]) if body else "None."


# --- null replay -------------------------------------------------------------------------------------------------------


def by_size(cells: Sequence[Cell]) -> dict[int, Tally]:
    """Populations together."""
    return {
        size: total([cell for cell in cells if cell["size"] == size]) for size in sorted({c["size"] for c in cells})
    }


def sets_table(cells: Sequence[Cell]) -> str:
    """Runs with a false violation, by monitors and size."""
    return table(
        ("monitors", "records", "runs", "violated", "upper bound", "allowed", "AWS's rule"),
        (
            (
                SETS[name],
                f"{size:,}",
                f"{tally.runs:,}",
                str(tally.violated[name]),
                f"{upper_bound(tally.violated[name], tally.runs):.1e}",
                allowed(size, tally, name),
                f"{tally.aws[name] / max(tally.aws[RUNS], 1):.0%}",
            )
            for name in SETS
            for size, tally in by_size(cells).items()
        ),
    )


def limit(size: int) -> float:
    """What the bound has to stay below."""
    return BUDGET if size in AIMED else ELSEWHERE


def allowed(size: int, tally: Tally, name: str) -> str:
    """The limit, and whether it is met; with too few runs nothing can be shown."""
    violated, most_allowed = tally.violated[name], limit(size)
    if upper_bound(violated, tally.runs) <= most_allowed:
        return f"{most_allowed:.1e}: met"
    needed = runs_for(most_allowed, violated)
    is_open = violated <= tally.runs * most_allowed
    return f"{most_allowed:.1e}: {'open' if is_open else 'missed'}, {needed:,} runs with so many would show it"


def verdict(cells: Sequence[Cell]) -> str:
    """How many cells meet their bound, and which do not."""
    found = [(name, size, tally) for name in SETS for size, tally in by_size(cells).items()]
    told = {
        word: [f"{SETS[n]} at {s:,}" for n, s, t in found if word in allowed(s, t, n)]
        for word in ("met", "open", "missed")
    }
    return lines(
        f"- {word} in {len(places)} of {len(found)} cells{'' if word == 'met' or not places else ': ' + ', '.join(places)}"
        for word, places in told.items()
    )


def population_table(cells: Sequence[Cell]) -> str:
    """Runs of all monitors with a false violation, of all runs, by population and size."""
    tallies = {(cell["population"], cell["size"]): Tally.from_json(cell) for cell in cells}
    sizes = sorted({size for _, size in tallies})

    def told(name: str, size: int) -> str:
        tally = tallies.get((name, size))
        return "-" if tally is None else f"{tally.violated['all']} of {tally.runs:,}"

    rows = ((f"`{p.name}`", *(told(p.name, size) for size in sizes)) for p in populations.POPULATIONS)
    return table(("population", *(f"{size:,}" for size in sizes)), rows) if sizes else "None."


def check_table(cells: Sequence[Cell]) -> str:
    """The checks that were violated falsely, the most frequent first."""
    rows = []
    for cell in cells:
        rows += [
            (n, cell["runs"], cell["population"], cell["size"], *key.split(": ", 2))
            for key, n in cell["checks"].items()
        ]
    rows.sort(key=lambda row: (-row[0] / row[1], row[2:]))
    return table(
        ("population", "records", "check", "runs"),
        (
            (f"`{name}`", f"{size:,}", f"{monitor}: {check} of `{subject}`", f"{count} of {runs:,}")
            for count, runs, name, size, monitor, check, subject in rows[:TOLD]
        ),
    )


def unjudged_table(cells: Sequence[Cell]) -> str:
    """Healthy windows of which a monitor said nothing: quiet, but no pass."""
    rows = []
    for cell in cells:
        rows += [
            (f"`{cell['population']}`", f"{cell['size']:,}", reason, f"{count} of {cell['runs']:,}")
            for reason, count in most(Tally.from_json(cell).reasons, 2)
        ]
    return table(("population", "records", "reason", "runs"), rows)


# --- power -------------------------------------------------------------------------------------------------------------


def power_table(cells: Sequence[Cell]) -> str:
    """Smallest changes found, side by side."""
    order = {change.name: place for place, change in enumerate(changes.CHANGES)}
    rows = sorted(cells, key=lambda cell: (order[cell["change"]], cell["size"]))
    return table(
        ("change", "records", *WHO.values()),
        ((changes.find(c["change"]).what, f"{c['size']:,}", *(smallest(c.get(who)) for who in WHO)) for c in rows),
    )


def smallest(found: Cell | None) -> str:
    """A peer's other numbers are with thresholds of its own: none of the same healthy windows rings, or as few as ours may."""
    if found is None:
        return "not measured"
    if "skipped" in found:
        return str(found["skipped"])
    text = f"{size_of(found['smallest'])} ({found['false_alarms']:.0%})"
    return text + "".join(f", {word} {size_of(found[key])}" for key, word in OWN_THRESHOLDS.items() if key in found)


def size_of(size: float | None) -> str:
    """In the change's own unit."""
    return "never" if size is None else "always" if size == 0 else f"{size:.2g}"


def aims(cells: Sequence[Cell]) -> str:
    """Where the aim is missed; that nobody knows where no peer was measured."""
    told = [cell.get(peer, {}) for cell in cells for peer in power.PEERS]
    if not any(AT_EQUAL in found for found in told):
        return "not known, since no peer is measured yet"
    missed = ", ".join(aims_missed(cells)) or "nowhere among the cells above"
    unknown = sum(not found for found in told)
    return f"{missed}; not known of {unknown} that are not measured" if unknown else missed


def aims_missed(cells: Sequence[Cell]) -> list[str]:
    """Where a peer that rings as rarely as ours may finds a smaller change than we do."""
    missed = []
    for cell in cells:
        ours = cell.get("calibrated", {}).get("smallest")
        for peer in power.PEERS:
            theirs = cell.get(peer, {}).get(AT_EQUAL)
            if theirs and (ours is None or theirs < ours * changes.find(cell["change"]).step ** -2):
                missed.append(f"{cell['change']} at {cell['size']:,}: {power.PEERS[peer]}")
    return missed
