"""READ FIRST: the two jobs, one line a step.

    files ─► units ─► rows (with labels) ─► profile ─► merge ─► statistics ─┬─► suggest ─► baseline files     baseline(job)
                                                              └─► check   ─► report             monitor(job)

Both jobs are the same code up to the statistics. Several monitors share one read of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from model_monitor.contract import (
    NO_DATA_REASON,
    VIOLATIONS_FILE,
    CheckType,
    Decision,
    JobKind,
    MonitoringType,
    Verdict,
)
from model_monitor.dataset.answers import why_unanswered
from model_monitor.dataset.discover import discover
from model_monitor.dataset.others import first_other
from model_monitor.dataset.remedies import main_reason, remedy
from model_monitor.dataset.resolve import resolve_schema
from model_monitor.dataset.rows import read_rows
from model_monitor.dataset.units import Unit, plan
from model_monitor.errors import NoDataset, SettingsError, TooManyRejected
from model_monitor.job import scratch
from model_monitor.job.baselines import digest
from model_monitor.job.job import BaselineFiles, DatasetKind, Job
from model_monitor.job.review import ReviewSettings
from model_monitor.labels import labelled_rows
from model_monitor.labels.facet_table import FacetTable, read_facets
from model_monitor.labels.ground_truth import GroundTruth
from model_monitor.labels.join import join
from model_monitor.labels.label_files import has_known_ending, label_files, label_units, leaves_threads
from model_monitor.labels.label_reader import read_ground_truth
from model_monitor.labels.merged import write_merged
from model_monitor.monitors import registry
from model_monitor.monitors.base import AnyMonitor
from model_monitor.monitors.baseline_files import signature, signed
from model_monitor.monitors.conclusion import Conclusion, Lack, Outcome
from model_monitor.monitors.decision import budget_of, settle
from model_monitor.monitors.rehearsal import rehearsed
from model_monitor.outputs.report import Dataset, Failure, Labels, MonitorResult, Report
from model_monitor.review.routing import Routed
from model_monitor.review.written import review_of
from model_monitor.runners import local
from model_monitor.schema import FeatureType
from model_monitor.sketches.neighbours import Neighbours
from model_monitor.sketches.reading import Reading
from model_monitor.words import counted, lost

DAY = timedelta(days=1)
Baselines = Mapping[MonitoringType, Any]  # as each monitor reads its own
Found = Sequence[tuple[AnyMonitor, Any]]  # each monitor of a job with its statistics
Conclude = Callable[[Found, Report], Iterable[MonitorResult]]  # (what was found, the run so far)


def run(job: Job, progress: local.Progress = local.silent) -> Report:
    """One run of either kind."""
    return baseline(job, progress) if job.kind is JobKind.BASELINE else monitor(job, progress)


def baseline(job: Job, progress: local.Progress = local.silent) -> Report:
    """Read a dataset and suggest what live data should look like."""
    measured = measure(job, {}, progress)
    report = measured.report(suggest)
    if not measured.reading.records and report.error is None:
        raise NoDataset(job.dataset.path, f"{job.dataset.kind} records that can be read")
    return replace(report, dataset=replace(report.dataset, sha256=digest(discover(job.dataset, job.window))))


def monitor(job: Job, progress: local.Progress = local.silent) -> Report:
    """Compare one window of data with its baseline."""
    baselines, job = load_baselines(job), with_decisions(job)
    measured = measure(job, baselines, progress)
    merge_records(measured)
    write_labelled(measured)
    return measured.report(partial(check, baselines=baselines))


# --- what a run compares with --------------------------------------------------------------------------------------------


def monitors_of(job: Job) -> tuple[AnyMonitor, ...]:
    """The monitors of a job, in its order."""
    return tuple(_monitor(settings.type) for settings in job.monitors)


def _monitor(type_: MonitoringType) -> AnyMonitor:
    monitor = registry.find(type_)
    if monitor is None:
        known = ", ".join(sorted(registry.monitors()))
        raise SettingsError(f"monitor {type_}", "is not part of this version.", f"Known: {known}.")
    return monitor


def load_baselines(job: Job) -> Baselines:
    """Each monitor's baseline as it reads it; None where there is none yet."""
    return {m.type: m.files.load(job.baselines.get(m.type, BaselineFiles())) for m in monitors_of(job)}


