"""How a retraining ended, for the record, for machines and for people. Pure: no AWS calls, no clock, no environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

EVENT_SOURCE, EVENT_TYPE = "model-monitor", "Retraining Ended"
REASON_MAX = 1000
SUBJECT_MAX = 100
DEPLOYED, NOT_BETTER, ROLLED_BACK, FAILED, TRAINING_FAILED = (
    "deployed",
    "not_better",
    "rolled_back",
    "failed",
    "training_failed",
)
MEANINGS = {  # result → what a person should know
    DEPLOYED: "The new model serves.",
    NOT_BETTER: "The old model serves: the new one was not shown to be better.",
    "refused": "The old model serves, and another retraining of the endpoint goes on.",
    "registered": "The new model is in the registry; whoever deploys the endpoint may take it.",
    TRAINING_FAILED: "The old model serves: the training job failed.",
    "rejected": "The old model serves: the package was rejected in the registry.",
    "expired": "The old model serves: nobody decided about the package in time. It may still be released by hand.",
    ROLLED_BACK: "The old model serves again.",
    FAILED: "The old model serves: a step failed.",
}
KEPT = "The package that was asked for serves, and stays although the monitors speak against it: somebody must decide."
UNWATCHED = "The package that was asked for serves, and nobody watched it to the end: look at what the monitors say."
LOST = "The old model could not be brought back: a person must look at the endpoint, and at what is live, now."


def result(plan: Mapping[str, Any]) -> str:
    """One word; a run whose first step failed has none yet."""
    return str(plan.get("result") or FAILED)


def reason(plan: Mapping[str, Any]) -> str:
    """One sentence: why it ended so."""
    found = result(plan)
    error = cause(plan.get("error"))
    said = {
        NOT_BETTER: plan.get("compared", {}).get("reason") or plan.get("reason"),
        "refused": plan.get("reason"),
        DEPLOYED: _answer(plan, "watched").get("reason") or "it was not watched, as watch.windows is 0",
        ROLLED_BACK: _rolled_back(plan),
    }.get(found)
    return str(said or error or MEANINGS[found])[:REASON_MAX]


def _rolled_back(plan: Mapping[str, Any]) -> str:
    """By the monitors after the update, or by SageMaker during it."""
    if _answer(plan, "watched").get("status") == "violated":
        return str(_answer(plan, "watched")["reason"])
    why = _answer(plan, "checked").get("why") or "an alarm of the endpoint rang"
    return f"SageMaker rolled the update back: {why}"


def cause(error: Mapping[str, Any] | None) -> str:
    """Why a step failed, in its own words. What failed as a job is described by the whole job."""
    if not error:
        return ""
    told = str(error.get("Cause") or "")
    try:
        described = json.loads(told)
    except ValueError:
        described = {}
    described = described if isinstance(described, dict) else {}
    said = described.get("FailureReason") or described.get("ExitMessage") or described.get("errorMessage") or told
    return f"{error.get('Error', '')}: {said}".strip(": ")


def is_lost(plan: Mapping[str, Any]) -> bool:
    """Whether an endpoint could not be brought back: a step of that failed, or the first step of a run that was to do it."""
    return bool(plan.get("settles")) or bool(_answer(plan, "returned").get("status") == "lost")


def is_kept(plan: Mapping[str, Any]) -> bool:
    """Whether a model serves because a person chose it, and the monitors speak against it."""
    return bool(_answer(plan, "watched").get("status") == "kept")


def is_unwatched(plan: Mapping[str, Any]) -> bool:
    """Whether a model serves because a person chose it, and its watch broke."""
    return bool(_answer(plan, "watched").get("status") == "unwatched")


def record(plan: Mapping[str, Any], run: str, now: str) -> dict[str, Any]:
    """All that answers "why does this model serve", to be kept for audit. It holds places of rows, and no row."""
    names = ("endpoint", "mode", "cause", "decision", "started_by", "started", "champion", "manifest", "version")
    jobs = ("training_job", "pipeline", "started_pipeline", "champion_job", "challenger_job", "recent_job")
    return {
        **{name: plan[name] for name in names if name in plan},
        "run": run,
        "why": plan.get("reason", ""),
        "ended": now,
        "result": result(plan),
        "reason": reason(plan),
        "artifact": _answer(plan, "model").get("artifact") or plan.get("artifact", ""),
        "package_arn": _answer(plan, "package").get("package_arn", ""),
        "comparison": plan.get("compared", {}),
        "comparison_uri": plan.get("comparison", {}).get("event", {}).get("comparison", {}).get("output_uri", ""),
        "approval": plan.get("approval", {}),
        "live": _answer(plan, "live"),
        "jobs": {name: plan[name] for name in jobs if name in plan},
        "is_lost": is_lost(plan),
        "is_kept": is_kept(plan),
        "is_unwatched": is_unwatched(plan),
    }


def event(found: Mapping[str, Any], record_uri: str) -> dict[str, Any]:
    """What EventBridge is told."""
    names = ("endpoint", "run", "result", "reason", "mode", "started_by", "package_arn", "comparison_uri", "report_uri")
    return {**{name: found.get(name, "") for name in names}, "record_uri": record_uri}


def message(found: Mapping[str, Any], record_uri: str, package_of_old: str) -> tuple[str, str]:
    """Subject and text for people. package_of_old: what brings the old model back; "" where there is none."""
    word = str(found["result"]).replace("_", " ").upper()
    but, meaning = _what_serves(found)
    subject = f"RETRAINING {word}{but}: {found['endpoint']}"[:SUBJECT_MAX]
    lines = [
        LOST if found["is_lost"] else meaning,
        "",
        f"Run:         {found['run']} ({found.get('started_by', '')})",
        f"Why it ran:  {found['why']}",
        f"Why it ended so: {found['reason']}",
        *([f"The report:  {found['report_uri']}"] if found.get("report_uri") else []),
        f"The record:  {record_uri}",
    ]
    if found.get("comparison_uri"):
        lines.append(f"Comparison:  {found['comparison_uri']}")
    if found["result"] == DEPLOYED and package_of_old:
        lines += [
            "",
            f"To go back:  start the state machine with endpoint {found['endpoint']} and rollback_to {package_of_old}",
        ]
    return subject, "\n".join(lines)


def _what_serves(found: Mapping[str, Any]) -> tuple[str, str]:
    """What the subject adds to the result, and the first sentence."""
    if found.get("is_kept"):
        return ", MONITORS SPEAK AGAINST IT", KEPT
    if found.get("is_unwatched"):
        return ", NOT WATCHED TO THE END", UNWATCHED
    return "", MEANINGS[str(found["result"])]


def _answer(plan: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What a function of ours answered, under its name in the plan."""
    found = plan.get(name)
    answer = found.get("answer") if isinstance(found, Mapping) else None
    return answer if isinstance(answer, Mapping) else {}
