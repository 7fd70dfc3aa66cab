"""What the steps of a retraining need to know of one endpoint, and the alarms by which SageMaker takes a new model back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aws_cdk import (
    Duration,
    Stack,
    aws_cloudwatch as cloudwatch,
    aws_kms as kms,
    aws_sns as sns,
    aws_ssm as ssm,
)
from constructs import Construct

from model_monitor import contract
from stacks.constructs.monitor_alarm import ABOVE, Watched
from stacks.constructs.places import EndpointPlaces
from stacks.constructs.scheduled_monitor import ScheduledMonitor
from stacks.constructs.told_alarm import Told, tell
from stacks.settings.endpoint import Endpoint, Model
from stacks.settings.fields import has_local_storage
from stacks.settings.retraining import Retraining

CSV = "text/csv"
NAMES_CHARACTERS = 3800  # of names of features in one parameter, which holds 4 KB
EXECUTION_SECONDS = (600, 28800)  # the least and the most that SageMaker takes for an update


@dataclass(frozen=True, kw_only=True)
class ReleaseSettingsProps:
    """Whose models. monitor: the one whose windows say whether a new model stays."""

    environment: str
    name: str
    endpoint: Endpoint
    settings: Retraining
    monitor: ScheduledMonitor
    places: EndpointPlaces
    topic: sns.ITopic
    key: kms.IKey
    tags: Mapping[str, str] = field(default_factory=dict)


class ReleaseSettings(Construct):
    """Parameters and alarms."""

    def __init__(self, scope: Construct, construct_id: str, props: ReleaseSettingsProps) -> None:
        super().__init__(scope, construct_id)
        self._props = props
        alarms = [name for variant in self._variants for name in self._alarms(variant)]
        self._parameter("Settings", "release", Stack.of(self).to_json_string(self._document(alarms)))
        for number, names in enumerate(cut(self._features)):
            self._parameter(f"Features{number}", f"features/{number:03}", json.dumps(names))
        for number, places in enumerate(cut(self._places)):
            self._parameter(f"Places{number}", f"places/{number:03}", json.dumps(places))

    def _parameter(self, construct_id: str, what: str, text: str) -> None:
        ssm.StringParameter(
            self,
            construct_id,
            parameter_name=contract.retraining_parameter(self._props.environment, self._props.name, what),
            string_value=text,
            tier=ssm.ParameterTier.INTELLIGENT_TIERING,
            description=f"What retrainings of {self._props.name} are",
        )

    @property
    def _features(self) -> list[str]:
        payload = self._props.endpoint.payload
        return list(payload.names) if payload else []

    @property
    def _places(self) -> list[list[Any]]:
        """Where a record of JSON holds each feature, and its type; nothing where models are asked in CSV."""
        payload = self._props.endpoint.payload
        if payload is None or self._props.settings.content_type == CSV:
            return []
        return [[feature.place, feature.type or ""] for feature in payload.features]

    @property
    def _variants(self) -> Sequence[str]:
        """Those of our own endpoints: others are updated by whoever deploys them."""
        model = self._props.endpoint.model
        return tuple(model.variants) if model else ()

    def _document(self, alarms: Sequence[str]) -> dict[str, Any]:
        """What `releases.settings` reads."""
        props, settings, model = self._props, self._props.settings, self._props.endpoint.model
        group, is_json = settings.registry.group, settings.content_type != CSV
        return {
            "endpoint": props.name,
            "schedule": props.monitor.schedule_name,
            "prefix": contract.training_job_prefix(props.name),
            "deploys": model is not None,
            "live_parameter": contract.live_parameter(props.environment, props.name, "model") if model else "",
            "holdout": props.places.holdout.folder_uri,
            "sets": props.places.sets.uri,
            "records": props.places.records.below(props.name).uri,
            "reports": props.places.reports.below(props.name, props.monitor.schedule_name).uri,
            "recent_hours": settings.recent_hours,
            "kms_key": props.key.key_arn,
            "tags": dict(props.tags),
            "transform": {
                "instance_type": settings.transform_instance_type,
                "volume_key": not has_local_storage(settings.transform_instance_type),
                "content_type": settings.content_type,
                "accept": settings.answers,
                "records": props.endpoint.payload.container if is_json and props.endpoint.payload else [],
            },
            "gate": settings.gate.model_dump(mode="json", exclude_none=True, exclude={"problem_type"}),
            "registry": {
                "group": group or contract.model_group(props.environment, props.name),
                "is_own": group is None,
                "role": settings.registry.role_arn or "",
                "instance_type": model.instance_type if model else settings.instance_type,
            },
            "approval_hours": settings.approval_hours,
            "deployment": deployment(settings, model, alarms) if model else {},
            "watch": {
                "windows": settings.watch.windows,
                "types": list(settings.watch.types),
                "period_seconds": int(props.monitor.every.total_seconds()),
            },
        }

    def _alarms(self, variant: str) -> Iterator[str]:
        """Of one variant. Silence does not breach: SageMaker would take a new model back that nobody has called yet."""
        chosen = self._props.settings.deployment
        yield self._alarm(
            variant,
            "server-errors",
            f"More than {chosen.error_rate:.1%} of the requests of a minute were answered with a 5XX error.",
            "Invocation5XXErrors",
            "Average",
            chosen.error_rate,
        )
        yield self._alarm(
            variant,
            "latency",
            f"A tenth of the requests of a minute took longer than {chosen.latency_milliseconds} milliseconds.",
            "ModelLatency",
            "p90",
            chosen.latency_milliseconds * 1000,  # the metric counts microseconds
        )

    def _alarm(self, variant: str, what: str, description: str, metric: str, statistic: str, threshold: float) -> str:
        return tell(
            self,
            f"{variant}-{what}",
            Told(environment=self._props.environment, of=self._props.name, topic=self._props.topic),
            Watched(
                what=f"{variant}-{what}",
                description=f"{description} During a deployment SageMaker brings the old model back.",
                metric=cloudwatch.Metric(
                    namespace="AWS/SageMaker",
                    metric_name=metric,
                    dimensions_map={"EndpointName": self._props.name, "VariantName": variant},
                    statistic=statistic,
                    period=Duration.minutes(1),
                ),
                threshold=threshold,
                operator=ABOVE,
            ),
        )


def deployment(settings: Retraining, model: Model, alarms: Sequence[str]) -> dict[str, Any]:
    """DeploymentConfig of UpdateEndpoint: how traffic moves, and which alarms bring it back."""
    chosen, strategy = settings.deployment, settings.strategy_of(model.fewest_instances)
    part = {"Type": "CAPACITY_PERCENT", "Value": chosen.size_percent}
    kinds: dict[str, dict[str, Any]] = {
        "canary": {"Type": "CANARY", "CanarySize": part},
        "linear": {"Type": "LINEAR", "LinearStepSize": part},
        "all_at_once": {"Type": "ALL_AT_ONCE"},
    }
    steps = {"canary": 2, "linear": -(-100 // chosen.size_percent), "all_at_once": 1}[strategy]
    least, most = EXECUTION_SECONDS
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {**kinds[strategy], "WaitIntervalInSeconds": chosen.wait_seconds},
            "TerminationWaitInSeconds": 0,
            "MaximumExecutionTimeoutInSeconds": min(most, max(least, 3600 + steps * chosen.wait_seconds)),
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarms[:10]]},
    }


Part = TypeVar("Part")


def cut(names: Sequence[Part]) -> Iterator[list[Part]]:
    """Names, or places, in parts that each fit into a parameter."""
    part: list[Part] = []
    for name in names:
        if part and len(json.dumps([*part, name])) > NAMES_CHARACTERS:
            yield part
            part = []
        part.append(name)
    if part:
        yield part
