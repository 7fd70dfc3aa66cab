"""The configuration file: what a run should read and check, as the stacks write it and a laptop user may.

Everything is validated here and nowhere later: unknown keys are refused, and all faults are told at once by their path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import orjson

from model_monitor.contract import (
    CONFIG_VERSION,
    HOLDOUT_SHARE,
    LINKS,
    Decision,
    MetricsLevel,
    MetricsRoute,
    MonitoringType,
    PerFeature,
    monitor_key,
)
from model_monitor.errors import SettingsError
from model_monitor.formats import migrated
from model_monitor.job import migrations
from model_monitor.job.analysis_documents import (
    DescribedDataset,
    Local,
    described_dataset,
    described_payload,
    embedded,
    relocated,
)
from model_monitor.job.attributes import Attributes, with_options, with_places
from model_monitor.job.blocks import Block, Faults
from model_monitor.job.dialect import of_one_type, take_monitors
from model_monitor.job.job import (
    MOST_DESIGN_EFFECT,
    FalseAlarms,
    LabelledRows,
    Maturity,
    MetricsSettings,
    MonitorSettings,
)
from model_monitor.job.review import ReviewSettings, read_review
from model_monitor.monitors import registry
from model_monitor.schema import Feature, FeatureType, OutputMapping, PayloadMapping, Privacy, Schema
from model_monitor.words import did_you_mean

ROLES = {"label": "truth", "prediction": "prediction", "score": "score"}
NUMERAL = re.compile(r"\s*[+-]?\s*(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
BOOLEANS = ("true", "false")
PERIODS = {"day": 1, "week": 7, "month": 30, "quarter": 90, "year": 365}  # days
FALSE_ALARMS = re.compile(rf"(\d+(?:\.\d+)?) per ({'|'.join(PERIODS)})")
DEFAULT_MONITORS = (MonitorSettings(MonitoringType.DATA_QUALITY),)


@dataclass(frozen=True, slots=True)
class ScriptLocations:
    """Where a user's scripts lie: paths or S3 URIs."""

    preprocessor: str | None = None
    postprocessor: str | None = None


@dataclass(frozen=True, slots=True)
class RowLocations:
    """Where labelled rows go, paths or S3 URIs, and the share of them that is held out."""

    fresh: str | None = None
    holdout: str | None = None
    holdout_share: float = HOLDOUT_SHARE

    def rows(self, where: str) -> LabelledRows | None:
        """Both places, or neither. Raises: SettingsError where one of them is missing, or holds the other."""
        if self.fresh is None and self.holdout is None:
            return None
        if self.fresh is None or self.holdout is None:
            raise SettingsError(where, "names one of two places.", "Name both: fresh rows and held-out rows.")
        fresh, holdout = (f"{place.rstrip('/')}/" for place in (self.fresh, self.holdout))
        if holdout.startswith(fresh) or fresh.startswith(holdout):
            raise SettingsError(
                where,
                "has held-out rows and fresh rows in one place, where a training would see both.",
                "Name two folders that lie beside each other.",
            )
        return LabelledRows(self.fresh, self.holdout, self.holdout_share)


@dataclass(frozen=True, slots=True)
class Configuration:
    """A validated configuration file. `schema` is positional when no payload is declared."""

    endpoint: str = ""
    schedule: str = ""
    schema: Schema = field(default_factory=lambda: Schema(is_positional=True))
    monitors: tuple[MonitorSettings, ...] = DEFAULT_MONITORS
    baseline: str | None = None
    ground_truth: str | None = None
    history: str | None = None
    merged: bool = False
    labelled_rows: RowLocations = field(default_factory=RowLocations)
    variants: tuple[str, ...] = ()  # none named: all
    scripts: ScriptLocations = field(default_factory=ScriptLocations)
    is_rehearsal: bool = False
    dataset: DescribedDataset | None = None  # of a baseline, as Clarify's analysis configuration has it
    max_rejected_fraction: float = 0.1
    false_alarms: FalseAlarms = field(default_factory=FalseAlarms)
    design_effect: float | None = None
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    review: ReviewSettings | None = None
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def facet_source(self) -> str | None:
        """Where facets lie that are not in the payload; a path or an S3 URI."""
        return next(
            (monitor.options["facet_source"] for monitor in self.monitors if "facet_source" in monitor.options), None
        )


