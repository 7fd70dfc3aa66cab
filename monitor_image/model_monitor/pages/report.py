"""report.html: one run on one page, made of report.json alone. It refers to nothing outside and runs no script."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from model_monitor.contract import LINKS, REPORT_FILE, REPORT_PAGE, REPORT_VERSION, MonitoringType
from model_monitor.errors import SettingsError
from model_monitor.outputs import files
from model_monitor.pages import around, drawing, telling
from model_monitor.words import BY_CHANCE, NO_VALUE, counted, moment, number, share

if TYPE_CHECKING:  # loaded by who draws, not by every run
    from jinja2 import Template

TEMPLATE: Final = "report.html.j2"
BETWEEN_DIGITS: Final = re.compile(r"(?<=\d)_(?=\d)")
Z_95: Final = 1.959964
CONSTANT_END: Final = "_best_constant_classifier"
ENDS: Final = {"r2": (-math.inf, 1.0)} | dict.fromkeys(("mae", "mse", "rmse"), (0.0, math.inf))  # all others are shares
MOST_LABELS: Final = 20  # of a confusion matrix that a page shows
RANKED: Final = 10  # features of an attribution


def read(path: Path) -> dict[str, Any]:
    """A run's report; a folder stands for the one in it. Raises: SettingsError when it is none of this version."""
    file = path / REPORT_FILE if path.is_dir() else path
    try:
        content = orjson.loads(file.read_bytes())
    except OSError as error:
        raise SettingsError(str(file), f"cannot be read ({error.strerror}).", f"Name a {REPORT_FILE}.") from error
    except orjson.JSONDecodeError as error:
        raise SettingsError(str(file), "is no JSON.", f"Name a {REPORT_FILE}.") from error
    if not isinstance(content, dict) or content.get("version") != REPORT_VERSION or "monitors" not in content:
        raise SettingsError(
            str(file), f"is no {REPORT_FILE} of version {REPORT_VERSION}.", "Name one that a run wrote."
        )
    return content


def write(path: Path, target: Path | None = None) -> Path:
    """Draw a report beside itself, or where it is said; where the page is. Raises: SettingsError, OutputError."""
    content = page_of(path)
    folder = path if path.is_dir() else path.parent
    return files.write_bytes(target or folder / REPORT_PAGE, content.encode("utf-8", "replace"))


def page_of(path: Path) -> str:
    """The page of a report in a folder; an index above it knows the windows before. Raises: SettingsError."""
    found = around.of(path / REPORT_FILE if path.is_dir() else path)
    return page(read(path), *found)


def page(report: Mapping[str, Any], since: str = "", stands: Mapping[tuple[str, str], str] | None = None) -> str:
    """The whole page. since, stands: how long it has been so, and each violation, where windows before it are known."""
    monitors = {monitor["type"]: monitor for monitor in report["monitors"]}
    return template(TEMPLATE).render(
        report=report,
        since=since or telling.alone(report),
        head=telling.head(report),
        sentence=telling.sentence(report),
        changes=telling.changes(report, stands),
        steps=telling.steps(report),
        links=_links(report),
        judged_as=_judged_as(report),
        features=features(monitors.get(MonitoringType.DATA_QUALITY)),
        quality=quality(monitors.get(MonitoringType.MODEL_QUALITY)),
        bias=bias(monitors.get(MonitoringType.MODEL_BIAS)),
        attribution=attribution(monitors.get(MonitoringType.MODEL_EXPLAINABILITY)),
        width=drawing.WIDTH,
        height=drawing.HEIGHT,
    )


def _judged_as(report: Mapping[str, Any]) -> str:
    """How many records the window tells as much as; "" where that is all of them, and of a baseline."""
    effect = report.get("design_effect")
    return (
        ""
        if effect is None or report["kind"] == "baseline"
        else counted(round(report["reading"]["records"] / effect), "record")
    )


