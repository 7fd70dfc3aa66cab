"""The part of an environment file about human review: which predictions people look at, and how they sign in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from stacks.settings import fields
from stacks.settings.block import Block, check
from stacks.settings.fields import Count, Share

Label = str | int | float | bool


class Band(Block):
    """The uncertain scores of one predicted class; what is left out is the endpoint's."""

    low: Share = 0.1
    """Score above which a prediction of this class is uncertain, 0 to 1. Default: 0.1."""
    high: Share = 0.9
    """Score below which a prediction of this class is uncertain, 0 to 1. Default: 0.9."""

    @check
    def _order_faults(self) -> Iterator[str]:
        if self.low >= self.high:
            yield "low: should be below high"


class AugmentedAi(Block):
    """Reviewers are workers of Amazon Augmented AI, in accounts that have it."""

    work_team_arn: fields.arn("sagemaker", "workteam/.+") | None = None  # type: ignore[valid-type]
    """ARN of a private work team of yours. Left out: a team and the account's private workforce are created over the user pool
    that is created; an account has one such workforce in a Region."""
    task_title: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\n\r]+$")] = "Review of predictions"
    """What workers read in their list of tasks, one line up to 128 characters. Default: Review of predictions."""
    records_per_task: Annotated[int, Field(ge=1, le=20)] = 10
    """Predictions that one task shows, 1 to 20. Default: 10."""
    minutes_per_task: Annotated[int, Field(ge=1, le=480)] = 60
    """Minutes that a worker has for one task, 1 to 480. Default: 60."""


class LabellingQueue(Block):
    """Reviewers work with a tool of yours that reads one queue and writes another."""

    tool_role_arn: fields.arn("iam", "role/.+")  # type: ignore[valid-type]
    """ARN of the role that the tool works with: it may read the queue of tasks and write the queue of answers."""
    records_per_task: Annotated[int, Field(ge=1, le=20)] = 10
    """Predictions of one message, 1 to 20. Default: 10."""


class LabellingWebhook(Block):
    """Reviewers work with a tool of yours that is called, and posts its answers."""

    url: Annotated[str, Field(pattern=r"^https://[^\s]+$", max_length=500)]
    """Address that signed tasks are posted to, such as https://labels.example.com/tasks."""
    secret_parameter: Annotated[str, Field(max_length=500, pattern=r"^/[A-Za-z0-9_./-]+$")]
    """Name of the SSM parameter (SecureString) that holds the secret which both sides sign with, such as /labels/secret."""
    records_per_task: Annotated[int, Field(ge=1, le=20)] = 10
    """Predictions of one call, 1 to 20. Default: 10."""


class ReviewAlarms(Block):
    """When somebody is told that review goes wrong."""

    oldest_hours: Annotated[float, Field(gt=0)] = 48
    """Hours after which a task that nobody answered is an alarm, above 0. Default: 48."""
    model_agreement: Share = 0.5
    """Share of a week's labels that agree with the model, below which is an alarm, 0 to 1; 0: none. Default: 0.5, since mostly
    uncertain predictions are labelled."""


