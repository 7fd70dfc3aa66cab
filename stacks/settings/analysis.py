"""The parts of a monitor's settings that belong to one type each: what is measured, against what, and when labels come.

What is left out is the core's default: configuration.py hands on what is said here and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from model_monitor import contract
from stacks.settings import fields
from stacks.settings.block import Block, check
from stacks.settings.fields import Count, Share

HORIZON_AFTER_DELAY: Final = timedelta(days=7)  # the core's own, for windows whose settings name none
AWS_PROBLEMS: Final = {
    contract.ProblemType.BINARY: "binary",
    contract.ProblemType.MULTICLASS: "multiclass",
    contract.ProblemType.REGRESSION: "regression",
}
REGRESSION: Final = ("mae", "mse", "rmse", "r2")
BINARY: Final = (
    *("recall", "precision", "accuracy", "auc", "f0_5", "f1", "f2"),
    *("true_positive_rate", "true_negative_rate", "false_positive_rate", "false_negative_rate"),
)
MULTICLASS: Final = (
    "accuracy",
    *(f"weighted_{name}" for name in ("recall", "precision", "f0_5", "f1", "f2")),
)
QUALITY_METRICS: Final = {"binary": BINARY, "multiclass": MULTICLASS, "regression": REGRESSION}
WORSE_WHEN_GREATER: Final = frozenset({"mae", "mse", "rmse", "false_positive_rate", "false_negative_rate"})


class Analysis(Block):
    """The settings of one type. apart_from_baselines: names of those that may change without another baseline."""

    apart_from_baselines: ClassVar[frozenset[str]] = frozenset()

    @property
    def document(self) -> dict[str, Any]:
        """What is said here, in the configuration file's words; what is left out is left out there too."""
        said = self.model_dump(
            mode="json", exclude_none=True, warnings=False
        )  # checks ask of what a faulty field is left out
        return {key: value for key, value in said.items() if value not in ({}, [])}

    @property
    def of_baseline(self) -> dict[str, Any]:
        """The part that a baseline is computed by."""
        return {key: value for key, value in self.document.items() if key not in self.apart_from_baselines}


class Labelled(Analysis):
    """When the labels of a window are expected, of types that compare predictions with what turned out to be true."""

    apart_from_baselines: ClassVar[frozenset[str]] = frozenset({"label_delay", "min_coverage", "label_horizon"})

    label_delay: fields.Duration = "PT0H"
    """Time after a window's end until its labels are expected, such as P7D or PT6H; nothing is concluded before.
    Default: PT0H, at once."""
    min_coverage: Share = 0.0
    """Share of predictions that must have a label, 0 to 1; below it nothing is concluded. Default: 0, whatever came."""
    label_horizon: fields.Duration | None = None
    """Time after a window's end until which it is tried again; captures must be kept as long. Left out: label_delay and a
    week."""

    @property
    def horizon(self) -> timedelta:
        """Until when a window waits for labels."""
        given = self.label_horizon
        return fields.time_of(given) if given else fields.time_of(self.label_delay) + HORIZON_AFTER_DELAY

    @check
    def _horizon_faults(self) -> Iterator[str]:
        if self.horizon < fields.time_of(self.label_delay):
            yield f"label_horizon: {self.label_horizon} is shorter than the label_delay {self.label_delay}; give a longer one"


class PredictionDrift(Block):
    """How what the model says is compared with what it said in the baseline."""

    perform_comparison: Literal["Enabled", "Disabled"] | None = None
    """Disabled: it is not compared. Left out: Enabled."""
    comparison_threshold: Share | None = None
    """Distance above which predictions have drifted, 0 to 1. Left out: 0.1."""
    comparison_method: Literal["Robust", "Simple"] | None = None
    """Robust subtracts what sampling alone explains; Simple does not. Left out: Robust."""


def _ascending(edges: tuple[float, ...]) -> tuple[float, ...]:
    if any(low >= high for low, high in pairwise(edges)):
        raise ValueError("should each be above the one before")
    return edges


class Slice(Block):
    """Records that are looked at on their own. In the file a bare name stands for a field whose every value is a slice."""

    field: fields.FeatureName
    """A feature, metadata, or variant."""
    edges: Annotated[
        tuple[Annotated[float, Field(allow_inf_nan=False)], ...], Field(max_length=50), AfterValidator(_ascending)
    ] = ()
    """Numbers, ascending, at which a field of many values is cut: [25, 40] makes three slices, and 25 is in the first.
    Default: none, each value is a slice."""

    @property
    def document(self) -> str | dict[str, Any]:
        """In the configuration file's words."""
        return {"field": self.field, "edges": list(self.edges)} if self.edges else self.field


