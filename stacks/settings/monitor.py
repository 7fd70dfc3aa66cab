"""The part of an environment file that stands below `monitors.{name}`: what a schedule runs, how often, and against what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from stacks.settings import fields, silent_alarms
from stacks.settings.analysis import Analysis, CustomMetrics, Labelled, ModelQuality, Scripts, unknown_metric
from stacks.settings.attribution import ModelExplainability
from stacks.settings.bias import ModelBias
from stacks.settings.block import Block, check
from stacks.settings.cadence import (
    DAY,
    FEWEST_MINUTES,
    HOUR,
    WEEK,
    Cadence,
    cadence,
    changed_clock,
    is_of_model_monitor,
)
from stacks.settings.fields import Count, Finite, Share
from stacks.settings.sources import of_the_user

UTC: Final = "UTC"
HOURLY_MAX_SECONDS = 3600
MAX_SECONDS = 86400
SHORTEST_DELAY = timedelta(minutes=2)  # PT2M
USUAL_DELAY = timedelta(minutes=15)
SOON = timedelta(minutes=4)  # capture was seen to arrive within them
BASELINE_MAX_SECONDS = (
    2700  # CloudFormation gives up after an hour: a quarter for the instance, and to be told of the end
)
Type = Literal["data_quality", "model_quality", "model_bias", "model_explainability", "custom_metrics"]
ALARMS_OF: Final = {  # setting of alarms → the type whose metrics it watches
    "drift_features": "data_quality",
    "drift_max": "data_quality",
    "drift_share": "data_quality",
    "quality": "model_quality",
    "label_coverage": "model_quality",
    "custom": "custom_metrics",
}
NEED_LABELS: Final = frozenset({"model_quality", "model_bias"})
OWN_BLOCKS: Final = {  # type with settings of its own → whether it needs them
    "model_quality": True,
    "model_bias": True,
    "model_explainability": True,
    "custom_metrics": False,
}


class Thresholds(Block):
    """AWS's `monitoring_config`, flat; what is left out is what the baseline says."""

    comparison_threshold: Share | None = None
    """Distance above which a numeric feature has drifted, 0 to 1. Left out: the baseline's, 0.1 when computed here."""
    comparison_method: Literal["Robust", "Simple"] | None = None
    """Robust subtracts from distances what sampling alone explains; Simple does not. Left out: the baseline's, Robust."""
    categorical_comparison_threshold: Share | None = None
    """Distance (LInfinity) or p-value (ChiSquared) that decides about categories, 0 to 1. Left out: the baseline's, 0.1."""
    categorical_drift_method: Literal["LInfinity", "ChiSquared"] | None = None
    """How categories are compared. Left out: the baseline's, LInfinity."""
    datatype_check_threshold: Share | None = None
    """Share of values that must have the type of the baseline, 0 to 1. Left out: the baseline's, 1."""
    domain_content_threshold: Share | None = None
    """Share of values that must be categories which the baseline knows, 0 to 1. Left out: the baseline's, 1."""
    evaluate_constraints: Literal["Enabled", "Disabled"] | None = None
    """Disabled: statistics are written and nothing is checked. Left out: the baseline's, Enabled."""

    def as_monitoring_config(self) -> dict[str, Any]:
        """AWS's own nesting."""
        given = self.model_dump(exclude_none=True)
        plain = ("datatype_check_threshold", "domain_content_threshold", "evaluate_constraints")
        config = {key: given.pop(key) for key in plain if key in given}
        return config | ({"distribution_constraints": given} if given else {})


class Baseline(Block):
    """What live traffic is compared with: computed from a dataset at deployment, or files that exist already."""

    dataset: fields.S3Prefix | None = None
    """S3 URI of the dataset to compute from, an object or a prefix. Left out: constraints and statistics are given."""
    format: Literal["csv", "json_lines", "parquet"] = "csv"
    """The dataset's format. Default: csv."""
    header: bool = True
    """Whether the first line of a CSV dataset names its columns. Default: true."""
    revision: Count = 1
    """At least 1; raise it to compute again from a dataset that changed under the same name. Default: 1."""
    constraints: fields.S3Object | None = None
    """S3 URI of a constraints.json that exists, SageMaker's own too. Left out: computed, or what types allow is not checked."""
    statistics: fields.S3Object | None = None
    """S3 URI of a statistics.json that exists, SageMaker's own too. Left out: computed, or drift is not checked."""

    @check
    def _source_faults(self) -> Iterator[str]:
        files = [name for name in ("constraints", "statistics") if getattr(self, name)]
        if self.dataset and files:
            yield f"dataset: excludes {' and '.join(files)}; give a dataset to compute from, or files that exist"
        if not self.dataset and not files:
            yield "dataset: is missing; give a dataset to compute the baseline from, or constraints and statistics"


