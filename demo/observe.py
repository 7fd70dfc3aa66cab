"""Reads from the account what became of an hour, through the APIs an operator has; the e-mails alone come from the twin."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlparse

from demo.observations import Decision, Observed, Release, Sent
from model_monitor import contract

HOUR = timedelta(hours=1)
VIOLATED = "violated"
NO_RUNNER = "none"  # of a window that needed none
VERDICTS = tuple(contract.Verdict)
RECORDED = ("asked_by", "action", "rule", "reason", "detail", "run")  # of a decision
ROUTED = ("routed_uncertain", "routed_sample")  # what a report says of tasks for people
VALUES = ("accuracy", contract.METRIC_LABEL_COVERAGE)


class Account(Protocol):
    """An account as a client sees it, with the people's mailboxes, which no API shows."""

    def client(self, service: str) -> Any: ...

    @property
    def emails(self) -> Sequence[Email]: ...


@dataclass(frozen=True, slots=True)
class Email:
    """A message that the topic delivered to a person."""

    time: datetime
    subject: str


@dataclass
class Observer:
    """Looks at one deployed environment. `folder` is where the reports are copied, under their keys, for people to read."""

    account: Account
    folder: Path
    runs: str = ""  # the environment's table
    seen_training_jobs: set[str] = field(default_factory=set)

    def schedules(self, environment: str) -> dict[str, str]:
        """endpoint → its schedule."""
        pages = self.account.client("ssm").get_paginator("get_parameters_by_path")
        found = [
            json.loads(parameter["Value"])
            for page in pages.paginate(Path=contract.monitors_prefix(environment))
            for parameter in page["Parameters"]
        ]
        return {monitor["endpoint"]: monitor["schedule"] for monitor in found}

    def baselines(self, environment: str, endpoints: Sequence[str]) -> dict[str, str]:
        """endpoint → the version of its live baseline."""
        ssm = self.account.client("ssm")
        names = {contract.live_parameter(environment, endpoint, "baseline"): endpoint for endpoint in endpoints}
        found = ssm.get_parameters(Names=list(names))["Parameters"]
        return {names[parameter["Name"]]: parameter["Value"] for parameter in found}

    def releases(self, environment: str, bucket: str) -> list[Release]:
        """How each retraining ended, by its record, and whether what it made is live now."""
        s3, found = self.account.client("s3"), []
        for key in sorted(list_keys(s3, bucket, "retraining/")):
            if not key.endswith("/record.json"):
                continue
            record = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
            made = {"model": record["artifact"], "baseline": record.get("version", "")}
            names = {contract.live_parameter(environment, record["endpoint"], what): what for what in made}
            live = self.account.client("ssm").get_parameters(Names=list(names))["Parameters"]
            is_live = {names[each["Name"]]: each["Value"] for each in live} == made
            found.append(
                Release(
                    record["endpoint"],
                    record["run"],
                    record["result"],
                    record["reason"],
                    record["comparison"].get("verdict", ""),
                    record["artifact"],
                    record.get("version", ""),
                    is_live,
                )
            )
        return found

    def hour(self, endpoint: str, schedule: str, phase: str, start: datetime, sent: Sent) -> Observed:
        """Everything about one window; call it when the window's execution and its alarms are over."""
        seen = Observed(endpoint, phase, start, start + HOUR, sent)
        self._run(seen, schedule)
        self._metrics(seen, schedule)
        until = seen.end + HOUR
        names = self._alarms_of(endpoint)
        seen.alarms = [name for time, name in self._alarmed(seen.end, until) if name in names]
        seen.messages = [
            email.subject
            for email in self.account.emails
            if seen.end <= email.time < until and any(email.subject.startswith(f'ALARM: "{name}"') for name in names)
        ]
        seen.decisions = [decision for decision in self.decisions(endpoint) if seen.end <= decision.time < until]
        seen.training_jobs = self._new_training_jobs(endpoint)
        return seen

    def decisions(self, endpoint: str) -> list[Decision]:
        """All that was decided about an endpoint's retraining, oldest first; of one moment a start before what it refused."""
        pages = self.account.client("dynamodb").get_paginator("query")
        wanted = {":pk": {"S": f"decision#{endpoint}"}}
        found = [
            _decision(item)
            for page in pages.paginate(
                TableName=self.runs, KeyConditionExpression="pk = :pk", ExpressionAttributeValues=wanted
            )
            for item in page["Items"]
        ]
        return sorted(found, key=lambda decision: (decision.time, decision.record["action"] != "start"))

    # --- the execution and its report ---------------------------------------------------------------------------------

    def _run(self, seen: Observed, schedule: str) -> None:
        """What the control plane keeps of the window's run."""
        table = self.account.client("dynamodb")
        key = {"pk": {"S": f"run#{schedule}"}, "sk": {"S": seen.end.strftime(contract.TIME_FORMAT)}}
        item = table.get_item(TableName=self.runs, Key=key).get("Item")
        if item is None or "verdict" not in item:
            return
        row = {name: next(iter(value.values())) for name, value in item.items()}
        seen.runner, seen.reason = row["runner"], row["reason"]
        seen.containers_started = int(seen.runner != NO_RUNNER)
        if row["report"]:
            self._report(seen, row["report"].rpartition("/")[0])

    def _report(self, seen: Observed, uri: str) -> None:
        folder = self._download(uri)
        path = folder / contract.REPORT_FILE
        if not path.is_file():
            return
        report = json.loads(path.read_text())
        seen.report = str(path)
        seen.verdict = report["verdict"]
        seen.records = report["reading"]["records"]
        seen.rejects = report["reading"]["rejected"]
        seen.monitors = {monitor["key"]: monitor["verdict"] for monitor in report["monitors"]}
        seen.violations, seen.features = read_violations(report)
        seen.routed = {name: int((report.get("review") or {}).get(name, 0)) for name in ROUTED}

    def _download(self, uri: str) -> Path:
        """Copy what lies below an S3 URI; returns the local folder."""
        place = urlparse(uri)
        prefix = place.path.strip("/") + "/"
        target = self.folder / prefix
        for key in list_keys(self.account.client("s3"), place.netloc, prefix):
            path = self.folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            self.account.client("s3").download_file(place.netloc, key, str(path))
        return target

    # --- metrics, alarms, messages, training ---------------------------------------------------------------------------

    def _metrics(self, seen: Observed, schedule: str) -> None:
        """The 0/1 metrics of the window's verdict and the model's own values, as alarms see them."""
        for verdict in VERDICTS:
            if (value := self._maximum(f"run_{verdict}", seen, schedule)) is not None:
                seen.run_metrics[f"run_{verdict}"] = value
        for name in VALUES:
            if (value := self._maximum(name, seen, schedule)) is not None:
                seen.values[name] = value
        if not seen.verdict:
            seen.verdict = next((v for v in VERDICTS if seen.run_metrics.get(f"run_{v}")), "")

    def _maximum(self, name: str, seen: Observed, schedule: str) -> float | None:
        """Of one metric in the hour after a window, None where nothing was published."""
        cloudwatch = self.account.client("cloudwatch")
        wanted = contract.dimensions(seen.endpoint, schedule)
        for metric in cloudwatch.list_metrics(MetricName=name)["Metrics"]:
            if {entry["Name"]: entry["Value"] for entry in metric["Dimensions"]} != wanted:
                continue
            points = cloudwatch.get_metric_statistics(
                **{key: metric[key] for key in ("Namespace", "MetricName", "Dimensions")},
                StartTime=seen.end,
                EndTime=seen.end + HOUR,
                Period=3600,
                Statistics=["Maximum"],
            )["Datapoints"]
            if points:
                return max(float(point["Maximum"]) for point in points)
        return None

    def _alarms_of(self, endpoint: str) -> set[str]:
        """Alarms that watch a metric of this endpoint."""
        described = self.account.client("cloudwatch").describe_alarms()["MetricAlarms"]
        return {alarm["AlarmName"] for alarm in described if endpoint in _dimension_values(alarm)}

    def _alarmed(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, str]]:
        history = self.account.client("cloudwatch").describe_alarm_history(
            HistoryItemType="StateUpdate", StartDate=start, EndDate=end, ScanBy="TimestampAscending"
        )["AlarmHistoryItems"]
        for item in history:
            state = json.loads(item["HistoryData"])["newState"]["stateValue"]
            if state == "ALARM":
                yield item["Timestamp"], item["AlarmName"]

    def _new_training_jobs(self, endpoint: str) -> list[str]:
        listed = self.account.client("sagemaker").list_training_jobs()["TrainingJobSummaries"]
        names = [job["TrainingJobName"] for job in listed if endpoint in job["TrainingJobName"]]
        new = sorted(name for name in names if name not in self.seen_training_jobs)
        self.seen_training_jobs.update(new)
        return new


