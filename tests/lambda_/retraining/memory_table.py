# ruff: noqa: N803 (parameters as boto3 spells them)
"""A table in memory with DynamoDB's conditional writes and transactions, fast enough for a hundred thousand sequences of alarms.

It knows the expressions that lambda/shared/decisions.py writes and fails at any other; a test compares it with moto's table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

Item = dict[str, Any]
TERM = re.compile(r"attribute_(not_)?exists\(([#\w]+)\)|([#\w]+) = (:\w+)")
CLAUSE = re.compile(r"(SET|REMOVE|ADD) (.+?)(?= (?:SET|REMOVE|ADD) |$)")
COUNTED = re.compile(r"if_not_exists\((\w+), (:\w+)\) \+ (:\w+)")


class MemoryTable:
    """behind: how many versions of a lock the next read of it is behind, as an invocation that read and was slow."""

    def __init__(self, name: str = "table") -> None:
        self.name = name
        self.items: dict[tuple[str, str], Item] = {}
        self.locks: dict[str, list[Item | None]] = {}
        self.behind = 0
        self.meta = SimpleNamespace(client=self)

    def get_item(self, Key: Mapping[str, str], ConsistentRead: bool = False) -> dict[str, Any]:
        place = (Key["pk"], Key["sk"])
        item = self.items.get(place)
        if place[1] == "lock" and self.behind:
            versions = self.locks.get(place[0], [None])
            item, self.behind = versions[max(0, len(versions) - 1 - self.behind)], 0
        return {} if item is None else {"Item": dict(item)}

    def query(self, ExpressionAttributeValues: Mapping[str, str], Limit: int, **_: Any) -> dict[str, Any]:
        pk, start = ExpressionAttributeValues[":pk"], ExpressionAttributeValues[":start"]
        found = sorted((sk for (part, sk) in self.items if part == pk and sk.startswith(start)), reverse=True)
        return {"Items": [dict(self.items[pk, sk]) for sk in found[:Limit]]}

    def put_item(self, Item: Item, **asked: Any) -> None:
        place = (Item["pk"], Item["sk"])
        if not self._holds(place, asked):
            raise refused("ConditionalCheckFailedException", "PutItem")
        self._write(place, dict(Item))

    def update_item(self, Key: Mapping[str, str], UpdateExpression: str, **asked: Any) -> None:
        place = (Key["pk"], Key["sk"])
        if not self._holds(place, asked):
            raise refused("ConditionalCheckFailedException", "UpdateItem")
        names, values = asked.get("ExpressionAttributeNames", {}), asked.get("ExpressionAttributeValues", {})
        item = dict(self.items.get(place, Key))
        for kind, steps in CLAUSE.findall(UpdateExpression):
            for step in re.split(r", (?![^(]*\))", steps):
                update(item, kind, step, names, values)
        self._write(place, item)

    def transact_write_items(self, TransactItems: list[dict[str, Any]]) -> None:
        puts = [step["Put"] for step in TransactItems]
        holds = [self._holds((put["Item"]["pk"], put["Item"]["sk"]), put) for put in puts]
        if not all(holds):
            error = refused("TransactionCanceledException", "TransactWriteItems")
            codes = ["None" if held else "ConditionalCheckFailed" for held in holds]
            error.response["CancellationReasons"] = [{"Code": code} for code in codes]
            raise error
        for put in puts:
            self._write((put["Item"]["pk"], put["Item"]["sk"]), dict(put["Item"]))

    def _write(self, place: tuple[str, str], item: Item) -> None:
        self.items[place] = item
        if place[1] == "lock":
            self.locks.setdefault(place[0], [None]).append(item)

    def _holds(self, place: tuple[str, str], asked: Mapping[str, Any]) -> bool:
        text = asked.get("ConditionExpression")
        if text is None:
            return True
        names, values = asked.get("ExpressionAttributeNames", {}), asked.get("ExpressionAttributeValues", {})
        return condition(text)(self.items.get(place, {}), names, values)


@cache
def condition(text: str) -> Callable[[Item, Mapping[str, str], Mapping[str, Any]], bool]:
    """Terms joined by AND."""
    terms = [TERM.fullmatch(term) for term in text.split(" AND ")]
    assert all(terms), f"an expression that this table does not know: {text}"

    def holds(item: Item, names: Mapping[str, str], values: Mapping[str, Any]) -> bool:
        for term in terms:
            assert term is not None
            negated, tested, compared, value = term.groups()
            if tested is not None:
                if (names.get(tested, tested) in item) == bool(negated):
                    return False
            elif item.get(names.get(compared, compared)) != values[value]:
                return False
        return True

    return holds


def update(item: Item, kind: str, step: str, names: Mapping[str, str], values: Mapping[str, Any]) -> None:
    """One step of an update."""
    if kind == "REMOVE":
        item.pop(names.get(step, step), None)
    elif kind == "ADD":
        name, value = step.split(" ")
        item[names.get(name, name)] = item.get(names.get(name, name), 0) + values[value]
    else:
        name, written = step.split(" = ")
        if match := COUNTED.fullmatch(written):
            item[name] = item.get(match[1], values[match[2]]) + values[match[3]]
        else:
            item[name] = values[written]


def refused(code: str, operation: str) -> ClientError:
    """As botocore raises it."""
    return ClientError({"Error": {"Code": code, "Message": "refused"}}, operation)
