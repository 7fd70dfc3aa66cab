"""AWS's services that functions, runs and jobs call: inside of a VPC without a way out, each needs an endpoint.

A test compares this list with the calls of deployed runs, with the clients in the code, and with the policies of the roles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # the settings' command tells the services
    from stacks.settings.environment import Settings


@dataclass(frozen=True)
class Service:
    """client: as boto3 names it; action: as IAM does; endpoint: as a VPC endpoint does. needed: by which environments."""

    client: str
    action: str
    endpoint: str
    is_gateway: bool = False
    needed: Callable[[Settings], bool] = lambda _: True

    def name(self, region: str) -> str:
        """Of the endpoint, in the partitions aws and aws-us-gov."""
        return f"com.amazonaws.{region}.{self.endpoint}"


def _asks_models(settings: Settings) -> bool:
    return any(
        monitor.model_explainability is not None and monitor.model_explainability.predictor is not None
        for endpoint in settings.endpoints.values()
        for monitor in endpoint.monitors.values()
    )


def _has_queues(settings: Settings) -> bool:
    return any(endpoint.review is not None and endpoint.review.queue for endpoint in settings.endpoints.values())


def _is_retrained(settings: Settings) -> bool:
    return bool(settings.retrained)


def _starts_executions(settings: Settings) -> bool:
    return bool(settings.managed or settings.retrained)


ALL: Final = (
    Service("s3", "s3", "s3", is_gateway=True),
    Service("dynamodb", "dynamodb", "dynamodb", is_gateway=True),
    Service("ssm", "ssm", "ssm"),
    Service("cloudwatch", "cloudwatch", "monitoring"),
    Service("events", "events", "events"),
    Service("sns", "sns", "sns"),
    Service("sagemaker", "sagemaker", "sagemaker.api"),
    Service("sagemaker-runtime", "sagemaker", "sagemaker.runtime", needed=_asks_models),
    Service("stepfunctions", "states", "states", needed=_starts_executions),
    Service("lambda", "lambda", "lambda", needed=_is_retrained),
    Service("sts", "sts", "sts", needed=_is_retrained),
    Service("sqs", "sqs", "sqs", needed=_has_queues),
)
UNREACHED: Final = {
    "sagemaker-a2i-runtime": "Augmented AI has no VPC endpoint; settings refuse it where there is no way out"
}


def needed(settings: Settings) -> list[Service]:
    """What an environment calls."""
    return [service for service in ALL if service.needed(settings)]
