"""From a laptop's command line to a `Job`. Whatever is wrong with the arguments is told before any work."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

from model_monitor import reader
from model_monitor.aws import s3
from model_monitor.contract import MERGED_FOLDER, TIME_FORMAT, JobKind, MonitoringType, Variable
from model_monitor.errors import BaselineError, NoDataset, SettingsError
from model_monitor.job import baselines, user_code
from model_monitor.job.configuration import Configuration, read_configuration
from model_monitor.job.guess import guess_kind
from model_monitor.job.job import BaselineFiles, DatasetKind, DatasetSource, Job
from model_monitor.schema import Window

OUTPUT = "--output"


def build_job(options: argparse.Namespace) -> Job:
    """Arguments and configuration as one job. Raises: SettingsError, BaselineError, NoDataset."""
    is_monitor = options.command == JobKind.MONITOR
    _refuse_output(options.output, options.dataset)
    reader.load()  # a wrong choice is told before any work
    if not options.dataset.exists():
        raise NoDataset(options.dataset, "file or folder")
    configuration = read_configuration(options.config) if options.config else Configuration()
    window = _window(options) if is_monitor else None
    monitors = user_code.with_local_modules(configuration.monitors)
    scripts = user_code.fetch_scripts(configuration.scripts.preprocessor, configuration.scripts.postprocessor)
    return Job(
        kind=JobKind(options.command),
        dataset=replace(_source(options), variants=configuration.variants),
        output=options.output,
        schema=configuration.schema,
        monitors=monitors,
        baselines=_baselines(options.baseline, configuration) if is_monitor else {},
        ground_truth=_ground_truth(options, configuration if is_monitor else Configuration()),
        facet_source=_facet_source(configuration) if is_monitor else None,
        merged=_merged(options, configuration) if is_monitor else None,
        labelled_rows=configuration.labelled_rows.rows("labelled_rows") if is_monitor else None,
        window=window,
        endpoint=configuration.endpoint,
        schedule=configuration.schedule,
        max_rejected_fraction=configuration.max_rejected_fraction,
        false_alarms=configuration.false_alarms,
        design_effect=configuration.design_effect,
        links=configuration.links,
        metrics=configuration.metrics,
        review=configuration.review if is_monitor else None,
        workers=options.workers or _workers_variable(),
        scripts=scripts,
        is_rehearsal=is_monitor and (options.create_violation_tests or configuration.is_rehearsal),
        provenance=user_code.digests(scripts, monitors),
    )


def job_before_settings(options: argparse.Namespace) -> Job:
    """What is known of a job whose arguments are wrong: enough to report the error."""
    kind = DatasetKind(options.format) if options.format else DatasetKind.CAPTURE
    source = DatasetSource(options.dataset, kind, has_header=not options.no_header)
    return Job(JobKind(options.command), source, options.output, workers=options.workers or _workers_variable())


def is_about_output(error: Exception) -> bool:
    """Whether an error says that nothing can be written where the results should go."""
    return isinstance(error, SettingsError) and error.where == OUTPUT


def _refuse_output(output: Path, dataset: Path) -> None:
    existing = next(path for path in (output.absolute(), *output.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise SettingsError(OUTPUT, f"{existing} is a file.", "Name a folder; it is made if it is missing.")
    if output.resolve().is_relative_to(dataset.resolve()):
        raise SettingsError(OUTPUT, "lies in the dataset, so the next run would read results as data.")


def _facet_source(configuration: Configuration) -> Path | None:
    location = configuration.facet_source
    if location is None or not s3.is_s3(location):
        return None if location is None else Path(location)
    raise SettingsError(
        "monitors.model_bias.facet_source",
        f"lies in S3: {location}.",
        "Copy it, and name the copy in the configuration.",
    )


def _ground_truth(options: argparse.Namespace, configuration: Configuration) -> Path | None:
    """What was named here; else, of monitoring jobs, the configuration's: labels of live traffic are no baseline's."""
    if options.ground_truth is not None or configuration.ground_truth is None:
        path: Path | None = options.ground_truth
    elif s3.is_s3(configuration.ground_truth):
        location = configuration.ground_truth
        raise SettingsError(
            "ground_truth",
            f"lies in S3: {location}.",
            f"Copy it (aws s3 sync {location} DIR), then --ground-truth DIR.",
        )
    else:
        path = Path(configuration.ground_truth)
    if path is not None and not path.exists():
        raise NoDataset(path, "ground truth")
    return path


def _merged(options: argparse.Namespace, configuration: Configuration) -> Path | None:
    merged: Path | None = options.merged or (options.output / MERGED_FOLDER if configuration.merged else None)
    if merged is None:
        return None
    if options.ground_truth is None and configuration.ground_truth is None:
        raise SettingsError("--merged", "there are no labels to merge.", "Name them with --ground-truth.")
    if _source(options).kind is not DatasetKind.CAPTURE:
        raise SettingsError(
            "--merged", "needs captured events; the dataset is a table.", "Labels of a table are a column of it."
        )
    if merged.resolve().is_relative_to(options.dataset.resolve()):
        raise SettingsError("--merged", "lies in the dataset, so the next run would read its records once more.")
    return merged


def _window(options: argparse.Namespace) -> Window | None:
    start, end = options.start, options.end
    if start is None and end is None:
        return None
    if start is None or end is None:
        given, missing = ("--end", "--start") if start is None else ("--start", "--end")
        raise SettingsError(missing, f"is missing: {given} was given alone.", "A window needs both.")
    if start >= end:
        raise SettingsError(
            "--start, --end",
            f"the window starts at {start.strftime(TIME_FORMAT)}, which is not before its end, {end.strftime(TIME_FORMAT)}.",
            "Give the earlier time as --start; the end is not part of the window.",
        )
    return Window(start, end)


def _baselines(given: str | None, configuration: Configuration) -> dict[MonitoringType, BaselineFiles]:
    location = given or configuration.baseline
    if not location:
        return {}
    found = baselines.resolve(location, [monitor.type for monitor in configuration.monitors])
    if not found and (given or not s3.is_s3(location)):
        raise BaselineError(
            location,
            "holds no baseline.",
            "Expected constraints.json and statistics.json, as `model-monitor baseline` or SageMaker writes them.",
        )
    return found


def _source(options: argparse.Namespace) -> DatasetSource:
    if options.format:
        kind = DatasetKind(options.format)
    else:
        try:
            kind = guess_kind(options.dataset)
        except NoDataset:  # a folder that is still empty: an hour without traffic, but nothing to learn from
            if options.command == JobKind.BASELINE:
                raise
            kind = DatasetKind.CAPTURE
    return DatasetSource(options.dataset, kind, has_header=not options.no_header)


def _workers_variable() -> int | None:
    text = os.environ.get(Variable.WORKERS, "")
    return int(text) if text.isdecimal() and int(text) else None
