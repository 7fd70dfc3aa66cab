"""An alarm on silence: traffic, but no judged window. A quiet night pages nobody, and a dead scheduler or a lost baseline does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aws_cdk import aws_cloudwatch as cloudwatch

from model_monitor import contract
from stacks.constructs.monitor_alarm import Watched
from stacks.constructs.scheduled_monitor import ScheduledMonitor

NAMESPACE = "AWS/SageMaker"
INVOCATIONS = "Invocations"


def staleness(monitor: ScheduledMonitor, variants: Sequence[str], periods: int, min_records: int = 1) -> Watched:
    """An endpoint was called in each of the last periods and no run judged anything of them.

    Every run emits all of its 0/1 verdicts, so the number of values of any one of them is the number of runs. A run that saw
    nothing, or could not evaluate what it saw, is no sign of life where there was enough traffic to judge; one that waits for
    its labels by design is, and an error has an alarm of its own.
    """
    traffic = {
        f"traffic{number}": cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=INVOCATIONS,
            dimensions_map={"EndpointName": monitor.endpoint_name, "VariantName": variant},
            statistic="Sum",
            period=monitor.period,
        )
        for number, variant in enumerate(variants)
    }
    runs = {
        "runs": monitor.metric(contract.run_metric(contract.Verdict.OK), statistic="SampleCount"),
        "empty": monitor.metric(contract.run_metric(contract.Verdict.NO_DATA), statistic="Sum"),
        "unjudged": monitor.metric(contract.run_metric(contract.Verdict.INSUFFICIENT_DATA), statistic="Sum"),
    }
    return Watched(
        what="stale",
        description=(
            f"Endpoint {monitor.endpoint_name} was called for {periods} periods, and {monitor.schedule_name} judged "
            "nothing.\nOften: a disabled schedule, capture that is off or refused, a baseline that is gone, missing "
            "permissions.\nDo: see whether the schedule runs and may publish metrics, and in the report why nothing was "
            "evaluated."
        ),
        metric=cloudwatch.MathExpression(
            expression=stale_expression(traffic, min_records),
            using_metrics={**traffic, **runs},
            period=monitor.period,
            label="traffic that no run judged",
        ),
    )


def stale_expression(traffic: Iterable[str], min_records: int) -> str:
    """1 for a period with calls and no run, or with enough calls to judge and no run that judged; else 0."""
    calls = " + ".join(f"FILL({name}, 0)" for name in traffic)
    judged = "FILL(runs, 0) - FILL(empty, 0) - FILL(unjudged, 0)"
    return f"IF((({calls}) > 0 AND FILL(runs, 0) < 1) OR (({calls}) >= {min_records} AND ({judged}) < 1), 1, 0)"
