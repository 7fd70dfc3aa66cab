"""Text features of any cardinality: how far a window's values are from the baseline's, and what chance explains of it.

Values are compared by hash, and only what is known of both sides counts: where a count is known within bounds, the bound that
makes the difference smaller stands.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from model_monitor.monitors.chance import difference_of_any, distance, sum_bound
from model_monitor.monitors.conclusion import Evidence
from model_monitor.sketches.feature import MERGED_BELOW
from model_monitor.sketches.forms import Case, Form, shortest
from model_monitor.sketches.texts import COMMONEST, Repetition, Sample, TextStatistics
from model_monitor.words import share

SMALL_WINDOW: Final = 0.25  # of the baseline's records: up to here the baseline alone tells how often values repeat
GROUPS_LEFT: Final = 8  # groups of records that a window has at least, however large they are
TELLING: Final = 1e-3  # chance up to which a further difference is told beside the one that decides
ALONE: Final = 0.9  # of a difference that one value makes up: then that value is what is told
STEPS: Final = 40  # of a bisection
Classes = Mapping[Any, int]  # records by `Form` or by `Case`


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which texts differ: a distance in [0, 1], what chance explains of it, and it in words."""

    distance: float
    evidence: Evidence
    sentence: str


def differences(now: TextStatistics, then: TextStatistics) -> list[Difference]:
    """Of the forms, of cases and lengths where both are known, and of the commonest values: what tells most stands first."""
    size = group_size(now, then)
    sizes = _groups(now, then, size)
    return [*_of_looks(now, then, size, sizes), _of_values(now, then, size, sizes)]


def changed_look(now: TextStatistics | None, then: TextStatistics | None) -> str:
    """How texts look otherwise, in words, whatever they say; "" where they look alike, or chance explains it."""
    if now is None or then is None or not now.total or not then.total:
        return ""
    size = group_size(now, then)
    found = [each for each in _of_looks(now, then, size, _groups(now, then, size)) if each.evidence.p_value <= TELLING]
    return max(found, key=lambda each: each.distance).sentence if found else ""


def _groups(now: TextStatistics, then: TextStatistics, size: float) -> tuple[int, int]:
    """Groups of records on both sides."""
    return max(1, round(now.total / size)), max(1, round(then.total / size))


def _of_looks(now: TextStatistics, then: TextStatistics, size: float, sizes: tuple[int, int]) -> list[Difference]:
    """Of what does not depend on which values there are."""
    fewest = MERGED_BELOW - 1 if then.salt is not None else 0  # a restricted baseline does not tell of smaller groups

    def of_classes(mine: Classes, theirs: Classes, words: Mapping[Any, str]) -> Difference:
        return _of_classes(_Shares(mine, now.total), _Shares(theirs, then.total), words, fewest, size, sizes)

    found = [of_classes(now.forms, then.forms, FORMS)]
    if now.cases is not None and then.cases is not None:
        found.append(of_classes(now.cases, then.cases, CASES))
    if now.lengths is not None and then.lengths is not None:
        found.append(_of_lengths(now.lengths, then.lengths, sizes))
    return found


def text_drift(now: TextStatistics, then: TextStatistics, limit: float) -> Difference | None:
    """The difference that decides: of those beyond the limit what chance explains least, else the largest.

    Its chance is multiplied by the number of differences looked at (Bonferroni). None where the window has no values.
    """
    if not now.total or not then.total:
        return None
    found = differences(now, then)
    beyond = [each for each in found if each.distance > limit]
    worst = (
        min(beyond, key=lambda each: each.evidence.p_value) if beyond else max(found, key=lambda each: each.distance)
    )
    chance, number = worst.evidence, len(found)
    evidence = Evidence(min(1.0, number * chance.p_value), lambda level: chance.allowed(level / number))
    told = [each.sentence for each in beyond if each is worst or each.evidence.p_value <= TELLING] or [worst.sentence]
    return replace(worst, evidence=evidence, sentence="; ".join(told))


# --- records that come in groups ------------------------------------------------------------------------------------------


