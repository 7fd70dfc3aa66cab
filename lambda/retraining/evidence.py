"""What is true at this moment: reports of the windows, the endpoint, training jobs, channels. Each function asks one service."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from alarms import Alarm
from botocore.exceptions import ClientError
from decide import Jobs, hour_of, stem
from policy import Policy

Window = tuple[datetime, datetime]  # start and end
REHEARSAL = "rehearsal"
OVER_ALL = frozenset({"drift_max"})  # metrics over all features, whatever a feature may be called
REPORT_KEY = re.compile(r"/(\d{4}/\d\d/\d\d/\d\d(?:/\d\d)?)/report\.json$")  # by the minute where runs come more often


def reports(s3: Any, uri: str, endpoint: str, schedule: str, alarm: Alarm, period: float) -> list[Mapping[str, Any]]:
    """The newest reports up to the state change, one per period of so many hours that the alarm looked at; from the days
    of these periods and the day before."""
    bucket, prefix = _split(uri)
    hours: dict[str, str] = {}
    for back in range(math.ceil(alarm.windows * period / 24) + 1):
        day = alarm.time - timedelta(days=back)
        folder = "/".join(part for part in (prefix.strip("/"), endpoint, schedule, f"{day:%Y/%m/%d}") if part)
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{folder}/"):
            for item in page.get("Contents", []):
                if match := REPORT_KEY.search(item["Key"]):
                    hours[match[1]] = item["Key"]
    newest = sorted(hour for hour in hours if hour <= f"{alarm.time:%Y/%m/%d/%H/%M}")[-alarm.windows :]
    return [json.loads(s3.get_object(Bucket=bucket, Key=hours[hour])["Body"].read()) for hour in newest]


def of_windows(s3: Any, uri: str, endpoint: str, schedule: str, windows: Sequence[Window]) -> list[Mapping[str, Any]]:
    """Reports of windows that waited for labels, as they were when the windows ended; those that are kept no longer are absent."""
    bucket, prefix = _split(uri)
    found = []
    for start, end in windows:
        named = (
            f"{end:%Y/%m/%d/%H}",
            f"{end:%Y/%m/%d/%H/%M}",
            f"{start:%Y/%m/%d/%H}",
        )  # which is the scheduler's business
        for name in named:
            folder = "/".join(part for part in (prefix.strip("/"), endpoint, schedule, name) if part)
            report = _read(s3, bucket, f"{folder}/report.json")
            if report is not None and _window(report) == (start, end):
                found.append(report)
                break
    return found


def violations(found: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Violations by check type over several reports and all their monitors."""
    counts: Counter[str] = Counter()
    for report in found:
        for monitor in report.get("monitors", []):
            counts.update(monitor.get("violations", {}))
    return dict(counts)


def shows(report: Mapping[str, Any], alarm: Alarm, checks: Sequence[str]) -> bool:
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


def late_windows(report: Mapping[str, Any], alarm: Alarm, checks: Sequence[str]) -> list[Window]:
    """Windows before the run's own, scored in it because their labels came, that show what an alarm is about."""
    found = []
    for score in report.get("late", []):
        value = score.get("metrics", {}).get(alarm.metric)
        is_violated = any(each.get("constraint_check_type") in checks for each in score.get("violations", []))
        if is_violated or (value is not None and alarm.is_beyond(value)):
            found.append(_window(score))
    return [window for window in found if window is not None]


def is_rehearsal(cloudwatch: Any, policy: Policy, alarm: Alarm) -> bool:
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
        StartTime=alarm.time - timedelta(hours=policy.hours * (alarm.windows + 1)),
        EndTime=alarm.time + timedelta(hours=1),
        Period=3600,
        Statistics=["Maximum"],
    )
    return any(point["Maximum"] >= 1 for point in answer["Datapoints"])


def _window(content: Mapping[str, Any]) -> Window | None:
    window = content.get("window")
    if not isinstance(window, Mapping):
        return None
    return datetime.fromisoformat(window["start"]), datetime.fromisoformat(window["end"])


def _read(s3: Any, bucket: str, key: str) -> Mapping[str, Any] | None:
    try:
        content: Mapping[str, Any] = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
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


def jobs(sagemaker: Any, prefix: str) -> Jobs:
    """The newest training jobs of this policy. NameContains matches anywhere, so names are compared again."""
    answer = sagemaker.list_training_jobs(
        NameContains=stem(prefix), SortBy="CreationTime", SortOrder="Descending", MaxResults=100
    )
    ours = [
        (str(item["TrainingJobName"]), str(item["TrainingJobStatus"]))
        for item in answer["TrainingJobSummaries"]
        if hour_of(prefix, item["TrainingJobName"]) is not None
    ]
    return Jobs(
        names=tuple(name for name, _ in ours),
        in_progress=tuple(name for name, status in ours if status in ("InProgress", "Stopping")),
    )


def is_empty(s3: Any, uri: str) -> bool:
    """Whether no object with content lies below a prefix; consoles leave empty objects as folders."""
    bucket, prefix = _split(uri)
    answer = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=10)
    return not any(item["Size"] > 0 for item in answer.get("Contents", []))


def _split(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    return parts.netloc, parts.path.lstrip("/")
