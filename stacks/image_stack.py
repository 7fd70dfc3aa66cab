"""A repository of the monitor image: of the tooling account, where it is pushed once, and of those that take it from there."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aws_cdk import CfnOutput, Duration, Environment, RemovalPolicy, Stack, aws_ecr as ecr, aws_iam as iam
from constructs import Construct

NAME = "model-monitor"
KEPT, UNTAGGED_DAYS = 50, 14
READ = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
_WHERE = re.compile(r"(\d{12})/([a-z]{2}(?:-[a-z]+)+-\d)")
_ACCOUNT = re.compile(r"\d{12}")


class ImageStack(Stack):
    """One repository: tags that stay, a scan at every push, old images removed, and who may take images from it."""

    def __init__(self, scope: Construct, construct_id: str, accounts: Sequence[str], *, env: Environment) -> None:
        super().__init__(scope, construct_id, env=env, description="Model monitoring: the image, for all environments")
        repository = ecr.Repository(
            self,
            "Images",
            repository_name=NAME,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            image_scan_on_push=True,
            encryption=ecr.RepositoryEncryption.KMS,
            removal_policy=RemovalPolicy.RETAIN,
            lifecycle_rules=[
                ecr.LifecycleRule(
                    rule_priority=1, tag_status=ecr.TagStatus.UNTAGGED, max_image_age=Duration.days(UNTAGGED_DAYS)
                ),
                ecr.LifecycleRule(rule_priority=2, tag_status=ecr.TagStatus.ANY, max_image_count=KEPT),
            ],
        )
        for account in accounts:
            repository.add_to_resource_policy(
                iam.PolicyStatement(principals=[iam.AccountPrincipal(account)], actions=READ)
            )
        CfnOutput(self, "Repository", value=repository.repository_uri, description="Where the image is pushed")


def parse(where: str, accounts: str) -> tuple[Environment, list[str]]:
    """`-c images=ACCOUNT/REGION -c accounts=ACCOUNT,…`. Raises: ValueError with what was wrong."""
    found = _WHERE.fullmatch(where)
    if found is None:
        raise ValueError(f"images: should be ACCOUNT/REGION of the tooling account, found {where}")
    named = [each for each in accounts.split(",") if each]
    if not all(_ACCOUNT.fullmatch(each) for each in named):
        raise ValueError(
            f"accounts: should be of those who take images, 12 digits each with commas, found {accounts!r}"
        )
    return Environment(account=found[1], region=found[2]), named