def group_size(now: TextStatistics, then: TextStatistics) -> float:
    """How many records with one value come together: a session's records are one draw, not many.

    The size at which as many different values are expected among the window's records as there are: in a sample of the
    baseline's values where the window is small beside it, else in a sample of both together. At least 1, at most what the
    baseline's own values repeat, and never so large that a window has fewer than `GROUPS_LEFT` groups: a value of more records
    is no group.
    """
    most = min(now.total / GROUPS_LEFT, then.total / max(then.different, 1.0))
    is_group = now.commonest.counts <= now.total / GROUPS_LEFT  # a value of more records is no group: it took over
    records = now.total - int(now.commonest.counts[~is_group].sum())
    if most <= 1 or records <= 0 or not then.repetition.values.size:
        return 1.0
    if now.total <= SMALL_WINDOW * then.total:
        share_of_values = then.different / then.repetition.values.sum()
        repetition = replace(then.repetition, values=then.repetition.values * share_of_values)
        return _solved(repetition, records / then.total, now.different - float((~is_group).sum()), most)
    if now.sample is None or then.sample is None:
        return 1.0
    mine, _, pooled = _side_by_side(now.sample, then.sample)
    is_group = mine <= now.total / GROUPS_LEFT
    return _solved(
        Repetition.of(pooled[is_group]), records / (records + then.total), float((mine[is_group] > 0).sum()), most
    )


def _solved(repetition: Repetition, fraction: float, seen: float, most: float) -> float:
    """Where the expected number of different values falls to the one that was seen."""

    def expected(size: float) -> float:
        return float(repetition.values @ (1 - (1 - fraction) ** (repetition.times / size)))

    low, high = 1.0, most
    if expected(low) <= seen:
        return low
    if expected(high) > seen:
        return high
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if expected(middle) > seen else (low, middle)
    return high


