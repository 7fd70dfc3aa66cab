"""Augmented AI's settings: worker templates (human task UIs) and the flow definitions that show them to a work team."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from twin.api import ApiError, Call
from twin.listing import page
from twin.surroundings import Surroundings

NAME: Final = re.compile(r"[a-z0-9](-*[a-z0-9]){0,62}")
ACTIVE, FAILED = "Active", "Failed"
CROWD: Final = "<crowd-form"
OF_OTHERS: Final = ("HumanLoopRequestSource", "HumanLoopActivationConfig")
LIMITS: Final = {"TaskTitle": 128, "TaskDescription": 255}
COMMON: Final = re.compile(r"(?:[a-z_.]+(?: \| escape)?|for [a-z_]+ in [a-z_.]+|endfor)")  # of Liquid and Jinja
TAGS: Final = re.compile(r"\{[{%]\s*(.*?)\s*[%}]\}")
PAGE: Final = 100


@dataclass(frozen=True)
class Flow:
    """A flow definition as it was asked for. failure: why loops cannot be started."""

    name: str
    arn: str
    created: datetime
    asked: Mapping[str, Any]
    failure: str = ""

    @property
    def people(self) -> int:
        """How many answer each loop."""
        return int(self.asked["HumanLoopConfig"]["TaskCount"])

    def describe(self) -> dict[str, Any]:
        """As the API shows it."""
        shown = {key: self.asked[key] for key in ("HumanLoopConfig", "OutputConfig", "RoleArn")}
        status = {"FlowDefinitionStatus": FAILED if self.failure else ACTIVE, "FailureReason": self.failure}
        named = {"FlowDefinitionName": self.name, "FlowDefinitionArn": self.arn, "CreationTime": self.created}
        return {**named, **shown, **{key: value for key, value in status.items() if value}}


class FlowDefinitions:
    """What is there, by name."""

    def __init__(self, twin: Surroundings) -> None:
        self._twin = twin
        self.flows: dict[str, Flow] = {}
        self._uis: dict[str, dict[str, Any]] = {}
        twin.api.register(
            "sagemaker",
            CreateHumanTaskUi=self._create_ui,
            DescribeHumanTaskUi=self._describe_ui,
            DeleteHumanTaskUi=self._delete_ui,
            CreateFlowDefinition=self._create,
            DescribeFlowDefinition=lambda asked, _: self.find(asked["FlowDefinitionName"]).describe(),
            ListFlowDefinitions=self._list,
            RenderUiTemplate=self._render,
        )

    def find(self, name: str) -> Flow:
        """By name or ARN. Raises: ApiError."""
        found = self.flows.get(name.rpartition("/")[2])
        if found is None:
            raise ApiError("ResourceNotFound", f"Could not find flow definition {name}")
        return found

    def rendered(self, flow: Flow, task_input: Mapping[str, Any]) -> str:
        """What a worker sees."""
        name = str(flow.asked["HumanLoopConfig"]["HumanTaskUiArn"]).rpartition("/")[2]
        return render(self._uis[name]["Content"], task_input)

    # --- worker templates --------------------------------------------------------------------------------------------

    def _create_ui(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        name, content = _named(asked["HumanTaskUiName"]), str(asked["UiTemplate"]["Content"])
        if name in self._uis:
            raise ApiError("ResourceInUse", f"Human task UI {name} already exists")
        if CROWD not in content:
            raise _invalid("the template should hold a crowd-form")
        arn = f"arn:aws:sagemaker:{self._twin.region}:{self._twin.account}:human-task-ui/{name}"
        self._uis[name] = {"Arn": arn, "Content": content, "Created": self._twin.clock.now()}
        return {"HumanTaskUiArn": arn}

    def _describe_ui(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        name = asked["HumanTaskUiName"]
        if name not in self._uis:
            raise ApiError("ResourceNotFound", f"Could not find human task UI {name}")
        found = self._uis[name]
        return {
            "HumanTaskUiArn": found["Arn"],
            "HumanTaskUiName": name,
            "HumanTaskUiStatus": ACTIVE,
            "CreationTime": found["Created"],
            "UiTemplate": {"Url": f"{self._twin.url}/human-task-ui/{name}"},
        }

    def _delete_ui(self, asked: dict[str, Any], _: Call) -> None:
        if self._uis.pop(asked["HumanTaskUiName"], None) is None:
            raise ApiError("ResourceNotFound", f"Could not find human task UI {asked['HumanTaskUiName']}")

    def _render(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        try:
            content = render(asked["UiTemplate"]["Content"], json.loads(asked["Task"]["Input"]))
        except (TemplateError, ValueError) as error:
            return {"RenderedContent": "", "Errors": [{"Code": "TemplateError", "Message": str(error)}]}
        return {"RenderedContent": content, "Errors": []}

    # --- flow definitions --------------------------------------------------------------------------------------------

    def _create(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        name = _named(asked["FlowDefinitionName"])
        if name in self.flows:
            raise ApiError("ResourceInUse", f"Flow definition {name} already exists")
        self._check(asked)
        arn = f"arn:aws:sagemaker:{self._twin.region}:{self._twin.account}:flow-definition/{name}"
        self.flows[name] = Flow(name, arn, self._twin.clock.now(), dict(asked), self._failure(asked))
        return {"FlowDefinitionArn": arn}

    def _check(self, asked: Mapping[str, Any]) -> None:
        config = asked["HumanLoopConfig"]
        if given := [key for key in OF_OTHERS if key in asked]:
            raise _invalid(f"{', '.join(given)}: for Rekognition and Textract alone; custom tasks leave it out")
        for key, limit in LIMITS.items():
            if len(config[key]) > limit or "\n" in config[key]:
                raise _invalid(f"{key}: should be one line of at most {limit} letters")
        if not 1 <= config["TaskCount"] <= 3:
            raise _invalid("TaskCount: should be 1 to 3")
        if ":workteam/" not in config["WorkteamArn"]:
            raise _invalid("WorkteamArn: is no work team")
        if config["HumanTaskUiArn"].rpartition("/")[2] not in self._uis:
            raise _invalid("HumanTaskUiArn: there is no such human task UI")
        if not self._twin.identity.trusts(asked["RoleArn"], "sagemaker.amazonaws.com"):
            raise _invalid(f"SageMaker cannot assume role {asked['RoleArn']}")

    def _failure(self, asked: Mapping[str, Any]) -> str:
        place = urlsplit(asked["OutputConfig"]["S3OutputPath"])
        objects = f"arn:aws:s3:::{place.netloc}/{place.path.strip('/')}/x"
        may = self._twin.identity.may(asked["RoleArn"], "s3:PutObject", objects)
        return "" if may else f"{asked['RoleArn']} may not write {asked['OutputConfig']['S3OutputPath']}"

    def _list(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        shown = ("FlowDefinitionName", "FlowDefinitionArn", "FlowDefinitionStatus", "CreationTime", "FailureReason")
        found = [{k: v for k, v in flow.describe().items() if k in shown} for flow in self.flows.values()]
        return page("FlowDefinitionSummaries", found, asked.get("NextToken"), asked.get("MaxResults") or PAGE)


def render(template: str, task_input: Mapping[str, Any]) -> str:
    """A worker template, filled. Liquid and Jinja share the part that is taken here; values are escaped.

    Raises: jinja2.TemplateError for what is missing; ValueError for more of Liquid.
    """
    surplus = [found for found in TAGS.findall(template) if not COMMON.fullmatch(found)]
    if surplus:
        raise ValueError(f"the twin renders variables, loops and `escape` alone; found {surplus[0]}")
    environment = SandboxedEnvironment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(template).render(task={"input": task_input})


def _named(name: str) -> str:
    if not NAME.fullmatch(name):
        raise _invalid(f"'{name}' should be small letters, digits and hyphens, at most 63")
    return name


def _invalid(problem: str) -> ApiError:
    return ApiError("ValidationException", problem)
