"""What a CloudFormation request asks of a human flow: the arguments of two calls, and the name that follows from them.

No AWS calls. Properties, all text: NamePrefix, WorkTeamArn, TaskTitle, TaskDescription, People, AvailableSeconds, LimitSeconds,
OutputPath, KeyArn, RoleArn, TemplateDigest (so that another template is a change).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NOTHING = "no-human-flow"  # what a creation that failed leaves
NEEDED = (
    "NamePrefix",
    "WorkTeamArn",
    "TaskTitle",
    "TaskDescription",
    "People",
    "AvailableSeconds",
    "LimitSeconds",
    "OutputPath",
    "KeyArn",
    "RoleArn",
)
LONGEST_PREFIX = 50
HASH_LETTERS = 10
MOST_TEMPLATE_LETTERS = 128_000


@dataclass(frozen=True)
class Wanted:
    """name: of template and flow. ui: arguments of CreateHumanTaskUi."""

    name: str
    ui: Mapping[str, Any]
    properties: Mapping[str, str]

    def flow(self, ui_arn: str) -> dict[str, Any]:
        """Arguments of CreateFlowDefinition. Nothing starts loops by itself: which records go to people is decided by runs."""
        given = self.properties
        return {
            "FlowDefinitionName": self.name,
            "HumanLoopConfig": {
                "WorkteamArn": given["WorkTeamArn"],
                "HumanTaskUiArn": ui_arn,
                "TaskTitle": given["TaskTitle"],
                "TaskDescription": given["TaskDescription"],
                "TaskCount": int(given["People"]),
                "TaskAvailabilityLifetimeInSeconds": int(given["AvailableSeconds"]),
                "TaskTimeLimitInSeconds": int(given["LimitSeconds"]),
            },
            "OutputConfig": {"S3OutputPath": given["OutputPath"], "KmsKeyId": given["KeyArn"]},
            "RoleArn": given["RoleArn"],
        }


def wanted(properties: Mapping[str, Any], template: str) -> Wanted:
    """Raises: ValueError."""
    given = {name: properties.get(name) for name in NEEDED}
    missing = [name for name, value in given.items() if not isinstance(value, str) or not value]
    if missing:
        raise ValueError(f"properties {', '.join(missing)} should be texts that are not empty")
    if not 0 < len(template) <= MOST_TEMPLATE_LETTERS:
        raise ValueError(f"the worker template should have 1 to {MOST_TEMPLATE_LETTERS} letters, has {len(template)}")
    texts = {name: str(value) for name, value in given.items()}
    made_of = json.dumps([texts, template], sort_keys=True).encode()
    prefix = re.sub(r"[^a-z0-9-]", "-", texts["NamePrefix"].lower()).strip("-")[:LONGEST_PREFIX].strip("-")
    name = f"{prefix or 'review'}-{hashlib.sha256(made_of).hexdigest()[:HASH_LETTERS]}"
    return Wanted(name, {"HumanTaskUiName": name, "UiTemplate": {"Content": template}}, texts)
