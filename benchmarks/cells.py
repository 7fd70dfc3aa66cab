"""Entries of results.json and the Markdown table made of them."""

from __future__ import annotations

from typing import Any

from benchmarks.jobs import GROWTH, LIMITS, RATIOS, Against, Limit

Cell = dict[str, Any]
NEEDS = {
    "native": "g++ and libsimdjson-dev",
    "spark": "a Java runtime",
    "python_reader": "the compiled reader, which `make setup` builds where a C++ compiler is",
}


def cell(wanted: Against | Limit, value: float, unit: str, runs: int, **measured: float) -> Cell:
    """One measured entry, in the order job, measure, value, unit, runs, must, met; then what it was computed from."""
    is_speedup = isinstance(wanted, Against) and wanted.is_speedup
    is_met = None if wanted.must is None else value >= wanted.must if is_speedup else value <= wanted.must
    return {
        "job": wanted.job,
        "measure": wanted.measure,
        "value": round(value, 3),
        "unit": unit,
        "runs": runs,
        "must": wanted.must,
        "met": is_met,
        "aim": wanted.aim,
        **{name: round(number, 3) for name, number in measured.items()},
    }


def skipped(wanted: Against | Limit, missing: str) -> Cell:
    """An entry that was not measured here, with the tool that is missing, if that is why."""
    why = f"skipped: needs {NEEDS.get(missing, missing)}" if missing else "not measured"
    empty = {"value": None, "unit": "x", "runs": 0, "must": wanted.must, "met": None, "aim": wanted.aim}
    return {"job": wanted.job, "measure": wanted.measure, **empty, "skipped": why}


def merged(before: list[Cell], measured: list[Cell]) -> list[Cell]:
    """Earlier cells with those that were measured again in their places, in the table's order."""
    latest = {(one["job"], one["measure"]): one for one in (*before, *measured)}
    small, large = (latest.get((job, "peak PSS")) for job in ("csv_1m", GROWTH.job))
    if small and large:
        growth = cell(GROWTH, large["value"] / small["value"], "x", min(small["runs"], large["runs"]))
        latest[GROWTH.job, GROWTH.measure] = growth | {"load": large.get("load", "")}
    wanted = [(one.job, one.measure) for one in (*RATIOS, *LIMITS, GROWTH)]
    return [latest[place] for place in wanted if place in latest]


def find(cells: list[Cell], job: str, measure: str) -> Cell | None:
    """The measured cell of a job; None when it is not there or was skipped."""
    found = (one for one in cells if one["job"] == job and one["measure"] == measure and one["value"] is not None)
    return next(found, None)


def row(one: Cell) -> str:
    """A cell as a line of the Markdown table."""
    value = one.get("skipped") or f"{one['value']:g} {one['unit']}"
    took = " / ".join(f"{one[name]:.2f} s" for name in ("wall_s", "other_wall_s") if name in one)
    verdict = {True: "yes", False: "**no**", None: "-"}[one["met"]]
    must, aim = ("" if one.get(name) is None else f"{one[name]:g}" for name in ("must", "aim"))
    return (
        f"| {one['job']} | {one['measure']} | {value} | {must} | {aim} | {verdict} | {took} | {one.get('load', '')} |"
    )


def table(cells: list[Cell]) -> str:
    """The Markdown table of all cells."""
    head = [
        "| job | measure | value | must | aim | met | ours / other, median | load |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows = {(one["job"], one["measure"]): one for one in cells}
    missing = [skipped(one, "") for one in (*RATIOS, *LIMITS, GROWTH) if (one.job, one.measure) not in rows]
    return "\n".join([*head, *map(row, [*cells, *missing])]) + "\n"
