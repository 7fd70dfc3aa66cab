"""A schedule whose alarms may train: its policy, and its alarms as SNS delivers them."""

from __future__ import annotations

import json
from typing import Any

PREFIX = "covertype-data-quality-retrain"
PARAMETER = "/policy"
POLICY: dict[str, Any] = {
    "endpoint": "covertype",
    "schedule": "covertype-data-quality",
    "mode": "train",
    "namespace": "metrics",
    "hours": 1,
    "alarms": {
        "covertype-drift": ["baseline_drift_check"],
        "covertype-drift-composite": ["baseline_drift_check"],
        "covertype-model-quality": ["LessThanThreshold", "GreaterThanThreshold"],
    },
    "other_alarm_names": ["covertype-bias-drift"],
    "violation_alarm_names": ["covertype-violations"],
    "cooldown_hours": 24,
    "max_per_week": 2,
    "reports_uri": "s3://reports/reports",
    "job_name_prefix": PREFIX,
    "training": {
        "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgboost:3.0-5",
        "role_arn": "arn:aws:iam::123456789012:role/training",
        "instance_type": "ml.m5.large",
        "output_uri": "s3://models/covertype/retraining",
        "kms_key_arn": "arn:aws:kms:eu-west-1:123456789012:key/k",
        "source_uri": "s3://assets/sourcedir.tar.gz",
        "region": "eu-west-1",
        "hyperparameters": {"num_round": "100"},
        "channels": [
            {"name": "train", "uri": "s3://models/covertype/train/"},
            {"name": "fresh", "uri": "s3://models/covertype/training/"},
        ],
    },
}


def policy_json(**changes: Any) -> str:
    """The policy as its parameter holds it."""
    return json.dumps(POLICY | changes)


INDEX = {
    "alarms": dict.fromkeys(
        [*POLICY["alarms"], *POLICY["other_alarm_names"], *POLICY["violation_alarm_names"]], POLICY["endpoint"]
    ),
    "jobs": {PREFIX: POLICY["endpoint"]},
    "policies": {POLICY["endpoint"]: PARAMETER},
}


def delivered(time: str, **changes: Any) -> dict[str, Any]:
    """An alarm that went from OK to ALARM. time: as CloudWatch writes it."""
    content = {
        "AlarmName": "covertype-drift",
        "NewStateValue": "ALARM",
        "OldStateValue": "OK",
        "StateChangeTime": time,
    }
    envelope = {"Type": "Notification", "MessageId": "m-1", "Timestamp": time, "Message": json.dumps(content | changes)}
    return {"Records": [{"EventSource": "aws:sns", "Sns": envelope}]}
