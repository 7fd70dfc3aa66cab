"""An image is built once in a tooling account, and promoted by its digest into the account of an environment."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aws_cdk import App
from moto.backends import get_backend

from app import build_images
from tests.synthesis import ROOT, new_app
from twin import Twin

pytestmark = pytest.mark.xdist_group("twin")

TOOLING, NAME = "111122223333", "model-monitor"
TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
LAYER = b"layer " * 2_000_000  # more than one part


@pytest.fixture(scope="module")
def promote() -> ModuleType:
    spec = importlib.util.spec_from_file_location("promote", ROOT / "monitor_image" / "promote.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["promote"] = module  # where dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of the tooling account's stack."""
    folder = tmp_path_factory.mktemp("images")
    app: App = new_app(folder)
    assert build_images(app, f"{TOOLING}/eu-west-1", "123456789012") is None
    found: dict[str, Any] = json.loads((folder / "ModelMonitorImages.template.json").read_text())
    return found  # a finding of the security rules would have raised


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def repository(template: dict[str, Any]) -> dict[str, Any]:
    (found,) = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::ECR::Repository"]
    return dict(found)


class Tooling:
    """The account that builds: what it pushes, as its own credentials would."""

    def __init__(self, twin: Twin, template: dict[str, Any]) -> None:
        properties = repository(template)
        self.backend = get_backend("ecr")[TOOLING][twin.region]
        self.backend.create_repository(
            repository_name=NAME,
            registry_id=TOOLING,
            encryption_config=None,
            image_scan_config=properties["ImageScanningConfiguration"],
            image_tag_mutability=properties["ImageTagMutability"],
            image_tag_mutability_exclusion_filters=None,
            tags=[],
        )
        self.policy = json.dumps(properties["RepositoryPolicyText"])
        self.twin = twin

    def admit(self) -> None:
        self.backend.set_repository_policy(TOOLING, NAME, self.policy)

    def push(self, manifest: dict[str, Any], *blobs: bytes) -> str:
        for blob in blobs:
            self.twin.images.lay((TOOLING, NAME), blob)
        text = json.dumps(manifest)
        found = digest(text.encode())
        self.backend.put_image(NAME, text, found[-12:], manifest["mediaType"], found)
        return found


def image(config: bytes) -> dict[str, Any]:
    parts = [{"digest": digest(each), "size": len(each)} for each in (config, LAYER)]
    return {"schemaVersion": 2, "mediaType": TYPE, "config": parts[0], "layers": parts[1:]}


@pytest.fixture
def tooling(twin: Twin, template: dict[str, Any]) -> Tooling:
    twin.client("ecr").create_repository(repositoryName=NAME, imageTagMutability="IMMUTABLE")
    return Tooling(twin, template)


def run(promote: ModuleType, twin: Twin, found: str) -> int:
    source = f"{TOOLING}.dkr.ecr.eu-west-1.amazonaws.com/{NAME}@{found}"
    target = f"{twin.account}.dkr.ecr.eu-west-1.amazonaws.com/{NAME}"
    return int(promote.main([source, target], lambda _: twin.client("ecr")))


def test_both_processors_of_an_image_are_promoted_with_their_digest(promote, twin, tooling, capsys) -> None:
    tooling.admit()
    configs = [json.dumps({"architecture": each}).encode() for each in ("amd64", "arm64")]
    listed = [tooling.push(image(config), config, LAYER) for config in configs]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{"digest": each} for each in listed]}
    found = tooling.push(index)
    for _ in range(2):  # and again, which changes nothing
        assert run(promote, twin, found) == 0
        told = capsys.readouterr().out.strip()
        assert told == f"{twin.account}.dkr.ecr.eu-west-1.amazonaws.com/{NAME}@{found}"
    ecr = twin.client("ecr")
    ids = [{"imageDigest": each} for each in (found, *listed)]
    got = ecr.batch_get_image(repositoryName=NAME, imageIds=ids)["images"]
    assert [digest(each["imageManifest"].encode()) for each in got] == [found, *listed]
    assert got[0]["imageId"]["imageTag"] == promote.tag_of(found)
    digests = [digest(each) for each in (*configs, LAYER)]
    layers = ecr.batch_check_layer_availability(repositoryName=NAME, layerDigests=digests)["layers"]
    assert {each["layerAvailability"] for each in layers} == {"AVAILABLE"}


def test_a_repository_that_does_not_admit_the_account_gives_nothing(promote, twin, tooling, capsys) -> None:
    found = tooling.push(image(b"{}"), b"{}", LAYER)
    assert run(promote, twin, found) == 1
    assert "does not admit this account" in capsys.readouterr().err


def test_an_image_that_is_not_there_or_has_only_a_tag_is_refused(promote, twin, tooling, capsys) -> None:
    tooling.admit()
    assert run(promote, twin, f"sha256:{'0' * 64}") == 1
    assert "is not there" in capsys.readouterr().err
    named = f"{TOOLING}.dkr.ecr.eu-west-1.amazonaws.com/{NAME}:1.0"
    assert promote.main([named, named.removesuffix(":1.0")], lambda _: twin.client("ecr")) == 1
    assert "a tag may move" in capsys.readouterr().err


def test_a_layer_that_is_not_what_its_digest_says_is_not_pushed(promote, twin, tooling, capsys) -> None:
    tooling.admit()
    found = tooling.push(image(b"{}"), b"{}", LAYER)
    twin.images.lay((TOOLING, NAME), b"another", digest(LAYER))
    assert run(promote, twin, found) == 1
    assert "should have digest" in capsys.readouterr().err
    assert twin.client("ecr").list_images(repositoryName=NAME)["imageIds"] == []


def test_the_repository_scans_keeps_its_tags_and_admits_the_accounts_for_reading_alone(template) -> None:
    found = repository(template)
    assert found["ImageTagMutability"] == "IMMUTABLE"
    assert found["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert found["EncryptionConfiguration"]["EncryptionType"] == "KMS"
    rules = json.loads(found["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["untagged", "any"]
    (statement,) = found["RepositoryPolicyText"]["Statement"]
    assert statement["Action"] == [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
    ]
    assert "123456789012" in json.dumps(statement["Principal"])


@pytest.mark.parametrize(
    ("where", "accounts", "said"), [("tooling", "", "images: "), (f"{TOOLING}/eu-west-1", "12", "accounts: ")]
)
def test_what_cannot_be_a_repository_is_told(where: str, accounts: str, said: str, tmp_path: Path) -> None:
    assert (build_images(new_app(tmp_path), where, accounts) or "").startswith(said)
