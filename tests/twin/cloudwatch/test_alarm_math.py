from __future__ import annotations

import math

import pytest

from stacks.constructs.staleness_alarm import stale_expression
from twin.cloudwatch.alarm_math import MathError, Scope, Value, parse


def evaluate(text: str, periods: int = 3, **values: Value) -> Value:
    scope = Scope(values, tuple(values), {name: f"label of {name}" for name in values}, periods, period_seconds=300)
    return parse(text).evaluate(scope)


A = (1.0, None, 3.0)
B = (4.0, 5.0, 0.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b", (5.0, None, 3.0)),
        ("b - a * 2", (2.0, None, -6.0)),
        ("(b - a) * 2", (6.0, None, -6.0)),
        ("a / b", (0.25, None, None)),
        ("-b", (-4.0, -5.0, 0.0)),
        ("a ^ 2", (1.0, None, 9.0)),
        ("a > 2", (0.0, None, 1.0)),
        ("a >= 3", (0.0, None, 1.0)),
        ("b == 5", (0.0, 1.0, 0.0)),
        ("b != 5", (1.0, 0.0, 1.0)),
        ("b > 4.5 OR b < 1", (0.0, 1.0, 1.0)),
        ("b > 3 AND b < 5", (1.0, 0.0, 0.0)),
        ("b > 3 && NOT b > 4", (1.0, 0.0, 0.0)),
        ("b <= 0 || b >= 5", (0.0, 1.0, 1.0)),
        ("FILL(a, 0)", (1.0, 0.0, 3.0)),
        ("FILL(a, b)", (1.0, 5.0, 3.0)),
        ("IF(b > 1, a, 9)", (1.0, None, 9.0)),
        ("IF(a, b)", (4.0, None, 0.0)),
        ("IF(b > 1, a)", (1.0, None, None)),
        ("SUM([a, b])", (5.0, 5.0, 3.0)),
        ("MAX([a, b])", (4.0, 5.0, 3.0)),
        ("MIN([a, b, 2])", (1.0, 2.0, 0.0)),
        ("AVG([a, b])", (2.5, 5.0, 1.5)),
        ("SUM(a)", 4.0),
        ("AVG(a)", 2.0),
        ("SUM(METRICS())", (5.0, 5.0, 3.0)),
        ('SUM(METRICS("of b"))', (4.0, 5.0, 0.0)),
        ("SUM(FILL(METRICS(), 1))", (5.0, 6.0, 3.0)),
        ("a * METRIC_COUNT(METRICS())", (2.0, None, 6.0)),
        ("RUNNING_SUM(a)", (1.0, None, 4.0)),
        ("DATAPOINT_COUNT(a)", 2.0),
        ("TIME_SERIES(7)", (7.0, 7.0, 7.0)),
        ("PERIOD(a)", 300.0),
        ("ABS(b - 5)", (1.0, 0.0, 5.0)),
        ("FLOOR(b / 3) + CEIL(b / 3)", (3.0, 3.0, 0.0)),
        ("2 + 3 * 4 ^ 2", 50.0),
        ("1.5e1 - .5", 14.5),
    ],
)
def test_an_expression_means_what_the_user_guide_says(text: str, expected: Value) -> None:
    assert evaluate(text, a=A, b=B) == expected


def test_traffic_without_a_verdict_is_seen_by_the_staleness_expression() -> None:
    text = "IF(FILL(invocations, 0) > 0 AND FILL(ok, 0) + FILL(failed, 0) == 0, 1, 0)"
    values = {"invocations": (5.0, 5.0, None), "ok": (None, 1.0, None), "failed": (None, None, None)}
    assert evaluate(text, **values) == (1.0, 0.0, 0.0)


def test_runs_that_judged_nothing_are_stale_where_there_was_enough_to_judge() -> None:
    """Hours: judged, no run, quiet, empty capture, not evaluated, few calls not evaluated, few calls and no run."""
    text = stale_expression(("traffic0", "traffic1"), min_records=30)
    values = {
        "traffic0": (40.0, 1.0, None, 30.0, 25.0, 5.0, 5.0),
        "traffic1": (None, None, None, None, 25.0, 5.0, None),
        "runs": (1.0, None, 1.0, 1.0, 1.0, 1.0, None),
        "empty": (0.0, None, 1.0, 1.0, 0.0, 0.0, None),
        "unjudged": (0.0, None, 0.0, 0.0, 1.0, 1.0, None),
    }
    assert evaluate(text, periods=7, **values) == (0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0)


def test_a_number_that_cannot_be_computed_is_not_a_datapoint_value() -> None:
    result = evaluate("1 / 0")
    assert isinstance(result, float)
    assert math.isnan(result)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("ANOMALY_DETECTION_BAND(a, 2)", "function ANOMALY_DETECTION_BAND is not supported"),
        ("SEARCH('x', 'Sum', 300)", "function SEARCH is not supported"),
        ("FILL(a, REPEAT)", "FILL with REPEAT is not supported"),
        ("a +", "found 'the end'"),
        ("(a", r"expected '\)'"),
        ("a b", "unexpected 'b'"),
        ("a ? b", "unexpected character at position 2"),
        ("IF(a)", "IF takes 2 or 3 arguments"),
    ],
)
def test_what_is_not_supported_is_refused_by_name_when_parsed(text: str, complaint: str) -> None:
    with pytest.raises(MathError, match=complaint):
        parse(text)


def test_the_names_an_expression_refers_to_are_known_after_parsing() -> None:
    assert parse("IF(m1 > 0, FILL(e2, 0), 1)").names == {"m1", "e2"}


def test_two_arrays_are_not_combined() -> None:
    with pytest.raises(MathError, match="at most one array"):
        evaluate("METRICS() + METRICS()", a=A, b=B)
