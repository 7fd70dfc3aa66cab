"""API Gateway: REST APIs whose methods call functions."""

from __future__ import annotations

from typing import Any, Final

from twin.cloudformation.shapes import only
from twin.cloudformation.types import Made, Request, ResourceFailed, Types

STORED: Final = ("MethodSettings", "TracingEnabled", "Tags", "Policy")  # limits, traces, networks are not in the twin
PROXY: Final = "AWS_PROXY"


def register(types: Types) -> None:
    types.register_type(
        "AWS::ApiGateway::RestApi",
        create=_create_api,
        delete=lambda request: request.client("apigateway").delete_rest_api(restApiId=request.ref),
    )
    types.register_type("AWS::ApiGateway::Resource", create=_create_resource, delete=_delete_resource)
    types.register_type(
        "AWS::ApiGateway::Method",
        create=_put_method,
        update=_put_method,
        delete=_delete_method,
        replaced_by={"RestApiId", "ResourceId", "HttpMethod"},
    )
    types.register_type("AWS::ApiGateway::Authorizer", create=_create_authorizer)
    types.register_type("AWS::ApiGateway::Deployment", create=_create_deployment)
    types.register_type(
        "AWS::ApiGateway::Stage", create=_create_stage, update=_update_stage, replaced_by={"RestApiId", "StageName"}
    )


def _create_api(request: Request) -> Made:
    wanted = only(request, "Name", "Description", "EndpointConfiguration", stored=STORED)
    made = request.client("apigateway").create_rest_api(
        name=wanted["Name"],
        description=wanted.get("Description", ""),
        endpointConfiguration={"types": wanted["EndpointConfiguration"]["Types"]},
    )
    root = request.client("apigateway").get_resources(restApiId=made["id"])["items"][0]["id"]
    return Made(made["id"], {"RootResourceId": root, "RestApiId": made["id"]})


def _create_resource(request: Request) -> Made:
    wanted = only(request, "RestApiId", "ParentId", "PathPart")
    made = request.client("apigateway").create_resource(
        restApiId=wanted["RestApiId"], parentId=wanted["ParentId"], pathPart=wanted["PathPart"]
    )
    return Made(made["id"], {"ResourceId": made["id"]})


def _delete_resource(request: Request) -> None:
    request.client("apigateway").delete_resource(restApiId=request.properties["RestApiId"], resourceId=request.ref)


def _at(request: Request) -> dict[str, str]:
    wanted = request.properties
    return {
        "restApiId": wanted["RestApiId"],
        "resourceId": wanted["ResourceId"],
        "httpMethod": wanted["HttpMethod"],
    }


def _put_method(request: Request) -> Made:
    wanted = only(request, "RestApiId", "ResourceId", "HttpMethod", "AuthorizationType", "AuthorizerId", "Integration")
    integration = wanted["Integration"]
    if integration["Type"] != PROXY:
        raise ResourceFailed(f"Integration.Type is {integration['Type']}: the twin's APIs call functions, by {PROXY}")
    settings: dict[str, Any] = {"authorizationType": wanted["AuthorizationType"]}
    if "AuthorizerId" in wanted:
        settings["authorizerId"] = wanted["AuthorizerId"]
    client, place = request.client("apigateway"), _at(request)
    client.put_method(**place, **settings)
    client.put_integration(
        **place, type=PROXY, integrationHttpMethod=integration["IntegrationHttpMethod"], uri=integration["Uri"]
    )
    return Made("|".join(place.values()))


def _delete_method(request: Request) -> None:
    request.client("apigateway").delete_method(**_at(request))


def _create_authorizer(request: Request) -> Made:
    wanted = only(request, "RestApiId", "Name", "Type", "ProviderARNs", "IdentitySource")
    made = request.client("apigateway").create_authorizer(
        restApiId=wanted["RestApiId"],
        name=wanted["Name"],
        type=wanted["Type"],
        providerARNs=wanted["ProviderARNs"],
        identitySource=wanted["IdentitySource"],
    )
    return Made(made["id"], {"AuthorizerId": made["id"]})


def _create_deployment(request: Request) -> Made:
    wanted = only(request, "RestApiId", "Description")
    made = request.client("apigateway").create_deployment(
        restApiId=wanted["RestApiId"], description=wanted.get("Description", "")
    )
    return Made(made["id"], {"DeploymentId": made["id"]})


def _create_stage(request: Request) -> Made:
    wanted = only(request, "RestApiId", "StageName", "DeploymentId", stored=STORED)
    request.client("apigateway").create_stage(
        restApiId=wanted["RestApiId"], stageName=wanted["StageName"], deploymentId=wanted["DeploymentId"]
    )
    return Made(wanted["StageName"])


def _update_stage(request: Request) -> None:
    """The twin's APIs answer with the methods that there are, whatever was deployed when."""
    only(request, "RestApiId", "StageName", "DeploymentId", stored=STORED)
