"""Models, their registry, endpoints, monitoring schedules. Their properties are their API's, so the API's model checks them."""

from __future__ import annotations

import json

from twin.cloudformation.shapes import arguments, tags
from twin.cloudformation.types import Made, Properties, Request, ResourceFailed, Types

OF_UPDATES = ("RetainAllVariantProperties", "ExcludeRetainedVariantProperties")  # an endpoint is created without them


def register(types: Types) -> None:
    types.register_type(
        "AWS::SageMaker::Model",
        create=_create_model,
        delete=lambda request: request.client("sagemaker").delete_model(ModelName=request.attributes["ModelName"]),
    )
    types.register_type(
        "AWS::SageMaker::EndpointConfig",
        create=_create_endpoint_config,
        delete=lambda request: request.client("sagemaker").delete_endpoint_config(
            EndpointConfigName=request.attributes["EndpointConfigName"]
        ),
    )
    types.register_type(
        "AWS::SageMaker::Endpoint",
        create=_create_endpoint,
        update=_update_endpoint,
        delete=lambda request: request.client("sagemaker").delete_endpoint(
            EndpointName=request.attributes["EndpointName"]
        ),
        replaced_by={"EndpointName"},
    )
    types.register_type(
        "AWS::SageMaker::MonitoringSchedule",
        create=_create_schedule,
        update=_update_schedule,
        delete=lambda request: request.client("sagemaker").delete_monitoring_schedule(
            MonitoringScheduleName=request.attributes["MonitoringScheduleName"]
        ),
        replaced_by={"MonitoringScheduleName"},
    )
    types.register_type(
        "AWS::SageMaker::ModelPackageGroup",
        create=_create_group,
        update=_update_group,
        delete=lambda request: request.client("sagemaker").delete_model_package_group(
            ModelPackageGroupName=request.properties["ModelPackageGroupName"]
        ),
        replaced_by={"ModelPackageGroupName", "ModelPackageGroupDescription"},
    )


def _call(operation: str, request: Request, name_property: str, **changed: object) -> Properties:
    wanted: Properties = {k: v for k, v in {**request.properties, **changed}.items() if k not in OF_UPDATES}
    wanted.setdefault(name_property, request.name(limit=63))
    if tags(request):
        wanted["Tags"] = tags(request)
    return arguments("sagemaker", operation, wanted)


def _create_model(request: Request) -> Made:
    wanted = _call("CreateModel", request, "ModelName")
    arn = request.client("sagemaker").create_model(**wanted)["ModelArn"]
    return Made(arn, {"ModelName": wanted["ModelName"]})


def _create_endpoint_config(request: Request) -> Made:
    wanted = _call("CreateEndpointConfig", request, "EndpointConfigName")
    arn = request.client("sagemaker").create_endpoint_config(**wanted)["EndpointConfigArn"]
    return Made(arn, {"EndpointConfigName": wanted["EndpointConfigName"]})


def _create_endpoint(request: Request) -> Made:
    wanted = _call("CreateEndpoint", request, "EndpointName")
    _refuse_deployment(wanted)
    arn = request.client("sagemaker").create_endpoint(**wanted)["EndpointArn"]
    _check_service(request, wanted["EndpointName"])
    return Made(arn, {"EndpointName": wanted["EndpointName"]})


def _update_endpoint(request: Request) -> None:
    wanted = arguments("sagemaker", "UpdateEndpoint", {k: v for k, v in request.properties.items() if k != "Tags"})
    _refuse_deployment(wanted)
    wanted["EndpointName"] = request.attributes["EndpointName"]
    request.client("sagemaker").update_endpoint(**wanted)
    _check_service(request, wanted["EndpointName"])


def _refuse_deployment(wanted: Properties) -> None:
    if wanted.pop("DeploymentConfig", None) is not None:
        raise ResourceFailed(
            "AWS::SageMaker::Endpoint: a stack of the twin cannot wait for a DeploymentConfig, its clock stands still"
        )


def _check_service(request: Request, name: str) -> None:
    """As CloudFormation, wait for the endpoint: one that cannot serve fails the stack."""
    endpoint = request.client("sagemaker").describe_endpoint(EndpointName=name)
    if endpoint["EndpointStatus"] != "InService":
        reason = endpoint.get("FailureReason", "no reason given")
        raise ResourceFailed(f"Endpoint {name} is {endpoint['EndpointStatus']}: {reason}")


def _create_group(request: Request) -> Made:
    wanted = {key: value for key, value in request.properties.items() if key != "ModelPackageGroupPolicy"}
    if tags(request):
        wanted["Tags"] = tags(request)
    cast, sagemaker = arguments("sagemaker", "CreateModelPackageGroup", wanted), request.client("sagemaker")
    arn = sagemaker.create_model_package_group(**cast)["ModelPackageGroupArn"]
    _settle_policy(request)
    name = {"ModelPackageGroupName": cast["ModelPackageGroupName"]}
    made = f"{sagemaker.describe_model_package_group(**name)['CreationTime']:%Y-%m-%dT%H:%M:%SZ}"
    return Made(arn, {"ModelPackageGroupArn": arn, "ModelPackageGroupStatus": "Completed", "CreationTime": made})


def _update_group(request: Request) -> None:
    _settle_policy(request)
    request.client("sagemaker").add_tags(ResourceArn=request.ref, Tags=tags(request))


def _settle_policy(request: Request) -> None:
    """The group's policy as the template has it; a template may write it as text."""
    policy, name = request.properties.get("ModelPackageGroupPolicy"), request.properties["ModelPackageGroupName"]
    group, sagemaker = {"ModelPackageGroupName": name}, request.client("sagemaker")
    if policy:
        text = policy if isinstance(policy, str) else json.dumps(policy)
        sagemaker.put_model_package_group_policy(**group, ResourcePolicy=text)
    elif request.previous.get("ModelPackageGroupPolicy"):
        sagemaker.delete_model_package_group_policy(**group)


def _create_schedule(request: Request) -> Made:
    wanted = {k: v for k, v in request.properties.items() if k not in ("EndpointName", "MonitoringScheduleStatus")}
    if tags(request):
        wanted["Tags"] = tags(request)
    cast = arguments("sagemaker", "CreateMonitoringSchedule", wanted)
    sagemaker = request.client("sagemaker")
    arn = sagemaker.create_monitoring_schedule(**cast)["MonitoringScheduleArn"]
    return Made(arn, _schedule_attributes(request, cast["MonitoringScheduleName"], arn))


def _update_schedule(request: Request) -> Made:
    names = ("MonitoringScheduleName", "MonitoringScheduleConfig")
    wanted = {k: v for k, v in request.properties.items() if k in names}
    cast = arguments("sagemaker", "UpdateMonitoringSchedule", wanted)
    arn = request.client("sagemaker").update_monitoring_schedule(**cast)["MonitoringScheduleArn"]
    return Made(arn, _schedule_attributes(request, cast["MonitoringScheduleName"], arn))


def _schedule_attributes(request: Request, name: str, arn: str) -> Properties:
    answer = request.client("sagemaker").describe_monitoring_schedule(MonitoringScheduleName=name)
    times = {key: answer[key].strftime("%Y-%m-%dT%H:%M:%SZ") for key in ("CreationTime", "LastModifiedTime")}
    return {"MonitoringScheduleName": name, "MonitoringScheduleArn": arn, **times}
