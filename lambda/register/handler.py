"""Register Lambda: the challenger becomes a package of the endpoint's group, and so does the first champion, so that there is a
package to go back to.

Environment: PARAMETERS, TABLE (see releases).
Event: {"plan", "now"}. Answer: `package_arn` and its approval `status`.
"""

from __future__ import annotations

import os
from typing import Any

import decide
import releases
from aws import client, client_as, log, table_named
from botocore.exceptions import ClientError


def handle(event: dict[str, Any], _context: object = None) -> dict[str, Any]:
    """Register once: a package that this run registered before is found in its record."""
    plan = event["plan"]
    settings = releases.settings(plan["endpoint"])
    table = table_named(os.environ["TABLE"])
    group = settings["registry"]["group"]
    if settings["registry"]["is_own"]:
        _make_group(group, plan["endpoint"], settings)
    _register_champion(table, plan, settings)
    artifact = plan["trained"]["artifact"]
    arn = releases.recorded(table, plan["endpoint"], plan["run"]).get("package_arn")
    if arn is None:
        about = {
            "run": plan["run"],
            "baseline_version": plan["version"] if settings["baseline"] else "",
            "manifest": plan["manifest"],
            "record": f"{plan['records']}/record.json",
            "description": f"{plan['run']}: {plan['compared']['reason']}",
        }
        request = decide.package(plan, settings, artifact, decide.status(plan["mode"]), about)
        arn = _create(decide.measured(request, plan, settings), settings)
        releases.remember(table, plan["endpoint"], plan["run"], {"package_arn": arn})
    _keep(table, plan["endpoint"], artifact, arn)
    found = _registry(settings).describe_model_package(ModelPackageName=arn)
    answer = {"package_arn": arn, "status": found["ModelApprovalStatus"]}
    log("registered", endpoint=plan["endpoint"], run=plan["run"], **answer)
    return answer


def _make_group(name: str, endpoint: str, settings: dict[str, Any]) -> None:
    sagemaker = client("sagemaker")
    tags = [{"Key": key, "Value": value} for key, value in sorted(settings["tags"].items())]
    try:
        sagemaker.create_model_package_group(
            ModelPackageGroupName=name,
            ModelPackageGroupDescription=f"Models of endpoint {endpoint}",
            Tags=tags,
        )
    except ClientError as error:
        if "already exist" not in str(error).lower():
            raise


def _register_champion(table: Any, plan: dict[str, Any], settings: dict[str, Any]) -> None:
    """What served before the first retraining, once; later champions are packages already."""
    artifact = plan["champion"]["artifact"]
    if not artifact or releases.recorded(table, plan["endpoint"], releases.package_name(artifact)):
        return
    version = ""
    if settings["baseline"]:
        current = releases.read_json(f"{settings['baseline']['place']}/current.json")
        version = str((current or {}).get("version", ""))
    about = {"baseline_version": version, "description": f"Served {plan['endpoint']} before {plan['run']}"}
    arn = _create(decide.package(plan, settings, artifact, decide.APPROVED, about), settings)
    _keep(table, plan["endpoint"], artifact, arn)


def _keep(table: Any, endpoint: str, artifact: str, arn: str) -> None:
    releases.remember(table, endpoint, releases.package_name(artifact), {"package_arn": arn, "artifact": artifact})


def _create(request: dict[str, Any], settings: dict[str, Any]) -> str:
    return str(_registry(settings).create_model_package(**request)["ModelPackageArn"])


def _registry(settings: dict[str, Any]) -> Any:
    """Of this account, or of the one whose role is given."""
    return client_as("sagemaker", settings["registry"].get("role", ""))
