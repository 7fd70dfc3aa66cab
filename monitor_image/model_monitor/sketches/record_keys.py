"""A number for each record of captured events, the same however they are cut into files."""

from __future__ import annotations

import numpy as np
import xxhash

from model_monitor.schema import Events
from model_monitor.sketches.hashes import GOLDEN


def record_keys(events: Events, payload_index: np.ndarray) -> np.ndarray:
    """A uint64 for each record, of its event's id and its place in the event; not mixed yet."""
    ids = np.fromiter(map(xxhash.xxh3_64_intdigest, events.ids), np.uint64, len(events.ids))
    keys = np.repeat(ids, events.records)
    return keys + payload_index.astype(np.uint64) * GOLDEN if len(payload_index) == len(keys) else keys


def has_id(events: Events) -> np.ndarray:
    """bool (events,), whether each has an id. One by one: an array of texts would give each the room of the longest."""
    return np.fromiter(map(bool, events.ids), np.bool_, len(events.ids))