def _links(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Where to look on. A report is a file that anybody may have written: of its addresses only the web's are links."""
    given = report.get("links") or {}
    return [(name, given[name]) for name in LINKS if str(given.get(name, "")).startswith("https://")]


@cache
def template(name: str) -> Template:
    """One of ours, which shows every text as text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": told, "share": share, "words": words, "moment": moment}
    return environment.get_template(name)


def told(value: object) -> str:
    """A number as people read it; whole ones without decimals."""
    if value is None:
        return NO_VALUE
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
            return f"{int(value):,}"
        return number(value)
    return str(value)


def words(value: str) -> str:
    """A name of ours without its underscores; one between digits is a point, as in F0.5."""
    return BETWEEN_DIGITS.sub(".", value).replace("_", " ")


def features(monitor: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Features by drift, those of violated checks first."""
    if monitor is None:
        return []
    pictures = {each["name"]: each for each in monitor.get("pictures", {}).get("features", ())}
    checks: dict[str, list[Mapping[str, Any]]] = {}
    for check in monitor.get("checks", ()):
        checks.setdefault(check["subject"], []).append(check)
    found = []
    for feature in monitor["summary"].get("features", ()):
        drawn, own = pictures.get(feature["name"]), checks.get(feature["name"], [])
        drift = next((check for check in own if check["check_type"] == "baseline_drift_check"), None)
        found.append(
            {
                **feature,
                "checks": own,
                "violated": [check for check in own if check["outcome"] == "violated"],
                "drift": drift,
                "by_chance": drift is not None
                and drift["outcome"] == "held"
                and drift["sentence"].startswith(BY_CHANCE),
                "bars": None if drawn is None else drawing.bars(drawn),
                "rows": [] if drawn is None else drawing.rows(drawn),
            }
        )
    return sorted(found, key=lambda one: (not one["violated"], -(one.get("distance") or -1.0)))


def quality(monitor: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Metrics beside the baseline's, with intervals; matrix, curves and scores."""
    if monitor is None or not monitor["summary"].get("metrics"):
        return None
    summary, checks = monitor["summary"], {check["subject"]: check for check in monitor.get("checks", ())}
    metrics = [
        {**metric, "check": checks.get(metric["name"]), "interval": _interval(metric)}
        for metric in summary["metrics"]
        if not metric["name"].endswith(CONSTANT_END)
    ]
    matrix, curves = summary.get("confusion_matrix") or {}, summary.get("curves") or {}
    roc = curves.get("receiver_operating_characteristic_curve", {})
    return {
        "summary": summary,
        "metrics": metrics,
        "matrix": _matrix(matrix) if 0 < len(matrix) <= MOST_LABELS else None,
        "labels": list(matrix),
        "roc": drawing.curve(roc.get("false_positive_rates", ()), roc.get("true_positive_rates", ())),
        "scores": [
            {**each, "path": drawing.histogram(each["histogram"]["counts"])}
            for each in summary.get("predictions", ())
            if each.get("histogram")
        ],
    }


def _interval(metric: Mapping[str, Any]) -> tuple[float, float] | None:
    """Of 95 %, from the standard error."""
    value, error = metric["value"], metric.get("standard_error")
    if value is None or error is None:
        return None
    least, most = ENDS.get(metric["name"], (0.0, 1.0))
    return max(value - Z_95 * error, least), min(value + Z_95 * error, most)


def _matrix(matrix: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    """Rows of actual labels; of each cell its share of the row."""
    rows = []
    for actual, said in matrix.items():
        total = sum(said.values())
        cells = [(count, count / total if total else 0.0, actual == label) for label, count in said.items()]
        rows.append({"label": actual, "cells": cells})
    return rows


def bias(monitor: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Each group with its metrics, and the checks about them."""
    if monitor is None:
        return []
    checks = {check["subject"]: check for check in monitor.get("checks", ())}
    return [_group(facet, checks) for facet in monitor["summary"].get("facets", ())]


def _group(facet: Mapping[str, Any], checks: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """One group: each metric with the check about it, which is called `DI of Sex 0`."""
    name = " ".join(filter(None, (facet["facet"], facet["group"])))
    metrics = [
        {"stage": stage, "name": metric, "value": found["value"], "check": checks.get(f"{metric} of {name}")}
        for stage in ("pre", "post")
        for metric, found in facet.get(stage, {}).items()
    ]
    violated = [each["check"] for each in metrics if each["check"] and each["check"]["outcome"] == "violated"]
    return {**facet, "metrics": metrics, "violated": violated}


def attribution(monitor: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Of each label the features that decide most, now and then, with their shares of the largest."""
    if monitor is None:
        return []
    then, checks = monitor.get("pictures", {}).get("baseline", {}), {c["subject"]: c for c in monitor.get("checks", ())}
    labels = []
    for label in monitor["summary"].get("labels", ()):
        sides = (then.get(label["name"], {}), label.get("attributions") or {})
        labels.append({**label, "rankings": _rankings(*sides), "check": checks.get(label["name"])})
    return labels


def _rankings(then: Mapping[str, float], now: Mapping[str, float]) -> list[dict[str, Any]]:
    """The first features of either side, by today's weight."""
    places = [_places(side) for side in (then, now)]
    largest = [
        max((abs(value) for value in side.values() if is_finite(value)), default=0.0) or 1.0 for side in (then, now)
    ]
    chosen = [
        name for name in dict.fromkeys((*now, *then)) if min(place.get(name, RANKED) for place in places) < RANKED
    ]
    chosen.sort(key=lambda name: (places[1].get(name, len(now)), places[0].get(name, len(then))))
    return [
        {
            "name": name,
            "then": _side(then, name, places[0], largest[0]),
            "now": _side(now, name, places[1], largest[1]),
        }
        for name in chosen
    ]


def _places(side: Mapping[str, float]) -> dict[str, int]:
    ordered: Sequence[str] = sorted(side, key=lambda name: -abs(side[name]) if is_finite(side[name]) else 0.0)
    return {name: place for place, name in enumerate(ordered)}


def _side(side: Mapping[str, float], name: str, places: Mapping[str, int], largest: float) -> dict[str, Any] | None:
    if name not in side or not is_finite(side[name]):
        return None
    return {"rank": places[name] + 1, "value": side[name], "share": 100 * abs(side[name]) / largest}


def is_finite(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def finite(value: object) -> float | None:
    """A number that a table can hold; Clarify's infinite ones are words in a report."""
    return float(value) if is_finite(value) else None  # type: ignore[arg-type]
