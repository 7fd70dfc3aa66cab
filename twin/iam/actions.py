"""From an API call to what IAM calls it: the action, the resources where they are cheap to tell, and what it implies. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

PREFIXES: Final = {
    "sagemaker-runtime": "sagemaker",
    "sagemaker-a2i-runtime": "sagemaker",
    "stepfunctions": "states",
    "ses": "ses",
}
FREE: Final = {("sts", "GetCallerIdentity")}  # needs no permission

S3_ACTIONS: Final = {
    "HeadObject": "GetObject",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListBuckets": "ListAllMyBuckets",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "DeleteObjects": "DeleteObject",
    "ListObjectVersions": "ListBucketVersions",
}
OTHER_ACTIONS: Final = {("lambda", "Invoke"): "lambda:InvokeFunction", ("sns", "PublishBatch"): "sns:Publish"}

# SageMaker's parameters that name the resource of a call, and the resource's word in its ARN
SAGEMAKER_NAMES: Final = {
    "TrainingJobName": "training-job",
    "ProcessingJobName": "processing-job",
    "TransformJobName": "transform-job",
    "MonitoringScheduleName": "monitoring-schedule",
    "EndpointName": "endpoint",
    "EndpointConfigName": "endpoint-config",
    "ModelName": "model",
    "FlowDefinitionName": "flow-definition",
    "HumanTaskUiName": "human-task-ui",
    "HumanLoopName": "human-loop",
    "PipelineName": "pipeline",
}
OF_PACKAGES: Final = ("DescribeModelPackage", "UpdateModelPackage", "DeleteModelPackage")
# DynamoDB's operations on items of several tables; a transaction needs the permission of each of its steps
ITEM_LISTS: Final = ("BatchGetItem", "BatchWriteItem", "TransactGetItems", "TransactWriteItems")
STEPS: Final = {
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
PASSED_ROLES: Final = ("RoleArn", "ExecutionRoleArn", "Role", "roleArn")  # the last is how Step Functions spells it


@dataclass(frozen=True, slots=True)
class Permission:
    """What a caller must be allowed: an action, on a resource when that is known; context: what conditions may ask for."""

    action: str
    resource: str | None = None
    context: Mapping[str, str] = field(default_factory=dict)


def needed(service: str, operation: str, parameters: Mapping[str, Any], region: str, account: str) -> list[Permission]:
    """The permissions that a call needs. Roles that are handed to a service need iam:PassRole."""
    if (service, operation) in FREE:
        return []
    action = _action(service, operation)
    if (service, operation) == ("s3", "DeleteObjects"):  # one permission an object, named in the body
        keys = [str(entry["Key"]) for entry in parameters.get("Delete", {}).get("Objects", [])]
        return [Permission(action, f"arn:aws:s3:::{parameters['Bucket']}/{key}") for key in keys] or [
            Permission(action)
        ]
    if service == "dynamodb" and operation in ITEM_LISTS:
        return _of_items(operation, parameters, region, account)
    context = {"s3:prefix": str(parameters["Prefix"])} if service == "s3" and "Prefix" in parameters else {}
    needs = [Permission(action, _resource(service, operation, parameters, region, account), context)]
    if service == "sagemaker":
        needs += [Permission(action, resource) for resource in _besides(operation, parameters, region, account)]
    if service == "sagemaker" and operation.startswith("Create") and parameters.get("Tags"):
        needs.append(Permission("sagemaker:AddTags", needs[0].resource))
    if service == "sts":  # a role that is taken is handed to nobody
        return needs
    return [*needs, *(Permission("iam:PassRole", role) for role in _roles(parameters))]


def _action(service: str, operation: str) -> str:
    if service == "s3":
        return f"s3:{S3_ACTIONS.get(operation, operation)}"
    return OTHER_ACTIONS.get((service, operation), f"{PREFIXES.get(service, service)}:{operation}")


def _besides(operation: str, parameters: Mapping[str, Any], region: str, account: str) -> list[str]:
    """What a call to SageMaker is about besides the first resource that it names."""
    where = f"arn:aws:sagemaker:{region}:{account}"
    if operation in ("CreateEndpoint", "UpdateEndpoint"):
        return [f"{where}:endpoint-config/{str(parameters['EndpointConfigName']).lower()}"]
    if operation == "CreateModelPackage":
        group, name = parameters.get("ModelPackageGroupName"), _last(parameters.get("ModelPackageName"))
        packages = group_arn(group, where).replace(":model-package-group/", ":model-package/") if group else ""
        return [f"{packages}/*" if packages else f"{where}:model-package/{name}"]
    return []


def group_arn(named: Any, where: str) -> str:
    """Of a group of the registry that is named by its name, or by its ARN in whatever account."""
    text = str(named)
    return text.lower() if text.startswith("arn:") else f"{where}:model-package-group/{text.lower()}"


def _last(name: Any) -> str:
    """A name from a name or an ARN, as SageMaker writes it in ARNs: in lower case."""
    return str(name or "").rpartition("/")[2].lower()


def _resource(service: str, operation: str, parameters: Mapping[str, Any], region: str, account: str) -> str | None:
    if service == "s3" and "Bucket" in parameters:
        bucket = f"arn:aws:s3:::{parameters['Bucket']}"
        return f"{bucket}/{parameters['Key']}" if "Key" in parameters else bucket
    if service == "sagemaker" and operation in OF_PACKAGES:
        named = str(parameters.get("ModelPackageArn") or parameters.get("ModelPackageName"))
        where = f"arn:aws:sagemaker:{region}:{account}:model-package"
        return named if named.startswith("arn:") else f"{where}/{named.lower()}"
    if service == "sagemaker-a2i-runtime" and "FlowDefinitionArn" in parameters:
        return str(parameters["FlowDefinitionArn"])
    if service == "sagemaker" and "PipelineExecutionArn" in parameters:
        return str(parameters["PipelineExecutionArn"])
    if service in ("sagemaker", "sagemaker-runtime", "sagemaker-a2i-runtime") and not operation.startswith("List"):
        if "ModelPackageGroupName" in parameters:
            return group_arn(parameters["ModelPackageGroupName"], f"arn:aws:sagemaker:{region}:{account}")
        for name, word in SAGEMAKER_NAMES.items():
            if name in parameters:  # the first is the resource; SageMaker writes names in ARNs in lower case
                return f"arn:aws:sagemaker:{region}:{account}:{word}/{_last(parameters[name])}"
    if service == "ssm" and "Name" in parameters:
        return f"arn:aws:ssm:{region}:{account}:parameter/{str(parameters['Name']).lstrip('/')}"
    if service == "scheduler":
        return _of_scheduler(operation, parameters, region, account)
    if service == "stepfunctions":
        return _of_states(parameters, region, account)
    if (service, operation) == ("events", "PutEvents"):
        return f"arn:aws:events:{region}:{account}:event-bus/default"
    if service == "dynamodb" and "TableName" in parameters:
        return _table(parameters, region, account)
    if service == "sns" and "TopicArn" in parameters:
        return str(parameters["TopicArn"])
    if service == "lambda" and "FunctionName" in parameters:
        name = str(parameters["FunctionName"])
        return name if name.startswith("arn:") else f"arn:aws:lambda:{region}:{account}:function:{name}"
    if (service, operation) == ("sts", "AssumeRole"):
        return str(parameters["RoleArn"])
    if service == "kms" and str(parameters.get("KeyId", "")).startswith("arn:"):
        return str(parameters["KeyId"])
    return None


def _of_scheduler(operation: str, parameters: Mapping[str, Any], region: str, account: str) -> str | None:
    """The schedule or the group that a call is about."""
    if operation.startswith("List") or "Name" not in parameters:
        return None
    where = f"arn:aws:scheduler:{region}:{account}"
    if operation.endswith("Group"):
        return f"{where}:schedule-group/{parameters['Name']}"
    return f"{where}:schedule/{parameters.get('GroupName') or 'default'}/{parameters['Name']}"


def _of_states(parameters: Mapping[str, Any], region: str, account: str) -> str | None:
    """The state machine or the execution that a call is about."""
    for name in ("executionArn", "stateMachineArn", "resourceArn"):
        if name in parameters:
            return str(parameters[name])
    if "definition" in parameters and "name" in parameters:
        return f"arn:aws:states:{region}:{account}:stateMachine:{parameters['name']}"
    return None


def _table(named: Mapping[str, Any], region: str, account: str) -> str:
    """The ARN of a table that is named by its name or ARN, or of one of its indexes."""
    name = str(named["TableName"])
    arn = name if name.startswith("arn:") else f"arn:aws:dynamodb:{region}:{account}:table/{name}"
    return f"{arn}/index/{named['IndexName']}" if named.get("IndexName") else arn


def _of_items(operation: str, parameters: Mapping[str, Any], region: str, account: str) -> list[Permission]:
    """What a call on the items of several tables needs."""
    if operation.startswith("Batch"):
        tables = [{"TableName": name} for name in parameters.get("RequestItems", {})]
        return [Permission(f"dynamodb:{operation}", _table(table, region, account)) for table in tables]
    steps = [step for item in parameters.get("TransactItems", []) for step in item.items()]
    needs = [Permission(f"dynamodb:{STEPS[kind]}", _table(named, region, account)) for kind, named in steps]
    return list({(need.action, need.resource): need for need in needs}.values())


def _roles(parameters: Mapping[str, Any]) -> list[str]:
    found = [parameters[name] for name in PASSED_ROLES if name in parameters]
    schedule = parameters.get("MonitoringScheduleConfig", {})
    found.append(schedule.get("MonitoringJobDefinition", {}).get("RoleArn"))
    target = parameters.get("Target")  # of a schedule of EventBridge Scheduler
    found.append(target.get("RoleArn") if isinstance(target, Mapping) else None)
    return [str(value) for value in found if str(value or "").startswith("arn:")]
