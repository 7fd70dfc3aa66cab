"""Which records of a window go to people: the most uncertain ones, and a sample of the confident ones by predicted class.

The sample keeps the labels honest: labels of uncertain records alone would say that a model is worse than it is. Who is
sampled follows from the hash of the record's key, so the same records are chosen however a window is cut into files.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

import numpy as np

from model_monitor.job.review import Measure, ReviewSettings
from model_monitor.schema import Column, Rows
from model_monitor.sketches.answers import NEGATIVE, Answers, Problem, lists_of
from model_monitor.sketches.hashes import mixed
from model_monitor.sketches.reading import KEYS_KEPT, RepeatedKeys
from model_monitor.sketches.record_keys import has_id, record_keys

NO_HOUR: Final = -1
HOUR_SECONDS: Final = 3600
SAMPLE_PART: Final = 4  # one in so many tasks may be a sampled one, where a cap binds
CLASSES_APART: Final = 256  # predicted classes above which all are sampled as one
ALL_CLASSES: Final = ""
LONGEST_TEXT: Final = 1000  # characters of one value that a reviewer sees

Place = tuple[int, str]  # hour since 1970, predicted class


class Reason(StrEnum):
    """Why a record goes to people."""

    UNCERTAIN = "uncertain"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One record that may become a task.

    key: 64-bit hash of event and place. uncertainty: in [0, 1], 1 is the most. weight: of a sampled one, how many records
    of its hour and class it stands for.
    """

    key: int
    event_id: str
    payload_index: int
    time: int
    reason: Reason
    uncertainty: float
    prediction: str | None
    score: float | None
    scores: tuple[float, ...] = ()
    features: tuple[tuple[str, Any], ...] = ()
    weight: float = 1.0

    @property
    def hour(self) -> int:
        return self.time // HOUR_SECONDS if self.time >= 0 else NO_HOUR

    @property
    def order(self) -> tuple[float, int, int]:
        """Most uncertain first; of equals the one that its hash puts first, then the earlier."""
        return (-self.uncertainty, self.key, self.time)


