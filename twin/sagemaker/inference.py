"""SageMaker endpoints at work: InvokeEndpoint runs the deployed model's serving script, captures and counts."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from moto.sagemaker.models import sagemaker_backends

from twin.api import ApiError, Call
from twin.clock import Order
from twin.sagemaker.capture import Capture, Invocation, Side
from twin.sagemaker.containers import Containers, DoesNotServe, Reply
from twin.sagemaker.models import Models
from twin.sagemaker.updates import SERVING, Fleet, Updates
from twin.surroundings import Surroundings

NAMESPACE: Final = "AWS/SageMaker"
LIMIT_BYTES: Final = 6 * 1024 * 1024
METRICS: Final = ("Invocations", "Invocation4XXErrors", "Invocation5XXErrors", "ModelLatency")
_NOT_HERE: Final = (
    "TargetModel",
    "TargetContainerHostname",
    "InferenceComponentName",
    "EnableExplanations",
    "SessionId",
)


class ModelFailed(ApiError):
    """The container answered with an error, or not at all; the caller sees status 424."""

    def __init__(self, status: int, text: str, endpoint: str, account: str) -> None:
        kind = "client" if 400 <= status < 500 else "server"
        super().__init__(
            "ModelError",
            f'Received {kind} error ({status}) from primary with message "{text}". '
            f"See the logs of /aws/sagemaker/Endpoints/{endpoint} in account {account} for more information.",
        )
        self.OriginalStatusCode = status
        self.OriginalMessage = text
        self.LogStreamArn = ""


@dataclass(slots=True)
class _Counts:
    """What one minute of one variant, or of one of its fleets, adds up to: metric → values."""

    values: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in METRICS})


class Endpoints:
    """Every endpoint of the account."""

    def __init__(self, twin: Surroundings, models: Models) -> None:
        self._twin, self._models, self._updates = twin, models, Updates(twin, models, self._trial)
        self._capture = Capture(twin)
        self._containers = Containers(twin)
        self._dice: dict[str, random.Random] = {}
        self._counts: dict[tuple[tuple[tuple[str, str], ...], datetime], _Counts] = {}
        self._lock = threading.Lock()
        twin.api.register("sagemaker-runtime", InvokeEndpoint=self.invoke)
        twin.clock.register(self.tick, Order.DELIVERY)

    @property
    def _backend(self) -> Any:
        return sagemaker_backends[self._twin.account][self._twin.region]

    def invoke(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        """Answer InvokeEndpoint."""
        name, body = parameters["EndpointName"], parameters.get("Body") or b""
        endpoint = self._backend.endpoints.get(name)
        if endpoint is None:
            raise ApiError("ValidationError", f"Endpoint {name} of account {self._twin.account} not found.")
        if endpoint.endpoint_status not in SERVING:
            raise ApiError("ValidationError", f"Endpoint {name} is {endpoint.endpoint_status}, not InService.")
        refused = [key for key in _NOT_HERE if parameters.get(key)]
        if refused:
            raise ApiError("ValidationError", f"{', '.join(refused)} is not in the twin.")
        if len(body) > LIMIT_BYTES:
            raise ApiError("ValidationError", f"The body has {len(body)} bytes, at most {LIMIT_BYTES} are allowed.")
        config = self._fleet(endpoint).config
        variant = self._choose(name, config.production_variants, parameters.get("TargetVariant"))
        now, started = self._twin.clock.now(), time.perf_counter()
        reply, role = self._ask(variant["ModelName"], body, parameters)
        dimensions = {"EndpointName": name, "VariantName": variant["VariantName"]}
        self._count(dimensions, now, reply.status, (time.perf_counter() - started) * 1e6)
        if self._updates.is_guarded(endpoint):
            dimensions["EndpointConfigName"] = config.endpoint_config_name
            self._count(dimensions, now, reply.status, (time.perf_counter() - started) * 1e6)
        if reply.status >= 400:
            raise ModelFailed(reply.status, reply.body.decode("utf-8", "replace")[:1000], name, self._twin.account)
        invocation = Invocation(
            name,
            variant["VariantName"],
            now,
            Side(body, parameters.get("ContentType")),
            Side(reply.body, reply.content_type),
            parameters.get("InferenceId"),
            parameters.get("CustomAttributes"),
        )
        self._capture.record(invocation, config.data_capture_config, role)
        return {
            "Body": reply.body,
            "ContentType": reply.content_type,
            "InvokedProductionVariant": variant["VariantName"],
        }

    def _fleet(self, endpoint: Any) -> Fleet:
        """The fleet that a request goes to, by the shares of those that serve the endpoint."""
        fleets = self._updates.fleets(endpoint)
        if len(fleets) == 1:
            return fleets[0]
        with self._lock:
            dice = self._dice.setdefault(endpoint.endpoint_name, random.Random(endpoint.endpoint_name))
            return dice.choices(fleets, [fleet.share for fleet in fleets])[0]

    def _choose(self, endpoint: str, variants: Sequence[Mapping[str, Any]], target: str | None) -> Mapping[str, Any]:
        """The variant asked for, else one by weight."""
        if target is not None:
            for variant in variants:
                if variant["VariantName"] == target:
                    return variant
            raise ApiError("ValidationError", f"Variant {target} of endpoint {endpoint} not found.")
        weights = [float(variant.get("InitialVariantWeight") or 1.0) for variant in variants]
        with self._lock:
            dice = self._dice.setdefault(endpoint, random.Random(endpoint))
            return dice.choices(variants, weights)[0]

    def _ask(self, model_name: str, body: bytes, parameters: Mapping[str, Any]) -> tuple[Reply, str]:
        """The container's reply and the model's role. A container that does not run answers 500."""
        served = self._models.served(model_name)
        headers = {
            "Content-Type": parameters.get("ContentType") or "",
            "Accept": parameters.get("Accept") or "*/*",
            "X-Amzn-SageMaker-Custom-Attributes": parameters.get("CustomAttributes") or "",
        }
        headers = {key: value for key, value in headers.items() if value}
        try:
            container = self._containers.of(served.identity, served.container, served.role)
            return container.invoke(body, headers), served.role
        except (DoesNotServe, OSError) as error:
            return Reply(500, str(error).encode(), None), served.role

    def _trial(self, model_name: str) -> str:
        """Why a model's container does not come up; empty if it does."""
        served = self._models.served(model_name)
        try:
            self._containers.of(served.identity, served.container, served.role)
        except (DoesNotServe, OSError) as error:
            return str(error)
        return ""

    # --- metrics -------------------------------------------------------------------------------------------------------

    def _count(self, dimensions: Mapping[str, str], now: datetime, status: int, microseconds: float) -> None:
        minute = now.replace(second=0, microsecond=0)
        with self._lock:
            values = self._counts.setdefault((tuple(dimensions.items()), minute), _Counts()).values
            values["Invocations"].append(1.0)
            values["Invocation4XXErrors"].append(float(400 <= status < 500))
            values["Invocation5XXErrors"].append(float(status >= 500))
            values["ModelLatency"].append(microseconds)

    def tick(self, _: datetime) -> None:
        """Deliver captured events and metrics of the minute that ended; end containers that serve no endpoint any more."""
        self._capture.deliver()
        with self._lock:
            counts, self._counts = self._counts, {}
        data = [
            {
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions],
                "Timestamp": time,
                "Unit": "Microseconds" if name == "ModelLatency" else "Count" if name == "Invocations" else "None",
                "StatisticValues": {
                    "SampleCount": len(values),
                    "Sum": sum(values),
                    "Minimum": min(values),
                    "Maximum": max(values),
                },
            }
            for (dimensions, time), count in counts.items()
            for name, values in count.values.items()
        ]
        if data:
            self._twin.client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=data)
        self._containers.keep(self._deployed())

    def _deployed(self) -> set[str]:
        """Identities of the models that endpoints serve."""
        names = {v["ModelName"] for config in self._updates.configs() for v in config.production_variants}
        return self._models.identities(names)
