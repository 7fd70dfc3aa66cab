"""From a profile to the numbers: one entry for each group that is compared with the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from model_monitor.monitors.model_bias.facets import ABOVE, EQUAL, FLAGS, text_of
from model_monitor.monitors.model_bias.flip_test import FEW, NEIGHBOURS, Z_95, FlipTest, flip_test, interval
from model_monitor.monitors.model_bias.intervals import deviations
from model_monitor.monitors.model_bias.metrics import (
    FLIP_TEST,
    NO_GROUP_VARIABLE,
    POST_TRAINING,
    PRE_TRAINING,
    post_training,
    post_training_errors,
    pre_training,
    pre_training_errors,
)
from model_monitor.monitors.model_bias.profile import BiasProfile, FacetProfile, mark_of
from model_monitor.monitors.model_bias.settings import FACETS_KEPT, GROUPS_KEPT, BiasSettings, Facet
from model_monitor.schema import Privacy, Schema

RESTRICTED_MINIMUM: Final = 10  # records of either side, below which nothing is told of a restricted facet
TEXT_FEATURES: Final = "FlipTest does not support non-numeric columns"
NO_FEATURES: Final = "FlipTest has no column to compare records by"
INCOMPLETE: Final = "no record of one side has a value of every feature"
KINDS_DIFFER: Final = "observed labels are read as {}, predicted ones as {}; set label_read_as"
TOO_MANY_VALUES: Final = f"the facet has more than {FACETS_KEPT} values: name those to compare, or a threshold"
TOO_MANY_GROUPS: Final = f"the group variable has more than {GROUPS_KEPT} values"
NO_THRESHOLD: Final = "the facet is continuous: name a threshold"
RESTRICTED: Final = "the facet is restricted: name the values to compare"
NO_VALUES: Final = "no labelled record has a value of the facet"


@dataclass(frozen=True, slots=True)
class Value:
    """One metric: a number, infinities included, or the reason why there is none. deviation: NaN where unknown."""

    value: float | None
    error: str = ""
    deviation: float = float("nan")


@dataclass(frozen=True, slots=True)
class Entry:
    """One group d against the rest a.

    text: the group as Clarify's reports write it. stable_text: the same without any value of the data.
    reason: why nothing of it is told; then there are no values.
    """

    facet: str
    text: str
    stable_text: str
    is_configured: bool
    is_threshold: bool
    advantaged: int = 0
    disadvantaged: int = 0
    pre: Mapping[str, Value] = field(default_factory=dict)
    post: Mapping[str, Value] = field(default_factory=dict)
    flip: FlipTest | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BiasStatistics:
    """A window in numbers. stated: records with a prediction of their own; missing: labelled ones without a value of each facet."""

    label: str
    label_text: str
    entries: tuple[Entry, ...] = ()
    records: int = 0
    labelled: int = 0
    predicted: int = 0
    stated: int = 0
    missing: Mapping[str, int] = field(default_factory=dict)


def read_statistics(profile: BiasProfile, settings: BiasSettings, schema: Schema, workers: int) -> BiasStatistics:
    """All metrics of all facets."""
    entries: list[Entry] = []
    missing = {}
    for position, facet in enumerate(settings.facets):
        entries += _entries(profile, position, settings, schema, workers)
        missing[facet.name] = int(profile.facets[position].table.counts[0].sum())
    return BiasStatistics(
        label=settings.label_name,
        label_text=profile.observed.describe(settings.label),
        entries=tuple(entries),
        records=profile.records,
        labelled=profile.labelled,
        predicted=profile.predicted,
        stated=profile.stated,
        missing=missing,
    )


def _entries(
    profile: BiasProfile, position: int, settings: BiasSettings, schema: Schema, workers: int
) -> Iterator[Entry]:
    facet, found = settings.facets[position], profile.facets[position]
    is_restricted = _is_restricted(schema, facet.name)
    if not facet.wanted.values:
        reason = _no_values(found, is_restricted)
        if reason:
            yield Entry(facet.name, "", "", is_configured=False, is_threshold=False, reason=reason)
            return
        for i, word in enumerate(found.table.facets or ()):
            name = f"#{i + 1}"  # the values of data stay out of messages and metrics
            group = _Group(facet, position, word, name, np.array([i + 1]), (mark_of(word),), is_restricted)
            yield group.entry(profile, settings, schema, workers)
        return
    is_threshold = found.traits.is_continuous(facet.wanted)
    bit = ABOVE if is_threshold else EQUAL
    flags = [1 + flag for flag in range(FLAGS) if flag & bit]
    if is_threshold:
        stable = found.traits.describe(facet.wanted, is_open=True)
        text = stable if is_restricted else found.traits.describe(facet.wanted) or stable
    else:
        stable = text = ",".join(map(text_of, facet.wanted.values))
    group = _Group(facet, position, text, stable, np.array(flags), tuple(flags), is_restricted, is_threshold)
    yield group.entry(profile, settings, schema, workers)


@dataclass(frozen=True, slots=True)
class _Group:
    """Which places of a facet's axis, and which marks of its rows, are the group in question."""

    facet: Facet
    position: int
    text: str
    stable_text: str
    places: np.ndarray
    marks: tuple[int, ...]
    is_restricted: bool
    is_threshold: bool = False

    def entry(self, profile: BiasProfile, settings: BiasSettings, schema: Schema, workers: int) -> Entry:
        """The group's metrics."""
        found = profile.facets[self.position]
        bit = ABOVE if profile.observed.is_continuous(settings.label) else EQUAL
        counts = _counts(found.table.counts, self.places, bit)
        advantaged, disadvantaged = counts.sum(axis=(0, 2, 3)).tolist()
        is_empty = not advantaged and not disadvantaged
        reason = NO_VALUES if is_empty else self._too_few(min(advantaged, disadvantaged), settings)
        pre: dict[str, Value] = {}
        post: dict[str, Value] = {}
        flip: FlipTest | None = None
        if not reason:
            spread = {} if settings.bootstrap is None else deviations(counts, settings.bootstrap)
            no_groups = _no_groups(found, settings)
            pre = _values(_pre(counts, no_groups), settings.pre, spread)
            if profile.predicted:
                problem = _kinds_differ(profile, settings)
                post = _values(_post(counts, no_groups, problem), settings.post, spread)
                if FLIP_TEST in settings.post:
                    told, flip = self._flip(profile, settings, schema, bit, workers)
                    error = next((value.error for name, value in post.items() if name == FLIP_TEST), "")
                    post[FLIP_TEST] = Value(None, error) if error else told
                    flip = None if error else flip
        return Entry(
            self.facet.name,
            self.text,
            self.stable_text,
            bool(self.facet.wanted.values),
            self.is_threshold,
            advantaged,
            disadvantaged,
            dict(sorted(pre.items())),
            dict(sorted(post.items())),
            flip,
            reason,
        )

    def _too_few(self, smallest: int, settings: BiasSettings) -> str:
        minimum = max(settings.min_group_records, RESTRICTED_MINIMUM if self.is_restricted else 1)
        if smallest >= minimum or (not smallest and not self.is_restricted):  # an empty side has errors of its own
            return ""
        return f"one side of the facet has fewer than {minimum} records"

    def _flip(
        self, profile: BiasProfile, settings: BiasSettings, schema: Schema, bit: int, workers: int
    ) -> tuple[Value, FlipTest | None]:
        rows, flip = profile.rows, settings.flip
        if rows is None or flip is None:
            return Value(None, "the flip test is switched off"), None
        own = schema.names.index(self.facet.name) if self.facet.name in schema.names else -1
        if rows.texts - {own}:
            return Value(None, TEXT_FEATURES), None
        columns = [i for i in range(len(schema.features)) if i != own]
        if not columns:
            return Value(None, NO_FEATURES), None
        part = rows.settled(None if rows.seen <= rows.limit else flip.sample)
        if part is None:
            return Value(None, NO_VALUES), None
        marks = part.marks[:, self.position]
        values = part.values[:, columns]
        is_whole = np.isfinite(values).all(axis=1)
        is_group = np.isin(marks, np.array(self.marks, np.uint64))
        others, group = (marks > 0) & ~is_group & is_whole, is_group & is_whole
        if not others.any() or not group.any():
            return Value(None, INCOMPLETE), None
        positive = (part.flags - np.uint8(1)) & bit > 0
        value, flips = flip_test(values[others], positive[others], values[group], positive[group], workers)
        low, high = interval(flips)
        result = FlipTest(
            value,
            low,
            high,
            tested=len(flips),
            neighbours=NEIGHBOURS if others.sum() > FEW else 1,
            records=len(part.keys),
            seen=rows.seen,
            incomplete=int(((marks > 0) & ~is_whole).sum()),
        )
        return Value(value, deviation=(high - low) / (2 * Z_95)), result