def _side_by_side(now: Sample, then: Sample) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Records of the values that both samples know of: in the window, in the baseline, together; int64 (values,)."""
    limit = min(now.limit, then.limit)
    mine, theirs = now.below(limit), then.below(limit)
    hashes = np.union1d(mine.hashes, theirs.hashes)
    counts = np.zeros((2, hashes.size), np.int64)
    for row, part in enumerate((mine, theirs)):
        counts[row, np.searchsorted(hashes, part.hashes)] = part.counts
    return counts[0], counts[1], counts.sum(axis=0)


# --- three differences ----------------------------------------------------------------------------------------------------


def _of_values(now: TextStatistics, then: TextStatistics, size: float, sizes: tuple[int, int]) -> Difference:
    """The largest difference of one value's share, or of the share of all values that are not among the commonest.

    Which values are told apart from the others follows from what both sides hold together, so that a value that was common
    in the baseline by chance alone makes no difference.
    """
    n, m = now.total, then.total
    is_known = _is_complete(now) and _is_complete(then)
    hashes = _all_hashes(now, then) if is_known else np.union1d(now.commonest.hashes, then.commonest.hashes)
    (low, high), (before_low, before_high) = now.count_of(hashes), then.count_of(hashes)
    together = low + before_low  # surely so many in both
    unlisted = 0 if is_known else now.commonest.least + then.commonest.least
    is_listed = together > max(unlisted, int(np.sort(together)[-COMMONEST - 1]) if together.size > COMMONEST else 0)
    gaps = np.maximum(low / n - before_high / m, before_low / m - high / n)
    worst = int(gaps.argmax()) if gaps.size else 0
    gap = max(float(gaps[worst]), 0.0) if gaps.size else 0.0
    others = (n - int(high[is_listed].sum())) / n, (n - int(low[is_listed].sum())) / n
    others_before = (m - int(before_high[is_listed].sum())) / m, (m - int(before_low[is_listed].sum())) / m
    gap_of_others = max(others[0] - others_before[1], others_before[0] - others[1], 0.0)

    pooled = Counter((high + before_high).tolist())
    pooled[n + m - int(together[is_listed].sum())] += 1
    if unlisted:
        pooled[unlisted] += math.ceil(max(n + m - int(together.sum()), 0) / unlisted)
    evidence = difference_of_any(max(gap, gap_of_others), _in_groups(pooled, size, sizes), *sizes)
    if gap >= ALONE * gap_of_others and gaps.size:
        sentence = f"one value in {share(low[worst] / n)} of the records (baseline: {share(before_high[worst] / m)})"
    else:
        sentence = (
            f"values beside the commonest in {share(others[0])} of the records (baseline: {share(others_before[0])})"
        )
    return Difference(max(gap, gap_of_others), evidence, sentence)


def _is_complete(text: TextStatistics) -> bool:
    return text.sample is not None and text.sample.is_complete


def _all_hashes(now: TextStatistics, then: TextStatistics) -> np.ndarray:
    samples = [each.sample.hashes for each in (now, then) if each.sample is not None]
    return np.asarray(np.union1d(*samples))


def _in_groups(pooled: Mapping[int, int], size: float, sizes: tuple[int, int]) -> Counter[int]:
    """Occurrences counted in groups of records."""
    scaled: Counter[int] = Counter()
    for count, number in pooled.items():
        scaled[min(math.ceil(count / size), sum(sizes))] += number
    return scaled


@dataclass(frozen=True, slots=True)
class _Shares:
    """Records by class, and all records."""

    counts: Classes
    total: int

    def of(self, each: Form | Case) -> float:
        return self.counts.get(each, 0) / self.total


def _of_classes(
    now: _Shares, then: _Shares, words: Mapping[Any, str], fewest: int, size: float, sizes: tuple[int, int]
) -> Difference:
    """The largest difference of the share of one class of forms or cases; `fewest`: so many the baseline may not tell."""
    gaps: dict[Form | Case, float] = {}
    pooled: Counter[int] = Counter()
    for each in sorted(now.counts.keys() | then.counts.keys()):
        before = then.counts.get(each, 0)
        gaps[each] = abs(now.of(each) - before / then.total)
        if each not in then.counts and fewest:
            before = fewest
            gaps[each] = max(now.of(each) - before / then.total, 0.0)
        pooled[now.counts.get(each, 0) + before] += 1
    worst = max(gaps, key=lambda each: gaps[each])
    evidence = difference_of_any(gaps[worst], _in_groups(pooled, size, sizes), *sizes)
    sentence = f"form: {words[worst]} in {share(now.of(worst))} of the values (baseline: {share(then.of(worst))})"
    return Difference(gaps[worst], evidence, sentence)


FORMS: Final = {
    Form.EMPTY: "nothing or blanks",
    Form.DIGITS: "whole numbers",
    Form.NUMBER: "numbers with a fraction",
    Form.LETTERS: "letters only",
    Form.UUID: "UUIDs",
    Form.DATE: "dates",
    Form.ALPHANUMERIC: "letters and digits",
    Form.WORDS: "words",
    Form.OTHER: "other characters",
}
CASES: Final = {
    Case.UPPER: "capital letters only",
    Case.LOWER: "small letters only",
    Case.MIXED: "both cases or no letters",
}


def _of_lengths(now: np.ndarray, then: np.ndarray, sizes: tuple[int, int]) -> Difference:
    """The Kolmogorov-Smirnov distance of the lengths; among lengths above 127 it sees powers of two only."""
    shares = [np.cumsum(each) / each.sum() for each in (now, then)]
    gap = float(np.abs(shares[0] - shares[1]).max())
    medians = [shortest(int(np.searchsorted(each, 0.5))) for each in shares]
    sentence = f"{share(gap)} of the values are longer or shorter"
    if medians[0] != medians[1]:
        sentence = f"median length {medians[1]} -> {medians[0]} characters"
    return Difference(gap, distance(gap, *sizes), sentence)


# --- values that the baseline does not have -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unseen:
    """Share of the window's records whose value the baseline does not have, and what it leads to expect.

    share: exact where all values of both sides are known, else estimated from the values that both samples know of.
    evidence: in shares of the window's records.
    """

    share: float
    expected: float
    evidence: Evidence


def unseen(now: TextStatistics, then: TextStatistics) -> Unseen | None:
    """None where nobody knows: no sample, or no record of the window among what both know of."""
    if now.sample is None or then.sample is None:
        return None
    mine, theirs, pooled = _side_by_side(now.sample, then.sample)
    n, m = int(mine.sum()), int(theirs.sum())
    if not n or not m:
        return None
    count = int(mine[theirs == 0].sum())
    evidence = unseen_evidence(count, pooled, n, m, group_size(now, then))
    return Unseen(count / n, then.repetition.once, evidence)


def unseen_evidence(count: int, pooled: np.ndarray, n: int, m: int, size: float = 1.0) -> Evidence:
    """That `count` records of the window have values which do not occur in the baseline.

    Of a value with c records in both samples together, all c are the window's with the chance (n choose c) / (n + m choose c),
    and such values fall to a side negatively associated, so the moments of their sum are at most those of independent ones:
    Chernoff's bound holds for samples of any size.

    Args:
        pooled: int64 (values,), records of each value in both samples together.
        size: of the groups in which records come.
    Source: Joag-Dev & Proschan (1983) for the association; Chernoff (1952).
    """
    times, values = np.unique(np.ceil(pooled / size), return_counts=True)
    drawn, total = n / size, (n + m) / size
    is_possible = times <= drawn
    times, values = times[is_possible], values[is_possible]
    alone = np.exp(
        [_log_falling(drawn, float(each)) - _log_falling(total, float(each)) for each in times]
    )  # chance that all are the window's
    return sum_bound(count / size, times, values, alone, drawn)


def _log_falling(whole: float, steps: float) -> float:
    """Logarithm of whole (whole - 1) … (whole - steps + 1)."""
    return math.lgamma(whole + 1) - math.lgamma(whole - steps + 1)
