"""The settings of model_explainability: how attributions are found, which model is asked, and what that may cost."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from stacks.settings import fields
from stacks.settings.analysis import Analysis
from stacks.settings.block import Block, check
from stacks.settings.fields import Count, Share

REMOTE_SECONDS: Final = 1800  # the core's own budget for endpoints, and how long a shadow endpoint may take to start
LOCAL_SECONDS: Final = 600
STARTUP_SECONDS: Final = 1800
ContentType = Literal["text/csv", "application/json", "application/jsonlines"]
Cell = str | int | float | bool | None


def shadow_prefix(endpoint_name: str) -> str:
    """What the names of an endpoint's shadows begin with: no other endpoint's, so that a role can be held to them."""
    return f"shadow-{hashlib.sha256(endpoint_name.encode()).hexdigest()[:8]}"


class Budget(Block):
    """What one run may ask of the model; a run keeps to it and says what it left out."""

    rows: Count | None = None
    """Records that are explained, at least 1. Left out: 300, of an artefact 1000."""
    predictions: Count | None = None
    """Rows that the model scores, at least 1. Left out: 1,000,000, of an artefact 20,000,000."""
    calls: Count | None = None
    """Requests to the endpoint, at least 1. Left out: 10,000."""
    seconds: Count | None = None
    """Seconds of asking, at least 1. Left out: 1800, of an artefact 600."""


class Predictor(Block):
    """The model that is asked: {} the endpoint itself, endpoint_name another, model_name a shadow endpoint that the run makes and
    removes, artefact a model file that the run loads. Other keys are Clarify's."""

    endpoint_name: fields.EndpointName | None = None
    """Name of an endpoint to ask instead, best one that captures nothing. Left out: the endpoint itself."""
    model_name: fields.EndpointName | None = None
    """Name of the SageMaker model for a shadow endpoint, which lives as long as a run. Left out: none is made."""
    instance_type: fields.InstanceType | None = None
    """Instance type of the shadow endpoint. Left out: there is none."""
    initial_instance_count: Count | None = None
    """Instances of the shadow endpoint, at least 1. Left out: 1."""
    startup_seconds: Count | None = None
    """Seconds that a shadow endpoint may take to start, at least 1. Left out: 1800."""
    artefact: fields.S3Object | None = None
    """S3 URI of a model file: XGBoost, ONNX or skops, alone or in a tar.gz; pickles are refused. Left out: an endpoint."""
    format: Literal["xgboost", "onnx", "skops", "linear"] | None = None
    """Format of the artefact. Left out: by its name and content."""
    output: Literal["probability", "prediction"] | None = None
    """What an artefact that knows both should answer. Left out: probability."""
    member: str | None = None
    """The model's file inside an archive. Left out: the only one there is."""
    trusted_types: tuple[str, ...] = ()
    """Classes that a skops file may hold beyond those that skops trusts. Default: none."""
    target_variant: fields.VariantName | None = None
    """The variant that is asked. Left out: whichever the endpoint chooses."""
    target_model: str | None = None
    """The model of a multi-model endpoint. Left out: there is one model."""
    custom_attributes: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,1024}$")] | None = None
    """Attributes sent with each request, 1 to 1024 visible ASCII characters. Left out: none."""
    content_type: ContentType | None = None
    """Content type of requests. Left out: the dataset's."""
    accept_type: ContentType | None = None
    """Content type of answers. Left out: the content type."""
    content_template: str | None = None
    """Template of a JSON request, with $records, $record or $features. Left out: for CSV, which needs none."""
    record_template: str | None = None
    """Template of one record in it, with $features or $features_kvp. Left out: records are lists."""
    label: str | int | None = None
    """JMESPath or position of the number to explain in an answer. Left out: probability, else the whole answer."""
    probability: str | int | None = None
    """JMESPath or position of the probability in an answer; wins over label. Left out: label."""
    label_headers: tuple[str, ...] = ()
    """Names of the outputs. Default: label0, label1 and so on."""
    batch_records: Count | None = None
    """Records of one request, at least 1. Left out: 500."""
    concurrency: Count | None = None
    """Requests at a time, at least 1. Left out: 4."""

    @check
    def _source_faults(self) -> Iterator[str]:
        named = [key for key in ("endpoint_name", "model_name", "artefact") if getattr(self, key) is not None]
        if len(named) > 1:
            yield f"{named[0]}: excludes {' and '.join(named[1:])}; a run asks one model"
        if self.model_name is not None and self.instance_type is None:
            yield "instance_type: is missing; the shadow endpoint of model_name needs one"
        if self.model_name is None and self.instance_type is not None:
            yield "instance_type: is of a shadow endpoint; give model_name, or leave it out"
        if self.content_type == "application/json" and self.content_template is None:
            yield "content_template: is missing; a JSON request is made by it"


