"""Bias drift: does the model treat a group of people, or what it learns from, worse than when the baseline was made?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from model_monitor.contract import (
    ANALYSIS_FILE,
    CHECK_BIAS_DRIFT,
    DIMENSION_BIAS_STAGE,
    DIMENSION_FACET,
    DIMENSION_FACET_VALUE,
    DIMENSION_LABEL,
    DIMENSION_LABEL_VALUE,
    DIMENSION_MONITOR,
    METRIC_INFINITY,
    METRIC_LABEL_COVERAGE,
    BiasStage,
    MonitoringType,
    Verdict,
    bias_metric,
    violations_metric,
)
from model_monitor.errors import DatasetError
from model_monitor.job.job import BaselineFiles, Job
from model_monitor.monitors.base import Monitor
from model_monitor.monitors.baseline_files import read_document
from model_monitor.monitors.conclusion import Conclusion
from model_monitor.monitors.labelled import prediction_notes, why_unlabelled
from model_monitor.monitors.model_bias import constraints as bias, options as bias_options
from model_monitor.monitors.model_bias.constraints import BiasCheck, BiasConstraints
from model_monitor.monitors.model_bias.files import analysis_file, number, violations_file
from model_monitor.monitors.model_bias.profile import BiasProfile
from model_monitor.monitors.model_bias.settings import BiasSettings
from model_monitor.monitors.model_bias.statistics import BiasStatistics, Entry, Value, read_statistics
from model_monitor.monitors.verdict import conclude
from model_monitor.outputs.metric import Metric
from model_monitor.schema import Rows

NO_BASELINE_REASON = "no baseline"


def empty(job: Job) -> BiasProfile:
    """No records."""
    return BiasProfile.empty(settings_of(job), job.schema)


def profile_rows(rows: Rows, job: Job) -> BiasProfile:
    """One chunk."""
    return BiasProfile.of(rows, settings_of(job))


def statistics_of(profile: BiasProfile, job: Job) -> BiasStatistics:
    """Every metric of every facet; the flip test searches here, on as many threads as the job has workers."""
    return read_statistics(profile, settings_of(job), job.schema, job.workers or -1)


def suggest_constraints(statistics: BiasStatistics, job: Job) -> BiasConstraints:
    """What was measured is what may not be exceeded. Raises: DatasetError when no record has a label."""
    if not statistics.labelled:
        remedy = "Name their column: payload.label in the configuration."
        raise DatasetError(f"{job.dataset.path}: the dataset holds no labels. {remedy}")
    return BiasConstraints({}, analysis_file(statistics))


def load_baseline(files: BaselineFiles) -> BiasConstraints | None:
    """analysis.json, Clarify's or ours."""
    if files.constraints is None:
        return None
    return bias.read(read_document(files.constraints), str(files.constraints))


def check(statistics: BiasStatistics, baseline: BiasConstraints | None, job: Job) -> Conclusion:
    """Every metric of a window against the baseline's, once enough labels are there."""
    if not statistics.records:
        return Conclusion(Verdict.NO_DATA, reason="the window holds no records")
    reason = why_unlabelled(statistics.labelled, statistics.records, job.settings_of(MonitoringType.MODEL_BIAS), job)
    if reason or baseline is None:
        return Conclusion(Verdict.INSUFFICIENT_DATA, reason=reason or NO_BASELINE_REASON, awaits_labels=bool(reason))
    settings = settings_of(job)
    conclusion = conclude(list(bias.checks(statistics, baseline, settings)))
    notes = (
        *prediction_notes(statistics.stated, statistics.predicted, job),
        *bias.dropped_facets(baseline, settings),
        *_sample_notes(statistics),
    )
    return replace(conclusion, notes=notes)


def _sample_notes(statistics: BiasStatistics) -> Iterator[str]:
    for entry in statistics.entries:
        flip = entry.flip
        if flip is not None and flip.records < flip.seen:
            yield (
                f"{bias.subject(entry, 'FT')}: from a sample of {flip.records} of {flip.seen} records, "
                f"{flip.low:.4f} to {flip.high:.4f} with 95 % confidence"
            )


# --- what leaves the run -------------------------------------------------------------------------------------------------


def constraints_file(constraints: BiasConstraints) -> dict[str, Any]:
    """As it was read, or as it is to be written."""
    return dict(constraints.document)


