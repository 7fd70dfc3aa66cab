"""The attribution monitor's part of a configuration file: our own keys, or Clarify's analysis_config.json as it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from model_monitor.job import analysis_config
from model_monitor.job.blocks import Block, Faults, kind_of
from model_monitor.monitors.answered import MIN_ANSWERS
from model_monitor.monitors.model_explainability.attributions import Aggregation, Method
from model_monitor.monitors.model_explainability.clusters import MOST_CLUSTERS
from model_monitor.schema import Privacy, Schema

NDCG_THRESHOLD: Final = 0.9  # Clarify's, fixed there
SEED: Final = 1
BaselineRow = tuple[object, ...] | Mapping[str, object]
SETTINGS: Final = "attribution"  # key of a job's options
SHAP_KEYS: Final = ("num_clusters", "num_samples", "agg_method", "use_logit", "save_local_shap_values", "seed")
NOT_FOR_TABLES: Final = ("text_config", "image_config")


@dataclass(frozen=True, slots=True)
class Limits:
    """The declared budget. None: by where predictions come from (`for_source`).

    rows: records that are explained. predictions: rows that the model scores. calls: requests.
    """

    rows: int | None = None
    predictions: int | None = None
    calls: int | None = None
    seconds: float | None = None

    def for_source(self, is_local: bool) -> Limits:
        """With the defaults."""
        default = LOCAL_LIMITS if is_local else REMOTE_LIMITS
        return Limits(
            self.rows or default.rows,
            self.predictions or default.predictions,
            self.calls or default.calls,
            self.seconds or default.seconds,
        )


LOCAL_LIMITS: Final = Limits(rows=1000, predictions=20_000_000, seconds=600.0)
REMOTE_LIMITS: Final = Limits(rows=300, predictions=1_000_000, calls=10_000, seconds=1800.0)


@dataclass(frozen=True, slots=True)
class AttributionOptions:
    """Validated options.

    predictor: as it was read, opened by the monitor; None when the endpoint's own attributions are taken.
    baseline_rows: given rows, or the path or S3 URI of a file of them; None: clusters of the baseline job's data.
    headers: names of the features in the order of `baseline_rows`, where they are not the payload's.
    min_answers: share of the records whose responses must hold the attributions that are captured.
    label_headers: names of the labels of captured attributions; a predictor has its own.
    """

    predictor: Any = None
    method: Method = Method.AUTO
    samples: int | None = None
    seed: int = SEED
    use_logit: bool = False
    aggregation: Aggregation = Aggregation.MEAN_ABS
    saves_local: bool = False
    baseline_rows: tuple[BaselineRow, ...] | str | None = None
    clusters: int | None = None
    is_rounded: bool = False
    headers: tuple[str, ...] = ()
    label_headers: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    ndcg_threshold: float = NDCG_THRESHOLD
    min_answers: float = MIN_ANSWERS
    notes: tuple[str, ...] = ()


def read_options(block: Block, read_predictor: Callable[[Block], Any]) -> dict[str, Any]:
    """Options under the one key `attribution`; faults go to the block."""
    document = block.take("analysis_config")
    headers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    if document is not None and not isinstance(document, Mapping):
        block.faults.add(block.at("analysis_config"), f"should be an object or a path, found {kind_of(document)}")
    elif document is not None:
        said, notes = _clarify(document, Block(document, block.at("analysis_config"), block.faults))
        block.rest = said | block.rest
        headers = _headers(document)
    return {SETTINGS: _settings(block, read_predictor, headers, notes)}


def _headers(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the features, which the label's header may stand among."""
    payload = analysis_config.payload(document) or {}
    return tuple(each["name"] if isinstance(each, Mapping) else each for each in payload.get("features", ()))