def _named(value: object) -> object:
    return {"field": value} if isinstance(value, str) else value


class ModelQuality(Labelled):
    """How good predictions are, once labels are there."""

    apart_from_baselines: ClassVar[frozenset[str]] = Labelled.apart_from_baselines | {
        "thresholds",
        "slices",
        "min_slice_records",
        "min_answers",
        "slice_metrics",
        "prediction_drift",
    }

    problem_type: Literal[
        "binary", "multiclass", "regression", "BinaryClassification", "MulticlassClassification", "Regression"
    ]
    """binary, multiclass or regression; SageMaker's own names are taken too."""
    probability_threshold: Share | None = None
    """Score above which a record counts as positive, 0 to 1, where responses hold no label. Left out: 0.5."""
    positive_label: str | int | None = None
    """The label that counts as positive in a binary problem. Left out: 1."""
    class_labels: tuple[str | int, ...] = ()
    """Labels of a list of scores, in its order; the highest score predicts where a response holds no label.
    Default: 0, 1, 2 and so on."""
    slices: tuple[Annotated[Slice, BeforeValidator(_named, json_schema_input_type=str | Slice)], ...] = ()
    """Features, metadata or variant: each of their values has the same metrics of its own in the report; a name, or a name with
    the edges at which its numbers are cut. Default: none."""
    min_slice_records: Count | None = None
    """Records below which a slice is suppressed, at least 1. Left out: 30."""
    min_answers: Share | None = None
    """Share of records that the model must have answered, 0 to 1, for a window to be ok; NaN and null are no answers.
    Left out: min_coverage, else 0.8."""
    slice_metrics: tuple[fields.MetricName, ...] = ()
    """Metrics of slices that leave for CloudWatch too; each value of a slice is a series that costs money. Default: none."""
    margin: Share | None = None
    """What the baseline allows each metric to get worse, 0 to 1, relative to its own scale: rmse may grow by this share of itself,
    accuracy may lose it. Left out: 0; what chance explains is no violation either way, unless AWS's rule decides."""
    prediction_drift: PredictionDrift = PredictionDrift()
    """How what the model says is compared with the baseline; needs no labels. Default: compared."""
    thresholds: dict[fields.MetricName, float | None] = Field(default_factory=dict)
    """Metric → value it must not be worse than, in place of the baseline's; null: the metric is not judged. Default: what the
    baseline suggests."""

    @property
    def document(self) -> dict[str, Any]:
        """Labels are text in the configuration file."""
        said = super().document
        texts = {"positive_label": str(self.positive_label), "class_labels": list(map(str, self.class_labels))}
        judged = {"thresholds": dict(self.thresholds)} if self.thresholds else {}  # null means something there
        sliced = {"slices": [part.document for part in self.slices]} if "slices" in said else {}
        return said | {key: text for key, text in texts.items() if key in said} | judged | sliced

    @property
    def problem(self) -> str:
        return {str(long): short for long, short in AWS_PROBLEMS.items()}.get(self.problem_type, self.problem_type)

    @check
    def _metric_faults(self) -> Iterator[str]:
        for key in ("thresholds", "slice_metrics"):
            for name in getattr(self, key):
                yield from unknown_metric(key, name, self.problem)


def unknown_metric(path: str, name: str, problem: str) -> Iterator[str]:
    """A fault when no run measures a metric of this name."""
    if name not in QUALITY_METRICS[problem]:
        yield f"{path}: '{name}' is no metric of {problem}; there are {', '.join(QUALITY_METRICS[problem])}"


class CustomMetrics(Labelled):
    """Metrics of your own: Python functions that the image finds in an installed package or in a named module."""

    apart_from_baselines: ClassVar[frozenset[str]] = Labelled.apart_from_baselines | {"thresholds", "max_rows"}

    module: fields.Module | None = None
    """What declares them: a .py file of this repository, which is uploaded; the S3 URI of one; or the dotted name of a module in
    the image. Left out: the entry points of packages that the image holds."""
    max_rows: Count | None = None
    """Records that are kept for them, at least 1; a window with more is sampled, and says so. Left out: 5,000,000."""
    thresholds: dict[fields.MetricName, float] = Field(default_factory=dict)
    """Metric → threshold in place of the one it declares. Default: those declared."""


class Scripts(Block):
    """Scripts of SageMaker's own kind, fetched by every run."""

    preprocessor: fields.CodeFile | None = None
    """Script with preprocess_handler, called for every captured record: its path in this repository, or its S3 URI.
    Left out: records as they are."""
    postprocessor: fields.CodeFile | None = None
    """Script with postprocess_handler, called after a run: its path in this repository, or its S3 URI. Left out: none."""
