"""Synthesizing environments inside a test process: each once, since a first synthesis takes seconds."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from aws_cdk import App

from app import build
from stacks.settings import environment as settings
from stacks.settings.environment import Settings

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = sorted(path.stem for path in settings.ENVIRONMENTS.glob("*.yaml"))
ENVIRONMENTS = (
    "dev",
    "prod",
)  # whatever the kit can is in one of them; the other samples are synthesized by test_samples.py
Resource = dict[str, Any]


@dataclass(frozen=True)
class Assembly:
    """A synthesized environment. templates: stack name → template; report: what security checks said."""

    settings: Settings
    folder: Path
    templates: Mapping[str, dict[str, Any]]
    report: Mapping[str, Any]

    def resources(self, type_: str, stack: str = "") -> Iterator[Resource]:
        """Resources of a type, in the stacks whose names end in `stack`."""
        for name, template in self.templates.items():
            if name.endswith(stack):
                for resource in template.get("Resources", {}).values():  # none where all of it was brought
                    if resource["Type"] == type_:
                        yield resource

    def properties(self, type_: str, stack: str = "") -> list[Resource]:
        """Their properties."""
        return [resource["Properties"] for resource in self.resources(type_, stack)]

    def alarms(self, endpoint: str = "") -> list[Resource]:
        """Properties of the alarms on an endpoint and its monitors; of all endpoints where none is named."""
        ending = f"-{endpoint}-Monitoring" if endpoint else "-Monitoring"
        found = [t["Resources"] for name, t in self.templates.items() if name.endswith(ending)]
        return [
            resource["Properties"]
            for resources in found
            for name, resource in resources.items()
            if resource["Type"] == "AWS::CloudWatch::Alarm" and name.startswith("EndpointAlarms")
        ]

    def policies(self) -> list[Resource]:
        """Properties of the parameters that say when alarms may start a training."""
        found = self.properties("AWS::SSM::Parameter", "-Monitoring")
        return [parameter for parameter in found if parameter["Name"].endswith("/retraining/policy")]


def watched_of(assembly: Assembly) -> dict[str, Any]:
    """What the environment's reconciler looks after."""
    (path,) = assembly.folder.glob("asset.*/watched.json")
    return dict(json.loads(path.read_text()))


def new_app(folder: Path) -> App:
    """An app with the context that the CLI would give it."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    return App(context=context, outdir=str(folder), analytics_reporting=False, tree_metadata=False)


def synthesize(chosen: Settings) -> Assembly:
    """Synthesize with security checks; a finding that nobody explained raises."""
    folder = Path(tempfile.mkdtemp(prefix="synthesis-"))
    app = new_app(folder)
    build(app, chosen)
    app.synth()
    templates = {
        path.name.removesuffix(".template.json"): json.loads(path.read_text())
        for path in sorted(folder.glob("*.template.json"))
    }
    return Assembly(chosen, folder, templates, json.loads((folder / "validation-report.json").read_text()))


@cache
def environment(name: str) -> Assembly:
    """One of environments/, synthesized once in a process."""
    return synthesize(settings.load(settings.ENVIRONMENTS / f"{name}.yaml"))
