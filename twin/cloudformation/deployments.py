"""Stacks: making, changing and deleting them resource by resource, with events, rollback and exports as CloudFormation has them.

Every operation runs in a thread of its own, so that a resource may wait (for a custom resource's answer, say) while the API
goes on answering. Times here are the wall clock's, because the CDK CLI shows only events younger than itself.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from twin.api import ApiError
from twin.cloudformation import templates
from twin.cloudformation.stack_records import Resource, Stack, Wish
from twin.cloudformation.templates import Scope, Template, TemplateError
from twin.cloudformation.types import Made, Properties, Request, ResourceFailed, Types
from twin.surroundings import Surroundings

ANSWER_SECONDS: Final = 20.0  # how long CreateStack waits for a fast stack before it answers "in progress"
TYPE_CHANGED: Final = "Update of resource type is not permitted. The new template modifies resource type."
RETAINED: Final = ("Retain", "RetainExceptOnCreate")


class Deployments:
    """All stacks of the account."""

    def __init__(self, twin: Surroundings, types: Types) -> None:
        self._twin = twin
        self._types = types
        self.stacks: dict[str, Stack] = {}  # by id, deleted ones included
        self._lock = threading.RLock()

    # --- asking ---------------------------------------------------------------------------------------------------------

    def find(self, name_or_id: str) -> Stack:
        """A stack by name (deleted ones are not found) or by id. Raises: ApiError as CloudFormation words it."""
        if name_or_id in self.stacks:
            return self.stacks[name_or_id]
        for stack in self.stacks.values():
            if stack.name == name_or_id and stack.status != "DELETE_COMPLETE":
                return stack
        raise ApiError("ValidationError", f"Stack with id {name_or_id} does not exist")

    def exports(self) -> dict[str, tuple[str, Stack]]:
        """Export name → (value, stack)."""
        return {
            output["ExportName"]: (output["OutputValue"], stack)
            for stack in tuple(self.stacks.values())
            for output in stack.outputs.values()
            if "ExportName" in output
        }

    def wish(
        self, body: str, given: dict[str, str], tags: dict[str, str], role: str | None, previous: Stack | None = None
    ) -> Wish:
        """Check what is asked for before anything is touched. Raises: ApiError ValidationError."""
        try:
            template = templates.read(body)
            unknown = sorted({r["Type"] for r in template["Resources"].values()} - self._types.names(template))
            if unknown:
                raise TemplateError(
                    f"Template format error: Unrecognized resource types: [{', '.join(unknown)}] (the twin refuses what it "
                    "does not know: twin/README.md)"
                )
            values = templates.parameters(template, given, self._parameter)
            name, identity = (previous.name, previous.id) if previous else ("stack", "stack")
            scope = self._scope(name, identity, template, values)
            templates.check_rules(scope)
            templates.order(scope)
        except TemplateError as error:
            raise ApiError("ValidationError", str(error)) from error
        return Wish(body, template, given, values, tags, role)

    # --- doing ----------------------------------------------------------------------------------------------------------

    def reserve(self, name: str) -> Stack:
        """A stack under review, as a change set for a new stack makes it."""
        region, account = self._twin.region, self._twin.account
        stack = Stack(name, f"arn:aws:cloudformation:{region}:{account}:stack/{name}/{uuid.uuid4()}")
        with self._lock:
            if any(other.name == name and other.status != "DELETE_COMPLETE" for other in self.stacks.values()):
                raise ApiError("AlreadyExistsException", f"Stack [{name}] already exists")
            self.stacks[stack.id] = stack
        stack.record("REVIEW_IN_PROGRESS", "User Initiated")
        return stack

    def create(self, stack: Stack, wish: Wish) -> None:
        """Make a reserved stack."""
        self._start(stack, "CREATE_IN_PROGRESS", lambda: self._create(stack, wish))

    def update(self, stack: Stack, wish: Wish) -> None:
        """Change a stack. Raises: ApiError when there is nothing to change, or when the stack is in no state for it."""
        if stack.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"):
            message = f"Stack:{stack.id} is in {stack.status} state and can not be updated."
            raise ApiError("ValidationError", message)
        if wish.template == stack.template and wish.parameters == stack.parameters and wish.tags == stack.tags:
            raise ApiError("ValidationError", "No updates are to be performed.")
        self._start(stack, "UPDATE_IN_PROGRESS", lambda: self._update(stack, wish))

    def delete(self, stack: Stack) -> None:
        """Delete a stack. Raises: ApiError when it is protected, busy, or its exports are in use."""
        if stack.status == "DELETE_COMPLETE":
            return
        if stack.is_protected:
            message = f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            raise ApiError("ValidationError", message)
        self._start(stack, "DELETE_IN_PROGRESS", lambda: self._delete(stack))

    def wait(self, stack: Stack, timeout: float | None = None) -> str:
        """Wait for the running operation; returns the status."""
        if stack.thread is not None:
            stack.thread.join(timeout)
        return stack.status

    def _start(self, stack: Stack, status: str, work: Callable[[], None]) -> None:
        with self._lock:
            if stack.status.endswith("_IN_PROGRESS") and stack.status != "REVIEW_IN_PROGRESS":
                message = f"Stack:{stack.id} is in {stack.status} state and can not be updated."
                raise ApiError("ValidationError", message)
            stack.record(status, "User Initiated")

        def run() -> None:
            started = time.perf_counter()
            work()
            seconds = round(time.perf_counter() - started, 2)
            text = f"{stack.name}: {stack.status}" + (f" ({stack.reason})" if stack.reason else "")
            self._twin.journal.add("deploy", text, stack=stack.name, status=stack.status, seconds=seconds)

        stack.thread = threading.Thread(target=run, name=f"stack-{stack.name}", daemon=True)
        stack.thread.start()
        self.wait(stack, ANSWER_SECONDS)

    def _create(self, stack: Stack, wish: Wish) -> None:
        self._accept(stack, wish)
        scope = self._scope(stack.name, stack.id, wish.template, wish.parameters, stack)
        try:
            for logical_id in templates.order(scope):
                self._make(stack, scope, logical_id)
            stack.outputs = self._outputs(stack, scope)
        except Exception as error:  # noqa: BLE001  whatever goes wrong fails the stack, as its reason
            stack.record("ROLLBACK_IN_PROGRESS", f"The stack could not be created: {_reason(error)}")
            failed = self._remove(stack, list(stack.resources.values()), keep_retained=False)
            stack.record("ROLLBACK_FAILED" if failed else "ROLLBACK_COMPLETE", stack.reason)
        else:
            stack.record("CREATE_COMPLETE")

    def _update(self, stack: Stack, wish: Wish) -> None:
        before = (stack.body, stack.template, stack.given, stack.parameters, stack.tags, stack.role, stack.imports)
        outputs, undo, leftovers = stack.outputs, list[Callable[[], None]](), list[Resource]()
        self._accept(stack, wish)
        stack.updated = datetime.now(UTC)
        scope = self._scope(stack.name, stack.id, wish.template, wish.parameters, stack)
        try:
            wanted = templates.order(scope)
            for logical_id in wanted:
                self._change(stack, scope, logical_id, undo, leftovers)
            stack.outputs = self._outputs(stack, scope)
            self._check_exports_in_use(stack, outputs)
            removed = [stack.resources.pop(name) for name in list(stack.resources) if name not in wanted]
        except Exception as error:  # noqa: BLE001  whatever goes wrong undoes the update
            reason = _reason(error)
            stack.record("UPDATE_ROLLBACK_IN_PROGRESS", reason)
            failed = []
            for step in reversed(undo):
                try:
                    step()
                except Exception as second:  # noqa: BLE001  the rollback goes on, and says what it could not undo
                    failed.append(_reason(second))
            (stack.body, stack.template, stack.given, stack.parameters, stack.tags, stack.role, stack.imports) = before
            stack.outputs = outputs
            status = "UPDATE_ROLLBACK_FAILED" if failed else "UPDATE_ROLLBACK_COMPLETE"
            stack.record(status, "; ".join([reason, *failed]))
        else:
            stack.record("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
            self._remove(stack, [*removed, *leftovers], keep_retained=True, forget=False)
            stack.record("UPDATE_COMPLETE")

    def _delete(self, stack: Stack) -> None:
        used = self._users(stack, stack.outputs)
        failed: list[str] = used or self._remove(stack, list(stack.resources.values()), keep_retained=True)
        if failed:
            stack.record("DELETE_FAILED", "; ".join(failed))
        else:
            stack.outputs, stack.imports, stack.deleted = {}, set(), datetime.now(UTC)
            stack.record("DELETE_COMPLETE")

    # --- single resources -----------------------------------------------------------------------------------------------

    def _make(self, stack: Stack, scope: Scope, logical_id: str, generation: int = 0) -> Resource:
        body = scope.template["Resources"][logical_id]
        resource = Resource(logical_id, body["Type"], {}, Made(""), generation)
        resource.is_retained = body.get("DeletionPolicy") in RETAINED
        stack.record("CREATE_IN_PROGRESS", resource=resource)
        try:
            resource.properties = scope.resolve(body.get("Properties", {}))
            resource.made = self._types.find(resource.type).create(self._request(stack, resource))
        except Exception as error:
            stack.record("CREATE_FAILED", _reason(error), resource)
            raise ResourceFailed(f"[{logical_id}] {_reason(error)}") from error
        _see(scope, resource)
        stack.resources[logical_id] = resource
        stack.record("CREATE_COMPLETE", resource=resource)
        return resource

    def _change(
        self, stack: Stack, scope: Scope, logical_id: str, undo: list[Callable[[], None]], leftovers: list[Resource]
    ) -> None:
        old = stack.resources.get(logical_id)
        if old is None:
            new = self._make(stack, scope, logical_id)
            undo.append(lambda: self._undo_make(stack, new, None))
            return
        body = scope.template["Resources"][logical_id]
        properties = scope.resolve(body.get("Properties", {}))
        old.is_retained = body.get("DeletionPolicy") in RETAINED
        if body["Type"] == old.type and properties == old.properties:
            _see(scope, old)
            return
        if body["Type"] != old.type:
            stack.record("UPDATE_FAILED", TYPE_CHANGED, old)
            raise ResourceFailed(f"[{logical_id}] {TYPE_CHANGED}")
        kind = self._types.find(old.type)
        changed = {n for n in {*properties, *old.properties} if properties.get(n) != old.properties.get(n)}
        if kind.update is None or changed & (kind.replaced_by or set()):
            new = self._make(stack, scope, logical_id, old.generation + 1)
            undo.append(lambda: self._undo_make(stack, new, old))
            leftovers.append(old)
            return
        stack.record("UPDATE_IN_PROGRESS", resource=old)
        undo.append(lambda: self._undo_update(stack, old, previous, made, properties))
        previous, made = old.properties, old.made
        try:
            result = kind.update(self._request(stack, old, properties, previous))
        except Exception as error:
            stack.record("UPDATE_FAILED", _reason(error), old)
            raise ResourceFailed(f"[{logical_id}] {_reason(error)}") from error
        if result is not None and result.ref != made.ref:
            leftovers.append(
                replace(old, properties=previous)
            )  # the handler made another one: the first is deleted last
        old.properties, old.made = properties, result or made
        stack.record("UPDATE_COMPLETE", resource=old)
        _see(scope, old)

    def _undo_make(self, stack: Stack, new: Resource, old: Resource | None) -> None:
        self._remove(stack, [new], keep_retained=False)
        if old is not None:
            stack.resources[old.logical_id] = old

    def _undo_update(
        self, stack: Stack, resource: Resource, previous: Properties, made: Made, wanted: Properties
    ) -> None:
        update = self._types.find(resource.type).update
        assert update is not None
        update(self._request(stack, resource, previous, wanted))
        resource.properties, resource.made = previous, made
        stack.record("UPDATE_COMPLETE", "rolled back", resource)

    def _remove(
        self, stack: Stack, resources: list[Resource], *, keep_retained: bool, forget: bool = True
    ) -> list[str]:
        """Delete resources, last made first; returns the reasons of those that could not be."""
        failed = []
        for resource in reversed(resources):
            if keep_retained and resource.is_retained:
                stack.record("DELETE_SKIPPED", resource=resource)
            else:
                stack.record("DELETE_IN_PROGRESS", resource=resource)
                try:
                    delete = self._types.find(resource.type).delete
                    if delete is not None:
                        delete(self._request(stack, resource))
                except Exception as error:  # noqa: BLE001  the others are still deleted, and the stack says what stayed
                    failed.append(f"[{resource.logical_id}] {_reason(error)}")
                    stack.record("DELETE_FAILED", _reason(error), resource)
                    continue
                stack.record("DELETE_COMPLETE", resource=resource)
            if forget and stack.resources.get(resource.logical_id) is resource:
                del stack.resources[resource.logical_id]
        return failed

    def _request(
        self, stack: Stack, resource: Resource, properties: Properties | None = None, previous: Properties | None = None
    ) -> Request:
        wanted = resource.properties if properties is None else properties
        return Request(
            twin=self._twin,
            type=resource.type,
            logical_id=resource.logical_id,
            stack_name=stack.name,
            stack_id=stack.id,
            properties=wanted,
            previous=previous or {},
            ref=resource.made.ref,
            attributes=resource.made.attributes,
            generation=resource.generation,
            tags={**stack.tags, "aws:cloudformation:stack-name": stack.name},
        )

    # --- what templates see ---------------------------------------------------------------------------------------------

    def _accept(self, stack: Stack, wish: Wish) -> None:
        stack.body, stack.template, stack.given = wish.body, wish.template, wish.given
        stack.parameters, stack.tags, stack.role = wish.parameters, wish.tags, wish.role
        stack.imports = set()

    def _parameter(self, name: str) -> str:
        try:
            return str(self._twin.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
        except ClientError as error:
            raise TemplateError(
                f"Unable to fetch parameters [{name}] from parameter store for this account."
            ) from error

    def _stack_output(self, name: str, output: str) -> str:
        """Read when a stack is made or changed; nothing is remembered of it."""
        for stack in tuple(self.stacks.values()):
            if stack.name == name and output in stack.outputs:
                return stack.outputs[output]["OutputValue"]
        raise TemplateError(f"Stack {name} has no output {output}")

    def _scope(
        self, name: str, identity: str, template: Template, values: dict[str, Any], stack: Stack | None = None
    ) -> Scope:
        def export(wanted: str) -> str:
            exports = self.exports()
            if wanted not in exports:
                raise TemplateError(f"No export named {wanted} found. Rollback requested by user.")
            if stack is not None:
                stack.imports.add(wanted)
            return exports[wanted][0]

        pseudo = {
            "AWS::AccountId": self._twin.account,
            "AWS::Region": self._twin.region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": name,
            "AWS::StackId": identity,
            "AWS::NotificationARNs": [],
        }
        return Scope(template, pseudo, values, export, self._parameter, self._stack_output)

    def _outputs(self, stack: Stack, scope: Scope) -> dict[str, dict[str, str]]:
        outputs = {}
        for key, body in stack.template.get("Outputs", {}).items():
            if "Condition" in body and not scope.is_true(body["Condition"]):
                continue
            output = {"OutputKey": key, "OutputValue": str(scope.resolve(body["Value"]))}
            if "Description" in body:
                output["Description"] = body["Description"]
            if "Export" in body:
                output["ExportName"] = str(scope.resolve(body["Export"]["Name"]))
                owner = self.exports().get(output["ExportName"])
                if owner is not None and owner[1] is not stack:
                    raise TemplateError(f"Export {output['ExportName']} is already exported by stack {owner[1].name}")
            outputs[key] = output
        return outputs

    def _check_exports_in_use(self, stack: Stack, before: dict[str, dict[str, str]]) -> None:
        now = {o["ExportName"]: o["OutputValue"] for o in stack.outputs.values() if "ExportName" in o}
        gone = {k: o for k, o in before.items() if "ExportName" in o and now.get(o["ExportName"]) != o["OutputValue"]}
        used = self._users(stack, gone)
        if used:
            raise ResourceFailed("; ".join(used))

    def _users(self, stack: Stack, outputs: dict[str, dict[str, str]]) -> list[str]:
        names = {output["ExportName"] for output in outputs.values() if "ExportName" in output}
        users = ((name, other) for other in tuple(self.stacks.values()) for name in names & other.imports)
        return [
            f"Export {name} cannot be changed or deleted as it is in use by {other.name}"
            for name, other in sorted(users, key=lambda pair: (pair[0], pair[1].name))
            if other is not stack
        ]


def _see(scope: Scope, resource: Resource) -> None:
    """Let later resources refer to one."""
    scope.refs[resource.logical_id] = resource.made.ref
    scope.attributes[resource.logical_id] = resource.made.attributes


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        return f"{error.operation_name}: {error.response['Error']['Message']} ({error.response['Error']['Code']})"
    if isinstance(error, ResourceFailed | TemplateError | ApiError):
        return str(error)
    return f"{type(error).__name__}: {error}"