def _counts(table: np.ndarray, places: np.ndarray, bit: int) -> np.ndarray:
    """(groups, 2, 2, 3): by facet (rest, group), observed label, predicted label after a place for none."""
    is_group = np.zeros(len(table), np.bool_)
    is_group[places] = True
    is_rest = ~is_group
    is_rest[0] = False
    sides = np.stack([table[is_rest].sum(axis=0), table[is_group].sum(axis=0)])
    is_positive = np.array([bool(flag & bit) for flag in range(FLAGS)])
    labels = np.stack([sides[:, :, ~is_positive].sum(axis=2), sides[:, :, is_positive].sum(axis=2)], axis=2)
    said = labels[..., 1:]
    predictions = np.stack(
        [labels[..., 0], said[..., ~is_positive].sum(axis=-1), said[..., is_positive].sum(axis=-1)], axis=-1
    )
    return np.ascontiguousarray(predictions.transpose(1, 0, 2, 3))


def _pre(counts: np.ndarray, no_groups: str) -> dict[str, Value]:
    table = counts.sum(axis=-1)
    return _told(PRE_TRAINING, pre_training(table), pre_training_errors(table, no_groups))


def _post(counts: np.ndarray, no_groups: str, problem: str) -> dict[str, Value]:
    if problem:
        return {name: Value(None, problem) for name in POST_TRAINING}
    table = counts[..., 1:]
    return _told(POST_TRAINING, post_training(table), post_training_errors(table, no_groups))


