"""What a configuration may say of bias: our own keys, and Clarify's analysis configuration as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from model_monitor.errors import SettingsError
from model_monitor.job.configuration import Configuration, parse_configuration
from model_monitor.monitors.model_bias.facets import FEW_LABELS, ReadAs, Wanted
from model_monitor.monitors.model_bias.metrics import POST_TRAINING, PRE_TRAINING
from model_monitor.monitors.model_bias.settings import BiasSettings, Bootstrap, Facet, FlipSettings

LABEL = Wanted((1,), few=FEW_LABELS)
PAYLOAD = {"features": ["sex", "age", "town"], "label": "truth"}


def parse(options: dict[str, Any], payload: dict[str, Any] | None = PAYLOAD) -> Configuration:
    content = {"version": 1, "payload": payload, "monitors": {"model_bias": options}}
    return parse_configuration(orjson.dumps(content), "test.json")


def settings(options: dict[str, Any], payload: dict[str, Any] | None = PAYLOAD) -> BiasSettings:
    found: BiasSettings = parse(options, payload).monitors[0].options["bias"]
    return found


def test_every_key_is_kept() -> None:
    found = settings(
        {
            "facets": ["town", {"name": "sex", "values": [0]}, {"name": 1, "values": [40], "read_as": "threshold"}],
            "label_values": ["yes"],
            "label_read_as": "values",
            "label_name": "Target",
            "group_variable": "town",
            "probability_threshold": 0.7,
            "methods": ["DI", "CI", "FT"],
            "min_group_records": 20,
            "flip_test": {"rows": 10, "sample": 5, "memory_mb": 1, "seed": 3},
            "bootstrap": {"draws": 50, "confidence": 0.99, "seed": 2},
        }
    )
    assert found == BiasSettings(
        facets=(
            Facet("town"),
            Facet("sex", Wanted((0,))),
            Facet("1", Wanted((40,), ReadAs.THRESHOLD)),
        ),
        label=Wanted(("yes",), ReadAs.VALUES, FEW_LABELS),
        label_name="Target",
        group="town",
        probability_threshold=0.7,
        pre=("CI",),
        post=("DI", "FT"),
        flip=FlipSettings(10, 5, 1 << 20, 3),
        bootstrap=Bootstrap(50, pytest.approx(2.5758293, abs=1e-6), 2),
        min_group_records=20,
    )


def test_what_is_left_out_is_clarifys_default() -> None:
    found = settings({"facets": ["sex"]})
    assert (found.label, found.probability_threshold, found.group) == (LABEL, 0.5, None)
    assert (found.pre, found.post) == (PRE_TRAINING, POST_TRAINING)
    assert (found.flip, found.bootstrap) == (FlipSettings(), None)
    assert settings({"facets": ["sex"], "flip_test": False, "bootstrap": False}).flip is None


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"facets": []}, "monitors.model_bias.facets: should be a list of at least one facet"),
        ({"facets": [{"values": [1]}]}, "monitors.model_bias.facets[0].name: is missing"),
        ({"facets": ["sex", "sex"]}, "monitors.model_bias.facets: 'sex' is named 2 times"),
        ({"facets": [{"name": "sex", "value": 1}]}, "monitors.model_bias.facets[0].value: is unknown"),
        ({"facets": [{"name": "sex", "values": [[1]]}]}, "monitors.model_bias.facets[0].values: should be a list"),
        ({"facets": ["sex"], "methods": ["XX"]}, 'monitors.model_bias.methods: should be "all" or a list of AD, CDDL'),
        (
            {"facets": ["sex"], "methods": [["DI"]]},
            'monitors.model_bias.methods: should be "all" or a list of AD, CDDL',
        ),
        (
            {"facets": ["sex"], "analysis_config": {"methods": {"pre_training_bias": {"methods": 5}}}},
            'monitors.model_bias.methods: should be "all" or a list of AD, CDDL',
        ),
        (
            {"facets": [{"name": "age", "values": ["old"], "read_as": "threshold"}]},
            "monitors.model_bias.facets[0].values: should be numbers, since they are read as a threshold",
        ),
        (
            {"facets": ["sex"], "label_values": ["yes"], "label_read_as": "threshold"},
            "monitors.model_bias.label_values: should be numbers, since they are read as a threshold",
        ),
        (
            {"facets": ["sex"], "label_values": []},
            "monitors.model_bias.label_values: is empty: name the labels that are positive, or leave it out for 1",
        ),
        ({"facets": ["sex"], "analysis_config": {"label_values_or_threshold": []}}, "label_values: is empty"),
        ({"facets": ["sex"], "bootstrap": {"confidence": 1}}, "monitors.model_bias.bootstrap.confidence: should be"),
        ({"facets": ["sex"], "flip_test": 3}, "monitors.model_bias.flip_test: should be an object, found a number"),
        ({"facets": ["origin"]}, "monitors.model_bias: 'origin' is no feature of the payload; name a facet_source"),
        ({"facets": ["sex"], "group_variable": "x"}, "monitors.model_bias: 'x' is no feature of the payload"),
        ({"analysis_config": "nowhere.json"}, "monitors.model_bias.analysis_config: nowhere.json cannot be read"),
        ({"analysis_config": 3}, "monitors.model_bias.analysis_config: should be an object or a path, found a number"),
    ],
)
def test_a_fault_is_told_by_its_path(options: dict[str, Any], fault: str) -> None:
    with pytest.raises(SettingsError) as error:
        parse(options)
    assert fault in str(error.value)


def test_columns_of_a_facet_source_are_asked_of_the_data_beside_the_features() -> None:
    found = parse({"facets": ["origin", "sex"], "group_variable": "region", "facet_source": "people.csv"})
    assert found.schema.payload.metadata == ("origin", "region")
    assert found.facet_source == "people.csv"


def test_without_a_declared_payload_every_name_may_come_from_the_facet_source() -> None:
    found = parse({"facets": ["origin", "_c1"], "facet_source": "people.csv"}, payload=None)
    assert found.schema.payload.metadata == ("origin", "_c1")
    assert parse({"facets": ["_c1"]}, payload=None).schema.payload.metadata == ()


# --- Clarify's files -------------------------------------------------------------------------------------------------


def test_the_notebooks_bias_configuration_is_accepted_as_it_is(shared: Path) -> None:
    path = shared / "samples" / "configs" / "bias_analysis_config_json.json"
    found = parse({"analysis_config": str(path)}, payload=None)
    assert found.schema.names[:2] == ("Age", "Workclass")
    assert len(found.schema.names) == 14
    assert (found.schema.payload.label, found.schema.is_positional) == ("Target", False)
    options: BiasSettings = found.monitors[0].options["bias"]
    assert options.facets == (Facet("Sex", Wanted((0,))),)
    assert (options.label, options.label_name) == (LABEL, "Target")
    assert (options.group, options.probability_threshold) == ("Age", 0.8)
    assert (options.pre, options.post) == (PRE_TRAINING, POST_TRAINING)


def test_a_configuration_of_one_stage_asks_for_the_metrics_of_that_stage(shared: Path) -> None:
    document = json.loads((shared / "samples" / "configs" / "fraud_analysis_config.json").read_text())
    options = settings({"analysis_config": document}, payload=None)
    assert options.facets == (Facet("customer_gender_female", Wanted((1,))),)
    assert (options.label.values, options.label_name) == ((0,), "fraud")
    assert (options.pre, options.post) == (PRE_TRAINING, ())


def test_one_that_explains_alone_names_no_facet(shared: Path) -> None:
    path = shared / "samples" / "configs" / "explainability_analysis_config_json.json"
    with pytest.raises(SettingsError, match="facets: should be a list of at least one facet"):
        parse({"analysis_config": str(path)}, payload=None)


def test_our_own_keys_stand_over_clarifys() -> None:
    document = {"facet": {"name_or_index": "sex", "value_or_threshold": 0}, "probability_threshold": 0.8}
    options = settings({"analysis_config": document, "probability_threshold": 0.6})
    assert options.probability_threshold == 0.6
    assert options.facets == (Facet("sex", Wanted((0,))),)


def test_positions_count_the_headers_and_the_payloads_paths_follow_its_features_expression() -> None:
    document = {
        "dataset_type": "application/json",
        "headers": ["age", "sex", "Target"],
        "label": "instances[*].truth",
        "features": "instances[*].features",
        "facet": [{"name_or_index": 1, "value_or_threshold": [0]}],
        "group_variable": 0,
        "predictor": {"label": "said", "probability": "score"},
    }
    found = parse({"analysis_config": document}, payload=None)
    assert [(feature.name, feature.path) for feature in found.schema.features] == [
        ("age", "features[0]"),
        ("sex", "features[1]"),
    ]
    payload = found.schema.payload
    assert (payload.records, payload.label) == ("instances", "truth")
    assert (payload.output.prediction, payload.output.score) == ("said", "score")
    options: BiasSettings = found.monitors[0].options["bias"]
    assert (options.facets[0].name, options.group, options.label_name) == ("sex", "age", "Target")
