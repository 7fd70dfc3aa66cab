"""Feature attribution drift: do the features still matter to the model in the order in which they mattered?

Rows are sampled while they are read; the model is asked once, when all are known, within a declared budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from model_monitor.contract import (
    ANALYSIS_FILE,
    CHECK_ATTRIBUTION_DRIFT,
    LOCAL_SHAP_FILE,
    SHAP_BASELINE_FILE,
    Decision,
    JobKind,
    MonitoringType,
    Verdict,
)
from model_monitor.errors import DatasetError, PredictorError
from model_monitor.job.job import BaselineFiles, Job
from model_monitor.monitors.answered import few_answers
from model_monitor.monitors.base import Files, Monitor, Options, Shown
from model_monitor.monitors.baseline_files import read_document
from model_monitor.monitors.conclusion import Check, Conclusion
from model_monitor.monitors.model_explainability import constraints as attribution, files
from model_monitor.monitors.model_explainability.attributions import Method
from model_monitor.monitors.model_explainability.constraints import AttributionBaseline
from model_monitor.monitors.model_explainability.explaining import explain_sample
from model_monitor.monitors.model_explainability.options import AttributionOptions, complete, options_of, read_options
from model_monitor.monitors.model_explainability.profile import AttributionProfile
from model_monitor.monitors.model_explainability.shown import lines, metrics, pictures, summary
from model_monitor.monitors.model_explainability.statistics import (
    AttributionStatistics,
    labels_of,
    of_captured,
    spread_of_captured,
)
from model_monitor.monitors.verdict import conclude
from model_monitor.predictors import sources
from model_monitor.schema import Rows
from model_monitor.sketches.sample import RecordSample
from model_monitor.words import counted

NO_MODEL = "no model is named that could be asked"


def empty(job: Job) -> AttributionProfile:
    """No records of the job's features."""
    options = _options(job)
    if options.method is Method.CAPTURED:
        return AttributionProfile(RecordSample(0, 0))
    return AttributionProfile(RecordSample(len(_features(job)), _limits_rows(options), options.seed))


def profile_rows(rows: Rows, job: Job) -> AttributionProfile:
    """One chunk."""
    options = _options(job)
    if options.method is Method.CAPTURED:
        return AttributionProfile.of_answers(rows)
    return AttributionProfile.of_records(rows, _limits_rows(options), options.seed, keeps_names=options.saves_local)


def statistics_of(profile: AttributionProfile, job: Job) -> AttributionStatistics:
    """Ask the model, in the process that merged the profiles.

    Raises: PredictorError in baseline jobs; a monitoring job tells it as this monitor's fault, for the others go on.
    """
    options, features, sample = _options(job), _features(job), profile.sample
    found = AttributionStatistics(
        features,
        sample.seen,
        options.method,
        options.aggregation,
        options.use_logit,
        notes=options.notes,
        is_baseline=job.kind is JobKind.BASELINE,
    )
    if options.method is Method.CAPTURED:
        values = of_captured(profile, len(features), options.aggregation)
        labels = labels_of(len(values), options.label_headers) if len(values) else ()  # no record has been read
        spread = spread_of_captured(profile, len(features), options.aggregation)
        expected = (None,) * len(values)
        return replace(found, labels=labels, values=values, expected=expected, used=profile.answered, spread=spread)
    if options.predictor is None:
        return replace(found, fault=NO_MODEL)
    if not sample.seen:
        return found
    source = sources.source_of(options.predictor, job)
    try:
        return explain_sample(source, sample, found, options, _known_rows(job), job)
    except PredictorError as error:
        if job.kind is JobKind.BASELINE:
            raise
        return replace(found, fault=str(error))


def _known_rows(job: Job) -> AttributionBaseline | None:
    """Baseline rows that the baseline job made are used again, so that both sides are compared with the same."""
    return load_baseline(job.baselines.get(MonitoringType.MODEL_EXPLAINABILITY, BaselineFiles()))


def suggest(statistics: AttributionStatistics, job: Job) -> AttributionBaseline:
    """The attributions of the baseline's data are what live data's are compared with. Raises: DatasetError."""
    if not statistics.used:
        why = statistics.stopped or statistics.fault or "the dataset holds no record that could be explained"
        raise DatasetError(f"{job.dataset.path}: no attributions: {why}")
    expected = dict(zip(statistics.labels, statistics.expected, strict=True))
    rows = () if statistics.clusters is None else tuple(map(tuple, statistics.clusters.tolist()))
    errors = statistics.errors_by_label
    return AttributionBaseline(statistics.by_label, expected, statistics.facts, statistics.features, rows, errors)


