"""The tables and examples of CloudWatch's user guide, chapter "Configuring how CloudWatch alarms treat missing data"."""

from __future__ import annotations

import pytest

from twin.cloudwatch.alarm_state import Conclusion, conclude, evaluation_range

KEEP = None
VALUES = {"0": 0.0, "X": 2.0, "-": None}
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")


def evaluate(
    pattern: str, treatment: str, to_alarm: int = 3, periods: int = 3, comparison: str = "GreaterThanThreshold"
) -> Conclusion:
    return conclude(
        [VALUES[mark] for mark in pattern.split()],
        comparison=comparison,
        threshold=1.0,
        evaluation_periods=periods,
        datapoints_to_alarm=to_alarm,
        treat_missing_data=treatment,
    )


THREE_OF_THREE = [
    ("0 - X - X", 0, ("OK", "OK", "OK", "OK")),
    ("0 - - - -", 2, ("OK", "OK", "OK", "OK")),
    ("- - - - -", 3, ("INSUFFICIENT_DATA", KEEP, "ALARM", "OK")),
    ("0 X X - X", 0, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("- - X - -", 2, ("ALARM", KEEP, "ALARM", "OK")),
]
TWO_OF_THREE = [
    ("0 - X - X", 0, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("0 0 X 0 X", 0, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("0 - X - -", 1, ("OK", "OK", "ALARM", "OK")),
    ("- - - - 0", 2, ("OK", "OK", "ALARM", "OK")),
    ("- - - X -", 2, ("ALARM", KEEP, "ALARM", "OK")),
]
# rows of the guide's earlier edition that the present one left out
EARLIER_THREE = [
    ("- - - - X", 2, ("INSUFFICIENT_DATA", KEEP, "ALARM", "OK")),
    ("X - - - -", 2, ("ALARM", KEEP, "ALARM", "OK")),
]
EARLIER_TWO = [("- - - - X", 2, ("INSUFFICIENT_DATA", KEEP, "ALARM", "OK"))]

ROWS = [
    (pattern, to_alarm, missing, treatment, state)
    for table, to_alarm in ((THREE_OF_THREE + EARLIER_THREE, 3), (TWO_OF_THREE + EARLIER_TWO, 2))
    for pattern, missing, states in table
    for treatment, state in zip(TREATMENTS, states, strict=True)
]


@pytest.mark.parametrize(("pattern", "to_alarm", "missing", "treatment", "state"), ROWS)
def test_the_tables_of_the_user_guide_hold(
    pattern: str, to_alarm: int, missing: int, treatment: str, state: str | None
) -> None:
    assert evaluate(pattern, treatment, to_alarm).state == state


@pytest.mark.parametrize(("pattern", "to_alarm", "missing", "treatment", "state"), ROWS)
def test_only_the_shortfall_is_filled(
    pattern: str, to_alarm: int, missing: int, treatment: str, state: str | None
) -> None:
    if treatment in ("breaching", "notBreaching"):
        assert evaluate(pattern, treatment, to_alarm).filled == missing


@pytest.mark.parametrize("pattern", ["- - - - X", "- - - X -"])
def test_an_alarm_does_not_go_off_before_its_breaching_datapoint_is_old_enough(pattern: str) -> None:
    assert evaluate(pattern, "missing").state != "ALARM"


def test_readings_older_than_the_evaluated_periods_stand_in_for_missing_ones() -> None:
    conclusion = evaluate("X - X - X", "notBreaching")
    assert (conclusion.state, conclusion.used, conclusion.breaching) == ("ALARM", (0, 2, 4), 3)


def test_readings_beyond_the_most_recent_evaluated_ones_do_not_count() -> None:
    assert evaluate("X X 0 0 0", "breaching").state == "OK"


@pytest.mark.parametrize(
    ("comparison", "states"),
    [
        ("GreaterThanThreshold", ("OK", "OK", "ALARM")),
        ("GreaterThanOrEqualToThreshold", ("OK", "ALARM", "ALARM")),
        ("LessThanThreshold", ("ALARM", "OK", "OK")),
        ("LessThanOrEqualToThreshold", ("ALARM", "ALARM", "OK")),
    ],
)
def test_each_comparison_operator_draws_its_own_line(comparison: str, states: tuple[str, ...]) -> None:
    found = tuple(
        conclude([value], comparison=comparison, threshold=1.0, evaluation_periods=1).state for value in (0.9, 1.0, 1.1)
    )
    assert found == states


def test_one_breaching_reading_is_enough_for_one_of_three() -> None:
    assert evaluate("- - - - X", "missing", to_alarm=1).state == "ALARM"


def test_five_periods_are_looked_at_for_three() -> None:
    assert evaluation_range(3) == 5
