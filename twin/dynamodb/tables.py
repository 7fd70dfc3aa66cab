"""DynamoDB: moto's tables, conditions and transactions, of which the twin lets through what it does as the service does.

Calls are answered one after another: a conditional write compares and writes in one step, which moto's threads would not.
Reserved words and placeholders are checked wherever the service checks them.
"""

from __future__ import annotations

from typing import Final

from twin.api import ApiError, Call
from twin.dynamodb import expressions
from twin.surroundings import Surroundings

REFUSED: Final = {
    "StreamSpecification": "the twin has no streams of tables",
    "ReplicaUpdates": "the twin has no global tables",
}
MODES: Final = ("PAY_PER_REQUEST", "PROVISIONED")


class Tables:
    """The tables of the account."""

    def __init__(self, twin: Surroundings) -> None:
        twin.api.in_turn("dynamodb")
        twin.api.gate(_check)


def _check(call: Call) -> None:
    """Refuse what the twin would not honour, when it is asked for."""
    if call.service != "dynamodb":
        return
    for name, reason in REFUSED.items():
        if call.parameters.get(name):
            raise ApiError("NotImplementedByTwin", f"dynamodb:{call.operation}: {reason}")
    mode = call.parameters.get("BillingMode")
    if mode is not None and mode not in MODES:
        raise ApiError("ValidationException", f"BillingMode {mode}: expected {' or '.join(MODES)}")
    try:
        for part in expressions.parts(call.parameters):
            expressions.check(part)
    except expressions.BadExpression as error:
        raise ApiError("ValidationException", str(error)) from error