def read_configuration(path: Path) -> Configuration:
    """Read and validate a file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SettingsError(str(path), f"the configuration cannot be read ({error.strerror}).") from error
    return parse_configuration(content, str(path))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is said beside a configuration.

    type: the only monitor that shall run. attributes: stand above the configuration's. local: where a path of it lies here.
    """

    type: MonitoringType | None = None
    attributes: Attributes = field(default_factory=Attributes)
    local: Local | None = None


def parse_configuration(content: bytes, where: str, beside: Surroundings | None = None) -> Configuration:
    """Validate the text of a configuration file; `where` names it in the error."""
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise SettingsError(where, f"the configuration is no JSON ({error}).") from error
    if isinstance(document, dict) and isinstance(document.get("features"), list) and "payload" not in document:
        raise SettingsError(
            where,
            "holds a payload alone.",
            f'Put it into a configuration: {{"version": {CONFIG_VERSION}, "payload": {{...}}}}.',
        )
    faults, beside = Faults(), beside or Surroundings()
    document = _newest(document, faults)
    if beside.local is not None:
        document = relocated(document, beside.local)
    if beside.type is not None and isinstance(document, dict):
        document = of_one_type(document, beside.type, faults)
    configuration = _configuration(document, faults, beside)
    if faults:
        raise SettingsError.of_faults(f"{where}: the configuration", faults)
    return configuration


def _newest(document: object, faults: Faults) -> object:
    """The document in today's format; of a version that nobody knows all else is checked as if it were today's."""
    if not isinstance(document, dict):
        return document
    try:
        return migrated(document, CONFIG_VERSION, migrations.STEPS)
    except ValueError as error:
        faults.add("version", str(error))
        return document


def _configuration(document: object, faults: Faults, beside: Surroundings) -> Configuration:
    block = Block(document, "", faults)
    block.take("version")
    content = with_options(embedded(take_monitors(block), faults, beside.local), beside.attributes)
    payload = block.take("payload")
    payload = described_payload(content) if payload is None else payload
    payload = with_places(payload, beside.attributes, faults)
    schema = Schema(is_positional=True) if payload is None else _schema(payload, faults)
    monitors = _monitors(content, schema, faults)
    configuration = Configuration(
        endpoint=block.text("endpoint", "") or "",
        schedule=block.text("schedule", "") or "",
        schema=_with_metadata(schema, monitors),
        monitors=monitors,
        baseline=block.text("baseline"),
        ground_truth=block.text("ground_truth"),
        history=block.text("history"),
        merged=block.flag("merged", False),
        labelled_rows=_labelled_rows(block.take("labelled_rows"), faults),
        variants=block.texts("variants"),
        dataset=described_dataset(content, faults),
        scripts=_scripts(block.take("scripts"), faults),
        is_rehearsal=block.flag("create_violation_tests", False),
        max_rejected_fraction=block.share("max_rejected_fraction", 0.1),
        false_alarms=_false_alarms(block),
        design_effect=block.ratio("design_effect", MOST_DESIGN_EFFECT),
        metrics=_metrics(block.take("metrics"), faults),
        links=_links(block.take("links"), faults),
        review=None if (review := block.take("review")) is None else read_review(review, schema, faults),
    )
    block.end()
    _refuse_unknown_features(configuration, faults)
    _refuse_slices_by_facets(configuration, faults)
    return configuration


def _links(given: object, faults: Faults) -> dict[str, str]:
    """Where a page leads. An address of another scheme could run something where it is clicked."""
    if given is None:
        return {}
    block = Block(given, "links", faults)
    found = {name: address for name in LINKS if (address := block.text(name))}
    for name, address in found.items():
        if not address.startswith("https://"):
            faults.add(f"links.{name}", "should be an address that begins with https://")
    block.end()
    return found


def _with_metadata(schema: Schema, monitors: tuple[MonitorSettings, ...]) -> Schema:
    """Columns that monitors ask for beside the payload's features."""
    asked = [name for monitor in monitors for name in monitor.options.get("metadata", ())]
    names = tuple(dict.fromkeys((*schema.payload.metadata, *asked)))
    return replace(schema, payload=replace(schema.payload, metadata=names)) if names else schema


