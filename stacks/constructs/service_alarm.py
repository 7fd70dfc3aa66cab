"""Alarms on how an endpoint serves: its errors and its latency, by AWS's own series, which cost nothing but the alarm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aws_cdk import Duration, aws_cloudwatch as cloudwatch

from stacks.constructs.alarm_words import Words
from stacks.constructs.monitor_alarm import ABOVE, Watched
from stacks.constructs.staleness_alarm import NAMESPACE

ERRORS: Final = "Invocation5XXErrors"
LATENCY: Final = "ModelLatency"
PERIOD: Final = Duration.minutes(5)
PERIODS: Final = 3  # in a row: a quarter of an hour
MICROSECONDS: Final = 1_000_000
FAILING = Words(
    "answers more of its requests with an error of the server (5XX) than allowed",
    "a model or container that fails on some payload, too little memory, a deployment",
    "see the endpoint's log in /aws/sagemaker/Endpoints; what changed last is the first suspect: roll it back",
)
SLOW = Words(
    "answers slower than allowed: one request in a hundred takes longer",
    "too few instances for the traffic, larger requests, a slower model",
    "compare with the calls; add instances, or roll back what changed",
)


def errors(endpoint: str, variants: Sequence[str], share: float) -> Watched:
    """The share of calls that end in a 5XX: the average of a series that is 1 for each and 0 for others."""
    return Watched(
        what="errors",
        description=FAILING.text(f"Endpoint {endpoint}"),
        metric=_worst(endpoint, variants, ERRORS, "Average"),
        operator=ABOVE,
        threshold=share,
    )


def latency(endpoint: str, variants: Sequence[str], seconds: float) -> Watched:
    """The model's own time, of the slowest in a hundred."""
    return Watched(
        what="latency",
        description=SLOW.text(f"Endpoint {endpoint}"),
        metric=_worst(endpoint, variants, LATENCY, "p99"),
        operator=ABOVE,
        threshold=seconds * MICROSECONDS,
    )


def _worst(endpoint: str, variants: Sequence[str], name: str, statistic: str) -> cloudwatch.IMetric:
    """Of the variants the worst; of a single one its own series, for which an alarm costs least."""
    series = {
        f"v{number}": cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions_map={"EndpointName": endpoint, "VariantName": variant},
            statistic=statistic,
            period=PERIOD,
        )
        for number, variant in enumerate(variants)
    }
    if len(series) == 1:
        return series["v0"]
    return cloudwatch.MathExpression(
        expression=f"MAX([{', '.join(series)}])", using_metrics=dict(series), period=PERIOD, label=name
    )
