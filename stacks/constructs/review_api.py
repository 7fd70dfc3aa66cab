"""An API of human review: reached from anywhere, or through one VPC endpoint alone."""

from __future__ import annotations

from aws_cdk import aws_apigateway as apigateway, aws_iam as iam
from constructs import Construct

from stacks import findings

STAGE = "review"
CALLS_PER_SECOND, CALLS_AT_ONCE = 50, 100  # of all reviewers together


def review_api(scope: Construct, construct_id: str, description: str, vpc_endpoint: str | None) -> apigateway.RestApi:
    """An API without resources."""
    kind = apigateway.EndpointType.REGIONAL if vpc_endpoint is None else apigateway.EndpointType.PRIVATE
    api = apigateway.RestApi(
        scope,
        construct_id,
        description=description,
        endpoint_types=[kind],
        policy=None if vpc_endpoint is None else _only_through(vpc_endpoint),
        cloud_watch_role=False,  # one of an account; it is not ours to set
        deploy_options=apigateway.StageOptions(
            stage_name=STAGE,
            throttling_rate_limit=CALLS_PER_SECOND,
            throttling_burst_limit=CALLS_AT_ONCE,
            tracing_enabled=True,
            metrics_enabled=True,
        ),
    )
    api.node.try_remove_child("Endpoint")  # an output that says nothing: ours tells people where the page is
    logs = "API Gateway logs through a role of the whole account; each answer is kept with its person, in the table"
    findings.accept(api, "APIG1", logs)
    findings.accept(api, "APIG6", logs)
    findings.accept(api, "APIG2", "the function checks each request")
    findings.accept(
        api, "APIG3", "a firewall is the account's choice; calls are limited, and all but the page needs a proof"
    )
    return api


def _only_through(vpc_endpoint: str) -> iam.PolicyDocument:
    """Callers inside of one VPC alone."""
    everybody, calls = [iam.AnyPrincipal()], ["execute-api:Invoke"]
    return iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(principals=everybody, actions=calls, resources=["execute-api:/*"]),
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=everybody,
                actions=calls,
                resources=["execute-api:/*"],
                conditions={"StringNotEquals": {"aws:SourceVpce": vpc_endpoint}},
            ),
        ]
    )
