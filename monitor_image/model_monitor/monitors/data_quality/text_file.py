"""What statistics.json says of text features beyond AWS's distribution, in our own block: written and read.

    "model_monitor": {"texts": {"city": {"records": 90000.0, "distinct_count": 10000.0, "commonest": …, "forms": …, …}}}

`values` is a baseline's only: windows are compared with it. It holds at most `VALUES_WRITTEN` values (those with the smallest
hashes, a fair sample), 7 bytes each as a rule, so that a feature takes 160 KB at most.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from model_monitor.contract import OWN_BLOCK
from model_monitor.errors import BaselineError
from model_monitor.monitors.baseline_files import own_block
from model_monitor.schema import FeatureType, Privacy
from model_monitor.sketches.feature import MERGED_BELOW, FeatureStatistics
from model_monitor.sketches.forms import LENGTHS, Case, Form, shortest
from model_monitor.sketches.heavy import HASH_BITS
from model_monitor.sketches.texts import (
    Commonest,
    Repetition,
    Sample,
    TextStatistics,
    of_categories,
    salted,
)

TEXTS: Final = "texts"
VALUES_WRITTEN: Final = 16_384
HASH_BYTES: Final = HASH_BITS // 8
COUNT_WIDTHS: Final = (1, 2, 4, 8)


def texts_json(features: Iterable[FeatureStatistics], is_baseline: bool) -> dict[str, Any]:
    """The block of all text features, by name."""
    return {f.name: _text_json(f, f.text, is_baseline) for f in features if f.text is not None}


def _text_json(feature: FeatureStatistics, text: TextStatistics, is_baseline: bool) -> dict[str, Any]:
    is_restricted = feature.privacy is Privacy.RESTRICTED
    fewest = MERGED_BELOW if is_restricted else 1
    content: dict[str, Any] = {
        "records": float(text.total),
        "distinct_count": float(round(text.different)),
        "distinct_error": text.error,
        "forms": _told_forms(text.forms, fewest),
        "repetition": [text.repetition.times.tolist(), text.repetition.values.tolist()],
    }
    if text.cases is not None:
        content["cases"] = _told_forms(text.cases, fewest)
    if text.lengths is not None and not is_restricted:
        lengths = np.flatnonzero(text.lengths)
        content["lengths"] = [[shortest(int(each)), int(text.lengths[each])] for each in lengths]
    if feature.shown_categories is not None and not is_restricted:  # AWS's distribution has every value
        return content
    content["commonest"] = _commonest_json(text.commonest, feature.salt)
    if is_baseline and not is_restricted and text.sample is not None:
        content["values"] = _sample_json(text.sample.smallest(VALUES_WRITTEN))
    return content


def _told_forms(forms: Mapping[Any, int], fewest: int) -> dict[str, int]:
    """Forms or cases by name; small groups of a restricted feature are none of their own."""
    return {form.name.lower(): count for form, count in forms.items() if count >= fewest}


def _commonest_json(commonest: Commonest, salt: str | None) -> dict[str, Any]:
    """The list; of a restricted feature by salted hash and without the values of few records."""
    fewest = 1 if salt is None else MERGED_BELOW
    shown = int((commonest.counts >= fewest).sum())  # most first
    hashes, counts = commonest.hashes[:shown], commonest.counts[:shown]
    least = max(commonest.least, int(commonest.counts[shown:].max(initial=0)))
    values = []
    for hash_, written, count in zip(
        hashes.tolist(), (hashes if salt is None else salted(hashes, salt)).tolist(), counts.tolist(), strict=True
    ):
        named = {"value": commonest.names[hash_]} if hash_ in commonest.names and salt is None else {}
        values.append({**named, "hash": f"{written:0{2 * HASH_BYTES}x}", "count": count})
    return {"values": values, "others_at_most": least, "count_error": commonest.error}


def _sample_json(sample: Sample) -> dict[str, Any]:
    width = next(width for width in COUNT_WIDTHS if int(sample.counts.max(initial=0)) < 1 << (8 * width))
    parts = sample.hashes.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 8 - HASH_BYTES :]
    return {
        "below": sample.limit,
        "hashes": base64.b64encode(parts.tobytes()).decode(),
        "count_bytes": width,
        "counts": base64.b64encode(sample.counts.astype(f"<u{width}").tobytes()).decode(),
    }


# --- read -----------------------------------------------------------------------------------------------------------------


def with_texts(features: tuple[FeatureStatistics, ...], document: object, where: str) -> tuple[FeatureStatistics, ...]:
    """Features with what the block of a baseline of ours says of them; AWS's files have none.

    Raises: BaselineError.
    """
    block = own_block(document)
    texts = None if block is None else block.get(TEXTS)
    if not isinstance(texts, Mapping):
        return features
    try:
        return tuple(replace(f, text=_read(f, texts[f.name])) if f.name in texts else f for f in features)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise BaselineError(
            f"{where}: {OWN_BLOCK}.{TEXTS}", "cannot be read.", "Run the baseline job again."
        ) from error


def _read(feature: FeatureStatistics, content: Mapping[str, Any]) -> TextStatistics | None:
    if feature.inferred_type is not FeatureType.STRING:
        return None
    forms = {Form[name.upper()]: int(count) for name, count in content["forms"].items()}
    cases = None
    if "cases" in content:
        cases = {Case[name.upper()]: int(count) for name, count in content["cases"].items()}
    lengths = _read_lengths(content["lengths"]) if "lengths" in content else None
    if feature.categories is not None and feature.salt is None:
        return of_categories(feature.categories, forms, lengths, cases)
    times, values = (np.array(part, np.float64) for part in content["repetition"])
    return TextStatistics(
        total=int(content["records"]),
        different=float(content["distinct_count"]),
        error=float(content["distinct_error"]),
        commonest=_read_commonest(content.get("commonest", {})),
        repetition=Repetition(times, values),
        forms=forms,
        lengths=lengths,
        sample=_read_sample(content["values"]) if "values" in content else None,
        salt=feature.salt,
        cases=cases,
    )


def _read_lengths(content: Iterable[tuple[int, int]]) -> np.ndarray:
    places = {shortest(place): place for place in range(LENGTHS)}
    lengths = np.zeros(LENGTHS, np.int64)
    for length, count in content:
        lengths[places[length]] = count
    return lengths


def _read_commonest(content: Mapping[str, Any]) -> Commonest:
    values = content.get("values", ())
    return Commonest(
        np.array([int(value["hash"], 16) for value in values], np.uint64),
        np.array([value["count"] for value in values], np.int64),
        int(content.get("others_at_most", 0)),
        float(content.get("count_error", 0.0)),
    )


def _read_sample(content: Mapping[str, Any]) -> Sample:
    parts = np.frombuffer(base64.b64decode(content["hashes"]), np.uint8).reshape(-1, HASH_BYTES)
    padded = np.zeros((len(parts), 8), np.uint8)
    padded[:, 8 - HASH_BYTES :] = parts
    counts = np.frombuffer(base64.b64decode(content["counts"]), f"<u{int(content['count_bytes'])}")
    hashes = padded.view(">u8").ravel().astype(np.uint64)
    if hashes.size != counts.size:
        raise ValueError
    return Sample(hashes, counts.astype(np.int64), int(content["below"]))
