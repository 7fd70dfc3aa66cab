"""Types that give topics or queues a policy: it is recorded for each of them, where services that publish are compared with it."""

from __future__ import annotations

from twin.cloudformation.shapes import only
from twin.cloudformation.types import Made, Request, Types


def register(types: Types, type_name: str, service: str, resources: str) -> None:
    """Teach the twin such a type; `resources` is the property that names what the policy is for."""

    def put(request: Request) -> Made:
        wanted = only(request, resources, "PolicyDocument")
        for name in wanted[resources]:
            request.twin.resource_policies.put(f"{service}:{name}", wanted["PolicyDocument"])
        return Made(request.name(), {"Id": request.name()})

    def forget(request: Request) -> None:
        for name in request.properties[resources]:
            request.twin.resource_policies.forget(f"{service}:{name}")

    types.register_type(type_name, create=put, update=put, delete=forget)