def _refuse_unknown_features(configuration: Configuration, faults: Faults) -> None:
    """A name that no feature has would silently watch nothing."""
    names = set(configuration.schema.names)
    if configuration.schema.is_positional or not names:
        return
    named = {"metrics.critical": configuration.metrics.critical}
    for monitor in configuration.monitors:
        named[f"monitors.{monitor_key(monitor.type)}.features"] = tuple(monitor.options.get("features", ()))
    for path, features in named.items():
        for feature in features:
            if feature not in names:
                asked = did_you_mean([feature], configuration.schema.names)
                faults.add(path, f"'{feature}' is no feature of the payload{f'; {asked}' if asked else ''}")


def _refuse_slices_by_facets(configuration: Configuration, faults: Faults) -> None:
    """What is joined from a facet source is restricted, and a slice tells values."""
    sources = [monitor for monitor in configuration.monitors if "facet_source" in monitor.options]
    joined = {name for monitor in sources for name in monitor.options.get("metadata", ())}
    for monitor in configuration.monitors:
        for name in monitor.options.get("slices", ()):
            if name in joined:
                path = f"monitors.{monitor_key(monitor.type)}.slices"
                faults.add(path, f"'{name}' comes from a facet_source, so it is restricted: its values may not be told")


def _schema(content: object, faults: Faults) -> Schema:
    block = Block(content, "payload", faults)
    declared = block.take("features")
    features = () if declared is None else _features(declared, "payload.features", faults)
    beside = block.take("metadata")
    fields = () if beside is None else _features(beside, "payload.metadata", faults)
    records = block.text("records")
    missing = _missing(block)
    columns = {role: block.text(role) for role in ("label", "prediction")}
    score, scores = _scores(block)
    columns["score"] = score if isinstance(score, str) else None
    output = block.take("output")
    mapping = OutputMapping() if output is None else _output(output, faults)
    block.end()
    for role, column in columns.items():
        if column is not None and column in {feature.name for feature in features}:
            faults.add(f"payload.{role}", f"is a feature too; the {ROLES[role]} is no input of the model")
    if declared is None and fields:
        faults.add("payload.metadata", "needs payload.features: what stands beside features is known when these are")
    if columns["label"] is not None and columns["label"] in (columns["prediction"], columns["score"], *scores):
        faults.add("payload.label", "holds the truth, so it cannot hold what the model said too")
    for field_ in fields:
        if field_.name in {feature.name for feature in features}:
            faults.add("payload.metadata", f"'{field_.name}' is a feature too; name it once")
    names = tuple(field_.name for field_ in fields)
    payload = PayloadMapping(
        records, mapping, **columns, scores=tuple(map(str, scores)), metadata=names, fields=fields, missing=missing
    )
    return Schema(features, payload, is_positional=declared is None)


def _missing(block: Block) -> tuple[str, ...] | None:
    """Texts that stand for nothing; an empty list: none does."""
    if block.rest.get("missing") is None:
        block.take("missing")
        return None
    spellings = block.texts("missing")
    if any(NUMERAL.fullmatch(text) or text in BOOLEANS for text in spellings):
        block.faults.add(block.at("missing"), "should hold texts that are no numbers and no booleans: those are values")
    return spellings


def _scores(block: Block) -> tuple[str | int | None, tuple[str | int, ...]]:
    """One score, or one for each class."""
    found = block.selectors("score")
    return (None, found) if isinstance(found, tuple) else (found, ())


def _features(content: object, where: str, faults: Faults) -> tuple[Feature, ...]:
    if not isinstance(content, list) or not content:
        faults.add(where, f"should be a list of at least one {where.rpartition('.')[2].removesuffix('s')}")
        return ()
    features = []
    for position, item in enumerate(content):
        path = f"{where}[{position}]"
        block = Block({"name": item} if isinstance(item, str) else item, path, faults)
        name = block.text("name")
        if not name:
            faults.add(block.at("name"), "is missing")
        features.append(
            Feature(
                name=name or "",
                type=block.choice("type", FeatureType, None),
                privacy=block.choice("privacy", Privacy, Privacy.OPEN),
                path=block.text("path"),
            )
        )
        block.end()
    names = [feature.name for feature in features]
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.add(where, f"'{name}' is declared {names.count(name)} times")
    return tuple(features)


