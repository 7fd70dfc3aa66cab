"""Every spelling in which AWS's files, documentation and SDK write constraints and their configuration."""

from __future__ import annotations

import json

import pytest

from model_monitor.errors import BaselineError
from model_monitor.monitors.data_quality.baseline import read_baseline
from model_monitor.monitors.data_quality.constraints import MonitoringConfig
from model_monitor.monitors.data_quality.constraints_reader import read_constraints
from model_monitor.monitors.data_quality.files import constraints_file
from model_monitor.monitors.data_quality.monitoring_config import read_block, to_config, with_options
from model_monitor.monitors.drift import DistributionConfig
from model_monitor.schema import FeatureType


def document(feature: dict | None = None, config: dict | None = None) -> dict:
    base = {"name": "age", "inferred_type": "Integral", "completeness": 1.0}
    content = {"version": 0.0, "features": [base | (feature or {})]}
    return content | ({} if config is None else {"monitoring_config": config})


def config_of(feature: dict | None = None, config: dict | None = None) -> MonitoringConfig:
    return read_constraints(document(feature, config), "constraints.json").features[0].config


def test_what_a_file_leaves_out_has_the_published_defaults():
    assert config_of() == MonitoringConfig(
        evaluate_constraints=True,
        emit_metrics=True,
        datatype_check_threshold=1.0,
        domain_content_threshold=1.0,
        distribution=DistributionConfig(True, 0.1, "Robust", None, "LInfinity"),
        check_non_negative=False,
    )


@pytest.mark.parametrize(
    ("spelling", "method"),
    [
        ("Robust", "Robust"),
        ("robust", "Robust"),
        ("linf_robust", "Robust"),
        ("LINF_SIMPLE", "Simple"),
        ("Simple", "Simple"),
    ],
)
@pytest.mark.parametrize("key", ["comparison_method", "comparionMethod", "comparion_method", "comparisonMethod"])
def test_both_methods_are_understood_in_every_spelling(key, spelling, method):
    assert config_of(config={"distribution_constraints": {key: spelling}}).distribution.comparison_method == method


@pytest.mark.parametrize("value", ["Disabled", "disabled", False, "False"])
@pytest.mark.parametrize("key", ["perform_comparison", "enable_comparisons", "performComparison"])
def test_a_switch_is_understood_in_every_spelling(key, value):
    assert config_of(config={"distribution_constraints": {key: value}}).distribution.perform_comparison is False


@pytest.mark.parametrize(
    "place",
    [
        lambda overrides: {"monitoringConfigOverrides": overrides},
        lambda overrides: {"monitoring_config_overrides": overrides},
        lambda overrides: {"string_constraints": {"monitoring_config_overrides": overrides}},
        lambda overrides: {"num_constraints": {"monitoringConfigOverrides": overrides}},
    ],
)
def test_a_features_overrides_are_found_wherever_they_stand_and_merged_deeply(place):
    overrides = {"emit_metrics": "Disabled", "distribution_constraints": {"comparison_threshold": 0.3}}
    config = config_of(
        place(overrides),
        {"datatype_check_threshold": 0.9, "distribution_constraints": {"comparison_method": "Simple"}},
    )
    assert not config.emit_metrics
    assert config.evaluate_constraints
    assert config.datatype_check_threshold == 0.9
    assert (config.distribution.comparison_threshold, config.distribution.comparison_method) == (0.3, "Simple")


def test_unknown_keys_are_ignored():
    assert config_of({"unheard": 1}, {"something": {"new": 2}}) == MonitoringConfig()


@pytest.mark.parametrize(
    "config",
    [
        {"evaluate_constraints": "Perhaps"},
        {"datatype_check_threshold": "much"},
        {"distribution_constraints": {"comparison_method": "Loose"}},
        {"distribution_constraints": []},
    ],
)
def test_a_known_key_with_a_value_nobody_understands_is_refused_by_its_path(config):
    with pytest.raises(BaselineError, match=r"constraints\.json: monitoring_config\."):
        config_of(config=config)


@pytest.mark.parametrize("content", [[], {}, {"binary_classification_constraints": {}}, {"features": {}}])
def test_a_file_of_another_monitor_is_refused(content):
    with pytest.raises(BaselineError, match="holds no data-quality constraints"):
        read_constraints(content, "constraints.json")


