"""What came of a run, from its report and what the state machine saw: pure, no AWS calls, no clock, no environment."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import causes

VERDICTS = ("no_data", "waiting", "ok", "insufficient_data", "violated", "error")
JUDGED = ("ok", "violated")
ALIVE = (*JUDGED, "waiting")  # no silence: judged, or waiting for labels by design
NONE, LAMBDA, PROCESSING = "none", "lambda", "processing"
NO_DATA_REASON = "Job inputs had no data"
NO_REPORT = "the run ended without a report; its log says why"
METRICS_PER_CALL = 1000
TRAFFIC = {  # what is asked about each variant: how often it was called, and how full its disk was
    "calls": ("AWS/SageMaker", "Invocations", "Sum"),
    "disk": ("/aws/sagemaker/Endpoints", "DiskUtilization", "Maximum"),
}
FULLEST = 75  # percent; SageMaker stops capturing while a disk is fuller, to protect the endpoint
FEW = 30  # captured calls below which a share says nothing
CHANCE = 4  # standard deviations of a sample
MAIN_QUALITY = ("f1", "accuracy", "rmse")
REASON_MAX = 1000
EVENT_SOURCE, EVENT_TYPE = "model-monitor", "Monitoring Run Ended"

# US dollars, us-east-1, from the price pages of 2026-11: Lambda by gigabyte-second, Processing by instance-hour
LAMBDA_GIGABYTE_SECOND = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
INSTANCE_HOUR = {
    "ml.t3.medium": 0.05,
    "ml.t3.large": 0.1,
    "ml.t3.xlarge": 0.2,
    "ml.m5.large": 0.115,
    "ml.m5.xlarge": 0.23,
    "ml.m5.2xlarge": 0.461,
    "ml.m5.4xlarge": 0.922,
    "ml.c5.xlarge": 0.204,
    "ml.c5.2xlarge": 0.408,
    "ml.c5.4xlarge": 0.816,
    "ml.r5.large": 0.151,
    "ml.r5.xlarge": 0.302,
    "ml.r5.2xlarge": 0.605,
}


@dataclass(frozen=True)
class Ended:
    """What is remembered and told of a run."""

    verdict: str
    reason: str
    runner: str
    records: int = 0
    violations: int = 0
    seconds: float = 0.0
    cost: float | None = None


def is_of_this_run(report: Mapping[str, Any] | None, plan: Mapping[str, Any]) -> bool:
    """Whether a report was left by this attempt: an earlier one may have written to the same folder."""
    details = ((report or {}).get("run") or {}).get("details") or {}
    return bool(plan["name"]) and details.get("processing_job_name") == plan["name"]


def ended(plan: Mapping[str, Any], report: Mapping[str, Any] | None) -> Ended:
    """The verdict of a run. plan: what the first step answered, with `result` of the runner or `error` of a step."""
    runner = NONE if plan.get("runner") == NONE else str(plan.get("ran_as") or plan.get("runner") or NONE)
    if runner == NONE and "error" not in plan:
        return Ended("no_data", NO_DATA_REASON, NONE)
    seconds = _seconds(plan)
    cost = _cost(runner, seconds, plan)
    if report is None or not is_of_this_run(report, plan):
        return Ended("error", _cause(plan) or NO_REPORT, runner, seconds=seconds, cost=cost)
    found = report.get("monitors", [])
    return Ended(
        verdict=str(report["verdict"]),
        reason=str(report.get("reason") or "")[:REASON_MAX],
        runner=runner,
        records=int(report["reading"]["records"]),
        violations=sum(sum(monitor.get("violations", {}).values()) for monitor in found),
        seconds=seconds,
        cost=cost,
    )


def captured(plan: Mapping[str, Any], report: Mapping[str, Any] | None) -> int | None:
    """Requests that were captured of the window; None where nobody read them."""
    if report is not None and is_of_this_run(report, plan):
        reading = report["reading"]
        return int(reading.get("events", reading["records"])) + int(reading.get("rejected", 0))
    return 0 if plan.get("runner") == NONE and "error" not in plan else None


def queries(traffic: Mapping[str, Any], endpoint: str) -> list[dict[str, Any]]:
    """Calls and disk of each variant, which CloudWatch is asked for at once."""
    return [
        {
            "Id": f"{name}{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": namespace,
                    "MetricName": metric,
                    "Dimensions": [
                        {"Name": "EndpointName", "Value": endpoint},
                        {"Name": "VariantName", "Value": variant},
                    ],
                },
                "Period": traffic["period_seconds"],
                "Stat": statistic,
            },
        }
        for number, variant in enumerate(traffic["variants"])
        for name, (namespace, metric, statistic) in TRAFFIC.items()
    ]


def is_lost(traffic: Mapping[str, Any], found: int | None, answer: Mapping[str, Any]) -> bool:
    """Whether fewer requests were captured than calls and sampling explain, or the disk is so full that capturing stops.

    found: captured requests. answer: as GetMetricData answers `queries`.
    """
    values = {each["Id"]: each["Values"] for each in answer["MetricDataResults"]}
    if any(disk > FULLEST for name, disks in values.items() if name.startswith("disk") for disk in disks):
        return True
    calls = sum(sum(counts) for name, counts in values.items() if name.startswith("calls"))
    share = float(traffic["sampling_percentage"]) / 100
    by_chance = CHANCE * math.sqrt(calls * share * (1 - share))
    expected = calls * share
    return found is not None and expected >= FEW and found < float(traffic["captured_share"]) * expected - by_chance


def with_cause(points: list[dict[str, Any]], cause: str) -> list[dict[str, Any]]:
    """The same points with one more cause, where `causes` is among them."""
    more = causes.number(cause)
    return [p | {"Value": p["Value"] + more} if p["MetricName"] == causes.METRIC else p for p in points]


def shown(report: Mapping[str, Any] | None) -> dict[str, float | str]:
    """What a dashboard shows of a window beside its verdict: kept in the table, where no series has to be paid for it.

    Quality is of the window's own labels, or of the latest window before it whose labels came.
    """
    found: dict[str, float | str | None] = {}
    for monitor in (report or {}).get("monitors", ()):
        summary = monitor.get("summary") or {}
        if monitor.get("key") == "data_quality":
            found |= {name: summary.get(name) for name in ("drift_max", "drifted_share")}
        if monitor.get("key") == "model_quality":
            found["coverage"] = (summary.get("labels") or {}).get("coverage")
            found |= _quality({each["name"]: each["value"] for each in summary.get("metrics", ())})
    for score in (report or {}).get("late", ()):
        if score.get("monitor") == "model_quality" and score.get("state") == "scored":
            found |= _quality(score.get("metrics", {}))
    return {name: value for name, value in found.items() if value is not None}


def _quality(values: Mapping[str, float | None]) -> dict[str, float | str | None]:
    """The one that is asked for first, of two classes, of several, of numbers."""
    name = next((name for name in MAIN_QUALITY if values.get(name) is not None), None)
    return {} if name is None else {"quality": values[name], "quality_name": name}


def _seconds(plan: Mapping[str, Any]) -> float:
    result = plan.get("result") or _described(plan)
    if "seconds" in result:
        return float(result["seconds"])
    started, stopped = (_time(result.get(name)) for name in ("ProcessingStartTime", "ProcessingEndTime"))
    return 0.0 if started is None or stopped is None else max(0.0, stopped - started)


def _described(plan: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a job that failed is described as, in the cause of the error."""
    try:
        told = json.loads(str((plan.get("error") or {}).get("Cause") or ""))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _time(told: object) -> float | None:
    """Seconds since 1970, of milliseconds or of a text."""
    if isinstance(told, int | float):
        return told / 1000
    try:
        return datetime.fromisoformat(str(told)).timestamp()
    except ValueError:
        return None


