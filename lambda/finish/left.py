"""The report of a window that no run left one of: a quiet one, or one whose run ended before it could write.

In the shape of a run's own `report.json`, so that indexes, pages and people find every verdict in the same place. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import runs
from decide import Ended

VERSION = 1  # contract.REPORT_VERSION
NOTHING: dict[str, Any] = {
    "records": 0,
    "events": 0,
    "repeats_approximate": 0,
    "outside_window": 0,
    "rejected": 0,
    "rejected_fraction": 0.0,
    "rejects": {"by_reason": {}, "located": []},
    "tolerated": {},
    "variants": {},
    "first_time": None,
    "last_time": None,
}


def report(plan: Mapping[str, Any], run: Ended) -> dict[str, Any]:
    """plan: what the first step answered, with the time as `now`."""
    time = runs.stamp(datetime.fromisoformat(plan["now"]).astimezone(UTC))
    is_error = run.verdict == "error"
    return {
        "version": VERSION,
        "kind": "monitor",
        "verdict": run.verdict,
        "reason": run.reason,
        "endpoint": plan["endpoint"],
        "schedule": plan["schedule"],
        "window": dict(plan["window"]),
        "dataset": {
            "kind": "capture",
            "files": plan.get("objects", 0),
            "size_bytes": plan.get("bytes", 0),
            "sha256": None,
        },
        "reading": NOTHING,
        "ground_truth": None,
        "monitors": [],
        "provenance": {},
        "error": {"type": "NoReport", "message": run.reason, "place": ""} if is_error else None,
        "run": {
            "started": time,
            "finished": time,
            "seconds": run.seconds,
            "host": "",
            "version": "",
            "workers": 1,
            "reader": "python",
            "dataset_source": "",
            "output_path": plan["report"].rpartition("/")[0],
            "details": {},
        },
    }
