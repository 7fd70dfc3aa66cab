"""What a typical endpoint costs a month: synthesized, counted, and priced by the list that `make synth` uses."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from aws_cdk import App

from app import build
from benchmarks.jobs import ROOT
from stacks.price import reckoning
from stacks.price.lists import prices
from stacks.price.reckoning import Item
from stacks.settings import environment as settings
from stacks.settings.environment import Settings

TEMPLATE: Final = Path(__file__).parent / "price_page.md"
NAME: Final = "typical"
AT_MOST: Final = 3.0  # dollars a month without the endpoint itself
BUCKET: Final = "s3://team-123456789012/shop"
LABELS: Final = {"min_coverage": 0.8}
ENVIRONMENT: Final[dict[str, Any]] = {
    "version": 1,
    "account": "123456789012",
    "region": "us-east-1",
    "endpoints": {
        NAME: {
            "model": {
                "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/xgboost:3",
                "artifact": f"{BUCKET}/model.tar.gz",
            },
            "payload": {
                "features": [f"feature_{number}" for number in range(100)],
                "label": "bought",
                "output": {"attributions": "why"},
            },
            "ground_truth": {},
            "traffic": {"records_per_hour": 100_000, "record_bytes": 1730},
            "monitors": {
                "all": {
                    "types": ["data_quality", "model_quality", "model_bias", "model_explainability"],
                    "baseline": {"dataset": f"{BUCKET}/baseline.csv"},
                    "model_quality": {"problem_type": "binary", **LABELS},
                    "model_bias": {"facets": [{"name": "feature_0", "values": [1]}], **LABELS},
                    "model_explainability": {"method": "captured"},
                }
            },
        }
    },
}


def typical() -> Settings:
    """100 features, hourly, four monitors, 100,000 records an hour, all else by default."""
    return settings.parse(ENVIRONMENT, "prices", "benchmarks/price.py")


def templates_of(chosen: Settings) -> Mapping[str, Mapping[str, Any]]:
    """Stack name → template."""
    with tempfile.TemporaryDirectory() as folder:
        context = json.loads((ROOT / "cdk.json").read_text())["context"]
        app = App(context=context, outdir=folder, analytics_reporting=False)
        build(app, chosen)
        app.synth()
        found = sorted(Path(folder).glob("*.template.json"))
        return {path.name.removesuffix(".template.json"): json.loads(path.read_text()) for path in found}


def page(items: list[Item]) -> str:
    """docs/price.md."""
    own = [item for item in items if item.of == NAME and item.kind not in reckoning.SERVING]
    beside = [item for item in items if item.of == NAME and item.kind in reckoning.SERVING]
    shared = [item for item in items if not item.of]
    return TEMPLATE.read_text().format(
        at_most=AT_MOST,
        date=prices()["date"],
        source=prices()["source"],
        own=_table(own),
        beside=_table(beside),
        shared=_table(shared),
    )


def _table(items: list[Item]) -> str:
    lines = ["| A month | Amount | Each | Dollars |", "|---|---|---|---|"]
    for item in items:
        amount = f"{item.amount:,.0f}" if item.amount >= 10 else f"{item.amount:.3g}"
        each = f"{item.each:.10f}".rstrip("0").rstrip(".")
        lines.append(f"| {item.kind}: {item.what} | {amount} {item.unit} | ${each} | {item.dollars:.2f} |")
    return "\n".join([*lines, f"| **sum** | | | **{reckoning.total(items):.2f}** |"])