class Bound(Block):
    """What a value of yours must not pass: one side of it."""

    above: Finite | None = None
    """Value above which people are told. Left out: below is given."""
    below: Finite | None = None
    """Value below which people are told. Left out: above is given."""

    @check
    def _side_faults(self) -> Iterator[str]:
        if (self.above is None) == (self.below is None):
            yield "above: give either above or below"


class MonitorAlarms(Block):
    """When people are told about one monitor. A period is the time between two runs."""

    drift_features: dict[fields.FeatureName, Share] = Field(default_factory=dict)
    """Feature → distance (0 to 1) above which it has an alarm of its own; its metric must be published. Default: none."""
    drift_max: Share | None = None
    """Distance of any feature (0 to 1) above which the drift alarm fires. Left out: any violation of the drift check."""
    drift_share: Share | None = None
    """Share of the features (0 to 1) above which so many drifted that an alarm of its own fires. Left out: none."""
    rejected_share: Share = 0.01
    """Share of unreadable records (0 to 1) above which people are told; the run itself goes on. Default: 0.01."""
    captured_share: Share = 0.8
    """Share of the calls that should have been captured (0 to 1) below which people are told. Default: 0.8."""
    quality: dict[fields.MetricName, Finite] = Field(default_factory=dict)
    """Metric of model quality → value it must not be worse than, with an alarm of its own. Default: none."""
    label_coverage: Share | None = None
    """Share of labelled predictions (0 to 1) below which people are told that labels are late. Left out: nobody is."""
    custom: dict[fields.MetricName, Bound] = Field(default_factory=dict)
    """Metric of your own → above or below which it has an alarm of its own. Default: none, one alarm for all of them."""
    periods: Annotated[int, Field(ge=1, le=24)] = 1
    """Periods that must be bad before an alarm fires, 1 to 24; in a row unless of_periods is larger. Default: 1."""
    of_periods: Annotated[int, Field(ge=1, le=24)] | None = None
    """Periods among which so many must be bad, periods to 24: 2 of 3 rings at two bad ones of any three. Left out: periods."""
    staleness_periods: Annotated[int, Field(ge=2, le=24)] = 2
    """Periods with traffic of which nothing was judged before people are told, 2 to 24. Default: 2."""

    @check
    def _silent_faults(self) -> Iterator[str]:
        features = {f"drift_features.{name}": distance for name, distance in self.drift_features.items()}
        shares = {"drift_share": self.drift_share, "rejected_share": self.rejected_share}
        yield from silent_alarms.of_distances({"drift_max": self.drift_max, **shares, **features})
        yield from silent_alarms.of_coverage(self.label_coverage)
        yield from silent_alarms.of_quality(self.quality)


