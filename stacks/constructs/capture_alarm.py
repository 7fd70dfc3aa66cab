"""An alarm on lost capture where no table of runs is kept: captured requests against calls, and the endpoint's disk.

SageMaker stops capturing while the disk of an endpoint is full, and asks to keep it below 75 %. Under the kit's own scheduler the
last step of a run compares both and says so in `causes`, which needs no further series.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aws_cdk import Duration, aws_cloudwatch as cloudwatch

from model_monitor import contract
from model_monitor.contract import Cause
from stacks.constructs.cause_alarm import NAMES, WORDS
from stacks.constructs.monitor_alarm import Watched
from stacks.constructs.scheduled_monitor import LONGEST_PERIOD, ScheduledMonitor
from stacks.constructs.staleness_alarm import INVOCATIONS, NAMESPACE

UTILIZATION: Final = "/aws/sagemaker/Endpoints"
DISK: Final = "DiskUtilization"
FULLEST: Final = 75  # percent
FEW: Final = 100  # captures of a day of which less says nothing
VARIANTS_WITH_DISK: Final = 4  # an alarm reads ten metrics: a disk and calls of each variant, and what was captured


def capture_loss(monitor: ScheduledMonitor, variants: Sequence[str], sampling_percentage: int, share: float) -> Watched:
    """Of a whole day: captured requests carry the time at which their window ended, calls that of the call."""
    day = Duration.minutes(max(monitor.every, LONGEST_PERIOD).total_seconds() / 60)

    def metric(namespace: str, name: str, variant: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=namespace,
            metric_name=name,
            dimensions_map={"EndpointName": monitor.endpoint_name, "VariantName": variant},
            statistic=statistic,
            period=day,
        )

    calls = {f"calls{n}": metric(NAMESPACE, INVOCATIONS, variant, "Sum") for n, variant in enumerate(variants)}
    named = variants if len(variants) <= VARIANTS_WITH_DISK else ()
    disks = {f"disk{n}": metric(UTILIZATION, DISK, variant, "Maximum") for n, variant in enumerate(named)}
    captured = monitor.metric(contract.METRIC_CAPTURED, statistic="Sum").with_(period=day)
    expected = f"({' + '.join(f'FILL({name}, 0)' for name in calls)}) * {sampling_percentage / 100:g}"
    lost = f"({expected} >= {FEW} AND FILL(captured, 0) < {share:g} * {expected})"
    full = "".join(f" OR FILL({name}, 0) > {FULLEST}" for name in disks)
    return Watched(
        what=NAMES[Cause.CAPTURE_LOSS],
        description=WORDS[Cause.CAPTURE_LOSS].text(f"Runs of {monitor.schedule_name}"),
        metric=cloudwatch.MathExpression(
            expression=f"IF({lost}{full}, 1, 0)",
            using_metrics={"captured": captured, **calls, **disks},
            period=day,
            label="calls that were not captured",
        ),
    )
