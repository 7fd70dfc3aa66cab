"""A review desk's items in the environment's table: `pk` is review#{endpoint}, `sk` the item's key, its content one text."""

from __future__ import annotations

import json
from typing import Any

PARTITION = "review#"


class TableStore:
    """What `desk.Store` asks for. table: boto3's, of DynamoDB."""

    def __init__(self, table: Any, endpoint: str) -> None:
        self._table, self._partition = table, f"{PARTITION}{endpoint}"

    def get(self, key: str) -> dict[str, Any] | None:
        found = self._table.get_item(Key=self._key(key), ConsistentRead=True).get("Item")
        return None if found is None else _content(found)

    def insert(self, key: str, item: dict[str, Any]) -> bool:
        return self._write(key, item, ConditionExpression="attribute_not_exists(sk)")

    def replace(self, key: str, item: dict[str, Any], version: int) -> bool:
        return self._write(key, item, ConditionExpression="version = :v", ExpressionAttributeValues={":v": version})

    def put(self, key: str, item: dict[str, Any]) -> None:
        self._write(key, item)

    def delete(self, key: str) -> None:
        self._table.delete_item(Key=self._key(key))

    def page(self, prefix: str, limit: int, after: str = "") -> list[tuple[str, dict[str, Any]]]:
        found: list[tuple[str, dict[str, Any]]] = []
        start = {"ExclusiveStartKey": self._key(after)} if after > prefix else {}
        while True:
            answer = self._table.query(
                KeyConditionExpression="pk = :p AND begins_with(sk, :k)",
                ExpressionAttributeValues={":p": self._partition, ":k": prefix},
                ConsistentRead=True,
                Limit=limit - len(found),
                **start,
            )
            found += [(str(item["sk"]), _content(item)) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer or len(found) >= limit:
                return found
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _key(self, key: str) -> dict[str, str]:
        return {"pk": self._partition, "sk": key}

    def _write(self, key: str, item: dict[str, Any], **condition: Any) -> bool:
        kept = {**self._key(key), "version": item.get("version", 0), "body": json.dumps(item)}
        if "expires" in item:
            kept["expires"] = item["expires"]
        try:
            self._table.put_item(Item=kept, **condition)
        except self._table.meta.client.exceptions.ConditionalCheckFailedException:
            return False
        return True


def _content(item: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(item["body"])
    return content
