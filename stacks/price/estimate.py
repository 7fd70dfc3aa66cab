"""The monthly estimate in words, and what a declared budget says of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from stacks.price import reckoning
from stacks.price.lists import prices
from stacks.price.reckoning import Item
from stacks.settings.environment import Settings

LARGEST: Final = 5  # items that an error names
KINDS: Final = (  # in the order of columns
    "runs",
    "state machine",
    "requests",
    "metrics",
    "alarms",
    "storage",
    "capture",
    "endpoint",
    "dashboard",
    "keys",
    "VPC endpoints",
)
SHARED: Final = "(shared)"


def templates_of(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """Stack name → template, of a synthesized assembly."""
    found = sorted(folder.glob("*.template.json"))
    return {path.name.removesuffix(".template.json"): json.loads(path.read_text()) for path in found}


def text(settings: Settings, items: Sequence[Item]) -> str:
    """A line an endpoint, a column a kind, and the sum."""
    kinds = [kind for kind in KINDS if any(item.kind == kind for item in items)]
    rows = [[environment_line(settings), *kinds, "sum"]]
    for name in (*settings.endpoints, ""):
        own = [item for item in items if item.of == name]
        rows.append(
            [name or SHARED, *(_dollars(item for item in own if item.kind == kind) for kind in kinds), _dollars(own)]
        )
    rows.append(["sum", *(_dollars(item for item in items if item.kind == kind) for kind in kinds), _dollars(items)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(kinds) + 2)]
    lines = [
        "  ".join(
            cell.rjust(width) if n else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    unknown = sorted({item.what.partition(" (")[0] for item in items if "no price in" in item.what})
    notes = [f"  without a price: {what}" for what in unknown]
    return "\n".join(
        [
            *lines,
            *notes,
            f"  prices of {prices()['date']}, stacks/price/prices.json; traffic as each endpoint's `traffic` says",
        ]
    )


def environment_line(settings: Settings) -> str:
    return f"{settings.environment}: dollars a month"


def faults(settings: Settings, items: Sequence[Item]) -> Iterator[str]:
    """What is above the declared budget, with what is largest in it."""
    budget = settings.budget
    if budget is None:
        return
    own = [item for item in items if item.kind not in reckoning.SERVING]
    for path, bound, counted in (
        ("dollars", budget.dollars, items),
        ("monitoring_dollars", budget.monitoring_dollars, own),
    ):
        if bound is not None and reckoning.total(counted) > bound:
            yield (
                f"budget.{path}: the estimate is {reckoning.total(counted):,.2f} dollars a month and the budget {bound:,}; "
                f"the largest: {_largest(counted)}. Raise the budget, or lower one of these"
            )
    count = {
        f"{name}-{monitor_name}": reckoning.series(endpoint, monitor)
        for name, endpoint in settings.endpoints.items()
        for monitor_name, monitor in endpoint.monitors.items()
    }
    if budget.metrics is not None and sum(count.values()) > budget.metrics:
        most = sorted(count.items(), key=lambda each: -each[1])[:LARGEST]
        told = ", ".join(f"{name} {number}" for name, number in most)
        yield (
            f"budget.metrics: {sum(count.values())} series are published and the budget is {budget.metrics}; the most: {told}. "
            "Leave metrics.level at alarms, name fewer critical features, or raise the budget"
        )


def _largest(items: Sequence[Item]) -> str:
    most = sorted(items, key=lambda item: -item.dollars)[:LARGEST]
    return ", ".join(f"{item.of or 'shared'}, {item.kind}, {item.what} {item.dollars:,.2f}" for item in most)


def _dollars(items: Any) -> str:
    return f"{reckoning.total(items):,.2f}"
