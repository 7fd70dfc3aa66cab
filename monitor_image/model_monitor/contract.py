"""Every name that SageMaker, CloudWatch and this kit share: the stacks, the Lambdas' settings and the core read them here.

Standard library only; imports nothing of ours. Where AWS's own documents disagree, the form chosen is noted beside it.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from enum import StrEnum
from typing import Final, cast

# --- the two jobs and what they conclude -------------------------------------------------------------------------------


class JobKind(StrEnum):
    """What a run does; variable `monitor_job`."""

    BASELINE = "baseline"
    MONITOR = "monitor"


class MonitoringType(StrEnum):
    """SageMaker's four monitoring types, and metrics of a user's own."""

    DATA_QUALITY = "DataQuality"
    MODEL_QUALITY = "ModelQuality"
    MODEL_BIAS = "ModelBias"
    MODEL_EXPLAINABILITY = "ModelExplainability"
    CUSTOM_METRICS = "CustomMetrics"


class Verdict(StrEnum):
    """The outcome of a monitor; a run's verdict is the worst of its monitors' (see `worst_verdict`)."""

    NO_DATA = "no_data"  # the window holds no record
    WAITING = "waiting"  # labels are not due yet; a later run judges the window
    OK = "ok"
    INSUFFICIENT_DATA = "insufficient_data"  # it was due, and could not be evaluated
    VIOLATED = "violated"
    ERROR = "error"


class Decision(StrEnum):
    """When a check is violated."""

    CALIBRATED = (
        "calibrated"  # beyond its limit, and beyond what sampling explains at the declared rate of false alarms
    )
    AWS = "aws"  # beyond its limit, exactly as AWS's analyzers decide


VERDICT_ORDER: Final = tuple(Verdict)  # from what counts for least to what counts for most


def worst_verdict(verdicts: list[Verdict]) -> Verdict:
    """The verdict of a run: error > violated > insufficient_data > ok; ok only where all that was due was evaluated.

    What waits counts for nothing beside what was due; a run in which all wait is `waiting`. No monitors at all is `no_data`.
    """
    return max(verdicts, key=VERDICT_ORDER.index, default=Verdict.NO_DATA)


EXIT_OK: Final = 0
EXIT_ERROR: Final = 1
EXIT_VIOLATED: Final = 2
EXIT_NOT_EVALUATED: Final = 3
EXIT_STATUS: Final = {
    Verdict.OK: EXIT_OK,
    Verdict.ERROR: EXIT_ERROR,
    Verdict.VIOLATED: EXIT_VIOLATED,
    Verdict.INSUFFICIENT_DATA: EXIT_NOT_EVALUATED,
    Verdict.WAITING: EXIT_NOT_EVALUATED,  # nothing was evaluated yet; beside an ok monitor the run is ok
    Verdict.NO_DATA: EXIT_NOT_EVALUATED,
}

# --- the processing container ------------------------------------------------------------------------------------------

OPT_ML: Final = "/opt/ml"
PROCESSING_JOB_CONFIG: Final = "/opt/ml/config/processingjobconfig.json"
RESOURCE_CONFIG: Final = "/opt/ml/config/resourceconfig.json"
RUNTIME_API: Final = (
    "AWS_LAMBDA_RUNTIME_API"  # set where the image runs as a Lambda function: the address of its events
)
EXIT_MESSAGE_FILE: Final = "/opt/ml/output/message"
EXIT_MESSAGE_MAX_BYTES: Final = 1024
METRICS_DIRECTORY: Final = "/opt/ml/output/metrics/cloudwatch"
METRICS_FILE: Final = "cloudwatch_metrics.jsonl"  # the service reads this one (bring-your-own-container route)
DATASET_SOURCE: Final = "/opt/ml/processing/input/endpoint"
BASELINE_DATASET_SOURCE: Final = "/opt/ml/processing/input/baseline_dataset_input"
OUTPUT_PATH: Final = "/opt/ml/processing/output"
GROUND_TRUTH_PATH: Final = "/opt/ml/processing/groundtruth"  # labels that are mounted
FETCHED_PATH: Final = "/opt/ml/processing/fetched"  # what a run fetches itself: labels, capture of windows that waited
ANALYSIS_CONFIG_PATH: Final = "/opt/ml/processing/input/config/analysis_config.json"  # where Clarify's jobs have theirs
BASELINE_CONSTRAINTS_PATH: Final = "/opt/ml/processing/baseline/constraints/constraints.json"
BASELINE_STATISTICS_PATH: Final = "/opt/ml/processing/baseline/stats/statistics.json"
CONTAINER_ENTRYPOINT: Final = ("python3", "-m", "model_monitor")


class Variable(StrEnum):
    """Environment variables of a run. The first group is SageMaker's, the second the prebuilt analyzer's, the third ours."""

    DATASET_FORMAT = "dataset_format"
    DATASET_SOURCE = "dataset_source"
    OUTPUT_PATH = "output_path"
    PUBLISH_CLOUDWATCH_METRICS = "publish_cloudwatch_metrics"
    START_TIME = "start_time"
    END_TIME = "end_time"
    ENDPOINT_NAME = "sagemaker_endpoint_name"
    SCHEDULE_NAME = "sagemaker_monitoring_schedule_name"
    CAPTURE_PREFIX = "sagemaker_endpoint_datacapture_prefix"
    BASELINE_CONSTRAINTS = "baseline_constraints"
    BASELINE_STATISTICS = "baseline_statistics"

    ANALYSIS_TYPE = "analysis_type"  # which of the monitors runs; absent: those of the configuration, else data quality
    CATEGORICAL_DRIFT_METHOD = "categorical_drift_method"
    PROBLEM_TYPE = "problem_type"
    INFERENCE_ATTRIBUTE = "inference_attribute"
    FEATURES_ATTRIBUTE = "features_attribute"
    PROBABILITY_ATTRIBUTE = "probability_attribute"
    PROBABILITY_THRESHOLD_ATTRIBUTE = "probability_threshold_attribute"
    GROUND_TRUTH_ATTRIBUTE = "ground_truth_attribute"
    RECORD_PREPROCESSOR = "record_preprocessor_script"
    RECORD_PREPROCESSOR_URI = "record_preprocessor_source_uri"  # RecordPreprocessorSourceUri, should it arrive
    POST_ANALYTICS_PROCESSOR = "post_analytics_processor_script"
    POST_ANALYTICS_PROCESSOR_URI = "post_analytics_processor_source_uri"

    MONITOR_JOB = "monitor_job"  # baseline | monitor; absent: monitor when start_time is set
    MONITOR_CONFIG = "monitor_config"  # path or S3 URI of the configuration asset
    MONITOR_CONFIG_SHA256 = "monitor_config_sha256"
    MONITOR_TRANSFORM = (
        "monitor_transform"  # path or S3 URI of what transform jobs read and wrote; then no dataset is mounted
    )
    MONITOR_BASELINE = "monitor_baseline"  # folder of baselines, path or S3 URI; wins over the configuration's
    GROUND_TRUTH_URI = "ground_truth_s3_uri_path"  # S3 prefix of labels that come later; wins over the configuration's
    GROUND_TRUTH_SOURCE = "ground_truth_source"  # labels that are mounted; wins over both
    MONITOR_HISTORY = "monitor_history"  # windows that wait for labels, scores by window; wins over the configuration's
    FRESH_ROWS = "monitor_fresh_rows"  # path or S3 prefix of labelled rows to train on; wins over the configuration's
    HOLDOUT_ROWS = "monitor_holdout_rows"  # the same of rows that no training sees
    BASELINE_VERSION = "baseline_version"  # baseline jobs: recorded in the provenance
    IMAGE_DIGEST = "image_digest"  # recorded in the provenance
    REHEARSAL = "create_violation_tests"  # Enabled forces a violation, to try alarms and notifications
    REGION = "AWS_REGION"  # SageMaker sets it; boto3 reads the other one alone
    DEFAULT_REGION = "AWS_DEFAULT_REGION"
    ROOT = "MODEL_MONITOR_ROOT"  # local runs: stands for /opt/ml itself, so /opt/ml/x is read at $MODEL_MONITOR_ROOT/x
    NOW = "MODEL_MONITOR_NOW"  # local runs: stands for the clock when it is asked which labels are due
    WORKERS = "MODEL_MONITOR_WORKERS"  # processes; default: one per core
    MOST_UNPACKED = "monitor_most_unpacked"  # how many times its size a compressed file may unpack to
    READER = "monitor_reader"  # READER_CHOICES; auto: the compiled reader where it is installed


class Reader(StrEnum):
    """What reads captured payloads, for the same results."""

    COMPILED = "compiled"
    PYTHON = "python"


READER_CHOICES: Final = ("auto", Reader.PYTHON.value)

ENABLED: Final = "Enabled"
DISABLED: Final = "Disabled"
TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"  # AWS's documents print stray spaces inside: strip them before parsing

# --- requests of our own ---------------------------------------------------------------------------------------------

# Capture cannot be switched off for one request, so the inference id tells which requests monitoring made itself.
OWN_REQUEST_PREFIX: Final = "model-monitor-own-"
INFERENCE_ID_MAX: Final = 64
ID_BYTES_MAX: Final = (
    1024  # of an id in captured events and labels; SageMaker takes 64 characters, of four bytes at most
)

SHADOW_JOB_TAG: Final = "model-monitor:job"  # of endpoints a run made for itself: the processing job, "" on a laptop
SHADOW_EXPIRES_TAG: Final = "model-monitor:expires"  # TIME_FORMAT; later nobody needs it any more

# of families with local NVMe storage, after the API reference (KmsKeyId of CreateEndpointConfig, VolumeKmsKeyId of jobs)
_LOCAL_STORAGE: Final = re.compile(
    r"ml\.([a-z]+\d+[a-z]*d[a-z]*|gr?[5-9]e?|p[4-9]e?n?|trn\d+n?|dl1|i\d+[a-z]*)(-[a-z0-9]+)?\..+"
)


def has_local_storage(instance_type: str) -> bool:
    """Whether its volumes are encrypted by the instance itself: SageMaker refuses a key for them."""
    return _LOCAL_STORAGE.fullmatch(instance_type) is not None


# --- files -------------------------------------------------------------------------------------------------------------

STATISTICS_FILE: Final = "statistics.json"
CONSTRAINTS_FILE: Final = "constraints.json"
VIOLATIONS_FILE: Final = (
    "constraint_violations.json"  # one docs page says constraints_violations.json; every real file says this
)
ANALYSIS_FILE: Final = "analysis.json"  # of Clarify: results of a run, and constraints of the next
LOCAL_SHAP_FILE: Final = "explanations_shap/out.csv"
SHAP_BASELINE_FILE: Final = "explanations_shap/baseline.csv"  # when the baseline rows were made by clustering
REPORT_FILE: Final = "report.json"
LINKS: Final = ("dashboard", "alarms", "decisions", "review", "runbook")  # where a page leads, by its configuration
REPORT_PAGE: Final = "report.html"  # a view of report.json, drawn on request
REPORT_PRINT: Final = "report.pdf"  # the same on paper
INDEX_PAGE: Final = "index.html"  # a view of all reports below a folder
METRICS_LINES_FILE: Final = "metrics.jsonl"  # in the output folder: what a publisher sends when the container may not
REVIEW_TASKS_FILE: Final = "review_tasks.jsonl"  # predictions that people look at; holds values of listed features
REVIEW_CONTEXT_FILE: Final = "review_context.json"  # what those features looked like in the baseline
REVIEW_FILES: Final = (REVIEW_TASKS_FILE, REVIEW_CONTEXT_FILE)
MERGED_FOLDER: Final = "merge"  # in the output folder: records with their labels, on request
HOLDOUT_SHARE: Final = 0.2  # of the labelled records, those that no training sees
PROVENANCE_FILE: Final = "provenance.json"
CURRENT_BASELINE_FILE: Final = "current.json"  # {"version": "...", ...} beside the version folders
OWN_BLOCK: Final = "model_monitor"  # in AWS's files: what they have no place for
CONFIG_VERSION: Final = 1  # a change of the format raises it and adds a step to job/migrations.py
REPORT_VERSION: Final = 1
COMPARISON_FILE: Final = "comparison.json"
COMPARISON_VERSION: Final = 1


class ComparisonVerdict(StrEnum):
    """What became of a challenger."""

    BETTER = "better"
    NOT_BETTER = "not_better"
    WORSE_SLICE = "worse_slice"  # better as a whole, worse somewhere
    WORSE_BIAS = "worse_bias"  # better as a whole, and less fair to a facet
    INSUFFICIENT_DATA = "insufficient_data"


def monitor_key(type_: str) -> str:
    """Folder and configuration key of a monitor: ModelBias → model_bias."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type_).lower()


