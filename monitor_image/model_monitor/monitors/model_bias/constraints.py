"""Constraints on bias: the metrics of a baseline, which a window's must not exceed in magnitude.

Clarify's analysis.json is both a run's result and the next runs' constraints.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from model_monitor.contract import BIAS_METRICS, CHECK_BIAS_DRIFT, OWN_BLOCK, BiasStage, Decision
from model_monitor.errors import BaselineError
from model_monitor.monitors.conclusion import Check, Outcome
from model_monitor.monitors.model_bias.counted import Counted
from model_monitor.monitors.model_bias.metrics import (
    CLASS_IMBALANCE,
    DESCRIPTIONS,
    FLIP_TEST,
    NO_NEGATIVE,
    NO_POSITIVE,
)
from model_monitor.monitors.model_bias.rule import Rule
from model_monitor.monitors.model_bias.settings import BiasSettings, Bootstrap
from model_monitor.monitors.model_bias.statistics import BiasStatistics, Entry, Value
from model_monitor.words import counted, number

INTERVAL: Final = re.compile(r"\((.+), (.+)\]")
INFINITIES: Final = {"Infinity": math.inf, "-Infinity": -math.inf}
UNBOUNDED: Final = "too few records for an interval: some resamples leave it undefined or infinite"
NO_PREDICTION: Final = "no labelled record has a prediction"
DESCRIPTION: Final = "Metric value {} doesn't meet the baseline constraint requirement {}"

COUNTED: Final = "counted"  # key of our own block
Group = tuple[str, str, str]  # stage, facet, value or threshold as text


@dataclass(frozen=True, slots=True)
class BiasCheck(Check):
    """A check of one metric of one group."""

    facet: str = ""
    facet_value: str = ""
    metric_name: str = ""


@dataclass(frozen=True, slots=True)
class BiasConstraints:
    """A baseline.

    groups: metric → value, None where it has none. counted: by facet and value, the records behind them; files of ours have it.
    document: the file as it was read or is to be written.
    """

    groups: Mapping[Group, Mapping[str, float | None]]
    document: Mapping[str, Any] = field(default_factory=dict)
    counted: Mapping[tuple[str, str], Counted] = field(default_factory=dict)


def read(document: object, where: str) -> BiasConstraints:
    """Clarify's analysis.json, or ours.

    Raises: BaselineError when it holds no bias metrics, or one is no number.
    """
    if not isinstance(document, Mapping):
        raise BaselineError(where, "the analysis should be a JSON object.")
    groups: dict[Group, dict[str, float | None]] = {}
    for stage in BiasStage:
        block = document.get(stage.block)
        facets = block.get("facets") if isinstance(block, Mapping) else None
        for facet, entries in (facets if isinstance(facets, Mapping) else {}).items():
            for entry in entries if isinstance(entries, list) else ():
                group = (str(stage), facet, str(_member(entry, "value_or_threshold", where)))
                groups[group] = {
                    _member(metric, "name", where): _value(metric, where) for metric in entry.get("metrics") or ()
                }
    if not groups:
        raise BaselineError(
            where, "holds no bias metrics.", "Expected pre_training_bias_metrics or post_training_bias_metrics."
        )
    return BiasConstraints(groups, document, _counted(document, where))


def _counted(document: Mapping[str, Any], where: str) -> dict[tuple[str, str], Counted]:
    """What a baseline job of ours keeps in its own block."""
    block = document.get(OWN_BLOCK)
    facets = block.get(COUNTED) if isinstance(block, Mapping) else None
    try:
        return {
            (facet, group["value_or_threshold"]): Counted.from_json(group)
            for facet, groups in (facets or {}).items()
            for group in groups
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BaselineError(where, f"{OWN_BLOCK}.{COUNTED} should hold each group's counts.") from error


def _member(content: object, key: str, where: str) -> Any:
    if not isinstance(content, Mapping) or key not in content:
        raise BaselineError(where, f"an entry of its facets has no '{key}'.")
    return content[key]


def _value(metric: Mapping[str, Any], where: str) -> float | None:
    value = metric.get("value")
    if value in INFINITIES:
        return INFINITIES[value]
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return None if value is None else float(value)
    raise BaselineError(where, f"the value of {metric['name']} should be a number, null, or Infinity as text.")


# --- checks --------------------------------------------------------------------------------------------------------------


def checks(
    statistics: BiasStatistics,
    constraints: BiasConstraints,
    settings: BiasSettings,
    decision: Decision = Decision.AWS,
) -> Iterator[BiasCheck]:
    """One for each metric of each group, in the order of facets, groups and names.

    A stage of which the baseline has values and the window has none is required: that the other one held is no answer; but
    where chance has its say, not if a window of its size is expected to have hardly any record that it looks at.
    """
    for entry in statistics.entries:
        reason = entry.reason
        found: list[BiasCheck] = []
        is_known = False
        if not reason:
            rule = _rule(entry, constraints, settings, decision)
            for stage, values, asked in (
                (BiasStage.PRE, entry.pre, settings.pre),
                (BiasStage.POST, entry.post, settings.post),
            ):
                baseline = _matching(constraints, stage, entry)
                is_known = is_known or baseline is not None
                found += _of_stage(entry, values, asked, baseline, rule)
            reason = "" if is_known else _unknown(constraints, entry)
            small = "" if reason else rule.too_few()
            if small:
                yield _made(entry, "", Outcome.NOT_EVALUATED, small, is_required=entry.is_configured)
                continue
        if reason:
            yield _made(entry, "", Outcome.NOT_EVALUATED, reason, is_required=True)
        else:
            yield from sorted(_asked(found, rule), key=lambda check: check.metric_name)
    yield from _gone(statistics, constraints)


def _of_stage(
    entry: Entry,
    values: Mapping[str, Value],
    asked: tuple[str, ...],
    baseline: Mapping[str, float | None] | None,
    rule: Rule,
) -> list[BiasCheck]:
    known = {} if baseline is None else baseline
    told = [
        _check(entry, name, value, known.get(name), rule)
        for name, value in values.items()
        if baseline is None or name in baseline
    ]
    of_labels = [check for check in told if check.metric_name != CLASS_IMBALANCE]
    is_missed = all(check.outcome is Outcome.NOT_EVALUATED for check in of_labels)
    if is_missed and any(known.get(name) is not None for name in asked if name != CLASS_IMBALANCE):
        told = [replace(check, is_required=True) for check in told]
        return told or [_made(entry, "", Outcome.NOT_EVALUATED, NO_PREDICTION, is_required=True)]
    return told


def _asked(found: list[BiasCheck], rule: Rule) -> list[BiasCheck]:
    """Metrics of a set that is empty are not asked for where the baseline leads to expect hardly any record in it.

    Some other metric of the group must have been evaluated, else nothing is known of it.
    """
    if all(check.outcome is Outcome.NOT_EVALUATED for check in found):
        return found
    rare = [stage for stage in BiasStage if _is_empty_set(found, stage) and rule.expects_few(stage)]
    return [
        replace(check, is_required=False) if any(check.metric_name in BIAS_METRICS[stage] for stage in rare) else check
        for check in found
    ]


def _is_empty_set(found: list[BiasCheck], stage: BiasStage) -> bool:
    return any(
        check.metric_name in BIAS_METRICS[stage] and check.description in (NO_POSITIVE, NO_NEGATIVE) for check in found
    )


def _gone(statistics: BiasStatistics, constraints: BiasConstraints) -> Iterator[BiasCheck]:
    """Groups of the baseline that have no record in the window, of facets that name none; rare ones come and go."""
    here: dict[str, set[str]] = {}
    for entry in statistics.entries:
        if not entry.is_configured and not entry.reason:
            here.setdefault(entry.facet, set()).add(entry.text)
    for facet, texts in here.items():
        gone = {text for _, known, text in constraints.groups if known == facet} - texts
        if gone:
            nobody = Entry(facet, "", "", is_configured=False, is_threshold=False)
            yield _made(
                nobody, "", Outcome.NOT_EVALUATED, f"{counted(len(gone), 'group')} of the baseline: no record here"
            )


def dropped_facets(constraints: BiasConstraints, settings: BiasSettings) -> tuple[str, ...]:
    """That the baseline has facets which the settings name no more: nothing watches them, which nobody may have meant."""
    gone = sorted({facet for _, facet, _ in constraints.groups} - {facet.name for facet in settings.facets})
    if not gone:
        return ()
    named = ", ".join(f"'{facet}'" for facet in gone)
    return (f"of the baseline's facets the configuration does not name {named}: nothing is said of them",)


def _matching(constraints: BiasConstraints, stage: BiasStage, entry: Entry) -> Mapping[str, float | None] | None:
    """The baseline of a group."""
    text = _known_as(
        entry, {text for known, facet, text in constraints.groups if (known, facet) == (stage, entry.facet)}
    )
    return None if text is None else constraints.groups[(str(stage), entry.facet, text)]


def _known_as(entry: Entry, texts: Collection[str]) -> str | None:
    """How a baseline writes a group; an interval is known by where it starts, since it ends at the largest value of its data."""
    if entry.text in texts or not entry.is_threshold:
        return entry.text if entry.text in texts else None
    start = _starts(entry.stable_text)
    return next((text for text in sorted(texts) if start and _starts(text) == start), None)


def _starts(text: str) -> tuple[float, ...]:
    """Where the intervals of a text start; none when it is no text of intervals."""
    parts = [INTERVAL.fullmatch(part) for part in re.split(r"(?<=\]),", text)]
    try:
        return tuple(float(part[1]) for part in parts if part is not None) if all(parts) else ()
    except ValueError:
        return ()


def _unknown(constraints: BiasConstraints, entry: Entry) -> str:
    """Why a group has no baseline; never a value of the data."""
    if not any(facet == entry.facet for _, facet, _ in constraints.groups):
        return "the baseline does not know the facet"
    if not entry.is_configured:
        return "the baseline does not know this value of the facet"
    if not entry.disadvantaged:
        return "no record has a value that is named, and the baseline compares other groups: compare their spelling"
    kind = "a threshold" if entry.is_threshold else "values"
    return f"the baseline compares other groups; here the facet is read as {kind} (see read_as)"


def _rule(entry: Entry, constraints: BiasConstraints, settings: BiasSettings, decision: Decision) -> Rule:
    text = _known_as(entry, {text for facet, text in constraints.counted if facet == entry.facet})
    return Rule.of(entry, None if text is None else constraints.counted[(entry.facet, text)], settings, decision)


def _check(entry: Entry, name: str, found: Value, known: float | None, rule: Rule) -> BiasCheck:
    if found.value is None:
        return _made(entry, name, Outcome.NOT_EVALUATED, found.error, None, known)
    if known is None:
        return _made(entry, name, Outcome.NOT_EVALUATED, "the baseline has no value of it", found.value)
    limit, reason = rule.limit(name, known), rule.why_not(name)
    if reason:
        return _made(entry, name, Outcome.NOT_EVALUATED, reason, found.value, limit)
    is_beyond = rule.is_beyond(name, found.value, limit)
    evidence = rule.evidence(name, found.value, known)
    told = replace(
        _made(entry, name, Outcome.HELD, "", found.value, limit),
        baseline=known,
        evidence=evidence,
        sentence=_sentence(entry, name, found.value, known, rule.baseline),
    )
    bootstrap = rule.settings.bootstrap
    if not is_beyond or _may_be_chance(entry, name, found, limit, rule):
        return told
    is_open = not rule.is_calibrated and bootstrap is not None and not math.isfinite(found.deviation)
    if is_open or (rule.is_calibrated and evidence is None):
        return replace(told, outcome=Outcome.NOT_EVALUATED, description=UNBOUNDED)
    text = DESCRIPTION.format(written(found.value), written(limit))
    return replace(told, outcome=Outcome.VIOLATED, description=text)


def _sentence(entry: Entry, name: str, value: float, known: float, baseline: Counted | None) -> str:
    """The metric before and now, and of how many records."""
    words = DESCRIPTIONS[name].removesuffix(f" ({name})")
    sizes = ""
    if baseline is not None:
        others, group = baseline.observed.sum(axis=1).tolist()
        sizes = f" (baseline: {group:,} against {others:,})"
    here = f"{counted(entry.disadvantaged, 'record')} of the group against {entry.advantaged:,}"
    return f"{words} {_shown(known)} -> {_shown(value)}, {here}{sizes}"


def _shown(value: float) -> str:
    return written(value) if math.isinf(value) else number(value)


def _may_be_chance(entry: Entry, name: str, found: Value, limit: float, rule: Rule) -> bool:
    """Whether an interval around the value meets what is allowed: with bootstrap, and for a flip test of a sample."""
    bootstrap = rule.settings.bootstrap
    is_sample = name == FLIP_TEST and entry.flip is not None and entry.flip.records < entry.flip.seen
    if found.value is None or not math.isfinite(found.deviation) or not (bootstrap or is_sample):
        return False
    return rule.meets(name, found.value, (bootstrap or Bootstrap()).z * found.deviation, limit)


def _made(
    entry: Entry,
    name: str,
    outcome: Outcome,
    text: str,
    observed: float | None = None,
    allowed: float | None = None,
    *,
    is_required: bool = False,
) -> BiasCheck:
    return BiasCheck(
        check_type=CHECK_BIAS_DRIFT,
        subject=subject(entry, name),
        outcome=outcome,
        observed=observed,
        allowed=allowed,
        description=text,
        is_required=is_required,
        facet=entry.facet,
        facet_value=entry.text,
        metric_name=name,
    )


def subject(entry: Entry, name: str) -> str:
    """How reports name a metric of a group: `DI of Sex 0`."""
    group = " ".join(part for part in (entry.facet, entry.stable_text) if part)
    return f"{name} of {group}" if name else group


def written(value: float) -> str:
    """A number as Clarify's texts have it."""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)
