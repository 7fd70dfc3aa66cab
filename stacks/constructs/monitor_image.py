"""The monitor image: built from monitor_image/ at deployment, or a given one."""

from __future__ import annotations

from aws_cdk import IgnoreMode, aws_ecr_assets as ecr_assets, aws_iam as iam
from constructs import Construct

from stacks.constructs import permissions
from stacks.settings.sources import source

SOURCE = source("monitor_image")
X86_64, ARM64 = "x86_64", "arm64"  # as Lambda calls them; SageMaker runs processing jobs on the first alone
PLATFORMS = {X86_64: ecr_assets.Platform.LINUX_AMD64, ARM64: ecr_assets.Platform.LINUX_ARM64}
UNUSED = ["**/__pycache__", "**/*.pyc", "**/*.egg-info", "**/.mypy_cache", "**/.ruff_cache", "*.md"]


class MonitorImage(Construct):
    """An image and who may pull it.

    uri: what jobs name. fingerprint: what identifies the content, for provenance.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        image_uri: str | None = None,
        *,
        loads_models: bool = False,
        architecture: str = X86_64,
    ) -> None:
        super().__init__(scope, construct_id)
        self._repository_arn: str | None = None
        if image_uri is not None:
            self.uri = image_uri
            self.fingerprint = image_uri.rpartition("@")[2]
            return
        asset = ecr_assets.DockerImageAsset(
            self,
            "Image",
            directory=str(SOURCE),
            platform=PLATFORMS[architecture],  # what the service runs, whatever machine builds
            exclude=UNUSED,
            build_args={"MODELS": "1"} if loads_models else None,  # libraries of models, about 500 MB
            ignore_mode=IgnoreMode.DOCKER,
        )
        self.uri = asset.image_uri
        self.fingerprint = f"source:{asset.asset_hash}"
        self._repository_arn = asset.repository.repository_arn

    def allow_pull(self, role: iam.IRole) -> None:
        """Let a job's role pull the image."""
        if self._repository_arn is None:
            permissions.allow_image(role, self.uri)
        else:
            permissions.allow_repository(role, self._repository_arn)