def monitor_type(key: str) -> MonitoringType:
    """The inverse of `monitor_key`. A monitor that is none of the contract's has its type as plain text."""
    name = "".join(word.capitalize() for word in key.split("_"))
    return MonitoringType(name) if name in set(MonitoringType) else cast("MonitoringType", name)


MONITOR_KEYS: Final = {type_: monitor_key(type_) for type_ in MonitoringType}


class ProblemType(StrEnum):
    """What a model predicts, as `problem_type` spells it."""

    BINARY = "BinaryClassification"
    MULTICLASS = "MulticlassClassification"
    REGRESSION = "Regression"


PROBLEM_KEYS: Final = {  # of the blocks in AWS's files: `{key}_metrics`, `{key}_constraints`
    ProblemType.BINARY: "binary_classification",
    ProblemType.MULTICLASS: "multiclass_classification",
    ProblemType.REGRESSION: "regression",
}

BASELINE_FILES: Final = {  # what the baseline of each monitor consists of, in its folder
    MonitoringType.DATA_QUALITY: (CONSTRAINTS_FILE, STATISTICS_FILE),
    MonitoringType.MODEL_QUALITY: (CONSTRAINTS_FILE, STATISTICS_FILE),
    MonitoringType.MODEL_BIAS: (ANALYSIS_FILE,),
    MonitoringType.MODEL_EXPLAINABILITY: (ANALYSIS_FILE,),
    MonitoringType.CUSTOM_METRICS: (CONSTRAINTS_FILE, STATISTICS_FILE),
}


