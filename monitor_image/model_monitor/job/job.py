"""A job's frozen inputs: what to read, what to compare with, where to write. Built by the front doors, read by everybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from model_monitor.contract import (
    HOLDOUT_SHARE,
    NAMESPACE_DATA_QUALITY,
    Decision,
    JobKind,
    MetricsRoute,
    MonitoringType,
    PerFeature,
)
from model_monitor.job.review import ReviewSettings
from model_monitor.schema import Schema, Window

MOST_DESIGN_EFFECT: Final = 10_000  # beyond, no window would ever be judged


class DatasetKind(StrEnum):
    """How the files of a dataset are written."""

    CAPTURE = "capture"
    CSV = "csv"
    JSON = "json"
    JSON_LINES = "json_lines"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class DatasetSource:
    """Files to analyse.

    path: a file or a folder, walked in sorted order.
    captured: sides of a capture event to analyse (`captureIndexNames`).
    variants: production variants whose captured files are read; none named: all.
    columns: names of a CSV file's columns that has no header, where the configuration knows them.
    margin: how far from a window the hour of a file's folder may lie for the file to be read: whole days may have been
        downloaded, and what lies near the window is read and counted.
    """

    path: Path
    kind: DatasetKind
    has_header: bool = True
    captured: tuple[str, ...] = ("endpointInput", "endpointOutput")
    variants: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    margin: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """One monitor of a job; `options` is that monitor's own part of the configuration file, already validated.

    maturity: of monitors that compare with labels.
    """

    type: MonitoringType
    min_records: int = 30
    options: dict[str, Any] = field(default_factory=dict)
    maturity: Maturity = field(default_factory=lambda: Maturity())
    decision: Decision | None = None  # None: calibrated for baselines of ours, AWS's rule for AWS's


@dataclass(frozen=True, slots=True)
class Maturity:
    """When the labels of a window are expected.

    delay: after the window's end, before which nothing is concluded.
    min_coverage: share of predictions that must have a label, [0, 1]; below it nothing is concluded.
    horizon: after the window's end, until which it is tried again.
    """

    delay: timedelta = timedelta(0)
    min_coverage: float = 0.0
    horizon: timedelta = timedelta(0)

    def is_due(self, end: datetime, now: datetime | None) -> bool:
        """Whether the labels of a window that ended at `end` should be there."""
        return now is None or now >= end + self.delay


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """How many false violations are acceptable: `count` in the time `per`, of all monitors of a schedule together."""

    count: float = 1.0
    per: timedelta = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Which metrics leave a run, and how.

    only: names of those that do; None for all. has_causes: whether the reasons to tell people are one of them.
    rejected_share: share of unreadable records above which they are such a reason.
    """

    is_enabled: bool = True
    route: MetricsRoute = MetricsRoute.FILE
    namespace: str = NAMESPACE_DATA_QUALITY
    per_feature: PerFeature = PerFeature.CRITICAL
    critical: tuple[str, ...] = ()
    by_variant: bool = False
    feature_dimension: bool = False
    only: tuple[str, ...] | None = None
    has_causes: bool = False
    rejected_share: float = 1.0


@dataclass(frozen=True, slots=True)
class BaselineFiles:
    """Where one monitor's baseline lies, already local. `version` is "" when no pointer named one."""

    constraints: Path | None = None
    statistics: Path | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class Scripts:
    """A user's own code around a run, already local.

    preprocessor: its `preprocess_handler` makes records of each captured event, or line of a dataset.
    postprocessor: its `postprocess_handler` is called after a successful run.
    """

    preprocessor: Path | None = None
    postprocessor: Path | None = None


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Where records go once their labels are known; each a folder or an S3 prefix.

    fresh: what a training may see. holdout: a share of the records that none ever sees, the same ones in every run.
    """

    fresh: str
    holdout: str
    holdout_share: float = HOLDOUT_SHARE


@dataclass(frozen=True, slots=True)
class Job:
    """One run = one endpoint × one window × all monitors due, from one read of the data."""

    kind: JobKind
    dataset: DatasetSource
    output: Path
    schema: Schema = field(default_factory=Schema)
    monitors: tuple[MonitorSettings, ...] = (MonitorSettings(MonitoringType.DATA_QUALITY),)
    baselines: dict[MonitoringType, BaselineFiles] = field(default_factory=dict)
    ground_truth: Path | None = None  # file or folder of labels, already local
    facet_source: Path | None = None  # file or folder of facets that are not in the payload, already local
    merged: Path | None = None  # where captured records go with their labels; None: nowhere
    labelled_rows: LabelledRows | None = None  # where labelled records go as rows of a training set; None: nowhere
    window: Window | None = None
    now: datetime | None = None  # when the run takes place, for labels that are due later; None: conclude now
    endpoint: str = ""
    schedule: str = ""
    processing_job: str = ""  # the name of the job that runs this; "" on a laptop
    max_seconds: int | None = None  # after which the service ends that job
    volume_key: str | None = None  # KMS key of that job's volumes
    max_rejected_fraction: float = 0.1
    false_alarms: FalseAlarms = field(default_factory=FalseAlarms)
    links: Mapping[str, str] = field(default_factory=dict)  # where its page leads, by name
    design_effect: float | None = None  # declared: how many records tell as much as one, where they are alike
    measured_effect: float = 1.0  # the same, of a baseline's records
    alike_column: str = ""  # which of their columns shows it
    windows: int = 1  # that the run judges, its own and those that waited for labels: they share what it may err
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    workers: int | None = None  # None: one per core
    scripts: Scripts = field(default_factory=Scripts)
    review: ReviewSettings | None = None  # which predictions go to people; None: none
    is_rehearsal: bool = False  # one violation is forced, and nothing is remembered
    provenance: dict[str, str] = field(default_factory=dict)  # digests of image and configuration, baseline version

    @property
    def effect(self) -> float:
        """What a window's checks are read with: as declared, else as its baseline shows; of a baseline, what it shows."""
        is_measured = self.kind is JobKind.BASELINE or self.design_effect is None
        return self.measured_effect if is_measured else self.design_effect or 1.0

    def settings_of(self, type_: MonitoringType) -> MonitorSettings:
        """One monitor's settings; the defaults where the job does not have it."""
        return next((settings for settings in self.monitors if settings.type == type_), MonitorSettings(type_))
