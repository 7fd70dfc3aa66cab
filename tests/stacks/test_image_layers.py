"""The image is built with the libraries of models only where a run loads a model file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aws_cdk import App, Stack

from stacks.constructs.monitor_image import MonitorImage
from tests.analyses import EXPLAINED, analysed

pytestmark = pytest.mark.xdist_group("synth")


def build_arguments(*, loads_models: bool) -> dict[str, str] | None:
    app = App()
    MonitorImage(Stack(app, "Stack"), "Image", loads_models=loads_models)
    (manifest,) = Path(app.synth().directory).glob("*.assets.json")
    (image,) = json.loads(manifest.read_text())["dockerImages"].values()
    found: dict[str, str] | None = image["source"].get("dockerBuildArgs")
    return found


def test_the_layer_is_an_argument_of_the_build():
    assert build_arguments(loads_models=True) == {"MODELS": "1"}
    assert not build_arguments(loads_models=False)


@pytest.mark.parametrize(
    ("predictor", "expected"),
    [
        ({"artefact": "s3://models/fraud/model.tar.gz"}, True),
        ({"artefact": "s3://models/fraud/model.json", "format": "linear"}, False),
        ({"model_name": "fraud", "instance_type": "ml.m5.large"}, False),
        ({}, False),
    ],
)
def test_only_model_files_of_a_library_need_it(predictor, expected):
    settings = analysed(monitors__all__model_explainability={**EXPLAINED, "predictor": predictor})
    assert settings.endpoints["fraud"].loads_models is expected
