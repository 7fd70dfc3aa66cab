"""Verdicts that Model Monitor's own runs could not give, and what killed runs of either scheduler left: one look for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Environment, Stack, aws_dynamodb as dynamodb
from constructs import Construct

from stacks.constructs.reconciler import Reconciler, ReconcilerProps
from stacks.constructs.scheduled_monitor import ScheduledMonitor


@dataclass(frozen=True, kw_only=True)
class ReconcilerStackProps:
    """Whose executions are looked at, and whose shadow endpoints are removed."""

    monitors: Sequence[ScheduledMonitor]
    shadow_prefixes: Sequence[str]
    table: dynamodb.ITable


class ReconcilerStack(Stack):
    """One an environment; none where there is nothing to look at."""

    def __init__(self, scope: Construct, construct_id: str, props: ReconcilerStackProps, *, env: Environment) -> None:
        super().__init__(scope, construct_id, env=env, description="Model monitoring: runs that no container reported")
        Reconciler(
            self,
            "Reconciler",
            ReconcilerProps(monitors=props.monitors, table=props.table, shadow_prefixes=props.shadow_prefixes),
        )
