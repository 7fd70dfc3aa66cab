"""Desks over every store that there is, and tasks for them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from model_monitor.review.desk import Desk, Rules
from model_monitor.review.local_store import LocalStores
from model_monitor.review.store import Store
from model_monitor.review.written import task_id

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
CONTEXT = {"endpoint": "clinic", "labels": ["0", "1"], "features": {}}
ROOT = Path(__file__).resolve().parents[3]


def task(number: int, score: float = 0.5, reason: str = "uncertain") -> dict[str, Any]:
    """One routed record."""
    return {
        "id": task_id("clinic", f"event-{number}", 0),
        "endpoint": "clinic",
        "event_id": f"event-{number}",
        "payload_index": 0,
        "time": f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
        "reason": reason,
        "uncertainty": 1 - abs(score - 0.5) / 0.4,
        "weight": None,
        "prediction": str(int(score > 0.5)),
        "score": score,
        "scores": [],
        "features": {"Slope": number},
    }


def later(**span: float) -> datetime:
    return NOW + timedelta(**span)


def table_store_class() -> type:
    """The functions' store, as they load it."""
    path = ROOT / "lambda" / "shared" / "review_table.py"
    spec = importlib.util.spec_from_file_location("review_table_under_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.TableStore


def make_table(name: str = "runs") -> Any:
    """The environment's table."""
    return boto3.resource("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.fixture(scope="module")
def table() -> Iterator[Any]:
    """One table for many tests, which takes a second to make; each has partitions of its own."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        yield make_table()


@pytest.fixture(params=["memory", "file", "table"])
def store_of(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Store]]:
    """Stores of endpoints, by their names."""
    if request.param == "table":
        table, kind = request.getfixturevalue("table"), table_store_class()
        yield lambda endpoint: kind(table, f"{tmp_path}/{endpoint}")
        return
    stores = LocalStores() if request.param == "memory" else LocalStores(tmp_path / "desk.sqlite")
    yield stores.of
    stores.close()


@pytest.fixture
def desk_of(store_of: Callable[[str], Store]) -> Callable[..., Desk]:
    """`desk_of()` with some tasks; rules by name."""

    def make(*tasks: dict[str, Any], endpoint: str = "clinic", **rules: Any) -> Desk:
        desk = Desk(store_of(endpoint), Rules(**{"second_opinions": 0.0, **rules}))
        desk.put(tasks, CONTEXT, NOW)
        return desk

    return make