class Monitor(Block):
    """One schedule: what it runs, how often, and against what."""

    types: Annotated[tuple[Type, ...], Field(min_length=1)] = ("data_quality",)
    """What a run checks, all of it from one read of the capture. Default: data_quality."""
    model_quality: ModelQuality | None = None
    """Settings of model_quality. Left out: it is not one of the types."""
    model_bias: ModelBias | None = None
    """Settings of model_bias. Left out: it is not one of the types."""
    model_explainability: ModelExplainability | None = None
    """Settings of model_explainability. Left out: it is not one of the types."""
    custom_metrics: CustomMetrics | None = None
    """Settings of custom_metrics. Left out: metrics of installed packages, as they are declared."""
    scripts: Scripts = Scripts()
    """Scripts that see every record before, or a run after, it is analysed. Default: none."""
    scheduler: Literal["managed", "model_monitor"] = "managed"
    """Who starts runs. managed: schedules of this kit, in any account. model_monitor: SageMaker Model Monitor, in accounts that
    have it. Default: managed."""
    schedule: fields.Schedule = "hourly"
    """hourly, daily, weekly, monthly, every N minutes, cron(0 H ? * * *) or cron(0 H/N ? * * *), by the clocks of time_zone;
    Model Monitor knows hours and days. Default: hourly."""
    time_zone: fields.TimeZone = UTC
    """Time zone of the schedule, when the scheduler is managed and runs come less often than hourly: windows follow its clocks
    over their changes. Default: UTC."""
    window: fields.Duration | None = None
    """How much traffic a run looks at, when the scheduler is managed; longer than between two runs, windows overlap. Left out:
    all since the run before."""
    delay: fields.Duration | None = None
    """How long after a window's end it is looked at, below an hour, when the scheduler is managed: capture arrives minutes late.
    Left out: PT15M; PT4M where windows come more often than hourly."""
    runner: Literal["auto", "lambda", "processing"] = "auto"
    """What runs, when the scheduler is managed. auto: a Lambda function for small windows, a processing job for large ones and
    for those that ask a model. Default: auto."""
    function_megabytes: Annotated[int, Field(ge=512, le=10240)] = 1769
    """Memory of the Lambda function in MB, 512 to 10240; 1769 give it one core, and it uses one. Default: 1769."""
    function_max_megabytes: Annotated[int, Field(ge=1, le=4096)] = 256
    """Captured MB of a window above which a processing job runs, 1 to 4096, when the runner is auto. Default: 256."""
    min_records: Count = 30
    """Records below which nothing is evaluated (insufficient_data), at least 1. Default: 30."""
    create_violation_tests: bool = False
    """Whether every run is a rehearsal: one violation is forced, to try alarms and notifications. Default: false."""
    merged: bool = False
    """Whether runs that read labels leave records and labels together, in SageMaker's merge layout. Default: false."""
    variants: tuple[str, ...] = ()
    """Production variants whose traffic is analysed; a shadow variant answers the same requests once more. Default: all."""
    max_rejected_fraction: Share = 0.1
    """Share of unreadable records above which a run fails, 0 to 1. Default: 0.1."""
    decision: Literal["calibrated", "aws"] | None = None
    """When a check is violated: beyond its limit and beyond what sampling explains, or beyond its limit alone as AWS decides.
    Left out: calibrated for computed baselines, aws for AWS's own files."""
    false_alarms: (
        Annotated[str, Field(pattern=r"^(\d*[1-9]\d*(\.\d+)?|\d+\.\d*[1-9]\d*) per (day|week|month|quarter|year)$")]
        | None
    ) = None
    """False violations of the schedule that are acceptable, such as 1 per quarter. Left out: 1 per quarter."""
    design_effect: Annotated[float, Field(ge=1, le=10_000)] | None = None
    """How many records tell as much as an independent one, where they come in alike groups (sessions, retries).
    Left out: as a baseline of captured traffic shows it, else 1."""
    check_non_negative: bool = False
    """Whether values below zero violate where the baseline has none. Default: false, as SageMaker."""
    baseline: Baseline
    """What live traffic is compared with."""
    thresholds: Thresholds = Thresholds()
    """Thresholds of all features. Default: the baseline's."""
    features: dict[fields.FeatureName, Thresholds] = Field(default_factory=dict)
    """Thresholds of single features, by name. Default: none, all have the same."""
    instance_type: fields.InstanceType = "ml.m5.large"
    """Instance type of a run. Default: ml.m5.large."""
    volume_size_gb: Annotated[int, Field(ge=1, le=16384)] = 20
    """Disk of a run in GB, 1 to 16384; it holds the window's capture files. Default: 20."""
    max_runtime_seconds: Annotated[int, Field(ge=60, le=MAX_SECONDS)] = 3000
    """Seconds after which a run is stopped, 60 to 86400, at most 3600 when hourly. Default: 3000."""
    reader: Literal["auto", "python"] = "auto"
    """python: never the image's compiled reader, for the same results in more time. Default: auto, where it is installed."""
    role_arn: fields.arn("iam", "role/.+") | None = None  # type: ignore[valid-type]
    """ARN of the role of runs and the baseline job. Left out: one is created."""
    alarms: MonitorAlarms = MonitorAlarms()
    """When people are told. Default: at the first violation, and after two periods of which nothing was judged."""

    @property
    def cadence(self) -> Cadence:
        return cadence(self.schedule)

    @property
    def is_managed(self) -> bool:
        return self.scheduler == "managed"

    @property
    def period(self) -> timedelta:
        """Between two runs, the longest gap."""
        return self.cadence.gap

    @property
    def window_time(self) -> timedelta | None:
        """How much traffic a run looks at, where it is not what came since the run before."""
        return None if self.window is None else fields.time_of(self.window)

    @property
    def delay_time(self) -> timedelta:
        """How long after a window's end it is looked at."""
        return (SOON if self.period < HOUR else USUAL_DELAY) if self.delay is None else fields.time_of(self.delay)

    @property
    def own_blocks(self) -> Mapping[str, Analysis]:
        """Type → the settings that belong to it alone, of types that have any."""
        return {
            type_: given if (given := getattr(self, type_)) is not None else CustomMetrics()
            for type_ in self.types
            if type_ in OWN_BLOCKS
        }

    @property
    def labelled(self) -> Mapping[str, Labelled]:
        """Types that use labels where there are any; `NEED_LABELS` are those that cannot do without."""
        return {type_: block for type_, block in self.own_blocks.items() if isinstance(block, Labelled)}

    @property
    def _code(self) -> dict[str, str]:
        """Where a Python file is named → how it is written there."""
        given = {
            "scripts.preprocessor": self.scripts.preprocessor,
            "scripts.postprocessor": self.scripts.postprocessor,
            "custom_metrics.module": self.custom_metrics.module if self.custom_metrics else None,
        }
        return {path: code for path, code in given.items() if code is not None and code.endswith(".py")}

    @property
    def code_objects(self) -> list[str]:
        """S3 URIs of Python files that runs fetch."""
        return [code for code in self._code.values() if code.startswith("s3://")]

    @property
    def code_files(self) -> dict[str, Path]:
        """Path as it is written → Python file of this repository."""
        return {code: of_the_user() / code for code in self._code.values() if not code.startswith("s3://")}

    @check
    def _code_faults(self) -> Iterator[str]:
        for path, code in self._code.items():
            if code in self.code_files and not self.code_files[code].is_file():
                yield f"{path}: there is no file {code} in this repository"

    @check
    def _type_faults(self) -> Iterator[str]:
        for twice in sorted({type_ for type_ in self.types if self.types.count(type_) > 1}):
            yield f"types: {twice} is given twice"
        for type_, is_needed in OWN_BLOCKS.items():
            if getattr(self, type_) is not None and type_ not in self.types:
                yield f"{type_}: is set, but {type_} is none of the types; add it to them"
            if is_needed and getattr(self, type_) is None and type_ in self.types:
                yield f"{type_}: is missing; {type_} is one of the types and has settings that nobody can guess"

    @check
    def _brought_faults(self) -> Iterator[str]:
        if not self.baseline.dataset and len(self.types) > 1:
            yield (
                f"baseline.dataset: is missing; files that exist belong to one type, and there are {len(self.types)}. Give a "
                "dataset to compute from, or a monitor to each type"
            )

    @check
    def _alarm_faults(self) -> Iterator[str]:
        for key, type_ in ALARMS_OF.items():
            if getattr(self.alarms, key) not in ({}, None) and type_ not in self.types:
                yield f"alarms.{key}: watches {type_}, which is none of the types"
        if self.model_quality is not None:
            for name in self.alarms.quality:
                yield from unknown_metric("alarms.quality", name, self.model_quality.problem)

    @check
    def _silent_faults(self) -> Iterator[str]:
        own = {name: thresholds.evaluate_constraints for name, thresholds in self.features.items()}
        asked = {f"alarms.drift_features.{name}": own.get(name) for name in self.alarms.drift_features}
        for name in ("drift_max", "drift_share"):
            if getattr(self.alarms, name) is not None:
                asked[f"alarms.{name}"] = None
        is_measured = bool(self.baseline.dataset or self.baseline.statistics)
        yield from silent_alarms.of_unmeasured_drift(
            asked, self.thresholds.evaluate_constraints, has_statistics=is_measured
        )

    @check
    def _runtime_faults(self) -> Iterator[str]:
        is_bound = not self.is_managed and self.period <= HOUR
        if is_bound and self.max_runtime_seconds > HOURLY_MAX_SECONDS:
            yield f"max_runtime_seconds: an hourly schedule allows at most {HOURLY_MAX_SECONDS}, found {self.max_runtime_seconds}"

    @check
    def _asking_faults(self) -> Iterator[str]:
        block = self.model_explainability
        seconds = block.seconds if block is not None else 0
        if block is None or not seconds:
            return
        asking = (
            f"model_explainability may ask for {seconds} (budget.seconds, and startup_seconds of a shadow endpoint)"
        )
        is_too_long = bool(self.baseline.dataset) and seconds >= BASELINE_MAX_SECONDS  # however long runs may take
        longest = (
            min(self.max_runtime_seconds, BASELINE_MAX_SECONDS) if self.baseline.dataset else self.max_runtime_seconds
        )
        lower = block.lowered(longest - 1)
        if seconds >= self.max_runtime_seconds:
            yield (
                f"max_runtime_seconds: a run is stopped after {self.max_runtime_seconds}, and {asking}; "
                f"{lower if is_too_long else self._longer(seconds + 1, lower)}"
            )
        if is_too_long:
            yield (
                f"model_explainability.budget.seconds: the baseline job is stopped after {BASELINE_MAX_SECONDS}, since a "
                f"deployment waits for it, and {asking}; {lower}"
            )

    def _longer(self, needed: int, otherwise: str) -> str:
        """How to give a run so many seconds, as far as the schedule allows them."""
        if not self.is_managed and self.period <= HOUR and needed > HOURLY_MAX_SECONDS:
            return (
                f"an hourly schedule allows at most {HOURLY_MAX_SECONDS}, so {otherwise}, or run less often and raise it to "
                f"at least {needed}"
            )
        return f"raise it to at least {needed}, or {otherwise}" if needed <= MAX_SECONDS else otherwise

    @check
    def _period_faults(self) -> Iterator[str]:
        of_periods = self.alarms.of_periods or self.alarms.periods
        if of_periods < self.alarms.periods:
            yield f"alarms.of_periods: {self.alarms.periods} of {of_periods} periods can never be bad; raise it, or lower periods"
        periods = max(of_periods, self.alarms.staleness_periods)
        if self.period > DAY and (self.alarms.periods > 1 or of_periods > 1):
            yield f"alarms.periods: {self.schedule} runs are further apart than the day that an alarm's period lasts; leave 1"
        if min(self.period, DAY) * periods > WEEK:
            yield f"alarms: {periods} periods of {fields.told(self.period)} are longer than the week an alarm can look back"

    @check
    def _schedule_faults(self) -> Iterator[str]:
        if not self.is_managed:
            if not is_of_model_monitor(self.schedule):
                yield f"schedule: Model Monitor runs by the hour or the day, found {self.schedule}; let scheduler be managed"
            given = ("window", "runner", "function_megabytes", "function_max_megabytes", "delay", "time_zone")
            for name in sorted(set(given) & self.model_fields_set):
                yield f"{name}: is a matter of scheduler managed; take it away, or choose that scheduler"
            return
        if not self.cadence.is_even:
            yield (
                f"schedule: {self.schedule} starts anew each day, so its gaps are not alike; give hours that divide the day, "
                "beginning within the first of them, such as cron(0 5/12 ? * * *)"
            )
        yield from self._time_zone_faults()
        if not SHORTEST_DELAY <= self.delay_time < HOUR:
            yield f"delay: should be from PT2M to PT59M, found {self.delay}: capture arrives minutes late"
        if self.window_time is not None and self.window_time < self.period:
            yield f"window: {self.window} is shorter than the {fields.told(self.period)} between two runs; make it as long"
        if self.window is not None and not timedelta(minutes=FEWEST_MINUTES) <= fields.time_of(self.window) <= 31 * DAY:
            yield f"window: should be from PT{FEWEST_MINUTES}M to P31D, found {self.window}"

    def _time_zone_faults(self) -> Iterator[str]:
        """A run whose time does not exist would be left out, and its window with it."""
        if self.time_zone == UTC:
            return
        if self.period <= HOUR:
            yield f"time_zone: means nothing to a schedule that is {self.schedule}; take it away"
        elif (run := changed_clock(self.cadence, self.delay_time, ZoneInfo(self.time_zone))) is not None:
            yield (
                f"schedule: a run at {run:%H:%M} falls into a change of the clocks of {self.time_zone}, such as on "
                f"{run:%Y-%m-%d}; choose another hour, or another time_zone"
            )
