"""SageMaker endpoints at work: InvokeEndpoint runs the deployed model's serving script, captures, counts; UpdateEndpoint."""

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
    """What one minute of one variant adds up to: metric → values."""

    values: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in METRICS})


class Endpoints:
    """Every endpoint of the account."""

    def __init__(self, twin: Surroundings, models: Models) -> None:
        self._twin, self._models = twin, models
        self._capture = Capture(twin)
        self._containers = Containers(twin)
        self._dice: dict[str, random.Random] = {}
        self._counts: dict[tuple[str, str, datetime], _Counts] = {}
        self._lock = threading.Lock()
        twin.api.register("sagemaker-runtime", InvokeEndpoint=self.invoke)
        twin.api.register("sagemaker", UpdateEndpoint=self.update)
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
        if endpoint.endpoint_status != "InService":
            raise ApiError("ValidationError", f"Endpoint {name} is {endpoint.endpoint_status}, not InService.")
        refused = [key for key in _NOT_HERE if parameters.get(key)]
        if refused:
            raise ApiError("ValidationError", f"{', '.join(refused)} is not in the twin.")
        if len(body) > LIMIT_BYTES:
            raise ApiError("ValidationError", f"The body has {len(body)} bytes, at most {LIMIT_BYTES} are allowed.")
        config = self._backend.endpoint_configs[endpoint.endpoint_config_name]
        variant = self._choose(name, config.production_variants, parameters.get("TargetVariant"))
        now, started = self._twin.clock.now(), time.perf_counter()
        reply, role = self._ask(variant["ModelName"], body, parameters)
        self._count(name, variant["VariantName"], now, reply.status, (time.perf_counter() - started) * 1e6)
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

    # --- metrics -------------------------------------------------------------------------------------------------------

    def _count(self, endpoint: str, variant: str, now: datetime, status: int, microseconds: float) -> None:
        minute = now.replace(second=0, microsecond=0)
        with self._lock:
            values = self._counts.setdefault((endpoint, variant, minute), _Counts()).values
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
                "Dimensions": [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}],
                "Timestamp": time,
                "Unit": "Microseconds" if name == "ModelLatency" else "Count" if name == "Invocations" else "None",
                "StatisticValues": {
                    "SampleCount": len(values),
                    "Sum": sum(values),
                    "Minimum": min(values),
                    "Maximum": max(values),
                },
            }
            for (endpoint, variant, time), count in counts.items()
            for name, values in count.values.items()
        ]
        if data:
            self._twin.client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=data)
        self._containers.keep(self._deployed())

    def _deployed(self) -> set[str]:
        """Identities of the models that endpoints serve."""
        backend = self._backend
        configs = [backend.endpoint_configs.get(e.endpoint_config_name) for e in tuple(backend.endpoints.values())]
        names = {v["ModelName"] for config in configs if config for v in config.production_variants}
        return {self._models.served(name).identity for name in names if self._models.has(name)}

    # --- deployment ----------------------------------------------------------------------------------------------------

    def update(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        """Answer UpdateEndpoint: the new configuration serves the next request."""
        name, config_name = parameters["EndpointName"], parameters["EndpointConfigName"]
        endpoint, config = self._backend.endpoints.get(name), self._backend.endpoint_configs.get(config_name)
        if endpoint is None or config is None:
            what = f"endpoint {name}" if endpoint is None else f"endpoint configuration {config_name}"
            raise ApiError("ValidationException", f"Could not find {what}.")
        if parameters.get("DeploymentConfig"):
            raise ApiError("ValidationException", "DeploymentConfig is not in the twin: updates happen all at once")
        kept = _kept(parameters)
        if "DataCaptureConfig" in kept:
            raise ApiError("ValidationException", "a retained DataCaptureConfig is not in the twin; exclude it")
        before = {variant["VariantName"]: variant for variant in endpoint.production_variants}
        self._emit(endpoint, "UPDATING")
        endpoint.endpoint_config_name = config_name
        endpoint.production_variants = endpoint._process_production_variants(config.production_variants)
        for variant in endpoint.production_variants:
            old = before.get(variant["VariantName"], {})
            for key in ("InstanceCount", "Weight"):
                if f"Desired{key}" in kept & old.keys():
                    variant[f"Desired{key}"] = variant[f"Current{key}"] = old[f"Desired{key}"]
        endpoint.data_capture_config = config.data_capture_config
        endpoint.last_modified_time = self._twin.clock.now()
        self._twin.journal.add("endpoint", f"{name} serves {config_name}", endpoint=name, config=config_name)
        self._emit(endpoint, "IN_SERVICE")
        return {"EndpointArn": endpoint.arn}

    def _emit(self, endpoint: Any, status: str) -> None:
        detail = {
            "EndpointName": endpoint.endpoint_name,
            "EndpointArn": endpoint.arn,
            "EndpointConfigName": endpoint.endpoint_config_name,
            "EndpointStatus": status,
        }
        self._twin.events.emit("aws.sagemaker", "SageMaker Endpoint State Change", detail, [endpoint.arn])


def _kept(parameters: Mapping[str, Any]) -> set[str]:
    """What of an endpoint's variants an update leaves as it is, by type."""
    if not parameters.get("RetainAllVariantProperties"):
        return set()
    excluded = {item["VariantPropertyType"] for item in parameters.get("ExcludeRetainedVariantProperties") or ()}
    return {"DesiredInstanceCount", "DesiredWeight", "DataCaptureConfig"} - excluded
