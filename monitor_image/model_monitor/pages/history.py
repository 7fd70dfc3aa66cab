"""The history of windows: what an index is drawn of, kept beside it as Parquet by date, so that query engines read it, too.

    history/runs/date=2026-03-02/part.parquet        one row a window
    history/metrics/date=2026-03-02/part.parquet     one row a window and metric

`date` is that of the window's start. A date in which something changed is written anew as a whole, so that no row is there
twice; a report that is known and has not changed is not read again. Rows outlive their reports. Numbers and names only: never
a value of a record, nothing of a restricted feature but its share in the largest drift.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from io import BytesIO
from pathlib import Path
from typing import Any, Final, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from model_monitor.contract import HISTORY_METRICS, HISTORY_RUNS, CheckType, JobKind, MonitoringType
from model_monitor.errors import SettingsError
from model_monitor.outputs import files
from model_monitor.pages import telling

FOLDER: Final = "history"
PART: Final = "part.parquet"
TYPES: Final = {"string": pa.string(), "boolean": pa.bool_(), "bigint": pa.int64(), "double": pa.float64()}
RUN_COLUMNS: Final = {name: (TYPES[type_], meaning) for name, (type_, meaning) in HISTORY_RUNS.items()}
METRIC_COLUMNS: Final = {name: (TYPES[type_], meaning) for name, (type_, meaning) in HISTORY_METRICS.items()}
DRIFT: Final = "drift_max"
SHARE: Final = "label_coverage"
DIGEST_SHOWN: Final = 12

Row = TypeVar("Row", "Run", "Metric")


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of one window."""

    endpoint: str
    schedule: str
    window_start: str
    window_end: str
    monitor: str
    metric: str
    value: float
    limit: float | None
    baseline: float | None
    outcome: str


@dataclass(frozen=True, slots=True)
class Run:
    """What one window came to. metrics: kept in the other table."""

    endpoint: str
    schedule: str
    window_start: str
    window_end: str
    verdict: str
    is_rehearsal: bool
    records: int
    rejected: int
    checks: int
    violations: int
    causes: str
    violated: str | None  # None: of a row that was written before there was this column
    told: str
    baseline: str
    image: str
    report: str
    finished: str
    size_bytes: int
    modified_ns: int
    metrics: tuple[Metric, ...] = field(default=(), compare=False)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The window, which has one row."""
        return self.endpoint, self.schedule, self.window_start, self.window_end

    @property
    def violated_checks(self) -> list[tuple[str, str]]:
        """Type and subject of each."""
        return [(type_, subject) for type_, subject in json.loads(self.violated or "[]")]

    @property
    def date(self) -> str:
        """The partition."""
        return self.window_start[:10]


def run_of(
    report: Mapping[str, Any], place: str, size_bytes: int = 0, modified_ns: int = 0, section: str = ""
) -> Run | None:
    """A report's row; None of a baseline, and of what says no time. section: stands for an endpoint that is not named."""
    times = report["window"] or {"start": _facts(report, "started"), "end": _facts(report, "finished")}
    if report["kind"] == JobKind.BASELINE or not times["start"]:
        return None
    key = (str(report["endpoint"] or section), str(report["schedule"]), times["start"], times["end"])
    checks = list(telling.all_checks(report))
    violated = sum(check["outcome"] == "violated" for check in checks)
    return Run(
        *key,
        verdict=str(report["verdict"]),
        is_rehearsal="rehearsal" in report,
        records=report["reading"]["records"],
        rejected=report["reading"]["rejected"],
        checks=sum(check["outcome"] == "held" for check in checks) + violated,
        violations=violated,
        causes=", ".join(telling.causes(report)),
        violated=json.dumps(telling.violated(report)),
        told=telling.sentence(report),
        baseline=_baseline(report),
        image=_image(report),
        report=place,
        finished=_facts(report, "finished"),
        size_bytes=size_bytes,
        modified_ns=modified_ns,
        metrics=tuple(Metric(*key, **found) for found in _metrics(report)),
    )


def _facts(report: Mapping[str, Any], name: str) -> str:
    return str((report.get("run") or {}).get(name, ""))


def _baseline(report: Mapping[str, Any]) -> str:
    """One name for what was compared with; those of monitors that are compared with different ones, in order."""
    found = [monitor.get("baseline") or {} for monitor in report["monitors"]]
    digests = [str(each.get("version") or str(each.get("statistics_sha256") or "")[:DIGEST_SHOWN]) for each in found]
    return ", ".join(dict.fromkeys(filter(None, digests)))


def _image(report: Mapping[str, Any]) -> str:
    digest = str(report["provenance"].get("image_digest") or "")
    return digest.rpartition(":")[2][:DIGEST_SHOWN] or _facts(report, "version")