def with_decisions(job: Job) -> Job:
    """The job with the rule of each monitor, and the design effect of the baselines' records.

    Rules are as they are set; else calibrated for baselines of ours, and AWS's own for AWS's. The effect is one for all checks: of
    the baseline in which neighbours are most alike.
    """
    monitors, effect = [], 1.0
    for settings in job.monitors:
        found = signature(job.baselines.get(settings.type, BaselineFiles()))
        decision = settings.decision or (Decision.CALIBRATED if found.is_ours else Decision.AWS)
        effect = max(effect, found.effect) if decision is Decision.CALIBRATED else effect
        monitors.append(replace(settings, decision=decision))
    return replace(job, monitors=tuple(monitors), measured_effect=effect)


def known_features(job: Job, baselines: Baselines) -> dict[str, FeatureType]:
    """Names and types that a baseline gives, in its order, from the first monitor that has one."""
    for monitor in monitors_of(job):
        baseline = baselines.get(monitor.type)
        if baseline is not None and (features := monitor.files.features(baseline)):
            return dict(features)
    return {}


# --- the part both jobs share: files in, numbers out -------------------------------------------------------------------


def measure(job: Job, baselines: Baselines, progress: local.Progress) -> Measured:
    """Read every unit once for all monitors; the schema is settled first and is part of the job from then on."""
    files = discover(job.dataset, job.window)
    schema = resolve_schema(job, files, known_features(job, baselines))
    job = replace(job, schema=schema if takes_missing(job) else schema.with_missing(()))
    labels = load_labels(job)
    task = partial(profile_unit, job=job, labels=labels, facets=load_facets(job))
    profile = local.run(task, plan(files), Profile.empty(job), job.workers, progress)
    return Measured(job, profile, Dataset(len(files), sum(file.size_bytes for file in files)), labels)


def takes_missing(job: Job) -> bool:
    """Whether the usual spellings of missing numbers are such: declared ones always are, and to AWS's rule all are texts."""
    if job.schema.payload.missing is not None:
        return True
    if job.kind is JobKind.BASELINE:
        return all(settings.decision is not Decision.AWS for settings in job.monitors)
    compared = [settings for settings in job.monitors if settings.type in job.baselines]
    return all(settings.decision is Decision.CALIBRATED for settings in compared)


def load_labels(job: Job) -> GroundTruth | None:
    """Every label that a prediction of the window can have, read once for all monitors and workers."""
    is_kept = job.merged is not None or job.labelled_rows is not None
    is_wanted = is_kept or any(monitor.needs_labels for monitor in monitors_of(job))
    if job.ground_truth is None or not is_wanted:
        return None
    first = job.window.start if job.window else None
    files = label_files(job.ground_truth, first, job.now)
    return local.run(read_ground_truth, label_units(files), GroundTruth(), job.workers, apart=leaves_threads(files))


def load_facets(job: Job) -> FacetTable | None:
    """Sensitive columns that are not in the payload, read once like labels."""
    if job.facet_source is None:
        return None
    files = [file for file in label_files(job.facet_source) if has_known_ending(file[0])]
    return read_facets(files, job.schema.payload.metadata)


def merge_records(measured: Measured) -> None:
    """Records with their labels in AWS's merge layout, where a job asks for them."""
    job = measured.job
    if job.merged is not None:
        write_merged(job, discover(job.dataset, job.window), measured.labels or GroundTruth(), job.merged)


def write_labelled(measured: Measured) -> None:
    """Records with their labels as rows of a training set, some of them held out, where a job asks for them.

    Labels that come before they are due may be of one kind, such as those who failed at once: they are nothing to learn from.
    """
    job, labels = measured.job, measured.labels
    if job.labelled_rows is None or not labels or job.is_rehearsal or not are_labels_due(job):
        return
    folder = scratch.folder("rows")
    task = partial(labelled_rows.of_unit, job=job, labels=labels, folder=folder)
    parts = local.run(task, plan(discover(job.dataset, job.window)), labelled_rows.Parts(), job.workers)
    labelled_rows.deliver(parts, job.labelled_rows, job.window, folder, has_reviews=bool(labels.reviews))


