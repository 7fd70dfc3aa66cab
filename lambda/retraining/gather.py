"""The facts that a decision needs, gathered from AWS. What no rule of the case will look at is not asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import evidence
from alarms import Alarm
from aws import client
from case import Case, Facts
from decisions import History
from policy import Policy

FRESH = "fresh"


def facts(case: Case, history: History, table: Any, until: datetime) -> Facts:
    """What is true of the endpoint, its data and, where an alarm asks, of the windows up to a time."""
    s3, policy = client("s3"), case.policy
    empty = {channel.name for channel in policy.training.channels if evidence.is_empty(s3, channel.uri)}
    seen = {} if case.alarm is None else _seen(case.alarm, policy, table, until)
    return Facts(
        endpoint_status=evidence.endpoint_status(client("sagemaker"), policy.endpoint),
        new_labels=_new_labels(s3, policy, history),
        empty_channels=frozenset(empty),
        **seen,
    )


def _seen(alarm: Alarm, policy: Policy, table: Any, until: datetime) -> dict[str, Any]:
    """The reports of the alarm's runs; where it is about windows that waited for labels, the reports of these windows too:
    broken data explains a bad score of that time, whenever the labels came."""
    s3, checks = client("s3"), policy.alarms[alarm.name]
    wanted = max(alarm.windows, policy.persistent_of)
    found = evidence.reports(s3, policy, until, wanted)
    reports = found[-alarm.windows :]
    windows = evidence.late_windows(reports[-1].content, alarm, checks) if reports else []
    judged = reports + evidence.of_windows(s3, policy, windows)
    is_asked = policy.persistent_windows > 1 or policy.persistent_of > 1
    last = found[-policy.persistent_of :]
    return {
        "violations": evidence.violations([report.content for report in judged]) if reports else None,
        "report_verdicts": tuple(str(report.content.get("verdict", "")) for report in judged),
        "reports": tuple(report.uri for report in judged),
        "is_reported": bool(reports) and evidence.tells(reports[-1].content, alarm, checks),
        "shown": sum(evidence.tells(report.content, alarm, checks) for report in last) if is_asked else None,
        "is_rehearsal": evidence.is_rehearsal(client("cloudwatch"), policy, alarm, until),
        "is_silent": evidence.is_silent(table, policy.schedule),
    }


def _new_labels(s3: Any, policy: Policy, history: History) -> int:
    """Rows of the channel of fresh data since the last start; 0 where nobody asks for any."""
    uris = [channel.uri for channel in policy.training.channels if channel.name == FRESH]
    if not policy.min_new_labels or not uris:
        return 0
    since = max(history.starts) if history.starts else None
    return evidence.new_rows(s3, uris[0], since, policy.min_new_labels)
