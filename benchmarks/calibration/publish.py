"""`python -m benchmarks.calibration.publish`: the last results into benchmarks/calibration.json and docs/calibration.md."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from benchmarks.calibration.__main__ import BUILD, ROOT
from benchmarks.calibration.page import page

RESULTS: Final = ROOT / "benchmarks" / "calibration.json"
PAGE: Final = ROOT / "docs" / "calibration.md"


def main() -> int:
    """Take over what `make calibrate` left, if it ran here, and write the page anew."""
    found = BUILD / "results.json"
    if found.exists():
        RESULTS.write_bytes(found.read_bytes())
    PAGE.write_text(page(published()))
    print(f"{RESULTS}\n{PAGE}")
    return 0


def published() -> dict[str, Any]:
    """The committed results."""
    results: dict[str, Any] = json.loads(RESULTS.read_text())
    return results


if __name__ == "__main__":
    sys.exit(main())
