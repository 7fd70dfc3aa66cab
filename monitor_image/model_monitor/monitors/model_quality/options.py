"""The model-quality monitor's part of a configuration file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from model_monitor.contract import CHECK_GREATER, CHECK_LESS, DISABLED, ENABLED, MonitoringType, ProblemType
from model_monitor.job.blocks import Block, Faults, kind_of
from model_monitor.job.job import Job
from model_monitor.label_text import normalise, without_zeros
from model_monitor.monitors.answered import MIN_ANSWERS
from model_monitor.monitors.drift import DistributionConfig
from model_monitor.monitors.model_quality.metrics import METRICS
from model_monitor.monitors.model_quality.slices import VARIANT
from model_monitor.monitors.thresholds import ERRORS, QualityConstraint, constraint_of
from model_monitor.schema import Privacy, Schema
from model_monitor.sketches.answers import Problem

SHORT: Final = {
    "binary": ProblemType.BINARY,
    "multiclass": ProblemType.MULTICLASS,
    "regression": ProblemType.REGRESSION,
}
EDGES_MOST: Final = 50  # of one field; more groups nobody reads
SPELLINGS: Final = SHORT | {type_.lower(): type_ for type_ in ProblemType}


@dataclass(frozen=True, slots=True)
class QualityOptions:
    """Validated options.

    thresholds: by metric, over the baseline's constraints; None takes a metric's constraint away.
    margin: how much worse than in the baseline's data a metric may get before it violates, relative to its own scale.
    drift: how what the model says is compared with what it said in the baseline.
    slices: features and metadata fields whose values get metrics of their own, each with the edges at which numbers are cut,
        if any; slice_metrics: which leave the report.
    """

    problem: Problem = field(default_factory=Problem)
    thresholds: Mapping[str, QualityConstraint | None] = field(default_factory=dict)
    margin: float = 0.0
    drift: DistributionConfig = field(default_factory=DistributionConfig)
    slices: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    min_slice_records: int = 30
    min_answers: float | None = None
    slice_metrics: tuple[str, ...] = ()


def read_options(block: Block) -> dict[str, Any]:
    """Options as written; faults go to the block."""
    problem_type = block.text("problem_type")
    if problem_type is not None and problem_type.lower() not in SPELLINGS:
        block.faults.add(block.at("problem_type"), f"should be one of {', '.join(SHORT)}")
        problem_type = None
    options: dict[str, Any] = {"problem_type": problem_type and SPELLINGS[problem_type.lower()]}
    if "probability_threshold" in block.rest:
        options["threshold"] = block.share("probability_threshold", 0.5)
    positive = block.label("positive_label")
    if positive is not None:
        options["positive"] = without_zeros(normalise(positive))
    options["classes"] = tuple(without_zeros(normalise(label)) for label in block.labels("class_labels"))
    options["slices"] = _slices(block)
    options["min_slice_records"] = block.count("min_slice_records", 30, minimum=1)
    if "min_answers" in block.rest:
        options["min_answers"] = block.share("min_answers", MIN_ANSWERS)
    options["slice_metrics"] = block.texts("slice_metrics")
    options["margin"] = block.share("margin", 0.0)
    options["drift"] = _drift(block)
    options["thresholds"] = _thresholds(block, block.take("thresholds"))
    return options


def complete(options: dict[str, Any], schema: Schema, path: str, faults: Faults) -> dict[str, Any]:
    """The problem type where the payload settles it, and what the monitor cannot do without."""
    output, payload = schema.payload.output, schema.payload
    has_prediction = output.prediction is not None or payload.prediction is not None
    has_lists = bool(output.scores or payload.scores or options["classes"])
    has_score = has_lists or output.score is not None or payload.score is not None
    if not (has_prediction or has_score):
        faults.add(path, "needs payload.output.prediction or payload.output.score: where a response holds the answer")
    found = options["problem_type"]
    if found is None:
        if (has_prediction or has_lists) and "threshold" not in options and "positive" not in options:
            faults.add(f"{path}.problem_type", f"is missing. Expected one of {', '.join(SHORT)}")
        found = ProblemType.BINARY
    if output.scores and options["classes"] and len(output.scores) != len(options["classes"]):
        faults.add(
            f"{path}.class_labels", f"should be {len(output.scores)} labels, one for each of payload.output.score"
        )
    for key in ("thresholds", "slice_metrics"):
        _refuse_unknown_metrics(options[key], found, f"{path}.{key}", faults)
    _refuse_slices(options["slices"], schema, f"{path}.slices", faults)
    return {**options, "problem_type": found}


def in_job(job: Job) -> QualityOptions:
    """A job's options."""
    return options_of(job.settings_of(MonitoringType.MODEL_QUALITY).options)


def options_of(options: Mapping[str, Any]) -> QualityOptions:
    """Options as objects; what was not written has its default."""
    default = Problem()
    problem = Problem(
        options.get("problem_type") or default.type,
        options.get("positive", default.positive),
        options.get("threshold", default.threshold),
        options.get("classes", default.classes),
    )
    beside = ("thresholds", "margin", "drift", "slices", "min_slice_records", "min_answers", "slice_metrics")
    return QualityOptions(problem, **{key: options[key] for key in beside if key in options})


