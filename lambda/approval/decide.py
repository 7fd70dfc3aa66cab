"""Who is asked about a package, and what its answer means. Pure: no AWS calls, no clock, no environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

APPROVED, REJECTED = "Approved", "Rejected"
EVENT_TYPE = "SageMaker Model Package State Change"
SUBJECT_MAX = 100


@dataclass(frozen=True)
class Answer:
    """What a person decided about a package."""

    package_arn: str
    status: str

    @property
    def is_approved(self) -> bool:
        return self.status == APPROVED


def answered(event: Mapping[str, Any]) -> Answer | None:
    """The decision in an event of the registry; None for every other change of a package."""
    detail = event.get("detail")
    if event.get("detail-type") != EVENT_TYPE or not isinstance(detail, Mapping):
        return None
    arn, status = detail.get("ModelPackageArn"), detail.get("ModelApprovalStatus")
    return Answer(str(arn), str(status)) if arn and status in (APPROVED, REJECTED) else None


def token_key(package_arn: str) -> dict[str, str]:
    """Where the token of the execution that waits for a package is kept."""
    return {"pk": f"approval#{package_arn}", "sk": "token"}


def output(answer: Answer) -> str:
    """What the execution goes on with."""
    return json.dumps({"status": answer.status, "package_arn": answer.package_arn})


def question(plan: Mapping[str, Any], package_arn: str, hours: float) -> tuple[str, str]:
    """Subject and text of the message that asks."""
    subject = f"APPROVE? A better model of {plan['endpoint']} waits"[:SUBJECT_MAX]
    command = f"aws sagemaker update-model-package --model-package-arn {package_arn} --model-approval-status"
    lines = (
        f"Retraining {plan['run']} of endpoint {plan['endpoint']} found a model that is better: {plan['compared']['reason']}",
        "",
        f"Why it was trained:  {plan['reason'] or plan['cause'] or plan['started_by']}",
        f"What it was made of: {plan['manifest']}",
        f"The comparison:      {plan['comparison']['event']['comparison']['output_uri']}",
        "",
        f"Until it is approved the old model serves; after {hours:g} hours the question expires.",
        "",
        f"To deploy it:  {command} Approved",
        f"To refuse it:  {command} Rejected",
    )
    return subject, "\n".join(lines)
