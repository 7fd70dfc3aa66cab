"""The environment of a processing job, read without touching a file: variables in, settings or faults out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from model_monitor import reader
from model_monitor.contract import (
    BASELINE_DATASET_SOURCE,
    DATASET_SOURCE,
    ENABLED,
    OPT_ML,
    OUTPUT_PATH,
    TIME_FORMAT,
    JobKind,
    MonitoringType,
    Variable,
    monitor_key,
)
from model_monitor.job.attributes import Attributes
from model_monitor.job.job import DatasetKind, DatasetSource
from model_monitor.schema import Window

CAPTURED = ("endpointInput", "endpointOutput")
ANALYSIS_TYPES = {
    monitor_key(type_).upper(): type_
    for type_ in (
        MonitoringType.DATA_QUALITY,
        MonitoringType.MODEL_QUALITY,
        MonitoringType.MODEL_BIAS,
        MonitoringType.MODEL_EXPLAINABILITY,
    )
}
WORKING_NAMES = ", ".join(
    ('{"sagemakerCaptureJson":{}}', '{"csv":{"header":true}}', '{"json":{"lines":true}}', '{"parquet":{}}')
)


@dataclass(frozen=True, slots=True)
class LabelVariables:
    """Where labels that come later lie, and where windows wait for them.

    source: mounted, wins over `uri`; history, fresh, holdout: path or S3 URI.
    """

    source: Path | None = None
    uri: str | None = None
    history: str | None = None
    fresh: str | None = None
    holdout: str | None = None


@dataclass(frozen=True, slots=True)
class Variables:
    """What the environment says. Usable even with `faults`, so that a failing run can still report where it should.

    config: path or S3 URI of the configuration file; mounted: the files of BaselineConfig.
    is_output_last: the outputs are the last columns of a baseline dataset (`output_columns_position` END).
    """

    kind: JobKind
    root: Path
    dataset: DatasetSource
    output: Path
    window: Window | None
    endpoint: str
    schedule: str
    publishes_metrics: bool
    workers: int | None
    config: str | None
    config_sha256: str | None
    constraints: Path | None
    statistics: Path | None
    analysis_type: MonitoringType | None
    categorical_drift_method: str | None
    is_output_last: bool
    provenance: dict[str, str]
    faults: tuple[str, ...]
    baseline: str | None = None  # folder of baselines, path or S3 URI
    labels: LabelVariables = field(default_factory=lambda: LabelVariables())
    attributes: Attributes = field(default_factory=Attributes)
    is_format_said: bool = True
    capture_prefix: str | None = None  # where the endpoint's capture lies in S3
    now: datetime | None = None  # stands for the clock
    preprocessor: str | None = None  # scripts, path or S3 URI
    postprocessor: str | None = None
    is_rehearsal: bool = False
    transform: str | None = None  # what transform jobs read and wrote, path or S3 URI

    def local(self, path: str) -> Path:
        """A path of the contract where it lies here."""
        return relocate(path, self.root)


def relocate(path: str, root: Path) -> Path:
    """`/opt/ml/x` below the root that stands for /opt/ml; any other path as it is."""
    if path == OPT_ML or path.startswith(OPT_ML + "/"):
        return root / path[len(OPT_ML) :].lstrip("/")
    return Path(path)


def _attributes(get: Callable[[Variable], str | None], faults: list[str]) -> Attributes:
    """What SageMaker's own jobs are told."""
    return Attributes(
        problem_type=get(Variable.PROBLEM_TYPE),
        probability_threshold=_share(get(Variable.PROBABILITY_THRESHOLD_ATTRIBUTE), faults),
        prediction=get(Variable.INFERENCE_ATTRIBUTE),
        score=get(Variable.PROBABILITY_ATTRIBUTE),
        label=get(Variable.GROUND_TRUTH_ATTRIBUTE),
        features=get(Variable.FEATURES_ATTRIBUTE),
    )


