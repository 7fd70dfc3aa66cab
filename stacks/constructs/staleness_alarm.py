"""An alarm on silence: traffic, and nothing judged. A quiet night pages nobody; a dead scheduler or a lost baseline does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from model_monitor import contract
from stacks.constructs.monitor_alarm import MonitorAlarmProps, watch

NAMESPACE = "AWS/SageMaker"
INVOCATIONS = "Invocations"


class StalenessAlarm(Construct):
    """Fires when an endpoint was called in each of the last periods and no run judged anything of them.

    Every run emits all of its 0/1 verdicts, so the number of values of any one of them is the number of runs. A run that saw
    nothing, or could not evaluate what it saw, is no sign of life where there was enough traffic to judge; one that waits for
    its labels by design is, and an error has an alarm of its own.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        props: MonitorAlarmProps,
        variants: Sequence[str],
        min_records: int = 1,
    ) -> None:
        super().__init__(scope, construct_id)
        monitor = props.monitor
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
        stale = cloudwatch.MathExpression(
            expression=staleness(traffic, min_records),
            using_metrics={**traffic, **runs},
            period=monitor.period,
            label="traffic that no run judged",
        )
        watch(
            self,
            "Alarm",
            props,
            metric=stale,
            what="stale",
            description=(
                f"Endpoint {monitor.endpoint_name} was called for {props.periods} periods, and {monitor.schedule_name} judged "
                "nothing. See whether the schedule runs and may publish metrics, and in the report why nothing was evaluated."
            ),
            threshold=1,
        )


def staleness(traffic: Iterable[str], min_records: int) -> str:
    """1 for a period with calls and no run, or with enough calls to judge and no run that judged; else 0."""
    calls = " + ".join(f"FILL({name}, 0)" for name in traffic)
    judged = "FILL(runs, 0) - FILL(empty, 0) - FILL(unjudged, 0)"
    return f"IF((({calls}) > 0 AND FILL(runs, 0) < 1) OR (({calls}) >= {min_records} AND ({judged}) < 1), 1, 0)"
