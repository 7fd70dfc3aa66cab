"""`python -m benchmarks.calibration.publish`: the last results into benchmarks/calibration.json and docs/calibration.md.

A cell with no fewer runs than the published one takes its place; all others stay.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Final

from benchmarks.calibration.__main__ import BUILD, ROOT
from benchmarks.calibration.page import page
from benchmarks.calibration.results import joined

RESULTS: Final = ROOT / "benchmarks" / "calibration.json"
PAGE: Final = ROOT / "docs" / "calibration.md"


def main(arguments: list[str] | None = None) -> int:
    """Take over what `make calibrate` left, if it ran here, and write the page anew."""
    top = argparse.ArgumentParser(prog="python -m benchmarks.calibration.publish", description=__doc__)
    top.add_argument(
        "--add", action="store_true", help="the runs are further rounds (--first-round) of published cells"
    )
    options, found = top.parse_args(arguments), BUILD / "results.json"
    if found.exists():
        results = joined(published(), json.loads(found.read_text()), adds=options.add)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    PAGE.write_text(page(published()))
    print(f"{RESULTS}\n{PAGE}")
    return 0


def published() -> dict[str, Any]:
    """The committed results."""
    results: dict[str, Any] = json.loads(RESULTS.read_text())
    return results


if __name__ == "__main__":
    sys.exit(main())
