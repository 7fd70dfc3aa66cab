"""ECR: repositories."""

from __future__ import annotations

from twin.cloudformation.shapes import is_true, only, tags
from twin.cloudformation.types import Made, Request, Types


def register(types: Types) -> None:
    types.register_type(
        "AWS::ECR::Repository",
        create=_create_repository,
        update=_update_repository,
        delete=_delete_repository,
        replaced_by={"RepositoryName", "EncryptionConfiguration"},
    )


def _create_repository(request: Request) -> Made:
    wanted = only(
        request,
        "RepositoryName",
        "ImageTagMutability",
        "ImageScanningConfiguration",
        "EmptyOnDelete",
        "Tags",
        stored=("LifecyclePolicy", "RepositoryPolicyText", "EncryptionConfiguration"),
    )
    name = wanted.get("RepositoryName") or request.name(limit=256, lower=True)
    repository = request.client("ecr").create_repository(repositoryName=name, tags=tags(request))["repository"]
    return Made(name, {"Arn": repository["repositoryArn"], "RepositoryUri": repository["repositoryUri"]})


def _update_repository(request: Request) -> None:
    """Mutability, scanning, policies: stored only."""


def _delete_repository(request: Request) -> None:
    is_emptied = is_true(request.properties.get("EmptyOnDelete"))
    request.client("ecr").delete_repository(repositoryName=request.ref, force=is_emptied)
