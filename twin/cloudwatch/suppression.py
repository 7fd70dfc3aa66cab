"""Actions of a composite alarm that wait: for its suppressor to ring, while it rings, and for a while after.

As the user guide describes it: after a change the composite waits at most the wait period for the suppressor; while that is in
ALARM nothing acts, nor in the extension period after it. Then the actions of the state run, unless it is the one from before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any


@dataclass(slots=True)
class Held:
    """A change whose actions wait. previous: the alarm as described before it; rang: when the suppressor was last seen in ALARM."""

    previous: Mapping[str, Any]
    since: datetime
    rang: datetime | None = None

    @classmethod
    def again(cls, held: Held | None, previous: Mapping[str, Any], now: datetime) -> Held:
        """A change while an earlier one waits: the waiting begins anew, and what is told is from before the first."""
        return cls(previous, now) if held is None else cls(held.previous, now, held.rang)

    def may_act(self, settings: Mapping[str, Any], suppressor: str | None, now: datetime) -> bool:
        """Whether the waiting is over. suppressor: the state of that alarm, None where there is none of the name."""
        if suppressor == "ALARM":
            self.rang = now
            return False
        if self.rang is not None:
            return now >= self.rang + timedelta(seconds=settings["ActionsSuppressorExtensionPeriod"])
        return now >= self.since + timedelta(seconds=settings["ActionsSuppressorWaitPeriod"])


def suppressor_of(settings: Mapping[str, Any]) -> str | None:
    """The name of the alarm that suppresses another's actions, which may be given by its ARN."""
    given = settings.get("ActionsSuppressor")
    return None if given is None else str(given).rpartition(":alarm:")[2]
