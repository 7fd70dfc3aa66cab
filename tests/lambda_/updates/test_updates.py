"""A change of an endpoint becomes one value of a metric, which a composite alarm's suppressor watches."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from model_monitor import contract
from stacks.constructs.composite_alarm import UPDATING


def test_a_change_is_a_value_at_its_time(
    load: Callable[[str], SimpleNamespace], monkeypatch: pytest.MonkeyPatch
) -> None:
    room, sent = load("updates"), []
    monkeypatch.setenv("NAMESPACE", contract.NAMESPACE_OWN)

    def put(**call: Any) -> None:
        sent.append(call)

    monkeypatch.setattr(room.handler, "client", lambda _: SimpleNamespace(put_metric_data=put))
    room.handler.handle(
        {"time": "2026-03-02T12:00:07Z", "detail": {"EndpointName": "shop", "EndpointStatus": "UPDATING"}}
    )
    ((call,), point) = sent, sent[0]["MetricData"][0]
    assert (call["Namespace"], point["MetricName"], point["Value"]) == (contract.NAMESPACE_OWN, UPDATING, 1.0)
    assert point["Dimensions"] == [{"Name": contract.DIMENSION_ENDPOINT, "Value": "shop"}]
    assert f"{point['Timestamp']:%H:%M:%S}" == "12:00:07"