def _metrics(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The main numbers: the largest drift, what other monitors checked, how many labels came."""
    for monitor in report["monitors"]:
        checks, key, summary = monitor.get("checks", ()), monitor["key"], monitor["summary"]
        if monitor["type"] == MonitoringType.DATA_QUALITY:
            yield from _drift(summary.get(DRIFT), key, checks)
        else:
            for check in checks:
                yield from _metric(key, check["subject"], check["observed"], check)
        coverage = summary.get(
            SHARE, (summary.get("labels") or {}) if isinstance(summary.get("labels"), dict) else None
        )
        yield from _metric(key, SHARE, coverage.get("coverage") if isinstance(coverage, dict) else coverage)


def _drift(largest: object, key: str, checks: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The largest distance, under the limit of the feature that it is of; violated where any feature drifted."""
    of_drift = [check for check in checks if check["check_type"] == CheckType.BASELINE_DRIFT]
    furthest = max(of_drift, key=lambda check: check["distance"] or 0.0, default=None)
    outcomes = {check["outcome"] for check in of_drift}
    outcome = next((each for each in ("violated", "held", "not_evaluated") if each in outcomes), "")
    about = {"allowed": furthest["allowed"] if furthest else None, "baseline": None, "outcome": outcome}
    yield from _metric(key, DRIFT, largest, about)


def _metric(key: str, name: str, value: object, check: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    number = _finite(value)
    if number is not None:
        limit, before = (None, None) if check is None else (_finite(check["allowed"]), _finite(check["baseline"]))
        outcome = "" if check is None else check["outcome"]
        yield {"monitor": key, "metric": name, "value": number, "limit": limit, "baseline": before, "outcome": outcome}


def _finite(value: object) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None  # type: ignore[arg-type]


# --- Parquet ----------------------------------------------------------------------------------------------------------------


def schema(columns: Mapping[str, tuple[pa.DataType, str]]) -> pa.Schema:
    """With what each column means, as the files carry it."""
    return pa.schema(
        [pa.field(name, type_, metadata={"comment": meaning}) for name, (type_, meaning) in columns.items()]
    )


def load(folder: Path) -> list[Run]:
    """What is kept in a folder; nothing of one that has no history. Raises: SettingsError of files that are none of ours."""
    metrics: dict[tuple[str, ...], list[Metric]] = {}
    for row in _rows(folder / "metrics", METRIC_COLUMNS):
        found = Metric(**row)
        metrics.setdefault((found.endpoint, found.schedule, found.window_start, found.window_end), []).append(found)
    runs = (Run(**row) for row in _rows(folder / "runs", RUN_COLUMNS))
    return [Run(**_plain(run), metrics=tuple(metrics.get(run.key, ()))) for run in runs]


def _rows(folder: Path, columns: Mapping[str, object]) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob(f"date=*/{PART}")):
        try:
            table = pq.ParquetFile(path).read(columns=list(columns))
            yield from (dict.fromkeys(columns) | row for row in table.to_pylist())
        except (OSError, pa.ArrowException, KeyError) as error:
            raise SettingsError(
                str(path), f"is no part of a history ({type(error).__name__}).", "Remove it; reports are read again."
            ) from None


def store(folder: Path, runs: Sequence[Run], dates: Iterable[str]) -> list[Path]:
    """Write these dates anew, each with all of its rows. Raises: OutputError."""
    written = []
    for date in sorted(dates):
        of_date = sorted((run for run in runs if run.date == date), key=lambda run: run.key)
        metrics = [metric for run in of_date for metric in run.metrics]
        tables = (("runs", RUN_COLUMNS, map(_plain, of_date)), ("metrics", METRIC_COLUMNS, map(asdict, metrics)))
        for name, columns, rows in tables:
            table = pa.Table.from_pylist(list(rows), schema=schema(columns))
            written.append(files.write_bytes(folder / name / f"date={date}" / PART, _parquet(table)))
    return written


def _plain(run: Run) -> dict[str, Any]:
    return {each.name: getattr(run, each.name) for each in fields(run) if each.name != "metrics"}


def _parquet(table: pa.Table) -> bytes:
    out = BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def latest(runs: Iterable[Run]) -> list[Run]:
    """One row a window, by time: of several runs of it the one that ended last."""
    found: dict[tuple[str, ...], Run] = {}
    for run in runs:
        known = found.get(run.key)
        if known is None or (run.finished, run.report) >= (known.finished, known.report):
            found[run.key] = run
    return sorted(found.values(), key=lambda run: (run.window_start, run.window_end, run.endpoint, run.schedule))
