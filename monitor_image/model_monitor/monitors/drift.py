"""How two distributions are compared, whatever they are of: a feature, or what the model says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DistributionConfig:
    """`distribution_constraints` of AWS's monitoring_config, with AWS's defaults."""

    perform_comparison: bool = True
    comparison_threshold: float = 0.1
    comparison_method: str = "Robust"  # Robust | Simple
    categorical_comparison_threshold: float | None = None  # None: comparison_threshold
    categorical_drift_method: str = "LInfinity"  # LInfinity | ChiSquared
