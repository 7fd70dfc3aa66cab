"""From what was read to a verdict: better beyond the margin and beyond chance, and in no slice worse beyond chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from model_monitor.comparison.differences import Gain
from model_monitor.comparison.fairness import Disparity, disparities
from model_monitor.comparison.options import Options
from model_monitor.comparison.outcomes import Outcomes, Paired, gain_sign
from model_monitor.comparison.reading import MODELS, Asked, Found, Places, read
from model_monitor.contract import ComparisonVerdict, ProblemType
from model_monitor.errors import SettingsError
from model_monitor.monitors.model_bias.statistics import BiasStatistics, read_statistics
from model_monitor.monitors.model_quality.metrics import Quality, measure
from model_monitor.words import counted, figure, named

DEFAULTS: Final = {ProblemType.MULTICLASS: "accuracy", ProblemType.REGRESSION: "rmse"}


@dataclass(frozen=True, slots=True)
class Slice:
    """One group of records. paired: None with the reason why it was not judged.

    confidence: of the interval by which it is judged, more for more slices. is_worse: beyond the allowed loss and chance.
    """

    feature: str
    group: str
    records: int
    paired: Paired | None = None
    reason: str = ""
    confidence: float = 0.0
    is_worse: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of two models. The first of two is the champion's.

    paired: the metric of both; None where nothing could be concluded.
    """

    verdict: ComparisonVerdict
    reason: str
    metric: str
    options: Options
    found: Found
    qualities: tuple[Quality, Quality]
    paired: Paired | None = None
    slices: tuple[Slice, ...] = ()
    bias: tuple[BiasStatistics, BiasStatistics] | None = None
    fairness: tuple[Disparity, ...] = ()


def compare(places: Places, asked: Asked, options: Options) -> Comparison:
    """Read and judge. Raises: SettingsError, NoDataset, DatasetError."""
    if options.facets and asked.bias is None:
        raise SettingsError(
            "facets", "are named, and the configuration has no monitors.model_bias.", "Say there what they are."
        )
    found = read(places, replace(asked, slices=options.slices, judges_bias=bool(options.facets)))
    first, second = (measure(agreement, asked.problem) for agreement in found.agreements)
    for name, place, quality in zip(MODELS, (places.champion, places.challenger), (first, second), strict=True):
        if quality.fault:
            raise SettingsError(f"{name} {place}", f"cannot be compared with the labels: {quality.fault}.")
    metric = options.metric or metric_of(found.outcomes)
    slices = judged(slices_of(found, metric, options), options)
    fairness = () if found.crossed is None else disparities(found.crossed, found.schema, options)
    verdict, reason, paired = conclude(found, metric, slices, options, fairness)
    bias = _bias(found, asked)
    return Comparison(verdict, reason, metric, options, found, (first, second), paired, slices, bias, fairness)


def metric_of(outcomes: Outcomes) -> str:
    """What is compared where nobody says it."""
    if outcomes.type is ProblemType.BINARY:
        has_scores = len(outcomes) and all(np.isfinite(said.numbers).all() for said in outcomes.models)
        return "auc" if has_scores else "accuracy"
    return DEFAULTS[outcomes.type]


