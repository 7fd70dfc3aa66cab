"""The API of CloudFormation, as far as the CDK CLI and operators use it; the rest is refused."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlparse

from twin.api import ApiError, Call
from twin.cloudformation import templates
from twin.cloudformation.deployments import Deployments
from twin.cloudformation.shapes import is_true
from twin.cloudformation.stack_records import Stack, Wish
from twin.cloudformation.templates import TemplateError
from twin.surroundings import Surroundings

Parameters = dict[str, Any]
Answer = dict[str, Any]


@dataclass
class ChangeSet:
    """What a change set would do; it is checked when made and deployed when executed."""

    id: str
    name: str
    stack: Stack
    wish: Wish
    is_new: bool
    changes: list[dict[str, Any]]
    status: str = "CREATE_COMPLETE"
    execution: str = "AVAILABLE"
    reason: str = ""
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


class CloudFormationApi:
    """Answers CloudFormation's operations from `Deployments`."""

    def __init__(self, twin: Surroundings, deployments: Deployments) -> None:
        self._twin = twin
        self._deployments = deployments
        self._change_sets: dict[str, ChangeSet] = {}
        operations: dict[str, Callable[[Parameters], Answer]] = {
            "CreateStack": self.create_stack,
            "UpdateStack": self.update_stack,
            "DeleteStack": self.delete_stack,
            "DescribeStacks": self.describe_stacks,
            "DescribeStackEvents": self.describe_stack_events,
            "DescribeStackResource": self.describe_stack_resource,
            "DescribeStackResources": self.describe_stack_resources,
            "ListStackResources": self.list_stack_resources,
            "ListStacks": self.list_stacks,
            "ListExports": self.list_exports,
            "GetTemplate": self.get_template,
            "GetTemplateSummary": self.get_template_summary,
            "UpdateTerminationProtection": self.update_termination_protection,
            "CreateChangeSet": self.create_change_set,
            "DescribeChangeSet": self.describe_change_set,
            "ExecuteChangeSet": self.execute_change_set,
            "DeleteChangeSet": self.delete_change_set,
            "ListChangeSets": self.list_change_sets,
        }
        twin.api.register("cloudformation", **{name: _plain(operation) for name, operation in operations.items()})

    # --- stacks ---------------------------------------------------------------------------------------------------------

    def create_stack(self, asked: Parameters) -> Answer:
        wish = self._wish(asked, None)
        stack = self._deployments.reserve(asked["StackName"])
        stack.is_protected = is_true(asked.get("EnableTerminationProtection"))
        self._deployments.create(stack, wish)
        return {"StackId": stack.id}

    def update_stack(self, asked: Parameters) -> Answer:
        stack = self._deployments.find(asked["StackName"])
        self._deployments.update(stack, self._wish(asked, stack))
        return {"StackId": stack.id}

    def delete_stack(self, asked: Parameters) -> Answer:
        try:
            stack = self._deployments.find(asked["StackName"])
        except ApiError:
            return {}  # deleting what is not there succeeds
        self._deployments.delete(stack)
        return {}

    def describe_stacks(self, asked: Parameters) -> Answer:
        if asked.get("StackName"):
            return {"Stacks": [_describe(self._deployments.find(asked["StackName"]))]}
        stacks = self._deployments.stacks.values()
        return {"Stacks": [_describe(stack) for stack in stacks if stack.status != "DELETE_COMPLETE"]}

    def describe_stack_events(self, asked: Parameters) -> Answer:
        stack = self._deployments.find(asked["StackName"])
        events = [
            {
                "StackId": stack.id,
                "EventId": event.id,
                "StackName": stack.name,
                "LogicalResourceId": event.logical_id,
                "PhysicalResourceId": event.ref,
                "ResourceType": event.type,
                "Timestamp": event.time,
                "ResourceStatus": event.status,
                **({"ResourceStatusReason": event.reason} if event.reason else {}),
            }
            for event in reversed(tuple(stack.events))
        ]
        return {"StackEvents": events}

    def describe_stack_resource(self, asked: Parameters) -> Answer:
        stack = self._deployments.find(asked["StackName"])
        logical_id = asked["LogicalResourceId"]
        if logical_id not in stack.resources:
            message = f"Resource {logical_id} does not exist for stack {stack.name}"
            raise ApiError("ValidationError", message)
        return {"StackResourceDetail": _resources(stack, "LastUpdatedTimestamp", logical_id)[0]}

    def describe_stack_resources(self, asked: Parameters) -> Answer:
        stack = self._deployments.find(asked["StackName"])
        return {"StackResources": _resources(stack, "Timestamp", asked.get("LogicalResourceId"))}

    def list_stack_resources(self, asked: Parameters) -> Answer:
        stack = self._deployments.find(asked["StackName"])
        return {"StackResourceSummaries": _resources(stack, "LastUpdatedTimestamp")}

    def list_stacks(self, asked: Parameters) -> Answer:
        wanted = asked.get("StackStatusFilter")
        summaries = [
            {
                "StackId": stack.id,
                "StackName": stack.name,
                "StackStatus": stack.status,
                "CreationTime": stack.created,
                **({"DeletionTime": stack.deleted} if stack.deleted else {}),
            }
            for stack in self._deployments.stacks.values()
            if not wanted or stack.status in wanted
        ]
        return {"StackSummaries": summaries}

    def list_exports(self, asked: Parameters) -> Answer:
        del asked
        exports = sorted(self._deployments.exports().items())
        return {"Exports": [{"Name": n, "Value": v, "ExportingStackId": stack.id} for n, (v, stack) in exports]}

    def get_template(self, asked: Parameters) -> Answer:
        return {"TemplateBody": self._deployments.find(asked["StackName"]).body, "StagesAvailable": ["Original"]}

    def get_template_summary(self, asked: Parameters) -> Answer:
        body = self._deployments.find(asked["StackName"]).body if asked.get("StackName") else self._body(asked)
        template = _read(body)
        declared = [
            {"ParameterKey": name, "ParameterType": d.get("Type", "String"), "DefaultValue": d.get("Default")}
            for name, d in template.get("Parameters", {}).items()
        ]
        kinds = sorted({resource["Type"] for resource in template["Resources"].values()})
        return {"Parameters": declared, "ResourceTypes": kinds, "Description": template.get("Description")}

    def update_termination_protection(self, asked: Parameters) -> Answer:
        stack = self._deployments.find(asked["StackName"])
        stack.is_protected = is_true(asked["EnableTerminationProtection"])
        return {"StackId": stack.id}

    # --- change sets ----------------------------------------------------------------------------------------------------

    def create_change_set(self, asked: Parameters) -> Answer:
        is_new = asked.get("ChangeSetType", "UPDATE") == "CREATE"
        existing = None if is_new else self._deployments.find(asked["StackName"])
        wish = self._wish(asked, existing)
        stack = existing or self._deployments.reserve(asked["StackName"])
        name = asked["ChangeSetName"]
        region, account = self._twin.region, self._twin.account
        identity = f"arn:aws:cloudformation:{region}:{account}:changeSet/{name}/{uuid.uuid4()}"
        change_set = ChangeSet(identity, name, stack, wish, is_new, _changes(stack, wish))
        unchanged = (wish.template, wish.parameters, wish.tags) == (stack.template, stack.parameters, stack.tags)
        if not is_new and unchanged:
            change_set.status, change_set.execution = "FAILED", "UNAVAILABLE"
            change_set.reason = "The submitted information didn't contain changes. Submit different information."
        self._change_sets[identity] = change_set
        return {"Id": identity, "StackId": stack.id}

    def describe_change_set(self, asked: Parameters) -> Answer:
        change_set = self._find_change_set(asked)
        return {
            "ChangeSetName": change_set.name,
            "ChangeSetId": change_set.id,
            "StackId": change_set.stack.id,
            "StackName": change_set.stack.name,
            "CreationTime": change_set.created,
            "ExecutionStatus": change_set.execution,
            "Status": change_set.status,
            "StatusReason": change_set.reason,
            "Changes": change_set.changes,
        }

    def execute_change_set(self, asked: Parameters) -> Answer:
        change_set = self._find_change_set(asked)
        if change_set.execution != "AVAILABLE":
            raise ApiError("InvalidChangeSetStatus", f"ChangeSet [{change_set.id}] cannot be executed")
        change_set.execution = "EXECUTE_COMPLETE"
        if change_set.is_new:
            self._deployments.create(change_set.stack, change_set.wish)
        else:
            self._deployments.update(change_set.stack, change_set.wish)
        return {}

    def delete_change_set(self, asked: Parameters) -> Answer:
        try:
            self._change_sets.pop(self._find_change_set(asked).id)
        except ApiError:
            return {}  # deleting what is not there succeeds
        return {}

    def list_change_sets(self, asked: Parameters) -> Answer:
        stack = self._deployments.find(asked["StackName"])
        found = [c for c in self._change_sets.values() if c.stack is stack]
        return {"Summaries": [{"ChangeSetId": c.id, "ChangeSetName": c.name, "Status": c.status} for c in found]}

    def _find_change_set(self, asked: Parameters) -> ChangeSet:
        wanted, stack = asked["ChangeSetName"], asked.get("StackName")
        for change_set in self._change_sets.values():
            if change_set.id == wanted or (
                change_set.name == wanted and stack in (change_set.stack.name, change_set.stack.id)
            ):
                return change_set
        raise ApiError("ChangeSetNotFound", f"ChangeSet [{wanted}] does not exist")

    # --- what a request asks for ----------------------------------------------------------------------------------------

    def _wish(self, asked: Parameters, stack: Stack | None) -> Wish:
        given: dict[str, str] = {}
        for entry in asked.get("Parameters") or []:
            name = entry["ParameterKey"]
            if not is_true(entry.get("UsePreviousValue")):
                given[name] = entry.get("ParameterValue", "")
            elif stack is not None and name in stack.given:
                given[name] = stack.given[name]  # a parameter that was left to its default stays there
        is_same = stack is not None and is_true(asked.get("UsePreviousTemplate"))
        body = stack.body if is_same and stack is not None else self._body(asked)
        tags = {tag["Key"]: tag["Value"] for tag in asked.get("Tags") or []}
        if "Tags" not in asked and stack is not None:
            tags = stack.tags
        return self._deployments.wish(body, given, tags, asked.get("RoleARN"), stack)

    def _body(self, asked: Parameters) -> str:
        if asked.get("TemplateBody"):
            return str(asked["TemplateBody"])
        url = asked.get("TemplateURL")
        if not url:
            raise ApiError("ValidationError", "Either Template URL or Template Body must be specified.")
        bucket, key = _s3_location(url)
        content = self._twin.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return str(content.decode())


