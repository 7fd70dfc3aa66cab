"""Whether enough labels of a window are there to conclude anything, of any monitor that compares with labels."""

from __future__ import annotations

from model_monitor.contract import TIME_FORMAT, Verdict
from model_monitor.job.job import DatasetKind, Job, MonitorSettings
from model_monitor.monitors.conclusion import Conclusion, Lack
from model_monitor.words import counted


def unjudged(reason: str, labelled: int, records: int, settings: MonitorSettings, job: Job) -> Conclusion:
    """Of a window whose labels are not due yet that it waits; of one that is due that it could not be evaluated."""
    if records >= settings.min_records and not are_due(settings, job):
        return Conclusion(Verdict.WAITING, reason=reason, awaits_labels=True)
    lack = None if labelled or records < settings.min_records else Lack.LABEL
    return Conclusion(Verdict.INSUFFICIENT_DATA, reason=reason, awaits_labels=True, lack=lack)


def why_unlabelled(labelled: int, records: int, settings: MonitorSettings, job: Job) -> str:
    """Why nothing can be said yet, or at all; "" when enough is known."""
    maturity, share = settings.maturity, labelled / records if records else 0.0
    told = f"{labelled} of {counted(records, 'prediction')} have a label ({share:.1%})"
    when = "" if job.window is None else f"due at {(job.window.end + maturity.delay).strftime(TIME_FORMAT)}"
    if not are_due(settings, job):
        if records < settings.min_records:  # whatever labels come
            return f"{counted(records, 'record')}, fewer than min_records = {settings.min_records}"
        return f"{told}; labels are {when}"
    if not labelled and job.ground_truth is None:
        return "no label: neither ground truth nor a label column was given"
    if share < maturity.min_coverage or not labelled:
        needed = f", min_coverage is {maturity.min_coverage:.1%}" if maturity.min_coverage else ""
        return told + needed + (f"; labels were {when}" if when else "")
    if labelled < settings.min_records:
        return f"{counted(labelled, 'labelled record')}, fewer than min_records = {settings.min_records}"
    return ""


def prediction_notes(stated: int, answered: int, job: Job) -> tuple[str, ...]:
    """That predictions come from scores alone although one is named, which no record has: its name may be misspelled.

    stated: records that hold a prediction; answered: those of which it is known from anything.
    """
    named = _named("prediction", job)
    if not named or stated or not answered:
        return ()
    return (f"no record has what {named}: what the model predicted is read from its scores",)


def score_notes(scored: int, answered: int, job: Job) -> tuple[str, ...]:
    """Of a baseline: that its answers hold no score although one is named. scored, answered: records with a score, an answer."""
    named = _named("score", job)
    if not named or scored or not answered:
        return ()
    return (f"no record has what {named}: auc is not learned, and no window is asked for its scores",)


def _named(part: str, job: Job) -> str:
    """A setting that says where a prediction or score stands, and what it says; "" where none does."""
    payload = job.schema.payload
    name, key = getattr(payload.output, part), f"payload.output.{part}"
    if job.dataset.kind is not DatasetKind.CAPTURE and getattr(payload, part):
        name, key = getattr(payload, part), f"payload.{part}"
    return "" if name is None else f"{key} names ('{name}')"


def are_due(settings: MonitorSettings, job: Job) -> bool:
    """Whether the labels of the job's window should be there; those of a dataset without a window should."""
    return job.window is None or settings.maturity.is_due(job.window.end, job.now)