def are_labels_due(job: Job) -> bool:
    """Whether every monitor that compares with labels may expect those of the window."""
    waiting = [monitor.type for monitor in monitors_of(job) if monitor.needs_labels]
    return job.window is None or all(job.settings_of(t).maturity.is_due(job.window.end, job.now) for t in waiting)


def profile_unit(unit: Unit, job: Job, labels: GroundTruth | None = None, facets: FacetTable | None = None) -> Profile:
    """One unit to one mergeable profile: the work that a runner hands out."""
    monitors, chosen = monitors_of(job), routing(job)
    needs_labels = any(monitor.needs_labels for monitor in monitors)
    profile: Profile | None = None
    for read in read_rows(unit, job):
        rows = join(read, labels) if needs_labels else read
        rows = rows if facets is None else facets.join(rows)
        parts = tuple(monitor.profile(rows, job) for monitor in monitors)
        routed = None if chosen is None else Routed.of(rows, chosen)
        neighbours = Neighbours.of(rows) if is_in_order(job) else None
        found = Profile(Reading.of(rows), parts, routed, neighbours)
        profile = found if profile is None else profile.merge(found)  # most units are one piece
    return Profile.empty(job) if profile is None else profile


def is_in_order(job: Job) -> bool:
    """Whether a baseline's records stand in the order of their time, so that neighbours tell whether records are alike."""
    return job.kind is JobKind.BASELINE and job.dataset.kind is DatasetKind.CAPTURE


def routing(job: Job) -> ReviewSettings | None:
    """Which predictions go to people; none of a rehearsal, which is remembered nowhere."""
    return None if job.is_rehearsal or job.kind is JobKind.BASELINE else job.review


@dataclass(frozen=True, slots=True)
class Profile:
    """What was read, one profile for each monitor of the job, in the job's order, and what may go to people.

    neighbours: of a baseline's records in the order of their time; None of others.
    """

    reading: Reading
    parts: tuple[Any, ...]
    routed: Routed | None = None
    neighbours: Neighbours | None = None

    @classmethod
    def empty(cls, job: Job) -> Profile:
        """The identity of `merge`."""
        routed = None if (chosen := routing(job)) is None else Routed(chosen)
        return cls(Reading(), tuple(monitor.empty(job) for monitor in monitors_of(job)), routed)

    def merge(self, other: Profile) -> Profile:
        """Combine two disjoint parts; `self` comes first in file order."""
        pairs = zip(self.parts, other.parts, strict=True)
        parts = tuple(mine.merge(theirs) for mine, theirs in pairs)
        routed = self.routed.merge(other.routed) if self.routed and other.routed else self.routed
        both = (self.neighbours, other.neighbours)
        neighbours = both[0].merge(both[1]) if both[0] is not None and both[1] is not None else both[0] or both[1]
        return Profile(self.reading.merge(other.reading), parts, routed, neighbours)


@dataclass(frozen=True, slots=True)
class Measured:
    """A job whose data is read."""

    job: Job
    profile: Profile
    dataset: Dataset
    labels: GroundTruth | None = None

    @property
    def reading(self) -> Reading:
        return self.profile.reading

    @property
    def read_labels(self) -> Labels | None:
        """How much ground truth there was, and what of it could not be read."""
        found = self.labels
        return None if found is None else Labels(len(found), found.repeats, found.rejects, found.id_form)

    def report(self, conclude: Conclude) -> Report:
        """Let the monitors conclude, unless too much could not be read.

        Records that all have one wrong width are a violation instead, where a column check says so.
        """
        review = None if self.profile.routed is None else review_of(self.profile.routed, self.job)
        job, neighbours = self.job, self.profile.neighbours
        if neighbours is not None:
            alike = neighbours.alike(job.schema.names)
            job = replace(job, measured_effect=alike.effect, alike_column=alike.column)
        report = Report(job, self.reading, (), self.dataset, labels=self.read_labels, review=review)
        problem = too_many_rejected(self.reading, self.job)
        if problem is not None and not (self.job.kind is JobKind.MONITOR and is_one_width(self.reading)):
            return report.failed(Failure.of(problem))
        monitors = zip(monitors_of(self.job), self.profile.parts, strict=True)
        found = [(monitor, monitor.statistics(part, self.job)) for monitor, part in monitors]
        results = tuple(conclude(found, report))
        if problem is not None and not any(map(tells_columns, results)):
            return report.failed(Failure.of(problem))
        return replace(report, results=results)


