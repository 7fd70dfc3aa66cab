"""From an environment file to what a run reads: the configuration asset, and the version of the baseline that goes with it.

`python -m stacks.configuration NAME ENDPOINT` prints it for a laptop. All else is pure: settings in, documents out. The core
refuses what it does not know, so this is the one writer of that format.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping
from typing import Any

from model_monitor import contract
from stacks.settings import published
from stacks.settings.attribution import ModelExplainability, shadow_prefix
from stacks.settings.endpoint import Endpoint
from stacks.settings.environment import SettingsFaults, find
from stacks.settings.monitor import Monitor
from stacks.settings.payload import Payload


def payload_document(payload: Payload) -> dict[str, Any]:
    """The mapping, as the core and the serving and training scripts read it."""
    document = payload.model_dump(mode="json")
    for role in ("prediction", "score"):
        if document[role] is None:  # the names in `output` stand for columns of datasets too
            del document[role]
    for key in ("features", "metadata"):
        if not document[key]:
            del document[key]
    if document["missing"] is None:  # the core's own default
        del document["missing"]
    if document["output"]["attributions"] is None:
        del document["output"]["attributions"]
    return document


def configuration_document(
    endpoint_name: str,
    endpoint: Endpoint,
    monitor_name: str,
    code: Mapping[str, str] | None = None,
    links: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What the runs of one schedule read and check. Where baselines, labels and the history lie are variables: buckets are
    named at deployment.

    code: path of a Python file in this repository → S3 URI that it is uploaded to. links: where its pages lead.
    """
    monitor = endpoint.monitors[monitor_name]
    blocks: dict[str, Any] = {type_: _type_document(endpoint_name, monitor, type_) for type_ in monitor.types}
    document = _document(endpoint_name, endpoint, monitor_name, blocks, code or {})
    return document | _review(endpoint, monitor_name) | ({"links": dict(links)} if links else {})


def comparison_document(endpoint_name: str, endpoint: Endpoint) -> dict[str, Any]:
    """What a comparison of two models reads: what rows and answers mean, what is predicted, the facets of bias."""
    blocks: dict[str, Any] = {}
    for type_ in ("model_quality", "model_bias"):
        found = [monitor for monitor in endpoint.monitors.values() if type_ in monitor.types]
        if found:
            blocks[type_] = _type_document(endpoint_name, found[0], type_)
    problem = endpoint.retraining.gate.problem_type if endpoint.retraining else None
    if problem is not None or "model_quality" not in blocks:
        blocks["model_quality"] = {"problem_type": problem or "multiclass"}
    payload = None if endpoint.payload is None else payload_document(endpoint.payload)
    return {"version": contract.CONFIG_VERSION, "payload": payload, "monitors": blocks}