class BiasStage(StrEnum):
    """Stages of bias, as the dimension `BiasStage` spells them."""

    PRE = "Pre-training"
    POST = "Post-Training"

    @property
    def block(self) -> str:
        """Their blocks in analysis.json."""
        return "pre_training_bias_metrics" if self is BiasStage.PRE else "post_training_bias_metrics"


BIAS_METRICS: Final = {  # Clarify's short names
    BiasStage.PRE: ("CDDL", "CI", "DPL", "JS", "KL", "KS", "LP", "TVD"),
    BiasStage.POST: ("AD", "CDDPL", "DAR", "DCA", "DCR", "DI", "DPPL", "DRR", "FT", "GE", "RD", "SD", "TE"),
}


# --- exit messages -----------------------------------------------------------------------------------------------------

MESSAGE_OK: Final = "Completed: Job completed successfully with no violations."
MESSAGE_VIOLATED: Final = "CompletedWithViolations: Job completed successfully with {count} violations."
MESSAGE_NOT_EVALUATED: Final = "Completed: Not evaluated ({verdict}): {reason}"
MESSAGE_ERROR: Final = "Error: {reason}"
VIOLATIONS_PREFIX: Final = "CompletedWithViolations"
NO_DATA_REASON: Final = (
    "Job inputs had no data"  # the service's failure reason for an empty window; no container is started
)

