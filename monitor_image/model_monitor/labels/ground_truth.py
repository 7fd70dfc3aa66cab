"""Labels that come after the predictions, found again by event and place.

A label costs 12 bytes while it is held: 64-bit hash of its key (`keys.py`), code of its label; 8 more where a reviewer gave it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from model_monitor.schema import Rejects


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """One label for each key.

    keys: uint64 (labels,), ascending and different.
    codes: int32 (labels,), position in `words`.
    words: the different labels, in their one spelling, sorted.
    repeats: labels that a later one replaced.
    rejects: records that could not be read.
    id_form: what the id of the first label looks like; "" without any.
    reviewed: uint64, ascending, keys of those that reviewers gave. reviews: labels of theirs that were read, replaced ones too.
    """

    keys: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint64))
    codes: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))
    words: tuple[str, ...] = ()
    repeats: int = 0
    rejects: Rejects = field(default_factory=Rejects)
    id_form: str = ""
    reviewed: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint64))
    reviews: int = 0

    @classmethod
    def of(
        cls, keys: np.ndarray, codes: np.ndarray, words: tuple[str, ...], is_reviewed: np.ndarray | None = None
    ) -> GroundTruth:
        """Labels in the order in which they came; `words` in any. is_reviewed: bool (labels,); None: none is."""
        order = _order(keys)
        keys, codes = keys[order], codes[order]
        is_last = np.append(keys[1:] != keys[:-1], True)
        order_of_words = sorted(range(len(words)), key=words.__getitem__)
        rank = np.empty(len(words), np.int32)
        rank[order_of_words] = np.arange(len(words), dtype=np.int32)
        repeats = int(np.count_nonzero(~is_last))
        found = cls(keys[is_last], rank[codes[is_last]], tuple(words[place] for place in order_of_words), repeats)
        if is_reviewed is None or not is_reviewed.any():
            return found
        return replace(found, reviewed=keys[is_last & is_reviewed[order]], reviews=int(is_reviewed.sum()))

    def merge(self, other: GroundTruth) -> GroundTruth:
        """Those of two parts; of two labels with one key that of `other`, which came later, counts."""
        form = self.id_form or other.id_form
        if not len(self) or not len(other):
            found = self if len(self) else other
            rejects = self.rejects.merge(other.rejects)
            return replace(found, repeats=self.repeats + other.repeats, rejects=rejects, id_form=form)
        places = {word: place for place, word in enumerate(dict.fromkeys(self.words + other.words))}
        own = [np.array([places[word] for word in part.words], np.int32)[part.codes] for part in (self, other)]
        found = GroundTruth.of(np.concatenate([self.keys, other.keys]), np.concatenate(own), tuple(places))
        kept = self.reviewed[other.find(self.reviewed) < 0]  # those that no later label replaced
        return replace(
            found,
            repeats=self.repeats + other.repeats + found.repeats,
            rejects=self.rejects.merge(other.rejects),
            id_form=form,
            reviewed=np.union1d(kept, other.reviewed),
            reviews=self.reviews + other.reviews,
        )

    def __len__(self) -> int:
        return len(self.keys)

    def are_reviewed(self, keys: np.ndarray) -> np.ndarray:
        """bool (keys,): whose label reviewers gave."""
        return np.isin(keys, self.reviewed)

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Where the label of each key is, int64; -1 without one. Sorted before probing: a random order costs many times as much."""
        found = np.full(len(keys), -1, np.int64)
        if not len(self.keys):
            return found
        order = np.argsort(keys)
        places = np.minimum(np.searchsorted(self.keys, keys[order]), len(self.keys) - 1)
        found[order] = np.where(self.keys[places] == keys[order], places, -1)
        return found


def _order(keys: np.ndarray) -> np.ndarray:
    """Places of the keys in ascending order, equal ones as they came. A stable sort of all would take four times as long."""
    order = np.argsort(keys)
    ascending = keys[order]
    is_equal = ascending[1:] == ascending[:-1]
    if is_equal.any():
        tied = np.flatnonzero(np.append(is_equal, False) | np.append(False, is_equal))
        order[tied] = order[tied][np.lexsort((order[tied], ascending[tied]))]
    return order
