"""Whether a challenger treats a facet worse than the champion does: a bias metric farther from fair, beyond chance.

Both models answered the same records, so both metrics are of one table, facet x label x what either said, and are drawn from it
together: a difference of two metrics varies much less than either of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.random import PCG64, Generator

from model_monitor.comparison.options import Options
from model_monitor.errors import SettingsError
from model_monitor.monitors.model_bias.facets import ABOVE, EQUAL, FLAGS
from model_monitor.monitors.model_bias.label_flags import predicted_labels
from model_monitor.monitors.model_bias.metrics import post_training, post_training_errors
from model_monitor.monitors.model_bias.profile import BiasProfile, FacetProfile
from model_monitor.monitors.model_bias.settings import BiasSettings
from model_monitor.monitors.model_bias.statistics import Entry, read_statistics
from model_monitor.monitors.model_bias.table import BiasTable
from model_monitor.schema import Privacy, Rows, Schema

DRAWS: Final = 2000
SEED: Final = 0
RATIO: Final = "DI"  # fair at 1, and as unfair at 1/2 as at 2; all others are fair at 0


@dataclass(frozen=True, slots=True)
class Disparity:
    """One bias metric of one group. records: of the group, and of the rest.

    loss: by how much farther from fair the challenger's is. chance: that a loss of no more than is allowed looks like this.
    reason: why it was not judged.
    """

    facet: str
    group: str
    metric: str
    records: tuple[int, int]
    champion: float = float("nan")
    challenger: float = float("nan")
    loss: float = float("nan")
    chance: float = 1.0
    is_worse: bool = False
    reason: str = ""


@dataclass(slots=True)
class Crossed:
    """Counts by what both models said: those of the champion's answers, apart for each flag of the challenger's."""

    settings: BiasSettings
    parts: list[BiasProfile] = field(default_factory=list)

    def add(self, champion: Rows, challenger: Rows, is_both: np.ndarray) -> None:
        """One chunk; only records that both answered count."""
        settings, truth = self.settings, champion.truth
        assert truth is not None, "rows without labels"
        said = predicted_labels(
            challenger, None, challenger.count, settings.probability_threshold, settings.label, settings.class_labels
        )
        flags = said.flags(settings.label).take(said.codes)  # 0 where nothing was said, else 1 + the flag
        found = []
        for flag in range(FLAGS):
            codes = np.where(is_both & (flags == flag + 1), truth.codes, np.int32(-1))
            found.append(BiasProfile.of(replace(champion, truth=replace(truth, codes=codes)), settings))
        pairs = zip(self.parts, found, strict=True)
        self.parts = [before.merge(part) for before, part in pairs] if self.parts else found


def disparities(crossed: Crossed, schema: Schema, options: Options) -> tuple[Disparity, ...]:
    """Each metric of each group of the facets that are named, judged. Raises: SettingsError for a facet that nobody compares."""
    _refuse(options.facets, crossed.settings, schema)
    found = [
        _measured(entry, counts, metric, options)
        for entry, counts in _tables(crossed, schema)
        if entry.facet in options.facets
        for metric in options.bias_metrics
    ]
    return _judged(found, options)


def _refuse(names: Sequence[str], settings: BiasSettings, schema: Schema) -> None:
    known = [facet.name for facet in settings.facets]
    restricted = {feature.name for feature in schema.features if feature.privacy is Privacy.RESTRICTED}
    for name in names:
        if name not in known:
            raise SettingsError(
                "facets", f"'{name}' is no facet of monitors.model_bias.", f"Known: {', '.join(known)}."
            )
        if name in restricted:
            raise SettingsError("facets", f"'{name}' is restricted: its values may not be told.")


def _tables(crossed: Crossed, schema: Schema) -> Iterator[tuple[Entry, np.ndarray]]:
    """Each group with its counts, int64 (2, groups, 2, 2, 2): by what the challenger said, group variable, facet, observed label,
    and what the champion said."""
    whole, *others = crossed.parts
    for part in others:
        whole = whole.merge(part)
    settings = replace(crossed.settings, flip=None, bootstrap=None, min_group_records=None)
    bit = ABOVE if whole.observed.is_continuous(settings.label) else EQUAL
    of_parts = [read_statistics(_along(part, whole), settings, schema, 1).entries for part in crossed.parts]
    for place, entry in enumerate(read_statistics(whole, settings, schema, 1).entries):
        if entry.counted is None:
            yield entry, np.zeros((2, 1, 2, 2, 2), np.int64)
            continue
        counts = np.zeros((2, *entry.counted.counts.shape[:-1], 2), np.int64)
        for flag, entries in enumerate(of_parts):
            counted = entries[place].counted
            if counted is not None:
                counts[int(bool(flag & bit))] += counted.counts[..., 1:]
        yield entry, counts


def _along(part: BiasProfile, whole: BiasProfile) -> BiasProfile:
    """A part's counts along the words of the whole, read as the whole is read."""
    facets = tuple(
        FacetProfile(_empty(theirs.table).merge(mine.table), theirs.traits)
        for mine, theirs in zip(part.facets, whole.facets, strict=True)
    )
    return replace(whole, facets=facets)


