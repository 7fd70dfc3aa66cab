"""The settings of model_bias: who is compared with whom, on which labels, and how sure a number must be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from model_monitor.contract import BIAS_METRICS
from stacks.settings import fields
from stacks.settings.analysis import Labelled
from stacks.settings.block import Block, check
from stacks.settings.fields import Count, Share

Value = str | int | float | bool
ReadAs = Literal["auto", "values", "threshold"]


class Facet(Block):
    """One sensitive attribute. In the file a bare name stands for a facet whose every value is compared with the rest."""

    name: fields.FeatureName
    """The feature, or the column of facet_source."""
    values: tuple[Value, ...] = ()
    """Values of the sensitive group, or the one above which it begins. Default: each value in turn."""
    read_as: ReadAs = "auto"
    """Whether values are values or a threshold; auto: SageMaker's rule, from the type and how many there are. Default: auto."""


class FlipTest(Block):
    """How much of a window the flip test searches; it is exact where it fits."""

    rows: Count | None = None
    """Most records for which it is exact, at least 1. Left out: 200,000."""
    sample: Count | None = None
    """Records drawn where there are more, at least 1. Left out: 20,000."""
    memory_mb: Count | None = None
    """Memory for the records kept, in MB, at least 1. Left out: 256."""
    seed: Annotated[int, Field(ge=0)] | None = None
    """Seed of the draw, at least 0. Left out: 0."""


class Bootstrap(Block):
    """Intervals around each bias metric, by drawing records again."""

    draws: Annotated[int, Field(ge=2)] | None = None
    """Draws, at least 2. Left out: 200."""
    confidence: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Confidence of the interval, between 0 and 1. Left out: 0.95."""
    seed: Annotated[int, Field(ge=0)] | None = None
    """Seed of the draws, at least 0. Left out: 0."""


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class ModelBias(Labelled):
    """Whether the model treats groups unlike, before and after training, by SageMaker Clarify's metrics."""

    apart_from_baselines: ClassVar[frozenset[str]] = Labelled.apart_from_baselines | {
        "bootstrap",
        "facet_source",
        "margin",
        "min_answers",
        "min_group_records",
    }

    facets: Annotated[
        tuple[Annotated[Facet, BeforeValidator(_named, json_schema_input_type=str | Facet)], ...],
        Field(min_length=1),
    ]
    """Sensitive attributes, at least one: a name, or a name with values."""
    facet_source: fields.S3Prefix | None = None
    """S3 URI of a restricted place that holds attributes by inference id; they are never written out record by record.
    Left out: facets are features of the payload."""
    label_values: Annotated[tuple[Value, ...], Field(min_length=1)] | None = None
    """Labels that count as positive, or the one above which they begin. Default: 1."""
    label_read_as: ReadAs = "auto"
    """Whether label_values are values or a threshold; auto: SageMaker's rule. Default: auto."""
    label_name: fields.FeatureName | None = None
    """What reports call the label. Left out: payload.label."""
    class_labels: tuple[str | int, ...] = ()
    """Labels of a list of scores, in its order; the highest score predicts where a response holds no label.
    Default: 0, 1, 2 and so on."""
    group_variable: fields.FeatureName | None = None
    """The feature on which CDDL and CDDPL condition. Left out: these two are not evaluated."""
    probability_threshold: Share | None = None
    """Score above which a record counts as positive, 0 to 1, where responses hold no label. Left out: 0.5."""
    methods: Literal["all"] | tuple[str, ...] = "all"
    """Metrics by Clarify's short names, such as DPPL and DI, or all. Default: all."""
    flip_test: bool | FlipTest = True
    """false leaves the flip test out, the costliest metric; or how much it searches. Default: true."""
    bootstrap: bool | Bootstrap = False
    """true or settings: an interval for each metric, and no violation while it overlaps the baseline's range. Default: false."""
    min_group_records: Count | None = None
    """Records below which a side of a facet is not evaluated, at least 1. Left out: 10 where decisions are calibrated, else 1."""
    min_answers: Share | None = None
    """Share of labelled records that the model must have answered, 0 to 1, for a window to be ok. Left out: 0.8."""
    margin: Share | None = None
    """How much worse than the baseline a metric may become where decisions are calibrated, as a share of its scale (of DI: of
    log DI). Left out: 0."""

    @property
    def document(self) -> dict[str, Any]:
        """Defaults of the core are left to it; labels of scores are text in the configuration file."""
        said = super().document
        if "class_labels" in said:
            said["class_labels"] = list(map(str, self.class_labels))
        for key, default in (("methods", "all"), ("label_read_as", "auto"), ("flip_test", True), ("bootstrap", False)):
            if said.get(key) is default or said.get(key) == default:
                del said[key]
        if said.get("flip_test") == {}:
            del said["flip_test"]
        return said

    @check
    def _facet_faults(self) -> Iterator[str]:
        names = [facet.name for facet in self.facets]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"facets: '{name}' is named {names.count(name)} times"

    @check
    def _method_faults(self) -> Iterator[str]:
        known = sorted(name for names in BIAS_METRICS.values() for name in names)
        if not self.methods:
            yield f"methods: is empty; all, or some of {', '.join(known)}"
        for name in self.methods if self.methods != "all" else ():
            if name not in known:
                yield f"methods: '{name}' is no bias metric; there are {', '.join(known)}"
