"""report.ipynb: a notebook that loads a window's report and draws it with pandas, to go on from by hand.

It names the report and holds nothing of it, so no text of a report is ever code or markup in it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from model_monitor.contract import REPORT_FILE
from model_monitor.outputs import files
from model_monitor.pages import report

CELLS: Final = (  # (id, markdown, code)
    (
        "load",
        "# A window of the model monitor\nNeeds pandas and jinja2. Every table is a view of `report.json`.",
        """import json
from pathlib import Path

import pandas as pd

report = json.loads(Path(PLACE).read_text())
monitors = {monitor["key"]: monitor for monitor in report["monitors"]}
pd.Series({name: report[name] for name in ("endpoint", "schedule", "verdict", "reason", "kind")}).to_frame("report")""",
    ),
    (
        "checks",
        "## Checks\nThose that are violated first.",
        """checks = pd.DataFrame([{"monitor": key, **check} for key, one in monitors.items() for check in one.get("checks", [])])
columns = ["monitor", "check_type", "subject", "outcome", "observed", "allowed", "allowance", "sentence"]
order = {"violated": 0, "held": 1, "not_evaluated": 2}
if len(checks):
    checks = checks.sort_values("outcome", key=lambda outcomes: outcomes.map(order), kind="stable")[columns]
checks""",
    ),
    (
        "features",
        "## Features, by drift",
        """features = pd.DataFrame(monitors.get("data_quality", {}).get("summary", {}).get("features", []))
if len(features):
    features = features.set_index("name")
    features["distance"] = pd.to_numeric(features.get("distance"))
    features = features.sort_values("distance", ascending=False)
drawn = features.style.bar(subset=["distance"], vmin=0, vmax=1) if len(features) else features
drawn""",
    ),
    (
        "distributions",
        "## Distributions: the baseline beside the window\nShares of each bin or category. Restricted features are not there.",
        """pictures = monitors.get("data_quality", {}).get("pictures", {}).get("features", [])
parts = []
for feature in pictures:
    places = feature.get("categories") or feature["bounds"][:-1]
    part = pd.DataFrame({side: feature[side] for side in ("baseline", "window")}, index=places)
    parts.append((part / part.sum()).assign(feature=feature["name"]).set_index("feature", append=True).swaplevel())
shares = pd.concat(parts) if parts else pd.DataFrame(columns=["baseline", "window"], dtype=float)
shares.style.bar(vmin=0, vmax=1).format("{:.1%}")""",
    ),
    (
        "metrics",
        "## Metrics of the model, and of groups",
        """measured = checks[checks["monitor"] != "data_quality"] if len(checks) else checks
measured""",
    ),
)


def write(path: Path, target: Path) -> Path:
    """A notebook about a report, which it finds from its own folder. Raises: SettingsError of what is none, OutputError."""
    report.read(path)
    file = path / REPORT_FILE if path.is_dir() else path
    return files.write_json(target, content(Path(os.path.relpath(file, target.parent)).as_posix()))


def content(place: str) -> dict[str, Any]:
    """The notebook's own format, version 4.5. place: of the report, from the notebook's folder."""
    cells: list[dict[str, Any]] = []
    for name, text, code in CELLS:
        cells.append({"cell_type": "markdown", "id": f"{name}-text", "metadata": {}, "source": text})
        source = code.replace("PLACE", repr(place))
        about: dict[str, Any] = {"execution_count": None, "metadata": {}, "outputs": []}
        cells.append({"cell_type": "code", "id": name, **about, "source": source})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
