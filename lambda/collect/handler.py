"""Collect Lambda: the first step of a retraining. Finds the rows and the models, writes down what the run is made of, and hands
every later step its request.

Environment: PARAMETERS, TABLE, KMS_KEY (see releases).
Event: {"input" (what the execution was started with), "execution" (its name), "now"}. The input names `endpoint`; `run`, `mode`,
`reason`, `decision` come from whoever decided; `rollback_to` names an approved package that is to serve again; `settles` says why
a run that changed something has no end of its own. Answer: the plan.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import cells
import decide
import decisions
import releases
from aws import client, client_as, log
from boto3.dynamodb.conditions import Key

Asking = Callable[[Iterable[bytes]], Iterator[bytes]]
REMEMBERED = ("mode", "cause", "started_by", "started", "champion", "manifest", "version")
RUN_LEASE = timedelta(days=2)  # beside the time that a person has: jobs, the update, windows that are watched


def handle(event: dict[str, Any], _context: object = None) -> dict[str, Any]:
    """Plan one run. Raises: SettingsMissing, NotServed; what AWS says of a call."""
    given, now = event["input"], datetime.fromisoformat(event["now"])
    settings = releases.settings(given["endpoint"])
    run = decide.run_name(given, event["execution"], now, settings["prefix"])
    if (holder := _held_by_another(given["endpoint"], run, settings, now)) is not None:
        return _refused(given, run, holder)
    if given.get("settles"):
        plan = _settling(given, run, settings)
    else:
        plan = _about(given, run, settings, now)
        plan |= _earlier(given["rollback_to"], settings) if given.get("rollback_to") else _training(plan, settings, now)
    kept: dict[str, Any] = {name: plan[name] for name in REMEMBERED if name in plan}
    kept |= {"execution": event["execution"], "why": plan["reason"]}
    releases.remember(_table(), plan["endpoint"], run, kept)
    log("collected", endpoint=plan["endpoint"], run=run, path=plan["path"], reason=plan["reason"])
    return plan


def _held_by_another(endpoint: str, run: str, settings: dict[str, Any], now: datetime) -> str | None:
    """The run that holds the endpoint; None where this one does now, for as long as its steps may take."""
    table = _table()
    lease = RUN_LEASE + timedelta(hours=settings["approval_hours"])
    if decisions.extend(table, endpoint, run, now + lease):  # whoever decided claimed it
        return None
    if decisions.claim(table, endpoint, run, now, lease=lease, counts=False):
        return None
    return decisions.history(table, endpoint).owner or "another run"


def _refused(given: dict[str, Any], run: str, holder: str) -> dict[str, Any]:
    """One retraining at a time: the other goes on."""
    reason = f"{holder} holds the endpoint; start this run again when that one has ended"
    about = {"endpoint": given["endpoint"], "run": run, "mode": given.get("mode", ""), "reason": reason}
    return {**about, "path": decide.NOTHING, "result": "refused"}


def _about(given: dict[str, Any], run: str, settings: dict[str, Any], now: datetime) -> dict[str, Any]:
    """What every path needs."""
    live = _live(settings)
    return {
        "endpoint": given["endpoint"],
        "run": run,
        "mode": given.get("mode", "train"),
        "cause": given.get("cause", ""),
        "reason": given.get("reason", ""),
        "decision": given.get("decision", {}),
        "started_by": given.get("started_by", "manual"),
        "started": now.isoformat(),
        "result": "",
        "deploys": settings["deploys"],
        "has_baseline": bool(settings["baseline"]),
        "approval_seconds": int(settings["approval_hours"] * 3600),
        "registry_role": settings["registry"].get("role", ""),
        "watch": {"windows": settings["watch"]["windows"], "seconds": settings["watch"]["period_seconds"]},
        "champion": decide.champion(_variants(settings["endpoint"]), live),
        "version": decide.baseline_version(run),
        "folder": f"{settings['sets']}/{run}",
        "manifests": f"{settings['sets']}/manifests/{run}",  # apart: a training may read these, and no row that is held out
        "records": f"{settings['records']}/{run}",
    }


def _settling(given: dict[str, Any], run: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Of a run that was stopped: what it remembered of itself, so that the old model is put back as any failure puts it back."""
    known = releases.recorded(_table(), given["endpoint"], run)
    return {
        **{name: known[name] for name in REMEMBERED if name in known},
        "endpoint": given["endpoint"],
        "run": run,
        "path": decide.SETTLE,
        "reason": known.get("why", ""),
        "package": {"answer": {"package_arn": known.get("package_arn", "")}},
        "error": {"Error": "Stopped", "Cause": given["settles"]},
        "result": "",
        "records": f"{settings['records']}/{run}",
    }


