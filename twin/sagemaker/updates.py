"""UpdateEndpoint: all at once, or as a blue/green deployment on the virtual clock whose alarms take it back.

The new fleet is there at once, if its models load, and answers its share; every whole minute, after the alarms, a deployment
rolls back if one of its alarms is in ALARM, else goes on when its wait is over. While it runs the old configuration is the
endpoint's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import ClientError
from moto.sagemaker.models import sagemaker_backends

from twin.api import ApiError, Call
from twin.clock import Order
from twin.sagemaker.jobs import invalid
from twin.sagemaker.models import Models
from twin.sagemaker.rollouts import BadDeployment, Plan, Stage, plan
from twin.surroundings import Surroundings

UPDATING: Final = "Updating"
ROLLING_BACK: Final = "RollingBack"
IN_SERVICE: Final = "InService"
SERVING: Final = (IN_SERVICE, UPDATING, ROLLING_BACK)
STATE: Final = "SageMaker Endpoint State Change"
DEPLOYMENT: Final = "SageMaker Endpoint Deployment State Change"
UNHEALTHY: Final = (
    "The primary container for production variant {variant} did not pass the ping health check. "
    "Please check CloudWatch logs for this endpoint."
)
IN_EVENTS: Final = {UPDATING: "UPDATING", ROLLING_BACK: "ROLLING_BACK", IN_SERVICE: "IN_SERVICE"}

Trial = Callable[[str], str]  # a model's name → why its container does not come up, empty if it does


@dataclass(frozen=True, slots=True)
class Fleet:
    """Instances that serve a configuration, and the share of an endpoint's requests that they answer."""

    share: float
    config: Any


@dataclass(eq=False)
class Rollout:
    """A deployment that runs. `position` is that of its stage, `due` when the stage's wait is over."""

    endpoint: Any
    old: Any
    new: Any
    plan: Plan
    config: Mapping[str, Any]
    kept: frozenset[str]
    role: str
    started: datetime
    due: datetime
    position: int = 0

    @property
    def stage(self) -> Stage:
        return self.plan.stages[self.position]

    @property
    def is_back(self) -> bool:
        """Whether it is being taken back."""
        return bool(self.endpoint.endpoint_status == ROLLING_BACK)


