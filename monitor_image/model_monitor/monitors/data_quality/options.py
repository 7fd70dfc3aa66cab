"""The data-quality part of a configuration file: AWS's `monitoring_config` block, and the little that AWS does not have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from model_monitor.job.blocks import Block, Faults

OF_DISTRIBUTIONS: Final = (  # AWS has them in `distribution_constraints`
    *("perform_comparison", "comparison_threshold", "comparison_method"),
    *("categorical_comparison_threshold", "categorical_drift_method"),
)


def read_options(block: Block) -> dict[str, Any]:
    """Thresholds for all features, or AWS's `monitoring_config` block; the same per feature; the check AWS does not have."""
    options: dict[str, Any] = {}
    config, thresholds = block.take("monitoring_config"), block.take("thresholds")
    if config is not None and thresholds is not None:
        block.faults.add(block.at("thresholds"), "says what monitoring_config says; give one of the two")
    name, content = ("thresholds", thresholds) if config is None else ("monitoring_config", config)
    if content is not None:
        options["monitoring_config"] = _monitoring_config(content, block.at(name), block.faults)
    features = block.take("features")
    if features is not None:
        overrides = Block(features, block.at("features"), block.faults)
        options["features"] = {
            name: _monitoring_config(value, overrides.at(name), block.faults) for name, value in overrides.rest.items()
        }
    options["check_non_negative"] = block.flag("check_non_negative", False)
    return options


def _monitoring_config(content: object, path: str, faults: Faults) -> dict[str, Any]:
    """Check AWS's keys and values; handed on as AWS nests them, which nobody has to write."""
    block = Block(_nested(content), path, faults)
    given = dict(block.rest)
    switches = ("Enabled", "Disabled")
    block.choice("evaluate_constraints", switches, None)
    block.choice("emit_metrics", switches, None)
    block.share("datatype_check_threshold", 1.0)
    block.share("domain_content_threshold", 1.0)
    distribution = block.take("distribution_constraints")
    block.end(*OF_DISTRIBUTIONS)
    if distribution is not None:
        is_nested = isinstance(content, Mapping) and "distribution_constraints" in content
        inner = Block(distribution, block.at("distribution_constraints") if is_nested else path, faults)
        inner.choice("perform_comparison", switches, None)
        inner.share("comparison_threshold", 0.1)
        inner.choice("comparison_method", ("Robust", "Simple", "linf_robust", "linf_simple"), None)
        inner.share("categorical_comparison_threshold", 0.1)
        inner.choice("categorical_drift_method", ("LInfinity", "ChiSquared"), None)
        inner.end()
    return given


def _nested(content: object) -> object:
    """AWS's nesting of thresholds, which may all stand side by side."""
    if not isinstance(content, Mapping):
        return content
    inner = {key: value for key, value in content.items() if key in OF_DISTRIBUTIONS}
    known = content.get("distribution_constraints")
    if not inner or not isinstance(known, (Mapping, type(None))):
        return content
    rest = {key: value for key, value in content.items() if key not in inner}
    return {**rest, "distribution_constraints": {**(known or {}), **inner}}
