"""What an alarm tells people, always in one order: what it means, what often causes it, what to do, where to look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from model_monitor import contract

LONGEST: Final = 1024  # of an alarm's description
RUNBOOK: Final = "docs/operations.md#what-wakes-you-and-what-to-do"
CONSOLES: Final = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}


@dataclass(frozen=True)
class Words:
    """One alarm's. means: goes on after whose runs they are."""

    means: str
    causes: str
    act: str

    def text(self, whose: str) -> str:
        """Links follow where the alarm is made, which knows its environment."""
        return f"{whose} {self.means}.\nOften: {self.causes}.\nDo: {self.act}."


def with_links(text: str, environment: str, region: str) -> str:
    """The same with where to look on. Raises: ValueError for what CloudWatch would refuse."""
    told = f"{text}\nReports: {dashboard_url(environment, region)}\nRunbook: {RUNBOOK}"
    if len(told) > LONGEST:
        raise ValueError(f"an alarm's description has {len(told)} characters and may have {LONGEST}: {told[:80]}")
    return told


def dashboard_url(environment: str, region: str) -> str:
    """The environment's dashboard, which links the report of each window."""
    host = next((host for start, host in CONSOLES.items() if region.startswith(start)), "console.aws.amazon.com")
    return f"https://{host}/cloudwatch/home?region={region}#dashboards/dashboard/{contract.dashboard_name(environment)}"
