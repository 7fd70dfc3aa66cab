"""A feature's block of statistics.json, in AWS's shape."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from model_monitor.contract import OWN_BLOCK
from model_monitor.schema import FeatureType, Privacy
from model_monitor.sketches.feature import (
    FeatureStatistics,
    NumericStatistics,
    is_crowd,
    masked,
    masked_buckets,
)
from model_monitor.sketches.kll import SHRINKING_FACTOR, SKETCH_SIZE

FILE_VERSION = 0.0  # what AWS's analyzer writes
OWN_TYPES = "types"  # in our block: types that AWS's files do not know, by feature


def file_type(type_: FeatureType) -> str:
    """A type as AWS's files spell it: they know no Boolean, which is text there."""
    return (FeatureType.STRING if type_ is FeatureType.BOOLEAN else type_).value


def own_types(types: Iterable[tuple[str, FeatureType]]) -> dict[str, Any]:
    """Our block of a file with the types that AWS's do not know; nothing without any."""
    found = {name: type_.value for name, type_ in types if type_ is FeatureType.BOOLEAN}
    return {OWN_BLOCK: {OWN_TYPES: found}} if found else {}


def feature_json(feature: FeatureStatistics) -> dict[str, Any]:
    """One feature's block."""
    content: dict[str, Any] = {"name": feature.name, "inferred_type": file_type(feature.inferred_type)}
    common = {"common": {"num_present": feature.present, "num_missing": feature.missing}}
    if feature.inferred_type.is_numeric and feature.numeric is not None:
        content["numerical_statistics"] = common | _numeric(feature, feature.numeric)
    elif feature.inferred_type is FeatureType.UNKNOWN:
        content["string_statistics"] = common
    else:
        content["string_statistics"] = common | _text(feature)
    return content | privacy_json(feature.privacy, feature.salt)


def privacy_json(privacy: Privacy, salt: str | None) -> dict[str, Any]:
    """The class of a feature that is not open, in our own block: whoever reads the file handles it as what it is."""
    if privacy is Privacy.OPEN:
        return {}
    return {"privacy": {"class": privacy.value, **({} if salt is None else {"salt": salt})}}


def _numeric(feature: FeatureStatistics, numeric: NumericStatistics) -> dict[str, Any]:
    is_restricted = feature.privacy is Privacy.RESTRICTED
    content: dict[str, Any] = {}
    if not is_restricted or is_crowd(numeric):
        content = {"mean": _double(numeric.mean), "sum": _double(numeric.sum), "std_dev": _double(numeric.std_dev)}
    if not is_restricted:
        content |= {"min": _double(numeric.minimum), "max": _double(numeric.maximum)}
    distribution: dict[str, Any] = {}
    buckets = masked_buckets(numeric) if is_restricted else numeric.buckets
    if buckets is not None:
        distribution["buckets"] = [
            {"lower_bound": lower, "upper_bound": upper, "count": count}
            for lower, upper, count in zip(
                buckets.bounds[:-1].tolist(),
                buckets.bounds[1:].tolist(),
                buckets.counts.astype(float).tolist(),
                strict=True,
            )
        ]
    if feature.privacy is Privacy.OPEN and numeric.levels:
        distribution["sketch"] = {
            "parameters": {"c": SHRINKING_FACTOR, "k": float(SKETCH_SIZE)},
            "data": [level.tolist() for level in numeric.levels],
        }
    return {
        **content,
        "approximate_num_distinct_values": round(feature.distinct_count),
        "completeness": feature.completeness,
        **({"distribution": {"kll": distribution}} if distribution else {}),
    }


def _text(feature: FeatureStatistics) -> dict[str, Any]:
    content: dict[str, Any] = {
        "distinct_count": float(round(feature.distinct_count)),
        "completeness": feature.completeness,
    }
    categories = feature.shown_categories
    if categories is not None:
        shown = masked(categories, feature.salt) if feature.salt is not None else categories
        buckets = [{"value": value, "count": count} for value, count in shown.items()]
        content["distribution"] = {"categorical": {"buckets": buckets}}
    return content


def _double(value: float | None) -> float | None:
    """A sum of very large numbers may not be finite, which JSON cannot say."""
    return value if value is not None and math.isfinite(value) else None
