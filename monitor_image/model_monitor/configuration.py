"""The configuration file: what a run should read and check, as the stacks write it and a laptop user may.

Everything is validated here and nowhere later: unknown keys are refused, and all faults are told at once by their path.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from model_monitor.contract import CONFIG_VERSION, MONITOR_KEYS, MetricsRoute, MonitoringType, PerFeature
from model_monitor.errors import SettingsError
from model_monitor.job import MetricsSettings, MonitorSettings
from model_monitor.schema import Feature, FeatureType, OutputMapping, PayloadMapping, Privacy, Schema

DEFAULT_MONITORS = (MonitorSettings(MonitoringType.DATA_QUALITY),)


@dataclass(frozen=True, slots=True)
class Configuration:
    """A validated configuration file. `schema` is positional when no payload is declared."""

    endpoint: str = ""
    schedule: str = ""
    schema: Schema = field(default_factory=lambda: Schema(is_positional=True))
    monitors: tuple[MonitorSettings, ...] = DEFAULT_MONITORS
    baseline: str | None = None
    max_rejected_fraction: float = 0.1
    metrics: MetricsSettings = field(default_factory=MetricsSettings)


class Faults(list[str]):
    """What is wrong, each with its path; collected so that a user corrects a file once."""

    def add(self, path: str, problem: str) -> None:
        """One fault at `path`."""
        self.append(f"{path or 'the file'}: {problem}")


class Block:
    """One JSON object being read: takes known keys out, and what is left over at `end` is unknown."""

    def __init__(self, content: object, path: str, faults: Faults) -> None:
        self.path, self.faults = path, faults
        if not isinstance(content, Mapping):
            faults.add(path, f"should be an object, found {_kind(content)}")
            content = {}
        self.rest = {str(key): value for key, value in content.items()}
        self.known: list[str] = []

    def at(self, key: str) -> str:
        """The path of a key of this object."""
        return f"{self.path}.{key}" if self.path else key

    def take(self, key: str) -> Any:
        """A value as it is; None when absent or null."""
        self.known.append(key)
        return self.rest.pop(key, None)

    def text(self, key: str, default: str | None = None) -> str | None:
        """Text, or the default."""
        value: str | None = self._typed(key, str, "text", default)
        return value

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value: bool = self._typed(key, bool, "true or false", default)
        return value

    def count(self, key: str, default: int, minimum: int = 0) -> int:
        """A whole number of at least `minimum`."""
        value: int = self._typed(key, int, "a whole number", default)
        if value < minimum:
            self.faults.add(self.at(key), f"should be at least {minimum}")
        return value

    def share(self, key: str, default: float) -> float:
        """A number in [0, 1]."""
        value: float = self._typed(key, (int, float), "a number", default)
        if not 0 <= value <= 1:
            self.faults.add(self.at(key), "should be between 0 and 1")
        return float(value)

    def choice(self, key: str, choices: Iterable[Any], default: Any) -> Any:
        """One of the values of an enumeration."""
        value = self.text(key)
        if value is None:
            return default
        for choice in choices:
            if value == choice:
                return choice
        self.faults.add(self.at(key), f"should be one of {', '.join(map(str, choices))}")
        return default

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self.take(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.faults.add(self.at(key), f"should be a list of texts, found {_kind(value)}")
            return ()
        return tuple(value)

    def selector(self, key: str) -> str | int | None:
        """A JMESPath, key or position."""
        value: str | int | None = self._typed(key, (str, int), "text or a position", None)
        return value

    def end(self) -> None:
        """Whatever nobody took is a fault."""
        for key in self.rest:
            self.faults.add(self.at(key), f"is unknown. Known here: {', '.join(sorted(set(self.known)))}")

    def _typed(self, key: str, types: type | tuple[type, ...], expected: str, default: Any) -> Any:
        value = self.take(key)
        if value is None:
            return default
        allows_bool = types is bool
        if not isinstance(value, types) or (isinstance(value, bool) and not allows_bool):
            self.faults.add(self.at(key), f"should be {expected}, found {_kind(value)}")
            return default
        return value


def read_configuration(path: Path) -> Configuration:
    """Read and validate a file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SettingsError(str(path), f"the configuration cannot be read ({error.strerror}).") from error
    return parse_configuration(content, str(path))


def parse_configuration(content: bytes, where: str) -> Configuration:
    """Validate the text of a configuration file; `where` names it in the error."""
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise SettingsError(where, f"the configuration is no JSON ({error}).") from error
    faults = Faults()
    configuration = _configuration(document, faults)
    if faults:
        raise SettingsError(where, f"{len(faults)} fault(s) in the configuration:", "; ".join(faults))
    return configuration


def _configuration(document: object, faults: Faults) -> Configuration:
    block = Block(document, "", faults)
    version = block.count("version", CONFIG_VERSION)
    if version != CONFIG_VERSION:
        faults.add("version", f"should be {CONFIG_VERSION}")
    payload = block.take("payload")
    configuration = Configuration(
        endpoint=block.text("endpoint", "") or "",
        schedule=block.text("schedule", "") or "",
        schema=Schema(is_positional=True) if payload is None else _schema(payload, faults),
        monitors=_monitors(block.take("monitors"), faults),
        baseline=block.text("baseline"),
        max_rejected_fraction=block.share("max_rejected_fraction", 0.1),
        metrics=_metrics(block.take("metrics"), faults),
    )
    block.end()
    return configuration


