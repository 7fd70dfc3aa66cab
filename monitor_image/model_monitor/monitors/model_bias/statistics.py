"""From a profile to the numbers: one entry for each group that is compared with the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from model_monitor.monitors.model_bias.counted import Counted, Flips
from model_monitor.monitors.model_bias.curve import Curve, block_curve
from model_monitor.monitors.model_bias.facets import ABOVE, EQUAL, FLAGS, text_of
from model_monitor.monitors.model_bias.flip_test import FEW, NEIGHBOURS, Z_95, FlipTest, flip_test, interval
from model_monitor.monitors.model_bias.intervals import deviations
from model_monitor.monitors.model_bias.metrics import (
    CONDITIONAL,
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
from model_monitor.sketches.numeric_rows import Part

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

Trials = tuple[Flips | None, Mapping[str, Curve]]  # of the flip test, and how it spreads
NO_TRIALS: Final[Trials] = (None, {})


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
    counted: what the values are computed from; None where there are none.
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
    counted: Counted | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class BiasStatistics:
    """A window in numbers.

    stated: records with a prediction of their own; missing: labelled ones without a value of each facet.
    is_baseline: later windows are compared with it, so that its file keeps what is counted.
    """

    label: str
    label_text: str
    entries: tuple[Entry, ...] = ()
    records: int = 0
    labelled: int = 0
    predicted: int = 0
    stated: int = 0
    missing: Mapping[str, int] = field(default_factory=dict)
    is_baseline: bool = False


@dataclass(frozen=True, slots=True)
class _Task:
    """What is measured, and how.

    is_baseline: also how the flip test spreads among smaller samples. part: the rows of the flip test; None: there are none.
    """

    profile: BiasProfile
    settings: BiasSettings
    schema: Schema
    workers: int
    is_baseline: bool
    part: Part | None


def read_statistics(
    profile: BiasProfile, settings: BiasSettings, schema: Schema, workers: int, *, is_baseline: bool = False
) -> BiasStatistics:
    """All metrics of all facets."""
    task = _Task(profile, settings, schema, workers, is_baseline, _settled(profile, settings))
    entries: list[Entry] = []
    missing = {}
    for position, facet in enumerate(settings.facets):
        entries += _entries(task, position)
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
        is_baseline=is_baseline,
    )


def _settled(profile: BiasProfile, settings: BiasSettings) -> Part | None:
    """The rows that the flip tests of all groups search, in the random order of their keys."""
    rows, flip = profile.rows, settings.flip
    if rows is None or flip is None or FLIP_TEST not in settings.post:
        return None
    return rows.settled(None if rows.seen <= rows.limit else flip.sample)


def _entries(task: _Task, position: int) -> Iterator[Entry]:
    facet, found = task.settings.facets[position], task.profile.facets[position]
    is_restricted = _is_restricted(task.schema, facet.name)
    if not facet.wanted.values:
        reason = _no_values(found, is_restricted)
        if reason:
            yield Entry(facet.name, "", "", is_configured=False, is_threshold=False, reason=reason)
            return
        for i, word in enumerate(found.table.facets or ()):
            name = f"#{i + 1}"  # the values of data stay out of messages and metrics
            group = _Group(facet, position, word, name, np.array([i + 1]), (mark_of(word),), is_restricted)
            yield group.entry(task)
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
    yield group.entry(task)


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

    def entry(self, task: _Task) -> Entry:
        """The group's metrics."""
        profile, settings = task.profile, task.settings
        found = profile.facets[self.position]
        bit = ABOVE if profile.observed.is_continuous(settings.label) else EQUAL
        counts = _counts(found.table.counts, self.places, bit)
        advantaged, disadvantaged = counts.sum(axis=(0, 2, 3)).tolist()
        is_empty = not advantaged and not disadvantaged
        reason = NO_VALUES if is_empty else self._too_few(min(advantaged, disadvantaged), settings)
        pre: dict[str, Value] = {}
        post: dict[str, Value] = {}
        flip: FlipTest | None = None
        counted: Counted | None = None
        if not reason:
            counted = self._counted(counts, found.table.groups, task)
            spread = {} if settings.bootstrap is None else deviations(counts, settings.bootstrap)
            no_groups = _no_groups(found, settings)
            pre = _values(_pre(counts, no_groups), settings.pre, spread)
            if profile.predicted:
                problem = _kinds_differ(profile, settings)
                post = _values(_post(counts, no_groups, problem), settings.post, spread)
                if FLIP_TEST in settings.post:
                    told, flip, trials = self._flip(task, bit)
                    counted = replace(counted, flips=trials[0], curves=trials[1])
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
            counted,
        )

    def _counted(self, counts: np.ndarray, groups: tuple[str, ...], task: _Task) -> Counted:
        """What of a group is compared with another sample's, by the group variable where its metrics are asked for."""
        is_asked = task.settings.group is not None and {*task.settings.pre, *task.settings.post} & {*CONDITIONAL}
        if not is_asked or not groups:
            return Counted(counts.sum(axis=0)[None], is_restricted=self.is_restricted)
        is_restricted = self.is_restricted or _is_restricted(task.schema, task.settings.group or "")
        return Counted(counts, tuple(map(mark_of, groups)), is_restricted=is_restricted)

    def _too_few(self, smallest: int, settings: BiasSettings) -> str:
        minimum = max(settings.min_group_records or 1, RESTRICTED_MINIMUM if self.is_restricted else 1)
        if smallest >= minimum or (not smallest and not self.is_restricted):  # an empty side has errors of its own
            return ""
        return f"one side of the facet has fewer than {minimum} records"

    def _flip(self, task: _Task, bit: int) -> tuple[Value, FlipTest | None, Trials]:
        profile, schema = task.profile, task.schema
        rows, flip = profile.rows, task.settings.flip
        if rows is None or flip is None:
            return Value(None, "the flip test is switched off"), None, NO_TRIALS
        own = schema.names.index(self.facet.name) if self.facet.name in schema.names else -1
        if rows.texts - {own}:
            return Value(None, TEXT_FEATURES), None, NO_TRIALS
        columns = [i for i in range(len(schema.features)) if i != own]
        if not columns:
            return Value(None, NO_FEATURES), None, NO_TRIALS
        part = task.part
        if part is None:
            return Value(None, NO_VALUES), None, NO_TRIALS
        marks = part.marks[:, self.position]
        is_whole = np.isfinite(part.values[:, columns]).all(axis=1)
        is_used = (marks > 0) & is_whole
        is_group = np.isin(marks, np.array(self.marks, np.uint64))[is_used]
        if is_group.all() or not is_group.any():
            return Value(None, INCOMPLETE), None, NO_TRIALS
        positive = ((part.flags - np.uint8(1)) & bit > 0)[is_used]
        sides = Sides(part.values[is_used][:, columns], positive, is_group)
        value, flips = sides.test(task.workers)
        low, high = interval(flips)
        result = FlipTest(
            value,
            low,
            high,
            tested=len(flips),
            neighbours=NEIGHBOURS if sides.others > FEW else 1,
            records=len(part.keys),
            seen=rows.seen,
            incomplete=int(((marks > 0) & ~is_whole).sum()),
        )
        trials = Flips(int((flips > 0).sum()), int((flips < 0).sum()), len(flips), sides.others)
        curves = {FLIP_TEST: sides.curve(trials.size, value, task.workers)} if task.is_baseline else {}
        return Value(value, deviation=(high - low) / (2 * Z_95)), result, (trials, curves)


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """Records of both sides, in the random order of their keys: features, what the model said, and who is in the group."""

    values: np.ndarray
    positive: np.ndarray
    is_group: np.ndarray

    @property
    def others(self) -> int:
        return int((~self.is_group).sum())

    def test(self, workers: int, part: slice = slice(None)) -> tuple[float, np.ndarray]:
        """The flip test of some of the records."""
        values, positive, is_group = self.values[part], self.positive[part], self.is_group[part]
        return flip_test(values[~is_group], positive[~is_group], values[is_group], positive[is_group], workers)

    def curve(self, size: float, value: float, workers: int) -> Curve:
        """How the test goes on smaller samples, whose neighbours are farther away."""

        def measured(part: slice) -> tuple[float, float] | None:
            group = int(self.is_group[part].sum())
            others = len(self.is_group[part]) - group
            if not group or others <= FEW:
                return None
            return group * others / (group + others), self.test(workers, part)[0]

        return block_curve(len(self.is_group), size, value, measured)


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
