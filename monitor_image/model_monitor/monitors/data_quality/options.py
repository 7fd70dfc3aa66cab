"""The data-quality part of a configuration file: AWS's `monitoring_config` block, and the little that AWS does not have."""

from __future__ import annotations

from typing import Any

from model_monitor.job.blocks import Block, Faults


def read_options(block: Block) -> dict[str, Any]:
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