class Review(Block):
    """Which predictions of an endpoint people look at. Their answers are labels in its ground truth."""

    monitor: fields.MonitorName | None = None
    """The monitor whose runs send predictions to people. Left out: the only one."""
    problem_type: Literal["binary", "multiclass"] = "binary"
    """What the model predicts. Default: binary."""
    labels: Annotated[tuple[Label, ...], Field(max_length=100)] = ()
    """Labels that a reviewer chooses from, in the order of the scores where a response has one for each class. Default: 0 and 1."""
    label_names: dict[str, Annotated[str, Field(min_length=1, max_length=60)]] = Field(default_factory=dict)
    """What labels are called for people, such as {"1": malignant}. Default: the labels themselves."""
    instructions: Annotated[str, Field(max_length=1000)] = ""
    """What reviewers read above each task, up to 1000 characters. Default: nothing."""
    positive: Label | None = None
    """Of a binary problem the label that the score is of. Left out: the last of labels."""
    threshold: Share = 0.5
    """Score above which the model says the positive label, 0 to 1. Default: 0.5."""
    measure: Literal["band", "margin", "entropy"] | None = None
    """How uncertainty is told. band: a score between low and high. margin: the two likeliest classes less than limit apart.
    entropy: above limit, as a share of the most there can be. Left out: band for binary, margin for multiclass."""
    low: Share = 0.1
    """Score above which a prediction is uncertain, 0 to 1. Default: 0.1."""
    high: Share = 0.9
    """Score below which a prediction is uncertain, 0 to 1. Default: 0.9."""
    classes: dict[str, Band] = Field(default_factory=dict)
    """Bands of single predicted classes. Default: low and high for all."""
    limit: Share | None = None
    """Of margin or entropy, 0 to 1. Left out: 0.2 of margin, 0.5 of entropy."""
    sample_per_class: Annotated[int, Field(ge=0, le=100)] = 1
    """Confident predictions of each predicted class that people see every hour, 0 to 100, so that labels are not of uncertain
    ones alone. Default: 1."""
    per_hour: Count = 20
    """Most tasks of an hour of traffic, at least 1; the most uncertain come first. Default: 20."""
    per_day: Count = 100
    """Most tasks of a day of traffic, at least 1. Default: 100."""
    features: Annotated[tuple[fields.FeatureName, ...], Field(min_length=1, max_length=200)]
    """Features that reviewers may see, one to 200; no other value of a record leaves the capture. Restricted ones are refused."""
    lease_minutes: Annotated[int, Field(ge=1, le=480)] = 10
    """Minutes for which a task is one person's, 1 to 480. Default: 10."""
    second_opinions: Share = 0.1
    """Share of the tasks that two people answer, 0 to 1; where they differ a third does. Default: 0.1."""
    wait_days: Annotated[int, Field(ge=1, le=365)] = 14
    """Days after which nobody is asked any more, 1 to 365. Default: 14."""
    alarms: ReviewAlarms = ReviewAlarms()
    """When somebody is told that review goes wrong. Default: tasks older than two days, less than half agreement."""
    augmented_ai: AugmentedAi | None = None
    """Where workers of Amazon Augmented AI answer. Left out: they do not."""
    queue: LabellingQueue | None = None
    """Where a tool of yours answers that reads a queue. Left out: it does not."""
    webhook: LabellingWebhook | None = None
    """Where a tool of yours answers that is called. Left out: it does not; without any of the three, people work with the page."""

    @property
    def workforce(self) -> AugmentedAi | LabellingQueue | LabellingWebhook | None:
        """Who answers elsewhere; None where people work with the page."""
        return self.augmented_ai or self.queue or self.webhook

    @check
    def _workforce_faults(self) -> Iterator[str]:
        if sum(one is not None for one in (self.augmented_ai, self.queue, self.webhook)) > 1:
            yield "queue: an endpoint has one back-end; give one of augmented_ai, queue and webhook, or none for the page"

    @check
    def _band_faults(self) -> Iterator[str]:
        if self.low >= self.high:
            yield "low: should be below high"
        if self.per_hour > self.per_day:
            yield f"per_hour: should be at most per_day, {self.per_day}"

    @check
    def _label_faults(self) -> Iterator[str]:
        spelled = [_spelled(label) for label in self.labels] or ["0", "1"]
        if self.problem_type == "multiclass" and len(self.labels) < 2:
            yield "labels: should name the classes that a reviewer may choose"
        elif self.problem_type == "binary" and len(spelled) != 2:
            yield "labels: should be two of a binary problem"
        if len(set(spelled)) != len(spelled):
            yield "labels: should differ"
        if self.problem_type == "binary" and self.measure not in (None, "band"):
            yield "measure: should be band for a binary problem: its one score says it all"
        if self.positive is not None and _spelled(self.positive) not in spelled:
            yield "positive: is none of labels"
        for label in self.classes:
            if label not in spelled:
                yield f"classes: '{label}' is none of labels"
        for label in self.label_names:
            if label not in spelled:
                yield f"label_names: '{label}' is none of labels"

    @property
    def document(self) -> dict[str, Any]:
        """The block of a run's configuration."""
        ours = {
            "monitor",
            "lease_minutes",
            "second_opinions",
            "wait_days",
            "alarms",
            "augmented_ai",
            "queue",
            "webhook",
        }
        document = self.model_dump(mode="json", exclude=ours, exclude_none=True)
        return {key: value for key, value in document.items() if value not in ([], {}, "")}

    @property
    def rules(self) -> dict[str, Any]:
        """How the tasks are handled."""
        return {
            "lease_seconds": self.lease_minutes * 60,
            "second_opinions": self.second_opinions,
            "per_day": self.per_day,
            "wait_days": self.wait_days,
        }


def _spelled(label: Label) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)


class ReviewApp(Block):
    """The page that reviewers work with, of all endpoints together."""

    user_pool_arn: fields.arn("cognito-idp", "userpool/.+") | None = None  # type: ignore[valid-type]
    """ARN of a Cognito user pool of yours, where your company's OIDC or SAML signs people in. Left out: a pool is created, and
    an administrator invites people."""
    sign_in_domain: Annotated[str, Field(pattern=r"^https://[a-z0-9.-]+$")] | None = None
    """Address of the sign-in pages of that pool, such as https://corp.auth.eu-west-1.amazoncognito.com. Left out: that of the
    created pool; given exactly when user_pool_arn is."""
    identity_providers: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=32)], ...], Field(min_length=1)
    ] = ("COGNITO",)
    """Names of the providers of that pool that reviewers sign in with, at least one. Default: COGNITO, the pool itself."""
    groups_claim: Annotated[str, Field(pattern=r"^[\w:.-]{1,128}$")] = "cognito:groups"
    """Claim of a signed-in person that lists their groups; who is in review-{environment}-{endpoint} reviews it. Default:
    cognito:groups."""
    vpc_endpoint_id: Annotated[str, Field(pattern=r"^vpce-[0-9a-f]+$")] | None = None
    """Id of the VPC endpoint of execute-api through which alone the page is reached. Left out: it is reached from anywhere, by
    those who sign in."""

    @check
    def _pool_faults(self) -> Iterator[str]:
        if (self.user_pool_arn is None) != (self.sign_in_domain is None):
            yield "sign_in_domain: the pool and the address of its sign-in pages are given together"
        if self.user_pool_arn is None and self.identity_providers != ("COGNITO",):
            yield "identity_providers: belong to a pool of yours; name it in user_pool_arn"