# --- the history of windows, in Parquet by date of a window's start ------------------------------------------------------

HISTORY_PARTITION: Final = "date"
TABLES_PREFIX: Final = "tables/"  # in the reports bucket, where Athena looks
HISTORY_RUNS: Final = {  # column → (type as Athena calls it, what it means)
    "endpoint": ("string", "the endpoint; of a report that names none, the folder of its windows"),
    "schedule": ("string", "the schedule, empty on a laptop"),
    "window_start": ("string", "first moment of the window, UTC, as 2026-03-02T06:00:00Z"),
    "window_end": ("string", "its end, itself not part of it"),
    "verdict": ("string", "ok, violated, insufficient_data, waiting, no_data, error"),
    "is_rehearsal": ("boolean", "one violation was forced, to try what hangs on violations"),
    "records": ("bigint", "records inside the window"),
    "rejected": ("bigint", "records and events that could not be read"),
    "checks": ("bigint", "checks that were evaluated"),
    "violations": ("bigint", "checks that were violated"),
    "causes": ("string", "types of the violated checks, with commas between them"),
    "violated": ("string", "each violated check, as a JSON list of [type, what it is of]"),
    "told": ("string", "the verdict in a sentence"),
    "baseline": ("string", "version of the baseline, or how its statistics' digest begins; empty without one"),
    "image": ("string", "how the digest of the image begins, else the version of the program"),
    "report": ("string", "path of report.json, from the folder that holds the history"),
    "finished": ("string", "when the run ended; of two runs of one window the later counts"),
    "size_bytes": ("bigint", "of report.json when it was read"),
    "modified_ns": ("bigint", "its time when it was read, nanoseconds since 1970"),
}
HISTORY_METRICS: Final = {
    "endpoint": ("string", "the endpoint"),
    "schedule": ("string", "the schedule"),
    "window_start": ("string", "first moment of the window, UTC"),
    "window_end": ("string", "its end"),
    "monitor": ("string", "data_quality, model_quality, model_bias, model_explainability, custom_metrics"),
    "metric": ("string", "the metric: drift_max, accuracy, DPPL of a group, ..."),
    "value": ("double", "observed in the window"),
    "limit": ("double", "null where it has none"),
    "baseline": ("double", "of the baseline, in the metric's unit; null where it is not known"),
    "outcome": ("string", "held, violated, not_evaluated; empty of what is not checked"),
}
HISTORY_TABLES: Final = {"runs": HISTORY_RUNS, "metrics": HISTORY_METRICS}  # folder, and table → columns


