"""constraints.json in every spelling that AWS's files, documentation and SDK use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model_monitor.errors import BaselineError
from model_monitor.monitors.data_quality.constraints import Constraints, FeatureConstraints
from model_monitor.monitors.data_quality.monitoring_config import merged, read_block, to_config
from model_monitor.monitors.feature_reader import read_name, read_number, read_own_types, read_privacy, read_type
from model_monitor.schema import FeatureType

_OVERRIDES = ("monitoringConfigOverrides", "monitoring_config_overrides")


def read_constraints(document: object, where: str) -> Constraints:
    """The content of a constraints file of data quality.

    Raises: BaselineError when it is none.
    """
    if not isinstance(document, Mapping) or not isinstance(document.get("features"), list):
        raise BaselineError(
            where, 'has no list "features", so it holds no data-quality constraints.', "Check which baseline was given."
        )
    block = read_block(
        document.get("monitoring_config", document.get("monitoringConfig")), f"{where}: monitoring_config"
    )
    types = read_own_types(document)
    features = tuple(
        _feature(item, block, types, f"{where}: features[{position}]")
        for position, item in enumerate(document["features"])
    )
    return Constraints(features, to_config(block), block)


def _feature(
    content: object, block: dict[str, Any], types: Mapping[str, FeatureType], where: str
) -> FeatureConstraints:
    name, feature = read_name(content, where)
    texts, numbers = (_object(feature, key, where) for key in ("string_constraints", "num_constraints"))
    overrides: dict[str, Any] = {}
    for holder in (feature, numbers, texts):
        for key in _OVERRIDES:
            overrides = merged(overrides, read_block(holder.get(key), f"{where}.{key}"))
    privacy = _object(feature, "privacy", where)
    domains = texts.get("domains")
    if domains is not None and not isinstance(domains, list):
        raise BaselineError(f"{where}.string_constraints.domains", "should be a list.")
    return FeatureConstraints(
        name=name,
        inferred_type=types.get(name) or read_type(feature.get("inferred_type"), where),
        completeness=read_number(feature.get("completeness"), f"{where}.completeness"),
        is_non_negative=bool(numbers.get("is_non_negative", False)),
        domains=None if domains is None else tuple(map(str, domains)),
        config=to_config(merged(block, overrides)),
        overrides=overrides,
        salt=privacy.get("salt"),
        privacy=read_privacy(privacy),
    )


def _object(holder: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    value = holder.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise BaselineError(f"{where}.{key}", "should be an object.")
    return value
