"""The part of an environment file that stands below `retraining`: when a new model is better, and how it comes to serve."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from stacks.settings import fields
from stacks.settings.block import Block, check
from stacks.settings.fields import Share
from stacks.settings.monitor import Type

BiasMetric = Literal["AD", "CDDPL", "DAR", "DCA", "DCR", "DI", "DPPL", "DRR", "GE", "RD", "SD", "TE"]


class Gate(Block):
    """When a new model is better: both answer the same held-out rows."""

    problem_type: Literal["binary", "multiclass", "regression"] | None = None
    """What is predicted. Left out: what model_quality of a monitor says, or multiclass where none does."""
    metric: fields.MetricName | None = None
    """Metric that decides. Left out: auc of a binary problem with scores, accuracy of other classifications, rmse."""
    margin: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """By how much the new model must be better, in units of the metric, at least 0. Default: 0, any that is no chance."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """How sure that must be, above 0.5 and below 1. Default: 0.95."""
    slices: Annotated[tuple[fields.FeatureName, ...], Field(max_length=10)] = ()
    """Features whose values cut the rows into slices, none of which may get worse, at most 10. Default: none."""
    max_slice_loss: Share = 0.02
    """How much worse a slice may get, 0 to 1 in units of the metric. Default: 0.02."""
    facets: Annotated[tuple[fields.FeatureName, ...], Field(max_length=10)] = ()
    """Facets of a monitor's model_bias to which the new model must not be less fair, at most 10. Default: none."""
    bias_metrics: Annotated[tuple[BiasMetric, ...], Field(min_length=1, max_length=5)] = ("DPPL",)
    """Metrics of bias by which that is measured, at most 5. Default: DPPL, the difference in shares of positive predictions."""
    max_bias_loss: Share = 0.02
    """How much farther from fair a metric may get, 0 to 1 in its unit. Default: 0.02."""
    min_records: Annotated[int, Field(ge=2, le=1_000_000)] = 100
    """Held-out rows below which nothing is concluded, so that the old model stays, 2 to 1000000. Default: 100."""


class Deployment(Block):
    """How an endpoint changes from one model to the next. The old instances serve until the new ones have proven themselves."""

    strategy: Literal["canary", "linear", "all_at_once"] | None = None
    """canary: a part of the traffic first, then all. linear: part by part. all_at_once: all of it, and back again when an alarm
    rings. Left out: canary where every variant has two instances, else all_at_once."""
    size_percent: Annotated[int, Field(ge=1, le=50)] = 20
    """Percent of the instances in the first part (canary) or in each part (linear, from 10), 1 to 50. Default: 20."""
    wait_seconds: Annotated[int, Field(ge=0, le=3600)] = 600
    """Seconds between two parts, and after the last, in which alarms are watched, 0 to 3600. Default: 600."""
    error_rate: Share = 0.01
    """Share of requests answered with a 5XX error in a minute above which the old model comes back, 0 to 1. Default: 0.01."""
    latency_milliseconds: Annotated[int, Field(ge=1, le=60_000)] = 10_000
    """Milliseconds that a tenth of the requests of a minute may take before the old model comes back. Default: 10000."""


class Watch(Block):
    """What the monitors must say after a deployment."""

    windows: Annotated[int, Field(ge=0, le=168)] = 3
    """Windows that are judged before a new model stays, 0 to 168; 0 does not watch. Default: 3."""
    types: Annotated[tuple[Type, ...], Field(max_length=5)] = ("model_quality",)
    """Types whose violation brings the old model back; a run that ends in an error does, too. Default: model_quality."""


class Registry(Block):
    """Where models are registered."""

    group: fields.ModelGroup | None = None
    """Name or ARN of a model package group that exists, of another account too. Left out: one is made for the endpoint."""
    role_arn: fields.arn("iam", "role/.+") | None = None  # type: ignore[valid-type]
    """ARN of a role of the registry's account, in whose name packages are registered and read. Left out: in the name of this
    account's own functions, which the group's policy must admit then."""

    @check
    def _role_faults(self) -> Iterator[str]:
        if self.role_arn is None:
            return
        if self.group is None or not self.group.startswith("arn:"):
            yield "role_arn: is for a group of another account; give the group's ARN, or leave it out"
        elif _account(self.group) != _account(self.role_arn):
            yield (
                f"role_arn: should be of the group's account, {_account(self.group)}, found {_account(self.role_arn)}; "
                "give a role that may use the group"
            )


def _account(arn: str) -> str:
    return arn.split(":")[4]
