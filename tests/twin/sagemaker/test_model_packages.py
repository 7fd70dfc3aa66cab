"""The model registry: versions and their approval, who may do what, the events, and models that are made of packages."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.accounts import VARIANT, archive, make_buckets
from tests.twin.conftest import RememberingBus
from tests.twin.deployed import deploy, reason, role
from twin import Twin

ROLE = "arn:aws:iam::123456789012:role/endpoint"
WHERE = "arn:aws:sagemaker:eu-west-1:123456789012"
PACKAGE = f"{WHERE}:model-package/fraud"
EVENT = "SageMaker Model Package State Change"
METRICS = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://b/q.json"}}}
BASELINES = {"ModelQuality": {"Constraints": {"ContentType": "application/json", "S3Uri": "s3://b/c.json"}}}
SCRIPT = """
import os
from pathlib import Path
def model_fn(directory): return Path(directory, "name.txt").read_text()
def input_fn(body, content_type): return body.decode()
def predict_fn(data, model): return f"{model} {os.environ['WORD']} {data}"
def output_fn(prediction, accept): return prediction, accept
"""


def group(twin: Twin, name: str = "Fraud") -> None:
    twin.client("sagemaker").create_model_package_group(ModelPackageGroupName=name)


def specification(**variables: str) -> dict[str, Any]:
    container = {"Image": "i", "ModelDataUrl": "s3://models/model.tar.gz", "Environment": variables}
    types = {"SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}
    return {"Containers": [container], **types}


def package(twin: Twin, name: str = "Fraud", client: Any = None, **more: Any) -> str:
    given = {"InferenceSpecification": specification(), **more}
    answer = (client or twin.client("sagemaker")).create_model_package(ModelPackageGroupName=name, **given)
    return str(answer["ModelPackageArn"])


def test_versions_are_numbered_kept_and_listed(twin: Twin) -> None:
    sagemaker = twin.client("sagemaker")
    group(twin)
    first = package(twin, ModelMetrics=METRICS, DriftCheckBaselines=BASELINES, CustomerMetadataProperties={"run": "r"})
    second = package(twin, ModelApprovalStatus="Approved")
    assert (first, second) == (f"{PACKAGE}/1", f"{PACKAGE}/2")
    found = sagemaker.describe_model_package(ModelPackageName=first)
    assert (found["ModelPackageGroupName"], found["ModelPackageVersion"]) == ("Fraud", 1)
    assert (found["ModelPackageStatus"], found["ModelApprovalStatus"]) == ("Completed", "PendingManualApproval")
    assert (found["ModelMetrics"], found["DriftCheckBaselines"]) == (METRICS, BASELINES)
    assert found["CustomerMetadataProperties"] == {"run": "r"}
    assert found["CreationTime"] == datetime(2026, 3, 2, tzinfo=UTC)

    def listed(**asked: Any) -> list[int]:
        pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName="Fraud", **asked)
        return [item["ModelPackageVersion"] for found in pages for item in found["ModelPackageSummaryList"]]

    assert listed(PaginationConfig={"PageSize": 1}) == [1, 2]
    assert listed(SortOrder="Descending") == [2, 1]
    assert listed(ModelApprovalStatus="Approved") == [2]
    groups = sagemaker.list_model_package_groups(NameContains="rau")["ModelPackageGroupSummaryList"]
    assert [item["ModelPackageGroupArn"] for item in groups] == [f"{WHERE}:model-package-group/fraud"]

    with pytest.raises(sagemaker.exceptions.ConflictException, match="still contains Model Packages"):
        sagemaker.delete_model_package_group(ModelPackageGroupName="Fraud")
    for arn in (first, second):
        sagemaker.delete_model_package(ModelPackageName=arn)
    with pytest.raises(ClientError, match=f"ModelPackage {second} does not exist"):
        sagemaker.describe_model_package(ModelPackageName=second)
    assert package(twin) == f"{PACKAGE}/3"  # a number is never given twice
    sagemaker.delete_model_package(ModelPackageName=f"{PACKAGE}/3")
    sagemaker.delete_model_package_group(ModelPackageGroupName="Fraud")
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.describe_model_package_group(ModelPackageGroupName="Fraud")


def test_one_token_makes_one_version(twin: Twin) -> None:
    group(twin)
    assert package(twin, ClientToken="run-1") == package(twin, ClientToken="run-1") == f"{PACKAGE}/1"


def test_an_approval_is_an_event_that_a_rule_matches(twin: Twin) -> None:
    queue = twin.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    detail = {"ModelPackageGroupName": ["Fraud"], "ModelApprovalStatus": ["Approved", "Rejected"]}
    pattern = json.dumps({"source": ["aws.sagemaker"], "detail-type": [EVENT], "detail": detail})
    twin.client("events").put_rule(Name="r", EventPattern=pattern)
    twin.client("events").put_targets(Rule="r", Targets=[{"Id": "q", "Arn": "arn:aws:sqs:eu-west-1:123456789012:q"}])
    group(twin)
    arn = package(twin)
    twin.advance(timedelta(minutes=1))
    twin.client("sagemaker").update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="seen by risk"
    )
    (message,) = twin.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    event = json.loads(message["Body"])
    assert event["resources"] == [arn]
    assert event["detail"]["ModelPackageVersion"] == 1
    assert (event["detail"]["ModelPackageStatus"], event["detail"]["ModelApprovalStatus"]) == ("Completed", "Approved")
    assert event["detail"]["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == "s3://models/model.tar.gz"
    assert event["detail"]["CreationTime"] == "2026-03-02T00:00:00Z"
    found = twin.client("sagemaker").describe_model_package(ModelPackageName=arn)
    assert (found["ApprovalDescription"], found["LastModifiedTime"]) == ("seen by risk", twin.clock.now())


def test_what_a_role_may_do_is_told_by_group_and_by_version(twin: Twin) -> None:
    mine = [f"{WHERE}:model-package-group/fraud", f"{PACKAGE}/*"]
    allowed = role("sagemaker:*", resource=mine)
    allowed["Properties"]["RoleName"] = "registrar"
    assert deploy(twin, {"Role": allowed}) == "CREATE_COMPLETE", reason(twin)
    sagemaker = twin.client("sagemaker", role="registrar")
    group(twin)
    group(twin, "Other")
    other = package(twin, "Other")
    own = package(twin, client=sagemaker)
    sagemaker.update_model_package(ModelPackageArn=own, ModelApprovalStatus="Rejected")
    assert sagemaker.describe_model_package(ModelPackageName=own)["ModelApprovalStatus"] == "Rejected"
    with pytest.raises(
        ClientError, match=rf"AccessDenied.*CreateModelPackage on resource: {WHERE}:model-package-group"
    ):
        package(twin, "Other", client=sagemaker)
    with pytest.raises(ClientError, match=rf"AccessDenied.*UpdateModelPackage on resource: {other}"):
        sagemaker.update_model_package(ModelPackageArn=other, ModelApprovalStatus="Approved")


OTHER = "arn:aws:sagemaker:eu-west-1:210987654321"
REGISTRAR = "arn:aws:iam::210987654321:role/registers"
CALLER = "arn:aws:iam::123456789012:role/caller"


def neighbour(twin: Twin, trusted: str = CALLER) -> Any:
    """A group of another account, and a role there; a role here that may ask for both. The client of the role there."""
    trust = {"Effect": "Allow", "Principal": {"AWS": trusted}, "Action": "sts:AssumeRole"}
    twin.identity.lend(REGISTRAR, {"Statement": [trust]}, {"Statement": [{"Effect": "Allow", "Action": "sagemaker:*"}]})
    found = twin.client("sagemaker", role=REGISTRAR)
    found.create_model_package_group(ModelPackageGroupName="Shared")
    caller = role("sagemaker:*", "sts:AssumeRole")
    caller["Properties"]["RoleName"] = "caller"
    assert deploy(twin, {"Role": caller}) == "CREATE_COMPLETE", reason(twin)
    return found


def test_a_group_of_another_account_admits_whom_its_policy_names(twin: Twin, bus: RememberingBus) -> None:
    owner, caller, shared = (
        neighbour(twin),
        twin.client("sagemaker", role="caller"),
        f"{OTHER}:model-package-group/shared",
    )
    with pytest.raises(ClientError, match="no policy of the group allows it"):
        package(twin, shared, client=caller)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": CALLER},
        "Action": "sagemaker:CreateModelPackage",
        "Resource": "*",
    }
    owner.put_model_package_group_policy(
        ModelPackageGroupName="Shared", ResourcePolicy=json.dumps({"Statement": [statement]})
    )
    arn = package(twin, shared, client=caller)
    assert arn == f"{OTHER}:model-package/shared/1"
    with pytest.raises(ClientError, match=rf"DescribeModelPackage on resource: {arn}"):
        caller.describe_model_package(ModelPackageName=arn)
    assert caller.list_model_package_groups()["ModelPackageGroupSummaryList"] == []
    assert bus.of(EVENT) == []
    twin.model_packages.forwarding.add("210987654321")
    owner.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    assert [detail["ModelPackageArn"] for detail in bus.of(EVENT)] == [arn]


@pytest.mark.parametrize("trusted", [CALLER, "arn:aws:iam::123456789012:root", "arn:aws:iam::123456789012:role/nobody"])
def test_a_role_of_another_account_is_taken_where_it_trusts_the_caller(twin: Twin, trusted: str) -> None:
    neighbour(twin, trusted)
    sts = twin.client("sts", role="caller")
    if trusted.endswith("nobody"):
        with pytest.raises(ClientError, match="the role does not trust it"):
            sts.assume_role(RoleArn=REGISTRAR, RoleSessionName="test")
        return
    lent = sts.assume_role(RoleArn=REGISTRAR, RoleSessionName="test")["Credentials"]
    assert lent["AccessKeyId"] == twin.identity.credentials(REGISTRAR)["AWS_ACCESS_KEY_ID"]
    assert package(twin, "Shared", client=twin.client("sagemaker", role=REGISTRAR)) == f"{OTHER}:model-package/shared/1"


def test_a_model_of_a_package_serves_what_the_package_holds_once_it_is_approved(
    twin: Twin, bus: RememberingBus
) -> None:
    make_buckets(twin, "models")
    s3, sagemaker = twin.client("s3"), twin.client("sagemaker")
    s3.put_object(
        Bucket="models", Key="model.tar.gz", Body=archive({"name.txt": "champion", "code/inference.py": SCRIPT})
    )
    group(twin)
    arn = package(twin, InferenceSpecification=specification(WORD="packaged"))

    def make(name: str, **container: Any) -> None:
        sagemaker.create_model(
            ModelName=name, Containers=[{"ModelPackageName": arn, **container}], ExecutionRoleArn=ROLE
        )

    with pytest.raises(ClientError, match=rf"{arn}: its ModelApprovalStatus is PendingManualApproval"):
        make("m")
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    with pytest.raises(ClientError, match="Specify one of either Image"):
        make("m", Image="i")
    make("m")
    with pytest.raises(ClientError, match=f'Cannot create already existing model "{WHERE}:model/m"'):
        make("m")
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[VARIANT])
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    answer = twin.client("sagemaker-runtime").invoke_endpoint(EndpointName="e", ContentType="text/csv", Body=b"1")
    assert answer["Body"].read() == b"champion packaged 1"
    assert [detail["ModelApprovalStatus"] for detail in bus.of(EVENT)] == ["PendingManualApproval", "Approved"]


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"ModelPackageGroupName": "nobody", "InferenceSpecification": specification()}, "nobody does not exist"),
        ({"InferenceSpecification": specification()}, "either a ModelPackageName or a ModelPackageGroupName"),
        ({"ModelPackageGroupName": "Fraud"}, "InferenceSpecification with its Containers is required"),
        (
            {
                "ModelPackageGroupName": "Fraud",
                "InferenceSpecification": specification(),
                "Tags": [{"Key": "a", "Value": "b"}],
            },
            "Tags cannot be given to a version",
        ),
        (
            {"ModelPackageGroupName": "Fraud", "ModelCard": {"ModelCardContent": "{}", "ModelCardStatus": "Draft"}},
            "the twin's model registry has no ModelCard",
        ),
    ],
)
def test_a_package_that_the_service_or_the_twin_would_not_make_is_refused(
    twin: Twin, asked: dict[str, Any], complaint: str
) -> None:
    group(twin)
    with pytest.raises(ClientError, match=complaint):
        twin.client("sagemaker").create_model_package(**asked)
