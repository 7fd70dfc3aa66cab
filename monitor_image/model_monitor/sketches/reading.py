"""What was read, whatever the monitors make of it: records, rejects, events, repeats, variants, times."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model_monitor.schema import Reject, Rejects, Rows
from model_monitor.sketches.hashes import finalised
from model_monitor.sketches.record_keys import has_id, record_keys
from model_monitor.words import counted, form_of

KEYS_KEPT = 4096  # exact up to here; above, repeats are estimated within about 1.6 % of the records


def _no_hashes() -> np.ndarray:
    return np.empty(0, np.uint64)


def _no_counts() -> np.ndarray:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class RepeatedKeys:
    """How often record keys repeat, from the smallest hashes and how often each was seen.

    A hash among the smallest of the whole is among the smallest of every part it occurs in, so its count is exact and
    the result does not depend on the cuts. Source: Beyer et al. (2007), k minimum values, kept with multiplicities.

    hashes: uint64, ascending, at most `KEYS_KEPT`; counts: int64, one for each.
    """

    hashes: np.ndarray = field(default_factory=_no_hashes)
    counts: np.ndarray = field(default_factory=_no_counts)

    @classmethod
    def of(cls, rows: Rows) -> RepeatedKeys:
        """Keys are (id of the event, index inside its payload); rows without events, or of events without ids, have none."""
        events = rows.events
        if not events.ids or not rows.count:
            return cls()
        keys = record_keys(events, rows.payload_index)
        if "" in events.ids:
            keys = keys[np.repeat(has_id(events), events.records)]
        found = finalised(keys)
        hashes, counts = np.unique(_smallest(found), return_counts=True)
        if hashes.size < KEYS_KEPT:  # many repeats among the smallest
            hashes, counts = np.unique(found, return_counts=True)
        return cls(hashes[:KEYS_KEPT], counts[:KEYS_KEPT].astype(np.int64))

    def merge(self, other: RepeatedKeys) -> RepeatedKeys:
        """Combine two parts."""
        if not self.hashes.size or not other.hashes.size:
            return self if self.hashes.size else other
        hashes, where = np.unique(np.concatenate([self.hashes, other.hashes]), return_inverse=True)
        counts = np.zeros(hashes.size, np.int64)
        np.add.at(counts, where, np.concatenate([self.counts, other.counts]))
        return RepeatedKeys(hashes[:KEYS_KEPT], counts[:KEYS_KEPT])

    def repeats(self, records: int) -> int:
        """Records whose key was seen before; exact while there are at most `KEYS_KEPT` keys."""
        seen = int(self.counts.sum())
        return round(records * (seen - self.hashes.size) / seen) if seen else 0


def _smallest(hashes: np.ndarray) -> np.ndarray:
    """All that are below some bound, enough of them unless most repeat."""
    enough = 2 * KEYS_KEPT
    return hashes if hashes.size <= enough else hashes[hashes < np.partition(hashes, enough)[enough]]


@dataclass(frozen=True, slots=True)
class Reading:
    """Counts of one read of the data. `first_time` and `last_time` are seconds since 1970 UTC, None without any.

    tolerated: payloads by what was wrong with them, which could be read all the same.
    labelled: records of events of which ground truth holds a label. id_form: what the first event's id looks like.
    displaced: events whose labels have another place in the payload than any record (payload_index).
    """

    records: int = 0
    events: int = 0
    outside_window: int = 0
    own_requests: int = 0
    dropped: int = 0  # records that a user's preprocessor left out
    rejects: Rejects = field(default_factory=Rejects)
    tolerated: Counter[str] = field(default_factory=Counter)
    variants: Counter[str] = field(default_factory=Counter)
    repeated_keys: RepeatedKeys = field(default_factory=RepeatedKeys)
    first_time: int | None = None
    last_time: int | None = None
    labelled: int = 0
    id_form: str = ""
    displaced: int = 0

    @classmethod
    def of(cls, rows: Rows) -> Reading:
        """One chunk."""
        times = rows.events.times[(rows.events.times >= 0) & (rows.events.records > 0)]
        return cls(
            records=rows.count,
            events=len(rows.events.ids),
            outside_window=rows.outside_window,
            own_requests=rows.own_requests,
            dropped=rows.dropped,
            rejects=rows.rejects,
            tolerated=rows.tolerated,
            variants=Counter({rows.events.variant: rows.count} if rows.events.variant and rows.count else {}),
            repeated_keys=RepeatedKeys.of(rows),
            first_time=int(times.min()) if times.size else None,
            last_time=int(times.max()) if times.size else None,
            labelled=0 if rows.truth is None or rows.truth.keys is None else int((rows.truth.places >= 0).sum()),
            id_form=form_of(rows.events.ids[0]) if rows.events.ids else "",
            displaced=0 if rows.truth is None else rows.truth.displaced,
        )

    @property
    def repeats(self) -> int:
        """Records whose key was seen before, approximately."""
        return self.repeated_keys.repeats(self.records)

    @property
    def mixed_variants(self) -> str:
        """That several variants may have answered the same requests, as a shadow variant does; "" where none has."""
        if len(self.variants) < 2 or not self.repeats:
            return ""
        told = ", ".join(f"'{name}' ({counted(count, 'record')})" for name, count in sorted(self.variants.items()))
        return (
            f"{len(self.variants)} variants are analysed together: {told}; {counted(self.repeats, 'record')} "
            f"{'have' if self.repeats > 1 else 'has'} an id that was seen before, as when a shadow variant answers the same "
            "requests. Name those to analyse in `variants`."
        )

    @property
    def rejected_fraction(self) -> float:
        """Share of records that could not be read; 0 of nothing is 0.

        An event whose size is unknown counts as many records as the readable ones hold on average, so that a share of
        the events lost is a share of the records lost.
        """
        lost = self.rejects.sized + self.rejects.unsized * self.records_per_event
        return lost / max(self.records + lost, 1)

    @property
    def records_per_event(self) -> float:
        """How many records the readable events hold on average; 1 without any."""
        return max(1.0, (self.records + self.rejects.sized) / self.events) if self.events else 1.0

    def merge(self, other: Reading) -> Reading:
        """Combine two disjoint parts; `self` comes first in file order."""
        firsts = [time for time in (self.first_time, other.first_time) if time is not None]
        lasts = [time for time in (self.last_time, other.last_time) if time is not None]
        return Reading(
            records=self.records + other.records,
            events=self.events + other.events,
            outside_window=self.outside_window + other.outside_window,
            own_requests=self.own_requests + other.own_requests,
            dropped=self.dropped + other.dropped,
            rejects=self.rejects.merge(other.rejects),
            tolerated=self.tolerated + other.tolerated,
            variants=self.variants + other.variants,
            repeated_keys=self.repeated_keys.merge(other.repeated_keys),
            first_time=min(firsts, default=None),
            last_time=max(lasts, default=None),
            labelled=self.labelled + other.labelled,
            id_form=self.id_form or other.id_form,
            displaced=self.displaced + other.displaced,
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        return {
            "records": self.records,
            "events": self.events,
            "outside_window": self.outside_window,
            "own_requests": self.own_requests,
            "dropped": self.dropped,
            "rejects": {
                "by_reason": dict(self.rejects.by_reason),
                "located": [[reject.path, reject.line, reject.reason] for reject in self.rejects.located],
                "widths": [[width, count] for width, count in self.rejects.widths.items()],
                "unsized": self.rejects.unsized,
            },
            "tolerated": dict(self.tolerated),
            "variants": dict(self.variants),
            "keys": {"hashes": self.repeated_keys.hashes.tolist(), "counts": self.repeated_keys.counts.tolist()},
            "first_time": self.first_time,
            "last_time": self.last_time,
            "labelled": self.labelled,
            "id_form": self.id_form,
            "displaced": self.displaced,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Reading:
        """The inverse of `to_json`."""
        rejects, keys = content["rejects"], content["keys"]
        return cls(
            records=content["records"],
            events=content["events"],
            outside_window=content["outside_window"],
            own_requests=content["own_requests"],
            dropped=content["dropped"],
            rejects=Rejects(
                Counter(rejects["by_reason"]),
                tuple(Reject(*located) for located in rejects["located"]),
                Counter(dict(rejects["widths"])),
                rejects["unsized"],
            ),
            tolerated=Counter(content["tolerated"]),
            variants=Counter(content["variants"]),
            repeated_keys=RepeatedKeys(np.array(keys["hashes"], np.uint64), np.array(keys["counts"], np.int64)),
            first_time=content["first_time"],
            last_time=content["last_time"],
            labelled=content["labelled"],
            id_form=content["id_form"],
            displaced=content["displaced"],
        )
