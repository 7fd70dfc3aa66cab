"""The constructs as a library, for somebody's own CDK app: `pip install "sagemaker-monitoring-loop[cdk]"`.

    from aws_cdk import App
    from stacks.library import MonitoredEndpoint

    app = App()
    MonitoredEndpoint(app, "Shop", name="shop", endpoint={…}, environment="prod", account="…", region="eu-west-1")
    app.synth()

Settings are those of an environment file, with the same checks. What it makes are the stacks that `app.py` makes.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from stacks.settings.sources import source

if str(source("monitor_image")) not in sys.path:  # `contract`: the names that stacks and core share
    sys.path.append(str(source("monitor_image")))

from aws_cdk import App, Stack
from constructs import Construct

from stacks import findings
from stacks.settings import environment as settings, migrations


class MonitoredEndpoints(Construct):
    """Endpoints of one environment, and what they share. `settings`: as they were understood.

    endpoints: name → what stands below `endpoints.{name}` in an environment file; shared: every other key of such a file.
    Several of these in one app need environments of different names.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: str,
        account: str,
        region: str,
        endpoints: Mapping[str, Mapping[str, Any]],
        **shared: Any,
    ) -> None:
        super().__init__(scope, construct_id)
        for flag, value in json.loads(source("cdk.json").read_text(encoding="utf-8"))["context"].items():
            self.node.set_context(flag, value)  # below this construct alone: the rest of the app keeps its own
        document = {
            "version": migrations.VERSION,
            "account": account,
            "region": region,
            "endpoints": dict(endpoints),
            **shared,
        }
        self.settings = settings.parse(document, environment, f"{self.node.path} ({type(self).__name__})")
        _composition().build(self, self.settings)

    def stack(self, part: str) -> Stack:
        """One of the environment's stacks, as in `stack("Storage")` or `stack("shop-Monitoring")`."""
        found = self.node.find_child(f"{self.settings.environment}-{part}")
        if not isinstance(found, Stack):
            raise TypeError(f"{found.node.path} should be a stack")
        return found


class MonitoredEndpoint(MonitoredEndpoints):
    """One endpoint with an environment of its own."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        endpoint: Mapping[str, Any],
        environment: str,
        account: str,
        region: str,
        **shared: Any,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            environment=environment,
            account=account,
            region=region,
            endpoints={name: endpoint},
            **shared,
        )


def check_security(app: App) -> None:
    """Hold an app to the rules of AWS Solutions and to our own, at its synthesis: what else is in it, too."""
    findings.check_security(app)


def _composition() -> ModuleType:
    """`app.py`, which puts the stacks together. It is a program of the repository and no module of this package."""
    name = "stacks_composition"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, source("app.py"))
        if spec is None or spec.loader is None:
            raise ImportError(f"{source('app.py')} cannot be loaded")
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]
