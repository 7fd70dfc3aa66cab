"""The key of a record: a 64-bit hash of its event's id as text, and of its place inside the payload.

Of 100 million records two meet by chance with a probability of about 3 in 10,000.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import xxhash

from model_monitor.schema import Events

GOLDEN_RATIO: Final = np.uint64(0x9E3779B97F4A7C15)
WORD_BYTES: Final = 8
LONGEST_MIXED: Final = 256  # bytes: 64 characters of four; anything longer was not made by SageMaker


def record_keys(events: Events, payload_index: np.ndarray) -> np.ndarray:
    """The key of each row, uint64: of the event's id as text, and the record's place in its payload."""
    return keys_of(np.repeat(hashes(events.ids), events.records), payload_index)


def keys_of(ids: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Keys of records whose events' ids have these hashes."""
    keys = ids + places.astype(np.uint64) * GOLDEN_RATIO
    return np.asarray(keys ^ (keys >> np.uint64(32)))


def hashes(ids: Sequence[str] | pa.Array) -> np.ndarray:
    """A 64-bit hash of each text, uint64; ids of one length are hashed together, eight bytes at a time."""
    if isinstance(ids, pa.Array):
        texts = ids.cast(pa.large_string())
    else:
        try:
            texts = pa.array(ids, pa.large_binary())
        except UnicodeEncodeError:  # half a surrogate pair
            texts = pa.array([text.encode("utf-8", "surrogatepass") for text in ids], pa.large_binary())
    starts = np.frombuffer(texts.buffers()[1] or b"", np.int64)[texts.offset : texts.offset + len(texts) + 1]
    content = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    lengths = np.diff(starts)
    found = np.empty(len(ids), np.uint64)
    for length in np.unique(lengths).tolist():
        chosen = np.flatnonzero(lengths == length)
        if length > LONGEST_MIXED:
            found[chosen] = [xxhash.xxh3_64_intdigest(texts[place].as_buffer()) for place in chosen.tolist()]
        else:
            found[chosen] = _mixed(content, starts[chosen], length)
    return found


def drawn(keys: np.ndarray, share: float, salt: int) -> np.ndarray:
    """bool (keys,): a share of the records, the same ones wherever they occur; another salt draws independently."""
    state = finalised(keys ^ np.uint64(salt))
    return np.asarray(state.astype(np.float64) < share * 2.0**64)


def finalised(state: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64. Source: Steele, Lea & Flood (2014)."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(state ^ (state >> np.uint64(31)))


def _mixed(content: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """Hashes of texts of one length, word by word."""
    words = -(-length // WORD_BYTES)
    padded = np.zeros((len(starts), words * WORD_BYTES), np.uint8)
    is_gapless = len(starts) * length == len(content)
    padded[:, :length] = (
        content.reshape(-1, length) if is_gapless and length else content[starts[:, None] + np.arange(length)]
    )
    state = np.full(len(starts), length, np.uint64)
    for word in padded.view("<u8").T:
        state = finalised((state ^ word) + GOLDEN_RATIO)
    return state
