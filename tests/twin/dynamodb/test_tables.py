"""Tables: what a template says of one, conditions that hold against a crowd, and permissions by table, index and step."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.deployed import deploy, reason, role
from twin import Twin

pytestmark = pytest.mark.xdist_group("twin")

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/runs"
TABLE: dict[str, Any] = {
    "TableName": "runs",
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "day")],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "days",
            "KeySchema": [{"AttributeName": "day", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "BillingMode": "PAY_PER_REQUEST",
    "SSESpecification": {"SSEEnabled": "true", "SSEType": "KMS", "KMSMasterKeyId": "key"},
    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": "true"},
    "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": "true"},
    "DeletionProtectionEnabled": "true",
}
ITEM = {"pk": {"S": "a"}, "day": {"S": "monday"}}
CLAIM = {"TableName": "runs", "Item": ITEM, "ConditionExpression": "attribute_not_exists(pk)"}


def table(twin: Twin, **changes: Any) -> None:
    resources = {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": {**TABLE, **changes}}}
    assert deploy(twin, resources).endswith("E_COMPLETE"), reason(twin)


def test_a_table_is_what_its_template_says_and_follows_its_update(twin: Twin) -> None:
    table(twin)
    tables = twin.client("dynamodb")
    found = tables.describe_table(TableName="runs")["Table"]
    assert (found["TableArn"], found["DeletionProtectionEnabled"]) == (ARN, True)
    assert found["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert found["SSEDescription"]["SSEType"] == "KMS"
    backups = tables.describe_continuous_backups(TableName="runs")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    life = tables.describe_time_to_live(TableName="runs")["TimeToLiveDescription"]
    assert life == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
    with pytest.raises(ClientError, match="DeletionProtectionEnabled"):
        tables.delete_table(TableName="runs")

    disabled = {"AttributeName": "expires", "Enabled": "false"}
    table(twin, DeletionProtectionEnabled="false", TimeToLiveSpecification=disabled)
    life = tables.describe_time_to_live(TableName="runs")["TimeToLiveDescription"]
    assert life["TimeToLiveStatus"] == "DISABLED"
    tables.delete_table(TableName="runs")


def test_one_of_many_that_claim_at_once_succeeds(twin: Twin) -> None:
    table(twin)
    tables = twin.client("dynamodb")

    def claim(_: int) -> bool:
        try:
            tables.put_item(**CLAIM)
        except tables.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(8) as crowd:
        assert sum(crowd.map(claim, range(24))) == 1


def test_what_a_role_may_do_is_told_by_table_index_and_step(twin: Twin) -> None:
    allowed = role("dynamodb:PutItem", "dynamodb:BatchWriteItem", "dynamodb:Query", resource=[ARN])
    allowed["Properties"]["RoleName"] = "writer"
    deploy(twin, {"Role": allowed}, "roles")
    table(twin)
    tables = twin.client("dynamodb", role="writer")
    tables.put_item(**CLAIM)
    tables.batch_write_item(RequestItems={"runs": [{"PutRequest": {"Item": ITEM}}]})
    question: dict[str, Any] = {"TableName": "runs", "ExpressionAttributeValues": {":v": {"S": "a"}}}
    assert tables.query(**question, KeyConditionExpression="pk = :v")["Count"] == 1
    put = {"Put": {"TableName": "runs", "Item": ITEM}}
    delete = {"Delete": {"TableName": "runs", "Key": {"pk": {"S": "b"}}}}
    tables.transact_write_items(TransactItems=[put])

    refused = {
        f"PutItem on resource: {ARN}-other": lambda: tables.put_item(TableName="runs-other", Item=ITEM),
        f"BatchWriteItem on resource: {ARN}-other": lambda: tables.batch_write_item(
            RequestItems={"runs-other": [{"PutRequest": {"Item": ITEM}}]}
        ),
        f"DeleteItem on resource: {ARN}": lambda: tables.transact_write_items(TransactItems=[put, delete]),
        f"Query on resource: {ARN}/index/days": lambda: tables.query(
            **question, IndexName="days", KeyConditionExpression="day = :v"
        ),
        "GetItem": lambda: tables.get_item(TableName="runs", Key={"pk": {"S": "a"}}),
    }
    for message, ask in refused.items():
        with pytest.raises(ClientError, match=f"AccessDenied.*dynamodb:{message}"):
            ask()


def test_streams_and_what_moto_only_records_are_refused(twin: Twin) -> None:
    resources = {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": {**TABLE, "StreamSpecification": {}}}}
    assert deploy(twin, resources) == "ROLLBACK_COMPLETE"
    assert "does not honour StreamSpecification" in reason(twin)
    with pytest.raises(ClientError, match="not in the twin"):
        twin.client("dynamodb").export_table_to_point_in_time(TableArn=ARN, S3Bucket="b")
