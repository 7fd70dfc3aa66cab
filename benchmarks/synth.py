"""Synthesizes an environment of many endpoints, with the security rules, as `cdk synth` does: `python -m benchmarks.synth 100`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from aws_cdk import App

from app import build
from stacks.settings import environment as settings

ROOT = Path(__file__).resolve().parent.parent
ACCOUNT, REGION = "123456789012", "eu-west-1"


def endpoint(number: int) -> dict[str, Any]:
    """One that serves a model of its own and is watched every hour."""
    place = f"s3://models-{ACCOUNT}/{number}"
    return {
        "model": {
            "image": f"141502667606.dkr.ecr.{REGION}.amazonaws.com/sagemaker-xgboost:3.0-5",
            "artifact": f"{place}/model.tar.gz",
        },
        "payload": {"features": ["age", "income", "region"], "label": "bought"},
        "monitors": {"quality": {"baseline": {"dataset": f"{place}/baseline.csv"}}},
    }


def document(count: int) -> dict[str, Any]:
    """An environment file of so many endpoints."""
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/model-monitor@sha256:{'a' * 64}"
    endpoints = {f"shop-{number}": endpoint(number) for number in range(count)}
    return {"version": 1, "account": ACCOUNT, "region": REGION, "monitor_image": image, "endpoints": endpoints}


def main(arguments: list[str]) -> int:
    """Synthesize into a folder that is thrown away."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    with tempfile.TemporaryDirectory() as folder:
        app = App(context=context, outdir=folder, analytics_reporting=False, tree_metadata=False)
        build(app, settings.parse(document(int(arguments[0])), "fleet", "benchmark"))
        app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
