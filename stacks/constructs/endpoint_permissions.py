"""What asking a model needs: calling an endpoint, and the whole life of shadow endpoints, which a run makes and removes itself."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack, aws_iam as iam
from constructs import Construct

from stacks.constructs import permissions

NAMED_BY_RUNS = "shadow endpoints are named by the run that makes them, below one prefix"
NAMED_BY_THE_SERVICE = "processing jobs of schedules are named by the service"
KINDS = ("endpoint", "endpoint-config")


def allow_asking(role: iam.IRole, scope: Construct, endpoint_name: str) -> None:
    """InvokeEndpoint of one endpoint."""
    permissions.allow(role, ["sagemaker:InvokeEndpoint"], [_arn(scope, "endpoint", endpoint_name)])


def allow_shadows(role: iam.IRole, scope: Construct, prefix: str) -> None:
    """Making, asking and removing endpoints whose names begin with a prefix, and finding those that others left behind."""
    _allow_below(role, scope, prefix, ["AddTags", "CreateEndpoint", "CreateEndpointConfig", "DescribeEndpoint"])
    _allow_below(role, scope, prefix, ["InvokeEndpoint"], kinds=KINDS[:1])
    allow_removing_shadows(role, scope, [prefix])


def allow_removing_shadows(role: iam.IRole, scope: Construct, prefixes: Sequence[str]) -> None:
    """Finding shadow endpoints, telling whose they are, and removing them."""
    for prefix in prefixes:
        _allow_below(role, scope, prefix, ["DeleteEndpoint", "DeleteEndpointConfig", "ListTags"])
    jobs = _arn(scope, "processing-job", "*")
    permissions.allow_named(role, ["sagemaker:DescribeProcessingJob"], jobs, NAMED_BY_THE_SERVICE)
    permissions.allow_list_calls(role, ["sagemaker:ListEndpointConfigs"])


def _allow_below(
    role: iam.IRole, scope: Construct, prefix: str, calls: Sequence[str], kinds: Sequence[str] = KINDS
) -> None:
    for kind in kinds:
        actions = [f"sagemaker:{call}" for call in calls]
        permissions.allow_named(role, actions, _arn(scope, kind, f"{prefix}-*"), NAMED_BY_RUNS)


def _arn(scope: Construct, kind: str, name: str) -> str:
    """SageMaker writes names in ARNs in lower case."""
    return Stack.of(scope).format_arn(service="sagemaker", resource=kind, resource_name=name.lower())
