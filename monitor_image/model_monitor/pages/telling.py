"""What a report says in sentences: its verdict, what changed, what to do next."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from model_monitor.contract import (
    CHECK_ATTRIBUTION_DRIFT,
    CHECK_BIAS_DRIFT,
    CHECK_CUSTOM_METRIC,
    CHECK_GREATER,
    CHECK_LESS,
    CHECK_PREDICTION_DRIFT,
    CheckType,
    JobKind,
    Verdict,
)
from model_monitor.words import counted, moment, named

Report = Mapping[str, Any]
CHANGES_TOLD: Final = 12
HEADS: Final = {
    Verdict.OK: "No violation",
    Verdict.VIOLATED: "Violated",
    Verdict.INSUFFICIENT_DATA: "Not evaluated",
    Verdict.WAITING: "Waiting for labels",
    Verdict.NO_DATA: "No traffic",
    Verdict.ERROR: "The run failed",
}
KINDS: Final = {  # check type → what it is called in a sentence
    CheckType.DATA_TYPE: "wrong types in",
    CheckType.COMPLETENESS: "missing values in",
    CheckType.BASELINE_DRIFT: "drift of",
    CheckType.MISSING_COLUMN: "missing columns:",
    CheckType.EXTRA_COLUMN: "unknown columns:",
    CheckType.CATEGORICAL_VALUES: "new values in",
    CheckType.NON_NEGATIVE: "negative values in",
    CHECK_LESS: "too low",
    CHECK_GREATER: "too high",
    CHECK_PREDICTION_DRIFT: "drift of the model's answers:",
    CHECK_BIAS_DRIFT: "bias of",
    CHECK_ATTRIBUTION_DRIFT: "other features decide for",
    CHECK_CUSTOM_METRIC: "own metrics:",
}
COLUMNS: Final = (CheckType.MISSING_COLUMN, CheckType.EXTRA_COLUMN)
BREAK: Final = re.compile(r"; |\. ")  # where a check's sentence ends, and what to do begins
BROKEN: Final = (CheckType.DATA_TYPE, CheckType.COMPLETENESS, CheckType.MISSING_COLUMN, CheckType.EXTRA_COLUMN)
STEPS: Final = (  # (check types, what to do)
    (
        (*BROKEN, CheckType.NON_NEGATIVE),
        "Have the data mended where it comes from: a client or a pipeline sends something else "
        "than when the baseline was made. A training on such records learns the fault.",
    ),
    (
        (CheckType.CATEGORICAL_VALUES,),
        "Compare the new values with those of the baseline: a client may write the same things in another form "
        "(a prefix, letters in another case, spaces), which is to be mended there.",
    ),
    (
        (CheckType.BASELINE_DRIFT, CheckType.CATEGORICAL_VALUES, CHECK_PREDICTION_DRIFT),
        "Ask what changed: a new source, a season, another group of users. If the change is real "
        "and lasts, train on fresh labels; if the model copes with it, make a new baseline.",
    ),
    (
        (CHECK_LESS, CHECK_GREATER),
        "The model is wrong more often than it was. Look at the drift of its features, and at the "
        "slices where some are configured; go back to the last model if a release is behind it, train on fresh labels if "
        "the world is.",
    ),
    (
        (CHECK_BIAS_DRIFT,),
        "Have somebody who answers for fairness look at the groups {where} before the model decides "
        "on: count how many people each group stands for first.",
    ),
    (
        (CHECK_ATTRIBUTION_DRIFT,),
        "The model decides by other features than it did. Compare the rankings {where} with the features that drifted.",
    ),
    ((CHECK_CUSTOM_METRIC,), "Look at the metrics of your own, and at the limit that was set for them."),
)


REHEARSED: Final = (
    "Look whether the alarms and messages of this window arrived where they should, and marked as a rehearsal. "
    "Mend nothing: what is real is violated in the next window, too."
)


def head(report: Report) -> str:
    """The verdict in a word or two."""
    found = HEADS.get(report["verdict"], str(report["verdict"]))
    return f"{found}, a rehearsal" if "rehearsal" in report else found


def sentence(report: Report) -> str:
    """The verdict in one sentence."""
    verdict, reason, records = report["verdict"], str(report["reason"]), report["reading"]["records"]
    if verdict == Verdict.ERROR:
        return str((report["error"] or {}).get("message") or reason)
    if report["kind"] == JobKind.BASELINE:
        return f"A baseline was made of {counted(records, 'record')}."
    checks = list(all_checks(report))
    violated = [check for check in checks if check["outcome"] == "violated"]
    held = sum(check["outcome"] == "held" for check in checks)
    if verdict == Verdict.VIOLATED:
        told = (
            "; ".join(grouped([check for check in violated if "same_as" not in check]))
            or "windows that waited for their labels, below"
        )
        return f"{len(violated)} of {counted(len(violated) + held, 'evaluated check')} violated: {told}."
    if verdict == Verdict.OK:
        return f"All {counted(held, 'evaluated check')} held over {counted(records, 'record')}."
    return f"{reason[:1].upper()}{reason[1:]}." if reason else "Nothing was evaluated."


def grouped(violated: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """By what happened, with the first few subjects of each."""
    subjects: dict[str, list[str]] = {}
    told: dict[str, str] = {}
    for check in violated:
        subjects.setdefault(check["check_type"], []).append(check["subject"])
        told[check["check_type"]] = str(check.get("sentence", ""))
    for type_, names in subjects.items():
        if type_ in COLUMNS and told[type_]:  # the check is of all columns, and its sentence says which
            yield BREAK.split(told[type_])[0]
            continue
        kind = KINDS.get(type_, f"{type_}:")
        few = named(names, 3)
        yield f"{few} {kind}" if type_ in (CHECK_LESS, CHECK_GREATER) else f"{kind} {few}"


def changes(report: Report, stands: Mapping[tuple[str, str], str] | None = None) -> list[str]:
    """What is violated, the worst first, in the words of the checks, one change once. stands: of a check, since when."""
    violated = [check for check in all_checks(report) if check["outcome"] == "violated" and "same_as" not in check]
    violated.sort(key=lambda check: -excess(check))
    told = []
    for check in violated:
        time = (stands or {}).get((check["check_type"], check["subject"]), "")
        told.append(f"{check['subject']}: {_of(check)}" + (f" ({time})" if time else ""))
    return told[:CHANGES_TOLD] + ([f"and {len(told) - CHANGES_TOLD} more, below"] if len(told) > CHANGES_TOLD else [])


def _of(check: Mapping[str, Any]) -> str:
    """A check in its own words, without the name that stands before them."""
    told = str(check["sentence"] or check["description"] or check["check_type"])
    return told.removeprefix(f"{check['subject']} ")


def alone(report: Report) -> str:
    """What is said of time where no other window is known."""
    if report["window"] is None or report["verdict"] not in (
        Verdict.VIOLATED,
        Verdict.ERROR,
        Verdict.INSUFFICIENT_DATA,
    ):
        return ""
    start, end = moment(report["window"]["start"]), moment(report["window"]["end"])
    return f"Seen in the window {start} to {end} UTC. Since when: the index over time says it (model-monitor index FOLDER)."


def excess(check: Mapping[str, Any]) -> float:
    """How far beyond its limit a check is, in the limit's own unit where there is one."""
    observed, allowed = check["distance"] if check["distance"] is not None else check["observed"], check["allowed"]
    if observed is None or allowed is None:
        return 0.0
    return float(abs(observed - allowed) / (abs(allowed) or 1.0))


