"""Rebaseline Lambda: what the new model's windows are compared with.

Environment: PARAMETERS, TABLE, KMS_KEY (see releases).
Event: {"plan", "step", "now"}. Steps: `prepare` makes the dataset and the request of the job; `point` makes the version current;
`back` makes the one current that was before.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import decide
import pointers
import releases
from aws import client, log, table_named

Answer = dict[str, Any]
CURRENT = "current.json"


class IncompleteError(RuntimeError):
    """A job completed without the files that monitors compare with; runs would evaluate nothing and nobody would know."""


def handle(event: dict[str, Any], _context: object = None) -> Answer:
    """One step. Raises: RowsDiffer, IncompleteError; what AWS says of a call."""
    plan, settings = event["plan"], releases.settings(event["plan"]["endpoint"])
    answer = STEPS[event["step"]](plan, settings["baseline"])
    log(event["step"], endpoint=plan["endpoint"], run=plan["run"], version=answer.get("version", ""))
    return answer


def _prepare(plan: dict[str, Any], baseline: dict[str, Any]) -> Answer:
    """Through the disk: answers may hold attributions of every row."""
    folder = plan["folder"]
    uri = f"{folder}/baseline/dataset.jsonl"
    names = releases.features(plan["endpoint"])
    lines = decide.dataset(
        _lines(f"{folder}/recent/rows.csv"),
        _lines(f"{folder}/answers/now/rows.csv.out"),
        names,
        baseline["label"],
        baseline["columns"],
        baseline.get("records", ""),
    )
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "dataset"
        with path.open("w", encoding="utf-8") as target:
            target.writelines(lines)
        bucket, key = releases.split(uri)
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": os.environ["KMS_KEY"]}
        client("s3").upload_file(str(path), bucket, key, ExtraArgs=encryption)
    request = decide.job(
        plan["baseline_job"], baseline["job"], plan["version"], uri.rpartition("/")[0] + "/", baseline["place"]
    )
    return {"job": request, "version": plan["version"]}


def _point(plan: dict[str, Any], baseline: dict[str, Any] | None) -> Answer:
    """Runs compare with the new version from now on; an earlier package brings its own along."""
    if not baseline or not plan["has_baseline"]:
        return {"version": ""}
    place, version = baseline["place"], plan["version"]
    bucket = releases.split(place)[0]
    found = [f"s3://{bucket}/{item['Key']}" for item in releases.listed(f"{place}/{version}/")]
    if lacking := decide.missing(version, baseline["files"], found, place):
        raise IncompleteError(f"version {version} lacks {', '.join(lacking)}; its job's log says why")
    current = releases.read_json(f"{place}/{CURRENT}")
    known = releases.recorded(_table(), plan["endpoint"], plan["run"])
    if current is not None and "baseline_before" not in known:
        releases.remember(_table(), plan["endpoint"], plan["run"], {"baseline_before": str(current["version"])})
    _make_current(plan, baseline, version)
    return {"version": version}


def _back(plan: dict[str, Any], baseline: dict[str, Any] | None) -> Answer:
    before = releases.recorded(_table(), plan["endpoint"], plan["run"]).get("baseline_before")
    if before and baseline:
        _make_current(plan, baseline, before)
    return {"version": before or ""}


STEPS: dict[str, Callable[[dict[str, Any], Any], Answer]] = {"prepare": _prepare, "point": _point, "back": _back}


def _make_current(plan: dict[str, Any], baseline: dict[str, Any], version: str) -> None:
    uri = f"{baseline['place']}/{CURRENT}"
    releases.write(uri, pointers.content(version, plan["endpoint"], plan["run"], releases.read_json(uri)))
    client("ssm").put_parameter(Name=baseline["parameter"], Value=version, Type="String", Overwrite=True)


def _lines(uri: str) -> Iterator[str]:
    """Of an object, one after another; what is empty is no line."""
    bucket, key = releases.split(uri)
    body = client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    for line in body.iter_lines():
        if line:
            yield line.decode("utf-8")


def _table() -> Any:
    return table_named(os.environ["TABLE"])
