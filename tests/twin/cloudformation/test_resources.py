"""Each resource type: what it makes is there in its service, its update arrives, its deletion leaves nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.deployed import TRUST, deploy, function, reason, ref, role
from twin import Twin

POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
KEY_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}],
}
RESOURCE_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ],
}

See = Callable[[Twin, str], Any]


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def _alarm(name: str, threshold: Any) -> dict[str, Any]:
    return resource(
        "AWS::CloudWatch::Alarm",
        AlarmName=name,
        MetricName="m",
        Namespace="n",
        Statistic="Maximum",
        Period="3600",
        EvaluationPeriods="1",
        Threshold=threshold,
        ComparisonOperator="GreaterThanThreshold",
        Dimensions=[{"Name": "Endpoint", "Value": "e"}],
    )


CASES: dict[str, tuple[dict[str, Any], Any, dict[str, Any], Any, See]] = {
    # before, what is seen then, after, what is seen then, how to see it (an error: it is gone)
    "bucket": (
        resource("AWS::S3::Bucket", BucketName="b-1"),
        None,
        resource("AWS::S3::Bucket", BucketName="b-1", VersioningConfiguration={"Status": "Enabled"}),
        "Enabled",
        lambda twin, ref: twin.client("s3").get_bucket_versioning(Bucket=ref).get("Status"),
    ),
    "key": (
        resource("AWS::KMS::Key", KeyPolicy=KEY_POLICY, Description="a", EnableKeyRotation=True),
        ("a", True),
        resource("AWS::KMS::Key", KeyPolicy=KEY_POLICY, Description="b", EnableKeyRotation=False),
        ("b", False),
        lambda twin, ref: (
            _enabled_key(twin, ref)["Description"],
            twin.client("kms").get_key_rotation_status(KeyId=ref)["KeyRotationEnabled"],
        ),
    ),
    "repository": (
        resource("AWS::ECR::Repository", RepositoryName="images"),
        "images",
        resource("AWS::ECR::Repository", RepositoryName="images", ImageTagMutability="IMMUTABLE"),
        "images",
        lambda twin, ref: twin.client("ecr").describe_repositories(repositoryNames=[ref])["repositories"][0][
            "repositoryName"
        ],
    ),
    "parameter": (
        resource("AWS::SSM::Parameter", Name="/a", Type="String", Value="1"),
        "1",
        resource("AWS::SSM::Parameter", Name="/a", Type="String", Value="2"),
        "2",
        lambda twin, ref: twin.client("ssm").get_parameter(Name=ref)["Parameter"]["Value"],
    ),
    "log group": (
        resource("AWS::Logs::LogGroup", LogGroupName="/a", RetentionInDays=7),
        7,
        resource("AWS::Logs::LogGroup", LogGroupName="/a", RetentionInDays="30"),
        30,
        lambda twin, ref: twin.client("logs").describe_log_groups(logGroupNamePrefix=ref)["logGroups"][0][
            "retentionInDays"
        ],
    ),
    "role": (
        resource(
            "AWS::IAM::Role",
            AssumeRolePolicyDocument=TRUST,
            ManagedPolicyArns=["arn:aws:iam::aws:policy/ReadOnlyAccess"],
            Policies=[{"PolicyName": "a", "PolicyDocument": POLICY}],
        ),
        (["a"], ["ReadOnlyAccess"]),
        resource(
            "AWS::IAM::Role", AssumeRolePolicyDocument=TRUST, Policies=[{"PolicyName": "b", "PolicyDocument": POLICY}]
        ),
        (["b"], []),
        lambda twin, ref: (
            twin.client("iam").list_role_policies(RoleName=ref)["PolicyNames"],
            [p["PolicyName"] for p in twin.client("iam").list_attached_role_policies(RoleName=ref)["AttachedPolicies"]],
        ),
    ),
    "topic": (
        resource("AWS::SNS::Topic", TopicName="t", DisplayName="a"),
        "a",
        resource("AWS::SNS::Topic", TopicName="t", DisplayName="b"),
        "b",
        lambda twin, ref: twin.client("sns").get_topic_attributes(TopicArn=ref)["Attributes"]["DisplayName"],
    ),
    "queue": (
        resource("AWS::SQS::Queue", QueueName="q", VisibilityTimeout=10),
        "10",
        resource("AWS::SQS::Queue", QueueName="q", VisibilityTimeout="20"),
        "20",
        lambda twin, ref: twin.client("sqs").get_queue_attributes(QueueUrl=ref, AttributeNames=["All"])["Attributes"][
            "VisibilityTimeout"
        ],
    ),
    "rule": (
        resource("AWS::Events::Rule", Name="r", ScheduleExpression="rate(1 hour)"),
        ("rate(1 hour)", []),
        resource(
            "AWS::Events::Rule",
            Name="r",
            ScheduleExpression="rate(2 hours)",
            Targets=[{"Id": "q", "Arn": "arn:aws:sqs:eu-west-1:123456789012:q"}],
        ),
        ("rate(2 hours)", ["q"]),
        lambda twin, ref: (
            twin.client("events").describe_rule(Name=ref)["ScheduleExpression"],
            [t["Id"] for t in twin.client("events").list_targets_by_rule(Rule=ref)["Targets"]],
        ),
    ),
    "alarm": (
        _alarm("a", "0.5"),
        0.5,
        _alarm("a", 0.75),
        0.75,
        lambda twin, ref: twin.client("cloudwatch").describe_alarms(AlarmNames=[ref])["MetricAlarms"][0]["Threshold"],
    ),
    "model package group": (
        resource("AWS::SageMaker::ModelPackageGroup", ModelPackageGroupName="g", ModelPackageGroupPolicy=POLICY),
        POLICY,
        resource(
            "AWS::SageMaker::ModelPackageGroup", ModelPackageGroupName="g", ModelPackageGroupPolicy=RESOURCE_POLICY
        ),
        RESOURCE_POLICY,
        lambda twin, ref: json.loads(
            twin.client("sagemaker").get_model_package_group_policy(ModelPackageGroupName=ref.rpartition("/")[2])[
                "ResourcePolicy"
            ]
        ),
    ),
    "dashboard": (
        resource("AWS::CloudWatch::Dashboard", DashboardName="d", DashboardBody='{"widgets": []}'),
        {"widgets": []},
        resource("AWS::CloudWatch::Dashboard", DashboardName="d", DashboardBody='{"widgets": [], "start": "-P7D"}'),
        {"widgets": [], "start": "-P7D"},
        lambda twin, ref: json.loads(twin.client("cloudwatch").get_dashboard(DashboardName=ref)["DashboardBody"]),
    ),
}


def _enabled_key(twin: Twin, key: str) -> dict[str, Any]:
    found: dict[str, Any] = twin.client("kms").describe_key(KeyId=key)["KeyMetadata"]
    if found["KeyState"] != "Enabled":
        raise LookupError(f"the key is {found['KeyState']}")
    return found


@pytest.mark.parametrize("case", CASES)
def test_a_type_is_made_changed_in_place_and_deleted(twin: Twin, case: str) -> None:
    before, seen_before, after, seen_after, see = CASES[case]
    assert deploy(twin, {"One": before}) == "CREATE_COMPLETE", reason(twin)
    name = ref(twin, "One")
    assert see(twin, name) == seen_before
    assert deploy(twin, {"One": after}) == "UPDATE_COMPLETE", reason(twin)
    assert ref(twin, "One") == name
    assert see(twin, name) == seen_after
    twin.client("cloudformation").delete_stack(StackName="test")
    assert twin.deployments.find(_only(twin)).status == "DELETE_COMPLETE"
    with pytest.raises((ClientError, IndexError, LookupError)):
        see(twin, name)


def _only(twin: Twin) -> str:
    (identity,) = twin.deployments.stacks
    return identity


def test_a_bucket_with_objects_cannot_be_deleted(twin: Twin) -> None:
    deploy(twin, {"One": resource("AWS::S3::Bucket")})
    twin.client("s3").put_object(Bucket=ref(twin, "One"), Key="k", Body=b"x")
    twin.client("cloudformation").delete_stack(StackName="test")
    stack = twin.deployments.find("test")
    assert stack.status == "DELETE_FAILED"
    assert "BucketNotEmpty" in stack.reason


def test_policies_of_buckets_topics_and_queues_are_recorded_and_not_enforced(twin: Twin) -> None:
    resources = {
        "Bucket": resource("AWS::S3::Bucket"),
        "BucketPolicy": resource("AWS::S3::BucketPolicy", Bucket={"Ref": "Bucket"}, PolicyDocument=RESOURCE_POLICY),
        "Topic": resource("AWS::SNS::Topic"),
        "TopicPolicy": resource("AWS::SNS::TopicPolicy", Topics=[{"Ref": "Topic"}], PolicyDocument=RESOURCE_POLICY),
        "Queue": resource("AWS::SQS::Queue"),
        "QueuePolicy": resource("AWS::SQS::QueuePolicy", Queues=[{"Ref": "Queue"}], PolicyDocument=RESOURCE_POLICY),
    }
    assert deploy(twin, resources) == "CREATE_COMPLETE", reason(twin)
    keys = [f"s3:{ref(twin, 'Bucket')}", f"sns:{ref(twin, 'Topic')}", f"sqs:{ref(twin, 'Queue')}"]
    assert [twin.resource_policies.get(key) for key in keys] == [RESOURCE_POLICY] * 3
    twin.client("s3").put_object(Bucket=ref(twin, "Bucket"), Key="k", Body=b"x")
    twin.client("s3").delete_object(Bucket=ref(twin, "Bucket"), Key="k")
    twin.client("cloudformation").delete_stack(StackName="test")
    assert [twin.resource_policies.get(key) for key in keys] == [None] * 3


def test_a_policy_follows_its_roles(twin: Twin) -> None:
    def policy(*roles: str) -> dict[str, Any]:
        properties = {"PolicyName": "p", "PolicyDocument": POLICY, "Roles": [{"Ref": name} for name in roles]}
        return {"A": role(), "B": role(), "P": resource("AWS::IAM::Policy", **properties)}

    def holders() -> list[str]:
        iam = twin.client("iam")
        return [n for n in ("A", "B") if iam.list_role_policies(RoleName=ref(twin, n))["PolicyNames"] == ["p"]]

    deploy(twin, policy("A"))
    assert holders() == ["A"]
    deploy(twin, policy("B"))
    assert holders() == ["B"]


def test_an_alias_moves_to_another_key(twin: Twin) -> None:
    def resources(key: str) -> dict[str, Any]:
        keys = {name: resource("AWS::KMS::Key", KeyPolicy=KEY_POLICY) for name in ("A", "B")}
        alias = resource("AWS::KMS::Alias", AliasName="alias/x", TargetKeyId={"Fn::GetAtt": [key, "Arn"]})
        return {**keys, "Alias": alias}

    deploy(twin, resources("A"))
    assert deploy(twin, resources("B")) == "UPDATE_COMPLETE", reason(twin)
    assert twin.client("kms").describe_key(KeyId="alias/x")["KeyMetadata"]["KeyId"] == ref(twin, "B")


def test_a_permission_is_taken_back_with_its_resource(twin: Twin) -> None:
    permission = resource(
        "AWS::Lambda::Permission",
        FunctionName={"Fn::GetAtt": ["F", "Arn"]},
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn="arn:aws:sns:eu-west-1:123456789012:t",
    )
    base = {"Role": role(), "F": function("def handle(e, c): pass")}
    deploy(twin, {**base, "P": permission})
    name = ref(twin, "F")
    assert twin.functions.permits(name, "sns.amazonaws.com", "arn:aws:sns:eu-west-1:123456789012:t")
    assert not twin.functions.permits(name, "sns.amazonaws.com", "arn:aws:sns:eu-west-1:123456789012:other")
    assert not twin.functions.permits(name, "events.amazonaws.com", "arn:aws:sns:eu-west-1:123456789012:t")
    assert deploy(twin, base) == "UPDATE_COMPLETE", reason(twin)
    assert not twin.functions.permits(name, "sns.amazonaws.com", "arn:aws:sns:eu-west-1:123456789012:t")


def test_a_composite_alarm_and_its_parts(twin: Twin) -> None:
    composite = resource("AWS::CloudWatch::CompositeAlarm", AlarmName="c", AlarmRule={"Fn::Sub": "ALARM(${A})"})
    assert deploy(twin, {"A": _alarm("a", 1), "C": composite}) == "CREATE_COMPLETE", reason(twin)
    found = twin.client("cloudwatch").describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert [alarm["AlarmRule"] for alarm in found] == ["ALARM(a)"]
    twin.client("cloudformation").delete_stack(StackName="test")
    assert twin.client("cloudwatch").describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"] == []


def test_metadata_of_the_cdk_is_accepted(twin: Twin) -> None:
    assert deploy(twin, {"M": resource("AWS::CDK::Metadata", Analytics="v2:x")}) == "CREATE_COMPLETE"
    assert deploy(twin, {"M": resource("AWS::CDK::Metadata", Analytics="v2:y")}) == "UPDATE_COMPLETE"