def is_one_width(reading: Reading) -> bool:
    """Whether no record could be read, all for the same wrong number of values."""
    rejects = reading.rejects
    return not reading.records and len(rejects.widths) == 1 and rejects.widths.total() == rejects.count


def tells_columns(result: MonitorResult) -> bool:
    """Whether a monitor found columns missing or too many."""
    checks = (CheckType.MISSING_COLUMN, CheckType.EXTRA_COLUMN)
    return any(check.outcome is Outcome.VIOLATED and check.check_type in checks for check in result.conclusion.checks)


def too_many_rejected(reading: Reading, job: Job) -> TooManyRejected | None:
    """Above the limit a run gives no result."""
    rejects = reading.rejects
    if reading.rejected_fraction <= job.max_rejected_fraction:
        return None
    shares = (reading.rejected_fraction, job.max_rejected_fraction)
    counts = (rejects.sized, rejects.unsized, reading.records)
    return TooManyRejected(counts, reading.records_per_event, shares, main_reason(rejects), remedy(rejects, job))


# --- what each monitor makes of its numbers ----------------------------------------------------------------------------


def suggest(found: Found, report: Report) -> Iterator[MonitorResult]:
    """The baseline job's side: statistics and constraints become the baseline's files."""
    job = report.job

    def locate(feature: str) -> str:
        return first_other(feature, discover(job.dataset, job.window), job)

    for monitor, statistics in found:
        constraints = monitor.suggest(statistics, job)
        first = monitor.type == job.monitors[0].type  # what is of the run is said once
        notes = (*monitor.notes(statistics, job, locate), *(alike_neighbours(job) if first else ()))
        conclusion = Conclusion(Verdict.OK, notes=notes)
        files = {
            monitor.files.constraints_name: monitor.files.constraints(constraints),
            monitor.files.statistics_name: monitor.files.statistics(statistics),
        }
        written = {name: signed(content, job.effect) for name, content in files.items()} | dict(
            monitor.files.beside(statistics, job)
        )
        yield MonitorResult(monitor.type, conclusion, monitor.shown.summary(statistics, conclusion), (), written)


def alike_neighbours(job: Job) -> tuple[str, ...]:
    """That a baseline's records tell less than as many drawn one by one would, and what follows from it."""
    if job.effect == 1.0:
        return ()
    told = f"records next to each other are alike in {job.alike_column}, as those of sessions or retries are: {job.effect:.1f} of "
    if job.design_effect is None:
        return (f"{told}them tell as much as one, and windows are judged so (`design_effect: 1`, if that is wrong)",)
    return (
        f"{told}them tell as much as one; windows with this configuration are judged by the declared {job.design_effect:g}",
    )


def check(found: Found, report: Report, baselines: Baselines) -> Iterator[MonitorResult]:
    """The monitoring job's side: statistics against the baseline, all monitors' checks as one family."""
    job = report.job
    conclusions = [conclude(monitor, statistics, report, baselines) for monitor, statistics in found]
    settled = settle(conclusions, budget_of(job), job.effect)
    for (monitor, statistics), conclusion in zip(found, settled, strict=True):
        yield result(monitor, statistics, conclusion, report, baselines)