def read_variables(environment: Mapping[str, str]) -> Variables:
    """Never raises: what is wrong is listed in `faults`, by the name of the variable."""
    faults: list[str] = []

    def get(name: Variable) -> str | None:
        return environment.get(name, "").strip() or None

    root = Path(get(Variable.ROOT) or OPT_ML)
    source = get(Variable.GROUND_TRUTH_SOURCE)
    constraints, statistics = get(Variable.BASELINE_CONSTRAINTS), get(Variable.BASELINE_STATISTICS)
    window = _window(get(Variable.START_TIME), get(Variable.END_TIME), faults)
    kind = _kind(
        get(Variable.MONITOR_JOB),
        is_compared=bool(get(Variable.START_TIME) or constraints or statistics),
        faults=faults,
    )
    default_source = BASELINE_DATASET_SOURCE if kind is JobKind.BASELINE else DATASET_SOURCE
    format_, options = _format(get(Variable.DATASET_FORMAT), kind, faults)
    attributes = _attributes(get, faults)
    now = _time(Variable.NOW, get(Variable.NOW), faults)
    is_rehearsal = _is_rehearsal(get(Variable.REHEARSAL), kind, faults)
    wrong_reader = reader.fault(environment)
    if wrong_reader is not None:
        faults.append(f"{Variable.READER}: {wrong_reader}")
    return Variables(
        kind=kind,
        root=root,
        dataset=DatasetSource(
            path=relocate(get(Variable.DATASET_SOURCE) or default_source, root),
            kind=format_,
            has_header=_flag(options.get("header", True), "header", faults),
            captured=_captured(options, faults),
        ),
        output=relocate(get(Variable.OUTPUT_PATH) or OUTPUT_PATH, root),
        window=window if kind is JobKind.MONITOR else None,
        endpoint=get(Variable.ENDPOINT_NAME) or "",
        schedule=get(Variable.SCHEDULE_NAME) or "",
        publishes_metrics=(get(Variable.PUBLISH_CLOUDWATCH_METRICS) or "").lower() == ENABLED.lower(),
        workers=_workers(get(Variable.WORKERS), faults),
        config=get(Variable.MONITOR_CONFIG),
        config_sha256=get(Variable.MONITOR_CONFIG_SHA256),
        constraints=relocate(constraints, root) if constraints else None,
        statistics=relocate(statistics, root) if statistics else None,
        analysis_type=_analysis_type(get(Variable.ANALYSIS_TYPE), faults),
        categorical_drift_method=_drift_method(get(Variable.CATEGORICAL_DRIFT_METHOD), faults),
        is_output_last=str(options.get("output_columns_position", "START")).upper() == "END",
        provenance={
            str(name): value
            for name in (Variable.BASELINE_VERSION, Variable.IMAGE_DIGEST, Variable.MONITOR_CONFIG_SHA256)
            if (value := get(name))
        },
        faults=tuple(faults),
        baseline=get(Variable.MONITOR_BASELINE),
        labels=LabelVariables(
            source=relocate(source, root) if source else None,
            uri=get(Variable.GROUND_TRUTH_URI),
            history=get(Variable.MONITOR_HISTORY),
            fresh=get(Variable.FRESH_ROWS),
            holdout=get(Variable.HOLDOUT_ROWS),
        ),
        attributes=attributes,
        is_format_said=get(Variable.DATASET_FORMAT) is not None,
        capture_prefix=(get(Variable.CAPTURE_PREFIX) or "").strip("*").rstrip("/")
        or None,  # documents print asterisks around it
        now=now,
        preprocessor=get(Variable.RECORD_PREPROCESSOR) or get(Variable.RECORD_PREPROCESSOR_URI),
        postprocessor=get(Variable.POST_ANALYTICS_PROCESSOR) or get(Variable.POST_ANALYTICS_PROCESSOR_URI),
        is_rehearsal=is_rehearsal,
        transform=get(Variable.MONITOR_TRANSFORM),
    )


def _is_rehearsal(text: str | None, kind: JobKind, faults: list[str]) -> bool:
    """Written as SageMaker writes switches, or as a boolean."""
    given = (text or "disabled").lower()
    is_on = given in ("enabled", "true", "1")
    if not is_on and given not in ("disabled", "false", "0"):
        faults.append(f"{Variable.REHEARSAL}: should be Enabled or Disabled")
    if is_on and kind is JobKind.BASELINE:
        faults.append(f"{Variable.REHEARSAL}: only a monitoring job can be rehearsed, and this one makes a baseline")
    return is_on