def _output(content: object, faults: Faults) -> OutputMapping:
    block = Block(content, "payload.output", faults)
    score, scores = _scores(block)
    output = OutputMapping(
        records=block.text("records"),
        prediction=block.selector("prediction"),
        score=score,
        scores=scores,
        payload_index=block.selector("payload_index"),
        csv_split=block.choice("csv_split", ("auto", "lines", "comma"), "auto"),
        attributions=_several(block.selectors("attributions")),
    )
    block.end()
    return output


def _several(found: str | int | tuple[str | int, ...] | None) -> tuple[str | int, ...]:
    """One place may stand without a list."""
    return found if isinstance(found, tuple) else () if found is None else (found,)


def _scripts(content: object, faults: Faults) -> ScriptLocations:
    if content is None:
        return ScriptLocations()
    block = Block(content, "scripts", faults)
    scripts = ScriptLocations(block.text("preprocessor"), block.text("postprocessor"))
    block.end()
    return scripts


def _labelled_rows(content: object, faults: Faults) -> RowLocations:
    if content is None:
        return RowLocations()
    block = Block(content, "labelled_rows", faults)
    found = RowLocations(block.text("fresh"), block.text("holdout"), block.share("holdout_share", HOLDOUT_SHARE))
    block.end()
    return found


def _metrics(content: object, faults: Faults) -> MetricsSettings:
    default = MetricsSettings()
    if content is None:
        return default
    block = Block(content, "metrics", faults)
    block.choice("level", MetricsLevel, MetricsLevel.FULL)  # environment files have it; a run goes by `only`
    metrics = MetricsSettings(
        route=block.choice("route", MetricsRoute, default.route),
        namespace=block.text("namespace", default.namespace) or default.namespace,
        per_feature=block.choice("per_feature", PerFeature, default.per_feature),
        critical=block.texts("critical"),
        by_variant=block.flag("by_variant", default.by_variant),
        feature_dimension=block.flag("feature_dimension", default.feature_dimension),
        only=block.texts("only") if isinstance(content, dict) and content.get("only") is not None else None,
        has_causes=block.flag("has_causes", default.has_causes),
        rejected_share=block.share("rejected_share", default.rejected_share),
    )
    block.end()
    return metrics


def _monitors(content: object, schema: Schema, faults: Faults) -> tuple[MonitorSettings, ...]:
    if content is None:
        return DEFAULT_MONITORS
    block = Block(content, "monitors", faults)
    types = registry.types()
    settings = []
    for key, type_ in types.items():
        options = block.take(key)
        if options is not None:
            settings.append(_monitor(type_, Block(options, block.at(key), faults), schema))
    block.end()
    if not settings and not block.rest:
        faults.add("monitors", f"names no monitor. Known here: {', '.join(types)}")
    return tuple(settings)


def _monitor(type_: MonitoringType, block: Block, schema: Schema) -> MonitorSettings:
    min_records = block.count("min_records", 30, minimum=1)
    monitor = registry.find(type_)
    if monitor is None:
        block.faults.add(block.path, "is not part of this version")
        return MonitorSettings(type_)
    maturity = _maturity(block) if monitor.needs_labels else Maturity()
    decision = block.choice("decision", Decision, None)
    options = monitor.options.complete(monitor.options.read(block), schema, block.path, block.faults)
    block.end()
    return MonitorSettings(type_, min_records, options, maturity, decision)


def _false_alarms(block: Block) -> FalseAlarms:
    """`1 per quarter`: false violations of a whole schedule that are acceptable."""
    text = block.text("false_alarms")
    if text is None:
        return FalseAlarms()
    found = FALSE_ALARMS.fullmatch(text)
    if found is None or not float(found[1]) > 0:
        periods = ", ".join(PERIODS)
        block.faults.add(block.at("false_alarms"), f"should be a number per period such as '1 per quarter' ({periods})")
        return FalseAlarms()
    return FalseAlarms(float(found[1]), timedelta(days=PERIODS[found[2]]))


def _maturity(block: Block) -> Maturity:
    """When labels are expected; without a horizon a window is tried until its labels are due, and a week longer."""
    delay = block.duration("label_delay", timedelta(0))
    coverage = block.share("min_coverage", 0.0)
    horizon = block.duration("label_horizon", delay + timedelta(days=7))
    if horizon < delay:
        block.faults.add(block.at("label_horizon"), "should not be shorter than label_delay")
    return Maturity(delay, coverage, horizon)
