"""What is true at this moment: reports of the windows, the endpoint, channels. Each function asks one service."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from alarms import Alarm
from botocore.exceptions import ClientError
from policy import Policy

Window = tuple[datetime, datetime]  # start and end
Content = Mapping[str, Any]  # of a report.json
REHEARSAL = "rehearsal"
OVER_ALL = frozenset({"drift_max"})  # metrics over all features, whatever a feature may be called
REPORT_KEY = re.compile(r"/(\d{4}/\d\d/\d\d/\d\d(?:/\d\d)?)/report\.json$")  # by the minute where runs come more often


@dataclass(frozen=True)
class Report:
    """A report and where it lies."""

    uri: str
    content: Content


def reports(s3: Any, policy: Policy, until: datetime, count: int) -> list[Report]:
    """The newest reports up to a time, one a period and at most so many; from the days of these periods and the day before."""
    bucket, prefix = _split(policy.reports_uri)
    hours: dict[str, str] = {}
    for back in range(math.ceil(count * policy.hours / 24) + 1):
        day = until - timedelta(days=back)
        folder = _key(prefix, policy, f"{day:%Y/%m/%d}")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{folder}/"):
            for item in page.get("Contents", []):
                if match := REPORT_KEY.search(item["Key"]):
                    hours[match[1]] = item["Key"]
        if len([hour for hour in hours if hour <= _hour(until)]) >= count and back:
            break
    newest = sorted(hour for hour in hours if hour <= _hour(until))[-count:]
    found = [(hours[hour], _read(s3, bucket, hours[hour])) for hour in newest]
    return [Report(f"s3://{bucket}/{key}", content) for key, content in found if content is not None]


def of_windows(s3: Any, policy: Policy, windows: Sequence[Window]) -> list[Report]:
    """Reports of windows that waited for labels, as they were when the windows ended; those that are kept no longer are absent."""
    bucket, prefix = _split(policy.reports_uri)
    found = []
    for start, end in windows:
        named = (
            f"{end:%Y/%m/%d/%H}",
            f"{end:%Y/%m/%d/%H/%M}",
            f"{start:%Y/%m/%d/%H}",
        )  # which is the scheduler's business
        for name in named:
            key = f"{_key(prefix, policy, name)}/report.json"
            content = _read(s3, bucket, key)
            if content is not None and _window(content) == (start, end):
                found.append(Report(f"s3://{bucket}/{key}", content))
                break
    return found


def _key(prefix: str, policy: Policy, end: str) -> str:
    return "/".join(part for part in (prefix.strip("/"), policy.endpoint, policy.schedule, end) if part)


def _hour(time: datetime) -> str:
    return f"{time:%Y/%m/%d/%H/%M}"


def violations(found: Sequence[Content]) -> dict[str, int]:
    """Violations by check type over several reports and all their monitors."""
    counts: Counter[str] = Counter()
    for report in found:
        for monitor in report.get("monitors", []):
            counts.update(monitor.get("violations", {}))
    return dict(counts)


def shows(report: Content, alarm: Alarm, checks: Sequence[str]) -> bool:
    """Whether a run's own window shows what an alarm is about: a violated check, or a value that breaches its threshold."""
    for monitor in report.get("monitors", []):
        if any(monitor.get("violations", {}).get(check) for check in checks):
            return True
        about = [check for check in monitor.get("checks", []) if check.get("check_type") in checks]
        named = [check for check in about if _is_of(alarm.metric, str(check.get("subject")))]
        for check in named or about:
            value = check.get("observed") if check.get("distance") is None else check["distance"]
            if value is not None and alarm.is_beyond(value):
                return True
    return False


def late_windows(report: Content, alarm: Alarm, checks: Sequence[str]) -> list[Window]:
    """Windows before the run's own, scored in it because their labels came, that show what an alarm is about."""
    found = []
    for score in report.get("late", []):
        value = score.get("metrics", {}).get(alarm.metric)
        is_violated = any(each.get("constraint_check_type") in checks for each in score.get("violations", []))
        if is_violated or (value is not None and alarm.is_beyond(value)):
            found.append(_window(score))
    return [window for window in found if window is not None]


def tells(report: Content, alarm: Alarm, checks: Sequence[str]) -> bool:
    """Whether a run shows what an alarm is about, in its own window or in one whose labels came."""
    return bool(late_windows(report, alarm, checks)) or shows(report, alarm, checks)


def is_silent(table: Any, schedule: str) -> bool:
    """Whether the sweep found the schedule silent; nothing is known of one that the kit does not start itself."""
    item = table.get_item(Key={"pk": "silence", "sk": schedule}).get("Item") or {}
    return bool(item.get("is_stale", False))


def is_rehearsal(cloudwatch: Any, policy: Policy, alarm: Alarm, until: datetime) -> bool:
    """Whether a run of the periods that an alarm looked at was a rehearsal, which sends 1 where others send 0.

    The metric comes with those that the alarm watches, so it is there when the alarm is, whatever report is uploaded when.
    """
    answer = cloudwatch.get_metric_statistics(
        Namespace=policy.namespace,
        MetricName=REHEARSAL,
        Dimensions=[
            {"Name": "Endpoint", "Value": policy.endpoint},
            {"Name": "MonitoringSchedule", "Value": policy.schedule},
        ],
        StartTime=until - timedelta(hours=policy.hours * (alarm.windows + 1)),
        EndTime=until + timedelta(hours=1),
        Period=3600,
        Statistics=["Maximum"],
    )
    return any(point["Maximum"] >= 1 for point in answer["Datapoints"])


def _window(content: Content) -> Window | None:
    window = content.get("window")
    if not isinstance(window, Mapping):
        return None
    return datetime.fromisoformat(window["start"]), datetime.fromisoformat(window["end"])


def _read(s3: Any, bucket: str, key: str) -> Content | None:
    try:
        content: Content = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    except s3.exceptions.NoSuchKey:
        return None
    return content


def _is_of(metric: str, subject: str) -> bool:
    """Whether a metric is of one feature or one measure alone."""
    return metric not in OVER_ALL and (metric == subject or metric.endswith(f"_{subject}"))


def endpoint_status(sagemaker: Any, endpoint: str) -> str:
    """As DescribeEndpoint spells it: InService, Updating, …; `Missing` when there is no such endpoint."""
    try:
        return str(sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"])
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("ValidationException", "ResourceNotFound"):
            return "Missing"
        raise


def new_rows(s3: Any, uri: str, since: datetime | None, enough: int) -> int:
    """Lines of the objects below a prefix that came after a time; counting ends where there are enough."""
    bucket, prefix = _split(uri)
    rows = 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            if item["Size"] and (since is None or item["LastModified"] > since):
                rows += sum(1 for line in s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].iter_lines() if line)
            if rows >= enough:
                return rows
    return rows


def is_empty(s3: Any, uri: str) -> bool:
    """Whether no object with content lies below a prefix; consoles leave empty objects as folders."""
    bucket, prefix = _split(uri)
    answer = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=10)
    return not any(item["Size"] > 0 for item in answer.get("Contents", []))


def _split(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    return parts.netloc, parts.path.lstrip("/")
