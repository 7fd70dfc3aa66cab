"""What every scheduler offers to the stacks: a monitor that runs at intervals and emits metrics. The seam between schedulers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Final

from aws_cdk import Duration, Stack, aws_cloudwatch as cloudwatch, aws_kms as kms
from constructs import Construct

from model_monitor import contract
from stacks.constructs import permissions
from stacks.constructs.files import UploadedFile
from stacks.constructs.monitor_image import X86_64, MonitorImage
from stacks.constructs.places import EndpointPlaces
from stacks.settings.endpoint import Transform
from stacks.settings.environment import Network, Security
from stacks.settings.fields import has_local_storage
from stacks.settings.monitor import Monitor

LONGEST_PERIOD: Final = timedelta(days=1)


@dataclass(frozen=True)
class ScheduledMonitor:
    """A monitor that runs once per period. All names are known at synthesis, so it may be handed to other stacks freely.

    published: names of the series that its runs send; None for all that they measure.
    """

    endpoint_name: str
    schedule_name: str
    namespace: str
    every: timedelta
    published: tuple[str, ...] | None = None

    def publishes(self, name: str) -> bool:
        """Whether its runs send a series of this name."""
        return self.published is None or name in self.published

    @property
    def period(self) -> Duration:
        """Of its series: between two runs, at most the day that an alarm's period may last."""
        return _minutes(min(self.every, LONGEST_PERIOD) // timedelta(minutes=1))

    @property
    def hours(self) -> int:
        """Between two runs, in whole hours."""
        return math.ceil(self.every / timedelta(hours=1))

    @property
    def dimensions(self) -> dict[str, str]:
        """What every series of its runs carries."""
        return contract.dimensions(self.endpoint_name, self.schedule_name)

    def metric(self, name: str, statistic: str = "Maximum") -> cloudwatch.Metric:
        """A series that its runs emit. Maximum, because a repeated run may emit a value twice."""
        return _series(self, name, statistic)


@cache  # many alarms and tiles show one series, and each is a call to the CDK
def _series(monitor: ScheduledMonitor, name: str, statistic: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=monitor.namespace,
        metric_name=name,
        dimensions_map=monitor.dimensions,
        statistic=statistic,
        period=monitor.period,
    )


@cache
def _minutes(count: int) -> Duration:
    return Duration.minutes(count)


@dataclass(frozen=True, kw_only=True)
class MonitorProps:
    """What any scheduler needs to run one monitor.

    configuration: the uploaded configuration asset. has_labels: its runs compare with labels, some of them late.
    writes_rows: they write labelled rows for retraining.
    transform: of batch transform jobs in the place of an endpoint.
    function_image, architecture: of the function of small windows; None: it runs the image of jobs.
    code: Python files of this repository that were uploaded, by their path.
    sharing: settings of all monitors that a job computes for; () for its own alone.
    tags: of jobs that a function starts, which no stack can tag.
    """

    monitor: ScheduledMonitor
    settings: Monitor
    image: MonitorImage
    configuration: UploadedFile
    places: EndpointPlaces
    key: kms.IKey
    network: Network
    security: Security
    code: Mapping[str, UploadedFile] = field(default_factory=dict)
    has_labels: bool = False
    writes_rows: bool = False
    transform: Transform | None = None
    function_image: MonitorImage | None = None
    architecture: str = X86_64
    sharing: tuple[Monitor, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def volume_key_arn(self) -> str | None:
        """For the volumes of jobs; None where the instance encrypts them itself."""
        return None if has_local_storage(self.settings.instance_type) else permissions.key_arn(self.key)

    def variables(self, kind: contract.JobKind) -> Mapping[str, str]:
        """The environment that every job of this monitor has."""
        variable = contract.Variable
        variables: dict[str, str] = {
            variable.MONITOR_JOB: kind.value,
            variable.MONITOR_CONFIG: self.configuration.uri,
            variable.MONITOR_CONFIG_SHA256: self.configuration.sha256,
            variable.IMAGE_DIGEST: self.image.fingerprint,
        }
        if self.settings.reader != contract.READER_CHOICES[0]:
            variables[variable.READER] = self.settings.reader
        return variables


def region_variables(scope: Construct) -> dict[str, str]:
    """Where a job runs, under both names: libraries read one or the other. Not for functions: Lambda sets them and refuses ours."""
    region = Stack.of(scope).region
    return {contract.Variable.REGION: region, contract.Variable.DEFAULT_REGION: region}
