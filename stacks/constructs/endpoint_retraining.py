"""Retraining of one endpoint: what its alarms may start, and the role of its training jobs. Who decides is shared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_cdk import CfnOutput, Stack, aws_kms as kms, aws_sns as sns
from constructs import Construct

from model_monitor import contract
from stacks.constructs import permissions
from stacks.constructs.endpoint_alarms import AlarmNames
from stacks.constructs.model_scripts import model_code
from stacks.constructs.places import EndpointPlaces
from stacks.constructs.release_settings import ReleaseSettings, ReleaseSettingsProps
from stacks.constructs.retraining_policy import RetrainingPolicy, RetrainingPolicyProps
from stacks.constructs.scheduled_monitor import ScheduledMonitor
from stacks.settings.endpoint import Endpoint
from stacks.settings.environment import Network, Security
from stacks.settings.payload import Payload
from stacks.settings.retraining import Retraining


@dataclass(frozen=True, kw_only=True)
class EndpointRetrainingProps:
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


class EndpointRetraining(Construct):
    """The policy and the role of the training jobs. watched: every alarm that the policy names."""

    def __init__(self, scope: Construct, construct_id: str, props: EndpointRetrainingProps) -> None:
        super().__init__(scope, construct_id)
        of_model, chosen = props.alarms.of_model, props.settings.types
        is_kit = props.settings.training_script == "kit" and props.settings.pipeline is None
        triggers = {name: checks for type_ in chosen for name, checks in of_model.get(type_, {}).items()}
        every_check = tuple(dict.fromkeys(check for checks in triggers.values() for check in checks))
        triggers |= dict.fromkeys(props.settings.more_alarms, every_check)
        others = [name for type_, alarms in of_model.items() if type_ not in chosen for name in alarms]
        self.watched = [*triggers, *others, *props.alarms.of_broken_data]
        policy = RetrainingPolicy(
            self,
            "Trigger",
            RetrainingPolicyProps(
                settings=props.settings,
                monitor=props.monitor,
                triggers=triggers,
                other_alarms=others,
                broken_data_alarms=props.alarms.of_broken_data,
                code=model_code(self, "Code", props.payload) if is_kit and props.payload else None,
                places=props.places,
                policy_parameter=contract.policy_parameter(props.environment, props.name),
                role_path=contract.training_role_path(props.environment),
                key=props.key,
                network=props.network,
                security=props.security,
                tags=props.tags,
            ),
        )
        permissions.allow_reading(policy.training_role, props.places.sets.below("manifests"))
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
        CfnOutput(
            Stack.of(self), "ModelLocation", value=props.places.models.uri, description="Models that retraining made"
        )