@pytest.mark.parametrize(
    "feature",
    [{"inferred_type": "Whole"}, {"name": None}, {"completeness": "all"}, {"string_constraints": {"domains": "a"}}],
)
def test_a_broken_feature_is_located(feature):
    with pytest.raises(BaselineError, match=r"features\[0\]"):
        read_constraints(document(feature), "constraints.json")


def test_a_jobs_configuration_stands_between_the_file_and_its_features():
    constraints = read_constraints(
        document(
            {"monitoringConfigOverrides": {"distribution_constraints": {"comparison_threshold": 0.3}}},
            {"distribution_constraints": {"comparison_threshold": 0.2, "comparison_method": "Simple"}},
        ),
        "constraints.json",
    )
    options = {"monitoring_config": {"distribution_constraints": {"comparison_threshold": 0.25}}}
    used = with_options(constraints, options)
    assert used.config.distribution.comparison_threshold == 0.25
    assert used.features[0].config.distribution.comparison_threshold == 0.3
    options["features"] = {"age": {"distribution_constraints": {"comparison_threshold": 0.5}}}
    used = with_options(constraints, options)
    assert used.features[0].config.distribution.comparison_threshold == 0.5
    assert used.features[0].config.distribution.comparison_method == "Simple"


def test_the_variables_drift_method_stands_above_all():
    constraints = read_constraints(
        document(
            {"monitoringConfigOverrides": {"distribution_constraints": {"categorical_drift_method": "LInfinity"}}}
        ),
        "constraints.json",
    )
    used = with_options(constraints, {}, "ChiSquared")
    assert used.features[0].config.distribution.categorical_drift_method == "ChiSquared"


def test_constraints_as_used_are_written_so_that_they_read_back_the_same():
    constraints = read_constraints(
        document({"string_constraints": {"monitoring_config_overrides": {"emit_metrics": "Disabled"}}}, {}), "c.json"
    )
    used = with_options(constraints, {"monitoring_config": {"datatype_check_threshold": 0.5}})
    again = read_constraints(json.loads(json.dumps(constraints_file(used))), "c.json")
    assert again.features == used.features
    assert again.config == used.config


def test_an_empty_block_says_nothing():
    assert to_config(read_block(None, "nowhere")) == MonitoringConfig()


# --- files that AWS wrote -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["qualitycheck_constraints_good.json", "qualitycheck_constraints_bad.json"])
def test_constraints_of_an_aws_baseline_are_read(shared, name):
    baseline = read_baseline(shared / "samples/data_quality" / name, None)
    assert baseline is not None
    assert len(baseline.constraints.features) == 6
    assert baseline.constraints.config.distribution == DistributionConfig(True, 0.1, "Robust", None, "LInfinity")
    assert all(feature.completeness == 1.0 for feature in baseline.constraints.features)


def test_the_sdks_fixture_with_nested_overrides_and_legacy_keys_is_read(shared):
    baseline = read_baseline(shared / "samples/data_quality/sdk_constraints_minimal.json", None)
    assert baseline is not None
    first, second = baseline.constraints.features
    assert first.domains == second.domains == ("preproc-not-YET-supported-for-csv-json",)
    assert first.overrides == {"evaluate_constraints": True, "emit_metrics": True}
    assert second.config.distribution == DistributionConfig(True, 1.0, "Robust", None, "LInfinity")


def test_old_statistics_without_completeness_are_read(shared):
    baseline = read_baseline(None, shared / "samples/data_quality/sdk_statistics_minimal.json")
    assert baseline is not None
    assert baseline.statistics is not None
    (feature, *_) = baseline.statistics.features
    assert (feature.inferred_type, feature.present, feature.completeness) == (FeatureType.STRING, 418, 1.0)
    assert feature.categories == {"preproc-not-YET-supported-for-csv-json": 418}


def test_statistics_alone_demand_names_and_types(shared):
    baseline = read_baseline(None, shared / "samples/data_quality/qualitycheck_statistics.json")
    assert baseline is not None
    assert all(f.completeness is None and f.domains is None for f in baseline.constraints.features)
    assert [feature.inferred_type for feature in baseline.constraints.features] == [FeatureType.FRACTIONAL] * 6
    assert {feature.completeness for feature in baseline.constraints.features} == {None}


def test_an_unreadable_baseline_file_is_named(tmp_path):
    broken = tmp_path / "constraints.json"
    broken.write_text("{")
    with pytest.raises(BaselineError, match=r"constraints\.json.*no JSON"):
        read_baseline(broken, None)
    with pytest.raises(BaselineError, match="cannot be read"):
        read_baseline(tmp_path / "absent.json", None)