@dataclass(frozen=True, slots=True)
class Routed:
    """What a part of a window offers to people; merges like every profile.

    uncertain: by hour, at most `per_hour` different records, in order. sampled: by hour and predicted class, those with the
    smallest hashes. strata: records of each hour and class that are not uncertain. eligible: uncertain records, repeats too.
    """

    settings: ReviewSettings
    uncertain: dict[int, tuple[Candidate, ...]] = field(default_factory=dict)
    sampled: dict[Place, tuple[Candidate, ...]] = field(default_factory=dict)
    strata: Counter[Place] = field(default_factory=Counter)
    records: int = 0
    eligible: int = 0
    unscored: int = 0
    without_id: int = 0
    keys: RepeatedKeys = field(default_factory=RepeatedKeys)

    @classmethod
    def of(cls, rows: Rows, settings: ReviewSettings) -> Routed:
        """One chunk."""
        chunk = _Chunk(rows, settings) if rows.count and rows.events.ids else None
        if chunk is None:
            return cls(settings, records=rows.count, without_id=rows.count)
        is_open = chunk.has_id & chunk.is_scored
        places = np.flatnonzero(is_open & chunk.is_uncertain)
        uncertain = {
            hour: chunk.most_uncertain(places[chunk.hours[places] == hour])
            for hour in np.unique(chunk.hours[places]).tolist()
        }
        rest = np.flatnonzero(is_open & ~chunk.is_uncertain)
        strata, sampled = chunk.sample(rest)
        return cls(
            settings=settings,
            uncertain=uncertain,
            sampled=sampled,
            strata=strata,
            records=rows.count,
            eligible=int(places.size),
            unscored=int((~chunk.is_scored).sum()),
            without_id=int((~chunk.has_id & chunk.is_scored).sum()),
            keys=_repeated(chunk.keys[places]),
        )._folded()

    def merge(self, other: Routed) -> Routed:
        """Combine two disjoint parts; `self` comes first in file order."""
        limits = self.settings
        is_folded = self._is_folded or other._is_folded
        mine, theirs = self._folded(is_folded), other._folded(is_folded)
        hours = {*mine.uncertain, *theirs.uncertain}
        places = {*mine.sampled, *theirs.sampled}
        return Routed(
            settings=limits,
            uncertain={
                hour: _first((*mine.uncertain.get(hour, ()), *theirs.uncertain.get(hour, ())), limits.per_hour)
                for hour in sorted(hours)
            },
            sampled={
                place: _smallest(
                    (*mine.sampled.get(place, ()), *theirs.sampled.get(place, ())), limits.sample_per_class
                )
                for place in sorted(places)
            },
            strata=mine.strata + theirs.strata,
            records=mine.records + theirs.records,
            eligible=mine.eligible + theirs.eligible,
            unscored=mine.unscored + theirs.unscored,
            without_id=mine.without_id + theirs.without_id,
            keys=mine.keys.merge(theirs.keys),
        )._folded()

    @property
    def repeats(self) -> int:
        """Uncertain records whose key was seen before, approximately."""
        return self.keys.repeats(self.eligible)

    def chosen(self) -> tuple[Candidate, ...]:
        """The tasks of the window within both caps, day by day: sampled ones up to their part, then the most uncertain."""
        days: dict[int, list[int]] = {}
        for hour in sorted({*self.uncertain, *(hour for hour, _ in self.sampled)}):
            days.setdefault(hour // 24, []).append(hour)
        taken: dict[int, Candidate] = {}
        for hours in days.values():
            for one in self._of_day(hours):
                taken.setdefault(one.key, one)
        return tuple(taken.values())

    def _of_day(self, hours: Sequence[int]) -> list[Candidate]:
        sampled = self._sample_of_day(hours)
        room = Counter(dict.fromkeys(hours, self.settings.per_hour))
        room.subtract(one.hour for one in sampled)
        left, found = self.settings.per_day - len(sampled), dict[int, Candidate]()
        ranked = (one for hour in hours for one in self.uncertain.get(hour, ()))
        for one in sorted(ranked, key=lambda one: one.order):
            if len(found) < left and room[one.hour] > 0 and one.key not in found:
                room[one.hour] -= 1
                found[one.key] = one
        return [*found.values(), *sampled]

    def _sample_of_day(self, hours: Sequence[int]) -> list[Candidate]:
        """Where the day's part is too small for all, their hashes choose, and each that stays stands for more."""
        taken = {one.key for part in self.uncertain.values() for one in part}
        found = [one for hour in hours for one in self._sample_of_hour(hour, taken)]
        kept = sorted(found, key=lambda one: one.key)[: _part_of(self.settings.per_day)]
        return [replace(one, weight=round(one.weight * len(found) / len(kept), 6)) for one in kept]

    def _sample_of_hour(self, hour: int, taken: set[int]) -> list[Candidate]:
        """Of every class the first before of any the second."""
        ranked: list[tuple[int, int, Place, Candidate]] = []
        for place in sorted(self.sampled):
            kept = [one for one in self.sampled[place] if place[0] == hour and one.key not in taken]
            ranked += [(rank, one.key, place, one) for rank, one in enumerate(kept)]
        chosen = sorted(ranked, key=lambda each: each[:2])[: _part_of(self.settings.per_hour)]
        sizes = Counter(place for _, _, place, _ in chosen)
        return [replace(one, weight=self.strata[place] / sizes[place]) for _, _, place, one in chosen]

    @property
    def _is_folded(self) -> bool:
        return any(label == ALL_CLASSES for _, label in self.strata)

    def _folded(self, is_forced: bool = False) -> Routed:
        """As one class where there are too many to be classes."""
        if not is_forced and len({label for _, label in self.strata}) <= CLASSES_APART:
            return self
        strata: Counter[Place] = Counter()
        sampled: dict[Place, tuple[Candidate, ...]] = {}
        for (hour, _), count in self.strata.items():
            strata[hour, ALL_CLASSES] += count
        for (hour, _), kept in sorted(self.sampled.items()):
            place = (hour, ALL_CLASSES)
            sampled[place] = _smallest((*sampled.get(place, ()), *kept), self.settings.sample_per_class)
        return replace(self, strata=strata, sampled=sampled)


class _Chunk:
    """What a chunk says of each of its records, as arrays (rows,)."""

    def __init__(self, rows: Rows, settings: ReviewSettings) -> None:
        self._rows, self._settings = rows, settings
        problem = Problem(settings.problem, settings.positive, settings.threshold, settings.labels)
        self._answers = Answers.of(rows, problem)
        self._lists = lists_of(rows, problem)
        counts = rows.events.records
        self.has_id = np.repeat(has_id(rows.events), counts)
        self.keys = mixed(record_keys(rows.events, rows.payload_index))
        self.times = np.repeat(rows.events.times, counts)
        self.hours = np.where(self.times >= 0, self.times // HOUR_SECONDS, NO_HOUR)
        self._events = np.repeat(np.arange(len(rows.events.ids)), counts)
        self.uncertainty, self.is_uncertain = self._judged()
        self.is_scored = np.isfinite(self.uncertainty)

    def _judged(self) -> tuple[np.ndarray, np.ndarray]:
        """How uncertain each record is in [0, 1], NaN without a score; and whether that is enough."""
        settings = self._settings
        if settings.measure is Measure.BAND:
            return self._in_bands()
        if self._lists is None or self._lists.shape[1] < 2:
            nothing = np.full(self._rows.count, np.nan)
            return nothing, np.zeros(self._rows.count, np.bool_)
        ordered = np.sort(self._lists, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            if settings.measure is Measure.MARGIN:
                margin = ordered[:, -1] - ordered[:, -2]
                return np.clip(1 - margin, 0, 1), margin < settings.limit
            shares = ordered / ordered.sum(axis=1, keepdims=True)
            terms = np.where(
                shares > 0, -shares * np.log(np.where(shares > 0, shares, 1)), np.where(shares == 0, 0, np.nan)
            )
            entropy = terms.sum(axis=1) / math.log(ordered.shape[1])
            return np.clip(entropy, 0, 1), entropy > settings.limit

    def _in_bands(self) -> tuple[np.ndarray, np.ndarray]:
        scores, answers = self._answers.numbers, self._answers
        bands = [self._settings.band_of(_spelled(word, self._settings)) for word in answers.words]
        bands.append(self._settings.band)  # of a record that says no class
        low = np.array([band.low for band in bands])[answers.codes]
        high = np.array([band.high for band in bands])[answers.codes]
        distance = np.abs(scores - (low + high) / 2) / ((high - low) / 2)
        return np.where(np.isfinite(scores), np.clip(1 - distance, 0, 1), np.nan), (scores > low) & (scores < high)

    def most_uncertain(self, places: np.ndarray) -> tuple[Candidate, ...]:
        """The first different records of these places, by order."""
        order = np.lexsort((self.times[places], self.keys[places], -self.uncertainty[places]))
        chosen = _different(places[order], self.keys, self._settings.per_hour)
        return tuple(self._candidate(place, Reason.UNCERTAIN) for place in chosen)

    def sample(self, places: np.ndarray) -> tuple[Counter[Place], dict[Place, tuple[Candidate, ...]]]:
        """How many records each hour and class has among these places, and those with the smallest hashes."""
        strata: Counter[Place] = Counter()
        sampled: dict[Place, tuple[Candidate, ...]] = {}
        codes, hours = self._answers.codes[places], self.hours[places]
        for hour in np.unique(hours).tolist():
            for code in np.unique(codes[hours == hour]).tolist():
                inside = places[(hours == hour) & (codes == code)]
                place = (hour, self._label(code) or "none")
                strata[place] += int(inside.size)
                if self._settings.sample_per_class:
                    order = np.lexsort((self.times[inside], self.keys[inside]))
                    kept = _different(inside[order], self.keys, self._settings.sample_per_class)
                    sampled[place] = tuple(self._candidate(one, Reason.SAMPLE) for one in kept)
        return strata, sampled

    def _label(self, code: int) -> str | None:
        return _spelled(self._answers.words[code], self._settings) if code >= 0 else None

    def _candidate(self, place: int, reason: Reason) -> Candidate:
        rows, score = self._rows, float(self._answers.numbers[place])
        lists = self._lists
        known = dict(zip(rows.schema.names, rows.features, strict=True))
        return Candidate(
            key=int(self.keys[place]),
            event_id=rows.events.ids[int(self._events[place])],
            payload_index=int(rows.payload_index[place]),
            time=int(self.times[place]),
            reason=reason,
            uncertainty=round(float(self.uncertainty[place]), 6),
            prediction=self._label(int(self._answers.codes[place])),
            score=score if math.isfinite(score) else None,
            scores=() if lists is None or not np.isfinite(lists[place]).all() else tuple(lists[place].tolist()),
            features=tuple((name, _cell(known[name], place)) for name in self._settings.features if name in known),
        )


def _part_of(cap: int) -> int:
    """How many tasks of a cap may be sampled ones."""
    return -(-cap // SAMPLE_PART)


def _spelled(word: str, settings: ReviewSettings) -> str:
    """A predicted class as a label; of two, what is not the positive one."""
    if word != NEGATIVE:
        return word
    return next((label for label in settings.labels if label != settings.positive), "")


def _cell(column: Column, place: int) -> int | float | str | None:
    """One value as JSON has it, long texts cut."""
    if column.texts is not None and (text := column.texts[place].as_py()) is not None:
        return str(text) if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"
    if column.numbers is None:
        return None
    value = column.numbers[place].item()
    return value if math.isfinite(value) else None


def _different(places: np.ndarray, keys: np.ndarray, most: int) -> list[int]:
    """The first places of different keys, in their order."""
    found: dict[int, int] = {}
    for place in places.tolist():
        found.setdefault(int(keys[place]), place)
        if len(found) == most:
            break
    return list(found.values())


def _first(candidates: Iterable[Candidate], most: int) -> tuple[Candidate, ...]:
    """The most uncertain, each record once."""
    return _once(sorted(candidates, key=lambda one: one.order), most)


def _smallest(candidates: Iterable[Candidate], most: int) -> tuple[Candidate, ...]:
    """Those with the smallest hashes, each record once."""
    return _once(sorted(candidates, key=lambda one: (one.key, one.time)), most)


def _once(candidates: Sequence[Candidate], most: int) -> tuple[Candidate, ...]:
    found: dict[int, Candidate] = {}
    for one in candidates:
        found.setdefault(one.key, one)
        if len(found) == most:
            break
    return tuple(found.values())[:most]


def _repeated(keys: np.ndarray) -> RepeatedKeys:
    hashes, counts = np.unique(keys, return_counts=True)
    return RepeatedKeys(hashes[:KEYS_KEPT], counts[:KEYS_KEPT].astype(np.int64))


def counts_of(routed: Routed, chosen: Sequence[Candidate]) -> dict[str, int]:
    """What a report says of a run's routing: numbers alone."""
    uncertain = sum(one.reason is Reason.UNCERTAIN for one in chosen)
    different = max(routed.eligible - routed.repeats, uncertain)
    return {
        "records": routed.records,
        "uncertain": routed.eligible,
        "repeats_approximate": routed.repeats,
        "routed_uncertain": uncertain,
        "routed_sample": len(chosen) - uncertain,
        "cut": different - uncertain,
        "unscored": routed.unscored,
        "without_id": routed.without_id,
    }
