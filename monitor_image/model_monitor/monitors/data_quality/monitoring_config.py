"""AWS's `monitoring_config` in all its spellings, merged from the general to the particular."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from model_monitor.contract import DISABLED, ENABLED
from model_monitor.errors import BaselineError
from model_monitor.monitors.data_quality.constraints import Constraints, FeatureConstraints, MonitoringConfig
from model_monitor.monitors.drift import DistributionConfig

Block = dict[str, Any]  # by AWS's snake-case keys, values checked; `distribution_constraints` is nested

DISTRIBUTION = "distribution_constraints"
_LEGACY_KEYS = {  # keys of older files and of the published fixtures, misspelt ones included
    "enable_comparisons": "perform_comparison",
    "comparion_method": "comparison_method",
    "min_domain_mass": "domain_content_threshold",
}
_METHODS = {"simple": "Simple", "linf_simple": "Simple", "robust": "Robust", "linf_robust": "Robust"}
_DRIFT_METHODS = {
    "linfinity": "LInfinity",
    "linf": "LInfinity",
    "chisquared": "ChiSquared",
    "chi_squared": "ChiSquared",
}
_SWITCHES = {"enabled": True, "true": True, "disabled": False, "false": False}
_TOP: dict[str, str | dict[str, str]] = {
    "evaluate_constraints": "switch",
    "emit_metrics": "switch",
    "datatype_check_threshold": "number",
    "domain_content_threshold": "number",
}
_INNER: dict[str, str | dict[str, str]] = {
    "perform_comparison": "switch",
    "comparison_threshold": "number",
    "comparison_method": _METHODS,
    "categorical_comparison_threshold": "number",
    "categorical_drift_method": _DRIFT_METHODS,
}


def read_block(content: object, where: str) -> Block:
    """The known keys of a configuration block in one spelling; unknown keys are ignored.

    Raises: BaselineError when a known key has a value that cannot be understood.
    """
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise BaselineError(where, "should be an object.")
    block: Block = {}
    inner: Block = {}
    for name, value in content.items():
        key = _snake(str(name))
        if key == DISTRIBUTION:
            nested = read_block(value, f"{where}.{name}")
            inner = nested.pop(DISTRIBUTION, {})
            block = nested | block
        elif value is None:
            continue
        elif key in _TOP:
            block[key] = _value(value, _TOP[key], f"{where}.{name}")
        elif key in _INNER:
            inner[key] = _value(value, _INNER[key], f"{where}.{name}")
    return block | ({DISTRIBUTION: inner} if inner else {})


def merged(general: Mapping[str, Any], particular: Mapping[str, Any]) -> Block:
    """The general block with the particular one's values in place of its own, nested ones too."""
    result = dict(general)
    for key, value in particular.items():
        result[key] = merged(result.get(key, {}), value) if isinstance(value, Mapping) else value
    return result


def to_config(block: Mapping[str, Any]) -> MonitoringConfig:
    """A block with AWS's defaults where it says nothing."""
    top = {key: block[key] for key in _TOP if key in block}
    inner = {key: value for key, value in block.get(DISTRIBUTION, {}).items() if key in _INNER}
    return MonitoringConfig(
        **top,
        distribution=DistributionConfig(**inner),
        check_non_negative=bool(block.get("check_non_negative", False)),
    )


def to_file(block: Mapping[str, Any]) -> Block:
    """A block as AWS writes it: switches as words."""
    return {
        key: to_file(value)
        if isinstance(value, Mapping)
        else {True: ENABLED, False: DISABLED}.get(value, value)
        if isinstance(value, bool)
        else value
        for key, value in block.items()
        if key != "check_non_negative"
    }


def with_options(constraints: Constraints, options: Mapping[str, Any], drift_method: str | None = None) -> Constraints:
    """The baseline's constraints as one job uses them.

    The file's configuration < the job's < a feature's overrides in the file < the job's for that feature; a drift
    method given for the whole run (AWS's variable) stands above all.

    Args:
        options: `monitoring_config`, `features` (overrides by name) and `check_non_negative` of the job's settings.
    """
    where = "monitors.data_quality"
    last: Block = {}
    if drift_method:
        last = read_block({"categorical_drift_method": drift_method}, "variable")
    general = merged(constraints.block, read_block(options.get("monitoring_config"), f"{where}.monitoring_config"))
    if "check_non_negative" in options:
        general["check_non_negative"] = bool(options["check_non_negative"])
    by_name = options.get("features") or {}

    def used(feature: FeatureConstraints) -> FeatureConstraints:
        own = read_block(by_name.get(feature.name), f"{where}.features.{feature.name}")
        overrides = merged(feature.overrides, own)
        return replace(feature, overrides=overrides, config=to_config(merged(merged(general, overrides), last)))

    block = merged(general, last)
    return Constraints(tuple(map(used, constraints.features)), to_config(block), block)


def _snake(name: str) -> str:
    snake = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower().replace("-", "_")
    return _LEGACY_KEYS.get(snake, snake)


def _value(value: object, kind: str | dict[str, str], where: str) -> Any:
    text = str(value).strip().lower()
    if kind == "switch":
        if text in _SWITCHES:
            return _SWITCHES[text]
        raise BaselineError(where, f"should be {ENABLED} or {DISABLED}.")
    if isinstance(kind, dict):
        if text in kind:
            return kind[text]
        raise BaselineError(where, f"should be one of {', '.join(sorted(set(kind.values())))}.")
    try:
        return float(text)
    except ValueError:
        raise BaselineError(where, "should be a number.") from None
