"""The table's part of retraining: what was decided, who holds an endpoint, and when its trainings started.

Keys: `pk` = decision#{endpoint}, `sk` = {time of the state change}#{id}, one item a decision; `pk` = retraining#{endpoint} with
`sk` = lock (who holds the endpoint, its starts, its open proposal) and `sk` = start#{time}, one item a start.

What two invocations must not both do hangs on the lock's version: whoever read an older one has judged by what is no longer
true, and reads and judges again. A start is one transaction: the lock, the start and the decision are all written, or none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

CLOCK_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
KEPT = timedelta(days=400)  # a year and a month to compare with
STARTS_KEPT = 101  # more than any budget of a week
LOCK = "lock"
TRIES = 8
REFUSED = "ConditionalCheckFailedException"
CANCELED = "TransactionCanceledException"
LOST = {
    "ConditionalCheckFailed",
    "TransactionConflict",
    "None",
}  # reasons of a canceled transaction that mean: read again
HELD = "attribute_exists(#owner) AND #owner = :owner"


@dataclass(frozen=True)
class History:
    """What is known of an endpoint's trainings. version: of the lock, which every change raises.

    owner, lease_until: the run that holds the endpoint, and until when; None when nobody does. decision: key of the decision
    that it was started by. starts: oldest first.
    proposal, proposal_until: key of the decision that waits for a person, and until when.
    """

    version: int = 0
    owner: str = ""
    lease_until: datetime | None = None
    decision: str = ""
    starts: tuple[datetime, ...] = ()
    proposal: str = ""
    proposal_until: datetime | None = None

    def is_held(self, now: datetime) -> bool:
        """Whether a run holds the endpoint."""
        return bool(self.owner) and self.lease_until is not None and now < self.lease_until

    def is_proposed(self, now: datetime) -> bool:
        """Whether a proposal waits for a person."""
        return bool(self.proposal) and self.proposal_until is not None and now < self.proposal_until


def stamp(time: datetime) -> str:
    """A time as keys and documents spell it."""
    return time.strftime(CLOCK_FORMAT)


def time_of(text: str) -> datetime:
    """The inverse of `stamp`."""
    return datetime.fromisoformat(text)


def key(endpoint: str, sk: str) -> dict[str, str]:
    """Where a decision is kept."""
    return {"pk": f"decision#{endpoint}", "sk": sk}


def partition(endpoint: str) -> str:
    """Where the state of an endpoint's retraining is kept."""
    return f"retraining#{endpoint}"


# --- reading ---------------------------------------------------------------------------------------------------------


def history(table: Any, endpoint: str) -> History:
    """What is known now."""
    item = table.get_item(Key=_lock(endpoint), ConsistentRead=True).get("Item")
    if item is None:
        return History()
    lease, proposed = item.get("lease_until"), item.get("proposal_until")
    return History(
        version=int(item["version"]),
        owner=str(item.get("owner", "")),
        lease_until=time_of(lease) if lease else None,
        decision=str(item.get("decision", "")),
        starts=tuple(time_of(start) for start in item.get("starts", ())),
        proposal=str(item.get("proposal", "")),
        proposal_until=time_of(proposed) if proposed else None,
    )


def find(table: Any, endpoint: str, sk: str) -> dict[str, Any] | None:
    """One decision; None when there is none."""
    item: dict[str, Any] | None = table.get_item(Key=key(endpoint, sk), ConsistentRead=True).get("Item")
    return item


def unfinished(table: Any, endpoint: str) -> dict[str, Any] | None:
    """The decision that holds the endpoint and was not carried out to its end; None where all is done."""
    known = history(table, endpoint)
    item = find(table, endpoint, known.decision) if known.owner and known.decision else None
    return None if item is None or item["is_done"] else item


def latest(table: Any, endpoint: str, start: str) -> dict[str, Any] | None:
    """The newest decision about one state change: all of them have keys that begin alike."""
    found = table.query(
        KeyConditionExpression="pk = :pk AND begins_with(sk, :start)",
        ExpressionAttributeValues={":pk": key(endpoint, "")["pk"], ":start": start},
        ScanIndexForward=False,
        ConsistentRead=True,
        Limit=1,
    )["Items"]
    item: dict[str, Any] | None = found[0] if found else None
    return item


# --- writing ---------------------------------------------------------------------------------------------------------


def keep(table: Any, endpoint: str, sk: str, decision: Mapping[str, Any], now: datetime) -> bool:
    """Write a decision that changes nothing else; False when it is there already."""
    put = _decision(table, endpoint, sk, decision, now)["Put"]
    return _conditional(lambda: table.put_item(Item=put["Item"], ConditionExpression=put["ConditionExpression"]))


def claim(
    table: Any,
    endpoint: str,
    run: str,
    now: datetime,
    *,
    lease: timedelta,
    seen: History | None = None,
    decision: tuple[str, Mapping[str, Any]] | None = None,
    counts: bool = True,
) -> bool:
    """Hold the endpoint for a run, and write the start and the decision with it; False when another one was faster.

    seen: what the decision was made by; left out, what is known now. decision: its key and content. counts: whether cool-down and
    budget count this start; bringing back an old model is none.
    """
    seen = history(table, endpoint) if seen is None else seen
    if seen.is_held(now) and seen.owner != run:
        return False
    starts = tuple(sorted((*seen.starts, now)))[-STARTS_KEPT:] if counts else seen.starts
    lock: dict[str, Any] = {"owner": run, "lease_until": stamp(now + lease)}
    lock |= {"starts": [stamp(start) for start in starts], "decision": decision[0] if decision else ""}
    steps = [_next_lock(table, endpoint, seen, lock)]
    if counts:
        place = {"pk": partition(endpoint), "sk": f"start#{stamp(now)}"}
        steps.append(_new(table, {**place, "run": run, "expires": _expires(now)}))
    if decision is not None:
        steps.append(_decision(table, endpoint, *decision, now))
    return _transact(table, steps)