def load_baseline(given: BaselineFiles) -> AttributionBaseline | None:
    """analysis.json of Clarify, or ours."""
    if given.constraints is None:
        return None
    return attribution.read(read_document(given.constraints), str(given.constraints))


def check(statistics: AttributionStatistics, baseline: AttributionBaseline | None, job: Job) -> Conclusion:
    """The ranking of the features, label by label."""
    return replace(_conclusion(statistics, baseline, job), notes=_notes(statistics))


def _conclusion(statistics: AttributionStatistics, baseline: AttributionBaseline | None, job: Job) -> Conclusion:
    minimum = job.settings_of(MonitoringType.MODEL_EXPLAINABILITY).min_records
    if not statistics.records:
        return Conclusion(Verdict.NO_DATA, reason="the window holds no records")
    if statistics.fault:
        return Conclusion(Verdict.ERROR, reason=statistics.fault)
    if statistics.unfit:
        return Conclusion(Verdict.INSUFFICIENT_DATA, reason=statistics.unfit)
    if statistics.used < minimum:
        why = _why_not_all(statistics)
        reason = f"{counted(statistics.used, 'record')} explained, fewer than min_records = {minimum}"
        return Conclusion(Verdict.INSUFFICIENT_DATA, reason=f"{reason}: {why}" if why else reason)
    if baseline is None:
        return Conclusion(Verdict.INSUFFICIENT_DATA, reason=attribution.NO_BASELINE)
    threshold = _options(job).ndcg_threshold
    decision = job.settings_of(MonitoringType.MODEL_EXPLAINABILITY).decision
    found = attribution.checks(statistics.by_label, baseline, threshold, statistics.facts)
    if decision is Decision.CALIBRATED:
        found = attribution.with_evidence(found, statistics, baseline)
    return conclude([*found, *_unanswered(statistics, job)])


def _unanswered(statistics: AttributionStatistics, job: Job) -> list[Check]:
    """That too few responses hold attributions, where these are what is compared."""
    options = _options(job)
    if options.method is not Method.CAPTURED:
        return []
    return few_answers(statistics.used, statistics.records, options.min_answers, "attributions", "have attributions")


def _why_not_all(statistics: AttributionStatistics) -> str:
    """Why some records of the window are not explained; "" when all are."""
    if statistics.stopped or statistics.used == statistics.records:
        return statistics.stopped
    if statistics.method is Method.CAPTURED:
        whose = "the responses of the others" if statistics.used else "the responses"
        return f"{whose} hold no attributions, or not one for each feature"
    return "a sample, as budget.rows allows no more"


def _notes(statistics: AttributionStatistics) -> tuple[str, ...]:
    why = _why_not_all(statistics)
    if not why or not statistics.used:
        return statistics.notes
    told = f"{statistics.used} of {counted(statistics.records, 'record')} were explained: {why}"
    return (told, *statistics.notes)


def extra_files(statistics: AttributionStatistics, job: Job) -> Mapping[str, bytes]:
    """Local values on request, and the baseline rows where the run made them."""
    found = {}
    if _options(job).saves_local and statistics.local is not None:
        found[LOCAL_SHAP_FILE] = files.local_values(statistics)
    if statistics.clusters is not None:
        found[SHAP_BASELINE_FILE] = files.baseline_rows(statistics)
    return found


def _features(job: Job) -> tuple[str, ...]:
    """Names of what goes into the model: without the response's values, which positional schemas put first."""
    return job.schema.names[job.schema.outputs :]


def _limits_rows(options: AttributionOptions) -> int:
    is_local = bool(getattr(options.predictor, "is_local", False))
    return options.limits.for_source(is_local).rows or 0


def _options(job: Job) -> AttributionOptions:
    return options_of(job.settings_of(MonitoringType.MODEL_EXPLAINABILITY).options)


MONITOR = Monitor(
    type=MonitoringType.MODEL_EXPLAINABILITY,
    empty=empty,
    profile=profile_rows,
    statistics=statistics_of,
    suggest=suggest,
    check=check,
    files=Files(
        load=load_baseline,
        statistics=files.analysis_file,
        constraints=files.constraints_file,
        violations=files.violations_file,
        statistics_name=ANALYSIS_FILE,
        constraints_name=ANALYSIS_FILE,
        beside=extra_files,
    ),
    options=Options(lambda block: read_options(block, sources.read), complete),
    shown=Shown(metrics, summary, lines, pictures),
    forced=CHECK_ATTRIBUTION_DRIFT,
)
