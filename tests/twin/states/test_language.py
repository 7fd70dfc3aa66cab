"""The language: what a definition may say, paths, functions and choices. No twin runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from twin.states import choices, definitions, paths
from twin.states.errors import StatesError
from twin.states.interpreter import Call, Run, Sleep, execute

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DATA = {"a": {"b": [1, "two"], "c d": None}, "n": 3, "t": "x"}
CONTEXT = {"Execution": {"Name": "e", "Input": {}}}
SCOPE = paths.Scope(DATA, CONTEXT, lambda: "u")
TASK = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Parameters": {"FunctionName": "f", "Payload.$": "$"},
    "End": True,
}
ASKING = {
    **TASK,
    "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
    "Parameters": {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}},
}
PASS = {"Type": "Pass", "End": True}


def machine(start: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"StartAt": "S", "States": {"S": start, **more}}


def run(definition: dict[str, Any], data: Any, *answers: Any) -> tuple[Any, list[Any]]:
    """The output (or the error), and what was asked for; answers are sent in turn."""
    chosen = Run(CONTEXT, "eu-west-1", lambda: NOW, lambda: 0.5, lambda: "u", lambda kind, **details: None)
    steps, asked, waiting = execute(definitions.parse(json.dumps(definition)), data, chosen), [], list(answers)
    try:
        effect = next(steps)
        while True:
            asked.append(effect)
            answer = waiting.pop(0) if waiting and isinstance(effect, Call) else None
            effect = steps.throw(answer) if isinstance(answer, StatesError) else steps.send(answer)
    except StopIteration as end:
        return end.value, asked
    except StatesError as error:
        return error.error, asked


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$", DATA),
        ("$.a.b[1]", "two"),
        ("$.a['c d']", None),
        ("$$.Execution.Name", "e"),
        ("States.Format('{}-{}: \\{\\}', $.t, $.n)", "x-3: {}"),
        ("States.JsonToString($.a.b)", '[1,"two"]'),
        ("States.StringToJson('{\"k\": 1}')", {"k": 1}),
        ("States.Array(1, 'it\\'s', $.t, States.UUID(), true, null)", [1, "it's", "x", "u", True, None]),
    ],
)
def test_expressions(text: str, value: Any) -> None:
    assert paths.fill({"v.$": text}, SCOPE) == {"v": value}


@pytest.mark.parametrize(
    "text",
    [
        "$..a",
        "$.a[*]",
        "$.a[?(@.b)]",
        "$.a[0:2]",
        "States.MathAdd(1, 2)",
        "States.Format('{}')",
        "a",
        "States.Array(a)",
    ],
)
def test_expressions_that_are_not_evaluated_are_refused(text: str) -> None:
    with pytest.raises(paths.BadExpression):
        paths.expression(text)


@pytest.mark.parametrize(
    ("rule", "is_so"),
    [
        ({"Variable": "$.t", "StringEquals": "x"}, True),
        ({"Variable": "$.t", "StringMatches": "*x"}, True),
        ({"Variable": "$.n", "NumericGreaterThanEquals": 3}, True),
        ({"Variable": "$.n", "NumericLessThanPath": "$.a.b[0]"}, False),
        ({"Variable": "$.n", "StringEquals": "3"}, False),
        ({"Variable": "$.none", "IsPresent": False}, True),
        ({"Variable": "$.a['c d']", "IsNull": True}, True),
        ({"And": [{"Variable": "$.n", "IsNumeric": True}, {"Not": {"Variable": "$.t", "IsBoolean": True}}]}, True),
        ({"Or": [{"Variable": "$.t", "StringEquals": "y"}, {"Variable": "$.n", "NumericEquals": 4}]}, False),
    ],
)
def test_choices(rule: dict[str, Any], is_so: bool) -> None:
    choices.check({**rule, "Next": "N"})
    assert choices.holds(rule, SCOPE) is is_so


def test_times_compare_as_times() -> None:
    rule = {"Variable": "$", "TimestampLessThan": "2026-03-02T10:00:00+01:00"}
    assert choices.holds(rule, paths.Scope("2026-03-02T08:59:59Z", {}, str))
    assert not choices.holds(rule, paths.Scope("2026-03-02T09:00:01Z", {}, str))


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        (machine({"Type": "Dream", "End": True}), "state type Dream"),
        (machine({**PASS, "Assign": {}}), "field Assign"),
        (machine({**TASK, "HeartbeatSeconds": 5}), "HeartbeatSeconds for tasks of the form .waitForTaskToken only"),
        (machine({**ASKING, "TimeoutSeconds": 60, "HeartbeatSeconds": 60}), "whole number from 1 to 59"),
        (machine({**TASK, "Resource": "arn:aws:states:::aws-sdk:s3:getObject"}), "does not call the resource"),
        (
            machine({**TASK, "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken"}),
            r"must hand it on: \$\$.Task.Token",
        ),
        (machine({**TASK, "Parameters": {"FunctionName": "f", "Body": 1}}), "Body is not supported"),
        (machine({**TASK, "Parameters": {}}), "FunctionName is required"),
        (machine({**TASK, "ResultSelector": {"x.$": "States.Hash($, 'MD5')"}}), "States.Hash is not in the twin"),
        (machine({"Type": "Pass"}), "either Next or End"),
        (machine({"Type": "Pass", "Next": "T"}), "no state T"),
        (machine(PASS, T=PASS), "not reachable"),
        (machine({"Type": "Choice", "Choices": []}), "Choices is a list"),
        (machine({"Type": "Choice", "Choices": [{"Variable": "$", "Like": 1, "Next": "S"}]}), "Like is no comparison"),
        (
            machine({"Type": "Choice", "Choices": [{"Variable": "$", "StringEquals": 1, "Next": "S"}]}),
            "compare with int",
        ),
        (machine({**TASK, "Retry": [{"ErrorEquals": ["States.ALL", "X"]}]}), "stands alone"),
        (machine({**TASK, "Retry": [{"ErrorEquals": ["States.Oops"]}]}), "no error of the language"),
        (machine({**TASK, "Retry": [{"ErrorEquals": ["X"], "BackoffRate": 0.5}]}), "BackoffRate"),
        (machine({**TASK, "Catch": [{"ErrorEquals": ["X"], "Next": "T"}]}), "no state T"),
        (machine({**PASS, "QueryLanguage": "JSONata"}), "JSONPath only"),
        (machine({"Type": "Map", "ItemReader": {}, "End": True}), "field ItemReader"),
        (machine({"Type": "Map", "ItemProcessor": machine({**PASS, "Loop": 1}), "End": True}), "field Loop"),
        (machine({"Type": "Wait", "Seconds": 1, "Timestamp": "x", "End": True}), "a Wait has one of"),
    ],
)
def test_what_is_unknown_is_refused_with_its_place(definition: dict[str, Any], words: str) -> None:
    with pytest.raises(definitions.InvalidDefinition, match=words):
        definitions.parse(json.dumps(definition))


def test_data_goes_in_and_out_by_the_paths() -> None:
    state = {
        **TASK,
        "InputPath": "$.a",
        "Parameters": {"FunctionName": "f", "Payload": {"x.$": "$.b[0]", "who.$": "$$.State.Name"}},
        "ResultSelector": {"kept.$": "$.y"},
        "ResultPath": "$.new.place",
        "OutputPath": "$.new",
    }
    output, (call,) = run(machine(state), DATA, {"y": 7, "z": 8})
    assert call.parameters == {"FunctionName": "f", "Payload": {"x": 1, "who": "S"}}
    assert output == {"place": {"kept": 7}}
    assert run(machine({**TASK, "ResultPath": None}), DATA, 1)[0] == DATA
    assert run(machine({**PASS, "Result": [1], "ResultPath": "$.r"}), {"k": 0})[0] == {"k": 0, "r": [1]}


def test_a_retrier_waits_longer_each_time_and_a_catcher_takes_what_is_left() -> None:
    retry = {"ErrorEquals": ["X"], "IntervalSeconds": 60, "BackoffRate": 3, "MaxAttempts": 3, "MaxDelaySeconds": 500}
    state = {**TASK, "Retry": [retry], "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "T"}]}
    failures = [StatesError("X", "why")] * 4
    output, asked = run(machine(state, T=PASS), {"k": 0}, *failures)
    assert [(e.until - NOW).total_seconds() for e in asked if isinstance(e, Sleep)] == [60, 180, 500]
    assert output == {"k": 0, "e": {"Error": "X", "Cause": "why"}}
    jittered = {**state, "Retry": [{**retry, "JitterStrategy": "FULL"}]}
    _, asked = run(machine(jittered, T=PASS), {"k": 0}, *failures)
    assert [(e.until - NOW).total_seconds() for e in asked if isinstance(e, Sleep)] == [30, 90, 250]


@pytest.mark.parametrize(
    ("names", "error", "is_caught"),
    [
        (["States.TaskFailed"], "Lambda.Unknown", True),
        (["States.TaskFailed"], "States.Timeout", False),
        (["States.ALL"], "States.Timeout", True),
        (["States.ALL"], "States.Runtime", False),
        (["ValueError"], "KeyError", False),
    ],
)
def test_who_catches_what(names: list[str], error: str, is_caught: bool) -> None:
    state = {**TASK, "Catch": [{"ErrorEquals": names, "Next": "T"}]}
    output, _ = run(machine(state, T=PASS), {}, StatesError(error))
    assert output == ({"Error": error, "Cause": ""} if is_caught else error)


def test_ends_of_their_own() -> None:
    assert run(machine({"Type": "Fail", "Error": "Mine", "CausePath": "$.t"}), DATA)[0] == "Mine"
    assert run(machine({"Type": "Succeed", "OutputPath": "$.n"}), DATA)[0] == 3
    assert run(
        machine({"Type": "Choice", "Choices": [{"Variable": "$.t", "IsNull": True, "Next": "T"}]}, T=PASS), DATA
    )[0] == ("States.NoChoiceMatched")
    assert run(machine({**PASS, "Parameters": {"x.$": "$.missing"}}), {})[0] == "States.Runtime"
    assert run(machine({**PASS, "Result": "x" * 262_145}), {})[0] == "States.DataLimitExceeded"