def propose(
    table: Any,
    endpoint: str,
    decision: tuple[str, Mapping[str, Any]],
    now: datetime,
    *,
    until: datetime,
    seen: History,
) -> bool:
    """Write a proposal, the only open one of its endpoint; False when another invocation was faster."""
    lock: dict[str, Any] = {"proposal": decision[0], "proposal_until": stamp(until)}
    lock |= {"starts": [stamp(start) for start in seen.starts]}
    if seen.owner and seen.lease_until is not None:
        lock |= {"owner": seen.owner, "lease_until": stamp(seen.lease_until), "decision": seen.decision}
    return _transact(table, [_next_lock(table, endpoint, seen, lock), _decision(table, endpoint, *decision, now)])


def release(table: Any, endpoint: str, run: str) -> bool:
    """Give the endpoint back; False when the run does not hold it."""
    return _update_lock(table, endpoint, run, "REMOVE #owner, lease_until", {})


def extend(table: Any, endpoint: str, run: str, until: datetime) -> bool:
    """Hold the endpoint longer; False when the run does not hold it."""
    return _update_lock(table, endpoint, run, "SET lease_until = :until", {":until": stamp(until)})


def regain(table: Any, endpoint: str, run: str, now: datetime, lease: timedelta) -> bool:
    """Whether a run still holds its endpoint. If so it does for a whole lease from now on, and nobody takes it meanwhile."""
    for _ in range(TRIES):
        seen = history(table, endpoint)
        if seen.owner != run or seen.lease_until is None:
            return False
        until = stamp(max(seen.lease_until, now + lease))
        values, same = {":until": until, ":seen": seen.version}, f"{HELD} AND #version = :seen"
        if _update_lock(table, endpoint, run, "SET lease_until = :until", values, same):
            return True
    raise RuntimeError(f"{endpoint}: its lock changed at each of {TRIES} tries; deliver the event again")


def done(table: Any, endpoint: str, sk: str) -> None:
    """Note that a decision was carried out and told; without it, whoever finds the decision does both again."""
    table.update_item(
        Key=key(endpoint, sk), UpdateExpression="SET is_done = :true", ExpressionAttributeValues={":true": True}
    )


def looked(table: Any, endpoint: str, sk: str, now: datetime) -> None:
    """Note that a refusal was looked at again and is the same."""
    table.update_item(
        Key=key(endpoint, sk),
        UpdateExpression="SET looked_at = :now, looks = if_not_exists(looks, :none) + :one",
        ExpressionAttributeValues={":now": stamp(now), ":none": 0, ":one": 1},
    )


def accepted(table: Any, endpoint: str, sk: str, run: str) -> None:
    """Note which run a proposal became."""
    table.update_item(
        Key=key(endpoint, sk), UpdateExpression="SET accepted = :run", ExpressionAttributeValues={":run": run}
    )


# --- steps -----------------------------------------------------------------------------------------------------------


def _lock(endpoint: str) -> dict[str, str]:
    return {"pk": partition(endpoint), "sk": LOCK}


def _next_lock(table: Any, endpoint: str, seen: History, content: Mapping[str, Any]) -> dict[str, Any]:
    """The lock as it will be, if it is still what was seen."""
    step: dict[str, Any] = {
        "TableName": table.name,
        "Item": {**_lock(endpoint), **content, "version": seen.version + 1},
        "ConditionExpression": "attribute_not_exists(pk)",
    }
    if seen.version:
        step |= {
            "ConditionExpression": "#version = :seen",
            "ExpressionAttributeNames": {"#version": "version"},
            "ExpressionAttributeValues": {":seen": seen.version},
        }
    return {"Put": step}


def _decision(table: Any, endpoint: str, sk: str, content: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    return _new(table, {**key(endpoint, sk), **content, "decided_at": stamp(now), "expires": _expires(now)})


def _new(table: Any, item: Mapping[str, Any]) -> dict[str, Any]:
    return {"Put": {"TableName": table.name, "Item": dict(item), "ConditionExpression": "attribute_not_exists(pk)"}}


def _expires(now: datetime) -> int:
    return int((now + KEPT).timestamp())


def _update_lock(
    table: Any, endpoint: str, run: str, change: str, values: Mapping[str, Any], condition: str = HELD
) -> bool:
    return _conditional(
        lambda: table.update_item(
            Key=_lock(endpoint),
            UpdateExpression=f"{change} ADD #version :one",
            ConditionExpression=condition,
            ExpressionAttributeNames={"#owner": "owner", "#version": "version"},
            ExpressionAttributeValues={":owner": run, ":one": 1, **values},
        )
    )


def _conditional(write: Any) -> bool:
    try:
        write()
    except ClientError as error:
        if error.response["Error"]["Code"] == REFUSED:
            return False
        raise
    return True


def _transact(table: Any, steps: Sequence[Mapping[str, Any]]) -> bool:
    try:
        table.meta.client.transact_write_items(TransactItems=list(steps))
    except ClientError as error:
        reasons = {str(reason.get("Code")) for reason in error.response.get("CancellationReasons", ())}
        if error.response["Error"]["Code"] == CANCELED and reasons <= LOST:
            return False
        raise
    return True
