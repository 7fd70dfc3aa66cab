"""What retraining of all endpoints shares: the one function that decides, its subscription, its rules, and who watches over it.

One of each, however many endpoints there are. What may be done for an endpoint stands in its SSM parameter; which alarm belongs to
which endpoint is known here, at synthesis, and lies beside the function's code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aws_cdk import (
    ArnFormat,
    CfnOutput,
    Duration,
    Environment,
    Stack,
    aws_cloudwatch as cloudwatch,
    aws_dynamodb as dynamodb,
    aws_events as events,
    aws_events_targets as targets,
    aws_iam as iam,
    aws_kms as kms,
    aws_scheduler as scheduler,
    aws_sns as sns,
    aws_sns_subscriptions as subscriptions,
)
from constructs import Construct

from model_monitor import contract
from stacks.constructs import permissions
from stacks.constructs.monitor_alarm import AT_LEAST, BELOW, Watched
from stacks.constructs.places import Place
from stacks.constructs.python_function import PythonFunction, PythonFunctionProps
from stacks.constructs.retraining_policy import channels
from stacks.constructs.told_alarm import SILENCE_BREACHES, SILENCE_IS_FINE, Told, tell
from stacks.settings.cadence import cadence
from stacks.settings.endpoint import Endpoint
from stacks.storage_stack import StorageStack

PASS_MINUTES = 30  # what the end of a cool-down allows is done within the hour, though a pass should fail
SILENT_HOURS = 2
AFTER_THE_HOUR = timedelta(minutes=30)  # when the runs of windows that ended on the hour have been judged
SCHEDULE_ATTEMPTS, SCHEDULE_SECONDS = 3, 6 * 3600
INDEX_FILE = "index.json"
FOLDER = "retraining"  # of the bucket of reports: decisions as files


@dataclass(frozen=True)
class Retrained:
    """An endpoint whose alarms are judged. alarms: every one that its policy names."""

    endpoint: Endpoint
    alarms: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class RetrainingPlaneProps:
    """Whose alarms are judged. reserved_concurrency: None reserves none. read_key_arns: of others, whose rows are counted."""

    environment: str
    endpoints: Mapping[str, Retrained]
    storage: StorageStack
    topic: sns.ITopic
    reserved_concurrency: int | None = None
    read_key_arns: Sequence[str] = ()


class RetrainingPlaneStack(Stack):
    """The function and what it may."""

    def __init__(self, scope: Construct, construct_id: str, props: RetrainingPlaneProps, *, env: Environment) -> None:
        super().__init__(scope, construct_id, env=env, description="Model monitoring: decisions about retraining")
        self._props = props
        self.table: dynamodb.ITable = props.storage.table
        self.key: kms.IKey = props.storage.key
        self.decide = self._function()
        self._grant_state()
        self._grant_evidence()
        self._grant_telling()
        self._grant_starting()
        self._listen()
        self._schedules()
        self._alarms()
        CfnOutput(
            self,
            "RetrainingFunction",
            value=self.decide.function.function_name,
            description="Decides about retraining; call it to start a run or to accept a proposal",
        )

    def _function(self) -> PythonFunction:
        props = self._props
        return PythonFunction(
            self,
            "Decide",
            PythonFunctionProps(
                code="retraining",
                description="Decides whether an alarm starts a training",
                environment={
                    "TABLE": self.table.table_name,
                    "TOPIC_ARN": props.topic.topic_arn,
                    "NAMESPACE": contract.NAMESPACE_OWN,
                    "KMS_KEY": props.storage.key.key_arn,
                    "RETRAINING_MACHINE_ARN": self._machine_arn,
                },
                timeout=Duration.minutes(5),
                keeps_failed=True,
                files={INDEX_FILE: index(props.environment, props.endpoints)},
                reserved_concurrency=props.reserved_concurrency,
            ),
        )

    # --- what it may -------------------------------------------------------------------------------------------------

    def _grant_state(self) -> None:
        role, props = self.decide.role, self._props
        calls = ("GetItem", "PutItem", "Query", "UpdateItem")
        permissions.allow_items(role, self.table, calls)
        each = contract.policy_parameter(props.environment, "*").lstrip("/")
        parameters = self.format_arn(service="ssm", resource="parameter", resource_name=each)
        permissions.allow_named(role, ["ssm:GetParameter"], parameters, "policies are deployed by stacks of endpoints")

    def _grant_evidence(self) -> None:
        role = self.decide.role
        permissions.allow_listings(role, self._places())
        for place in self._fresh():
            permissions.allow_reading(role, place)
            permissions.allow_reading_keys(role, self._props.read_key_arns)
        reports = self._reports
        permissions.allow_reading(role, reports)
        permissions.allow_key(role, self.key)
        names = [name.lower() for name in self._props.endpoints]
        arns = [self.format_arn(service="sagemaker", resource="endpoint", resource_name=name) for name in names]
        permissions.allow(role, ["sagemaker:DescribeEndpoint"], arns)
        alarms = self.format_arn(
            service="cloudwatch", resource="alarm", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        permissions.allow_named(role, ["cloudwatch:DescribeAlarms"], alarms, "the pass asks for all alarms that ring")
        permissions.allow_list_calls(role, ["cloudwatch:GetMetricStatistics"])

    def _grant_telling(self) -> None:
        role, topic = self.decide.role, self._props.topic
        reports = self._reports
        permissions.allow_writing(role, Place(reports.bucket_name, reports.bucket_arn, f"{FOLDER}/"))
        permissions.allow_metrics(role, contract.NAMESPACE_OWN)
        bus = self.format_arn(service="events", resource="event-bus", resource_name="default")
        permissions.allow(role, ["events:PutEvents"], [bus])
        permissions.allow(role, ["sns:Publish"], [topic.topic_arn])
        if isinstance(topic, sns.Topic) and topic.master_key is not None:
            permissions.allow(role, ["kms:Decrypt", "kms:GenerateDataKey"], [topic.master_key.key_arn])
        else:
            permissions.allow_key_through(role, self, "sns")

    def _grant_starting(self) -> None:
        """The one state machine, whose own role does the rest."""
        permissions.allow(self.decide.role, ["states:StartExecution"], [self._machine_arn])

    @property
    def _machine_arn(self) -> str:
        """By its name: it belongs to another stack."""
        name = contract.retraining_machine(self._props.environment)
        return self.format_arn(
            service="states", resource="stateMachine", resource_name=name, arn_format=permissions.COLON
        )

    @property
    def _reports(self) -> Place:
        name, found = next(iter(self._props.endpoints.items()))
        return self._props.storage.places(name, found.endpoint).reports  # all endpoints have one

    def _places(self) -> list[Place]:
        """Of every channel of every endpoint, each once."""
        storage, found = self._props.storage, {}
        for name, retrained in self._props.endpoints.items():
            settings = retrained.endpoint.retraining
            if settings is not None:
                for place in channels(settings, storage.shared_places(name, retrained.endpoint)).values():
                    found[place.folder_uri] = place
        return list(found.values())

    def _fresh(self) -> list[Place]:
        """Of the endpoints whose new labels are counted."""
        storage = self._props.storage
        found = [
            storage.shared_places(name, retrained.endpoint).fresh
            for name, retrained in self._props.endpoints.items()
            if retrained.endpoint.retraining is not None and retrained.endpoint.retraining.min_new_labels
        ]
        return list({place.folder_uri: place for place in found}.values())

    # --- what it hears of ----------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        function = self.decide.function
        self._props.topic.add_subscription(subscriptions.LambdaSubscription(function))
        function.add_permission(
            "ByAlarms",
            principal=iam.ServicePrincipal("lambda.alarms.cloudwatch.amazonaws.com"),
            source_account=self.account,
        )
        events.Rule(
            self,
            "Pass",
            description="Looks again at alarms that are still in ALARM",
            schedule=events.Schedule.rate(Duration.minutes(PASS_MINUTES)),
            targets=[targets.LambdaFunction(function, retry_attempts=0)],  # the next pass is near
        )

    def _schedules(self) -> None:
        """Trainings that no alarm asks for; the function judges them by its rules as any other."""
        chosen = {
            name: found.endpoint.retraining.schedule
            for name, found in self._props.endpoints.items()
            if found.endpoint.retraining is not None and found.endpoint.retraining.schedule is not None
        }
        if not chosen:
            return
        role = permissions.role(
            self,
            "ScheduleRole",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": self.account}}
            ),
            description="Asks for trainings when they are due",
        )
        function = self.decide.function.function_arn
        permissions.allow(role, ["lambda:InvokeFunction"], [function])
        permissions.allow(role, ["sqs:SendMessage"], [self.decide.failed.queue_arn])
        for name, written in chosen.items():
            asked = {"run": name, "started_by": "schedule", "time": "<aws.scheduler.scheduled-time>", "reason": written}
            scheduler.CfnSchedule(
                self,
                f"Schedule-{name}",
                description=f"Asks for a training of {name}",
                schedule_expression=cadence(written).scheduler_expression(AFTER_THE_HOUR),
                schedule_expression_timezone="UTC",
                flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
                target=scheduler.CfnSchedule.TargetProperty(
                    arn=function,
                    role_arn=role.role_arn,
                    input=json.dumps(asked, sort_keys=True),
                    retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                        maximum_retry_attempts=SCHEDULE_ATTEMPTS, maximum_event_age_in_seconds=SCHEDULE_SECONDS
                    ),
                    dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=self.decide.failed.queue_arn),
                ),
            )

    # --- who watches the watcher ---------------------------------------------------------------------------------------

    def _alarms(self) -> None:
        hour, function = Duration.hours(1), self.decide.function
        self._alarm(
            "failed",
            "The retraining function failed in two hours in a row. Its log says why.",
            function.metric_errors(period=hour, statistic="Sum"),
            periods=2,
        )
        self._alarm(
            "undecided",
            "An event was not judged: the retraining function failed every time. Its log says why; the event waits in the queue "
            "of failed events.",
            self.decide.failed.metric_approximate_number_of_messages_visible(
                period=Duration.minutes(5), statistic="Maximum"
            ),
        )
        self._alarm(
            "silent",
            "The pass over alarms that are still in ALARM does not run. See its rule and the retraining function.",
            function.metric_invocations(period=hour, statistic="Sum"),
            periods=SILENT_HOURS,
            is_silence=True,
        )

    def _alarm(
        self,
        what: str,
        description: str,
        metric: cloudwatch.IMetric,
        *,
        periods: int = 1,
        is_silence: bool = False,
    ) -> None:
        """is_silence: of what should happen all the time; else of what never should."""
        tell(
            self,
            what.title().replace("-", ""),
            Told(environment=self._props.environment, of="retraining", topic=self._props.topic),
            Watched(what=what, description=description, metric=metric, operator=BELOW if is_silence else AT_LEAST),
            periods=periods,
            missing=SILENCE_BREACHES if is_silence else SILENCE_IS_FINE,
        )


def index(environment: str, endpoints: Mapping[str, Retrained]) -> bytes:
    """What lambda/retraining/index.py reads: endpoints by alarm, policies by endpoint."""
    content: dict[str, Any] = {
        "alarms": {alarm: name for name, found in endpoints.items() for alarm in found.alarms},
        "policies": {name: contract.policy_parameter(environment, name) for name in endpoints},
    }
    return json.dumps(content, indent=1, sort_keys=True).encode() + b"\n"
