"""The record of a retraining as one page for people: how it ended, why, what both models were worth, what the new one was made
of. Pure: no AWS calls, no clock. Every text is escaped; no row of the data is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}"
    "td,th{border-bottom:1px solid #ddd;padding:.3rem .6rem;text-align:left;vertical-align:top}"
    "td{overflow-wrap:anywhere}"
)
Row = Sequence[Any]


def page(record: Mapping[str, Any], comparison: Mapping[str, Any] | None, manifest: Mapping[str, Any] | None) -> str:
    """comparison, manifest: as the run left them; None where it did not come so far."""
    title = f"{record['endpoint']}: retraining {record['result'].replace('_', ' ')}"
    parts = [
        f"<h1>{escape(title)}</h1><p>{escape(record['reason'])}</p>",
        _table("What it was", ("", ""), _facts(record)),
    ]
    if comparison is not None:
        parts.append(_table("Both models on the same held-out rows", MODELS, _models(comparison)))
        if slices := list(_slices(comparison)):
            parts.append(_table("Slices and facets", ("Where", *MODELS[1:], "Outcome"), slices))
    if manifest is not None:
        parts.append(_table("What it was made of", ("Channel", "Labels by", "Objects", "Bytes"), _channels(manifest)))
        if left_out := [(each["start"], each["end"], each["reason"]) for each in manifest["left_out"]]:
            parts.append(_table("Windows that were left out", ("From", "To", "Why"), left_out))
    body = "".join(parts)
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>\n'


MODELS = ("Metric", "Champion", "Challenger")


def _facts(record: Mapping[str, Any]) -> Iterator[Row]:
    names = {
        "run": "Run",
        "why": "Why it ran",
        "started_by": "Started by",
        "mode": "Mode",
        "started": "Started",
        "ended": "Ended",
        "artifact": "Artefact",
        "package_arn": "Package",
        "manifest": "Manifest of its rows",
        "comparison_uri": "Comparison",
        "version": "Baseline",
    }
    yield from ((label, record[name]) for name, label in names.items() if record.get(name))
    if decision := record.get("decision"):
        yield "Decision", f"{decision.get('pk', '')} {decision.get('sk', '')}"
    if champion := record.get("champion"):
        yield "Served before", champion.get("artifact", "")
    if status := (record.get("approval") or {}).get("status"):
        yield "Approval", status


def _models(comparison: Mapping[str, Any]) -> Iterator[Row]:
    """The metric that decided first, then all others that are numbers."""
    metric = comparison["metric"]
    interval = comparison.get("interval")
    beside = f" (a difference of {_figure(interval[0])} to {_figure(interval[1])})" if interval else ""
    yield f"{metric}, which decided", comparison["champion"], f"{_figure(comparison['challenger'])}{beside}"
    of_both = comparison.get("metrics", {})
    theirs, ours = of_both.get("champion", {}), of_both.get("challenger", {})
    for name in ours:
        if name != metric and isinstance(ours[name], Mapping) and "value" in ours[name]:
            yield name, (theirs.get(name) or {}).get("value"), ours[name]["value"]


def _slices(comparison: Mapping[str, Any]) -> Iterator[Row]:
    for each in comparison.get("slices", ()):
        yield _outcome(f"{each['feature']} {each['group']}", each)
    for each in comparison.get("fairness", ()):
        yield _outcome(f"{each['metric']} of {each['facet']} {each['group']}", each)


def _outcome(where: str, each: Mapping[str, Any]) -> Row:
    said = each["outcome"].replace("_", " ")
    return (
        where,
        each.get("champion"),
        each.get("challenger"),
        f"{said}: {each['reason']}" if "reason" in each else said,
    )


def _channels(manifest: Mapping[str, Any]) -> Iterator[Row]:
    for name, objects in manifest["channels"].items():
        counts: Counter[str] = Counter(each.get("source", "") for each in objects)
        for source, count in sorted(counts.items()):
            size = sum(each["bytes"] for each in objects if each.get("source", "") == source)
            yield name, source, count, size


def _table(title: str, head: Sequence[str], rows: Iterable[Row]) -> str:
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(_figure(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<h2>{escape(title)}</h2><table><tr>{cells}</tr>{lines}</table>"


def _figure(value: Any) -> str:
    if value is None:
        return "undefined"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