# --- checks ------------------------------------------------------------------------------------------------------------


class CheckType(StrEnum):
    """`constraint_check_type` of data quality."""

    DATA_TYPE = "data_type_check"
    COMPLETENESS = "completeness_check"
    BASELINE_DRIFT = "baseline_drift_check"
    MISSING_COLUMN = "missing_column_check"
    EXTRA_COLUMN = "extra_column_check"
    CATEGORICAL_VALUES = "categorical_values_check"
    NON_NEGATIVE = (
        "non_negative_check"  # ours; AWS suggests the constraint and documents no check for it; off by default
    )


CHECK_LESS: Final = "LessThanThreshold"  # `constraint_check_type` of model quality is the operator of the constraint
CHECK_GREATER: Final = "GreaterThanThreshold"
CHECK_PREDICTION_DRIFT: Final = (
    "prediction_drift_check"  # ours: what the model says against its baseline, labels or not
)

CHECK_BIAS_DRIFT: Final = "bias_drift_check"
CHECK_ATTRIBUTION_DRIFT: Final = "feature_attribution_drift_check"
CHECK_CUSTOM_METRIC: Final = "custom_metric_check"  # ours

CHECK_TYPES: Final = {  # what violations of each monitor are counted by: `violations_metric` of every one, zeros included
    MonitoringType.DATA_QUALITY: tuple(CheckType),
    MonitoringType.MODEL_QUALITY: (CHECK_LESS, CHECK_GREATER, CHECK_PREDICTION_DRIFT),
    MonitoringType.MODEL_BIAS: (CHECK_BIAS_DRIFT,),
    MonitoringType.MODEL_EXPLAINABILITY: (CHECK_ATTRIBUTION_DRIFT,),
    MonitoringType.CUSTOM_METRICS: (CHECK_CUSTOM_METRIC,),
}

REHEARSAL: Final = "REHEARSAL"  # the subject of a forced violation, and how its texts begin
REHEARSAL_ARGUMENT: Final = "--create-violation-tests"  # of the container's entry point and of the laptop's command

MISSING_COLUMNS: Final = "Missing columns"  # feature_name of the two column checks
EXTRA_COLUMNS: Final = "Extra columns"

# --- metrics -----------------------------------------------------------------------------------------------------------