def _cost(runner: str, seconds: float, plan: Mapping[str, Any]) -> float | None:
    """US dollars of the run's own compute; None where the price of the instance is not known here."""
    if runner == LAMBDA:
        price_of_second = LAMBDA_GIGABYTE_SECOND[str(plan.get("function_architecture", "x86_64"))]
        return round(seconds * float(plan["function_megabytes"]) / 1024 * price_of_second, 6)
    price = INSTANCE_HOUR.get(str(plan.get("instance_type")))
    return None if price is None or runner != PROCESSING else round(seconds / 3600 * price, 6)


def _cause(plan: Mapping[str, Any]) -> str:
    """Why there is no report, in the words of the step that failed."""
    error = plan.get("error") or {}
    cause, told = str(error.get("Cause") or ""), _described(plan)
    cause = str(told.get("FailureReason") or told.get("ExitMessage") or told.get("errorMessage") or cause)
    name = str(error.get("Error") or "")
    return f"{name}: {cause}".strip(": ")[:REASON_MAX]


def verdict_metrics(plan: Mapping[str, Any], verdict: str) -> list[dict[str, Any]]:
    """What a run emits of its verdict, for runs in which no container could: one 0/1 metric each, and no records, as far
    as its schedule publishes them."""
    dimensions = [
        {"Name": "Endpoint", "Value": plan["endpoint"]},
        {"Name": "MonitoringSchedule", "Value": plan["schedule"]},
    ]
    values = {"records": 0.0, causes.METRIC: causes.of_verdict(verdict)}
    values |= {f"run_{each}": float(each == verdict) for each in VERDICTS}
    return [
        {
            "MetricName": name,
            "Dimensions": dimensions,
            "Timestamp": _metric_time(plan),
            "Value": value,
            "Unit": "Count",
        }
        for name, value in causes.kept(values, plan.get("published")).items()
    ]


def written_metrics(lines: str, plan: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Namespace → points, from the run's metrics.jsonl."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in lines.splitlines():
        point = json.loads(line) | {"Timestamp": _metric_time(plan)}
        found.setdefault(point.pop("Namespace"), []).append(point)
    return found


def _metric_time(plan: Mapping[str, Any]) -> datetime:
    """The window's end; for a run that is late, and where runs come more often than hourly, now: alarms do not see old values.

    `metrics_until`: until when the end of the window is recent enough.
    """
    end, now = datetime.fromisoformat(plan["window"]["end"]), datetime.fromisoformat(plan["now"])
    until = plan.get("metrics_until")
    return end if until is not None and now <= datetime.fromisoformat(until) else now


def calls(points: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """As many at a time as PutMetricData takes."""
    for first in range(0, len(points), METRICS_PER_CALL):
        yield points[first : first + METRICS_PER_CALL]


def event(plan: Mapping[str, Any], run: Ended) -> dict[str, Any]:
    """What is told on EventBridge: never a value of the data."""
    return {
        "endpoint": plan["endpoint"],
        "schedule": plan["schedule"],
        "window": dict(plan["window"]),
        "verdict": run.verdict,
        "reason": run.reason,
        "violations": run.violations,
        "records": run.records,
        "runner": run.runner,
        "report": plan.get("report", "") if run.runner != NONE else "",
    }
