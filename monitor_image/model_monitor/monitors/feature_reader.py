"""Features as AWS's statistics files have them, old layouts included: the inverse of `feature_file.py`, whoever wrote the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from model_monitor.contract import OWN_BLOCK
from model_monitor.errors import BaselineError
from model_monitor.monitors.feature_file import OWN_TYPES
from model_monitor.schema import FeatureType, Privacy
from model_monitor.sketches.feature import FeatureStatistics, NumericStatistics
from model_monitor.sketches.ranks import Buckets, Ranks

_TYPES = {type_.lower(): type_ for type_ in FeatureType}


def read_features(document: object, where: str) -> tuple[FeatureStatistics, ...]:
    """The `features` of a statistics file.

    Raises: BaselineError when there are none, or one cannot be read.
    """
    if not isinstance(document, Mapping) or not isinstance(document.get("features"), list):
        raise BaselineError(
            where, 'has no list "features", so it holds no data-quality statistics.', "Check which baseline was given."
        )
    types = read_own_types(document)
    return tuple(
        _read_feature(item, types, f"{where}: features[{position}]")
        for position, item in enumerate(document["features"])
    )


def read_own_types(document: Mapping[str, Any]) -> dict[str, FeatureType]:
    """Types that AWS's files do not know, by feature, from our block."""
    told = _object(_object(document.get(OWN_BLOCK)).get(OWN_TYPES))
    return {str(name): _TYPES[str(value).lower()] for name, value in told.items() if str(value).lower() in _TYPES}


def read_type(value: object, where: str) -> FeatureType:
    """An `inferred_type`."""
    type_ = _TYPES.get(str(value).lower())
    if type_ is None:
        raise BaselineError(where, f"inferred_type should be one of {', '.join(FeatureType)}.")
    return type_


def read_name(content: object, where: str) -> tuple[str, Mapping[str, Any]]:
    """A feature's name and its block."""
    if not isinstance(content, Mapping) or not isinstance(content.get("name"), str):
        raise BaselineError(where, 'should be an object with a text "name".')
    return content["name"], content


def read_number(value: object, where: str) -> float | None:
    """A number, None when absent or not a number (AWS writes "NaN" as text)."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]  # anything else raises the TypeError below
    except (TypeError, ValueError):
        raise BaselineError(where, "should be a number.") from None
    return number if number == number else None


def _read_feature(content: object, types: Mapping[str, FeatureType], where: str) -> FeatureStatistics:
    name, feature = read_name(content, where)
    type_ = types.get(name) or read_type(feature.get("inferred_type"), where)
    numbers, texts = _object(feature.get("numerical_statistics")), _object(feature.get("string_statistics"))
    common = _object((numbers or texts).get("common"))
    privacy = _object(feature.get("privacy"))
    present, missing = _count(common, "num_present"), _count(common, "num_missing")
    numeric = _read_numeric(numbers, present, where) if numbers else None
    distinct = numbers.get("approximate_num_distinct_values") if numbers else texts.get("distinct_count")
    return FeatureStatistics(
        name=name,
        inferred_type=type_,
        present=present,
        missing=missing,
        distinct_count=read_number(distinct, f"{where}.distinct_count") or 0.0,
        numeric=numeric,
        categories=_read_categories(texts, where),
        privacy=read_privacy(privacy),
        salt=privacy.get("salt"),
    )


def read_privacy(block: Mapping[str, Any]) -> Privacy:
    """The class that a file names; AWS's files name none."""
    named = block.get("class")
    return Privacy(named) if named in tuple(Privacy) else Privacy.OPEN


def _read_numeric(content: Mapping[str, Any], present: int, where: str) -> NumericStatistics:
    numbers = {key: read_number(content.get(key), f"{where}.{key}") for key in ("mean", "sum", "std_dev", "min", "max")}
    distribution = _object(_object(content.get("distribution")).get("kll"))
    levels = _object(distribution.get("sketch")).get("data")
    try:
        arrays = tuple(np.array(level, np.float64) for level in levels or ())
        ranks = Ranks.of_levels(arrays) if any(level.size for level in arrays) else None
        is_closed = numbers["min"] is not None and numbers["max"] is not None
        buckets = _read_buckets(distribution.get("buckets") or [], is_closed)
    except (TypeError, ValueError, KeyError) as error:
        raise BaselineError(f"{where}.distribution.kll", "holds buckets or a sketch that cannot be read.") from error
    return NumericStatistics(
        count=present,
        mean=numbers["mean"] or 0.0,
        sum=numbers["sum"] or 0.0,
        std_dev=numbers["std_dev"] or 0.0,
        minimum=numbers["min"],
        maximum=numbers["max"],
        distinct_count=0.0,
        buckets=buckets,
        ranks=ranks,
        levels=arrays,
    )


def _read_buckets(buckets: list[Mapping[str, Any]], is_closed: bool) -> Buckets | None:
    if not buckets:
        return None
    bounds = [float(bucket["lower_bound"]) for bucket in buckets] + [float(buckets[-1]["upper_bound"])]
    counts = np.array([round(float(bucket["count"])) for bucket in buckets], np.int64)
    return Buckets(np.array(bounds), counts, is_closed)


def _read_categories(texts: Mapping[str, Any], where: str) -> dict[str, int] | None:
    buckets = _object(_object(texts.get("distribution")).get("categorical")).get("buckets")
    if buckets is None:
        return None
    try:
        return {str(bucket["value"]): round(float(bucket["count"])) for bucket in buckets}
    except (TypeError, ValueError, KeyError) as error:
        raise BaselineError(f"{where}.distribution.categorical", "holds buckets that cannot be read.") from error


def _count(content: Mapping[str, Any], key: str) -> int:
    value = content.get(key)
    return round(value) if isinstance(value, (int, float)) else 0


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
