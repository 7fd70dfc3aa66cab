"""Who is told: everybody's topic, and those for some endpoints or for what is urgent.

Environment: ROUTES, a list of {"topic", "endpoints" ([]: all), "severities"}; only where there are some.
"""

from __future__ import annotations

import json
import os

URGENT, NOTICE = "urgent", "notice"
NOTICES = (  # types of checks that wake nobody; what is not here is urgent
    "baseline_drift_check",
    "prediction_drift_check",
    "bias_drift_check",
    "feature_attribution_drift_check",
    "custom_metric_check",
)


def severity(causes: tuple[str, ...] | list[str]) -> str:
    """Of what is wrong together. causes: `data_quality: baseline_drift_check`, or `error`."""
    kinds = [cause.rpartition(": ")[2] for cause in causes]
    return NOTICE if kinds and all(kind in NOTICES for kind in kinds) else URGENT


def topics(everybody: str, endpoint: str, how: str) -> list[str]:
    """Where a message goes, each topic once."""
    routes = json.loads(os.environ.get("ROUTES") or "[]")
    more = [
        route["topic"]
        for route in routes
        if (not route["endpoints"] or endpoint in route["endpoints"]) and how in route["severities"]
    ]
    return list(dict.fromkeys([everybody, *more]))