class ModelExplainability(Analysis):
    """Which features decide, and whether their order moved away from the baseline's."""

    apart_from_baselines: ClassVar[frozenset[str]] = frozenset({"ndcg_threshold", "min_answers"})

    method: Literal["auto", "exact", "kernel", "captured"] = "auto"
    """auto: exact Shapley values where they fit the budget, else KernelSHAP; captured: what responses said. Default: auto."""
    predictor: Predictor | None = None
    """The model to ask. Left out: method captured asks none."""
    num_samples: Annotated[int, Field(ge=2)] | None = None
    """Coalitions per record for KernelSHAP, at least 2. Left out: by the number of features."""
    seed: Annotated[int, Field(ge=0)] | None = None
    """Seed of what is drawn, at least 0. Left out: 1."""
    use_logit: bool | None = None
    """Whether the logit of predictions is explained. Left out: false."""
    agg_method: Literal["mean_abs", "median", "mean_sq"] | None = None
    """What the attributions of single records come to. Left out: mean_abs."""
    save_local_shap_values: bool | None = None
    """Whether a run leaves the attributions of each record. Left out: false."""
    baseline_rows: tuple[tuple[Cell, ...] | dict[str, Cell], ...] | fields.S3Object | None = None
    """Rows that stand for absence, each a list or an object, or the S3 URI of a file of them. Left out: clusters of the
    baseline's dataset."""
    num_clusters: Annotated[int, Field(ge=1, le=12)] | None = None
    """Clusters where no rows are given, 1 to 12. Left out: as many as describe the data."""
    baseline_rounded: bool | None = None
    """Whether clusters of whole numbers are rounded to whole numbers. Left out: false."""
    label_headers: tuple[str, ...] = ()
    """Names of the outputs whose attributions responses hold. Default: the predictor's, else label0, label1 and so on."""
    budget: Budget = Budget()
    """What a run may ask of the model. Default: by where predictions come from."""
    ndcg_threshold: Share | None = None
    """Agreement of the two orders (0 to 1) below which attributions have drifted. Left out: 0.9, as SageMaker."""
    min_answers: Share | None = None
    """Share of records whose responses must hold attributions (method captured), 0 to 1, for a window to be ok. Left out: 0.8."""

    @property
    def is_asked(self) -> bool:
        """Whether a run asks a model at all."""
        return self.method != "captured"

    @property
    def is_shadowed(self) -> bool:
        """Whether a run makes an endpoint of its own."""
        return self.predictor is not None and self.predictor.model_name is not None

    @property
    def seconds(self) -> int:
        """The longest that a run may spend on asking, a shadow endpoint's start included."""
        if self.predictor is None:
            return 0
        asking = self.budget.seconds or (LOCAL_SECONDS if self.predictor.artefact else REMOTE_SECONDS)
        return asking + self._startup

    @property
    def _startup(self) -> int:
        given = self.predictor.startup_seconds if self.predictor is not None else None
        return (given or STARTUP_SECONDS) if self.is_shadowed else 0

    def lowered(self, most: int) -> str:
        """What to lower, and how far, so that a run asks for no longer than so many seconds."""
        startup, asking = self._startup, self.seconds - self._startup
        keys = {"budget.seconds": most - startup, "predictor.startup_seconds": most - asking if startup else 0}
        fitting = [f"model_explainability.{key} to at most {value}" for key, value in keys.items() if value > 0]
        return f"lower {' or '.join(fitting) or f'budget.seconds and predictor.startup_seconds to at most {most} together'}"

    @property
    def document(self) -> dict[str, Any]:
        """A predictor without keys is the endpoint itself, and has to be said."""
        said = super().document
        if self.predictor is not None:
            said["predictor"] = {key: value for key, value in said.get("predictor", {}).items() if value != []}
        if said["method"] == "auto":
            del said["method"]
        return said

    @check
    def _predictor_faults(self) -> Iterator[str]:
        if self.is_asked and self.predictor is None:
            yield (
                "predictor: is missing; a run must know which model to ask. {} is the endpoint itself, which adds to its load; "
                "model_name makes a shadow endpoint, artefact loads a model file; method captured asks none"
            )
        if not self.is_asked and self.predictor is not None:
            yield "predictor: is not asked when the method is captured; leave it out"
        if self.num_clusters is not None and self.baseline_rows is not None:
            yield "num_clusters: is for runs that are not given baseline_rows"