def _told(names: tuple[str, ...], values: Mapping[str, np.ndarray], errors: Mapping[str, str]) -> dict[str, Value]:
    return {
        name: Value(None, errors[name]) if name in errors else Value(float(values[name]) if name in values else None)
        for name in names
    }


def _values(found: Mapping[str, Value], wanted: tuple[str, ...], spread: Mapping[str, float]) -> dict[str, Value]:
    return {
        name: Value(value.value, value.error, spread.get(name, value.deviation))
        for name, value in found.items()
        if name in wanted
    }


def _no_groups(found: FacetProfile, settings: BiasSettings) -> str:
    if found.table.has_many_groups:
        return TOO_MANY_GROUPS
    return "" if settings.group is not None and found.table.groups else NO_GROUP_VARIABLE


def _kinds_differ(profile: BiasProfile, settings: BiasSettings) -> str:
    observed, said = (traits.is_continuous(settings.label) for traits in (profile.observed, profile.said))
    if observed is said:
        return ""
    names = {True: "thresholds", False: "values"}
    return KINDS_DIFFER.format(names[observed], names[said])


def _no_values(found: FacetProfile, is_restricted: bool) -> str:
    """Why a facet without configured values has no entries."""
    if is_restricted:
        return RESTRICTED
    if found.traits.fractions:
        return NO_THRESHOLD
    if found.table.has_many_facets:
        return TOO_MANY_VALUES
    return "" if found.table.facets else NO_VALUES


def _is_restricted(schema: Schema, name: str) -> bool:
    """Facets that come from elsewhere are restricted: that is why they are not in the payload."""
    return next((f.privacy is Privacy.RESTRICTED for f in schema.features if f.name == name), True)