def _clarify(document: Mapping[str, Any], where: Block) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Clarify's keys in our words, and what of its file is not done."""
    methods = document.get("methods")
    methods = methods if isinstance(methods, Mapping) else {}
    shap = methods.get("shap")
    shap = shap if isinstance(shap, Mapping) else {}
    for key in NOT_FOR_TABLES:
        if shap.get(key):
            where.faults.add(f"{where.at('methods')}.shap.{key}", "is not for tables; this image explains tables alone")
    said = {key: shap.get(key) for key in SHAP_KEYS}
    said |= {"baseline_rows": shap.get("baseline"), "predictor": document.get("predictor")}
    notes = ("methods.pdp: partial dependence is not computed by this image.",) if methods.get("pdp") else ()
    return {key: value for key, value in said.items() if value is not None}, notes


def _settings(
    block: Block, read_predictor: Callable[[Block], Any], headers: tuple[str, ...], notes: tuple[str, ...]
) -> AttributionOptions:
    predictor = block.take("predictor")
    options = AttributionOptions(
        predictor=None if predictor is None else read_predictor(Block(predictor, block.at("predictor"), block.faults)),
        method=block.choice("method", Method, Method.AUTO),
        samples=_optional(block, "num_samples", minimum=2),
        seed=block.count("seed", SEED),
        use_logit=block.flag("use_logit", False),
        aggregation=block.choice("agg_method", Aggregation, Aggregation.MEAN_ABS),
        saves_local=block.flag("save_local_shap_values", False),
        baseline_rows=_rows(block, "baseline_rows"),
        clusters=_optional(block, "num_clusters", minimum=1),
        is_rounded=block.flag("baseline_rounded", False),
        headers=headers,
        label_headers=block.texts("label_headers"),
        limits=_limits(block),
        ndcg_threshold=block.share("ndcg_threshold", NDCG_THRESHOLD),
        min_answers=block.share("min_answers", MIN_ANSWERS),
        notes=notes,
    )
    _check(options, block, has_predictor=predictor is not None)
    return options


def _check(options: AttributionOptions, block: Block, *, has_predictor: bool) -> None:
    """What fits together."""
    add = block.faults.add
    if options.method is Method.CAPTURED:
        if has_predictor:
            add(block.at("predictor"), "is not asked when the method is captured; leave it out")
        if options.saves_local or options.baseline_rows or options.use_logit:
            add(block.at("method"), "captured takes what the endpoint said: no baseline rows, logit or local values")
    elif not has_predictor:
        add(
            block.at("predictor"),
            "is missing: the model to ask. {} is the endpoint itself, which adds to its load; or the method captured",
        )
    predictors = getattr(options.predictor, "label_headers", ())
    for key, names in (("label_headers", options.label_headers), ("predictor.label_headers", predictors)):
        if len(set(names)) < len(names):
            add(block.at(key), "names a label twice")
    if options.clusters is not None and options.clusters > MOST_CLUSTERS:
        add(block.at("num_clusters"), f"should be at most {MOST_CLUSTERS}")
    if options.clusters is not None and options.baseline_rows is not None:
        add(block.at("num_clusters"), "is for runs that are not given their baseline rows")


def complete(options: dict[str, Any], schema: Schema, path: str, faults: Faults) -> dict[str, Any]:
    """What only the payload settles: names, privacy, and where attributions are in a response."""
    found: AttributionOptions = options[SETTINGS]
    restricted = [feature.name for feature in schema.features if feature.privacy is Privacy.RESTRICTED]
    is_asked = found.method is not Method.CAPTURED
    if restricted and found.saves_local:
        faults.add(
            f"{path}.save_local_shap_values", f"would tell records' values of '{restricted[0]}', which is restricted"
        )
    if restricted and is_asked and found.baseline_rows is None:
        faults.add(
            f"{path}.baseline_rows",
            f"are missing: clusters would tell values of '{restricted[0]}', which is restricted",
        )
    if not is_asked and not schema.payload.output.attributions:
        faults.add(
            "payload.output.attributions", "is missing: where a response holds the attributions (method captured)"
        )
    outputs, names = len(schema.payload.output.attributions), len(found.label_headers)
    if not is_asked and outputs and names not in (0, outputs):
        expected = f"{outputs}, as payload.output.attributions has, or none"
        faults.add(f"{path}.label_headers", f"should name every label of the attributions: {expected}; found {names}")
    if schema.names and not schema.is_positional and found.headers and set(found.headers) != set(schema.names):
        faults.add(f"{path}.headers", "should name the features of the payload")
    if schema.names and not schema.is_positional and isinstance(found.baseline_rows, tuple):
        faults.extend(f"{path}.{fault}" for fault in row_faults(found.baseline_rows, schema.names))
    return options


