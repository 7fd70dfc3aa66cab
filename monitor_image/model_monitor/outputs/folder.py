"""The output folder of a run, the same from both front doors.

Baseline: AWS's flat layout for a single monitor (statistics.json, constraints.json), `{monitor}/` for each of several;
provenance.json, report.json.
Monitor: AWS's flat layout for data quality or a single monitor, `{monitor}/` for the others; report.json, metrics.jsonl;
`late/{monitor}/{window}/` for windows that waited for their labels.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from model_monitor.contract import (
    ANALYSIS_FILE,
    CONSTRAINTS_FILE,
    LOCAL_SHAP_FILE,
    METRICS_LINES_FILE,
    MONITOR_KEYS,
    PROVENANCE_FILE,
    REPORT_FILE,
    REVIEW_FILES,
    STATISTICS_FILE,
    VIOLATIONS_FILE,
    JobKind,
    MonitoringType,
    Verdict,
    monitor_key,
)
from model_monitor.monitors.conclusion import Conclusion
from model_monitor.outputs import cloudwatch, files
from model_monitor.outputs.report import MonitorResult, Report, Run, to_json

RESULT_FILES = (STATISTICS_FILE, CONSTRAINTS_FILE, VIOLATIONS_FILE, ANALYSIS_FILE, LOCAL_SHAP_FILE)
LATE_FOLDER = "late"  # below it {monitor}/{start of the window, yyyymmddHHMM}/
PROVENANCE_VERSION = 1


def write_folder(report: Report, run: Run) -> list[Path]:
    """Write every file of a run below `job.output`; what an earlier run left under these names is replaced or removed."""
    output = report.job.output
    written = []
    for result in _results(report):
        written += _write_result(output / result_folder(report, result), result)
    if report.job.kind is JobKind.BASELINE and report.error is None:
        _remove_other_layout(output, report)
    if report.job.kind is JobKind.MONITOR:
        written += _write_late(output / LATE_FOLDER, report)
        lines = cloudwatch.publisher_lines(cloudwatch.points_of(report), report.job.metrics.namespace)
        written.append(files.write_json_lines(output / METRICS_LINES_FILE, lines))
        written += _write_review(output, report)
    elif report.error is None:
        written.append(files.write_json(output / PROVENANCE_FILE, _provenance(report)))
    written.append(files.write_json(output / REPORT_FILE, to_json(report, run)))
    return written


def _results(report: Report) -> tuple[MonitorResult, ...]:
    """What each monitor found; nothing of any when the run failed, so that no file of an earlier run seems to be its."""
    if report.results or report.error is None:
        return report.results
    return tuple(MonitorResult(monitor.type, Conclusion(Verdict.ERROR)) for monitor in report.job.monitors)


def result_folder(report: Report, result: MonitorResult) -> str:
    """Where one monitor's files go below the output folder."""
    is_first = report.job.kind is JobKind.MONITOR and result.type is MonitoringType.DATA_QUALITY
    return "" if is_first or len(report.job.monitors) == 1 else monitor_key(result.type)


def _write_result(folder: Path, result: MonitorResult) -> list[Path]:
    written = [
        files.write_bytes(folder / name, content)
        if isinstance(content, bytes)
        else files.write_json(folder / name, content)
        for name, content in result.files.items()
    ]
    for name in RESULT_FILES:
        if folder / name not in written:
            files.remove(folder / name)
    return written


def _remove_other_layout(output: Path, report: Report) -> None:
    """What an earlier baseline of fewer or more monitors left: a folder holds one baseline, wherever its files lie in it."""
    places = {result_folder(report, result) for result in _results(report)}
    for place in {"", *MONITOR_KEYS.values()} - places:
        for name in RESULT_FILES:
            files.remove(output / place / name)


def _write_late(folder: Path, report: Report) -> list[Path]:
    """The files of windows that waited for their labels, each in a folder of its own."""
    if folder.exists():
        shutil.rmtree(folder)
    written = []
    for score in report.late.scores if report.late else ():
        contents = dict(score.files)
        if score.violations:
            contents[VIOLATIONS_FILE] = {"violations": [dict(violation) for violation in score.violations]}
        place = folder / score.key / f"{score.window.start:%Y%m%d%H%M}"
        for name, content in contents.items():
            whole = content if isinstance(content, bytes) else files.to_json(content)
            written.append(files.write_bytes(place / name, whole))
    return written


def _write_review(output: Path, report: Report) -> list[Path]:
    """What people are to look at; none of an earlier run where this one sends nothing."""
    contents = report.review.files if report.review and report.error is None else {}
    for name in REVIEW_FILES:
        if name not in contents:
            files.remove(output / name)
    return [files.write_bytes(output / name, content) for name, content in contents.items()]


def _provenance(report: Report) -> dict[str, Any]:
    """What a baseline was made of: enough to make it again, or to refuse it."""
    job = report.job
    return {
        "version": PROVENANCE_VERSION,
        "endpoint": job.endpoint,
        "records": report.reading.records,
        "dataset": {
            "kind": job.dataset.kind,
            "files": report.dataset.files,
            "size_bytes": report.dataset.size_bytes,
            "sha256": report.dataset.sha256,
        },
        "features": list(job.schema.names),
        "monitors": [monitor_key(settings.type) for settings in job.monitors],
        "made_with": dict(sorted(job.provenance.items())),
    }