NAMESPACE_OWN: Final = "ModelMonitor"  # of metrics that this kit sends itself
NAMESPACE_DATA_QUALITY: Final = "aws/sagemaker/Endpoints/data-metrics"  # docs also print a leading slash and a singular
SPELLINGS_OF_FILE: Final = (  # of that namespace, on AWS's own pages: a role has to admit each
    NAMESPACE_DATA_QUALITY,
    "/aws/sagemaker/Endpoints/data-metrics",
    "/aws/sagemaker/Endpoints/data-metric",
    "/aws/sagemaker/Endpoint/data-metrics",
)
DIMENSION_ENDPOINT: Final = "Endpoint"
DIMENSION_SCHEDULE: Final = "MonitoringSchedule"
DIMENSION_VARIANT: Final = "Variant"
DIMENSION_FEATURE: Final = "Feature"
DIMENSION_ACTION: Final = "Action"  # of a decision about retraining
DIMENSION_ENVIRONMENT: Final = "Environment"
DIMENSION_SLICE: Final = "Slice"  # a feature, or a field beside them
DIMENSION_SLICE_VALUE: Final = "SliceValue"

METRIC_RECORDS: Final = "records"
METRIC_REJECTED: Final = "rejected"
METRIC_OUTSIDE_WINDOW: Final = "outside_window"
METRIC_REHEARSAL: Final = "rehearsal"  # 1 in a run whose violation was forced, else 0
METRIC_WINDOWS_WAITING: Final = "windows_waiting"  # for their labels
METRIC_WINDOWS_EXPIRED: Final = "windows_expired"  # in this run, without ever having had enough labels
METRIC_DRIFTED_SHARE: Final = "drifted_share"
METRIC_DRIFT_MAX: Final = "drift_max"
METRIC_LABEL_COVERAGE: Final = "label_coverage"
METRIC_LABELS_WITHOUT_PREDICTION: Final = "labels_without_prediction"
METRIC_ANSWERED: Final = "answered_share"  # of the records, those of which the model said something
METRIC_ATTRIBUTED: Final = "attributed_share"  # of the records, those whose response held attributions
METRIC_PREDICTION_DRIFT: Final = "prediction_drift_max"
METRIC_CUSTOM_ERRORS: Final = "custom_metrics_failed"  # how many custom metrics could not be computed
METRIC_CAUSES: Final = "causes"  # why people are told of a run: a decimal place for each `Cause`, 1 where it holds
METRIC_CAPTURED: Final = "captured"  # captured requests of the window
METRIC_RETRAINING_DECISIONS: Final = "retraining_decisions"  # one a decision, by endpoint and action
METRIC_NAME_MAX: Final = 255


METRIC_INFINITY: Final = 2.348543e108  # what Clarify publishes for infinite bias metrics
DIMENSION_MONITOR: Final = "MonitoringType"  # tells apart what two monitors of one run have in common
DIMENSION_FACET: Final = "Facet"
DIMENSION_FACET_VALUE: Final = "FacetValue"
DIMENSION_BIAS_STAGE: Final = "BiasStage"
DIMENSION_LABEL: Final = "Label"
DIMENSION_LABEL_VALUE: Final = "LabelValue"
DIMENSION_METHOD: Final = "ExplainabilityMethod"
DIMENSION_VALUE_TYPE: Final = "ValueType"
METHOD_KERNEL_SHAP: Final = "KernelShap"
VALUE_TYPE_GLOBAL: Final = "GlobalShapValues"
VALUE_TYPE_EXPECTED: Final = "ExpectedValue"
METRIC_EXPECTED_VALUE: Final = "ExpectedValue"
METRIC_NDCG_MIN: Final = "ndcg_min"  # ours: the worst label's, without further dimensions, for one alarm


class MetricsRoute(StrEnum):
    """Who sends the metrics: the service from the metrics file, or the container by PutMetricData."""

    FILE = "file"
    PUT = "put"


class PerFeature(StrEnum):
    """Which features get metrics of their own; each costs money."""

    NONE = "none"
    CRITICAL = "critical"
    ALL = "all"


class MetricsLevel(StrEnum):
    """How much of what runs measure becomes series of CloudWatch; reports hold all of it."""

    ALARMS = "alarms"
    FULL = "full"


