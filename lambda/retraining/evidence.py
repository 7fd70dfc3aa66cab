"""What is true at this moment: reports of the windows, the endpoint, training jobs, channels. Each function asks one service."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from alarms import Alarm
from botocore.exceptions import ClientError
from decide import Jobs, hour_of, stem

OVER_ALL = frozenset({"drift_max"})  # metrics over all features, whatever a feature may be called
REPORT_KEY = re.compile(r"/(\d{4}/\d\d/\d\d/\d\d)/report\.json$")


def reports(s3: Any, uri: str, endpoint: str, schedule: str, alarm: Alarm) -> list[Mapping[str, Any]]:
    """The newest reports up to the state change, one per period the alarm looked at; from its day and the day before."""
    bucket, prefix = _split(uri)
    hours: dict[str, str] = {}
    for day in (alarm.time, alarm.time - timedelta(days=1)):
        folder = "/".join(part for part in (prefix.strip("/"), endpoint, schedule, f"{day:%Y/%m/%d}") if part)
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{folder}/"):
            for item in page.get("Contents", []):
                if match := REPORT_KEY.search(item["Key"]):
                    hours[match[1]] = item["Key"]
    newest = sorted(hour for hour in hours if hour <= f"{alarm.time:%Y/%m/%d/%H}")[-alarm.windows :]
    return [json.loads(s3.get_object(Bucket=bucket, Key=hours[hour])["Body"].read()) for hour in newest]


def violations(found: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Violations by check type over several reports and all their monitors."""
    counts: Counter[str] = Counter()
    for report in found:
        for monitor in report.get("monitors", []):
            counts.update(monitor.get("violations", {}))
    return dict(counts)


def shows(report: Mapping[str, Any], alarm: Alarm, checks: Sequence[str]) -> bool:
    """Whether a report shows what an alarm is about: a violated check, or a value that breaches the alarm's own threshold."""
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