def _schema(content: object, faults: Faults) -> Schema:
    block = Block(content, "payload", faults)
    features = _features(block.take("features"), faults)
    label, records = block.text("label"), block.text("records")
    output = block.take("output")
    mapping = OutputMapping() if output is None else _output(output, faults)
    block.end()
    if label is not None and label in {feature.name for feature in features}:
        faults.add("payload.label", "is a feature too; the truth is no input of the model")
    return Schema(features, PayloadMapping(records, mapping, label))


def _features(content: object, faults: Faults) -> tuple[Feature, ...]:
    if not isinstance(content, list) or not content:
        faults.add("payload.features", "should be a list of at least one feature")
        return ()
    features = []
    for position, item in enumerate(content):
        path = f"payload.features[{position}]"
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
        faults.add("payload.features", f"'{name}' is declared {names.count(name)} times")
    return tuple(features)


def _output(content: object, faults: Faults) -> OutputMapping:
    block = Block(content, "payload.output", faults)
    output = OutputMapping(
        records=block.text("records"),
        prediction=block.selector("prediction"),
        score=block.selector("score"),
        payload_index=block.selector("payload_index"),
        csv_split=block.choice("csv_split", ("auto", "lines", "comma"), "auto"),
    )
    block.end()
    return output


def _metrics(content: object, faults: Faults) -> MetricsSettings:
    default = MetricsSettings()
    if content is None:
        return default
    block = Block(content, "metrics", faults)
    metrics = MetricsSettings(
        route=block.choice("route", MetricsRoute, default.route),
        namespace=block.text("namespace", default.namespace) or default.namespace,
        per_feature=block.choice("per_feature", PerFeature, default.per_feature),
        critical=block.texts("critical"),
        by_variant=block.flag("by_variant", default.by_variant),
        feature_dimension=block.flag("feature_dimension", default.feature_dimension),
    )
    block.end()
    return metrics


def _monitors(content: object, faults: Faults) -> tuple[MonitorSettings, ...]:
    if content is None:
        return DEFAULT_MONITORS
    block = Block(content, "monitors", faults)
    types = {key: type_ for type_, key in MONITOR_KEYS.items()}
    settings = []
    for key, type_ in types.items():
        options = block.take(key)
        if options is not None:
            settings.append(_monitor(type_, Block(options, block.at(key), faults)))
    block.end()
    if not settings and not block.rest:
        faults.add("monitors", f"names no monitor. Known here: {', '.join(types)}")
    return tuple(settings)


def _monitor(type_: MonitoringType, block: Block) -> MonitorSettings:
    min_records = block.count("min_records", 30, minimum=1)
    options = OPTIONS[type_](block) if type_ in OPTIONS else {}
    block.end()
    return MonitorSettings(type_, min_records, options)


def _data_quality_options(block: Block) -> dict[str, Any]:
    """AWS's `monitoring_config` block for all features, the same per feature, and the check AWS does not have."""
    options: dict[str, Any] = {}
    config = block.take("monitoring_config")
    if config is not None:
        options["monitoring_config"] = _monitoring_config(config, block.at("monitoring_config"), block.faults)
    features = block.take("features")
    if features is not None:
        overrides = Block(features, block.at("features"), block.faults)
        options["features"] = {
            name: _monitoring_config(value, overrides.at(name), block.faults) for name, value in overrides.rest.items()
        }
    options["check_non_negative"] = block.flag("check_non_negative", False)
    return options


def _monitoring_config(content: object, path: str, faults: Faults) -> dict[str, Any]:
    """Check AWS's keys and values; the block itself is handed on as it was written."""
    block = Block(content, path, faults)
    given = dict(block.rest)
    switches = ("Enabled", "Disabled")
    block.choice("evaluate_constraints", switches, None)
    block.choice("emit_metrics", switches, None)
    block.share("datatype_check_threshold", 1.0)
    block.share("domain_content_threshold", 1.0)
    distribution = block.take("distribution_constraints")
    block.end()
    if distribution is not None:
        inner = Block(distribution, block.at("distribution_constraints"), faults)
        inner.choice("perform_comparison", switches, None)
        inner.share("comparison_threshold", 0.1)
        inner.choice("comparison_method", ("Robust", "Simple", "linf_robust", "linf_simple"), None)
        inner.share("categorical_comparison_threshold", 0.1)
        inner.choice("categorical_drift_method", ("LInfinity", "ChiSquared"), None)
        inner.end()
    return given


OPTIONS = {MonitoringType.DATA_QUALITY: _data_quality_options}


def _kind(value: object) -> str:
    """The JSON kind of a value, never the value."""
    if value is None:
        return "null"
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return kinds.get(type(value), type(value).__name__)