class Updates:
    """Which fleets serve each endpoint, and how one takes the place of another."""

    def __init__(self, twin: Surroundings, models: Models, trial: Trial) -> None:
        self._twin, self._models, self._trial = twin, models, trial
        self._rollouts: dict[str, Rollout] = {}
        twin.api.register("sagemaker", UpdateEndpoint=self.update)
        twin.api.gate(self._refuse)
        twin.clock.register(self.tick, Order.DEPLOYMENTS)

    @property
    def _backend(self) -> Any:
        return sagemaker_backends[self._twin.account][self._twin.region]

    def fleets(self, endpoint: Any) -> list[Fleet]:
        """The fleets that answer now."""
        rollout = self._rollouts.get(endpoint.endpoint_name)
        if rollout is None or rollout.endpoint is not endpoint:
            return [Fleet(1.0, self._backend.endpoint_configs[endpoint.endpoint_config_name])]
        share = 0.0 if rollout.is_back else rollout.stage.share
        return [fleet for fleet in (Fleet(1 - share, rollout.old), Fleet(share, rollout.new)) if fleet.share]

    def configs(self) -> list[Any]:
        """The configurations of all fleets that are there, those that answer nothing yet or no more included."""
        known = self._backend.endpoint_configs
        served = [known.get(endpoint.endpoint_config_name) for endpoint in tuple(self._backend.endpoints.values())]
        moving = [config for rollout in tuple(self._rollouts.values()) for config in (rollout.old, rollout.new)]
        return [config for config in (*served, *moving) if config is not None]

    def is_guarded(self, endpoint: Any) -> bool:
        """Whether the endpoint was ever deployed by a DeploymentConfig: its metrics tell fleets apart from then on."""
        return endpoint.endpoint_name in self._rollouts or bool(getattr(endpoint, "last_deployment_config", None))

    def update(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        """Answer UpdateEndpoint: without a DeploymentConfig the new configuration serves the next request."""
        name, config_name = parameters["EndpointName"], parameters["EndpointConfigName"]
        endpoint, config = self._backend.endpoints.get(name), self._backend.endpoint_configs.get(config_name)
        if endpoint is None or config is None:
            what = f"endpoint {name}" if endpoint is None else f"endpoint configuration {config_name}"
            raise invalid(f"Could not find {what}.")
        self._refuse_in_progress(endpoint)
        kept = _kept(parameters)
        if "DataCaptureConfig" in kept:
            raise invalid("a retained DataCaptureConfig is not in the twin; exclude it")
        asked = parameters.get("DeploymentConfig")
        if asked is None and parameters.get("RetainDeploymentConfig"):
            asked = getattr(endpoint, "last_deployment_config", None)
        rollout = self._planned(endpoint, config, asked, kept) if asked else None
        endpoint.failure_reason = None
        if rollout is not None:
            self._begin(rollout)
            return {"EndpointArn": endpoint.arn}
        self._tell(endpoint, UPDATING)
        self._switch(endpoint, config, kept)
        self._tell(endpoint, IN_SERVICE)
        return {"EndpointArn": endpoint.arn}

    # --- a deployment ---------------------------------------------------------------------------------------------------

    def _planned(self, endpoint: Any, config: Any, asked: Mapping[str, Any], kept: frozenset[str]) -> Rollout:
        """A deployment that has not begun. Raises: ApiError."""
        counts = [int(variant.get("InitialInstanceCount") or 1) for variant in config.production_variants]
        try:
            planned = plan(asked, counts)
        except BadDeployment as error:
            raise invalid(f"DeploymentConfig: {error}") from error
        role = self._models.served(config.production_variants[0]["ModelName"]).role
        now, old = self._twin.clock.now(), self._backend.endpoint_configs.get(endpoint.endpoint_config_name)
        rollout = Rollout(endpoint, old, config, planned, asked, kept, role, now, now)
        missing = sorted(set(planned.alarms) - set(self._alarms(rollout)))
        if missing:
            raise invalid(f"AutoRollbackConfiguration: there is no alarm {', '.join(missing)}")
        return rollout

    def _alarms(self, rollout: Rollout) -> dict[str, str]:
        """The states of a deployment's alarms, seen with the model's role. Raises: ApiError."""
        names = list(rollout.plan.alarms)
        if not names:
            return {}
        try:
            found = self._twin.client("cloudwatch", rollout.role).describe_alarms(
                AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
            )
        except ClientError as error:
            message = f"The role {rollout.role} needs cloudwatch:DescribeAlarms on the auto-rollback alarms: {error}"
            raise invalid(message) from error
        alarms = [*found["MetricAlarms"], *found["CompositeAlarms"]]
        for alarm in alarms:
            if not self._twin.identity.may(rollout.role, "cloudwatch:DescribeAlarms", alarm["AlarmArn"]):
                message = f"The role {rollout.role} needs cloudwatch:DescribeAlarms on {alarm['AlarmArn']}"
                raise invalid(message)
        return {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}

    def _begin(self, rollout: Rollout) -> None:
        self._rollouts[rollout.endpoint.endpoint_name] = rollout
        rollout.endpoint.last_modified_time = self._twin.clock.now()
        rollout.endpoint.endpoint_status = UPDATING
        self._tell(rollout.endpoint, UPDATING)
        self._show(rollout, "Creating", "Launching {full} instance(s).")
        reason = self._unhealthy(rollout)
        if reason:
            self._roll_back(rollout, reason)
        else:
            self._enter(rollout)

    def _unhealthy(self, rollout: Rollout) -> str:
        """Why the new fleet does not come up; empty if it does."""
        for variant in rollout.new.production_variants:
            why = self._trial(variant["ModelName"])
            if why:
                name = rollout.endpoint.endpoint_name
                self._twin.journal.add("endpoint", f"{name}: {variant['ModelName']}: {why}", endpoint=name)
                return UNHEALTHY.format(variant=variant["VariantName"])
        return ""

    def _enter(self, rollout: Rollout) -> None:
        """Turn on the traffic of a stage, and wait."""
        stage = rollout.stage
        rollout.due = self._twin.clock.now() + timedelta(seconds=stage.seconds)
        where = f"on {stage.capacity} capacity of {{part}} instance(s)."
        self._show(rollout, "ActivatingTraffic", f"Activating traffic {where}")
        self._show(rollout, "Baking", f"Baking for {stage.seconds} seconds ({stage.wait}) with traffic enabled {where}")
        name, config = rollout.endpoint.endpoint_name, rollout.new.endpoint_config_name
        text = f"{name}: {stage.share:.0%} of its requests go to {config}"
        self._twin.journal.add("endpoint", text, endpoint=name, config=config, share=stage.share)

    def tick(self, now: datetime) -> None:
        """Take back what an alarm stops; go on with what has waited long enough."""
        for rollout in tuple(self._rollouts.values()):
            if rollout.is_back:
                self._finish(rollout, rollout.old)
                continue
            reason = self._reason(rollout)
            if reason:
                self._roll_back(rollout, reason)
            elif rollout.due <= now and rollout.position + 1 < len(rollout.plan.stages):
                rollout.position += 1
                self._enter(rollout)
            elif rollout.due <= now:
                self._show(rollout, "Deleting", "Terminating {old} instance(s).", is_of_old=True)
                self._finish(rollout, rollout.new)

    def _reason(self, rollout: Rollout) -> str:
        """Why a deployment must be taken back; empty while it need not be."""
        try:
            fired = sorted(name for name, state in self._alarms(rollout).items() if state == "ALARM")
        except ApiError as error:
            return str(error.message)
        if not fired:
            return ""
        return f"One or more auto-rollback alarms are in ALARM state: {', '.join(fired)}. The endpoint was rolled back."

    def _roll_back(self, rollout: Rollout, reason: str) -> None:
        """All traffic to the old fleet at once; the endpoint is in service again a minute later."""
        rollout.endpoint.endpoint_status = ROLLING_BACK
        rollout.endpoint.failure_reason = reason
        self._tell(rollout.endpoint, ROLLING_BACK)
        self._show(rollout, "Deleting", "Terminating {full} instance(s).")
        self._twin.journal.add(
            "endpoint",
            f"{rollout.endpoint.endpoint_name}: rolled back: {reason}",
            endpoint=rollout.endpoint.endpoint_name,
        )

    def _finish(self, rollout: Rollout, config: Any) -> None:
        endpoint = rollout.endpoint
        del self._rollouts[endpoint.endpoint_name]
        endpoint.pending_deployment_summary = None
        endpoint.last_deployment_config = dict(rollout.config)
        endpoint.endpoint_status = IN_SERVICE
        if config is rollout.new:
            self._switch(endpoint, config, rollout.kept)
        for variant in endpoint.production_variants:
            variant.pop("VariantStatus", None)
        endpoint.last_modified_time = self._twin.clock.now()
        self._tell(endpoint, IN_SERVICE)

    def _switch(self, endpoint: Any, config: Any, kept: frozenset[str]) -> None:
        """The configuration is the endpoint's from now on; what is kept of its variants stays."""
        before = {variant["VariantName"]: variant for variant in endpoint.production_variants}
        endpoint.endpoint_config_name = config.endpoint_config_name
        endpoint.production_variants = self._variants(endpoint, config, before, kept)
        endpoint.data_capture_config = config.data_capture_config
        endpoint.last_modified_time = self._twin.clock.now()
        name, text = endpoint.endpoint_name, f"{endpoint.endpoint_name} serves {config.endpoint_config_name}"
        self._twin.journal.add("endpoint", text, endpoint=name, config=config.endpoint_config_name)

    @staticmethod
    def _variants(
        endpoint: Any, config: Any, before: Mapping[str, Mapping[str, Any]], kept: frozenset[str]
    ) -> list[dict[str, Any]]:
        """The variants of a configuration as an endpoint shows them."""
        variants: list[dict[str, Any]] = endpoint._process_production_variants(config.production_variants)
        for variant in variants:
            old = before.get(variant["VariantName"], {})
            for key in ("InstanceCount", "Weight"):
                if f"Desired{key}" in kept & old.keys():
                    variant[f"Desired{key}"] = variant[f"Current{key}"] = old[f"Desired{key}"]
        return variants

    # --- what is shown and told -----------------------------------------------------------------------------------------

    def _show(self, rollout: Rollout, status: str, message: str, *, is_of_old: bool = False) -> None:
        """Put a stage's status on the variants of the new fleet, or of the old, and send its event."""
        endpoint, now, stage = rollout.endpoint, self._twin.clock.now(), rollout.stage
        before = {variant["VariantName"]: variant for variant in endpoint.production_variants}
        variants = self._variants(endpoint, rollout.new, before, rollout.kept)
        for variant in endpoint.production_variants if is_of_old else variants:
            full = int(variant.get("DesiredInstanceCount") or 1)
            text = message.format(full=full, old=full, part=stage.instances(full))
            variant["VariantStatus"] = [{"Status": status, "StatusMessage": text, "StartTime": now}]
        endpoint.pending_deployment_summary = {
            "EndpointConfigName": rollout.new.endpoint_config_name,
            "ProductionVariants": variants,
            "StartTime": rollout.started,
        }
        detail = {**_detail(endpoint), "PendingDeploymentSummary": _plain(endpoint.pending_deployment_summary)}
        self._twin.events.emit("aws.sagemaker", DEPLOYMENT, detail, [endpoint.arn])

    def _tell(self, endpoint: Any, status: str) -> None:
        detail = {**_detail(endpoint), "EndpointStatus": IN_EVENTS[status]}
        self._twin.events.emit("aws.sagemaker", STATE, detail, [endpoint.arn])

    # --- what is refused ------------------------------------------------------------------------------------------------

    def _refuse_in_progress(self, endpoint: Any) -> None:
        if endpoint.endpoint_name in self._rollouts:
            raise invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')

    def _refuse(self, call: Call) -> None:
        """What moto would do, or leave undone, without a word."""
        if call.service != "sagemaker":
            return
        if call.operation == "CreateEndpoint" and call.parameters.get("DeploymentConfig"):
            raise invalid("DeploymentConfig is in the twin where an endpoint is updated, not where it is created")
        if call.operation == "DeleteEndpoint":
            endpoint = self._backend.endpoints.get(call.parameters["EndpointName"])
            if endpoint is not None:
                self._refuse_in_progress(endpoint)


def _kept(parameters: Mapping[str, Any]) -> frozenset[str]:
    """What of an endpoint's variants an update leaves as it is, by type."""
    if not parameters.get("RetainAllVariantProperties"):
        return frozenset()
    excluded = {item["VariantPropertyType"] for item in parameters.get("ExcludeRetainedVariantProperties") or ()}
    return frozenset({"DesiredInstanceCount", "DesiredWeight", "DataCaptureConfig"} - excluded)


def _detail(endpoint: Any) -> dict[str, Any]:
    """An endpoint as its events show it."""
    reason = {"FailureReason": endpoint.failure_reason} if endpoint.failure_reason else {}
    return {
        "EndpointName": endpoint.endpoint_name,
        "EndpointArn": endpoint.arn,
        "EndpointConfigName": endpoint.endpoint_config_name,
        "ProductionVariants": _plain(endpoint.production_variants),
        "EndpointStatus": IN_EVENTS.get(endpoint.endpoint_status, endpoint.endpoint_status.upper()),
        **reason,
        "CreationTime": _plain(endpoint.creation_time),
        "LastModifiedTime": _plain(endpoint.last_modified_time),
        "Tags": {},
    }


def _plain(value: Any) -> Any:
    """As events write it: times in milliseconds."""
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, Sequence) and not isinstance(value, str) else value