def read_violations(report: dict[str, Any]) -> tuple[dict[str, int], dict[str, list[str]]]:
    """(check type → violations, check type → features) over every monitor of a report."""
    counts: Counter[str] = Counter()
    features: dict[str, list[str]] = defaultdict(list)
    for monitor in report["monitors"]:
        counts.update(monitor["violations"])
        for check in monitor["checks"]:
            if check["outcome"] == VIOLATED:
                features[check["check_type"]].extend(_subjects(check))
    return dict(sorted(counts.items())), {check: sorted(names) for check, names in sorted(features.items())}


def _subjects(check: dict[str, Any]) -> list[str]:
    """The features of a violated check; a check of all columns names them at the end of its description."""
    _, found, names = str(check["description"]).rpartition(f"{check['subject']}: ")
    return names.split(", ") if found else [str(check["subject"])]


def _decision(item: dict[str, Any]) -> Decision:
    """A decision of the table; all that is shown of it is text."""
    told = {name: str(item[name].get("S", "")) for name in ("endpoint", "alarm", *RECORDED)}
    detail = f" ({told['detail']})" if told["detail"] else ""
    return Decision(
        time=datetime.fromisoformat(item["decided_at"]["S"]),
        endpoint=told["endpoint"],
        alarm=told["alarm"],
        text=f"{told['action']}: {told['reason']}{detail}",
        record={name: told[name] for name in RECORDED},
    )


def list_keys(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    """Every key below a prefix."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", ()):
            yield entry["Key"]


def _dimension_values(alarm: dict[str, Any]) -> set[str]:
    """The dimension values of an alarm's metric, or of every metric of its expression."""
    metrics = [alarm, *(query["MetricStat"]["Metric"] for query in alarm.get("Metrics", ()) if "MetricStat" in query)]
    return {entry["Value"] for metric in metrics for entry in metric.get("Dimensions", ())}
