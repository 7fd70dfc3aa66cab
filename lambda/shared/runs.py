"""The table of runs: one item a schedule and window, who holds it and what came of it.

Keys: `pk` = run#{schedule}, `sk` = end of the window, so that a schedule's windows sort by time. An execution claims a window
before it lists anything, under a lease; another one that finds the window claimed or ended has nothing to do. Ended windows
stay ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

CLOCK_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
LEASE = timedelta(hours=26)  # a job may take a day
KEPT = timedelta(days=400)  # a year and a month to compare with
CLAIMED, ENDED = "claimed", "ended"
TOLD = "told"  # where it is kept what people were told
REFUSED = "ConditionalCheckFailedException"


@dataclass(frozen=True)
class Claim:
    """Who wants a window. owner: the execution; now: its time; again: of a window that ended in an error, too."""

    schedule: str
    start: datetime
    end: datetime
    owner: str
    now: datetime
    again: bool = False

    @property
    def key(self) -> dict[str, str]:
        return key(self.schedule, self.end)


def key(schedule: str, end: datetime) -> dict[str, str]:
    """Where the run of a window is kept."""
    return {"pk": partition(schedule), "sk": stamp(end)}


def partition(schedule: str) -> str:
    """Where all runs of a schedule are kept."""
    return f"run#{schedule}"


def told(schedule: str) -> dict[str, str]:
    """Where it is kept what people were told of a schedule."""
    return {"pk": TOLD, "sk": schedule}


def stamp(time: datetime) -> str:
    """A time as keys and documents spell it."""
    return time.strftime(CLOCK_FORMAT)


def claim(table: Any, wanted: Claim) -> int | None:
    """The number of this attempt at the window; None when another execution has it, or had it and ended it."""
    try:
        answer = table.update_item(
            Key=wanted.key,
            UpdateExpression=(
                "SET #state = :claimed, #owner = :owner, lease_until = :until, window_start = :start, "
                "expires = :expires, attempt = if_not_exists(attempt, :none) + :one"
            ),
            ConditionExpression=(
                "attribute_not_exists(pk) OR (#state = :claimed AND (#owner = :owner OR lease_until < :now))"
                + (" OR (#state = :ended AND verdict = :error)" if wanted.again else "")
            ),
            ExpressionAttributeNames={"#state": "state", "#owner": "owner"},
            ExpressionAttributeValues={
                ":claimed": CLAIMED,
                ":owner": wanted.owner,
                ":until": stamp(wanted.now + LEASE),
                ":now": stamp(wanted.now),
                ":start": stamp(wanted.start),
                ":expires": int((wanted.now + KEPT).timestamp()),
                ":none": 0,
                ":one": 1,
                **({":ended": ENDED, ":error": "error"} if wanted.again else {}),
            },
            ReturnValues="UPDATED_NEW",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == REFUSED:
            return None
        raise
    return int(answer["Attributes"]["attempt"])


def end(table: Any, place: Mapping[str, str], owner: str, facts: Mapping[str, Any]) -> bool:
    """Write what came of a window, once: whether this execution may tell of it, now or in a repeated call."""
    expires = int((datetime.fromisoformat(place["sk"]) + KEPT).timestamp())
    names = {f"#f{number}": name for number, name in enumerate(facts)}
    values = {f":f{number}": value for number, value in enumerate(facts.values())}
    try:
        table.update_item(
            Key=dict(place),
            UpdateExpression="SET #state = :ended, #owner = :owner, expires = if_not_exists(expires, :expires), "
            + ", ".join(f"{name} = :f{name[2:]}" for name in names),
            ConditionExpression="attribute_not_exists(pk) OR #owner = :owner",
            ExpressionAttributeNames={"#state": "state", "#owner": "owner", **names},
            ExpressionAttributeValues={":ended": ENDED, ":owner": owner, ":expires": expires, **values},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == REFUSED:
            return False
        raise
    return True
