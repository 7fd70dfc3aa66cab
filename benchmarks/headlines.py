"""The five figures that users ask for, from results.json: the README's table. Every cell stands in docs/capacity.md."""

from __future__ import annotations

from typing import Any

from benchmarks.cells import Cell, find

SCAN, PANDAS, SPARK = "wall / native scan", "speed against pandas", "speed against Spark SQL"
JOIN, GROWTH = "with model quality / data quality alone", "peak PSS / peak PSS of csv_1m"


def table(cells: list[Cell]) -> str:
    """Five rows. What was not measured says so, or is left out where it stands beside a figure that was."""

    def told(form: str, job: str, measure: str, name: str = "value") -> str:
        found = find(cells, job, measure)
        return "" if found is None or name not in found else form.format(found[name])

    beside_million = (
        told("{:.1f} times a native scan of the files", "csv_1m", SCAN),
        told("for statistics alone pandas takes {:.0f} times as long", "csv_1m", PANDAS),
        told("Spark SQL {:.0f} times as long", "csv_1m", SPARK),
    )
    beside_memory = (
        told("{:.1f} times that of one million", "csv_10m", GROWTH),
        told("a run of {:.1f} s", "csv_10m", "time / time of csv_1m", "wall_s"),
    )
    rows = (
        ("an hour of a million records (CSV), from capture files to report", _million(cells), beside_million),
        (
            "the same with its labels, data quality and model quality",
            told("{:.1f} s", "join_1m", JOIN, "wall_s"),
            (told("{:.1f} times data quality alone", "join_1m", JOIN),),
        ),
        ("memory of all processes at ten million records", told("{:.0f} MB", "csv_10m", "peak PSS"), beside_memory),
        ("a window of 1,000 records, the whole process", told("{:.2f} s", "small_window", "wall"), ()),
        (
            "start, from the entry point to the first byte read",
            told("{:.2f} s", "startup", "entry point to first byte read"),
            (),
        ),
    )
    lines = (
        f"| {name} | {value or 'not measured'} | {'; '.join(filter(None, beside))} |" for name, value, beside in rows
    )
    return "\n".join(["| | measured | beside it |", "|---|---|---|", *lines]) + "\n"


def _million(cells: list[Cell]) -> str:
    """The medians of our own side, of every pair that it was measured in."""
    seconds = [one["wall_s"] for one in cells if one["job"] == "csv_1m" and "wall_s" in one]
    return f"{min(seconds):.1f} to {max(seconds):.1f} s" if seconds else ""


def about(machine: dict[str, Any]) -> str:
    """What the figures were measured on."""
    processor = f"{machine['cores']} cores of {machine['processor']}"
    return f"{processor}, Python {machine['python']}, {machine['reader']} reader, {machine['date']}"
