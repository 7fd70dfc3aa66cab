"""`python -m benchmarks.publish`: the last results into results.json, the README's five rows, docs/capacity.md and price.md."""

from __future__ import annotations

import json
import sys
from typing import Any

from benchmarks import capacity, cells, headlines, jobs

HERE = jobs.ROOT / "benchmarks"
RESULTS, MACHINE = HERE / "results.json", HERE / "machine.json"
PRICES = jobs.ROOT / "stacks" / "price" / "prices.json"  # one list for all pages
README, PAGE = jobs.ROOT / "README.md", jobs.ROOT / "docs" / "capacity.md"
PRICE_PAGE = jobs.ROOT / "docs" / "price.md"
START, END = "<!-- bench:start -->\n", "<!-- bench:end -->"


def main() -> int:
    """Take over what `make bench` left, if it ran here, and write the pages anew."""
    for published in (RESULTS, MACHINE):
        found = jobs.BUILD / published.name
        if found.exists():
            published.write_bytes(found.read_bytes())
    README.write_text(with_headlines(README.read_text(), *published_results()))
    PAGE.write_text(capacity.page(*published_results(), json.loads(PRICES.read_text())))
    PRICE_PAGE.write_text(price_page())
    print(f"{README}\n{PAGE}\n{PRICE_PAGE}")
    return 0


def price_page() -> str:
    """docs/price.md, of a synthesis: the CDK is imported only here."""
    from benchmarks import price
    from stacks.price import reckoning

    chosen = price.typical()
    return price.page(reckoning.items(chosen, price.templates_of(chosen)))


def published_results() -> tuple[list[cells.Cell], dict[str, Any]]:
    """The committed results and the machine they come from."""
    return json.loads(RESULTS.read_text()), json.loads(MACHINE.read_text())


def with_headlines(text: str, results: list[cells.Cell], machine: dict[str, Any]) -> str:
    """The text with the five rows between the two markers."""
    before, _, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{README}: the lines {START.strip()} and {END} are missing.")
    return f"{before}{START}\n{headlines.table(results)}\n{headlines.about(machine)}.\n\n{END}{after}"


if __name__ == "__main__":
    sys.exit(main())