def conclude(
    found: Found, metric: str, slices: Sequence[Slice], options: Options, fairness: Sequence[Disparity] = ()
) -> tuple[ComparisonVerdict, str, Paired | None]:
    """Verdict, its reason in one sentence, and the metric of both models."""
    compared, labelled = len(found.outcomes), found.labelled
    paired = found.outcomes.paired(metric)
    if compared < options.min_records:
        why = (
            f"{counted(compared, 'record')} of {found.records:,} could be compared, fewer than {options.min_records:,}"
        )
        return ComparisonVerdict.INSUFFICIENT_DATA, why, paired if isinstance(paired, Paired) else None
    if isinstance(paired, str):
        return ComparisonVerdict.INSUFFICIENT_DATA, paired, None
    champion_left, challenger_left = found.unanswered
    if challenger_left > champion_left:
        why = f"the challenger left {challenger_left:,} of {counted(labelled, 'record')} unanswered, the champion {champion_left:,}"
        return ComparisonVerdict.NOT_BETTER, why, paired
    told = _told(metric, paired, options, compared)
    if not paired.gain.interval(options.confidence)[0] > options.margin:
        margin = f"a margin of {figure(options.margin)}" if options.margin else "chance"
        return ComparisonVerdict.NOT_BETTER, f"{told}; that is not better beyond {margin}", paired
    worse = [f"{each.feature} {each.group}" for each in slices if each.is_worse]
    if worse:
        return ComparisonVerdict.WORSE_SLICE, f"{told}; but it is worse for {named(worse)}", paired
    unfair = [f"{each.metric} of {each.facet} {each.group}" for each in fairness if each.is_worse]
    if unfair:
        return ComparisonVerdict.WORSE_BIAS, f"{told}; but it is less fair by {named(unfair)}", paired
    return ComparisonVerdict.BETTER, told, paired


def _told(metric: str, paired: Paired, options: Options, records: int) -> str:
    low, high = oriented(metric, paired.gain.interval(options.confidence))
    difference = gain_sign(metric) * paired.gain.value
    return (
        f"{metric} {figure(paired.challenger)} of the challenger, {figure(paired.champion)} of the champion, on "
        f"{counted(records, 'record')}: a difference of {figure(difference)} ({figure(low)} to {figure(high)} with "
        f"{100 * options.confidence:g} % confidence)"
    )


def oriented(metric: str, interval: tuple[float, float]) -> tuple[float, float]:
    """An interval of a gain as one of challenger minus champion."""
    low, high = interval
    return (low, high) if gain_sign(metric) > 0 else (-high, -low)


# --- slices --------------------------------------------------------------------------------------------------------------


def slices_of(found: Found, metric: str, options: Options) -> Iterator[Slice]:
    """Each group of each feature, with the metric where there are enough records."""
    for feature, grouping in found.groups.items():
        for group, chosen in grouping.groups(options.min_slice_records):
            if len(chosen) < options.min_slice_records:
                yield Slice(feature, group, len(chosen), reason=f"fewer than {options.min_slice_records:,} records")
                continue
            paired = found.outcomes.take(chosen).paired(metric)
            if isinstance(paired, str):
                yield Slice(feature, group, len(chosen), reason=paired)
            else:
                yield Slice(feature, group, len(chosen), paired)


def judged(slices: Iterator[Slice], options: Options) -> tuple[Slice, ...]:
    """Which of them are worse, with the chance that any is called so although none is held to 1 - confidence.

    Source: Holm (1979): the least likely is judged as one of all, the next as one of the others, until one holds.
    """
    found = list(slices)
    known = [(place, each.paired.gain) for place, each in enumerate(found) if each.paired is not None]
    ordered = sorted(known, key=lambda item: (item[1].chance_below(-options.max_slice_loss), item[0]))
    is_open = True
    for step, (place, gain) in enumerate(ordered):
        level = (1 - options.confidence) / (len(ordered) - step)
        is_open = is_open and is_worse(gain, level, options.max_slice_loss)
        found[place] = replace(found[place], confidence=1 - 2 * level, is_worse=is_open)
    return tuple(found)


def is_worse(gain: Gain, level: float, allowed: float) -> bool:
    """Whether a loss is beyond what is allowed, and what chance explains at this level."""
    return -gain.value > allowed and gain.chance_below(-allowed) <= level


# --- bias ----------------------------------------------------------------------------------------------------------------


def _bias(found: Found, asked: Asked) -> tuple[BiasStatistics, BiasStatistics] | None:
    if found.bias is None or asked.bias is None:
        return None
    first, second = (read_statistics(profile, asked.bias, found.schema, 1) for profile in found.bias)
    return first, second
