"""Payments, what a model said of them and what came true; and metrics of a user's own over them."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from model_monitor import flow
from model_monitor.contract import JobKind, MonitoringType
from model_monitor.job.configuration import parse_configuration
from model_monitor.job.job import DatasetKind, DatasetSource, Job, MonitorSettings
from model_monitor.outputs.cloudwatch import metrics_of
from model_monitor.outputs.report import Report
from tests.captures import HOUR, event, json_side, write_capture, write_lines

ROOT = Path(__file__).resolve().parents[4]
GUIDE = ROOT / "docs" / "custom-metrics.md"
HEAD = "import numpy as np\nfrom model_monitor.custom import metric\n"
REVIEW = 5.0


def block_of_guide(language: str) -> str:
    (text,) = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return text


def payments(count: int, seed: int, missed: float = 0.1, alarms: float = 0.02) -> list[dict[str, Any]]:
    """Payments with what the model said of them and what was true."""
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        is_fraud = chance.random() < 0.2
        wrong = chance.random() < (missed if is_fraud else alarms)
        found.append(
            {
                "amount": round(chance.uniform(10, 500), 2),
                "country": chance.choice(["DE", "FR", "PT"]),
                "label": int(is_fraud != wrong),
                "is_fraud": int(is_fraud),
            }
        )
    return found


def cost_of(found: list[dict[str, Any]]) -> float:
    """The example's metric, record by record."""
    cost = 0.0
    for payment in found:
        if payment["is_fraud"] and not payment["label"]:
            cost += payment["amount"]
        elif payment["label"] and not payment["is_fraud"]:
            cost += REVIEW
    return cost / sum(payment["amount"] for payment in found)


def capture_of(
    root: Path, found: list[dict[str, Any]], *, size: int = 3, with_labels: bool = True
) -> tuple[Path, Path | None]:
    """A capture of requests of several payments, and their labels, the last request first."""
    events, truths = [], []
    for number, start in enumerate(range(0, len(found), size)):
        part = found[start : start + size]
        given = json_side([{"amount": p["amount"], "country": p["country"]} for p in part])
        answer = json_side([{"label": p["label"], "score": 0.5} for p in part])
        events.append(event(number, given, answer, inference_id=f"id-{number}"))
        labels = json.dumps([p["is_fraud"] for p in part])
        truths.append(
            {"groundTruthData": {"data": labels, "encoding": "JSON"}, "eventMetadata": {"eventId": f"id-{number}"}}
        )
    write_capture(root / "capture", events, files=3)
    if not with_labels:
        return root / "capture", None
    write_lines(root / "truth" / f"{HOUR:%Y/%m/%d/%H}" / "labels.jsonl", truths[::-1])
    return root / "capture", root / "truth"


def job_of(module: Path, dataset: DatasetSource, kind: JobKind, **changes: Any) -> Job:
    options = {"module": str(module), "max_rows": 5_000_000} | changes.pop("options", {})
    document = {"payload": json.loads(block_of_guide("json"))["payload"]}
    return replace(
        Job(
            kind,
            dataset,
            module.parent / "output",
            parse_configuration(json.dumps(document).encode(), "test").schema,
            (MonitorSettings(MonitoringType.CUSTOM_METRICS, 30, options),),
            workers=1,
        ),
        **changes,
    )


def module_of(tmp_path: Path, *functions: str) -> Path:
    path = tmp_path / "own_metrics.py"
    path.write_text(HEAD + "\n\n".join(functions))
    return path


def watched(tmp_path: Path, module: Path, found: list[dict[str, Any]], **changes: Any) -> Report:
    capture, truth = capture_of(tmp_path, found)
    source = DatasetSource(capture, DatasetKind.CAPTURE)
    return flow.run(job_of(module, source, JobKind.MONITOR, ground_truth=truth, **changes))


def values(report: Report) -> dict[str, float]:
    return {metric.name: metric.value for metric in metrics_of(report)}


def outcomes(report: Report) -> dict[str, tuple[str, str]]:
    return {check.subject: (check.outcome, check.description) for check in report.results[0].conclusion.checks}


def declared(name: str, body: str, **arguments: Any) -> str:
    listed = "".join(f", {key}={value!r}" for key, value in arguments.items())
    return f"@metric(name={name!r}{listed})\ndef {name}(table):\n    {body}\n"


# --- the guide -----------------------------------------------------------------------------------------------------------
