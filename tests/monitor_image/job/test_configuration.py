"""The configuration file: everything understood is kept, everything else is refused by its path, all at once."""

from __future__ import annotations

import orjson
import pytest

from model_monitor.contract import MetricsRoute, MonitoringType, PerFeature
from model_monitor.errors import SettingsError
from model_monitor.job.configuration import parse_configuration
from model_monitor.schema import Feature, FeatureType, OutputMapping, Privacy

FULL = {
    "version": 1,
    "endpoint": "covertype",
    "schedule": "covertype-data-quality",
    "payload": {
        "features": [
            "Slope",
            {"name": "Elevation", "type": "Integral", "privacy": "restricted", "path": "site.elevation"},
            {"name": "Aspect", "type": None, "privacy": "open", "path": None},
        ],
        "label": "Cover_Type",
        "records": "instances",
        "output": {
            "records": "predictions",
            "prediction": "label",
            "score": 1,
            "payload_index": "i",
            "csv_split": "lines",
        },
    },
    "monitors": {
        "data_quality": {
            "min_records": 50,
            "monitoring_config": {"distribution_constraints": {"comparison_threshold": 0.2}},
            "features": {"Slope": {"evaluate_constraints": "Disabled"}},
            "check_non_negative": True,
        }
    },
    "baseline": "s3://bucket/baselines/covertype",
    "max_rejected_fraction": 0.05,
    "metrics": {
        "route": "put",
        "namespace": "Mine",
        "per_feature": "all",
        "critical": ["Slope"],
        "by_variant": True,
        "feature_dimension": True,
    },
}


def parse(document: object):
    return parse_configuration(orjson.dumps(document), "monitoring.json")


def faults_of(document: object) -> str:
    with pytest.raises(SettingsError) as caught:
        parse(document)
    return str(caught.value)


def test_every_key_arrives():
    configuration = parse(FULL)
    assert configuration.schema.features == (
        Feature("Slope"),
        Feature("Elevation", FeatureType.INTEGRAL, Privacy.RESTRICTED, "site.elevation"),
        Feature("Aspect"),
    )
    assert not configuration.schema.is_positional
    assert configuration.schema.payload.output == OutputMapping("predictions", "label", 1, "i", "lines")
    assert (configuration.schema.payload.records, configuration.schema.payload.label) == ("instances", "Cover_Type")
    (monitor,) = configuration.monitors
    assert (monitor.type, monitor.min_records) == (MonitoringType.DATA_QUALITY, 50)
    assert monitor.options == {
        "monitoring_config": {"distribution_constraints": {"comparison_threshold": 0.2}},
        "features": {"Slope": {"evaluate_constraints": "Disabled"}},
        "check_non_negative": True,
    }
    assert configuration.baseline == "s3://bucket/baselines/covertype"
    assert configuration.max_rejected_fraction == 0.05
    assert configuration.metrics.route is MetricsRoute.PUT
    assert configuration.metrics.per_feature is PerFeature.ALL
    assert (configuration.metrics.namespace, configuration.metrics.critical) == ("Mine", ("Slope",))
    assert configuration.metrics.by_variant
    assert configuration.metrics.feature_dimension


def test_an_empty_file_is_positional_data_quality_with_the_defaults():
    configuration = parse({})
    assert configuration.schema.is_positional
    assert [monitor.type for monitor in configuration.monitors] == [MonitoringType.DATA_QUALITY]
    assert configuration.monitors[0].min_records == 30
    assert configuration.baseline is None


def test_a_payload_without_features_says_the_rest():
    assert parse({"payload": {}}).schema == parse({}).schema
    found = parse({"payload": {"label": "y", "records": "instances"}}).schema
    assert (found.is_positional, found.features) == (True, ())
    assert (found.payload.label, found.payload.records) == ("y", "instances")


