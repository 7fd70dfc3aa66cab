"""Numbers that look random and are settled by what they are of: no state, no order, no source of chance."""

from __future__ import annotations

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio


def mixed(keys: np.ndarray) -> np.ndarray:
    """A 64-bit hash of each uint64 key. Source: Steele, Lea & Flood (2014), SplitMix64."""
    return finalised(keys + GOLDEN)


def finalised(keys: np.ndarray) -> np.ndarray:
    """The second half of `mixed`: enough for keys that do not start at 0 nor follow each other."""
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(keys ^ (keys >> np.uint64(31)))


def different(values: np.ndarray) -> np.ndarray:
    """Each value once, ascending: np.unique's table takes several times as long as sorting."""
    ordered = np.sort(values)
    is_first = np.ones(ordered.size, np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    return ordered[is_first]


def halves(words: np.ndarray) -> np.ndarray:
    """Twice as many numbers below 2^32, along the last axis."""
    low = words & np.uint64(0xFFFFFFFF)
    return np.stack([low, words >> np.uint64(32)], axis=-1).reshape(*words.shape[:-1], -1)