class Cause(StrEnum):
    """Why people are told of a run. The order is that of decimal places in `causes`: append, never reorder."""

    DATA_QUALITY = "data_quality"
    DRIFT = "drift"
    MODEL_QUALITY = "model_quality"
    BIAS = "bias"
    ATTRIBUTION = "attribution"
    CUSTOM = "custom"
    REJECTED = "rejected"
    LABELS_MISSING = "labels_missing"
    CAPTURE_LOSS = "capture_loss"
    ERROR = "error"

    @property
    def place(self) -> int:
        """The decimal place of its digit."""
        return list(Cause).index(self)


CHECKS_OF: Final = {  # what is violated where a cause holds
    Cause.DATA_QUALITY: tuple(check for check in CheckType if check is not CheckType.BASELINE_DRIFT),
    Cause.DRIFT: (CheckType.BASELINE_DRIFT,),
    Cause.MODEL_QUALITY: CHECK_TYPES[MonitoringType.MODEL_QUALITY],
    Cause.BIAS: CHECK_TYPES[MonitoringType.MODEL_BIAS],
    Cause.ATTRIBUTION: CHECK_TYPES[MonitoringType.MODEL_EXPLAINABILITY],
    Cause.CUSTOM: CHECK_TYPES[MonitoringType.CUSTOM_METRICS],
}


def run_metric(verdict: Verdict) -> str:
    """0/1 metric of a run's verdict; every run emits those of all verdicts."""
    return f"run_{verdict}"


def violations_metric(check_type: str) -> str:
    """Number of violations of one check type in a run; 0 is emitted too."""
    return f"violations_{check_type}"


def custom_metric(name: str) -> str:
    """The value of a metric that a user declared."""
    return f"custom_{name}"


def bias_metric(name: str) -> str:
    """One bias metric; which group and stage is said by its dimensions."""
    return f"bias_metric_{name}"


def attribution_metric(feature: str) -> str:
    """Global attribution of a feature."""
    return f"feature_{feature}"[:METRIC_NAME_MAX]


def feature_data_metric(feature: str) -> str:
    """Values of a numeric feature, as StatisticValues."""
    return f"feature_data_{feature}"[:METRIC_NAME_MAX]


def feature_non_null_metric(feature: str) -> str:
    """Completeness of a feature in [0, 1]."""
    return f"feature_non_null_{feature}"[:METRIC_NAME_MAX]


def feature_drift_metric(feature: str) -> str:
    """Distance of a feature from its baseline in [0, 1]."""
    return f"feature_baseline_drift_{feature}"[:METRIC_NAME_MAX]


def dimensions(endpoint: str, schedule: str) -> dict[str, str]:
    """The dimensions that every series carries."""
    return {DIMENSION_ENDPOINT: endpoint, DIMENSION_SCHEDULE: schedule}


# --- names and keys ----------------------------------------------------------------------------------------------------

NAME_MAX: Final = 63
ALARM_NAME_MAX: Final = 255


def _shortened(name: str, limit: int = NAME_MAX) -> str:
    """Cut to the limit with a hash of the whole, so that two long names stay two."""
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: limit - 9].rstrip('-')}-{digest}"


def schedule_name(endpoint: str, monitor_set: str) -> str:
    """`{endpoint}-{monitor set}`: used in dimensions and report keys, so it must be known before deployment."""
    return _shortened(f"{endpoint}-{monitor_set}".replace("_", "-"))


def job_name(schedule: str, window_start: datetime, attempt: int = 1) -> str:
    """`{schedule}-{yyyymmddHHMM}-{attempt}`: one name per window and attempt."""
    suffix = f"-{window_start:%Y%m%d%H%M}-{attempt}"
    return _shortened(schedule, NAME_MAX - len(suffix)) + suffix


def report_key(prefix: str, endpoint: str, schedule: str, hour: datetime) -> str:
    """Folder of one run's reports below a bucket: `{prefix}/{endpoint}/{schedule}/yyyy/mm/dd/hh`."""
    return "/".join(part for part in (prefix.strip("/"), endpoint, schedule, f"{hour:%Y/%m/%d/%H}") if part)


def baseline_job_name(schedule: str, version: str) -> str:
    """`{schedule}-baseline-{version}`: one name per version, with room for the number of an attempt (`-20`)."""
    return _shortened(f"{schedule}-baseline-{version}", NAME_MAX - 3)


