"""The command as functions, for notebooks and programs: `baseline`, `monitor`; `read_report`, `draw_report`, `draw_index`,
`frames`.

    learnt = baseline(training, "baseline/", config="monitoring.json")
    result = monitor(window, learnt, "report/", config="monitoring.json")
    result.verdict, [check for check in result.checks if check["outcome"] == "violated"]

Data is a path (file or folder), or a DataFrame of pandas, polars, pyarrow or another library that speaks Arrow. Everything
else is as on the command line: the same files are written, and the same report.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

from model_monitor import cli, laptop
from model_monitor.aws.s3 import is_s3
from model_monitor.contract import REPORT_FILE, REPORT_VERSION, TIME_FORMAT, JobKind, Verdict
from model_monitor.dataset.frames import is_frame, write_frame
from model_monitor.errors import MonitorError, SettingsError
from model_monitor.job import from_laptop, scratch
from model_monitor.job.configuration import parse_configuration
from model_monitor.job.job import DatasetKind
from model_monitor.job.variables import parse_time
from model_monitor.outputs.report import Failure

__all__ = ["MonitorError", "Result", "baseline", "draw_index", "draw_report", "frames", "monitor", "read_report"]

Location: TypeAlias = str | os.PathLike[str]
Data: TypeAlias = Any  # a path, or a DataFrame
Config: TypeAlias = Location | Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Result:
    """What a run found.

    verdict: `ok`, `violated`, `insufficient_data`, `waiting` or `no_data`.
    checks: of all monitors, as the report has them, each with its `monitor`; none of a baseline.
    report: the content of report.json; path: the folder that the run wrote.
    """

    verdict: str
    checks: list[dict[str, Any]] = field(repr=False)
    report: dict[str, Any] = field(repr=False)
    path: Path

    @property
    def violations(self) -> list[dict[str, Any]]:
        """The checks that are violated."""
        return [check for check in self.checks if check["outcome"] == "violated"]


def baseline(
    data: Data,
    output: Location,
    *,
    config: Config = None,
    format: str | None = None,
    header: bool = True,
    workers: int | None = None,
) -> Result:
    """Learn what the data looks like when all is well, and write it to a folder.

    Args:
        data: a path, or a DataFrame.
        output: the folder for the baseline; made if missing.
        config: what a payload means, thresholds, metrics: a file, or its content as a mapping.
        format: of files: capture, csv, json, json_lines, parquet; guessed from name and content.
        header: whether a CSV file's first line names its columns.
        workers: processes; one per core without it. The result is the same for any number.

    Raises: MonitorError when there is no result: wrong settings, data that cannot be read.
    """
    given = {"format": format, "no_header": not header, "workers": workers}
    return _run(JobKind.BASELINE, data, output, config, given)


def monitor(
    data: Data,
    baseline: Result | Location | None,
    output: Location,
    *,
    config: Config = None,
    ground_truth: Data | None = None,
    start: datetime | str | None = None,
    end: datetime | str | None = None,
    format: str | None = None,
    header: bool = True,
    workers: int | None = None,
) -> Result:
    """Compare data with a baseline, and write what was found to a folder.

    Args:
        data: a path, or a DataFrame.
        baseline: what `baseline` gave, a folder of it, or one that SageMaker wrote.
        output: the folder for the report; made if missing.
        ground_truth: labels of captured records: a path, or a DataFrame with the columns of a label file.
        start, end: the window of captured events: UTC times as text, or datetimes with a zone; both or none.
        config, format, header, workers: as of `baseline`.

    Raises: MonitorError when there is no result. Violations are a result.
    """
    location = baseline.path if isinstance(baseline, Result) else baseline
    given = {
        "format": format,
        "no_header": not header,
        "workers": workers,
        "baseline": None if location is None else os.fspath(location),
        "start": _time("start", start),
        "end": _time("end", end),
        "ground_truth": ground_truth,
    }
    return _run(JobKind.MONITOR, data, output, config, given)


def draw_report(path: Location, html: Location | None = None) -> Path:
    """Draw what a run left in a folder (or its report.json) as a page; where the page is: beside it, or where `html` says.

    Raises: MonitorError where there is no report, or the page cannot be written.
    """
    from model_monitor.pages import report

    return report.write(Path(path), None if html is None else Path(html))


def draw_index(folder: Location, html: Location | None = None) -> Path:
    """Draw every window below a folder: trends, a calendar of verdicts, a page for each; where the index is.

    The history that it is made of lies beside it (`history/`, Parquet by date), and only new reports are read.

    Raises: MonitorError where the folder holds no window, or a page cannot be written.
    """
    from model_monitor.pages import index

    return index.write(Path(folder), None if html is None else Path(html))


def read_report(path: Location) -> Result:
    """The result that a run left in a folder (or its report.json).

    Raises: MonitorError where there is none.
    """
    found = Path(path)
    file = found / REPORT_FILE if found.is_dir() else found
    try:
        report = json.loads(file.read_bytes())
    except OSError as error:
        raise SettingsError(
            str(file), f"cannot be read ({error.strerror}).", "Name a folder that a run wrote."
        ) from None
    except ValueError:
        raise SettingsError(str(file), "is no JSON.", "Name a folder that a run wrote.") from None
    version = report.get("version") if isinstance(report, dict) else None
    if version != REPORT_VERSION or "monitors" not in report:
        raise SettingsError(str(file), f"is no report of version {REPORT_VERSION}.", "Name a folder that a run wrote.")
    return _result(report, file.parent)


def frames(result: Result | Location) -> dict[str, Any]:
    """The tables of a report's page as DataFrames of pandas: checks, features, distributions, quality, confusion_matrix,
    bias, attributions. result: of a run, or where its report lies.

    Raises: MonitorError where there is no report, or pandas is not installed.
    """
    from model_monitor.pages import tables

    found = result if isinstance(result, Result) else read_report(result)
    try:
        return {name: pa.Table.from_pylist(rows).to_pandas() for name, rows in tables.rows(found.report).items()}
    except ModuleNotFoundError as error:
        raise SettingsError("frames", f"needs {error.name}, which is not installed.", "pip install pandas") from None


# --- one run -----------------------------------------------------------------------------------------------------------


def _run(kind: JobKind, data: Data, output: Location, config: Config, given: dict[str, Any]) -> Result:
    """A command without a command line. A DataFrame lies in a file of its own for as long as the run takes."""
    with scratch.removed(), tempfile.TemporaryDirectory(prefix="model-monitor-") as folder:
        beside = Path(folder)
        given |= {"dataset": _path("data", data, beside / "DataFrame.parquet"), "config": _config(config, beside)}
        if is_frame(data):
            given["format"] = DatasetKind.PARQUET.value
        if given.get("ground_truth") is not None:
            given["ground_truth"] = _path("ground_truth", given["ground_truth"], beside / "labels.parquet")
        if given["format"] is not None and given["format"] not in laptop.FORMATS:
            raise SettingsError("format", f"should be one of {', '.join(laptop.FORMATS)}.")
        options = cli.parser().parse_args([kind, "--dataset", "data", "--output", "output"])  # every default
        options = argparse.Namespace(**vars(options) | given | {"output": _local("output", output)})
        try:
            report, _, _ = laptop.carried_out(from_laptop.build_job(options), datetime.now(UTC))
        except MonitorError:
            raise
        except Exception as error:  # noqa: BLE001 - a front door: a traceback may hold values of the data
            raise MonitorError(Failure.of(error).message) from None
    if report.verdict is Verdict.ERROR:
        raise MonitorError(report.reason)
    return read_report(options.output)


def _result(report: dict[str, Any], path: Path) -> Result:
    checks = [{"monitor": one["key"], **check} for one in report["monitors"] for check in one.get("checks", ())]
    return Result(report["verdict"], checks, report, path)


def _path(name: str, data: Data, beside: Path) -> Path:
    """Where data lies; a DataFrame is written `beside` first."""
    if isinstance(data, (str, os.PathLike)):
        return _local(name, data)
    if is_frame(data):
        return write_frame(data, beside)
    raise SettingsError(
        name, f"should be a path or a DataFrame (pandas, polars, pyarrow), found {type(data).__name__}."
    )


def _local(name: str, location: Location) -> Path:
    if is_s3(os.fspath(location)):
        raise SettingsError(name, f"lies in S3: {location}.", "Copy it first (aws s3 sync), then name the copy.")
    return Path(location)


def _config(config: Config, folder: Path) -> Path | None:
    if config is None or isinstance(config, (str, os.PathLike)):
        return None if config is None else _local("config", config)
    if not isinstance(config, Mapping):
        raise SettingsError("config", f"should be a file or a mapping, found {type(config).__name__}.")
    path = folder / "configuration.json"
    try:
        content = json.dumps(config)
    except (TypeError, ValueError):
        raise SettingsError("config", "holds something that JSON cannot say.") from None
    parse_configuration(content.encode(), "config")  # faults are told of the argument, not of a file nobody wrote
    path.write_text(content)
    return path


def _time(name: str, time: datetime | str | None) -> datetime | None:
    if isinstance(time, datetime):
        if time.tzinfo is None:
            raise SettingsError(name, "is a time without a zone.", "Say datetime(..., tzinfo=UTC).")
        return time.astimezone(UTC)
    try:
        return None if time is None else parse_time(time)
    except ValueError:
        raise SettingsError(name, f"should be a UTC time such as {datetime(2026, 1, 31, 4):{TIME_FORMAT}}.") from None
