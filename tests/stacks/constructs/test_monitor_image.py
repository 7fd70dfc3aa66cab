"""What the image is built from: the libraries of models only where a run loads a model file, no residue of other builds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from aws_cdk import App, Stack

from stacks.constructs import monitor_image
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


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A copy of the image's source, which the construct takes instead."""
    copy = tmp_path / "monitor_image"
    shutil.copytree(monitor_image.SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(monitor_image, "SOURCE", copy)
    return copy


def staged() -> tuple[str, set[str]]:
    """The fingerprint of the image, and the files that its build is sent."""
    app = App()
    fingerprint = MonitorImage(Stack(app, "Stack"), "Image").fingerprint
    (folder,) = Path(app.synth().directory).glob("asset.*")
    return fingerprint, {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_build_is_sent_the_sources_of_the_compiled_reader(source):
    _, sent = staged()
    sources = {f"native/src/{path.name}" for path in (source / "native" / "src").iterdir()}
    assert sources
    assert {"native/setup.py", "native/pyproject.toml", "native/requirements.txt", *sources} <= sent


def test_what_other_builds_leave_behind_is_neither_sent_nor_part_of_the_fingerprint(source):
    before = staged()
    left = ("native/build/lib/x.o", "native/x.egg-info/PKG-INFO", "native/x.abi3.so", "native/__pycache__/setup.pyc",
            "model_monitor/__pycache__/x.pyc", "model_monitor/.mypy_cache/x.json")  # fmt: skip
    for name in left:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("residue")
    assert staged() == before


def test_another_source_of_the_compiled_reader_is_another_image(source):
    before, _ = staged()
    (source / "native" / "src" / "module.cpp").write_text("// changed")
    assert staged()[0] != before
