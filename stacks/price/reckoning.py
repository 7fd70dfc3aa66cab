"""What one endpoint and what all of them share cost a month: items from settings and synthesized templates, times dated prices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from model_monitor import contract
from stacks.price.lists import instance_month, prices
from stacks.settings import published
from stacks.settings.analysis import QUALITY_METRICS
from stacks.settings.cadence import HOUR
from stacks.settings.endpoint import Endpoint
from stacks.settings.environment import Settings
from stacks.settings.monitor import Monitor

CONTROL: Final = "x86_64"  # the processor of the control plane's own functions
MEGABYTE: Final = 1 << 20
GIGABYTE: Final = 1 << 30
DAYS_A_MONTH: Final = 365 / 12
SERVING: Final = ("endpoint", "capture")  # what there would be without monitoring, or is the application's own choice
SWEEPS_PER_MONTH: Final = 4 * 730
FULL_SERIES: Final = {  # of each type at level full, without features, groups and slices
    "data_quality": 8,
    "model_quality": 6,
    "model_bias": 19,
    "model_explainability": 4,
    "custom_metrics": 4,
}
FULL_OF_A_RUN: Final = 14  # verdicts, what was read, causes
SERVICES: Final = ("sagemaker.api", "sagemaker.runtime", "monitoring", "logs", "ecr.api", "ecr.dkr", "sts", "kms")
FUNCTION_SERVICES: Final = ("ssm", "sns", "states", "events", "lambda")
Templates = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Item:
    """One line. kind: metrics, alarms, runs, …; of: its endpoint, "" for what all share."""

    kind: str
    what: str
    amount: float
    unit: str
    each: float
    of: str = ""

    @property
    def dollars(self) -> float:
        return self.amount * self.each


def items(settings: Settings, templates: Templates) -> list[Item]:
    """All of an environment. templates: stack name → template."""
    found = list(_shared(settings, templates))
    for name, endpoint in settings.endpoints.items():
        found += _endpoint(settings, name, endpoint, templates)
    return found


def total(found: Iterable[Item]) -> float:
    """Dollars a month."""
    return sum(item.dollars for item in found)


def series(endpoint: Endpoint, monitor: Monitor) -> int:
    """How many series a schedule publishes."""
    names = published.names(endpoint, monitor)
    if names is not None:
        return len(names)
    features = len(endpoint.payload.names) if endpoint.payload else endpoint.traffic.features
    told = features if endpoint.metrics.per_feature is contract.PerFeature.ALL else len(endpoint.metrics.critical)
    of_features = told * 3 if "data_quality" in monitor.types and endpoint.metrics.has_features else 0
    quality = len(QUALITY_METRICS[monitor.model_quality.problem]) if monitor.model_quality else 0
    return FULL_OF_A_RUN + sum(FULL_SERIES[type_] for type_ in monitor.types) + quality + of_features


def _endpoint(settings: Settings, name: str, endpoint: Endpoint, templates: Templates) -> Iterator[Item]:
    list_ = prices()
    for monitor_name, monitor in endpoint.monitors.items():
        for item in _runs(monitor_name, endpoint, monitor, settings.run_functions.architecture):
            yield Item(item.kind, item.what, item.amount, item.unit, item.each, name)
        count, share = series(endpoint, monitor), min(1.0, HOUR / monitor.period)
        yield Item("metrics", f"{monitor_name}: series", count * share, "months", list_["cloudwatch"]["metric"], name)
    prefix = f"{settings.environment}-{name}-"
    own = {stack: template for stack, template in templates.items() if stack.startswith(prefix)}
    yield from _alarms(own, name)
    yield from _kept(settings, name, endpoint)
    if endpoint.model is not None:
        for variant_name, variant in endpoint.model.variants.items():
            kind = variant.instance_type or endpoint.model.instance_type
            month = instance_month(kind)
            what = f"{variant_name}: {kind}" + ("" if month is not None else " (no price in prices.json)")
            count = variant.instance_count or endpoint.model.instance_count
            yield Item("endpoint", what, count, "instances", month or 0.0, name)


def _runs(name: str, endpoint: Endpoint, monitor: Monitor, architecture: str) -> Iterator[Item]:
    """Compute, control plane and requests of a schedule."""
    list_, counted = prices(), prices()["counted"]
    runs = list_["hours_per_month"] * (HOUR / monitor.period)
    window = (monitor.window_time or monitor.period) / HOUR
    megabytes = _captured_bytes(endpoint) * window / MEGABYTE
    seconds = megabytes * counted["seconds_per_megabyte"]
    if _is_small(monitor, megabytes):
        at = runs * (seconds + list_["lambda"]["start_seconds"]) * monitor.function_megabytes / 1024
        yield Item("runs", f"{name}: in Lambda", at, "GB-seconds", list_["lambda"]["per_gb_second"][architecture])
        yield Item("runs", f"{name}: calls", runs, "requests", list_["lambda"]["per_request"])
    else:
        hours = runs * (seconds + list_["processing"]["start_seconds"]) / 3600
        price = list_["instance_hour"].get(monitor.instance_type)
        what = f"{name}: jobs on {monitor.instance_type}" + ("" if price is not None else " (no price in prices.json)")
        yield Item("runs", what, hours, "hours", price or 0.0)
    yield Item(
        "requests", f"{name}: S3 writes and lists", runs * counted["puts_per_run"], "requests", list_["s3"]["per_put"]
    )
    yield Item("requests", f"{name}: S3 reads", runs * counted["gets_per_run"], "requests", list_["s3"]["per_get"])
    asked = 1 + 2 * len(endpoint.variant_names)
    yield Item("requests", f"{name}: CloudWatch", runs * asked, "calls", list_["cloudwatch"]["per_call"])
    logs = runs * counted["log_kb_per_run"] / MEGABYTE
    yield Item("requests", f"{name}: logs", logs, "GB", list_["cloudwatch"]["log_gb"])
    if monitor.is_managed:
        steps = runs * counted["transitions_per_run"]
        yield Item("state machine", f"{name}: transitions", steps, "transitions", list_["states"]["per_transition"])
        control = runs * counted["control_seconds_per_run"] * counted["control_gb"]
        yield Item(
            "state machine",
            f"{name}: plan and finish",
            control,
            "GB-seconds",
            list_["lambda"]["per_gb_second"][CONTROL],
        )
        yield Item("state machine", f"{name}: starts and events", 2 * runs, "events", list_["events"]["per_event"])
        yield Item("state machine", f"{name}: table, writes", 2 * runs, "writes", list_["dynamodb"]["per_write"])


def _is_small(monitor: Monitor, megabytes: float) -> bool:
    """Whether windows of this size run in a function, as lambda/plan chooses."""
    if not monitor.is_managed or monitor.runner == "processing":
        return False
    asks = monitor.model_explainability is not None and monitor.model_explainability.is_asked
    return monitor.runner == "lambda" or (not asks and megabytes <= monitor.function_max_megabytes)


def _captured_bytes(endpoint: Endpoint) -> float:
    """Bytes of capture an hour."""
    traffic = endpoint.traffic
    return traffic.records_per_hour * traffic.record_bytes * endpoint.capture.sampling_percentage / 100


def _kept(settings: Settings, name: str, endpoint: Endpoint) -> Iterator[Item]:
    """What lies in buckets once as much comes as goes."""
    list_, storage, counted = prices()["s3"], settings.storage, prices()["counted"]
    features = len(endpoint.payload.names) if endpoint.payload else endpoint.traffic.features
    for monitor_name, monitor in endpoint.monitors.items():
        runs = timedelta(days=storage.report_days) / monitor.period
        amount = runs * features * counted["reports_kb_per_feature"] / MEGABYTE
        is_cold = storage.has_cold_reports
        price = list_["gb_month_cold" if is_cold else "gb_month"]
        yield Item("storage", f"{monitor_name}: reports of {storage.report_days} days", amount, "GB", price, name)
        if is_cold:
            month = timedelta(days=DAYS_A_MONTH) / monitor.period
            yield Item("storage", f"{monitor_name}: moved there", month, "objects", list_["per_transition"], name)
    if endpoint.capture.destination is None:
        amount = _captured_bytes(endpoint) * 24 * storage.capture_days / GIGABYTE
        yield Item("capture", f"capture of {storage.capture_days} days", amount, "GB", list_["gb_month"], name)


def _shared(settings: Settings, templates: Templates) -> Iterator[Item]:
    list_ = prices()
    prefixes = tuple(f"{settings.environment}-{name}-" for name in settings.endpoints)
    shared = {stack: template for stack, template in templates.items() if not stack.startswith(prefixes)}
    yield from _alarms(shared, "")
    yield Item("metrics", "silent monitors", 1, "months", list_["cloudwatch"]["metric"])
    yield Item(
        "dashboard",
        "beyond an account's first three",
        _count(shared, "Dashboard"),
        "dashboards",
        list_["cloudwatch"]["dashboard"],
    )
    keys = sum(r["Type"] == "AWS::KMS::Key" for t in templates.values() for r in t.get("Resources", {}).values())
    yield Item("keys", "KMS keys", keys, "keys", list_["kms"]["key"])
    yield Item("state machine", "sweep", SWEEPS_PER_MONTH * 2, "GB-seconds", list_["lambda"]["per_gb_second"][CONTROL])
    network = settings.network
    if network.is_private and not network.has_endpoints:
        services = len(SERVICES) + (len(FUNCTION_SERVICES) if network.functions else 0)
        hours = services * len(network.subnets) * list_["hours_per_month"]
        what = f"{services} interface endpoints in {len(network.subnets)} subnets"
        yield Item("VPC endpoints", what, hours, "hours", list_["vpc"]["interface_hour"])


def _alarms(templates: Templates, of: str) -> Iterator[Item]:
    """An alarm is charged by the metrics that it reads."""
    list_, found = prices()["cloudwatch"], _resources(templates, "Alarm")
    metrics = sum(max(1, sum("MetricStat" in query for query in alarm.get("Metrics", ()))) for alarm in found)
    yield Item("alarms", f"{len(found)} alarms", metrics, "metrics", list_["alarm_metric"], of)
    if composites := _count(templates, "CompositeAlarm"):
        yield Item("alarms", "composite alarms", composites, "alarms", list_["composite_alarm"], of)


def _count(templates: Templates, kind: str) -> int:
    return len(_resources(templates, kind))


def _resources(templates: Templates, kind: str) -> list[Mapping[str, Any]]:
    resources = [r for template in templates.values() for r in template.get("Resources", {}).values()]
    return [r["Properties"] for r in resources if r["Type"] == f"AWS::CloudWatch::{kind}"]
