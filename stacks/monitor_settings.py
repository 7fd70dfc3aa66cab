"""The part of an environment file that stands below `monitors.{name}`: what a schedule runs, how often, and against what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from stacks import fields
from stacks.fields import Block, Count, Share, refuse

HOURLY_MAX_SECONDS = 3600


class Thresholds(Block):
    """AWS's `monitoring_config`, flat; what is left out is what the baseline says."""

    comparison_threshold: Share | None = None
    comparison_method: Literal["Robust", "Simple"] | None = None
    categorical_comparison_threshold: Share | None = None
    categorical_drift_method: Literal["LInfinity", "ChiSquared"] | None = None
    datatype_check_threshold: Share | None = None
    domain_content_threshold: Share | None = None
    evaluate_constraints: Literal["Enabled", "Disabled"] | None = None

    def as_monitoring_config(self) -> dict[str, Any]:
        """AWS's own nesting."""
        given = self.model_dump(exclude_none=True)
        plain = ("datatype_check_threshold", "domain_content_threshold", "evaluate_constraints")
        config = {key: given.pop(key) for key in plain if key in given}
        return config | ({"distribution_constraints": given} if given else {})


class Baseline(Block):
    """What live traffic is compared with: computed from a dataset at deployment, or files that exist already."""

    dataset: fields.S3Prefix | None = None
    format: Literal["csv", "json_lines", "parquet"] = "csv"
    header: bool = True
    revision: Count = 1
    """Raise it to compute the baseline again from a dataset that changed under the same name."""
    constraints: fields.S3Object | None = None
    statistics: fields.S3Object | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        refuse(self._faults())
        return self

    def _faults(self) -> Iterator[str]:
        files = [name for name in ("constraints", "statistics") if getattr(self, name)]
        if self.dataset and files:
            yield f"dataset: excludes {' and '.join(files)}; give a dataset to compute from, or files that exist"
        if not self.dataset and not files:
            yield "dataset: is missing; give a dataset to compute the baseline from, or constraints and statistics"


class MonitorAlarms(Block):
    """When people are told about one monitor. A period is the time between two runs."""

    drift_features: dict[fields.FeatureName, Share] = Field(default_factory=dict)
    """Distances above which one feature has an alarm of its own; its metric must be published."""
    drift_max: Share | None = None
    """A distance of any feature above which the drift alarm fires; left out: any violation of the drift check."""
    periods: Annotated[int, Field(ge=1, le=24)] = 1
    staleness_periods: Annotated[int, Field(ge=2, le=24)] = 2


class Monitor(Block):
    """One schedule: what it runs, how often, and against what."""

    types: Annotated[tuple[Literal["data_quality"], ...], Field(min_length=1, max_length=1)] = ("data_quality",)
    scheduler: Literal["model_monitor"] = "model_monitor"
    schedule: fields.Expression = "hourly"
    min_records: Count = 30
    max_rejected_fraction: Share = 0.1
    check_non_negative: bool = False
    baseline: Baseline
    thresholds: Thresholds = Thresholds()
    features: dict[fields.FeatureName, Thresholds] = Field(default_factory=dict)
    """Thresholds of single features."""
    instance_type: fields.InstanceType = "ml.m5.large"
    volume_size_gb: Annotated[int, Field(ge=1, le=16384)] = 20
    max_runtime_seconds: Annotated[int, Field(ge=60, le=86400)] = 3000
    role_arn: fields.arn("iam", "role/.+") | None = None  # type: ignore[valid-type]
    alarms: MonitorAlarms = MonitorAlarms()

    @property
    def expression(self) -> str:
        return fields.normal_schedule(self.schedule)

    @property
    def hours(self) -> int:
        """Between two runs."""
        return fields.schedule_hours(self.expression)

    @model_validator(mode="after")
    def _check(self) -> Self:
        refuse(self._faults())
        return self

    def _faults(self) -> Iterator[str]:
        if self.hours == 1 and self.max_runtime_seconds > HOURLY_MAX_SECONDS:
            yield f"max_runtime_seconds: an hourly schedule allows at most {HOURLY_MAX_SECONDS}, found {self.max_runtime_seconds}"
        periods = max(self.alarms.periods, self.alarms.staleness_periods)
        if self.hours * periods > 7 * 24:
            yield f"alarms: {periods} periods of {self.hours} hours are longer than the week an alarm can look back"
