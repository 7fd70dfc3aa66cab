"""The table's part of retraining: conditions and transactions, on moto's table and on the fast one that plays it in other tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.lambda_.retraining.memory_table import MemoryTable

NOW = datetime(2026, 3, 4, 5, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def decisions(load: Callable[[str], SimpleNamespace]) -> Any:
    return load("retraining").decisions


@pytest.fixture(params=["moto", "memory"])
def table(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "memory":
        yield MemoryTable()
        return
    with mock_aws():
        yield boto3.resource("dynamodb").create_table(
            TableName="table",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )


def claimed(decisions: Any, table: Any, run: str, now: datetime, **given: Any) -> bool:
    return bool(decisions.claim(table, "shop", run, now, lease=HOUR, **given))


def test_an_endpoint_is_held_by_one_run_until_it_is_released(decisions: Any, table: Any) -> None:
    assert claimed(decisions, table, "run-1", NOW)
    assert not claimed(decisions, table, "run-2", NOW + HOUR / 2)
    assert not decisions.release(table, "shop", "run-2")
    assert decisions.release(table, "shop", "run-1")
    assert not decisions.release(table, "shop", "run-1"), "it holds nothing any more"
    assert claimed(decisions, table, "run-2", NOW + HOUR / 2)
    known = decisions.history(table, "shop")
    assert (known.owner, known.starts) == ("run-2", (NOW, NOW + HOUR / 2))


def test_a_lease_ends_by_itself_unless_it_is_extended(decisions: Any, table: Any) -> None:
    assert claimed(decisions, table, "run-1", NOW)
    assert decisions.extend(table, "shop", "run-1", NOW + 2 * HOUR)
    assert not decisions.extend(table, "shop", "run-2", NOW + 9 * HOUR)
    assert not claimed(decisions, table, "run-2", NOW + HOUR)
    assert claimed(decisions, table, "run-2", NOW + 2 * HOUR)


def test_a_run_that_lost_its_endpoint_regains_nothing(decisions: Any, table: Any) -> None:
    assert claimed(decisions, table, "run-1", NOW)
    assert decisions.regain(table, "shop", "run-1", NOW + HOUR / 2, HOUR)
    assert decisions.history(table, "shop").lease_until == NOW + HOUR * 1.5
    assert decisions.regain(table, "shop", "run-1", NOW, HOUR), "an old message"
    assert decisions.history(table, "shop").lease_until == NOW + HOUR * 1.5, "shortens nothing"
    assert claimed(decisions, table, "run-2", NOW + 2 * HOUR)
    assert not decisions.regain(table, "shop", "run-1", NOW + 2 * HOUR, HOUR)


def test_whoever_read_what_is_old_writes_nothing_at_all(decisions: Any, table: Any) -> None:
    old = decisions.history(table, "shop")
    assert claimed(decisions, table, "run-1", NOW)
    decisions.release(table, "shop", "run-1")
    kept = ("key", {"action": "start"})
    assert not claimed(decisions, table, "run-2", NOW + HOUR, seen=old, decision=kept)
    assert decisions.find(table, "shop", "key") is None
    assert decisions.history(table, "shop").starts == (NOW,)
    seen = decisions.history(table, "shop")
    assert claimed(decisions, table, "run-2", NOW + HOUR, seen=seen, decision=kept)
    assert decisions.find(table, "shop", "key")["action"] == "start"


def test_a_decision_is_written_once(decisions: Any, table: Any) -> None:
    assert decisions.keep(table, "shop", "key", {"action": "refuse", "is_done": False}, NOW)
    assert not decisions.keep(table, "shop", "key", {"action": "start", "is_done": False}, NOW)
    decisions.looked(table, "shop", "key", NOW + HOUR)
    decisions.looked(table, "shop", "key", NOW + 2 * HOUR)
    decisions.done(table, "shop", "key")
    decisions.accepted(table, "shop", "key", "run-1")
    item = decisions.find(table, "shop", "key")
    assert (item["action"], item["looks"], item["is_done"], item["accepted"]) == ("refuse", 2, True, "run-1")
    assert (item["looked_at"], item["decided_at"]) == ("2026-03-04T07:07:00Z", "2026-03-04T05:07:00Z")


def test_the_newest_decision_about_a_state_change_is_found(decisions: Any, table: Any) -> None:
    for key in ("t1#a", "t1#a#2026-03-04T06:00:00Z", "t1#a#2026-03-04T05:30:00Z", "t2#b"):
        decisions.keep(table, "shop", key, {}, NOW)
    assert decisions.latest(table, "shop", "t1#a")["sk"] == "t1#a#2026-03-04T06:00:00Z"
    assert decisions.latest(table, "shop", "t3") is None


def test_a_proposal_takes_nothing_from_the_run_and_a_start_ends_it(decisions: Any, table: Any) -> None:
    assert claimed(decisions, table, "run-1", NOW)
    seen = decisions.history(table, "shop")
    until = NOW + 24 * HOUR
    assert decisions.propose(table, "shop", ("key", {}), NOW, until=until, seen=seen)
    assert not decisions.propose(table, "shop", ("other", {}), NOW, until=until, seen=seen)
    known = decisions.history(table, "shop")
    assert (known.owner, known.starts, known.proposal, known.proposal_until) == ("run-1", (NOW,), "key", until)
    decisions.release(table, "shop", "run-1")
    assert decisions.history(table, "shop").is_proposed(NOW)
    assert claimed(decisions, table, "run-2", NOW + HOUR)
    assert not decisions.history(table, "shop").is_proposed(NOW)


def test_bringing_back_an_old_model_counts_as_no_start(decisions: Any, table: Any) -> None:
    assert claimed(decisions, table, "run-1", NOW, counts=False)
    known = decisions.history(table, "shop")
    assert (known.owner, known.starts) == ("run-1", ())


def test_what_holds_an_endpoint_and_was_not_carried_out_is_found(decisions: Any, table: Any) -> None:
    assert decisions.unfinished(table, "shop") is None
    claimed(decisions, table, "run-1", NOW, decision=("key", {"is_done": False}))
    assert decisions.unfinished(table, "shop")["sk"] == "key"
    decisions.done(table, "shop", "key")
    assert decisions.unfinished(table, "shop") is None


def test_other_failures_of_the_table_are_raised(decisions: Any) -> None:
    def throttled(**_: Any) -> None:
        codes = [{"Code": "ThrottlingError"}, {"Code": "None"}]
        raise ClientError(
            {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": codes}, "TransactWriteItems"
        )

    table = MemoryTable()
    table.meta = SimpleNamespace(client=SimpleNamespace(transact_write_items=throttled))
    with pytest.raises(ClientError, match="TransactionCanceled"):
        claimed(decisions, table, "run-1", NOW)
