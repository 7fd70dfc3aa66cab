"""What a data-quality baseline demands of each feature. Types only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from model_monitor.monitors.drift import DistributionConfig
from model_monitor.schema import FeatureType, Privacy


@dataclass(frozen=True, slots=True)
class MonitoringConfig:
    """`monitoring_config`, whole file or one feature's after its overrides are merged in."""

    evaluate_constraints: bool = True
    emit_metrics: bool = True
    datatype_check_threshold: float = 1.0
    domain_content_threshold: float = 1.0
    distribution: DistributionConfig = field(default_factory=DistributionConfig)
    check_non_negative: bool = False  # ours


@dataclass(frozen=True, slots=True)
class FeatureConstraints:
    """What a baseline says of one feature. `config` is the global configuration with this feature's overrides.

    domains: known values; of a restricted feature by digest, with its `salt`. privacy: as the baseline's job was told.
    overrides: this feature's own part of the configuration, by AWS's keys.
    """

    name: str
    inferred_type: FeatureType
    completeness: float | None = None
    is_non_negative: bool = False
    domains: tuple[str, ...] | None = None
    config: MonitoringConfig = field(default_factory=MonitoringConfig)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    salt: str | None = None
    privacy: Privacy = Privacy.OPEN


@dataclass(frozen=True, slots=True)
class Constraints:
    """constraints.json of data quality, read in any of AWS's spellings. `block` is `config` by AWS's keys."""

    features: tuple[FeatureConstraints, ...]
    config: MonitoringConfig = field(default_factory=MonitoringConfig)
    block: Mapping[str, Any] = field(default_factory=dict)