def parse_time(text: str) -> datetime:
    """A UTC time; blanks inside are dropped, as AWS's documents print some."""
    time = datetime.fromisoformat("".join(text.split()))
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _window(start: str | None, end: str | None, faults: list[str]) -> Window | None:
    if not start and not end:
        return None
    times = {}
    for name, text in ((Variable.START_TIME, start), (Variable.END_TIME, end)):
        if text is None:
            faults.append(f"{name}: is missing; a window has a start and an end")
            continue
        time = _time(name, text, faults)
        if time is not None:
            times[name] = time
    if len(times) < 2:
        return None
    window = Window(times[Variable.START_TIME], times[Variable.END_TIME])
    if window.start >= window.end:
        faults.append(f"{Variable.END_TIME}: should be after {Variable.START_TIME}")
        return None
    return window


def _time(name: str, text: str | None, faults: list[str]) -> datetime | None:
    try:
        return None if text is None else parse_time(text)
    except ValueError:
        faults.append(f"{name}: should be a UTC time such as {datetime(2026, 1, 31, 5, tzinfo=UTC):{TIME_FORMAT}}")
        return None


def _share(text: str | None, faults: list[str]) -> float | None:
    """The threshold of a probability, in [0, 1]."""
    try:
        share = None if text is None else float(text)
    except ValueError:
        share = math.nan
    if share is not None and not 0 <= share <= 1:
        faults.append(f"{Variable.PROBABILITY_THRESHOLD_ATTRIBUTE}: should be a number between 0 and 1")
        return None
    return share


def _kind(text: str | None, is_compared: bool, faults: list[str]) -> JobKind:
    """Schedules set a window; AWS's manual form of a monitoring job only mounts a baseline."""
    if text is None:
        return JobKind.MONITOR if is_compared else JobKind.BASELINE
    try:
        return JobKind(text.lower())
    except ValueError:
        faults.append(f"{Variable.MONITOR_JOB}: should be {JobKind.BASELINE} or {JobKind.MONITOR}")
        return JobKind.MONITOR


def _format(text: str | None, kind: JobKind, faults: list[str]) -> tuple[DatasetKind, dict[str, object]]:
    """Kind and lower-cased options; AWS spells names and booleans in several ways."""
    fallback = DatasetKind.CAPTURE if kind is JobKind.MONITOR else DatasetKind.CSV
    if text is None:
        return fallback, {}
    try:
        ((name, options),) = json.loads(text).items()
        options = {str(key).lower(): value for key, value in (options or {}).items()}
    except (ValueError, AttributeError, TypeError):
        faults.append(f"{Variable.DATASET_FORMAT}: should be JSON such as {WORKING_NAMES}")
        return fallback, {}
    match name.lower():
        case "sagemakercapturejson":
            return DatasetKind.CAPTURE, options
        case "csv":
            return DatasetKind.CSV, options
        case "parquet":
            return DatasetKind.PARQUET, options
        case "json":
            is_lines = _flag(options.get("line", options.get("lines", False)), "line", faults)
            return (DatasetKind.JSON_LINES if is_lines else DatasetKind.JSON), options
    faults.append(f"{Variable.DATASET_FORMAT}: names no known format. Expected one of {WORKING_NAMES}")
    return fallback, {}


def _flag(value: object, name: str, faults: list[str]) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    faults.append(f"{Variable.DATASET_FORMAT}: {name} should be true or false")
    return True


def _captured(options: dict[str, object], faults: list[str]) -> tuple[str, ...]:
    names = options.get("captureindexnames") or list(CAPTURED)
    if not isinstance(names, list) or not set(map(str, names)) <= set(CAPTURED):
        faults.append(f"{Variable.DATASET_FORMAT}: captureIndexNames should be some of {', '.join(CAPTURED)}")
        return CAPTURED
    return tuple(map(str, names))


def _workers(text: str | None, faults: list[str]) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or not int(text):
        faults.append(f"{Variable.WORKERS}: should be a whole number of at least 1")
        return None
    return int(text)


def _analysis_type(text: str | None, faults: list[str]) -> MonitoringType | None:
    if text is None:
        return None
    if text.upper() not in ANALYSIS_TYPES:
        faults.append(f"{Variable.ANALYSIS_TYPE}: should be one of {', '.join(ANALYSIS_TYPES)}")
    return ANALYSIS_TYPES.get(text.upper())


def _drift_method(text: str | None, faults: list[str]) -> str | None:
    methods = {"linfinity": "LInfinity", "chisquared": "ChiSquared"}
    if text is not None and text.lower() not in methods:
        faults.append(f"{Variable.CATEGORICAL_DRIFT_METHOD}: should be one of {', '.join(methods.values())}")
    return None if text is None else methods.get(text.lower())
