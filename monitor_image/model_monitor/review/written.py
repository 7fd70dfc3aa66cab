"""What a run leaves for people: `review_tasks.jsonl`, one record to look at a line, and `review_context.json`.

Both hold values: of the features that the configuration lists for reviewers, and of no others. They lie beside the report.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from model_monitor.contract import REVIEW_CONTEXT_FILE, REVIEW_TASKS_FILE, TIME_FORMAT, MonitoringType
from model_monitor.job.job import BaselineFiles, Job
from model_monitor.job.review import ReviewSettings
from model_monitor.outputs.report import Review
from model_monitor.review.routing import Candidate, Reason, Routed, counts_of

__all__ = ["task_id"]  # for labelling tools of somebody else

ID_LETTERS: Final = 20
CATEGORIES_SHOWN: Final = 12


def review_of(routed: Routed, job: Job) -> Review:
    """The tasks of a run, and what its report says of them."""
    chosen = routed.chosen()
    lines = b"".join(orjson.dumps(task_of(one, job)) + b"\n" for one in chosen)
    context = orjson.dumps(context_of(routed.settings, job), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return Review(counts_of(routed, chosen), {REVIEW_TASKS_FILE: lines, REVIEW_CONTEXT_FILE: context})


def task_of(one: Candidate, job: Job) -> dict[str, Any]:
    """One record as a task: what names it, what the model said, what a reviewer may see."""
    time = None if one.time < 0 else datetime.fromtimestamp(one.time, UTC).strftime(TIME_FORMAT)
    return {
        "id": task_id(job.endpoint, one.event_id, one.payload_index),
        "endpoint": job.endpoint,
        "event_id": one.event_id,
        "payload_index": one.payload_index,
        "time": time,
        "reason": one.reason,
        "uncertainty": one.uncertainty,
        "weight": one.weight if one.reason is Reason.SAMPLE else None,
        "prediction": one.prediction,
        "score": one.score,
        "scores": list(one.scores),
        "features": dict(one.features),
    }


def task_id(endpoint: str, event_id: str, payload_index: int) -> str:
    """The same for the same record in every run that reads it."""
    key = orjson.dumps([endpoint, event_id, payload_index])
    return hashlib.sha256(key).hexdigest()[:ID_LETTERS]


def context_of(settings: ReviewSettings, job: Job) -> dict[str, Any]:
    """What a reviewer chooses from, and the baseline's distribution of each feature shown."""
    statistics = job.baselines.get(MonitoringType.DATA_QUALITY, BaselineFiles()).statistics
    return {
        "endpoint": job.endpoint,
        "labels": list(settings.labels),
        "label_names": dict(settings.names),
        "instructions": settings.instructions,
        "features": dict(_distributions(_features(statistics), settings.features)),
    }


def _features(statistics: Path | None) -> Iterable[Mapping[str, Any]]:
    content = orjson.loads(statistics.read_bytes()) if statistics is not None else {}
    return content.get("features") or ()


def _distributions(features: Iterable[Mapping[str, Any]], shown: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for feature in features:
        if feature.get("name") not in shown:
            continue
        numeric, text = feature.get("numerical_statistics") or {}, feature.get("string_statistics") or {}
        buckets = (((numeric.get("distribution") or {}).get("kll")) or {}).get("buckets") or []
        words = ((text.get("distribution") or {}).get("categorical") or {}).get("buckets") or []
        if buckets:
            bars = [[one["lower_bound"], one["upper_bound"], one["count"]] for one in buckets]
            yield feature["name"], {"mean": numeric.get("mean"), "buckets": bars}
        elif words:
            ranked = sorted(words, key=lambda one: (-one["count"], str(one["value"])))[:CATEGORIES_SHOWN]
            yield feature["name"], {"categories": [[str(one["value"]), one["count"]] for one in ranked]}
