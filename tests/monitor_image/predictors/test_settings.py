"""The predictor block takes Clarify's keys as they are written, and tells every fault by its path."""

import json

import pytest

from model_monitor.job.blocks import Block, Faults
from model_monitor.predictors.settings import PredictorSettings, read_predictor


def read(**content):
    faults = Faults()
    return read_predictor(Block(content, "predictor", faults)), list(faults)


def test_clarifys_block_for_a_shadow_endpoint_is_taken_as_it_is(shared):
    folder = shared / "samples" / "configs"
    for path in ("bias_analysis_config_json.json", "explainability_analysis_config_json.json"):
        settings, faults = read(**json.loads((folder / path).read_text())["predictor"])
        assert faults == []
        assert settings == PredictorSettings(
            model_name="DEMO-clarify-xgboost-model",
            instance_type="ml.m5.xlarge",
            content_type="text/csv",
            accept_type="text/csv",
        )
        assert settings.is_shadow


def test_an_endpoint_wins_over_a_model():
    settings, faults = read(endpoint_name="churn", model_name="m", instance_type="ml.m5.large")
    assert (faults, settings.is_shadow) == ([], False)


def test_everything_may_be_said():
    settings, faults = read(
        endpoint_name="churn",
        content_type="application/json",
        accept_type="Application/JSONLines",
        content_template='{"instances":$records}',
        record_template='{"features":$features}',
        label="predictions[*].label",
        probability="predictions[*].score",
        label_headers=["stays", 1],
        target_variant="blue",
        target_model="m.tar.gz",
        custom_attributes="trace=1",
        batch_records=10,
        concurrency=2,
        startup_seconds=60,
    )
    assert faults == []
    assert (settings.accept_type, settings.selector) == ("application/jsonlines", "predictions[*].score")
    assert settings.label_headers == ("stays", "1")


def test_nothing_means_the_endpoint_that_is_watched_and_its_whole_answer():
    settings, faults = read()
    assert (faults, settings.endpoint_name, settings.selector, settings.is_shadow) == ([], None, None, False)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({"model_name": "m"}, "predictor.instance_type: is missing"),
        (
            {"model_name": "m", "instance_type": "i", "initial_instance_count": 0},
            "initial_instance_count: should be at",
        ),
        ({"endpoint_name": "no name"}, "predictor.endpoint_name: should be 1 to 63"),
        ({"endpoint_name_prefix": "x" * 24}, "predictor.endpoint_name_prefix: should be at most 23"),
        ({"endpoint_name_prefix": "ends-"}, "predictor.endpoint_name_prefix"),
        ({"content_type": "image/png"}, "predictor.content_type: should be one of text/csv"),
        ({"content_type": "application/json"}, "predictor.content_template: is missing"),
        ({"content_type": "text/csv", "content_template": "$features"}, "predictor.content_template: is for JSON only"),
        ({"probability": "a["}, "predictor.probability: 'a[' is not a JMESPath"),
        ({"label": -1}, "predictor.label: should not be negative"),
        ({"label_headers": [True]}, "predictor.label_headers: should be a list"),
        ({"custom_attributes": "a\nb"}, "predictor.custom_attributes"),
        ({"accelerator_type": "ml.eia1.medium"}, "predictor.accelerator_type: is no longer offered"),
        ({"model_name": "m", "instance_type": "i", "target_variant": "v"}, "predictor.target_variant: is for endpoint"),
        ({"conten_type": "text/csv"}, "predictor.conten_type: is unknown"),
    ],
)
def test_a_fault_is_told_by_its_path(content, fault):
    _, faults = read(**content)
    assert any(fault in found for found in faults), faults
