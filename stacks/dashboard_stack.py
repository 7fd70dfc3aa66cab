"""The one dashboard of an environment, and the function that draws its table of verdicts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aws_cdk import CfnOutput, Duration, Environment, Stack, aws_dynamodb as dynamodb
from constructs import Construct

from model_monitor import contract
from stacks.constructs import alarm_words, permissions
from stacks.constructs.dashboard import EnvironmentDashboard, Watched
from stacks.constructs.python_function import PythonFunction, PythonFunctionProps

INDEX_FILE: Final = "shown.json"


@dataclass(frozen=True, kw_only=True)
class DashboardProps:
    """Whose verdicts are shown; table: of runs."""

    environment: str
    watched: Sequence[Watched]
    table: dynamodb.ITable


class DashboardStack(Stack):
    """Three dollars a month for any number of endpoints; an account's first three dashboards are free. Whoever looks needs
    lambda:InvokeFunction on the function."""

    def __init__(self, scope: Construct, construct_id: str, props: DashboardProps, *, env: Environment) -> None:
        super().__init__(scope, construct_id, env=env, description="Model monitoring: the dashboard")
        shown = index(props.watched)
        EnvironmentDashboard(
            self,
            "Environment",
            contract.dashboard_name(props.environment),
            props.watched,
            self._table(props, shown) if shown else None,
        )
        CfnOutput(
            self,
            "DashboardPage",
            value=alarm_words.dashboard_url(props.environment, self.region),
            description="Verdicts of all monitors, with links to their reports",
        )

    def _table(self, props: DashboardProps, shown: dict[str, str]) -> str:
        function = PythonFunction(
            self,
            "Verdicts",
            PythonFunctionProps(
                code="dashboard",
                description="Draws the verdicts of all monitors for the dashboard",
                environment={"TABLE": props.table.table_name},
                timeout=Duration.seconds(30),
                megabytes=512,
                files={INDEX_FILE: json.dumps(shown, indent=1).encode() + b"\n"},
            ),
        )
        permissions.allow_items(function.role, props.table, ["Query"])
        return function.function.function_arn


def index(watched: Sequence[Watched]) -> dict[str, str]:
    """Schedule → its endpoint, of schedules whose runs are in the table."""
    return {
        monitor.schedule_name: each.name
        for each in watched
        for name, monitor in each.monitors.items()
        if each.endpoint.monitors[name].is_managed
    }
