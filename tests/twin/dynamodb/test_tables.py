"""Tables: what a template says of one, conditions that hold against a crowd, and permissions by table, index and step."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.deployed import deploy, reason, role
from twin import Twin
from twin.dynamodb.expressions import BadExpression, check, parts

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


def transact(twin: Twin, *steps: dict[str, Any]) -> list[str]:
    """Write all or nothing; the reasons if it was nothing."""
    tables = twin.client("dynamodb")
    try:
        tables.transact_write_items(TransactItems=list(steps))
    except tables.exceptions.TransactionCanceledException as error:
        return [reason["Code"] for reason in error.response["CancellationReasons"]]
    return []


def start_of(run: int) -> dict[str, Any]:
    return {"Put": {"TableName": "runs", "Item": {"pk": {"S": f"start#{run}"}}}}


def test_a_transaction_writes_all_or_nothing_against_a_crowd(twin: Twin) -> None:
    table(twin)
    lock = {"Put": CLAIM}
    with ThreadPoolExecutor(8) as crowd:
        outcomes = list(crowd.map(lambda run: transact(twin, lock, start_of(run)), range(16)))
    assert outcomes.count([]) == 1
    assert [reasons for reasons in outcomes if reasons] == [["ConditionalCheckFailed", "None"]] * 15
    assert twin.client("dynamodb").scan(TableName="runs")["Count"] == 2


def test_a_transaction_may_ask_for_an_item_that_it_does_not_write(twin: Twin) -> None:
    table(twin)
    paused = {"pk": {"S": "paused"}}
    check = {"ConditionCheck": {"TableName": "runs", "Key": paused, "ConditionExpression": "attribute_not_exists(pk)"}}
    assert transact(twin, check, start_of(1)) == []
    twin.client("dynamodb").put_item(TableName="runs", Item=paused)
    assert transact(twin, check, start_of(2)) == ["ConditionalCheckFailed", "None"]


def test_a_lease_that_is_over_is_taken_and_one_that_is_not_is_not(twin: Twin) -> None:
    table(twin)
    tables = twin.client("dynamodb")

    def claim(owner: str, now: int) -> str:
        try:
            answer = tables.update_item(
                TableName="runs",
                Key={"pk": {"S": "lock"}},
                UpdateExpression="SET #owner = :owner, lease_until = :until",
                ConditionExpression="attribute_not_exists(pk) OR lease_until < :now OR #owner = :owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={
                    ":owner": {"S": owner},
                    ":now": {"N": str(now)},
                    ":until": {"N": str(now + 60)},
                },
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except tables.exceptions.ConditionalCheckFailedException as error:
            return f"held by {error.response['Item']['owner']['S']}"
        return str(answer["Attributes"]["owner"]["S"])

    assert [claim("a", 0), claim("b", 30), claim("a", 30), claim("b", 91)] == ["a", "held by a", "a", "b"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"ConditionExpression": "owner = :me"}, "Invalid ConditionExpression: .*reserved keyword: owner"),
        ({"ConditionExpression": "a.status = :me"}, "reserved keyword: status"),
        ({"ConditionExpression": "size(pk) > :me AND NOT contains(owned, :me)"}, None),
        ({"ConditionExpression": "pk = :me OR #x = :me"}, "#x is used in an expression and is not defined"),
        ({"ConditionExpression": "attribute_exists(pk)"}, r"unused in expressions: keys: \{:me\}"),
        (
            {"ConditionExpression": "pk = :me", "ExpressionAttributeNames": {"#day": "day"}},
            r"ExpressionAttributeNames unused in expressions: keys: \{#day\}",
        ),
    ],
)
def test_words_and_placeholders_are_checked_in_every_expression(change: dict[str, Any], complaint: str | None) -> None:
    put = {"TableName": "runs", "Item": ITEM, "ExpressionAttributeValues": {":me": {"S": "a"}}, **change}
    for parameters in (put, {"TransactItems": [{"Put": put}]}, {"TransactItems": [{"ConditionCheck": put}]}):
        found = list(parts(parameters))
        if complaint is None:
            assert [check(part) for part in found] == [None] * len(found)
            continue
        with pytest.raises(BadExpression, match=complaint):
            [check(part) for part in found]


def test_a_word_that_the_service_keeps_for_itself_is_refused(twin: Twin) -> None:
    table(twin)
    values = {":me": {"S": "a"}}
    with pytest.raises(ClientError, match=r"ValidationException.*reserved keyword: state"):
        transact(twin, {"Put": {**CLAIM, "ConditionExpression": "state = :me", "ExpressionAttributeValues": values}})


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
    check_of = {"TableName": "runs", "Key": {"pk": {"S": "b"}}, "ConditionExpression": "attribute_not_exists(pk)"}
    delete = {"Delete": {"TableName": "runs", "Key": {"pk": {"S": "b"}}}}
    tables.transact_write_items(TransactItems=[put])

    refused = {
        f"PutItem on resource: {ARN}-other": lambda: tables.put_item(TableName="runs-other", Item=ITEM),
        f"BatchWriteItem on resource: {ARN}-other": lambda: tables.batch_write_item(
            RequestItems={"runs-other": [{"PutRequest": {"Item": ITEM}}]}
        ),
        f"DeleteItem on resource: {ARN}": lambda: tables.transact_write_items(TransactItems=[put, delete]),
        f"ConditionCheckItem on resource: {ARN}": lambda: tables.transact_write_items(
            TransactItems=[put, {"ConditionCheck": check_of}]
        ),
        f"UpdateItem on resource: {ARN}": lambda: tables.transact_write_items(
            TransactItems=[
                {"Update": {"TableName": "runs", "Key": {"pk": {"S": "b"}}, "UpdateExpression": "SET a = pk"}}
            ]
        ),
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