def conclude(monitor: AnyMonitor, statistics: Any, report: Report, baselines: Baselines) -> Conclusion:
    """What a monitor says of a window, before chance has its say."""
    job, rejects = report.job, report.reading.rejects
    decision = job.settings_of(monitor.type).decision or Decision.AWS
    if not report.reading.records and not rejects.count:
        return Conclusion(Verdict.NO_DATA, reason=no_data_reason(report), decision=decision)
    conclusion = monitor.check(statistics, baselines.get(monitor.type), job)
    if conclusion.verdict is Verdict.NO_DATA:  # there was traffic, and nothing is known of it
        reason = f"none of {lost(rejects.sized, rejects.unsized)} could be read"
        return Conclusion(Verdict.INSUFFICIENT_DATA, reason=reason, decision=decision)
    return replace(explained(conclusion, report), decision=decision)


def explained(conclusion: Conclusion, report: Report) -> Conclusion:
    """A reason in the words of its cause, where labels and payloads tell more than a monitor sees."""
    if conclusion.lack is Lack.LABEL and (cause := unmatched(report)):
        return replace(conclusion, reason=f"{cause}; {conclusion.reason}")
    if conclusion.lack is Lack.PREDICTION:
        return replace(conclusion, reason=f"{conclusion.reason}: {why_unanswered(report.job)}")
    return conclusion


def unmatched(report: Report) -> str:
    """That none of the labels is of a captured record, by what their ids look like; "" where one is, or there are none."""
    labels, reading = report.labels, report.reading
    if labels is None or not labels.count or reading.labelled or not reading.id_form:
        return ""
    if reading.displaced:
        where = f"of {counted(reading.displaced, 'captured id')} they have another payload_index than any record"
        return f"{counted(labels.count, 'label')} read, none matches a record: {where}; the first of a payload has 0"
    told = f"{counted(labels.count, 'label')} read, none matches a captured id"
    if labels.id_form == reading.id_form:
        return f"{told}: both look like {labels.id_form}, so these may be labels of other records"
    return f"{told}: the first captured id looks like {reading.id_form}, the first label's id like {labels.id_form}"


def result(
    monitor: AnyMonitor, statistics: Any, conclusion: Conclusion, report: Report, baselines: Baselines
) -> MonitorResult:
    """A settled conclusion as checks, files and metrics."""
    job = report.job
    if job.is_rehearsal and monitor.type == job.monitors[0].type:
        conclusion = rehearsed(conclusion, monitor.type, monitor.forced)
    conclusion = replace(conclusion, notes=(*conclusion.notes, *filter(None, [report.reading.mixed_variants])))
    used = monitor.files.used(baselines.get(monitor.type), job)
    files = {
        monitor.files.constraints_name: None if used is None else monitor.files.constraints(used),
        monitor.files.statistics_name: monitor.files.statistics(statistics),
        **monitor.files.beside(statistics, job),
        VIOLATIONS_FILE: monitor.files.violations(conclusion),
    }
    return MonitorResult(
        type=monitor.type,
        conclusion=conclusion,
        summary=monitor.shown.summary(statistics, conclusion),
        metrics=tuple(monitor.shown.metrics(statistics, conclusion, job)),
        files={name: content for name, content in files.items() if content is not None},
        baseline=job.baselines.get(monitor.type),
        pictures=monitor.shown.pictures(statistics, baselines.get(monitor.type)),
    )


def no_data_reason(report: Report) -> str:
    """The service's words, and what there was beside the window, so that a wrong window is told from no traffic."""
    job, outside = report.job, report.reading.outside_window
    files = len(discover(job.dataset))
    if report.reading.dropped:
        return f"the preprocessor dropped all {counted(report.reading.dropped, 'record')}"
    if not files:
        return (
            f"{NO_DATA_REASON}: no file in {job.dataset.path}; check the path, and that data capture has written there"
        )
    if job.window is None:
        return f"{NO_DATA_REASON}: {counted(files, 'file')} without a record"
    far = files - report.dataset.files
    days = "days" if job.dataset.margin >= DAY else "hours"
    seen = f"{counted(files, 'file')} found" + (f", {far} of them of other {days} and not read" if far else "")
    return f"{NO_DATA_REASON} in the window: {seen}; {counted(outside, 'record')} outside the window"
