"""comparison.json: all that is known of two models, and the verdict."""

from __future__ import annotations

from typing import Any, Final

from model_monitor.comparison.fairness import Disparity
from model_monitor.comparison.outcomes import gain_sign
from model_monitor.comparison.reading import MODELS
from model_monitor.comparison.verdict import Comparison, Slice, oriented
from model_monitor.contract import COMPARISON_VERSION
from model_monitor.monitors.model_bias.files import number
from model_monitor.monitors.model_bias.statistics import BiasStatistics, Entry
from model_monitor.monitors.model_quality.files import MATRIX, MATRIX_LABELS, matrix
from model_monitor.monitors.model_quality.metrics import Quality

HEAD: Final = ("verdict", "reason", "metric", "champion", "challenger", "difference", "interval", "records")


def document(comparison: Comparison) -> dict[str, Any]:
    """The content of the file. A number that is undefined is null."""
    options, found, paired = comparison.options, comparison.found, comparison.paired
    sign = gain_sign(comparison.metric)
    return {
        "version": COMPARISON_VERSION,
        "verdict": comparison.verdict.value,
        "reason": comparison.reason,
        "problem_type": found.outcomes.type.value,
        "metric": comparison.metric,
        "better_when": "greater" if sign > 0 else "less",
        "champion": paired and paired.champion,
        "challenger": paired and paired.challenger,
        "difference": paired and sign * paired.gain.value,
        "interval": paired and list(oriented(comparison.metric, paired.gain.interval(options.confidence))),
        "confidence": options.confidence,
        "margin": options.margin,
        "max_slice_loss": options.max_slice_loss,
        "max_bias_loss": options.max_bias_loss,
        "records": len(found.outcomes),
        "rows": {
            "held_out": found.records,
            "labelled": found.labelled,
            "unanswered": dict(zip(MODELS, found.unanswered, strict=True)),
        },
        "slices": [_slice(each, comparison.metric) for each in comparison.slices],
        "metrics": {name: _metrics(quality) for name, quality in zip(MODELS, comparison.qualities, strict=True)},
        "bias": None if comparison.bias is None else _bias(*comparison.bias),
        "fairness": [_fairness(each) for each in comparison.fairness],
    }


def head(content: dict[str, Any]) -> dict[str, Any]:
    """What a caller decides by."""
    return {key: content[key] for key in HEAD}


def _slice(each: Slice, metric: str) -> dict[str, Any]:
    told: dict[str, Any] = {"feature": each.feature, "group": each.group, "records": each.records}
    if each.paired is None:
        return told | {"outcome": "not_judged", "reason": each.reason}
    gain = each.paired.gain
    return told | {
        "outcome": "worse" if each.is_worse else "held",
        "champion": each.paired.champion,
        "challenger": each.paired.challenger,
        "difference": gain_sign(metric) * gain.value,
        "interval": list(oriented(metric, gain.interval(each.confidence))),
        "confidence": each.confidence,
    }


def _fairness(each: Disparity) -> dict[str, Any]:
    group, rest = each.records
    told: dict[str, Any] = {
        "facet": each.facet,
        "group": each.group,
        "metric": each.metric,
        "records": group,
        "others": rest,
    }
    if each.reason:
        return told | {"outcome": "not_judged", "reason": each.reason}
    return told | {
        "outcome": "worse" if each.is_worse else "held",
        "champion": number(each.champion),
        "challenger": number(each.challenger),
        "loss": each.loss,
        "chance": each.chance,
    }


def _metrics(quality: Quality) -> dict[str, Any]:
    values = {
        name: {"value": value, "standard_error": quality.errors.get(name)} for name, value in quality.values.items()
    }
    return values | ({MATRIX: matrix(quality)} if 0 < len(quality.labels) <= MATRIX_LABELS else {})


def _bias(champion: BiasStatistics, challenger: BiasStatistics) -> dict[str, list[dict[str, Any]]]:
    """By facet each group, with the metrics of both models."""
    theirs = {(entry.facet, entry.stable_text): entry for entry in champion.entries}
    facets: dict[str, list[dict[str, Any]]] = {}
    for entry in challenger.entries:
        before = theirs.get((entry.facet, entry.stable_text))
        facets.setdefault(entry.facet, []).append(_group(before, entry))
    return facets


def _group(before: Entry | None, now: Entry) -> dict[str, Any]:
    names = dict.fromkeys((*(before.post if before else ()), *now.post))
    told = {"value_or_threshold": now.text, "reason": now.reason} if now.reason else {"value_or_threshold": now.text}
    return told | {
        "metrics": [{"name": name, "champion": _value(before, name), "challenger": _value(now, name)} for name in names]
    }


def _value(entry: Entry | None, name: str) -> float | str | None:
    found = entry.post.get(name) if entry else None
    return None if found is None else number(found.value)
