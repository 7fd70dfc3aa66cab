"""An alarm on silence: traffic, but no verdict. A quiet night pages nobody, and a dead scheduler does."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch

from model_monitor import contract
from stacks.constructs.monitor_alarm import Watched
from stacks.constructs.scheduled_monitor import ScheduledMonitor

NAMESPACE = "AWS/SageMaker"
INVOCATIONS = "Invocations"


def staleness(monitor: ScheduledMonitor, variants: Sequence[str], periods: int) -> Watched:
    """An endpoint was called in each of the last periods and no run said anything about them.

    Every run emits all of its 0/1 verdicts, so the number of values of any one of them is the number of runs.
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
    calls = " + ".join(f"FILL({name}, 0)" for name in traffic)
    runs = monitor.metric(contract.run_metric(contract.Verdict.OK), statistic="SampleCount")
    return Watched(
        what="stale",
        description=(
            f"Endpoint {monitor.endpoint_name} was called for {periods} periods, and {monitor.schedule_name} gave no "
            "verdict. See whether the schedule runs and whether its role may publish metrics."
        ),
        metric=cloudwatch.MathExpression(
            expression=f"IF(({calls}) > 0 AND FILL(runs, 0) < 1, 1, 0)",
            using_metrics={**traffic, "runs": runs},
            period=monitor.period,
            label="traffic without a verdict",
        ),
    )
