"""Plan Lambda: the first step of every run. Claims the window, lists its objects once, chooses the runner.

Environment: TABLE (of runs), MONITORS_PREFIX (SSM path of what each schedule runs).
Event: {"schedule", "scheduled_time", "owner" (the execution), "now" (its time), "input" (all that started it; `again`: judge a
window that ended in an error once more)}. Answer: all that the later steps need; `runner`
is none for a window without traffic, taken for one that another execution has.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import decide
import monitors
import runs
import transforms
from aws import client, encrypted, log, table_named
from windows import HOUR, Window, report_folder, time_of, window as window_of


def handle(event: dict[str, Any], _context: object = None) -> dict[str, Any]:
    """Claim and plan one window. Raises: KeyError and ValueError for an event that is none; what AWS says of a call."""
    schedule, now = event["schedule"], time_of(event["now"])
    monitor = monitors.find(schedule)
    window = window_of(time_of(event["scheduled_time"]), monitor)
    about = {
        "schedule": schedule,
        "endpoint": monitor["endpoint"],
        "namespace": monitor["namespace"],
        "published": monitor.get("published"),
        "window": {"start": runs.stamp(window.start), "end": runs.stamp(window.end)},
        "owner": event["owner"],
        "traffic": decide.traffic(monitor),
        "metrics_until": runs.stamp(decide.metrics_until(window, monitor)),
    }
    table = table_named(os.environ["TABLE"])
    again = bool(event.get("input", {}).get("again"))
    attempt = runs.claim(table, runs.Claim(schedule, window.start, window.end, event["owner"], now, again))
    if attempt is None:
        log("taken", **about)
        return {**about, "runner": decide.TAKEN}
    bucket, prefix = decide.split(monitor["capture"] + "/")
    content: Any = None
    if transform := monitor.get("transform"):
        objects, content = _transformed(bucket, prefix, window, transform)
    else:
        objects = decide.wanted(_capture(bucket, prefix, window), window)
    name = decide.job_name(schedule, window, attempt)
    folder = report_folder(monitor["reports"], window, monitor)
    plan = {
        **about,
        "runner": decide.runner(objects, monitor),
        "attempt": attempt,
        "name": name,
        "report": f"{folder}/report.json",
        "kms_key": monitor["processing"]["kms_key"],
        "objects": len(objects),
        "bytes": sum(found.size_bytes for found in objects),
    }
    log("planned", **plan)
    if plan["runner"] == decide.NONE:
        return plan
    manifest = f"{monitor['reports']}/manifests/{name}{transforms.ENDING if content else '.json'}"
    _write(manifest, content or decide.manifest(bucket, prefix, objects), monitor["processing"]["kms_key"])
    job = decide.job(monitor, window, name, manifest, folder, now)
    return {
        **plan,
        "function": monitor["function"],
        "function_megabytes": monitor["function_megabytes"],
        "function_architecture": monitor.get("function_architecture", "x86_64"),
        "instance_type": monitor["processing"]["cluster"]["InstanceType"],
        "job": job,
        "wait_seconds": decide.wait_seconds(name),
        "wait_until": runs.stamp(now + runs.LEASE - HOUR * 2),
    }


def _capture(bucket: str, prefix: str, window: Window) -> Iterator[decide.Found]:
    """Objects of the window's hours and the hour before, of every variant."""
    pages = client("s3").get_paginator("list_objects_v2")
    variants = [
        found["Prefix"]
        for page in pages.paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
        for found in page.get("CommonPrefixes", ())
    ]
    for variant in variants:
        for folder in decide.folders(window):
            yield from _listed(bucket, f"{variant}{folder}/")


def _transformed(
    bucket: str, prefix: str, window: Window, settings: Mapping[str, Any]
) -> tuple[list[decide.Found], dict[str, Any]]:
    """Files of the transform jobs that ended in the window, and what the run is handed of them."""
    ended = {
        found.key.removeprefix(prefix + transforms.OUTPUT): found.modified
        for day in transforms.days(window, HOUR * settings["longest_hours"])
        for found in _listed(bucket, f"{prefix}{transforms.OUTPUT}{day}")
        if window.start <= found.modified < window.end
    }
    outputs = [_manifest(bucket, prefix + transforms.OUTPUT, place) for place in ended]
    hours = sorted({each.folder for each in outputs})
    inputs = [
        _manifest(bucket, prefix + transforms.INPUT, found.key.removeprefix(prefix + transforms.INPUT))
        for hour in hours
        for found in _listed(bucket, f"{prefix}{transforms.INPUT}{hour}/")
    ]
    pairs = list(transforms.paired(outputs, inputs, settings))
    if not pairs:
        return [], {}
    times = {place: runs.stamp(time) for place, time in ended.items()}
    uris = {pair[side] for pair in pairs for side in transforms.PLACES}
    below = [decide.split(transforms.common(pair[side] for pair in pairs)) for side in transforms.PLACES]
    objects = [found for name, start in below for found in _listed(name, start) if f"s3://{name}/{found.key}" in uris]
    return objects, transforms.document(pairs, times, settings)


def _manifest(bucket: str, folder: str, place: str) -> transforms.Manifest:
    return transforms.manifest(place, client("s3").get_object(Bucket=bucket, Key=folder + place)["Body"].read())


def _listed(bucket: str, prefix: str) -> Iterator[decide.Found]:
    for page in client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", ()):
            yield decide.Found(item["Key"], item["Size"], item["LastModified"])


def _write(uri: str, content: Any, kms_key: str) -> None:
    bucket, key = decide.split(uri)
    client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(content).encode(), **encrypted(kms_key))
