"""Images: from private repositories alone, and never by a tag that moves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from stacks.rules.data import JOB_HOLDERS
from stacks.rules.rule import Finding, Rule
from stacks.rules.templates import TOKEN, Resource, Templates, blocks, documents, resources, text

PRIVATE: Final = re.compile(r"(\d{12}|\$\{AWS::AccountId\}|token)\.dkr\.ecr\.")  # a registry of some account in ECR
MOVING: Final = ("latest", "stable", "main", "master", "dev")


def _images(templates: Templates) -> Iterator[tuple[Resource, str]]:
    """Every image that something runs, as written."""
    for model in resources(templates, "AWS::SageMaker::Model"):
        for container in blocks(model.properties, "Image"):
            yield model, text(container["Image"])
    for function in resources(templates, "AWS::Lambda::Function"):
        if "ImageUri" in function.properties.get("Code", {}):
            yield function, text(function.properties["Code"]["ImageUri"])
    for holder in resources(templates, *JOB_HOLDERS):
        for document in (holder.properties, *documents(holder)):
            yield from ((holder, text(each["ImageUri"])) for each in blocks(document, "ImageUri"))
            # none where a pipeline trains
            yield from (
                (holder, text(each["image"])) for each in blocks(document, "image", "output_uri") if each["image"]
            )


def public_images(templates: Templates) -> Iterator[Finding]:
    """Images that somebody else may change or take away."""
    for resource, image in _images(templates):
        if image != TOKEN and not PRIVATE.match(image):
            yield Finding(resource, "image")


def moving_tags(templates: Templates) -> Iterator[Finding]:
    """Images without tag or digest, or by a tag that is moved on purpose."""
    for resource, image in _images(templates):
        name = image.rpartition("/")[2]
        if image != TOKEN and "@sha256:" not in name and not _is_fixed(name.partition(":")[2]):
            yield Finding(resource, "image")


def _is_fixed(tag: str) -> bool:
    return bool(tag) and tag not in MOVING


def loose_repositories(templates: Templates) -> Iterator[Finding]:
    """Repositories in which a tag can be moved, or that nobody scans."""
    for repository in resources(templates, "AWS::ECR::Repository"):
        if repository.properties.get("ImageTagMutability") != "IMMUTABLE":
            yield Finding(repository, "Properties.ImageTagMutability")
        scanning: Mapping[str, Any] = repository.properties.get("ImageScanningConfiguration", {})
        if scanning.get("ScanOnPush") is not True:
            yield Finding(repository, "Properties.ImageScanningConfiguration")


RULES: Final = (
    Rule("PrivateImage", "Images come from private repositories.", "Copy the image into ECR.", public_images),
    Rule("FixedImage", "Images are named by digest or by a tag that stays.", "Name the digest.", moving_tags),
    Rule(
        "ImmutableTags",
        "Tags of repositories are immutable, and images are scanned.",
        "Set ImageTagMutability and ScanOnPush.",
        loose_repositories,
    ),
)