def baseline_job_stem(begin: str) -> str:
    """What the names of all baseline jobs that begin so begin with, those that were cut included."""
    stem, kept = f"{begin}-", NAME_MAX - len("-20") - len("-01234567")
    return stem if len(stem) <= kept else stem[:kept].rstrip("-")


def baseline_poll_rule(endpoint: str) -> str:
    """The rule that looks after baseline jobs; explicit, because the function that it calls switches it on and off."""
    return _shortened(f"{endpoint}-baseline-poll", NAME_MAX)


def training_job_prefix(endpoint: str) -> str:
    """Training jobs of an endpoint are `{endpoint}-retraining-{hour}-{attempt}`; the hour is 12 digits."""
    return _shortened(f"{endpoint}-retraining", NAME_MAX - len("-202601010000-1"))


def dashboard_name(environment: str) -> str:
    """The one dashboard of an environment, named because messages link to it."""
    return f"{environment}-model-monitoring"


def alarm_name(environment: str, schedule: str, what: str) -> str:
    """`{environment}-{schedule}-{what}`: people read it in a page, and the retraining policy names it."""
    return _shortened(f"{environment}-{schedule}-{what}", ALARM_NAME_MAX)


def capture_key(prefix: str, endpoint: str, variant: str, hour: datetime) -> str:
    """Folder of one hour of capture: `{prefix}/{endpoint}/{variant}/yyyy/mm/dd/hh`."""
    return "/".join(part for part in (prefix.strip("/"), endpoint, variant, f"{hour:%Y/%m/%d/%H}") if part)


def live_parameter(environment: str, endpoint: str, what: str) -> str:
    """SSM parameter of what is live (`model` or `baseline`); the workflow writes it, the template reads it."""
    return f"/model-monitor/{environment}/{endpoint}/live/{what}"


def training_role_path(environment: str) -> str:
    """The path of roles that training jobs act as: the retraining function may hand these on and no others. No path of runs."""
    return f"/model-monitor-training/{environment}/"


def policy_parameter(environment: str, endpoint: str) -> str:
    """SSM parameter that says when alarms of an endpoint may start a training job."""
    return f"/model-monitor/{environment}/{endpoint}/retraining/policy"


def label_writers_parameter(environment: str, endpoint: str) -> str:
    """SSM parameter that holds the IAM policy of whoever writes the endpoint's labels."""
    return f"/model-monitor/{environment}/{endpoint}/labels/policy"


def environment_path(environment: str) -> str:
    """SSM path of all that an environment keeps in parameters."""
    return f"/model-monitor/{environment}"


def retraining_parameter(environment: str, endpoint: str, what: str) -> str:
    """SSM parameter of what the steps of a retraining need to know (`release`, `baseline`, below `features` names of features)."""
    return f"/model-monitor/{environment}/{endpoint}/retraining/{what}"


def retraining_machine(environment: str) -> str:
    """The state machine of an environment's retrainings; explicit, because whoever decides starts it by its name."""
    return _shortened(f"model-monitor-{environment}-retraining")


def model_group(environment: str, endpoint: str) -> str:
    """The group of the registry that an endpoint's models belong to."""
    return _shortened(f"model-monitor-{environment}-{endpoint}")


def review_group(environment: str, endpoint: str) -> str:
    """The group of people who review an endpoint's predictions."""
    return f"review-{environment}-{endpoint}"


def monitors_prefix(environment: str) -> str:
    """SSM path below which each schedule of ours says what it runs."""
    return f"/model-monitor/{environment}/monitors"


def schedule_group(environment: str) -> str:
    """The group of EventBridge Scheduler that an environment's schedules belong to."""
    return _shortened(f"model-monitor-{environment}")


def run_function_prefix(environment: str) -> str:
    """How the names of functions begin that run small windows: the state machine may call these and no others."""
    return f"model-monitor-{environment}_"  # neither an environment nor an endpoint has an underscore


def run_function_name(environment: str, endpoint: str) -> str:
    """The function that runs small windows of one endpoint."""
    return _shortened(f"{run_function_prefix(environment)}{endpoint}")


def role_path(environment: str) -> str:
    """The path of roles that runs act as: the state machine may hand these to jobs and no others."""
    return f"/model-monitor/{environment}/"
