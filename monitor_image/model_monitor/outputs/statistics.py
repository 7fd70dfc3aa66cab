"""statistics.json of data quality, in AWS's shape: written here, and read whoever wrote it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from model_monitor.constraints.reader import read_name, read_number, read_type
from model_monitor.errors import BaselineError
from model_monitor.outputs.constraints import FILE_VERSION
from model_monitor.profiles.kll import SHRINKING_FACTOR, SKETCH_SIZE
from model_monitor.profiles.ranks import Buckets, Ranks
from model_monitor.profiles.statistics import (
    DatasetStatistics,
    FeatureStatistics,
    NumericStatistics,
    masked,
    masked_buckets,
)
from model_monitor.schema import FeatureType, Privacy


def statistics_file(statistics: DatasetStatistics) -> dict[str, Any]:
    """The content of the file. Of a restricted feature it holds no value of any record."""
    return {
        "version": FILE_VERSION,
        "dataset": {"item_count": statistics.item_count},
        "features": [_feature(feature) for feature in statistics.features],
    }


def _feature(feature: FeatureStatistics) -> dict[str, Any]:
    content: dict[str, Any] = {"name": feature.name, "inferred_type": feature.inferred_type.value}
    common = {"common": {"num_present": feature.present, "num_missing": feature.missing}}
    if feature.inferred_type.is_numeric and feature.numeric is not None:
        content["numerical_statistics"] = common | _numeric(feature, feature.numeric)
    elif feature.inferred_type is FeatureType.UNKNOWN:
        content["string_statistics"] = common
    else:
        content["string_statistics"] = common | _text(feature)
    if feature.salt is not None:
        content["privacy"] = {"class": feature.privacy.value, "salt": feature.salt}
    return content


def _numeric(feature: FeatureStatistics, numeric: NumericStatistics) -> dict[str, Any]:
    is_restricted = feature.privacy is Privacy.RESTRICTED
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


# --- reading -------------------------------------------------------------------------------------------------------------


def read_statistics_file(document: object, where: str) -> DatasetStatistics:
    """The content of a statistics file of data quality, old layouts included.

    Raises: BaselineError when it is none.
    """
    if not isinstance(document, Mapping) or not isinstance(document.get("features"), list):
        raise BaselineError(
            where, 'has no list "features", so it holds no data-quality statistics.', "Check which baseline was given."
        )
    features = tuple(
        _read_feature(item, f"{where}: features[{position}]") for position, item in enumerate(document["features"])
    )
    return DatasetStatistics(_count(_object(document.get("dataset")), "item_count"), features)


def _read_feature(content: object, where: str) -> FeatureStatistics:
    name, feature = read_name(content, where)
    type_ = read_type(feature.get("inferred_type"), where)
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
        privacy=Privacy.RESTRICTED if privacy.get("class") == Privacy.RESTRICTED else Privacy.OPEN,
        salt=privacy.get("salt"),
    )


def _read_numeric(content: Mapping[str, Any], present: int, where: str) -> NumericStatistics:
    numbers = {key: read_number(content.get(key), f"{where}.{key}") for key in ("mean", "sum", "std_dev", "min", "max")}
    distribution = _object(_object(content.get("distribution")).get("kll"))
    levels = _object(distribution.get("sketch")).get("data")
    try:
        arrays = tuple(np.array(level, np.float64) for level in levels or ())
        ranks = Ranks.of_levels(arrays) if any(level.size for level in arrays) else None
        buckets = _read_buckets(distribution.get("buckets") or [])
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


def _read_buckets(buckets: list[Mapping[str, Any]]) -> Buckets | None:
    if not buckets:
        return None
    bounds = [float(bucket["lower_bound"]) for bucket in buckets] + [float(buckets[-1]["upper_bound"])]
    return Buckets(np.array(bounds), np.array([round(float(bucket["count"])) for bucket in buckets], np.int64))


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
