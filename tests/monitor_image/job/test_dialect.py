"""A configuration in an environment file's words is the same configuration."""

from __future__ import annotations

import orjson
import pytest

from model_monitor.contract import MonitoringType
from model_monitor.errors import SettingsError
from model_monitor.job.configuration import Configuration, parse_configuration

PAYLOAD = {"features": ["age", "bmi"], "label": "outcome", "output": {"prediction": "label"}}
OF_ENVIRONMENT = {
    "types": ["data_quality", "model_quality"],
    "min_records": 50,
    "decision": "aws",
    "thresholds": {"comparison_threshold": 0.2, "datatype_check_threshold": 0.9, "comparison_method": "Simple"},
    "features": {"bmi": {"comparison_threshold": 0.3}},
    "check_non_negative": True,
    "model_quality": {"problem_type": "binary"},
}
OF_AWS = {"comparison_threshold": 0.2, "comparison_method": "Simple"}
OF_CONFIGURATION = {
    "monitors": {
        "data_quality": {
            "min_records": 50,
            "decision": "aws",
            "monitoring_config": {"datatype_check_threshold": 0.9, "distribution_constraints": OF_AWS},
            "features": {"bmi": {"distribution_constraints": {"comparison_threshold": 0.3}}},
            "check_non_negative": True,
        },
        "model_quality": {"min_records": 50, "decision": "aws", "problem_type": "binary"},
    }
}


def parse(**content) -> Configuration:
    return parse_configuration(orjson.dumps({"version": 1, "payload": PAYLOAD} | content), "monitoring.json")


def faults_of(**content) -> str:
    with pytest.raises(SettingsError) as caught:
        parse(**content)
    return str(caught.value)


def test_an_environments_words_say_the_same():
    assert parse(**OF_ENVIRONMENT) == parse(**OF_CONFIGURATION)


def test_thresholds_stand_side_by_side_in_a_configuration_too():
    thresholds = {"thresholds": OF_ENVIRONMENT["thresholds"], "features": OF_ENVIRONMENT["features"]}
    rest = {key: OF_CONFIGURATION["monitors"]["data_quality"][key] for key in ("min_records", "decision")}
    mine = {"data_quality": rest | thresholds | {"check_non_negative": True}}
    theirs = {"data_quality": OF_CONFIGURATION["monitors"]["data_quality"]}
    assert parse(monitors=mine) == parse(monitors=theirs)


def test_without_types_it_is_data_quality_as_in_an_environment():
    (found,) = parse(min_records=7).monitors
    assert (found.type, found.min_records) == (MonitoringType.DATA_QUALITY, 7)
    assert parse(types=["data_quality"]) == parse(monitors={"data_quality": {}})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"types": [], "min_records": 5}, "types: should be a list of"),
        ({"types": "data_quality"}, "types: should be a list of"),
        ({"types": ["dataquality"]}, "monitors.dataquality: is unknown"),
        ({"types": ["data_quality"], "monitors": {"data_quality": {}}}, "says it in another way than types"),
        ({"monitors": {"data_quality": {}}, "min_records": 5}, "says it in another way than min_records"),
        (
            {"types": ["data_quality"], "model_quality": {}},
            "model_quality: is set, but model_quality is none of the types",
        ),
        ({"types": ["model_quality"], "thresholds": {}}, "thresholds: is of data_quality, which is none of the types"),
        ({"instance_type": "ml.m5.large"}, "instance_type: is of a deployment and means nothing to a run"),
        (
            {"thresholds": {"comparision_threshold": 1}},
            "thresholds.comparision_threshold: is unknown; did you mean comparison_threshold?",
        ),
        ({"thresholds": {"comparison_threshold": 2}}, "thresholds.comparison_threshold: should be between 0 and 1"),
        (
            {"thresholds": {"distribution_constraints": {"comparison_threshold": 2}}},
            "thresholds.distribution_constraints.comparison_threshold: should be between 0 and 1",
        ),
        (
            {"monitors": {"data_quality": {"thresholds": {}, "monitoring_config": {}}}},
            "thresholds: says what monitoring_config says",
        ),
    ],
)
def test_what_does_not_fit_together_is_told(content, told):
    assert told in faults_of(**content)
