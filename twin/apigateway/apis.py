"""REST APIs of API Gateway: calls of people and programs reach the functions behind them, as deployed.

Moto keeps the APIs, the user pools and the people in them; here a call finds its method, a Cognito authorizer is asked for who
calls, and the function gets the proxy event. Sign-in pages, passwords and second factors are not here: `sign_in` stands for them.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from twin.api import Call
from twin.functions.functions import Functions
from twin.surroundings import Surroundings

PRINCIPAL: Final = "apigateway.amazonaws.com"
COGNITO: Final = "COGNITO_USER_POOLS"
BEARER: Final = "Bearer "
PAGE: Final = 500


@dataclass(frozen=True)
class Reply:
    """What a caller gets."""

    status: int
    headers: Mapping[str, str]
    body: str

    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


@dataclass(frozen=True)
class _Method:
    """A method of an API: `steps` of its resource's path, of which `{name}` takes one and `{name+}` all that are left."""

    path: str
    verb: str
    pools: tuple[str, ...] | None
    function: str

    def match(self, verb: str, path: str) -> dict[str, str] | None:
        """The parts that the path's variables take; None where it is another's."""
        wanted, given = _steps(self.path), _steps(path)
        found: dict[str, str] = {}
        if verb != self.verb:
            return None
        for place, step in enumerate(wanted):
            if step.endswith("+}") and len(given) > place:
                return {**found, step[1:-2]: "/".join(given[place:])}
            if place >= len(given) or (not step.startswith("{") and step != given[place]):
                return None
            if step.startswith("{"):
                found[step[1:-1]] = given[place]
        return found if len(wanted) == len(given) else None

    @property
    def pattern(self) -> str:
        """As permissions of functions name it."""
        return "/".join("*" if step.startswith("{") else step for step in self.path.lstrip("/").split("/"))


class Apis:
    """Every API of the account."""

    def __init__(self, twin: Surroundings, functions: Functions) -> None:
        self._twin, self._functions = twin, functions
        self._methods: dict[str, list[_Method]] = {}
        self._tokens: dict[str, tuple[str, dict[str, str]]] = {}  # → pool's ARN, claims
        twin.api.observe(self._notice)

    def sign_in(self, pool: str, email: str) -> str:
        """The token of somebody whom the pool's administrator has invited. Raises: ClientError for anybody else."""
        cognito = self._twin.client("cognito-idp")
        user = cognito.admin_get_user(UserPoolId=pool, Username=email)
        groups = cognito.admin_list_groups_for_user(UserPoolId=pool, Username=email)["Groups"]
        attributes = {each["Name"]: each["Value"] for each in user["UserAttributes"]}
        claims = {
            "sub": attributes.get("sub", user["Username"]),
            "cognito:username": user["Username"],
            "email": email,
            "email_verified": attributes.get("email_verified", "true"),
            "cognito:groups": ",".join(group["GroupName"] for group in groups),  # as API Gateway writes a list
        }
        token = secrets.token_urlsafe(24)
        self._tokens[token] = (cognito.describe_user_pool(UserPoolId=pool)["UserPool"]["Arn"], claims)
        return token

    def call(
        self, verb: str, url: str, body: Any = None, *, token: str = "", headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One call of `https://{api}.execute-api…/{stage}/{path}`. A body that is no text or bytes is sent as JSON."""
        host, _, rest = url.removeprefix("https://").partition("/")
        api, (stage, _, path) = host.partition(".")[0], rest.partition("/")
        if not self._has_stage(api, stage):
            return _refused(403, "Forbidden")
        found = [(method, taken) for method in self._of(api) if (taken := method.match(verb, path)) is not None]
        if not found:
            return _refused(
                403, "Missing Authentication Token"
            )  # what API Gateway says of a path that it does not have
        method, taken = min(found, key=lambda each: "{" in each[0].path)
        pool, claims = self._tokens.get(token.removeprefix(BEARER), ("", {}))
        if method.pools is not None and pool not in method.pools:
            return _refused(401, "Unauthorized")
        where = f"arn:aws:execute-api:{self._twin.region}:{self._twin.account}:{api}/{stage}/{verb}/{method.pattern}"
        if not self._functions.permits(method.function, PRINCIPAL, where):
            return _refused(500, "Internal server error")
        event = _event(verb, f"/{path}", stage, method, taken, body, headers or {})
        event["requestContext"]["requestTimeEpoch"] = int(self._twin.clock.now().timestamp() * 1000)
        if method.pools is not None:
            event["requestContext"]["authorizer"] = {"claims": claims}
        result = self._functions.invoke(method.function, event, f"{verb} {method.path}")
        if result.error:
            return _refused(502, "Internal server error")
        answer = result.payload
        return Reply(int(answer["statusCode"]), answer.get("headers") or {}, answer.get("body") or "")

    def _has_stage(self, api: str, stage: str) -> bool:
        try:
            self._twin.client("apigateway").get_stage(restApiId=api, stageName=stage)
        except ClientError:
            return False
        return True

    def _of(self, api: str) -> list[_Method]:
        if api not in self._methods:
            client = self._twin.client("apigateway")
            pools = {one["id"]: one["providerARNs"] for one in client.get_authorizers(restApiId=api)["items"]}
            self._methods[api] = [
                _method(resource["path"], verb, one, pools)
                for resource in client.get_resources(restApiId=api, limit=PAGE)["items"]
                for verb, one in (resource.get("resourceMethods") or {}).items()
            ]
        return self._methods[api]

    def _notice(self, call: Call) -> None:
        if call.service == "apigateway" and not call.operation.startswith("Get"):
            self._methods.clear()


def _method(path: str, verb: str, one: Mapping[str, Any], pools: Mapping[str, list[str]]) -> _Method:
    function = one["methodIntegration"]["uri"].partition("/functions/")[2].removesuffix("/invocations")
    is_signed = one.get("authorizationType") == COGNITO
    return _Method(path, verb, tuple(pools[one["authorizerId"]]) if is_signed else None, function)


def _event(
    verb: str,
    path: str,
    stage: str,
    method: _Method,
    taken: Mapping[str, str],
    body: Any,
    headers: Mapping[str, str],
) -> dict[str, Any]:
    """Lambda's proxy integration, version 1.0."""
    is_binary = isinstance(body, bytes)
    text = base64.b64encode(body).decode() if is_binary else body if isinstance(body, str) else json.dumps(body)
    return {
        "resource": method.path,
        "path": path,
        "httpMethod": verb,
        "headers": dict(headers),
        "queryStringParameters": None,
        "pathParameters": dict(taken) or None,
        "requestContext": {"path": f"/{stage}{path}", "stage": stage, "httpMethod": verb},
        "body": None if body is None else text,
        "isBase64Encoded": is_binary,
    }


def _steps(path: str) -> list[str]:
    return [step for step in path.split("/") if step]


def _refused(status: int, message: str) -> Reply:
    return Reply(status, {"Content-Type": "application/json"}, json.dumps({"message": message}))