def _s3_location(url: str) -> tuple[str, str]:
    """Bucket and key of a template URL, whether the bucket is in the path or in the host."""
    parsed = urlparse(url)
    path = unquote(parsed.path).lstrip("/")
    host = parsed.hostname or ""
    if ".s3." in host and not host.startswith("s3."):
        return host.split(".s3.")[0], path
    bucket, _, key = path.partition("/")
    return bucket, key


def _plain(operation: Callable[[Parameters], Answer]) -> Callable[[Parameters, Call], Answer]:
    return lambda parameters, _: operation(parameters)


def _read(body: str) -> templates.Template:
    try:
        return templates.read(body)
    except TemplateError as error:
        raise ApiError("ValidationError", str(error)) from error


def _describe(stack: Stack) -> Answer:
    answer: Answer = {
        "StackId": stack.id,
        "StackName": stack.name,
        "CreationTime": stack.created,
        "StackStatus": stack.status,
        "DisableRollback": False,
        "EnableTerminationProtection": stack.is_protected,
        "Parameters": [
            {
                "ParameterKey": name,
                "ParameterValue": ",".join(v) if isinstance(v := stack.given.get(name, value), list) else v,
            }
            for name, value in stack.parameters.items()
        ],
        "Outputs": list(stack.outputs.values()),
        "Tags": [{"Key": key, "Value": value} for key, value in stack.tags.items()],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    }
    optional = {
        "StackStatusReason": stack.reason,
        "Description": stack.template.get("Description"),
        "RoleARN": stack.role,
        "LastUpdatedTime": stack.updated,
        "DeletionTime": stack.deleted,
    }
    return {**answer, **{name: value for name, value in optional.items() if value}}


def _resources(stack: Stack, time_name: str, logical_id: str | None = None) -> list[Answer]:
    return [
        {
            "StackName": stack.name,
            "StackId": stack.id,
            "LogicalResourceId": resource.logical_id,
            "PhysicalResourceId": resource.made.ref,
            "ResourceType": resource.type,
            "ResourceStatus": resource.status,
            time_name: resource.changed,
        }
        for resource in tuple(stack.resources.values())
        if logical_id in (None, resource.logical_id)
    ]


def _changes(stack: Stack, wish: Wish) -> list[Answer]:
    old, new = stack.template.get("Resources", {}), wish.template["Resources"]
    actions = {
        "Add": [name for name in new if name not in old],
        "Modify": [name for name in new if name in old and new[name] != old[name]],
        "Remove": [name for name in old if name not in new],
    }
    return [
        {
            "Type": "Resource",
            "ResourceChange": {
                "Action": action,
                "LogicalResourceId": name,
                "ResourceType": {**old, **new}[name]["Type"],
            },
        }
        for action, names in actions.items()
        for name in names
    ]
