"""From an environment file to what a run reads: the configuration asset, and the version of the baseline that goes with it.

Pure: settings in, documents out. The core refuses what it does not know, so this is the one writer of that format.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from model_monitor import contract
from stacks.endpoint_settings import Endpoint, Payload
from stacks.monitor_settings import Monitor


def payload_document(payload: Payload) -> dict[str, Any]:
    """The mapping, as the core and the serving and training scripts read it."""
    return payload.model_dump(mode="json")


def configuration_document(endpoint_name: str, endpoint: Endpoint, monitor_name: str) -> dict[str, Any]:
    """What the runs of one schedule read and check. Where the baseline lies is a variable: buckets are named at deployment."""
    monitor = endpoint.monitors[monitor_name]
    return {
        "version": contract.CONFIG_VERSION,
        "endpoint": endpoint_name,
        "schedule": contract.schedule_name(endpoint_name, monitor_name),
        "payload": None if endpoint.payload is None else payload_document(endpoint.payload),
        "monitors": {type_: _monitor_document(monitor) for type_ in monitor.types},
        "max_rejected_fraction": monitor.max_rejected_fraction,
        "metrics": endpoint.metrics.model_dump(mode="json"),
    }


def _monitor_document(monitor: Monitor) -> dict[str, Any]:
    document: dict[str, Any] = {
        "min_records": monitor.min_records,
        "check_non_negative": monitor.check_non_negative,
    }
    if config := monitor.thresholds.as_monitoring_config():
        document["monitoring_config"] = config
    if features := {name: thresholds.as_monitoring_config() for name, thresholds in monitor.features.items()}:
        document["features"] = features
    return document


def baseline_version(endpoint: Endpoint, monitor_name: str) -> str:
    """`v{revision}-{hash}`: another dataset, mapping or set of monitors is another version; thresholds are not part of it."""
    monitor = endpoint.monitors[monitor_name]
    made_of = {
        "baseline": monitor.baseline.model_dump(mode="json"),
        "payload": None if endpoint.payload is None else payload_document(endpoint.payload),
        "types": list(monitor.types),
    }
    digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    return f"v{monitor.baseline.revision}-{digest[:10]}"
