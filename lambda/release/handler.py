"""Release Lambda: puts a model live and takes it back. What each step did is found again by its name, so each may be repeated.

Environment: PARAMETERS, TABLE (see releases).
Event: {"plan", "step", "now"}. Steps: `model` makes the challenger's model; `live` writes what is live and remembers what was;
`update` starts the endpoint's update; `check` says how far it is; `back` writes what was live before; `returned` brings the
endpoint back and says how far it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import decide
import releases
from aws import client, log, patiently, table_named
from botocore.exceptions import ClientError

Answer = dict[str, Any]
TAKEN = ("already existing", "already exists")  # SageMaker says so of a name that is taken


def handle(event: dict[str, Any], _context: object = None) -> Answer:
    """One step. Raises: what AWS says of a call, and the state machine calls again."""
    plan, settings = event["plan"], releases.settings(event["plan"]["endpoint"])
    answer = STEPS[event["step"]](plan, settings) | {"at": event["now"]}
    log(event["step"], endpoint=plan["endpoint"], run=plan["run"], **answer)
    return answer


def _model(plan: dict[str, Any], settings: dict[str, Any]) -> Answer:
    artifact = _artifact(plan)
    _make_model(plan["run"], artifact, plan, settings)
    return {"model": plan["run"], "artifact": artifact}


def _live(plan: dict[str, Any], settings: dict[str, Any]) -> Answer:
    """The parameter first: a deployment that comes in between then means the same model."""
    ssm, table = client("ssm"), _table()
    known = releases.recorded(table, plan["endpoint"], plan["run"])
    before = known.get("live_before")
    if before is None:
        before = ssm.get_parameter(Name=settings["live_parameter"])["Parameter"]["Value"]
        releases.remember(table, plan["endpoint"], plan["run"], {"live_before": before})
    ssm.put_parameter(Name=settings["live_parameter"], Value=_artifact(plan), Type="String", Overwrite=True)
    return {"before": before, "artifact": _artifact(plan)}


def _update(plan: dict[str, Any], settings: dict[str, Any]) -> Answer:
    _make_model(plan["run"], _artifact(plan), plan, settings)
    return _serve(plan["run"], plan, settings, settings["deployment"])


def _check(plan: dict[str, Any], _settings: dict[str, Any]) -> Answer:
    endpoint = client("sagemaker").describe_endpoint(EndpointName=plan["endpoint"])
    return {"status": decide.status(endpoint, plan["run"]), "why": endpoint.get("FailureReason", "")}


def _back(plan: dict[str, Any], settings: dict[str, Any]) -> Answer:
    before = releases.recorded(_table(), plan["endpoint"], plan["run"]).get("live_before")
    if before is not None:
        client("ssm").put_parameter(Name=settings["live_parameter"], Value=before, Type="String", Overwrite=True)
    return {"live": before or ""}


def _returned(plan: dict[str, Any], settings: dict[str, Any]) -> Answer:
    """Where the new model serves, the old one is asked for; asked again, it is on its way or there."""
    endpoint = client("sagemaker").describe_endpoint(EndpointName=plan["endpoint"])
    found = decide.status(endpoint, plan["run"])
    if found == decide.SERVING:
        name = decide.back_name(plan["run"])
        _make_model(name, plan["champion"]["artifact"], plan, settings)
        _serve(name, plan, settings, None)
        found = decide.UPDATING
    return {"status": found, "why": endpoint.get("FailureReason", "")}


STEPS: dict[str, Callable[[dict[str, Any], dict[str, Any]], Answer]] = {
    "model": _model,
    "live": _live,
    "update": _update,
    "check": _check,
    "back": _back,
    "returned": _returned,
}


def _artifact(plan: dict[str, Any]) -> str:
    """Of the model that the run is about: trained in it, or of an earlier package."""
    return str(plan["artifact"] if "artifact" in plan else plan["trained"]["artifact"])


def _make_model(name: str, artifact: str, plan: dict[str, Any], settings: dict[str, Any]) -> None:
    sagemaker = client("sagemaker")
    try:
        served = sagemaker.describe_model(ModelName=plan["champion"]["model"])
    except ClientError as error:  # a deployment replaced it meanwhile
        if _code(error) not in ("ValidationException", "ResourceNotFound"):
            raise
        served = sagemaker.describe_model(ModelName=_serving_model(plan))
    request = decide.model(name, artifact, plan["champion"], served, settings["tags"])
    _once(lambda: patiently(lambda: sagemaker.create_model(**request)))


def _serving_model(plan: dict[str, Any]) -> str:
    """The model of the champion's variant as it is now."""
    config = _configuration(plan["endpoint"])
    return next(
        str(variant["ModelName"])
        for variant in config["ProductionVariants"]
        if variant["VariantName"] in plan["champion"]["variants"]
    )


def _configuration(endpoint: str) -> dict[str, Any]:
    sagemaker = client("sagemaker")
    name = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    found: dict[str, Any] = sagemaker.describe_endpoint_config(EndpointConfigName=name)
    return found


def _serve(name: str, plan: dict[str, Any], settings: dict[str, Any], deployment: dict[str, Any] | None) -> Answer:
    """A configuration and a model of one name; nothing where the endpoint has it already, or is on its way to it."""
    sagemaker = client("sagemaker")
    served = _configuration(plan["endpoint"])
    if served["EndpointConfigName"] == name:
        return {"config": name}
    request = decide.configuration(name, name, plan["champion"]["variants"], served, settings["tags"])
    _once(lambda: sagemaker.create_endpoint_config(**request))
    endpoint = sagemaker.describe_endpoint(EndpointName=plan["endpoint"])
    pending = endpoint.get("PendingDeploymentSummary", {}).get("EndpointConfigName")
    if pending != name:
        sagemaker.update_endpoint(**decide.update(plan["endpoint"], name, deployment))
    return {"config": name, "before": served["EndpointConfigName"]}


def _once(create: Callable[[], Any]) -> None:
    """What is there already was made by this step before: its name is the run's."""
    try:
        create()
    except ClientError as error:
        if not any(words in str(error).lower() for words in TAKEN):
            raise


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code"))


def _table() -> Any:
    return table_named(os.environ["TABLE"])
