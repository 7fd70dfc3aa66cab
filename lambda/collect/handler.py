"""Collect Lambda: the first step of a retraining. Finds the rows and the models, writes down what the run is made of, and hands
every later step its request.

Environment: PARAMETERS, TABLE, KMS_KEY (see releases).
Event: {"input" (what the execution was started with), "execution" (its name), "now"}. The input names `endpoint`; `run`, `mode`,
`reason`, `decision` come from whoever decided; `rollback_to` names an approved package that is to serve, and `on_violation`
(tell, undo) what the watch does then; `settles` says why a run that changed something has no end of its own. Answer: the plan.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cells
import decide
import decisions
import releases
from aws import client, client_as, log, table_named
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
        plan |= _earlier(given, plan, settings, now) if given.get("rollback_to") else _training(plan, settings, now)
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
        "watch": {
            "windows": settings["watch"]["windows"],
            "seconds": settings["watch"]["period_seconds"],
            "undoes": True,
        },
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


def _earlier(given: dict[str, Any], plan: dict[str, Any], settings: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Serve a package, again or at last. Raises: ValueError for one that may not."""
    arn = given["rollback_to"]
    registry = client_as("sagemaker", decide.asker(arn, settings["registry"].get("role", "")))
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
    version = about.get("baseline_version", "") if settings["baseline"] else ""
    found = {
        "path": decide.RELEASE,
        "reason": f"rollback to {arn}",
        "artifact": package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"],
        "package": {"answer": {"package_arn": arn, "status": "Approved"}},
        "watch": {**plan["watch"], "undoes": decide.undoes(given.get("on_violation", decide.TELL))},
        "version": version,
        "has_baseline": bool(version),
    }
    if version and not _has_baseline(version, settings["baseline"]):
        found |= _baselined(plan, settings, now)
    return found


def _has_baseline(version: str, baseline: dict[str, Any]) -> bool:
    """Whether all files of a version are there."""
    folder = f"{baseline['place']}/{version}"
    bucket = releases.split(folder)[0]
    there = {f"s3://{bucket}/{item['Key']}" for item in releases.listed(f"{folder}/")}
    return there.issuperset(f"{folder}/{name}" for name in baseline["files"])


def _baselined(plan: dict[str, Any], settings: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Of a package that was never released: its baseline is made first, in its own place. Raises: ValueError without labels."""
    found, _ = _rows(releases.training(settings["endpoint"]), settings, now)
    if not (recent := _recent(found, settings, now)):
        raise ValueError(
            "the package has no baseline yet, and no labelled rows are there to make one; labels must come first"
        )
    return {"path": decide.RENEW, **_recent_questions(plan, settings, recent)}


# --- a training ---------------------------------------------------------------------------------------------------------


def _training(plan: dict[str, Any], settings: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Rows, manifests and requests; nothing to do where there is nothing to compare models on."""
    training = releases.training(settings["endpoint"])
    found, left_out = _rows(training, settings, now)
    found["holdout"] = decide.recent(found["holdout"], now, settings["recent_hours"])
    releases.write_json(manifest := f"{plan['records']}/manifest.json", decide.lineage(found, left_out))
    if lacking := next((name for name in ("train", "holdout") if not found.get(name)), None):
        return {"path": decide.NOTHING, "result": "not_better", "reason": NOTHING_THERE[lacking], "manifest": manifest}
    if (few := _too_few(found["holdout"], settings)) is not None:
        return {"path": decide.NOTHING, "result": "not_better", "reason": few, "manifest": manifest}
    learnt = {name: objects for name, objects in found.items() if objects and name != "holdout"}
    places = _places(training, settings)
    manifests = {name: _manifest(plan, name, places[name], objects) for name, objects in learnt.items()}
    return {
        "path": decide.TRAIN,
        "manifest": manifest,
        **decide.trained_by(plan, training, manifests),
        **_questions(plan, settings, found["holdout"], _recent(found, settings, now)),
    }


def _places(training: dict[str, Any], settings: dict[str, Any]) -> dict[str, str]:
    """Where the rows of each channel lie, and those that no training sees."""
    return {channel["name"]: channel["uri"] for channel in training["channels"]} | {"holdout": settings["holdout"]}


def _rows(
    training: dict[str, Any], settings: dict[str, Any], now: datetime
) -> tuple[dict[str, list[decide.Rows]], list[decide.LeftOut]]:
    """Objects of every channel; of labelled traffic without windows whose data was broken, which stand beside."""
    places = _places(training, settings)
    found = {name: decide.rows(releases.split(uri)[0], releases.listed(uri)) for name, uri in places.items()}
    labelled = [*found.get("fresh", ()), *found["holdout"]]
    left_out = _left_out(settings, min((each.time for each in labelled), default=now))
    for name in ("fresh", "holdout"):
        found[name] = decide.sound(found.get(name, []), left_out)
    return found, left_out


def _recent(found: dict[str, list[decide.Rows]], settings: dict[str, Any], now: datetime) -> list[decide.Rows]:
    """All that is like the traffic of today."""
    return decide.recent([*found["fresh"], *found["holdout"]], now, settings["recent_hours"])


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
    folder = plan["folder"]
    _gather(holdout, f"{folder}/holdout/rows.csv", f"{folder}/questions/rows.csv", _asking(settings))
    answers = {name: _answers(plan, name) for name in (decide.OLD, decide.NEW)}
    return {
        "champion_job": _ask(plan, settings, decide.OLD, plan["champion"]["model"], "questions"),
        "challenger_job": _ask(plan, settings, decide.NEW, plan["run"], "questions"),
        **_recent_questions(plan, settings, recent),
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


def _recent_questions(plan: dict[str, Any], settings: dict[str, Any], recent: Sequence[decide.Rows]) -> dict[str, Any]:
    """The rows of the next baseline, and the jobs that make it."""
    folder, run = plan["folder"], plan["run"]
    if settings["baseline"]:
        _gather(recent, f"{folder}/recent/rows.csv", f"{folder}/recent-questions/rows.csv", _asking(settings))
    return {
        "recent_job": _ask(plan, settings, decide.RECENT, run, "recent-questions"),
        "baseline_job": decide.name_of(run, decide.BASELINE),
    }


def _ask(plan: dict[str, Any], settings: dict[str, Any], what: str, model: str, questions: str) -> dict[str, Any]:
    name, asked = decide.name_of(plan["run"], what), f"{plan['folder']}/{questions}/"
    return decide.transform_job(name, model, asked, _answers(plan, what), settings)


def _answers(plan: dict[str, Any], what: str) -> str:
    return f"{plan['folder']}/answers/{what}"


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
    return table_named(os.environ["TABLE"])
