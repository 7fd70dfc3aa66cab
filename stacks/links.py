"""Where people look on: addresses in AWS's console and in the documentation, as the pages of a schedule name them. Pure."""

from __future__ import annotations

from typing import Final

from model_monitor import contract
from stacks.settings.environment import Links

CONSOLES: Final = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}
WAKES: Final = "operations.md#what-wakes-you-and-what-to-do"
WHY_NOT: Final = "operations.md#why-was-nothing-retrained"


def links(environment: str, region: str, schedule: str, given: Links) -> dict[str, str]:
    """Name → address; only those that a browser can open."""
    host = next((found for start, found in CONSOLES.items() if region.startswith(start)), "console.aws.amazon.com")
    cloudwatch = f"https://{host}/cloudwatch/home?region={region}"
    docs = (given.docs or "").rstrip("/")
    found = {
        "dashboard": f"{cloudwatch}#dashboards/dashboard/{contract.dashboard_name(environment)}",
        "alarms": f"{cloudwatch}#alarmsV2:?search={contract.alarm_name(environment, schedule, '')}",
        "decisions": f"{docs}/{WHY_NOT}" if docs else "",
        "review": given.review or "",
        "runbook": f"{docs}/{WAKES}" if docs else "",
    }
    return {name: address for name, address in found.items() if address}
