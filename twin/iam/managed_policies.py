"""AWS's own managed policies, brought into the account when somebody attaches one: loading all of them takes seconds."""

from __future__ import annotations

import functools
import json
from typing import Any, Final

from moto.backends import get_backend
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy

from twin.api import Call
from twin.surroundings import Surroundings

OWNED_BY_AWS: Final = ":iam::aws:policy/"


@functools.cache
def _all() -> dict[str, dict[str, Any]]:
    policies: dict[str, dict[str, Any]] = json.loads(aws_managed_policies_data)
    return policies


def install(twin: Surroundings) -> None:
    """Have a policy there by the time that moto looks for it."""

    def bring(call: Call) -> None:
        if call.service != "iam":
            return
        for name in ("PolicyArn", "PermissionsBoundary"):
            arn = str(call.parameters.get(name, ""))
            backend = get_backend("iam")[twin.account]["aws"]
            if OWNED_BY_AWS not in arn or arn in backend.managed_policies:
                continue
            data = _all().get(arn.rpartition("/")[2])
            if data is not None:
                policy = AWSManagedPolicy.from_data(arn.rpartition("/")[2], twin.account, twin.region, data)
                backend.managed_policies[policy.arn] = policy

    twin.api.gate(bring)
