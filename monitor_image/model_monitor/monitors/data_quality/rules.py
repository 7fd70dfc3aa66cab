"""The checks and the suggestions of data quality, found in their folders: one rule a file."""

from __future__ import annotations

from functools import cache

from model_monitor.monitors.data_quality.comparison import CheckRule
from model_monitor.monitors.data_quality.suggestion import SuggestRule
from model_monitor.monitors.walking import constants

ROOM = __name__.rpartition(".")[0]


@cache
def check_rules() -> tuple[CheckRule, ...]:
    """Every `CHECK` below `checks/`, in the order of their `order`."""
    return tuple(sorted(constants(f"{ROOM}.checks", "CHECK"), key=lambda rule: rule.order))


@cache
def suggest_rules() -> tuple[SuggestRule, ...]:
    """Every `RULE` below `suggest/`."""
    return tuple(constants(f"{ROOM}.suggest", "RULE"))
