"""Verdicts for executions that no container reported: the service starts none for an empty window, and a killed one is silent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Duration, aws_dynamodb as dynamodb, aws_events as events, aws_events_targets as targets
from constructs import Construct

from stacks.constructs import endpoint_permissions, permissions
from stacks.constructs.python_function import PythonFunction, PythonFunctionProps
from stacks.constructs.scheduled_monitor import ScheduledMonitor

WATCHED_FILE = "watched.json"
MINUTE = "40"  # schedules start up to 20 minutes late, and a run takes some minutes


@dataclass(frozen=True, kw_only=True)
class ReconcilerProps:
    """Whose executions are looked at; table: the environment's, which remembers what was published.

    shadow_prefixes: how the names of shadow endpoints begin that runs make; of a killed run they are removed here.
    """

    monitors: Sequence[ScheduledMonitor]
    table: dynamodb.ITable
    shadow_prefixes: Sequence[str] = ()


class Reconciler(Construct):
    """A function that runs every hour."""

    def __init__(self, scope: Construct, construct_id: str, props: ReconcilerProps) -> None:
        super().__init__(scope, construct_id)
        prefixes = sorted(set(props.shadow_prefixes))
        function = PythonFunction(
            self,
            "Reconcile",
            PythonFunctionProps(
                code="reconciler",
                description="Publishes the verdicts of executions that no container reported",
                environment={"TABLE": props.table.table_name},
                timeout=Duration.minutes(5),
                files={WATCHED_FILE: watched(props.monitors, prefixes)},
            ),
        )
        if props.monitors:  # else it removes shadow endpoints alone
            permissions.allow_list_calls(function.role, ["sagemaker:ListMonitoringExecutions"])
            permissions.allow_metrics(function.role, *sorted({monitor.namespace for monitor in props.monitors}))
            permissions.allow_items(function.role, props.table, ["GetItem", "PutItem"])
        events.Rule(
            self,
            "Hourly",
            schedule=events.Schedule.cron(minute=MINUTE),
            targets=[targets.LambdaFunction(function.function)],
        )
        if prefixes:
            self._remove_shadows(function, prefixes)

    def _remove_shadows(self, function: PythonFunction, prefixes: Sequence[str]) -> None:
        """The same function when a processing job ends, and what it needs to find and remove endpoints."""
        endpoint_permissions.allow_removing_shadows(function.role, self, prefixes)
        events.Rule(
            self,
            "JobEnded",
            event_pattern=events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Processing Job State Change"],
                detail={"ProcessingJobStatus": ["Completed", "Failed", "Stopped"]},
            ),
            targets=[targets.LambdaFunction(function.function)],
        )


def watched(monitors: Sequence[ScheduledMonitor], shadow_prefixes: Sequence[str]) -> bytes:
    """What lambda/reconciler/watched.py reads."""
    content = {
        "schedules": {
            monitor.schedule_name: {
                "endpoint": monitor.endpoint_name,
                "namespace": monitor.namespace,
                "published": monitor.published,
            }
            for monitor in monitors
        },
        "shadow_prefixes": list(shadow_prefixes),
    }
    return json.dumps(content, indent=1, sort_keys=True).encode() + b"\n"
