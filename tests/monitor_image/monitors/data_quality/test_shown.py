"""A feature's line on the terminal says what became of each of its checks."""

from __future__ import annotations

import pytest

from model_monitor.contract import MISSING_COLUMNS, CheckType, Verdict
from model_monitor.monitors.conclusion import Check, Conclusion, Outcome
from model_monitor.monitors.data_quality.shown import lines
from model_monitor.words import BY_CHANCE

FEATURE = {
    "name": "bmi",
    "inferred_type": "Fractional",
    "present": 9,
    "missing": 0,
    "completeness": 1.0,
    "distance": None,
}
SUMMARY = {"features": [FEATURE]}
MISSING = "the feature is missing from the window's records"


def check(type_: CheckType, outcome: Outcome, reason: str = "", subject: str = "bmi") -> Check:
    return Check(type_, subject, outcome, description=reason)


HELD = [check(CheckType.DATA_TYPE, Outcome.HELD), check(CheckType.COMPLETENESS, Outcome.HELD)]
NO_DRIFT = check(CheckType.BASELINE_DRIFT, Outcome.NOT_EVALUATED, "no distribution")
NO_VALUES = check(CheckType.CATEGORICAL_VALUES, Outcome.NOT_EVALUATED, "too many values")
AT_MOST = Check(CheckType.BASELINE_DRIFT, "bmi", Outcome.HELD, 0.1525, 0.1, sentence=BY_CHANCE, distance=0.1)
WITHIN = Check(CheckType.BASELINE_DRIFT, "bmi", Outcome.HELD, 0.05, 0.1, sentence="what it is", distance=0.05)
VIOLATED = check(CheckType.NON_NEGATIVE, Outcome.VIOLATED, "below zero")


@pytest.mark.parametrize(
    ("checks", "told"),
    [
        (HELD, "  held"),
        (
            [*HELD, NO_DRIFT, NO_VALUES],
            "  held (2 of 4 checks); not evaluated: baseline_drift_check (no distribution); "
            "categorical_values_check (too many values)",
        ),
        ([NO_DRIFT], "  not evaluated: no distribution"),
        (
            [NO_DRIFT, NO_VALUES],
            "  not evaluated: baseline_drift_check (no distribution); categorical_values_check (too many values)",
        ),
        (
            [*HELD, VIOLATED, NO_DRIFT],
            "  violated: non_negative_check; not evaluated: baseline_drift_check (no distribution)",
        ),
        ([], "  not evaluated: it has no check"),
        ([*HELD, WITHIN], "  held"),
        ([*HELD, AT_MOST], "  held, beyond its limit by chance: baseline_drift_check 0.1525"),
        (
            [*HELD, AT_MOST, NO_VALUES],
            "  held (3 of 4 checks), beyond its limit by chance: baseline_drift_check 0.1525; "
            "not evaluated: categorical_values_check (too many values)",
        ),
    ],
)
def test_held_is_said_of_a_feature_all_of_whose_checks_held(checks, told):
    (_, line) = lines(SUMMARY, Conclusion(Verdict.VIOLATED, tuple(checks)))
    assert line.startswith("bmi ")
    assert line.endswith(told)


def test_a_feature_that_the_window_does_not_have_keeps_its_line():
    columns = check(CheckType.MISSING_COLUMN, Outcome.VIOLATED, "1 of 2", MISSING_COLUMNS)
    gone = [
        check(type_, Outcome.NOT_EVALUATED, MISSING, "income")
        for type_ in (CheckType.DATA_TYPE, CheckType.COMPLETENESS)
    ]
    (_, _, line) = lines(SUMMARY, Conclusion(Verdict.VIOLATED, (columns, *HELD, *gone)))
    assert line.startswith("income")
    assert line.endswith(f"  not evaluated: {MISSING}")