def row_faults(rows: tuple[BaselineRow, ...], names: tuple[str, ...]) -> list[str]:
    """What is wrong with the baseline rows for these features; never their values."""
    found = []
    for number, row in enumerate(rows):
        if isinstance(row, Mapping):
            missing = [name for name in names if name not in row]
            if missing:
                found.append(f"baseline_rows[{number}]: lacks '{missing[0]}'")
        elif len(row) != len(names):
            found.append(f"baseline_rows[{number}]: has {len(row)} values, the features are {len(names)}")
    return found


def options_of(options: Mapping[str, Any]) -> AttributionOptions:
    """The options of a job."""
    found: AttributionOptions = options.get(SETTINGS, AttributionOptions())
    return found


def _optional(block: Block, key: str, minimum: int) -> int | None:
    """A whole number, None when it is not given."""
    if block.rest.get(key) is None:
        block.take(key)
        return None
    return block.count(key, minimum, minimum=minimum)


def _rows(block: Block, key: str) -> tuple[BaselineRow, ...] | str | None:
    """A list of lists, of objects or of {"features": [...]}; one such object; or where a file of them lies."""
    content = block.take(key)
    if content is None or isinstance(content, str):
        return content or None
    rows = rows_of(content)
    if not rows:
        problem = f"should be a list of rows, or the location of a file, found {kind_of(content)}"
        block.faults.add(block.at(key), problem)
    return rows or None


def rows_of(content: object) -> tuple[BaselineRow, ...]:
    """The rows that a document holds; () when it holds none, or something else among them."""
    rows = [_row(item) for item in _records(content)]
    return () if any(row is None for row in rows) else tuple(row for row in rows if row is not None)


def _records(content: object) -> list[object]:
    """The rows of a document: AWS's JSON form is one object in the shape of the dataset."""
    if isinstance(content, Mapping):
        lists = [value for value in content.values() if isinstance(value, list)]
        is_container = len(content) == 1 and bool(lists) and all(isinstance(item, (list, dict)) for item in lists[0])
        return list(lists[0]) if is_container else [content]
    return content if isinstance(content, list) else []


def _row(item: object) -> BaselineRow | None:
    """One row, None when it is none. {"features": [1, 2]} is the list."""
    if isinstance(item, Mapping) and len(item) == 1 and isinstance(next(iter(item.values())), list):
        item = next(iter(item.values()))
    if isinstance(item, Mapping) and item and all(map(_is_cell, item.values())):
        return {str(name): cell for name, cell in item.items()}
    return tuple(item) if isinstance(item, list) and item and all(map(_is_cell, item)) else None


def _is_cell(value: object) -> bool:
    return value is None or isinstance(value, (str, bool)) or (isinstance(value, (int, float)) and math.isfinite(value))


def _limits(block: Block) -> Limits:
    content = block.take("budget")
    if content is None:
        return Limits()
    budget = Block(content, block.at("budget"), block.faults)
    found = Limits(
        rows=_optional(budget, "rows", minimum=1),
        predictions=_optional(budget, "predictions", minimum=1),
        calls=_optional(budget, "calls", minimum=1),
        seconds=_optional(budget, "seconds", minimum=1),
    )
    budget.end()
    return found
