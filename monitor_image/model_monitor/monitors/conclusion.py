"""What a baseline holds and what a check concludes. Types only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from model_monitor.contract import Verdict
from model_monitor.schema import FeatureType


class Outcome(StrEnum):
    """A check's result. `NOT_EVALUATED` never reads as a pass."""

    HELD = "held"
    VIOLATED = "violated"
    NOT_EVALUATED = "not_evaluated"


@dataclass(frozen=True, slots=True)
class Check:
    """One evaluated (or not evaluated) constraint.

    check_type: `constraint_check_type`; subject: feature or metric name.
    observed, allowed: numbers where the check has them; their unit is the check's (share, distance, count).
    description: AWS's wording when violated, the reason when not evaluated, else "".
    is_required: a monitor with a required check not evaluated is never `ok`.
    distance: of drift checks, the L-infinity distance in [0, 1] that metrics carry, whatever test decided.
    """

    check_type: str
    subject: str
    outcome: Outcome
    observed: float | None = None
    allowed: float | None = None
    description: str = ""
    is_required: bool = False
    distance: float | None = None


@dataclass(frozen=True, slots=True)
class DistributionConfig:
    """`distribution_constraints` of AWS's monitoring_config, with AWS's defaults."""

    perform_comparison: bool = True
    comparison_threshold: float = 0.1
    comparison_method: str = "Robust"  # Robust | Simple
    categorical_comparison_threshold: float | None = None  # None: comparison_threshold
    categorical_drift_method: str = "LInfinity"  # LInfinity | ChiSquared


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

    domains: known values; of a restricted feature by digest, with its `salt`.
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


@dataclass(frozen=True, slots=True)
class Constraints:
    """constraints.json of data quality, read in any of AWS's spellings. `block` is `config` by AWS's keys."""

    features: tuple[FeatureConstraints, ...]
    config: MonitoringConfig = field(default_factory=MonitoringConfig)
    block: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a monitor concludes from its checks.

    silenced: features whose metrics are switched off (`emit_metrics`).
    notes: what a reader of the checks should know first.
    drift_max: of model quality, how far what the model says has moved, whether that counts as a check yet or not.
    awaits_labels: labels that are still to come, or to be corrected, may settle what could not be evaluated.
    """

    verdict: Verdict
    checks: tuple[Check, ...] = ()
    reason: str = ""  # why nothing was evaluated, or the error
    silenced: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    drift_max: float | None = None
    awaits_labels: bool = False

    @property
    def violations(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.outcome is Outcome.VIOLATED)
