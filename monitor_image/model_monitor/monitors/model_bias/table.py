"""How many records there are by facet × group × observed label × predicted label, of one facet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from model_monitor.monitors.model_bias.facets import FLAGS
from model_monitor.monitors.model_bias.settings import FACETS_KEPT, GROUPS_KEPT

LABELS: Final = FLAGS
PREDICTIONS: Final = FLAGS + 1  # the first: nothing was predicted


@dataclass(frozen=True, slots=True, eq=False)
class BiasTable:
    """Counts, int64 (facets + 1, groups + 1, 4, 5).

    The first place of either of the first axes is for records whose value is missing; then come the values in `facets` and
    `groups`, sorted. A facet with configured values has its four flags instead, and no words. Labels are flags, predicted
    ones after a first place for none. has_many_*: there were more values than are kept, and all are counted as missing.
    """

    counts: np.ndarray
    facets: tuple[str, ...] | None = None
    groups: tuple[str, ...] = ()
    has_many_facets: bool = False
    has_many_groups: bool = False

    @classmethod
    def empty(cls, *, is_configured: bool) -> Self:
        """No records."""
        rows = FLAGS + 1 if is_configured else 1
        return cls(np.zeros((rows, 1, LABELS, PREDICTIONS), np.int64), None if is_configured else ())

    def merge(self, other: Self) -> Self:
        """Combine two disjoint parts."""
        has_many_groups = self.has_many_groups or other.has_many_groups
        has_many_facets = self.has_many_facets or other.has_many_facets
        groups = tuple(sorted({*self.groups, *other.groups}))
        facets = None if self.facets is None or other.facets is None else tuple(sorted({*self.facets, *other.facets}))
        if has_many_groups or len(groups) > GROUPS_KEPT:
            groups, has_many_groups = (), True
        if facets is not None and (has_many_facets or len(facets) > FACETS_KEPT):
            facets, has_many_facets = (), True
        rows = FLAGS + 1 if facets is None else len(facets) + 1
        counts = np.zeros((rows, len(groups) + 1, LABELS, PREDICTIONS), np.int64)
        for part in (self, other):
            counts += part._over(facets, groups)
        return type(self)(counts, facets, groups, has_many_facets, has_many_groups)

    def _over(self, facets: tuple[str, ...] | None, groups: tuple[str, ...]) -> np.ndarray:
        """The counts along other words; values that are none of them count as missing."""
        if facets == self.facets and groups == self.groups:
            return self.counts
        rows = FLAGS + 1 if facets is None else len(facets) + 1
        target = np.zeros((rows, len(groups) + 1, LABELS, PREDICTIONS), np.int64)
        to_group = [0, *_places(self.groups, groups)]
        to_facet = list(range(rows)) if facets is None else [0, *_places(self.facets or (), facets)]
        np.add.at(target, (np.array(to_facet)[:, None], np.array(to_group)[None, :]), self.counts)
        return target

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        flat = self.counts.ravel()
        used = np.flatnonzero(flat)
        return {
            "facets": None if self.facets is None else list(self.facets),
            "groups": list(self.groups),
            "cells": [used.tolist(), flat[used].tolist()],
            "has_many": [self.has_many_facets, self.has_many_groups],
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        facets = None if content["facets"] is None else tuple(content["facets"])
        shape = (FLAGS if facets is None else len(facets)) + 1, len(content["groups"]) + 1, LABELS, PREDICTIONS
        counts = np.zeros(int(np.prod(shape)), np.int64)
        counts[np.array(content["cells"][0], np.int64)] = content["cells"][1]
        return cls(counts.reshape(shape), facets, tuple(content["groups"]), *content["has_many"])


def _places(words: tuple[str, ...], among: tuple[str, ...]) -> list[int]:
    """Where each word is, counted from 1; 0 where it is not."""
    place = {word: i for i, word in enumerate(among, 1)}
    return [place.get(word, 0) for word in words]