def baseline_document(endpoint_name: str, endpoint: Endpoint, code: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What the baseline job reads: every type of every schedule that has a computed baseline, each as it is set first."""
    blocks: dict[str, Any] = {}
    for monitor in endpoint.computed.values():
        for type_ in monitor.types:
            blocks.setdefault(type_, _type_document(endpoint_name, monitor, type_))
    return _document(endpoint_name, endpoint, next(iter(endpoint.computed)), blocks, code or {})


def _document(
    endpoint_name: str, endpoint: Endpoint, monitor_name: str, blocks: dict[str, Any], code: Mapping[str, str]
) -> dict[str, Any]:
    monitor = endpoint.monitors[monitor_name]
    given = monitor.scripts.model_dump(mode="json", exclude_none=True)
    scripts = {key: code.get(place, place) for key, place in given.items()}
    if (module := blocks.get("custom_metrics", {}).get("module")) is not None:
        blocks["custom_metrics"]["module"] = code.get(module, module)
    return {
        "version": contract.CONFIG_VERSION,
        "endpoint": endpoint_name,
        "schedule": contract.schedule_name(endpoint_name, monitor_name),
        "payload": None if endpoint.payload is None else payload_document(endpoint.payload),
        "monitors": blocks,
        "max_rejected_fraction": monitor.max_rejected_fraction,
        **({"false_alarms": monitor.false_alarms} if monitor.false_alarms else {}),
        **({"design_effect": monitor.design_effect} if monitor.design_effect else {}),
        "metrics": _metrics(endpoint, monitor),
        **({"scripts": scripts} if scripts else {}),
        **({"merged": True} if monitor.merged else {}),
        **_labelled_rows(endpoint, monitor_name),
        **({"variants": list(monitor.variants)} if monitor.variants else {}),
        **({"create_violation_tests": True} if monitor.create_violation_tests else {}),
    }


def _metrics(endpoint: Endpoint, monitor: Monitor) -> dict[str, Any]:
    """What leaves a run. The level becomes names: a run knows nothing of alarms."""
    only = published.names(endpoint, monitor)
    return {
        **endpoint.metrics.model_dump(mode="json", exclude={"level"}),
        **({} if only is None else {"only": list(only)}),
        "has_causes": True,
        "rejected_share": monitor.alarms.rejected_share,
    }


def _labelled_rows(endpoint: Endpoint, monitor_name: str) -> dict[str, Any]:
    """How many rows are held out, where that is not the core's own default."""
    retraining = endpoint.retraining
    if retraining is None or endpoint.rows_monitor != monitor_name:
        return {}
    share = retraining.holdout_share
    return {} if share == contract.HOLDOUT_SHARE else {"labelled_rows": {"holdout_share": share}}


def _review(endpoint: Endpoint, monitor_name: str) -> dict[str, Any]:
    """Which predictions go to people, of the one monitor that sends them."""
    if endpoint.review is None or endpoint.reviewed != monitor_name:
        return {}
    return {"review": endpoint.review.document}


def _type_document(endpoint_name: str, monitor: Monitor, type_: str) -> dict[str, Any]:
    decision = {"decision": monitor.decision} if monitor.decision else {}
    if type_ == "data_quality":
        return _data_quality_document(monitor) | decision
    block = monitor.own_blocks[type_]
    document = {"min_records": monitor.min_records, **block.document, **decision}
    if isinstance(block, ModelExplainability) and block.is_shadowed:
        document["predictor"]["endpoint_name_prefix"] = shadow_prefix(endpoint_name)
    return document


def _data_quality_document(monitor: Monitor) -> dict[str, Any]:
    document: dict[str, Any] = {
        "min_records": monitor.min_records,
        "check_non_negative": monitor.check_non_negative,
    }
    if config := monitor.thresholds.as_monitoring_config():
        document["monitoring_config"] = config
    if features := {name: thresholds.as_monitoring_config() for name, thresholds in monitor.features.items()}:
        document["features"] = features
    return document


def review_index(endpoints: Mapping[str, Endpoint]) -> dict[str, dict[str, Any]]:
    """Of each endpoint the schedule that sends tasks, its rules, and the ground truth it brought ("": the bucket of ours)."""
    return {
        name: {
            "schedule": contract.schedule_name(name, endpoint.reviewed),
            "rules": endpoint.review.rules,
            "ground_truth": (endpoint.ground_truth.location if endpoint.ground_truth else None) or "",
        }
        for name, endpoint in endpoints.items()
        if endpoint.review is not None
    }


def reviews(endpoints: Mapping[str, Endpoint]) -> bytes:
    """What both functions read of all endpoints."""
    return json.dumps(review_index(endpoints), indent=1, sort_keys=True).encode() + b"\n"


def baseline_version(endpoint: Endpoint) -> str:
    """`v{revision}-{hash}`: another dataset, mapping, set of types or way to measure is another version; thresholds are not
    part of it. Raises: StopIteration where no baseline is computed."""
    baseline = next(iter(endpoint.computed.values())).baseline
    types: dict[str, dict[str, Any]] = {}
    for monitor in endpoint.computed.values():
        for type_ in monitor.types:
            types.setdefault(type_, block.of_baseline if (block := monitor.own_blocks.get(type_)) else {})
        if monitor.scripts.preprocessor:
            types.setdefault("preprocessor", {"script": monitor.scripts.preprocessor})
    measured = {type_: how for type_, how in types.items() if how}
    code = {
        written: hashlib.sha256(path.read_bytes()).hexdigest()
        for monitor in endpoint.computed.values()
        for written, path in monitor.code_files.items()
    }
    made_of = {
        "baseline": baseline.model_dump(mode="json"),
        "payload": None if endpoint.payload is None else payload_document(endpoint.payload),
        "types": [type_ for type_ in types if type_ != "preprocessor"],
        **({"measured": measured} if measured else {}),
        **({"code": code} if code else {}),
    }
    digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    return f"v{baseline.revision}-{digest[:10]}"


# --- for a laptop ------------------------------------------------------------------------------------------------------


def laptop_document(environment: str, endpoint_name: str, monitor_name: str | None = None) -> dict[str, Any]:
    """What the runs of an endpoint's monitor read; scripts lie where the environment file says, in this repository.

    Raises: SettingsFaults.
    """
    endpoints = find(environment).endpoints
    if endpoint_name not in endpoints:
        raise SettingsFaults(
            environment, [f"endpoints: there is no '{endpoint_name}'; there are {', '.join(endpoints)}"]
        )
    monitors = endpoints[endpoint_name].monitors
    chosen = next(iter(monitors)) if monitor_name is None and len(monitors) == 1 else monitor_name
    if chosen is None or chosen not in monitors:
        problem = "has several" if chosen is None else f"has no '{chosen}'"
        named = f"endpoints.{endpoint_name}.monitors: {problem}; name one with --monitor: {', '.join(monitors)}"
        raise SettingsFaults(environment, [named])
    return configuration_document(endpoint_name, endpoints[endpoint_name], chosen)


def main(arguments: list[str]) -> int:
    """Print a laptop's configuration file."""
    parser = argparse.ArgumentParser(
        prog="python -m stacks.configuration",
        description="Print the configuration file of an environment's endpoint, for --config of model-monitor.",
    )
    parser.add_argument("environment", metavar="NAME", help="environments/NAME.yaml")
    parser.add_argument("endpoint", metavar="ENDPOINT", help="an endpoint of the environment")
    parser.add_argument("--monitor", metavar="NAME", help="which of its monitors, where it has several")
    options = parser.parse_args(arguments)
    try:
        document = laptop_document(options.environment, options.endpoint, options.monitor)
    except SettingsFaults as faults:
        sys.stderr.write(f"stacks.configuration: {faults}\n")
        return 1
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
