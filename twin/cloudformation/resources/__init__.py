"""The resource types the twin knows, by service. Each module has `register(types)`; each type is made with the public API
of its service, as CloudFormation does it, and refuses properties that it does not honour."""

from __future__ import annotations

from twin.cloudformation.resources import (
    apigateway,
    cdk,
    cloudwatch,
    cognito,
    dynamodb,
    ecr,
    events,
    iam,
    kms,
    lambda_,
    logs,
    s3,
    sagemaker,
    scheduler,
    sns,
    sqs,
    ssm,
    states,
)
from twin.cloudformation.types import Types

SERVICES = (
    apigateway,
    cdk,
    cloudwatch,
    cognito,
    dynamodb,
    ecr,
    events,
    iam,
    kms,
    lambda_,
    logs,
    s3,
    sagemaker,
    scheduler,
    sns,
    sqs,
    ssm,
    states,
)


def register_all(types: Types) -> None:
    """Teach the twin every type of this package."""
    for service in SERVICES:
        service.register(types)
