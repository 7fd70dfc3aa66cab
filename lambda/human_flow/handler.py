"""Custom resource Custom::HumanFlow: a worker template (human task UI) and the flow definition that shows it to a work team.

Neither can be changed: another configuration is another name, CloudFormation then deletes what had the old one. What could be made
only in part is removed before the failure is told. Beside the code lies the template.
Properties: see decide.py. Attributes: FlowDefinitionName, FlowDefinitionArn.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import cloudformation
import decide
from aws import client, log, patiently

TEMPLATE = Path(__file__).parent / "worker_template.liquid.html"
PAUSE_SECONDS, LOOKS = 3, 40  # until a flow definition is active, which takes seconds


def handle(event: dict[str, Any], _context: object = None) -> None:
    """Answer CloudFormation, whatever happens: a request without an answer blocks a deployment for an hour."""
    try:
        answer = _delete(event) if event["RequestType"] == "Delete" else _make(event)
    except Exception as error:  # noqa: BLE001 (CloudFormation must be told of every failure)
        name = str(event.get("PhysicalResourceId") or decide.NOTHING)
        answer = cloudformation.failure(event, name, f"{type(error).__name__}: {error}")
    cloudformation.respond(event["ResponseURL"], answer)
    log("human_flow", request=event.get("RequestType"), name=answer["PhysicalResourceId"], status=answer["Status"])


def _make(event: dict[str, Any]) -> dict[str, Any]:
    """Another name is another resource; the same one is left as it is."""
    wanted = decide.wanted(event["ResourceProperties"], TEMPLATE.read_text())
    try:
        ui_arn = _make_ui(wanted)
        arn = _make_flow(wanted, ui_arn)
        _wait(wanted.name)
    except Exception:
        if wanted.name != event.get("PhysicalResourceId"):  # what serves already stays
            _remove(wanted.name)
        raise
    return cloudformation.success(event, wanted.name, {"FlowDefinitionName": wanted.name, "FlowDefinitionArn": arn})


def _delete(event: dict[str, Any]) -> dict[str, Any]:
    name = str(event["PhysicalResourceId"])
    if name != decide.NOTHING:
        _remove(name)
    return cloudformation.success(event, name, {})


def _make_ui(wanted: decide.Wanted) -> str:
    sagemaker = client("sagemaker")
    try:
        answer = sagemaker.create_human_task_ui(**wanted.ui)
    except sagemaker.exceptions.ResourceInUse:
        answer = sagemaker.describe_human_task_ui(HumanTaskUiName=wanted.name)
    return str(answer["HumanTaskUiArn"])


def _make_flow(wanted: decide.Wanted, ui_arn: str) -> str:
    """Its role may be a moment old."""
    sagemaker = client("sagemaker")
    try:
        answer = patiently(lambda: sagemaker.create_flow_definition(**wanted.flow(ui_arn)))
    except sagemaker.exceptions.ResourceInUse:
        answer = sagemaker.describe_flow_definition(FlowDefinitionName=wanted.name)
    return str(answer["FlowDefinitionArn"])


def _wait(name: str) -> None:
    """Until loops can be started. Raises: RuntimeError where they never can."""
    for _ in range(LOOKS):
        found = client("sagemaker").describe_flow_definition(FlowDefinitionName=name)
        if found["FlowDefinitionStatus"] == "Active":
            return
        if found["FlowDefinitionStatus"] != "Initializing":
            reason = found.get("FailureReason") or "no reason given"
            raise RuntimeError(f"flow definition {name} is {found['FlowDefinitionStatus']}: {reason}")
        time.sleep(PAUSE_SECONDS)
    raise RuntimeError(f"flow definition {name} is not active after {PAUSE_SECONDS * LOOKS} seconds. Deploy again.")


def _remove(name: str) -> None:
    """Loops that nobody has begun are stopped by the service; their tasks go out again."""
    sagemaker = client("sagemaker")
    try:
        sagemaker.delete_flow_definition(FlowDefinitionName=name)
    except sagemaker.exceptions.ResourceNotFound:
        log("not there", flow=name)
    try:
        sagemaker.delete_human_task_ui(HumanTaskUiName=name)
    except sagemaker.exceptions.ResourceNotFound:
        log("not there", ui=name)
