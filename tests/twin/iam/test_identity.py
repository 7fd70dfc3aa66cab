"""Every call is known by its role, and a role is held to its policies."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.accounts import make_buckets
from tests.twin.deployed import deploy, function, ref, role
from twin import Twin
from twin.iam import policies
from twin.iam.actions import Permission, needed
from twin.iam.identity import Violation

CALLER = """
import boto3
def handle(event, context):
    boto3.client("s3").list_buckets()
    boto3.client("sqs").list_queues()
"""


def test_a_function_that_calls_beyond_its_policy_is_refused_and_reported(twin: Twin) -> None:
    deploy(twin, {"Role": role("s3:ListAllMyBuckets", "ssm:GetParameter"), "F": function(CALLER)})
    result = twin.functions.invoke(ref(twin, "F"), {})
    name = ref(twin, "Role")
    assert "AccessDenied" in result.error
    assert f"assumed-role/{name}/twin is not authorized to perform: sqs:ListQueues" in result.error
    expected = Violation(name, "sqs:ListQueues", "*", "no policy of the role allows it")
    assert twin.identity.violations() == [expected]
    assert twin.identity.calls(name) == {("s3", "ListBuckets"): 1, ("sqs", "ListQueues"): 1}
    assert twin.identity.actions(name) == {"s3:ListAllMyBuckets"}, "what was refused is not taken"
    assert twin.identity.roles() == [name]
    assert twin.identity.unused(name) == ["ssm:GetParameter"]
    assert [entry.data["action"] for entry in twin.journal.of("denied")] == ["sqs:ListQueues"]


def test_a_call_is_compared_with_the_resource_it_names(twin: Twin) -> None:
    make_buckets(twin, "b-1")
    deploy(twin, {"Role": role("s3:PutObject", resource="arn:aws:s3:::b-1/reports/*")})
    client = twin.client("s3", role=ref(twin, "Role"))
    client.put_object(Bucket="b-1", Key="reports/x.json", Body=b"{}")
    with pytest.raises(ClientError, match=r"s3:PutObject on resource: arn:aws:s3:::b-1/capture/x\.json"):
        client.put_object(Bucket="b-1", Key="capture/x.json", Body=b"{}")
    assert [violation.resource for violation in twin.identity.violations()] == ["arn:aws:s3:::b-1/capture/x.json"]


def test_listing_is_held_to_the_prefix_of_its_policy(twin: Twin) -> None:
    make_buckets(twin, "b-1")
    listing = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b-1"}
    reading = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b-1/*"}
    bound = {**listing, "Condition": {"StringLike": {"s3:prefix": "reports/*"}}}
    made = role()
    document = {"Version": "2012-10-17", "Statement": [bound, reading]}
    made["Properties"]["Policies"] = [{"PolicyName": "p", "PolicyDocument": document}]
    deploy(twin, {"Role": made})
    client = twin.client("s3", role=ref(twin, "Role"))
    assert client.list_objects_v2(Bucket="b-1", Prefix="reports/a/")["KeyCount"] == 0
    for elsewhere in ({"Prefix": "capture/"}, {}):
        with pytest.raises(ClientError, match="not authorized to perform: s3:ListBucket"):
            client.list_objects_v2(Bucket="b-1", **elsewhere)


def test_a_missing_object_reads_as_forbidden_to_those_who_may_not_list_its_key(twin: Twin) -> None:
    make_buckets(twin, "b-1")
    deploy(twin, {"Role": role("s3:GetObject"), "Lister": role("s3:GetObject", "s3:ListBucket")})
    twin.client("s3").put_object(Bucket="b-1", Key="there", Body=b"")
    client = twin.client("s3", role=ref(twin, "Role"))
    assert client.get_object(Bucket="b-1", Key="there")["ContentLength"] == 0
    with pytest.raises(ClientError, match="AccessDenied"):
        client.get_object(Bucket="b-1", Key="absent")
    with pytest.raises(ClientError, match="NoSuchKey"):
        twin.client("s3", role=ref(twin, "Lister")).get_object(Bucket="b-1", Key="absent")


def test_each_object_of_a_deletion_is_compared_with_the_policy(twin: Twin) -> None:
    make_buckets(twin, "b-1")
    deploy(twin, {"Role": role("s3:DeleteObject", resource="arn:aws:s3:::b-1/pending/*")})
    client = twin.client("s3", role=ref(twin, "Role"))
    client.delete_objects(Bucket="b-1", Delete={"Objects": [{"Key": "pending/a"}, {"Key": "pending/b"}]})
    with pytest.raises(ClientError, match=r"s3:DeleteObject on resource: arn:aws:s3:::b-1/reports/c"):
        client.delete_objects(Bucket="b-1", Delete={"Objects": [{"Key": "pending/a"}, {"Key": "reports/c"}]})


def test_a_role_that_does_not_exist_may_do_nothing(twin: Twin) -> None:
    with pytest.raises(ClientError, match="the role does not exist"):
        twin.client("ssm", role="ghost").get_parameter(Name="/x")


def test_managed_policies_count_in_their_current_version(twin: Twin) -> None:
    def managed(action: str) -> dict[str, Any]:
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}
        properties = {"PolicyDocument": document, "Roles": [{"Ref": "Role"}]}
        return {"Role": role(), "P": {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}}

    deploy(twin, managed("ssm:*"))
    client = twin.client("ssm", role=ref(twin, "Role"))
    assert client.describe_parameters()["Parameters"] == []
    deploy(twin, managed("sqs:*"))
    with pytest.raises(ClientError, match="not authorized to perform: ssm:DescribeParameters"):
        client.describe_parameters()


def test_handing_a_role_to_a_service_needs_pass_role() -> None:
    arn = "arn:aws:iam::123456789012:role/training"
    asked = {"TrainingJobName": "Job-1", "RoleArn": arn}
    assert needed("sagemaker", "CreateTrainingJob", asked, "eu-west-1", "123456789012") == [
        Permission("sagemaker:CreateTrainingJob", "arn:aws:sagemaker:eu-west-1:123456789012:training-job/job-1"),
        Permission("iam:PassRole", arn),
    ]


def test_a_job_with_tags_needs_the_right_to_tag_it() -> None:
    parameters = {"TrainingJobName": "J", "Tags": [{"Key": "a", "Value": "b"}]}
    arn = "arn:aws:sagemaker:r:1:training-job/j"
    expected = [Permission("sagemaker:CreateTrainingJob", arn), Permission("sagemaker:AddTags", arn)]
    assert needed("sagemaker", "CreateTrainingJob", parameters, "r", "1") == expected


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "action", "resource"),
    [
        ("s3", "HeadObject", {"Bucket": "b", "Key": "k/1"}, "s3:GetObject", "arn:aws:s3:::b/k/1"),
        ("s3", "ListObjectsV2", {"Bucket": "b"}, "s3:ListBucket", "arn:aws:s3:::b"),
        ("lambda", "Invoke", {"FunctionName": "f"}, "lambda:InvokeFunction", "arn:aws:lambda:r:1:function:f"),
        ("ssm", "GetParameter", {"Name": "/a/b"}, "ssm:GetParameter", "arn:aws:ssm:r:1:parameter/a/b"),
        ("sns", "Publish", {"TopicArn": "arn:t"}, "sns:Publish", "arn:t"),
        ("cloudwatch", "PutMetricData", {"Namespace": "n"}, "cloudwatch:PutMetricData", None),
        (
            "sagemaker-runtime",
            "InvokeEndpoint",
            {"EndpointName": "E"},
            "sagemaker:InvokeEndpoint",
            "arn:aws:sagemaker:r:1:endpoint/e",
        ),
        ("sagemaker", "ListTrainingJobs", {}, "sagemaker:ListTrainingJobs", None),
    ],
)
def test_a_call_needs_the_permission_iam_names(
    service: str, operation: str, parameters: dict[str, Any], action: str, resource: str | None
) -> None:
    assert needed(service, operation, parameters, "r", "1") == [Permission(action, resource)]


def test_knowing_who_one_is_needs_no_permission() -> None:
    assert needed("sts", "GetCallerIdentity", {}, "r", "1") == []


@pytest.mark.parametrize(
    ("statement", "action", "resource", "is_allowed"),
    [
        ({"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}, "s3:GetObject", "arn:x", True),
        ({"Effect": "Allow", "Action": "S3:getobject", "Resource": "*"}, "s3:GetObject", "arn:x", True),
        ({"Effect": "Allow", "Action": "s3:Put*", "Resource": "*"}, "s3:GetObject", "arn:x", False),
        ({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}, "sqs:SendMessage", "arn:x", True),
        ({"Effect": "Allow", "Action": "*", "Resource": ["arn:a", "arn:b/*"]}, "s3:GetObject", "arn:b/c", True),
        ({"Effect": "Allow", "Action": "*", "Resource": "arn:a"}, "s3:GetObject", "arn:b", False),
        ({"Effect": "Allow", "Action": "*", "NotResource": "arn:a"}, "s3:GetObject", "arn:a", False),
        ({"Effect": "Deny", "Action": "*", "Resource": "*"}, "s3:GetObject", "arn:a", False),
    ],
)
def test_a_statement_allows_by_action_and_resource(
    statement: dict[str, Any], action: str, resource: str, is_allowed: bool
) -> None:
    assert policies.allows([{"Statement": statement}], action, [resource]) is is_allowed


def test_a_deny_wins_over_an_allow_and_the_unmentioned_is_denied() -> None:
    allow = {"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}
    deny = '{"Statement": [{"Effect": "Deny", "Action": "s3:Delete*", "Resource": "*"}]}'
    assert policies.allows([allow, deny], "s3:GetObject", ["arn:x"])
    assert not policies.allows([allow, deny], "s3:DeleteObject", ["arn:x"])
    assert not policies.allows([], "s3:GetObject")


def _topic(twin: Twin, *, policy: Any = None, key: Any = None) -> str:
    resources: dict[str, Any] = {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {}}}
    if policy is not None:
        document = {"Version": "2012-10-17", "Statement": policy}
        properties = {"Topics": [{"Ref": "Topic"}], "PolicyDocument": document}
        resources["Policy"] = {"Type": "AWS::SNS::TopicPolicy", "Properties": properties}
    if isinstance(key, str):
        resources["Topic"]["Properties"]["KmsMasterKeyId"] = key
    elif key is not None:
        document = {"Version": "2012-10-17", "Statement": key}
        resources["Key"] = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": document}}
        resources["Topic"]["Properties"]["KmsMasterKeyId"] = {"Ref": "Key"}
    assert deploy(twin, resources) == "CREATE_COMPLETE"
    return ref(twin, "Topic")


def _allow(principal: Any, *allowed: str) -> list[dict[str, Any]]:
    return [{"Effect": "Allow", "Principal": principal, "Action": list(allowed), "Resource": "*"}]


CLOUDWATCH = {"Service": "cloudwatch.amazonaws.com"}
ROOT_USER = {"AWS": "arn:aws:iam::123456789012:root"}


@pytest.mark.parametrize(
    ("settings", "principal", "refusal"),
    [
        ({}, "cloudwatch.amazonaws.com", ""),
        ({}, "events.amazonaws.com", "the default policy of .* does not admit events"),
        ({"policy": _allow(CLOUDWATCH, "sns:Publish")}, "cloudwatch.amazonaws.com", ""),
        ({"policy": _allow(ROOT_USER, "sns:Publish")}, "cloudwatch.amazonaws.com", "does not let cloudwatch.* publish"),
        ({"key": "alias/aws/sns"}, "cloudwatch.amazonaws.com", "which cloudwatch.amazonaws.com cannot use"),
        ({"key": _allow(ROOT_USER, "kms:*")}, "cloudwatch.amazonaws.com", "do kms:Decrypt, kms:GenerateDataKey"),
        ({"key": _allow(CLOUDWATCH, "kms:Decrypt")}, "cloudwatch.amazonaws.com", "do kms:GenerateDataKey"),
        ({"key": _allow(CLOUDWATCH, "kms:Decrypt", "kms:GenerateDataKey*")}, "cloudwatch.amazonaws.com", ""),
    ],
)
def test_a_service_publishes_only_where_the_topic_and_its_key_let_it(
    twin: Twin, settings: dict[str, Any], principal: str, refusal: str
) -> None:
    topic = _topic(twin, **settings)
    client = twin.client("sns", principal=principal)
    if not refusal:
        assert client.publish(TopicArn=topic, Message="x")["MessageId"]
        assert twin.identity.violations() == []
        return
    with pytest.raises(ClientError, match=refusal):
        client.publish(TopicArn=topic, Message="x")
    assert [violation.role for violation in twin.identity.violations()] == [principal]
    assert twin.identity.roles() == []


def test_tags_on_creation_are_a_right_of_their_own() -> None:
    job = {"ProcessingJobName": "J", "Tags": [{"Key": "Endpoint", "Value": "shop"}]}
    arn = "arn:aws:sagemaker:r:1:processing-job/j"
    expected = [Permission("sagemaker:CreateProcessingJob", arn), Permission("sagemaker:AddTags", arn)]
    assert needed("sagemaker", "CreateProcessingJob", job, "r", "1") == expected
    assert needed("sagemaker", "CreateProcessingJob", {**job, "Tags": []}, "r", "1") == expected[:1]


def test_events_machines_and_schedules_are_named_by_their_arns() -> None:
    execution = "arn:aws:states:r:1:execution:m:e"
    for (service, operation, parameters), resource in {
        ("events", "PutEvents", ()): "arn:aws:events:r:1:event-bus/default",
        ("stepfunctions", "DescribeExecution", (("executionArn", execution),)): execution,
        (
            "stepfunctions",
            "CreateStateMachine",
            (("name", "m"), ("definition", "{}")),
        ): "arn:aws:states:r:1:stateMachine:m",
        ("scheduler", "DeleteSchedule", (("Name", "s"),)): "arn:aws:scheduler:r:1:schedule/default/s",
        ("scheduler", "CreateScheduleGroup", (("Name", "g"),)): "arn:aws:scheduler:r:1:schedule-group/g",
    }.items():
        (need,) = needed(service, operation, dict(parameters), "r", "1")
        assert need.resource == resource


def test_what_is_made_of_two_resources_needs_the_permission_on_both() -> None:
    where = "arn:aws:sagemaker:eu-west-1:1"
    asked: dict[str, dict[str, str]] = {
        "UpdateEndpoint": {"EndpointName": "E", "EndpointConfigName": "C"},
        "CreateEndpoint": {"EndpointName": "E", "EndpointConfigName": "C"},
        "CreateModelPackage": {"ModelPackageGroupName": f"{where}:model-package-group/G"},
    }
    found = {
        operation: [need.resource for need in needed("sagemaker", operation, parameters, "eu-west-1", "1")]
        for operation, parameters in asked.items()
    }
    assert found == {
        "UpdateEndpoint": [f"{where}:endpoint/e", f"{where}:endpoint-config/c"],
        "CreateEndpoint": [f"{where}:endpoint/e", f"{where}:endpoint-config/c"],
        "CreateModelPackage": [f"{where}:model-package-group/g", f"{where}:model-package/g/*"],
    }
