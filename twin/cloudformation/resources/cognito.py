"""Cognito: user pools with their groups and clients."""

from __future__ import annotations

from typing import Final

from twin.cloudformation.shapes import arguments, only, part
from twin.cloudformation.types import Made, Request, Types

POOL: Final = ("AdminCreateUserConfig", "AutoVerifiedAttributes", "MfaConfiguration", "UsernameAttributes")
OF_SIGN_IN: Final = (  # how people prove who they are, which is not in the twin
    "AccountRecoverySetting",
    "EmailVerificationMessage",
    "EmailVerificationSubject",
    "EnabledMfas",
    "Policies",
    "SmsVerificationMessage",
    "UserPoolTags",
    "VerificationMessageTemplate",
)
CLIENT: Final = (
    "AllowedOAuthFlows",
    "AllowedOAuthFlowsUserPoolClient",
    "AllowedOAuthScopes",
    "CallbackURLs",
    "GenerateSecret",
    "PreventUserExistenceErrors",
    "SupportedIdentityProviders",
    "UserPoolId",
)


def register(types: Types) -> None:
    types.register_type(
        "AWS::Cognito::UserPool",
        create=_create_pool,
        delete=lambda request: request.client("cognito-idp").delete_user_pool(UserPoolId=request.ref),
    )
    types.register_type("AWS::Cognito::UserPoolDomain", create=_create_domain, delete=_delete_domain)
    types.register_type("AWS::Cognito::UserPoolGroup", create=_create_group, delete=_delete_group)
    types.register_type("AWS::Cognito::UserPoolClient", create=_create_client, delete=_delete_client)


def _create_pool(request: Request) -> Made:
    wanted = part(only(request, *POOL, stored=OF_SIGN_IN), *POOL)
    cast = arguments("cognito-idp", "CreateUserPool", {"PoolName": request.name(limit=128), **wanted})
    pool = request.client("cognito-idp").create_user_pool(**cast)["UserPool"]
    provider = f"cognito-idp.{request.twin.region}.amazonaws.com/{pool['Id']}"
    return Made(pool["Id"], {"Arn": pool["Arn"], "UserPoolId": pool["Id"], "ProviderName": provider})


def _create_domain(request: Request) -> Made:
    wanted = only(request, "Domain", "UserPoolId")
    request.client("cognito-idp").create_user_pool_domain(Domain=wanted["Domain"], UserPoolId=wanted["UserPoolId"])
    return Made(wanted["Domain"])


def _delete_domain(request: Request) -> None:
    wanted = part(request.properties, "Domain", "UserPoolId")
    request.client("cognito-idp").delete_user_pool_domain(**wanted)


def _create_group(request: Request) -> Made:
    wanted = only(request, "GroupName", "Description", "UserPoolId")
    request.client("cognito-idp").create_group(**arguments("cognito-idp", "CreateGroup", wanted))
    return Made(wanted["GroupName"])


def _delete_group(request: Request) -> None:
    request.client("cognito-idp").delete_group(**part(request.properties, "GroupName", "UserPoolId"))


def _create_client(request: Request) -> Made:
    wanted = {"ClientName": request.name(limit=128), **only(request, *CLIENT)}
    cast = arguments("cognito-idp", "CreateUserPoolClient", wanted)
    made = request.client("cognito-idp").create_user_pool_client(**cast)["UserPoolClient"]
    return Made(made["ClientId"], {"ClientId": made["ClientId"]})


def _delete_client(request: Request) -> None:
    pool = request.properties["UserPoolId"]
    request.client("cognito-idp").delete_user_pool_client(UserPoolId=pool, ClientId=request.ref)
