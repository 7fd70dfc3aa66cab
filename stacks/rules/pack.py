"""The rules as a plug-in of synthesis: what one of them finds fails it, as a finding of cdk-nag does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
)

from stacks.rules import data, images, rights, sizes, watched
from stacks.rules.rule import Finding, Rule
from stacks.rules.templates import Templates

PACK: Final = "ModelMonitor"
RULES: Final = (*data.RULES, *images.RULES, *rights.RULES, *sizes.RULES, *watched.RULES)


def broken(templates: Templates) -> Iterator[tuple[Rule, list[Finding]]]:
    """The rules that templates break, each with what breaks it."""
    for rule in RULES:
        if found := list(rule.find(templates)):
            yield rule, found


@jsii.implements(IPolicyValidationPlugin)
class ModelMonitorChecks:
    """Runs the rules over all templates of an app."""

    @property
    def name(self) -> str:
        return PACK

    @property
    def version(self) -> str:
        return "1.0.0"

    @property
    def rule_ids(self) -> list[str]:
        return [f"{PACK}-{rule.name}" for rule in RULES]

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Read what was synthesized and say what is broken."""
        paths = {Path(path).name.removesuffix(".template.json"): path for path in context.template_paths}
        templates = {name: json.loads(Path(path).read_text(encoding="utf-8")) for name, path in paths.items()}
        violations = [
            PolicyViolation(
                rule_name=f"{PACK}-{rule.name}",
                description=rule.says,
                fix=rule.mend,
                severity="error",
                violating_resources=[
                    PolicyViolatingResource(
                        resource_logical_id=finding.resource.logical_id,
                        template_path=paths[finding.resource.stack],
                        locations=[finding.where],
                    )
                    for finding in found
                ],
            )
            for rule, found in broken(templates)
        ]
        return PolicyValidationPluginReport(success=not violations, violations=violations, plugin_version=self.version)
