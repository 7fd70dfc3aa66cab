"""The account's quotas, as far as a scenario sets them: what a team meets when many endpoints run at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast an operation may be called: a bucket of so many requests, which fills again by so many a second."""

    burst: int
    per_second: float


@dataclass
class Quotas:
    """Nothing is limited unless it is set here.

    A job holds its instance until the virtual minute in which it ended is over; a function its place while it really runs.
    """

    processing_jobs: Mapping[str, int] = field(default_factory=dict)  # at once, by instance type
    training_jobs: Mapping[str, int] = field(default_factory=dict)
    transform_jobs: Mapping[str, int] = field(default_factory=dict)
    lambda_concurrency: int | None = None
    requests: Mapping[str, Rate] = field(
        default_factory=dict
    )  # by `service:Operation`, as clients and the API call them


# What AWS's pages tell of a large Region such as eu-west-1 (developer guide of Step Functions, user guide of CloudWatch, general
# reference of Systems Manager and EventBridge). Of SageMaker's control plane they tell no rates.
DOCUMENTED: Final[Mapping[str, Rate]] = {
    "stepfunctions:StartExecution": Rate(1300, 300),
    "stepfunctions:DescribeExecution": Rate(300, 15),
    "stepfunctions:ListExecutions": Rate(200, 5),
    "stepfunctions:StopExecution": Rate(1000, 200),
    "stepfunctions:SendTaskSuccess": Rate(3000, 500),
    "stepfunctions:SendTaskFailure": Rate(3000, 500),
    "cloudwatch:PutMetricData": Rate(500, 500),
    "cloudwatch:GetMetricData": Rate(50, 50),
    "cloudwatch:DescribeAlarms": Rate(9, 9),
    "cloudwatch:PutMetricAlarm": Rate(3, 3),
    "ssm:GetParameter": Rate(40, 40),
    "ssm:GetParametersByPath": Rate(40, 40),
    "events:PutEvents": Rate(10_000, 10_000),
}