def _slices(block: Block) -> dict[str, tuple[float, ...]]:
    """Names, or `{"field": name, "edges": [25, 40]}`: by name the edges, () where each value is a group."""
    content, where = block.take("slices"), block.at("slices")
    if content is not None and not isinstance(content, list):
        block.faults.add(where, f"should be a list of names, found {kind_of(content)}")
    found: dict[str, tuple[float, ...]] = {}
    for position, item in enumerate(content if isinstance(content, list) else ()):
        inner = Block({"field": item} if isinstance(item, str) else item, f"{where}[{position}]", block.faults)
        name, edges = inner.text("field"), inner.take("edges")
        inner.end()
        if not name:
            block.faults.add(inner.at("field"), "is missing")
        elif edges is not None and not _are_edges(edges):
            block.faults.add(inner.at("edges"), f"should be at most {EDGES_MOST} numbers, each above the one before")
        elif found.setdefault(name, tuple(edges or ())) != tuple(edges or ()):
            block.faults.add(where, f"'{name}' is named with different edges")
    return {name: tuple(map(float, edges)) for name, edges in found.items()}


def _are_edges(content: object) -> bool:
    if not isinstance(content, list) or not 0 < len(content) <= EDGES_MOST:
        return False
    if not all(isinstance(edge, (int, float)) and not isinstance(edge, bool) for edge in content):
        return False
    return all(map(math.isfinite, content)) and all(low < high for low, high in pairwise(map(float, content)))


def _drift(block: Block) -> DistributionConfig:
    """The part of AWS's `distribution_constraints` that makes sense for predictions, in its spelling."""
    default = DistributionConfig()
    content = block.take("prediction_drift")
    if content is None:
        return default
    inner = Block(content, block.at("prediction_drift"), block.faults)
    config = DistributionConfig(
        inner.choice("perform_comparison", (ENABLED, DISABLED), ENABLED) == ENABLED,
        inner.share("comparison_threshold", default.comparison_threshold),
        inner.choice("comparison_method", ("Robust", "Simple"), default.comparison_method),
    )
    inner.end()
    return config


def _thresholds(block: Block, content: object) -> dict[str, QualityConstraint | None]:
    """`{"accuracy": 0.8}`, or AWS's `{"accuracy": {"threshold": 0.8, "comparison_operator": "LessThanThreshold"}}`."""
    where = block.at("thresholds")
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        block.faults.add(where, f"should be an object, found {kind_of(content)}")
        return {}
    found: dict[str, QualityConstraint | None] = {}
    for metric, value in content.items():
        item = value if isinstance(value, Mapping) else {"threshold": value}
        threshold: Any = item.get("threshold")
        operator = item.get("comparison_operator")
        is_number = isinstance(threshold, (int, float)) and not isinstance(threshold, bool)
        if value is None:
            found[metric] = None
        elif (
            not is_number
            or not math.isfinite(threshold)
            or operator not in (None, CHECK_LESS, CHECK_GREATER)
            or item.keys() - _THRESHOLD_KEYS
        ):
            expected = f'a number, or {{"threshold": …, "comparison_operator": "{CHECK_LESS}" or "{CHECK_GREATER}"}}'
            block.faults.add(f"{where}.{metric}", f"should be {expected}")
        elif not _least(metric) <= threshold <= _most(metric):
            block.faults.add(f"{where}.{metric}", f"should be {_told_range(metric)}, found {threshold:g}")
        else:
            found[metric] = constraint_of(metric, float(threshold), operator)
    return found


def _least(metric: str) -> float:
    return -math.inf if metric == "r2" else 0.0


def _most(metric: str) -> float:
    return math.inf if metric in ERRORS else 1.0


def _told_range(metric: str) -> str:
    if metric in ERRORS:
        return "at least 0"
    return "at most 1" if metric == "r2" else "from 0 to 1"


_THRESHOLD_KEYS: Final = {"threshold", "comparison_operator"}


def _refuse_unknown_metrics(names: Iterable[str], type_: ProblemType, path: str, faults: Faults) -> None:
    for metric in names:
        if metric not in METRICS[type_]:
            faults.add(f"{path}.{metric}", f"is no metric of {type_}. Known: {', '.join(METRICS[type_])}")


def _refuse_slices(names: Iterable[str], schema: Schema, path: str, faults: Faults) -> None:
    """A slice tells values, and one that nothing has would silently watch nothing."""
    features = {feature.name: feature for feature in (*schema.features, *schema.payload.fields)}
    for name in names:
        if name in features and features[name].privacy is Privacy.RESTRICTED:
            faults.add(path, f"'{name}' is restricted: its values may not be told")
        elif name not in features and name != VARIANT and not schema.is_positional:
            faults.add(path, f"'{name}' is no feature of the payload, nor one of its metadata, nor '{VARIANT}'")