def _live(settings: dict[str, Any]) -> str | None:
    if not settings["live_parameter"]:
        return None
    return str(client("ssm").get_parameter(Name=settings["live_parameter"])["Parameter"]["Value"])


def _variants(endpoint: str) -> list[tuple[str, str, dict[str, Any]]]:
    """(variant, model, container) of what serves now."""
    sagemaker = client("sagemaker")
    described = sagemaker.describe_endpoint(EndpointName=endpoint)
    config = sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
    found = []
    for variant in config["ProductionVariants"]:
        model = sagemaker.describe_model(ModelName=variant["ModelName"])
        containers = model.get("Containers") or [model["PrimaryContainer"]]
        if len(containers) == 1:  # a pipeline of several containers is nothing that a training makes
            found.append((variant["VariantName"], variant["ModelName"], containers[0]))
    return found


# --- an earlier package -------------------------------------------------------------------------------------------------


def _earlier(arn: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Serve a package again. Raises: ValueError for one that nobody approved."""
    registry = client_as("sagemaker", settings["registry"].get("role", ""))
    package = registry.describe_model_package(ModelPackageName=arn)
    if package["ModelApprovalStatus"] != "Approved":
        raise ValueError(
            f"{arn} is {package['ModelApprovalStatus']}: only an approved package may serve; approve it first"
        )
    about = package.get("CustomerMetadataProperties", {})
    if about.get("endpoint") != settings["endpoint"]:
        raise ValueError(f"{arn} is of endpoint {about.get('endpoint')}, not of {settings['endpoint']}")
    if not settings["deploys"]:
        raise ValueError(f"{settings['endpoint']} is deployed by another team; hand them the package")
    container = package["InferenceSpecification"]["Containers"][0]
    return {
        "path": decide.RELEASE,
        "reason": f"rollback to {arn}",
        "artifact": container["ModelDataUrl"],
        "package": {"answer": {"package_arn": arn, "status": "Approved"}},
        "version": about.get("baseline_version", ""),
        "has_baseline": bool(settings["baseline"]) and bool(about.get("baseline_version")),
    }


# --- a training ---------------------------------------------------------------------------------------------------------


def _training(plan: dict[str, Any], settings: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Rows, manifests and requests; nothing to do where there is nothing to compare models on."""
    training = releases.training(settings["endpoint"])
    places = {channel["name"]: channel["uri"] for channel in training["channels"]} | {"holdout": settings["holdout"]}
    found = {name: decide.rows(releases.split(uri)[0], releases.listed(uri)) for name, uri in places.items()}
    labelled = [*found.get("fresh", ()), *found["holdout"]]
    left_out = _left_out(settings, min((each.time for each in labelled), default=now))
    for name in ("fresh", "holdout"):
        found[name] = decide.sound(found.get(name, []), left_out)
    found["holdout"] = decide.recent(found["holdout"], now, settings["recent_hours"])
    releases.write_json(manifest := f"{plan['records']}/manifest.json", decide.lineage(found, left_out))
    if lacking := next((name for name in ("train", "holdout") if not found.get(name)), None):
        return {"path": decide.NOTHING, "result": "not_better", "reason": NOTHING_THERE[lacking], "manifest": manifest}
    if (few := _too_few(found["holdout"], settings)) is not None:
        return {"path": decide.NOTHING, "result": "not_better", "reason": few, "manifest": manifest}
    learnt = {name: objects for name, objects in found.items() if objects and name != "holdout"}
    manifests = {name: _manifest(plan, name, places[name], objects) for name, objects in learnt.items()}
    labelled = [*found["fresh"], *found["holdout"]]  # all that is like the traffic of today
    recent = decide.recent(labelled, now, settings["recent_hours"])
    return {
        "path": decide.TRAIN,
        "manifest": manifest,
        **decide.trained_by(plan, training, manifests),
        **_questions(plan, settings, found["holdout"], recent),
    }


def _too_few(holdout: Sequence[decide.Rows], settings: dict[str, Any]) -> str | None:
    """Why no comparison could conclude anything: a training whose model nobody could judge would be paid for nothing."""
    least, count = settings["gate"].get("min_records", 0), 0
    for each in holdout:
        bucket, key = releases.split(each.uri)
        count += sum(1 for line in client("s3").get_object(Bucket=bucket, Key=key)["Body"].iter_lines() if line)
        if count >= least:
            return None
    return (
        f"{count} held-out rows of the last {settings['recent_hours']} hours are there, fewer than gate.min_records, {least}; "
        "wait for labels, raise recent_hours or holdout_share, or lower min_records"
    )


NOTHING_THERE = {
    "train": "the channel train holds no object, so there is nothing to learn from",
    "holdout": "no held-out rows are there, so no model could be compared; labels must come first",
}


def _left_out(settings: dict[str, Any], since: datetime) -> list[decide.LeftOut]:
    """Windows since a time whose data was broken, from the table of runs and their reports."""
    start = (since - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    asked: dict[str, Any] = {
        "KeyConditionExpression": Key("pk").eq(f"run#{settings['schedule']}") & Key("sk").gte(start)
    }
    found: list[decide.LeftOut] = []
    while True:
        page = _table().query(**asked)
        for row in page["Items"]:
            if row.get("verdict") in ("violated", "error"):
                report = releases.read_json(row["report"]) if row.get("report") else None
                if (window := decide.broken(report, row)) is not None:
                    found.append(window)
        if "LastEvaluatedKey" not in page:
            return found
        asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _manifest(plan: dict[str, Any], name: str, place: str, objects: Sequence[decide.Rows]) -> str:
    uri = f"{plan['manifests']}/{name}.json"
    releases.write_json(uri, decide.manifest(objects, place))
    return uri


def _questions(
    plan: dict[str, Any], settings: dict[str, Any], holdout: Sequence[decide.Rows], recent: Sequence[decide.Rows]
) -> dict[str, Any]:
    """The rows that models are asked about, and the jobs that ask."""
    folder, run = plan["folder"], plan["run"]
    asking = _asking(settings)
    _gather(holdout, f"{folder}/holdout/rows.csv", f"{folder}/questions/rows.csv", asking)
    if settings["baseline"]:
        _gather(recent, f"{folder}/recent/rows.csv", f"{folder}/recent-questions/rows.csv", asking)
    answers = {name: f"{folder}/answers/{name}" for name in (decide.OLD, decide.NEW, decide.RECENT)}
    job = decide.name_of

    def ask(what: str, model: str, questions: str) -> dict[str, Any]:
        return decide.transform_job(job(run, what), model, f"{folder}/{questions}/", answers[what], settings)

    return {
        "champion_job": ask(decide.OLD, plan["champion"]["model"], "questions"),
        "challenger_job": ask(decide.NEW, run, "questions"),
        "recent_job": ask(decide.RECENT, run, "recent-questions"),
        "baseline_job": job(run, decide.BASELINE),
        "comparison": {
            "function": settings["comparison"]["function"],
            "event": {
                "comparison": {
                    "configuration": settings["comparison"]["configuration"],
                    "options": settings["gate"],
                    "holdout_uri": f"{folder}/holdout/rows.csv",
                    "champion_uri": f"{answers[decide.OLD]}/rows.csv.out",
                    "challenger_uri": f"{answers[decide.NEW]}/rows.csv.out",
                    "output_uri": f"{plan['records']}/comparison.json",
                }
            },
        },
    }


def _asking(settings: dict[str, Any]) -> Asking:
    """How a row becomes the line that a model is asked with."""
    transform = settings["transform"]
    if transform["content_type"] == decide.CSV:
        return decide.questions
    places = releases.places(settings["endpoint"])
    container = transform.get("records", []) if transform["content_type"] == decide.ONE_A_REQUEST else []
    return lambda lines: cells.requests((line.decode("utf-8") for line in lines), places, container)


def _gather(objects: Sequence[decide.Rows], whole: str, asked: str, asking: Asking) -> None:
    """One file of rows and one of the same without labels, through the disk: a month's rows may not fit into memory."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder) / "rows", Path(folder) / "questions"
        with paths[0].open("wb") as rows, paths[1].open("wb") as questions:
            for each in objects:
                bucket, key = releases.split(each.uri)
                body = client("s3").get_object(Bucket=bucket, Key=key)["Body"]
                for line in body.iter_lines():
                    if line:
                        rows.write(line + b"\n")
                        questions.writelines(asking([line]))
        for path, uri in zip(paths, (whole, asked), strict=True):
            bucket, key = releases.split(uri)
            encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": os.environ["KMS_KEY"]}
            client("s3").upload_file(str(path), bucket, key, ExtraArgs={"ContentType": "text/csv", **encryption})


def _table() -> Any:
    return boto3.resource("dynamodb").Table(os.environ["TABLE"])