def metrics(statistics: BiasStatistics, conclusion: Conclusion, _: Job) -> Iterator[Metric]:
    """Coverage always; violations and values, under Clarify's dimensions, once the window can be judged.

    Groups that nobody named are values of the data, which no metric carries.
    """
    if statistics.records:
        share = statistics.labelled / statistics.records
        yield Metric(METRIC_LABEL_COVERAGE, share, extra_dimensions={DIMENSION_MONITOR: str(MonitoringType.MODEL_BIAS)})
    if conclusion.verdict not in (Verdict.OK, Verdict.VIOLATED):
        return
    yield Metric(violations_metric(CHECK_BIAS_DRIFT), float(len(conclusion.violations)), "Count")
    was_judged = any(isinstance(check, BiasCheck) for check in conclusion.checks)  # not so by a rehearsal alone
    for entry in statistics.entries if was_judged else ():
        for stage, values in ((BiasStage.PRE, entry.pre), (BiasStage.POST, entry.post)):
            for name, found in values.items():
                if entry.is_configured and found.value is not None and not math.isnan(found.value):
                    yield Metric(
                        bias_metric(name),
                        math.copysign(METRIC_INFINITY, found.value) if math.isinf(found.value) else found.value,
                        extra_dimensions=_dimensions(statistics, entry, stage),
                    )


def _dimensions(statistics: BiasStatistics, entry: Entry, stage: BiasStage) -> dict[str, str]:
    return {
        DIMENSION_FACET: entry.facet,
        DIMENSION_FACET_VALUE: entry.stable_text,
        DIMENSION_BIAS_STAGE: str(stage),
        DIMENSION_LABEL: statistics.label,
        DIMENSION_LABEL_VALUE: statistics.label_text,
    }


def summary(statistics: BiasStatistics, _: Conclusion) -> dict[str, Any]:
    """The monitor's block in report.json: what was counted, and every metric with its spread where it is known."""
    records, labelled = statistics.records, statistics.labelled
    return {
        "label": statistics.label,
        "label_value_or_threshold": statistics.label_text,
        "records": records,
        "labelled": labelled,
        "label_coverage": labelled / records if records else None,
        "predicted": statistics.predicted,
        "without_facet": dict(statistics.missing),
        "facets": [_of_entry(entry) for entry in statistics.entries],
    }


def _of_entry(entry: Entry) -> dict[str, Any]:
    content: dict[str, Any] = {
        "facet": entry.facet,
        "group": entry.stable_text,  # as messages and metrics have it: without a value of the data
        "value_or_threshold": entry.text,
        "read_as": "threshold" if entry.is_threshold else "values",
        "reason": entry.reason,
    }
    if entry.reason:
        return content
    content |= {"advantaged": entry.advantaged, "disadvantaged": entry.disadvantaged}
    content |= {stage: _of_values(values) for stage, values in (("pre", entry.pre), ("post", entry.post))}
    flip = entry.flip
    if flip is not None:
        content["flip_test"] = {
            "is_exact": flip.records == flip.seen,
            "records": flip.records,
            "seen": flip.seen,
            "tested": flip.tested,
            "neighbours": flip.neighbours,
            "incomplete": flip.incomplete,
            "low": flip.low,
            "high": flip.high,
        }
    return content


def _of_values(values: Mapping[str, Value]) -> dict[str, Any]:
    told = {}
    for name, found in values.items():
        spread = {} if math.isnan(found.deviation) else {"standard_deviation": found.deviation}
        told[name] = {"value": number(found.value)} | spread | ({"error": found.error} if found.error else {})
    return told


# --- settings ------------------------------------------------------------------------------------------------------------


def settings_of(job: Job) -> BiasSettings:
    """The job's, with names in the place of positions, and the payload's label where no name is given."""
    settings: BiasSettings = job.settings_of(MonitoringType.MODEL_BIAS).options.get(
        bias_options.SETTINGS, BiasSettings()
    )
    facets = tuple(replace(facet, name=_feature(facet.name, job)) for facet in settings.facets)
    return replace(
        settings,
        facets=facets,
        group=None if settings.group is None else _feature(settings.group, job),
        label_name=settings.label_name or job.schema.payload.label or "label",
    )


def _feature(name: str, job: Job) -> str:
    names = job.schema.names
    return names[int(name)] if name not in names and name.isdecimal() and int(name) < len(names) else name


MONITOR = Monitor(
    type=MonitoringType.MODEL_BIAS,
    empty=empty,
    profile=profile_rows,
    from_json=BiasProfile.from_json,
    statistics=statistics_of,
    suggest=suggest_constraints,
    load_baseline=load_baseline,
    check=check,
    statistics_file=analysis_file,
    constraints_file=constraints_file,
    violations_file=violations_file,
    metrics=metrics,
    summary=summary,
    read_options=bias_options.read_options,
    complete_options=bias_options.complete_options,
    needs_labels=True,
    statistics_name=ANALYSIS_FILE,
    constraints_name=ANALYSIS_FILE,
)
