"""An endpoint whose one schedule runs every type of monitor, for tests that need all of them at once."""

from __future__ import annotations

import copy
from typing import Any

from stacks.settings import environment as settings
from stacks.settings.environment import Settings

BUCKET = "s3://team-123456789012/fraud"
MONITOR = "monitors__all__"  # where paths of changes to its schedule begin
MODEL_QUALITY: dict[str, Any] = {
    "problem_type": "binary",
    "label_delay": "P7D",
    "min_coverage": 0.8,
    "label_horizon": "P21D",
    "thresholds": {"accuracy": 0.8},
}
CUSTOM: dict[str, Any] = {"module": f"{BUCKET}/metrics.py", "thresholds": {"cost": 2.5}}
BIAS: dict[str, Any] = {
    "label_delay": "P7D",
    "facets": [{"name": "age", "values": [40], "read_as": "threshold"}],
    "group_variable": "amount",
    "bootstrap": {"draws": 50},
}
EXPLAINED: dict[str, Any] = {
    "predictor": {"artefact": f"{BUCKET}/linear.json"},
    "baseline_rows": [[20, 20, 20]],
    "budget": {"rows": 50, "seconds": 60},
    "ndcg_threshold": 0.85,
}
ALARMS: dict[str, Any] = {
    "quality": {"accuracy": 0.75, "false_negative_rate": 0.4},
    "label_coverage": 0.7,
    "custom": {"cost": {"above": 3}},
}
ALL_TYPES = ["data_quality", "model_quality", "model_bias", "model_explainability", "custom_metrics"]
QUALITY_ALONE: dict[str, Any] = {
    "monitors__all__types": ["model_quality"],
    "monitors__all__alarms": {},
    **{f"monitors__all__{type_}": None for type_ in ("model_bias", "model_explainability", "custom_metrics")},
}
DOCUMENT: dict[str, Any] = {
    "version": 1,
    "account": "123456789012",
    "region": "eu-west-1",
    "endpoints": {
        "fraud": {
            "model": {
                "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgboost:3",
                "artifact": f"{BUCKET}/model.tar.gz",
            },
            "payload": {"features": ["amount", "age", "visits"], "label": "is_fraud"},
            "ground_truth": {},
            "monitors": {
                "all": {
                    "types": ALL_TYPES,
                    "scheduler": "model_monitor",
                    "min_records": 20,
                    "baseline": {"dataset": f"{BUCKET}/baseline.csv"},
                    "model_quality": MODEL_QUALITY,
                    "model_bias": BIAS,
                    "model_explainability": EXPLAINED,
                    "custom_metrics": CUSTOM,
                    "alarms": ALARMS,
                }
            },
            "retraining": {
                "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgboost:3",
                "training_data": f"{BUCKET}/train/",
            },
        }
    },
}


def document(**changes: Any) -> dict[str, Any]:
    """The environment with values replaced; paths begin below the endpoint, dots as double underscores. None removes."""
    found = copy.deepcopy(DOCUMENT)
    for path, value in changes.items():
        *parents, last = path.split("__")
        block = found if parents[:1] == ["storage"] else found["endpoints"]["fraud"]
        for key in parents:
            block = block.setdefault(key, {})
        if value is None:
            block.pop(last, None)
        else:
            block[last] = copy.deepcopy(value)
    return found


def analysed(**changes: Any) -> Settings:
    """Its settings. Raises: SettingsFaults."""
    return settings.parse(document(**changes), "analysed", "analysed.yaml")


def faults(**changes: Any) -> list[str]:
    """What is wrong with it."""
    try:
        analysed(**changes)
    except settings.SettingsFaults as error:
        return error.faults
    return []