def test_null_means_the_default_everywhere():
    assert parse(dict.fromkeys(FULL)) == parse({})


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"colour": "x"}, "colour: is unknown. Known here: baseline, create_violation_tests, design_effect"),
        ({"endpont": "x"}, "endpont: is unknown; did you mean endpoint? Known here: baseline, create_violation_tests"),
        (
            {"monitors": {"model_bias": {"facets": ["a"], "flip_test": {"sampel": 5}}}},
            "monitors.model_bias.flip_test.sampel: is unknown; did you mean sample?",
        ),
        ({"version": 2}, "version: should be 1, found 2"),
        ({"payload": {"features": []}}, "payload.features: should be a list of at least one feature"),
        ({"payload": {"metadata": ["b"]}}, "payload.metadata: needs payload.features"),
        (
            {"payload": {"label": "y", "prediction": "y"}},
            "payload.label: holds the truth, so it cannot hold what the model said too",
        ),
        (
            {"payload": {"features": ["a"], "metadata": ["a"]}},
            "payload.metadata: 'a' is a feature too; name it once",
        ),
        ({"payload": {"features": [{"nam": "a"}]}}, "payload.features[0].nam: is unknown"),
        ({"payload": {"features": [{"type": "Integral"}]}}, "payload.features[0].name: is missing"),
        (
            {"payload": {"features": [{"name": "a", "type": "int"}]}},
            "payload.features[0].type: should be one of Integral",
        ),
        ({"payload": {"features": ["a", "a"]}}, "payload.features: 'a' is declared 2 times"),
        ({"payload": {"features": ["a"], "label": "a"}}, "payload.label: is a feature too"),
        (
            {"payload": {"features": ["a"], "output": {"prediction": True}}},
            "payload.output.prediction: should be text or",
        ),
        (
            {"payload": {"features": ["a"], "output": {"csv_split": "tab"}}},
            "payload.output.csv_split: should be one of",
        ),
        ({"payload": []}, "payload: should be an object, found a list"),
        ({"monitors": {}}, "monitors: names no monitor"),
        ({"monitors": {"dataquality": {}}}, "monitors.dataquality: is unknown"),
        ({"monitors": {"data_quality": {"min_records": 0}}}, "monitors.data_quality.min_records: should be at least 1"),
        ({"monitors": {"data_quality": {"min_records": True}}}, "min_records: should be a whole number, found true or"),
        (
            {"monitors": {"data_quality": {"monitoring_config": {"evaluate": "Enabled"}}}},
            "monitors.data_quality.monitoring_config.evaluate: is unknown",
        ),
        (
            {
                "monitors": {
                    "data_quality": {"features": {"a b": {"distribution_constraints": {"comparison_threshold": 2}}}}
                }
            },
            "monitors.data_quality.features.a b.distribution_constraints.comparison_threshold: should be between 0 and 1",
        ),
        ({"max_rejected_fraction": 1.5}, "max_rejected_fraction: should be between 0 and 1"),
        ({"metrics": {"critical": "a"}}, "metrics.critical: should be a list of texts, found text"),
        ({"metrics": {"route": "fax"}}, "metrics.route: should be one of file, put"),
        (
            {"payload": {"features": ["a"]}, "metrics": {"critical": ["b"]}},
            "metrics.critical: 'b' is no feature of the payload",
        ),
        (
            {"payload": {"features": ["a"]}, "monitors": {"data_quality": {"features": {"b": {}}}}},
            "monitors.data_quality.features: 'b' is no feature of the payload",
        ),
        ({"monitors": {"model_bias": {}}}, "monitors.model_bias.facets: should be a list of at least one facet"),
        (
            {
                "payload": {"prediction": "said"},
                "monitors": {
                    "model_bias": {"facets": ["origin"], "facet_source": "people.csv"},
                    "model_quality": {"problem_type": "binary", "slices": ["origin"]},
                },
            },
            "monitors.model_quality.slices: 'origin' comes from a facet_source, so it is restricted",
        ),
        ([], "the file: should be an object, found a list"),
    ],
)
def test_a_fault_is_told_by_its_path(document, fault):
    assert fault in faults_of(document)


def test_all_faults_are_told_at_once():
    text = faults_of({"a": 1, "version": 3, "metrics": {"b": 1}, "payload": {"features": [{"c": 1}]}})
    assert text.splitlines()[0] == "monitoring.json: the configuration: 5 faults:"
    assert len(text.splitlines()) == 6
    assert faults_of({"a": 1}).splitlines()[0].endswith(" 1 fault:")
    for path in ("a: is unknown", "version:", "metrics.b:", "payload.features[0].c:", "payload.features[0].name:"):
        assert path in text


def test_values_of_the_file_are_not_repeated():
    assert "secret-value" not in faults_of(
        {"metrics": {"route": "secret-value"}, "max_rejected_fraction": "secret-value"}
    )


def test_what_is_no_json_is_told_with_its_name():
    with pytest.raises(SettingsError, match=r"monitoring\.json: the configuration is no JSON"):
        parse_configuration(b"{", "monitoring.json")


def test_a_payload_alone_is_told_to_be_wrapped():
    text = faults_of(FULL["payload"])
    assert text.startswith("monitoring.json: holds a payload alone.")
    assert '{"version": 1, "payload": {...}}' in text
