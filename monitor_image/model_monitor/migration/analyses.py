"""What a job definition says of its analysis, in the words of an environment file and of a configuration alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from model_monitor.contract import BIAS_METRICS, MonitoringType
from model_monitor.errors import SettingsError
from model_monitor.job import analysis_config
from model_monitor.job.attributes import Attributes, column_of, with_places
from model_monitor.job.blocks import Faults
from model_monitor.migration.schedules import Schedule

Read = Callable[[str], bytes | None]  # the content of an S3 object
PAYLOAD: Final = ("features", "records", "label", "prediction", "score", "output")
SHAP: Final = ("num_samples", "seed", "use_logit", "agg_method", "save_local_shap_values", "num_clusters")
AGGREGATIONS: Final = ("mean_abs", "median", "mean_sq")
PREDICTOR: Final = (
    *("model_name", "instance_type", "initial_instance_count", "endpoint_name", "target_model", "custom_attributes"),
    *("content_type", "accept_type", "content_template", "record_template", "label", "probability", "label_headers"),
)
STARTUP_SECONDS: Final = 900  # of a shadow endpoint: what an hour's run has time for beside asking
PLACES: Final = ("prediction", "score", "payload_index")  # left out, the kit looks for keys of these names


class NotTakenOver(Exception):
    """Why a schedule has no counterpart."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """block: the type's own settings, None where it has none. payload: what requests and responses mean, {} where nobody says."""

    block: dict[str, Any] | None = None
    payload: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def analysis(schedule: Schedule, read: Read) -> Analysis:
    """Of any type. Raises: NotTakenOver."""
    given = schedule.definition.endpoint_input
    said = Attributes(
        probability_threshold=given.get("ProbabilityThresholdAttribute"),
        prediction=given.get("InferenceAttribute"),
        score=given.get("ProbabilityAttribute"),
        features=given.get("FeaturesAttribute"),
    )
    document = _document(schedule, read)
    described = (analysis_config.payload(document) or {}) if document else {}
    found = _BLOCKS[schedule.type](schedule, document, said)
    notes = list(found.notes)
    if schedule.type is MonitoringType.DATA_QUALITY:
        return found
    return Analysis(found.block, _payload(described, said, notes), tuple(notes))


def _document(schedule: Schedule, read: Read) -> dict[str, Any]:
    """Clarify's analysis configuration; {} of the other types."""
    uri = schedule.definition.application.get("ConfigUri")
    if not uri:
        return {}
    try:
        content = read(uri)
        document = json.loads(content) if content is not None else None
    except (SettingsError, ValueError) as error:
        raise NotTakenOver(f"its analysis configuration {uri} cannot be read ({type(error).__name__})") from error
    if not isinstance(document, dict):
        raise NotTakenOver(f"its analysis configuration {uri} is not there")
    return document


def _payload(described: Mapping[str, Any], said: Attributes, notes: list[str]) -> dict[str, Any]:
    faults = Faults()
    content = with_places(dict(described), said, faults)
    notes.extend(faults)
    found = {key: value for key, value in dict(content).items() if key in PAYLOAD and value not in (None, {}, [])}  # type: ignore[call-overload]
    if "output" in found or said.prediction or said.score:
        output = {key: _place(value) for key, value in found.get("output", {}).items()}
        found["output"] = {**dict.fromkeys(PLACES), **output}
    return found


def _place(value: Any) -> Any:
    """A column by its number."""
    column = column_of(value) if isinstance(value, str) else None
    return value if column is None else column


def _data_quality(schedule: Schedule, document: Mapping[str, Any], said: Attributes) -> Analysis:
    del schedule, document, said
    return Analysis()


def _quality(schedule: Schedule, document: Mapping[str, Any], said: Attributes) -> Analysis:
    del document
    problem = schedule.definition.application.get("ProblemType") or schedule.definition.environment.get("problem_type")
    if not problem:
        raise NotTakenOver("its job definition names no ProblemType")
    block = {"problem_type": problem}
    if said.probability_threshold is not None:
        block["probability_threshold"] = said.probability_threshold
    return Analysis(block)


def _bias(schedule: Schedule, document: Mapping[str, Any], said: Attributes) -> Analysis:
    del schedule
    block = analysis_config.bias_options(document)
    facets = block.get("facets") or []
    if not facets or not all(isinstance(facet, Mapping) and isinstance(facet.get("name"), str) for facet in facets):
        raise NotTakenOver("its analysis configuration names no facet by a header")
    block["facets"] = [
        {**facet, "values": _listed(facet["values"])} if "values" in facet else facet for facet in facets
    ]
    if "label_values" in block:
        block["label_values"] = _listed(block["label_values"])
    methods = block.get("methods")
    if isinstance(methods, list):
        known = {name for names in BIAS_METRICS.values() for name in names}
        named = [name for name in methods if name in known]
        block["methods"] = named
        if set(named) == known:
            del block["methods"]  # all of them, which is what the kit does by itself
    if said.probability_threshold is not None:
        block["probability_threshold"] = said.probability_threshold
    return Analysis({key: block[key] for key in block if block[key] not in (None, [])})


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _explainability(schedule: Schedule, document: Mapping[str, Any], said: Attributes) -> Analysis:
    del schedule
    methods = document.get("methods")
    shap = (methods or {}).get("shap") if isinstance(methods, Mapping) else None
    predictor = document.get("predictor")
    if not isinstance(shap, Mapping) or not isinstance(predictor, Mapping):
        raise NotTakenOver("its analysis configuration lacks methods.shap or predictor")
    notes = [f"methods.{key} is computed by Clarify alone" for key in methods or {} if key not in ("shap", "report")]
    notes += [
        f"methods.shap.{key} is for data that is no table" for key in ("text_config", "image_config") if key in shap
    ]
    asked = {key: predictor[key] for key in PREDICTOR if predictor.get(key) is not None}
    asked |= {key: place for key, place in (("label", said.prediction), ("probability", said.score)) if place}
    others = sorted(set(predictor) - set(PREDICTOR) - {"endpoint_name_prefix"})
    notes += [f"predictor.{key} has no counterpart" for key in others]
    if "model_name" in asked:
        asked["startup_seconds"] = STARTUP_SECONDS
    block: dict[str, Any] = {"predictor": asked, **{key: shap[key] for key in SHAP if shap.get(key) is not None}}
    if block.get("agg_method") not in (None, *AGGREGATIONS):
        notes.append(f"agg_method {block.pop('agg_method')} is not known; mean_abs stands in its place")
    if shap.get("baseline") is not None:
        block["baseline_rows"] = shap["baseline"]
    return Analysis(block, {}, tuple(notes))


_BLOCKS: Final[Mapping[MonitoringType, Callable[[Schedule, Mapping[str, Any], Attributes], Analysis]]] = {
    MonitoringType.DATA_QUALITY: _data_quality,
    MonitoringType.MODEL_QUALITY: _quality,
    MonitoringType.MODEL_BIAS: _bias,
    MonitoringType.MODEL_EXPLAINABILITY: _explainability,
}
