"""Which operations of moto the twin lets through. Everything else that no part of the twin answers itself is refused.

Moto answers many operations by storing a record and doing nothing, which would make a loop look closed that is not.
"""

from __future__ import annotations

from typing import Final

# services whose records are all there is to them: keys, roles, parameters, repositories, logs, queues
RECORDS: Final = ("iam", "sts", "kms", "ssm", "ecr", "logs", "sqs")

# of these services moto answers what is named here; None: everything but what is refused below
OPERATIONS: Final[dict[str, frozenset[str] | None]] = {
    **dict.fromkeys(RECORDS, None),
    "s3": None,
    "sns": None,
    "lambda": None,
    "cloudwatch": frozenset(
        {
            "PutDashboard",
            "GetDashboard",
            "ListDashboards",
            "DeleteDashboards",
            "TagResource",
            "UntagResource",
            "ListTagsForResource",
        }
    ),
    "dynamodb": frozenset(
        {
            "CreateTable",
            "DescribeTable",
            "UpdateTable",
            "DeleteTable",
            "ListTables",
            "UpdateContinuousBackups",
            "DescribeContinuousBackups",
            "UpdateTimeToLive",
            "DescribeTimeToLive",
            "TagResource",
            "UntagResource",
            "ListTagsOfResource",
            "GetItem",
            "PutItem",
            "UpdateItem",
            "DeleteItem",
            "Query",
            "Scan",
            "BatchGetItem",
            "BatchWriteItem",
            "TransactGetItems",
            "TransactWriteItems",
        }
    ),
    "events": frozenset(
        {
            "PutRule",
            "DeleteRule",
            "DescribeRule",
            "ListRules",
            "EnableRule",
            "DisableRule",
            "PutTargets",
            "RemoveTargets",
            "ListTargetsByRule",
            "ListRuleNamesByTarget",
            "DescribeEventBus",
            "ListEventBuses",
            "TagResource",
            "UntagResource",
            "ListTagsForResource",
        }
    ),
    "apigateway": frozenset(  # of REST APIs; `twin.apis` calls the functions behind them
        {
            *(f"{verb}RestApi" for verb in ("Create", "Get", "Delete")),
            *(f"{verb}Resource" for verb in ("Create", "Get", "Delete")),
            *(f"{verb}Method" for verb in ("Put", "Get", "Delete")),
            *("PutIntegration", "GetResources", "CreateAuthorizer", "GetAuthorizers", "CreateDeployment"),
            *("CreateStage", "GetStage", "GetStages", "GetRestApis"),
        }
    ),
    "cognito-idp": frozenset(  # people, groups and clients; nobody signs in with a password
        {
            *(f"{verb}UserPool" for verb in ("Create", "Describe", "Delete")),
            *(f"{verb}UserPoolDomain" for verb in ("Create", "Describe", "Delete")),
            *(f"{verb}UserPoolClient" for verb in ("Create", "Describe", "Delete")),
            *(f"{verb}Group" for verb in ("Create", "Get", "Delete")),
            *(f"Admin{what}" for what in ("CreateUser", "GetUser", "DeleteUser", "AddUserToGroup")),
            *("AdminListGroupsForUser", "AdminRemoveUserFromGroup", "ListUsers", "ListGroups", "ListUserPools"),
        }
    ),
    "sagemaker": frozenset(
        {
            "DescribeModel",
            "DeleteModel",
            "ListModels",
            "CreateEndpointConfig",
            "DescribeEndpointConfig",
            "DeleteEndpointConfig",
            "ListEndpointConfigs",
            "CreateEndpoint",
            "DescribeEndpoint",
            "DeleteEndpoint",
            "ListEndpoints",
            "AddTags",
            "ListTags",
            "DeleteTags",
            # what the analyzers of AWS shall run: records, whose executions fail (sagemaker/schedules.py)
            *(
                f"{verb}{type_}JobDefinition"
                for verb in ("Create", "Describe", "Delete")
                for type_ in ("DataQuality", "ModelQuality", "ModelBias", "ModelExplainability")
            ),
        }
    ),
}

REFUSED: Final[dict[tuple[str, str], str]] = {
    ("s3", "PutBucketPolicy"): "moto applies a Deny without its conditions; deploy the policy, the twin records it",
    ("s3", "PutBucketNotificationConfiguration"): "the twin sends no notifications of buckets",
    ("s3", "PutBucketReplication"): "the twin replicates nothing",
    ("sns", "CreatePlatformApplication"): "the twin has no mobile push",
    ("lambda", "CreateEventSourceMapping"): "the twin polls no queues or streams for functions",
    ("lambda", "CreateFunctionUrlConfig"): "the twin serves no function URLs",
    ("lambda", "PublishLayerVersion"): "the twin's functions have no layers",
    ("lambda", "InvokeAsync"): "deprecated by the service",
    ("lambda", "InvokeWithResponseStream"): "the twin streams no responses",
}


def refusal(service: str, operation: str) -> str:
    """Why moto may not answer an operation; empty when it may."""
    if service not in OPERATIONS:
        return f"the service {service} is not in the twin"
    allowed = OPERATIONS[service]
    if allowed is not None and operation not in allowed:
        return "not in the twin (moto would store a record, or answer that it is done, and do nothing)"
    return REFUSED.get((service, operation), "")
