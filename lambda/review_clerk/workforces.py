"""How reviewers who work elsewhere are reached, by endpoint.

Environment: WORKFORCES, a JSON object by endpoint, with `kind` and, of
    a2i      flows: people → name of the flow definition; at_once
    queue    tasks, answers: addresses of the two queues; at_once
    webhook  url; secret: name of the parameter that holds it; at_once
"""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from aws import client, log

from model_monitor.review.augmented_ai import AugmentedAi
from model_monitor.review.labelling_tool import QueueTool, Webhook
from model_monitor.review.outside import Workforce

TIMEOUT_SECONDS = 20


def of(endpoint: str) -> Workforce | None:
    """None where reviewers work with the kit's own page."""
    found = _known().get(endpoint)
    return None if found is None else KINDS[found["kind"]](found)


def endpoint_of(flow_arn: str) -> str:
    """Whose human loops a flow definition starts; "" of one that is not ours."""
    name = flow_arn.rpartition("/")[2]
    return next((each for each, found in _known().items() if name in found.get("flows", {}).values()), "")


def _known() -> Mapping[str, dict[str, Any]]:
    known: dict[str, dict[str, Any]] = json.loads(os.environ.get("WORKFORCES") or "{}")
    return known


def _augmented_ai(found: Mapping[str, Any]) -> Workforce:
    flows = {int(people): _flow_arn(name) for people, name in found["flows"].items()}
    return AugmentedAi(client("sagemaker-a2i-runtime"), client("s3"), flows, found["at_once"])


@cache
def _flow_arn(name: str) -> str:
    arn: str = client("sagemaker").describe_flow_definition(FlowDefinitionName=name)["FlowDefinitionArn"]
    return arn


def _queue(found: Mapping[str, Any]) -> Workforce:
    return QueueTool(client("sqs"), found["tasks"], found["answers"], found["at_once"])


def _webhook(found: Mapping[str, Any]) -> Workforce:
    return Webhook(found["url"], _secret(found["secret"]), post, lambda: datetime.now(UTC), found["at_once"])


@cache
def _secret(name: str) -> str:
    value: str = client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    return value


def post(url: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """Call a webhook; one that does not answer, or not with 2xx, is called again in the next round."""
    if not url.startswith("https://"):
        raise ValueError("a webhook should be an https address")
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers}, method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310 (scheme checked above)
            return True
    except OSError as error:  # an answer that is no 2xx, too
        log("webhook", problem=type(error).__name__, status=getattr(error, "code", 0))
        return False


KINDS: Mapping[str, Callable[[Mapping[str, Any]], Workforce]] = {
    "a2i": _augmented_ai,
    "queue": _queue,
    "webhook": _webhook,
}
