from __future__ import annotations

import pytest

from twin.cloudwatch.alarm_rules import RuleError, parse

STATES = {"a": "ALARM", "b": "OK", "c": "INSUFFICIENT_DATA", "with space": "ALARM"}


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("ALARM(a)", True),
        ('ALARM("a")', True),
        ("ALARM('b')", False),
        ("OK(b) AND INSUFFICIENT_DATA(c)", True),
        ("ALARM(b) OR ALARM(a) AND OK(c)", False),
        ("(ALARM(b) OR ALARM(a)) AND NOT OK(c)", True),
        ("NOT (ALARM(a) AND OK(b))", False),
        ('ALARM("with space")', True),
        ("ALARM(arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a)", True),
        ("TRUE", True),
        ("FALSE OR NOT TRUE", False),
        ("NOT NOT ALARM(a)", True),
        ("\n  ALARM(a)\n  AND\n  OK(b)\n", True),
    ],
)
def test_a_rule_holds_by_the_states_it_names(rule: str, holds: bool) -> None:
    assert parse(rule).holds(STATES) is holds


def test_a_rule_knows_its_alarms_once_each_in_order() -> None:
    assert parse("ALARM(b) AND (OK(a) OR ALARM(b))").alarms == ("b", "a")


@pytest.mark.parametrize(
    "rule", ["", "ALARM()", "ALARM(a) ALARM(b)", "(ALARM(a)", "ALARM(a) XOR OK(b)", "AND", "ALARM(a))"]
)
def test_a_rule_that_cannot_be_read_is_refused(rule: str) -> None:
    with pytest.raises(RuleError, match="AlarmRule"):
        parse(rule)
