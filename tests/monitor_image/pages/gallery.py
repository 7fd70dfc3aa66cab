"""One page of each kind, of made-up windows: what people see of every verdict, over time, and of a fleet."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from model_monitor.pages import history, index, report, stretches
from tests.monitor_image.pages.test_answers import ANSWERS
from tests.monitor_image.pages.test_index import put, window
from tests.monitor_image.pages.test_report import of

LABELS = {"spruce": 0.81, "pine": 0.99}


def rich() -> dict[str, Any]:
    """A violated window with every part that a page can have."""
    content = copy.deepcopy(ANSWERS["violated"][0])
    labelled = of("labelled")
    quality = labelled["monitors"][1]
    check = {**quality["checks"][0], "distance": None, "p_value": None, "allowance": 0.05}
    content["monitors"] += [quality, _bias(check, quality), _attribution(check, quality)]
    content["ground_truth"] = labelled["ground_truth"]
    return content


def _bias(check: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
    found = {
        "check_type": "bias_drift_check",
        "subject": "DPPL of area south",
        "outcome": "violated",
        "observed": 0.31,
        "allowed": 0.1,
        "baseline": 0.04,
        "sentence": "Difference in Positive Proportions in Predicted Labels 0.04 -> 0.31",
    }
    facet = {"facet": "area", "group": "south", "value_or_threshold": "south", "reason": "", "advantaged": 70}
    values = {"pre": {"CI": {"value": 0.4}}, "post": {"DPPL": {"value": 0.31}, "DI": {"value": "Infinity"}}}
    summary = {"facets": [{**facet, "disadvantaged": 30, **values}]}
    return {
        **like,
        "type": "ModelBias",
        "key": "model_bias",
        "verdict": "violated",
        "checks": [{**check, **found}],
        "summary": summary,
    }


def _attribution(check: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
    then = {"Elevation": 0.6, "Slope": 0.2, "Area": 0.1, "Income": 0.05}
    now = {"Slope": 0.7, "Elevation": 0.3, "Area": 0.1, "Income": 0.01}
    checks = [
        {
            **check,
            "check_type": "feature_attribution_drift_check",
            "subject": name,
            "outcome": "violated" if ndcg < 0.95 else "held",
            "observed": ndcg,
            "allowed": 0.95,
            "sentence": "rank of Slope 2 -> 1, rank of Elevation 1 -> 2" if ndcg < 0.95 else "",
        }
        for name, ndcg in LABELS.items()
    ]
    labels = [
        {"name": name, "ndcg": ndcg, "expected_value": 0.1, "attributions": now if ndcg < 0.95 else then}
        for name, ndcg in LABELS.items()
    ]
    pictures = {"baseline": dict.fromkeys(LABELS, then)}
    about = {"type": "ModelExplainability", "key": "model_explainability", "verdict": "violated", "checks": checks}
    return {**like, **about, "summary": {"labels": labels}, "pictures": pictures}


def draw(folder: Path) -> dict[str, Path]:
    """Name → page: one of each verdict, of a schedule, of a fleet."""
    pages = {}
    for verdict, (left, _) in ANSWERS.items():
        windows = [window(0), window(1), rich() if verdict == "violated" else left]
        runs = [run for content in windows if (run := history.run_of(content, "")) is not None]
        pages[verdict] = folder / f"{verdict}.html"
        pages[verdict].write_text(report.page(windows[-1], stretches.since(runs, runs[-1])))
    verdicts = ("ok", "ok", "no_data", "violated", "error", "insufficient_data", "waiting", "ok", "violated")
    hours = [window(hour, verdict) for hour, verdict in enumerate(verdicts)]
    for content in hours[4:]:
        for monitor in content["monitors"]:
            monitor["baseline"]["version"] = "v2"
    put(folder / "over_time", hours)
    pages["over_time"] = index.write(folder / "over_time")
    put(folder / "fleet", [*hours[:-2], *(window(hour, endpoint="quiet") for hour in range(9))])
    pages["fleet"] = index.write(folder / "fleet")
    return pages
