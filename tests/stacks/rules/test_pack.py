"""Each rule holds of a sound template, and fires on the same template with one thing broken."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Stack, Validations, aws_s3 as s3

from stacks.rules import compliance, sizes
from stacks.rules.pack import PACK, RULES, ModelMonitorChecks, broken
from tests.synthesis import ROOT

pytestmark = pytest.mark.xdist_group("synth")

ACCOUNT = "123456789012"
KEY = {"Ref": "Key"}
OF_ACCOUNT = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
IMAGE = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/monitor:1.2"
PLAIN_REFUSED = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
Properties = dict[str, Any]


def policy(*statements: Properties) -> Properties:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allowed(action: str, resource: Any, **condition: Any) -> Properties:
    return {
        "Effect": "Allow",
        "Action": action,
        "Resource": resource,
        **({"Condition": condition} if condition else {}),
    }


def bucket(**more: Any) -> Properties:
    way = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
    private = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    return {
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": way}]},
        "PublicAccessBlockConfiguration": dict.fromkeys(private, True),
        **more,
    }


RUN = {
    "processing": {
        "cluster": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20, "VolumeKmsKeyId": "k"},
        "application": {"ImageUri": IMAGE},
        "network": {"EnableInterContainerTrafficEncryption": True},
    }
}
BASELINE = {
    "ProcessingResources": {"ClusterConfig": RUN["processing"]["cluster"]},
    "ProcessingOutputConfig": {"KmsKeyId": "k", "Outputs": []},
}
SOUND: dict[str, tuple[str, Properties]] = {
    "Config": (
        "AWS::SageMaker::EndpointConfig",
        {
            "KmsKeyId": KEY,
            "ProductionVariants": [{"InstanceType": "ml.m5.large"}],
            "DataCaptureConfig": {
                "EnableCapture": True,
                "KmsKeyId": KEY,
                "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            },
        },
    ),
    "Model": ("AWS::SageMaker::Model", {"PrimaryContainer": {"Image": IMAGE}}),
    "Run": ("AWS::SSM::Parameter", {"Value": {"Fn::Join": ["", [json.dumps(RUN)]]}}),
    "Baseline": ("Custom::ModelBaseline", {"ProcessingJob": json.dumps(BASELINE)}),
    "Bucket": ("AWS::S3::Bucket", bucket(LoggingConfiguration={"DestinationBucketName": {"Ref": "Logs"}})),
    "Logs": (
        "AWS::S3::Bucket",
        bucket(
            BucketEncryption={
                "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            }
        ),
    ),
    "BucketPolicy": ("AWS::S3::BucketPolicy", {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": policy(PLAIN_REFUSED)}),
    "LogsPolicy": ("AWS::S3::BucketPolicy", {"Bucket": {"Ref": "Logs"}, "PolicyDocument": policy(PLAIN_REFUSED)}),
    "Table": ("AWS::DynamoDB::Table", {"SSESpecification": {"SSEEnabled": True, "KMSMasterKeyId": KEY}}),
    "Topic": ("AWS::SNS::Topic", {"KmsMasterKeyId": KEY}),
    "TopicPolicy": (
        "AWS::SNS::TopicPolicy",
        {
            "Topics": [{"Ref": "Topic"}],
            "PolicyDocument": policy(
                PLAIN_REFUSED,
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "cloudwatch.amazonaws.com"},
                    "Action": "sns:Publish",
                    "Condition": OF_ACCOUNT,
                },
            ),
        },
    ),
    "Repository": (
        "AWS::ECR::Repository",
        {"ImageTagMutability": "IMMUTABLE", "ImageScanningConfiguration": {"ScanOnPush": True}},
    ),
    "Role": (
        "AWS::IAM::Role",
        {
            "AssumeRolePolicyDocument": policy(
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "sagemaker.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                    "Condition": OF_ACCOUNT,
                }
            )
        },
    ),
    "Policy": (
        "AWS::IAM::Policy",
        {
            "PolicyDocument": policy(
                allowed("iam:PassRole", "arn:r", StringEquals={"iam:PassedToService": "sagemaker.amazonaws.com"}),
                allowed("ecr:GetAuthorizationToken", "*"),
                allowed("s3:GetObject", "arn:aws:s3:::b/*"),
            )
        },
    ),
    "Permission": ("AWS::Lambda::Permission", {"Principal": "events.amazonaws.com", "SourceArn": "arn:rule"}),
    "Schedule": ("AWS::Scheduler::Schedule", {"Name": "shop-loop"}),
    "Alarm": (
        "AWS::CloudWatch::Alarm",
        {"AlarmActions": ["t"], "Dimensions": [{"Name": "MonitoringSchedule", "Value": "shop-loop"}]},
    ),
    "Function": ("AWS::Lambda::Function", {"LoggingConfig": {"LogGroup": "g"}, "Code": {"ImageUri": IMAGE}}),
    "Machine": (
        "AWS::StepFunctions::StateMachine",
        {"LoggingConfiguration": {"Level": "ALL", "Destinations": ["d"], "IncludeExecutionData": False}},
    ),
    "Log": ("AWS::Logs::LogGroup", {"RetentionInDays": 90}),
}
Break = Callable[[dict[str, Properties]], object]


def run_with(**changed: Any) -> Properties:
    """The parameter of a run, some of its settings changed."""
    document = copy.deepcopy(RUN)
    for key, value in changed.items():
        document["processing"][key].update(value)
    return {"Value": json.dumps(document)}


def grants(*statements: Properties) -> Break:
    return lambda p: p["Policy"].update(PolicyDocument=policy(*statements))


def reads(count: int) -> list[Properties]:
    """What a role may that reads of so many buckets."""
    return [allowed("s3:GetObject", f"arn:aws:s3:::bucket-{number:03}/captured/*") for number in range(count)]


TRUSTING = SOUND["Role"][1]["AssumeRolePolicyDocument"]["Statement"]
BROKEN: list[tuple[str, str, Break]] = [  # rule, what it finds, what is broken
    ("Captured", "Config", lambda p: p["Config"].pop("DataCaptureConfig")),
    ("Captured", "Config", lambda p: p["Config"]["DataCaptureConfig"]["CaptureOptions"].pop()),
    ("CaptureKey", "Config", lambda p: p["Config"]["DataCaptureConfig"].pop("KmsKeyId")),
    ("EndpointKey", "Config", lambda p: p["Config"].pop("KmsKeyId")),
    ("JobKey", "Run", lambda p: p["Run"].update(run_with(cluster={"VolumeKmsKeyId": None}))),
    (
        "JobKey",
        "Baseline",
        lambda p: p["Baseline"].update(ProcessingJob=json.dumps({"ProcessingOutputConfig": {"Outputs": []}})),
    ),
    ("JobKey", "Run", lambda p: p["Run"].update(Value='{"training": {"output_uri": "s3://b", "hyperparameters": {}}}')),
    ("BucketKey", "Bucket", lambda p: p["Bucket"].update(BucketEncryption=p["Logs"]["BucketEncryption"])),
    ("BucketKey", "Logs", lambda p: p["Logs"].pop("BucketEncryption")),
    ("BucketPrivate", "Bucket", lambda p: p["Bucket"]["PublicAccessBlockConfiguration"].update(BlockPublicAcls=False)),
    ("StateKey", "Table", lambda p: p["Table"].pop("SSESpecification")),
    ("StateKey", "Topic", lambda p: p["Topic"].pop("KmsMasterKeyId")),
    ("TlsOnly", "Bucket", lambda p: p["BucketPolicy"].update(Bucket={"Ref": "Other"})),
    ("TlsOnly", "Topic", lambda p: p["TopicPolicy"]["PolicyDocument"]["Statement"].pop(0)),
    (
        "ContainersEncrypted",
        "Run",
        lambda p: p["Run"].update(
            run_with(cluster={"InstanceCount": 2}, network={"EnableInterContainerTrafficEncryption": False})
        ),
    ),
    ("PrivateImage", "Model", lambda p: p["Model"]["PrimaryContainer"].update(Image="public.ecr.aws/x/monitor:1.2")),
    ("PrivateImage", "Function", lambda p: p["Function"].update(Code={"ImageUri": "docker.io/x/monitor:1.2"})),
    ("FixedImage", "Model", lambda p: p["Model"]["PrimaryContainer"].update(Image=IMAGE.replace("1.2", "latest"))),
    ("FixedImage", "Run", lambda p: p["Run"].update(run_with(application={"ImageUri": IMAGE.partition(":")[0]}))),
    ("ImmutableTags", "Repository", lambda p: p["Repository"].update(ImageTagMutability="MUTABLE")),
    ("ImmutableTags", "Repository", lambda p: p["Repository"].pop("ImageScanningConfiguration")),
    ("NoStarAction", "Policy", grants(allowed("s3:*", "arn:aws:s3:::b"))),
    ("NoStarAction", "Policy", grants({"Effect": "Allow", "NotAction": "iam:PassRole", "Resource": "arn:x"})),
    ("NoStarResource", "Policy", grants(allowed("s3:GetObject", "*"))),
    ("PassRoleBound", "Policy", grants(allowed("iam:PassRole", "arn:r"))),
    (
        "PassRoleBound",
        "Policy",
        grants(allowed("iam:PassRole", "*", StringEquals={"iam:PassedToService": "sagemaker.amazonaws.com"})),
    ),
    ("TrustBound", "Role", lambda p: p["Role"]["AssumeRolePolicyDocument"]["Statement"][0].pop("Condition")),
    ("PolicySize", "Role", lambda p: p["Policy"].update(Roles=[{"Ref": "Role"}], PolicyDocument=policy(*reads(130)))),
    ("PolicySize", "Role", lambda p: p["Role"].update(Policies=[{"PolicyDocument": policy(*reads(130))}])),
    ("PolicySize", "Role", lambda p: p["Role"].update(ManagedPolicyArns=[f"arn:{number}" for number in range(11)])),
    ("PolicySize", "Role", lambda p: p["Role"]["AssumeRolePolicyDocument"].update(Statement=TRUSTING * 20)),
    ("SourceBound", "TopicPolicy", lambda p: p["TopicPolicy"]["PolicyDocument"]["Statement"][1].pop("Condition")),
    ("SourceBound", "Permission", lambda p: p["Permission"].pop("SourceArn")),
    ("ScheduleAlarms", "Schedule", lambda p: p["Alarm"].update(AlarmActions=[])),
    ("ScheduleAlarms", "Schedule", lambda p: p["Schedule"].update(Name="other-loop")),
    ("Logged", "Function", lambda p: p["Function"].pop("LoggingConfig")),
    ("Logged", "Machine", lambda p: p["Machine"]["LoggingConfiguration"].update(IncludeExecutionData=True)),
    ("Logged", "Machine", lambda p: p["Machine"].pop("LoggingConfiguration")),
    ("Logged", "Log", lambda p: p["Log"].pop("RetentionInDays")),
]


def findings(breaking: Break = lambda p: None) -> set[tuple[str, str]]:
    """(rule, resource) of what is found once something was broken."""
    sound = copy.deepcopy(SOUND)
    breaking({name: properties for name, (_, properties) in sound.items()})
    template = {"Resources": {name: {"Type": type_, "Properties": p} for name, (type_, p) in sound.items()}}
    return {(rule.name, each.resource.logical_id) for rule, found in broken({"Stack": template}) for each in found}


def test_nothing_is_found_in_a_sound_template():
    assert findings() == set()


@pytest.mark.parametrize(("rule", "resource", "breaking"), BROKEN)
def test_a_rule_fires_on_what_is_broken_and_on_nothing_else(rule, resource, breaking):
    assert (rule, resource) in findings(breaking)
    assert {name for name, _ in findings(breaking)} <= {
        rule,
        "NoStarResource",
    }  # the one names handing over any role, too


def test_every_rule_is_shown_to_fire():
    assert {rule for rule, _, _ in BROKEN} == {rule.name for rule in RULES}


def test_a_role_fills_what_iam_takes_and_no_more():
    template = {"Resources": {"Role": {"Type": SOUND["Role"][0], "Properties": dict(SOUND["Role"][1])}}}
    properties = template["Resources"]["Role"]["Properties"]

    def told(characters: int) -> list[str]:
        content = policy(allowed("s3:GetObject", ""))
        short = len(json.dumps(content, separators=(",", ":")))
        content["Statement"][0]["Resource"] = "r" * (characters - short)
        properties["Policies"] = [{"PolicyDocument": content}]
        return [finding.where for finding in sizes.large_policies({"Stack": template})]

    assert told(sizes.INLINE_MAX) == []
    assert told(sizes.INLINE_MAX + 1) == ["characters of inline policies: 10,241, at most 10,240"]


def test_a_name_that_the_deployment_gives_counts_as_long_as_it_may_be():
    output = {"Fn::GetStackOutput": {"StackName": "Storage", "OutputName": "Bucket"}}
    arn = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::", output, "/a b*"]]}
    lengths = sizes.Lengths({"Storage": {"Outputs": {"Bucket": {"Value": {"Ref": "Bucket"}}}}})
    assert lengths.of({"Resource": [arn, "x"]}, "Stack") == len('{"Resource":["arn::s3:::/ab*","x"]}') + 10 + 64


@pytest.mark.parametrize(
    ("inner", "written", "given"),
    [
        ("arn:${AWS::Partition}:s3:::${Bucket}/x", "arn::s3:::/x", 10 + 64),
        (["${Role.Arn}/${Kept}/${!Kept}", {"Kept": "abc"}], "//${Kept}", 140 + 3),
        ("x" * 500, "x" * 500, 0),
    ],
)
def test_a_text_with_names_put_in_is_as_long_as_both(inner, written, given):
    assert sizes.Lengths({}).of({"Fn::Sub": inner}, "Stack") == 2 + len(written) + given


def test_instances_whose_disks_the_hardware_encrypts_take_no_key():
    def break_nothing(p):
        del p["Config"]["KmsKeyId"]
        p["Config"]["ProductionVariants"] = [{"InstanceType": "ml.g5.xlarge"}]

    assert findings(break_nothing) == set()


def test_a_finding_fails_synthesis_and_other_packs_only_report(tmp_path, capsys):
    app = App(outdir=str(tmp_path))
    s3.Bucket(Stack(app, "Stack"), "Bucket")
    Validations.of(app).add_plugins(ModelMonitorChecks())
    with pytest.raises(Exception, match="ModelMonitor-BucketKey"):
        app.synth()
    (report,) = json.loads((tmp_path / "validation-report.json").read_text())["pluginReports"]
    named = {violation["ruleName"] for violation in report["violations"]}
    assert (report["pluginName"], named) == (PACK, {f"{PACK}-{r}" for r in ("BucketKey", "BucketPrivate", "TlsOnly")})

    compliance.report(app)
    found, told = json.loads((tmp_path / compliance.FILE).read_text()), capsys.readouterr().err
    assert set(found) == {"HIPAA.Security", "NIST.800.53.R5"}
    for pack, rules in found.items():
        assert ["Stack/Bucket/Resource"] in [rule["constructs"] for rule in rules]
        assert f"{pack}: {len(rules)} rules find" in told


def test_every_rule_is_in_the_documentation():
    page = (ROOT / "docs" / "deploy.md").read_text()
    assert [rule.name for rule in RULES if f"`{rule.name}`" not in page] == []
