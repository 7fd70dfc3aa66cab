"""What a decision is made from and what it is: plain values, no AWS calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from alarms import Alarm
from decisions import History
from policy import Policy


class By(StrEnum):
    """What asks for a training."""

    ALARM = "alarm"  # changed its state
    PASS = "pass"  # noqa: S105 (no password)  found an alarm that is still in ALARM
    MANUAL = "manual"
    SCHEDULE = "schedule"
    ACCEPTED = "accepted"  # a proposal, by a person


class Action(StrEnum):
    """What to do."""

    IGNORE = "ignore"
    REFUSE = "refuse"
    NOTIFY = "notify"
    PROPOSE = "propose"
    START = "start"


@dataclass(frozen=True)
class Case:
    """What is asked, of which endpoint's policy, and when. alarm: None where people or a schedule ask."""

    by: By
    policy: Policy
    now: datetime
    alarm: Alarm | None = None
    wish: str = ""  # the reason that was given by hand


@dataclass(frozen=True)
class Facts:
    """What is true now.

    endpoint_status: as DescribeEndpoint spells it.
    violations: violations by check type in the windows the alarm looked at; None when no report was found.
    report_verdicts, reports: verdicts of those windows, and where their reports lie.
    is_reported: whether the newest of these reports shows what the alarm is about.
    shown: of how many of the windows that persistence looks at this is true; None where nothing was looked up.
    is_rehearsal: whether somebody forced the violation to try the chain.
    is_silent: whether the schedule is known to be silent.
    new_labels: rows that were labelled since the last start, counted as far as the policy asks.
    empty_channels: names of channels whose prefix holds no object.
    """

    endpoint_status: str
    violations: Mapping[str, int] | None = None
    report_verdicts: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    is_reported: bool = True
    shown: int | None = None
    is_rehearsal: bool = False
    is_silent: bool = False
    new_labels: int = 0
    empty_channels: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Situation:
    """All that rules look at. facts: None while only what is cheap is known."""

    case: Case
    history: History
    facts: Facts | None = None

    @property
    def known(self) -> Facts:
        """The facts. Raises: ValueError where a rule that needs them was asked too early."""
        if self.facts is None:
            raise ValueError("facts should be gathered before a rule looks at them")
        return self.facts


@dataclass(frozen=True)
class Decision:
    """An action and why. reason: a code that people and metric filters search for; rule: the one that refused, by its name in
    rules.py; run: the name of the training that is started."""

    action: Action
    reason: str
    detail: str = ""
    rule: str = ""
    run: str = ""