def causes(report: Report) -> list[str]:
    """The types of the checks that are violated, each once."""
    return list(dict.fromkeys(check["check_type"] for check in all_checks(report) if check["outcome"] == "violated"))


def violated(report: Report) -> list[tuple[str, str]]:
    """Type and subject of each check that is violated."""
    found = (check for check in all_checks(report) if check["outcome"] == "violated")
    return list(dict.fromkeys((str(check["check_type"]), str(check["subject"])) for check in found))


def steps(report: Report) -> list[str]:
    """What to do next."""
    if report["kind"] == JobKind.BASELINE and report["verdict"] != Verdict.ERROR:
        return ["Read the notes below; then have windows compared with this baseline."]
    return [REHEARSED] if "rehearsal" in report else steps_of(report["verdict"], causes(report))


def steps_of(verdict: str, violated: Collection[str], where: str = "below") -> list[str]:
    """What to do about a window. violated: types of checks; where: its report is."""
    if verdict == Verdict.ERROR:
        return [
            (
                "Mend what the message names and run the window again; the log of the run says more. "
                "Nothing was judged, so nothing is known of this window."
            )
        ]
    if verdict == Verdict.NO_DATA:
        return [
            (
                "A quiet window is fine. If there should have been traffic, look whether the endpoint "
                "captures, and whether its captures arrive where this run looked."
            )
        ]
    if verdict == Verdict.WAITING:
        return [
            "Nothing yet: the window is judged when its labels are due. If they never come, look at who writes them."
        ]
    found = [told.format(where=where) for types, told in STEPS if set(violated) & set(types)]
    if verdict == Verdict.INSUFFICIENT_DATA:
        found.append(
            "Remove what the reason names: a missing baseline, too few records or too few labels. "
            "This window is no proof that all is well. "
            "Of labels that match no record, compare the ids with those of the captures."
        )
    return found or ["Nothing."]


def all_checks(report: Report) -> Iterator[Mapping[str, Any]]:
    """The checks of every monitor."""
    for monitor in report["monitors"]:
        yield from monitor.get("checks", ())