def _empty(table: BiasTable) -> BiasTable:
    return replace(table, counts=np.zeros_like(table.counts))


def _measured(entry: Entry, counts: np.ndarray, metric: str, options: Options) -> Disparity:
    """A metric of both models, and how likely chance alone takes the loss beyond what is allowed."""
    sizes = counts.sum(axis=(0, 1, 3, 4))
    found = Disparity(entry.facet, entry.text, metric, (int(sizes[1]), int(sizes[0])))
    models = _models(counts)
    errors = [
        post_training_errors(table, "" if table.shape[0] > 1 else "no group variable").get(metric) for table in models
    ]
    reason = entry.reason or next((error for error in errors if error), "")
    if not reason and sizes.min() < options.min_slice_records:
        reason = f"one side of the facet has fewer than {options.min_slice_records:,} records"
    if reason:
        return replace(found, reason=reason)
    champion, challenger = (float(post_training(table)[metric]) for table in models)
    loss = float(unfair(metric, np.array(challenger)) - unfair(metric, np.array(champion)))
    if not np.isfinite(loss):
        return replace(found, champion=champion, challenger=challenger, reason="the metric is infinite")
    drawn = [unfair(metric, post_training(table)[metric]) for table in _models(_resampled(counts))]
    is_beyond = (drawn[1] - drawn[0]) > options.max_bias_loss  # what is undefined is not
    chance = (1 + int((~is_beyond).sum())) / (1 + DRAWS)
    return replace(found, champion=champion, challenger=challenger, loss=loss, chance=chance)


def _models(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tables (..., groups, 2, 2, 2) of either model, by facet, observed and predicted label."""
    return counts.sum(axis=-5), np.moveaxis(counts.sum(axis=-1), -4, -1)


def unfair(metric: str, values: np.ndarray) -> np.ndarray:
    """How far from fair: 0 is fair."""
    if metric != RATIO:
        return np.asarray(np.abs(values))
    with np.errstate(divide="ignore"):
        return np.asarray(1 - np.minimum(values, 1 / values))


def _resampled(counts: np.ndarray) -> np.ndarray:
    cells = counts.ravel()
    used = np.flatnonzero(cells)
    drawn = np.zeros((DRAWS, cells.size), np.int64)
    drawn[:, used] = Generator(PCG64(SEED)).multinomial(int(cells.sum()), cells[used] / cells.sum(), size=DRAWS)
    return drawn.reshape(DRAWS, *counts.shape)


def _judged(found: Sequence[Disparity], options: Options) -> tuple[Disparity, ...]:
    """Which are worse, with the chance that any is called so although none is held to 1 - confidence (Holm, as for slices)."""
    judged = list(found)
    ordered = sorted((each.chance, place) for place, each in enumerate(found) if not each.reason)
    is_open = True
    for step, (chance, place) in enumerate(ordered):
        level = (1 - options.confidence) / (len(ordered) - step)
        is_open = is_open and found[place].loss > options.max_bias_loss and chance <= level
        judged[place] = replace(found[place], is_worse=is_open)
    return tuple(judged)
