"""An environment whose predictions people look at in every way there is: one endpoint for each back-end."""

from __future__ import annotations

from typing import Any

from demo.review import FEATURES, SHOWN
from stacks.settings import environment as settings

ACCOUNT, REGION, TEAM = "123456789012", "eu-west-1", "team-123456789012"
PAGE, LOOPS, QUEUE, WEBHOOK = "breast-cancer", "breast-cancer-loops", "breast-cancer-queue", "breast-cancer-webhook"
WORK_TEAM = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:workteam/private-crowd/doctors"
TOOL = f"arn:aws:iam::{ACCOUNT}:role/labelling-tool"
SECRET_PARAMETER = "/labels/secret"
WORKFORCES: dict[str, dict[str, Any]] = {
    PAGE: {},
    LOOPS: {"augmented_ai": {"work_team_arn": WORK_TEAM, "records_per_task": 8}},
    QUEUE: {"queue": {"tool_role_arn": TOOL}},
    WEBHOOK: {"webhook": {"url": "https://labels.example.com/tasks", "secret_parameter": SECRET_PARAMETER}},
}


def endpoint(name: str) -> dict[str, Any]:
    """An endpoint of another team; what it captures lies in that team's bucket."""
    return {
        "capture": {"destination": f"s3://{TEAM}/capture"},
        "payload": {"features": list(FEATURES), "label": "diagnosis", "output": {"score": 0}},
        "ground_truth": {},
        "monitors": {"quality": {"baseline": {"dataset": f"s3://{TEAM}/baseline.csv"}}},
        "review": {
            "features": list(SHOWN),
            "label_names": {"0": "benign", "1": "malignant"},
            "second_opinions": 0,
            **WORKFORCES[name],
        },
    }


def document(*names: str, **review: Any) -> dict[str, Any]:
    """The environment with these endpoints; all where none is named."""
    endpoints = {name: endpoint(name) for name in names or WORKFORCES}
    for each in endpoints.values():
        each["review"] |= review
    return {
        "version": 1,
        "account": ACCOUNT,
        "region": REGION,
        "storage": {"keep_data": False},
        "alarms": {"composites": True},
        "endpoints": endpoints,
    }


def everywhere() -> settings.Settings:
    """All four."""
    return settings.parse(document(), "reviews", "reviews.yaml")
