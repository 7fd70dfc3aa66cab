"""What the pieces of work found, put together for publication."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.__main__ import machine
from benchmarks.calibration import populations, replay
from benchmarks.calibration.replay import Tally


def read_lines(file: Path) -> Iterator[dict[str, Any]]:
    """What was done before."""
    if file.exists():
        yield from map(json.loads, file.read_text().splitlines())


def results_of(replayed: Path, power: Path, peers: Path) -> dict[str, Any]:
    """Everything that is known, as it is published."""
    found = of_lines(read_lines(replayed), (*read_lines(power), *read_lines(peers)))
    return {"machine": machine(), "baseline_records": replay.BASELINE_RECORDS} | found


def of_lines(replayed: Iterable[dict[str, Any]], measured: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Tallies by population and size, and power by size, change and who found it."""
    tallies: dict[tuple[str, int], Tally] = {}
    for line in replayed:
        name, size, _ = line["key"].split("/")
        tallies.setdefault((name, int(size)), Tally()).add(Tally.from_json(line["result"]))
    found: dict[int, dict[str, dict[str, Any]]] = {}
    for line in measured:
        size = int(line["key"].rpartition("/")[2])
        for change, told in line["result"].items():
            found.setdefault(size, {}).setdefault(change, {}).update(told)
    names = [population.name for population in populations.POPULATIONS]
    cells = sorted(tallies, key=lambda cell: (cell[1], names.index(cell[0])))
    return {
        "replay": [{"population": name, "size": size, **tallies[name, size].to_json()} for name, size in cells],
        "power": [
            {"size": size, "change": change, **found[size][change]}
            for size in sorted(found)
            for change in sorted(found[size])
        ],
    }


def joined(known: dict[str, Any], new: dict[str, Any], *, adds: bool = False) -> dict[str, Any]:
    """Published results with new ones: cells of the null replay with no fewer runs take the place of known ones, others stay.

    Args:
        adds: the new runs are further rounds (`--first-round`), counted beside the known ones.
    """
    cells = {(cell["population"], cell["size"]): cell for cell in known["replay"]}
    for cell in new["replay"]:
        place = cell["population"], cell["size"]
        if adds and place in cells:
            cell = {"population": place[0], "size": place[1], **total([cells[place], cell]).to_json()}
        if cell["runs"] >= cells.get(place, cell)["runs"]:
            cells[place] = cell
    found = {(cell["change"], cell["size"]): cell for cell in known["power"]}
    for cell in new["power"]:
        found[cell["change"], cell["size"]] = found.get((cell["change"], cell["size"]), {}) | cell
    names = [population.name for population in populations.POPULATIONS]
    replayed = sorted(cells.values(), key=lambda cell: (cell["size"], names.index(cell["population"])))
    power = sorted(found.values(), key=lambda cell: (cell["size"], cell["change"]))
    return {**new, "replay": replayed, "power": power}


def total(cells: Sequence[dict[str, Any]]) -> Tally:
    """Several cells as one."""
    tally = Tally()
    for cell in cells:
        tally.add(Tally.from_json(cell))
    return tally


def most(counter: Counter[str], count: int) -> list[tuple[str, int]]:
    """The largest, ties in order of their names."""
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:count]
