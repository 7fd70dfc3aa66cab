"""statistics.json and constraints.json of data quality, in AWS's shape."""

from __future__ import annotations

from typing import Any

from model_monitor.contract import OWN_BLOCK
from model_monitor.monitors.data_quality.constraints import Constraints, FeatureConstraints
from model_monitor.monitors.data_quality.monitoring_config import to_file
from model_monitor.monitors.data_quality.statistics import DatasetStatistics
from model_monitor.monitors.data_quality.text_file import TEXTS, texts_json
from model_monitor.monitors.feature_file import FILE_VERSION, feature_json, file_type, own_types, privacy_json


def statistics_file(statistics: DatasetStatistics) -> dict[str, Any]:
    """The content of the file. Of a restricted feature it holds no value of any record."""
    content: dict[str, Any] = {
        "version": FILE_VERSION,
        "dataset": {"item_count": statistics.item_count},
        "features": [feature_json(feature) for feature in statistics.features],
        **own_types((feature.name, feature.inferred_type) for feature in statistics.features),
    }
    texts = texts_json(statistics.features, statistics.is_baseline) if statistics.tells_texts else {}
    return content | {OWN_BLOCK: {**content.get(OWN_BLOCK, {}), TEXTS: texts}} if texts else content


def constraints_file(constraints: Constraints) -> dict[str, Any]:
    """The content of the file."""
    return {
        "version": FILE_VERSION,
        "features": [_feature(feature) for feature in constraints.features],
        "monitoring_config": to_file(constraints.block),
        **own_types((feature.name, feature.inferred_type) for feature in constraints.features),
    }


def _feature(feature: FeatureConstraints) -> dict[str, Any]:
    content: dict[str, Any] = {"name": feature.name, "inferred_type": file_type(feature.inferred_type)}
    if feature.completeness is not None:
        content["completeness"] = feature.completeness
    if feature.inferred_type.is_numeric:
        content["num_constraints"] = {"is_non_negative": feature.is_non_negative}
    elif feature.domains is not None:
        content["string_constraints"] = {"domains": list(feature.domains)}
    if feature.overrides:
        content["monitoringConfigOverrides"] = to_file(feature.overrides)
    return content | privacy_json(feature.privacy, feature.salt)
