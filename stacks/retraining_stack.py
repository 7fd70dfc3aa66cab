"""The closing of the loop for one endpoint: alarms on the model and its data may train a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_cdk import CfnOutput, Environment, Stack, aws_kms as kms, aws_sns as sns
from constructs import Construct

from model_monitor import contract
from stacks.alarms_stack import AlarmNames
from stacks.constructs import permissions
from stacks.constructs.monitor_alarm import MonitorAlarm, MonitorAlarmProps
from stacks.constructs.places import EndpointPlaces
from stacks.constructs.release_settings import ReleaseSettings, ReleaseSettingsProps
from stacks.constructs.retraining_trigger import RetrainingTrigger, RetrainingTriggerProps
from stacks.constructs.scheduled_monitor import ScheduledMonitor
from stacks.constructs.undecided_alarm import undecided
from stacks.endpoint_stack import model_code
from stacks.settings.endpoint import Endpoint, Retraining
from stacks.settings.environment import Network, Security
from stacks.settings.payload import Payload


@dataclass(frozen=True, kw_only=True)
class RetrainingProps:
    """Whose alarms start what training."""

    environment: str
    name: str
    endpoint: Endpoint
    settings: Retraining
    payload: Payload | None
    monitor: ScheduledMonitor
    alarms: AlarmNames
    topic: sns.ITopic
    places: EndpointPlaces
    key: kms.IKey
    network: Network
    security: Security
    tags: Mapping[str, str] = field(default_factory=dict)


class RetrainingStack(Stack):
    """The trigger and the role of the training jobs."""

    def __init__(self, scope: Construct, construct_id: str, props: RetrainingProps, *, env: Environment) -> None:
        super().__init__(scope, construct_id, env=env, description=f"Model monitoring: retraining of {props.name}")
        of_model, chosen = props.alarms.of_model, props.settings.types
        is_kit = props.settings.training_script == "kit"
        trigger = RetrainingTrigger(
            self,
            "Trigger",
            RetrainingTriggerProps(
                settings=props.settings,
                monitor=props.monitor,
                triggers={name: checks for type_ in chosen for name, checks in of_model.get(type_, {}).items()},
                other_alarms=[name for type_, alarms in of_model.items() if type_ not in chosen for name in alarms],
                broken_data_alarms=props.alarms.of_broken_data,
                topic=props.topic,
                code=model_code(self, "Code", props.payload) if is_kit and props.payload else None,
                places=props.places,
                policy_parameter=contract.policy_parameter(props.environment, props.name),
                role_path=contract.training_role_path(props.environment),
                state_prefix=contract.state_prefix(props.environment, props.name),
                key=props.key,
                network=props.network,
                security=props.security,
                tags=props.tags,
            ),
        )
        permissions.allow_reading(trigger.training_role, props.places.sets.below("manifests"))
        ReleaseSettings(
            self,
            "Release",
            ReleaseSettingsProps(
                environment=props.environment,
                name=props.name,
                endpoint=props.endpoint,
                settings=props.settings,
                monitor=props.monitor,
                places=props.places,
                topic=props.topic,
                key=props.key,
                tags=props.tags,
            ),
        )
        MonitorAlarm(
            self,
            "Undecided",
            MonitorAlarmProps(environment=props.environment, monitor=props.monitor, topic=props.topic),
            undecided(props.monitor, trigger.failed),
        )
        CfnOutput(self, "ModelLocation", value=props.places.models.uri, description="Models that retraining made")
