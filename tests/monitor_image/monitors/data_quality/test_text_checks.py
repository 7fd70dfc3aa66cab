"""Text features of any cardinality are judged: healthy windows are quiet, faults are seen, and it is said what changed."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from model_monitor.contract import CheckType, Decision, Verdict
from model_monitor.monitors.conclusion import Outcome
from model_monitor.monitors.data_quality.baseline import Baseline
from model_monitor.schema import Privacy
from tests.tables import checks_by_subject
from tests.text_world import (
    KINDS,
    NAME,
    baseline_of,
    cities,
    digits,
    drift_and_new_values,
    judged,
    products,
    rows_of,
    uuids,
    words,
)

BASELINE_RECORDS = 100_000  # ten of each city
WINDOWS = {40: 12, 300: 8, 2_000: 3}  # records: seeds; many more when asked for exhaustive ones


@cache
def baseline(kind: str) -> Baseline:
    return baseline_of(KINDS[kind](np.random.default_rng(2026), BASELINE_RECORDS))


@pytest.mark.parametrize("size", WINDOWS)
@pytest.mark.parametrize("kind", KINDS)
def test_healthy_windows_are_quiet(kind, size):
    for seed in range(WINDOWS[size]):
        random = np.random.default_rng([size, seed])
        conclusion = judged(baseline(kind), rows_of(KINDS[kind](random, size)))
        assert conclusion.verdict is Verdict.OK, conclusion.violations
        assert drift_and_new_values(conclusion)[0].outcome is Outcome.HELD


@pytest.mark.exhaustive
@pytest.mark.parametrize(("size", "seeds"), [(40, 1_000), (320, 600), (2_000, 200), (20_000, 20)])
@pytest.mark.parametrize("kind", KINDS)
def test_many_healthy_windows_are_quiet(kind, size, seeds):
    for seed in range(seeds):
        random = np.random.default_rng([size, seed, 3])
        conclusion = judged(baseline(kind), rows_of(KINDS[kind](random, size)))
        assert not conclusion.violations, (seed, conclusion.violations)


@pytest.mark.parametrize("size", [40, 300, 2_000])
@pytest.mark.parametrize("kind", KINDS)
def test_records_that_all_turn_into_one_unknown_value_are_violated(kind, size):
    conclusion = judged(baseline(kind), rows_of(["unknown"] * size))
    drift, _ = drift_and_new_values(conclusion)
    assert conclusion.verdict is Verdict.VIOLATED
    assert drift.outcome is Outcome.VIOLATED
    assert "one value in 100.0% of the records (baseline: 0.0%)" in drift.sentence


@pytest.mark.parametrize("size", [300, 2_000, 20_000])
@pytest.mark.parametrize("kind", ["uuids", "cities", "words", "products"])
def test_fifteen_percent_of_one_new_value_are_violated(kind, size):
    random = np.random.default_rng(size)
    new = round(0.15 * size)
    drift, values = drift_and_new_values(
        judged(baseline(kind), rows_of(["New"] * new + KINDS[kind](random, size - new)))
    )
    assert drift.outcome is Outcome.VIOLATED
    assert drift.observed == pytest.approx(0.15, abs=0.002)
    assert "one value in 15.0% of the records (baseline: 0.0%)" in drift.sentence
    if kind in ("cities", "products"):  # the others have so many new values as a rule
        assert values.outcome is Outcome.VIOLATED


@pytest.mark.parametrize("size", [300, 2_000, 20_000])
@pytest.mark.parametrize("make", [cities, products])
def test_new_values_each_of_few_records_are_violated_where_the_baseline_knows_its_values(make, size):
    random = np.random.default_rng(size)
    new = round(0.15 * size)
    window = [f"City {number}" for number in range(10_000, 10_000 + new)] + make(random, size - new)
    check = drift_and_new_values(judged(baseline(make.__name__), rows_of(window)))[1]
    assert check.outcome is Outcome.VIOLATED
    assert check.observed == pytest.approx(0.85, abs=0.01)
    assert check.sentence.startswith("new values in 15.")
    assert check.baseline is not None
    assert check.baseline > 0.9


def test_identifiers_that_are_always_new_say_nothing_by_being_new():
    check = drift_and_new_values(judged(baseline("uuids"), rows_of(uuids(np.random.default_rng(1), 300))))[1]
    assert check.outcome is Outcome.NOT_EVALUATED
    assert check.description == "nearly every value occurs once in the baseline, too, so new ones say nothing"
    assert not check.is_required


@pytest.mark.parametrize("size", [40, 300, 2_000])
def test_identifiers_that_change_their_form_are_violated(size):
    drift, _ = drift_and_new_values(judged(baseline("uuids"), rows_of(digits(np.random.default_rng(1), size))))
    assert drift.outcome is Outcome.VIOLATED
    assert "whole numbers in 100.0% of the values (baseline: 0.0%)" in drift.sentence
    assert "median length 36 -> 9 characters" in drift.sentence


@pytest.mark.parametrize("size", [40, 300, 2_000])
def test_codes_that_change_their_case_are_told_as_such(size):
    random = np.random.default_rng(size)
    known = baseline_of([f"SKU-{number:05}" for number in random.integers(0, 500, 5_000)])
    window = [f"sku-{number:05}" for number in random.integers(0, 500, size)]
    drift, _ = drift_and_new_values(judged(known, rows_of(window)))
    assert drift.outcome is Outcome.VIOLATED
    assert drift.sentence.startswith("form: capital letters only in 0.0% of the values (baseline: 100.0%)")


@pytest.mark.parametrize("different", [40, 500])
def test_new_values_are_told_with_the_form_that_changed(different):
    random = np.random.default_rng(1)
    codes = random.integers(0, different, 5_300)
    known = baseline_of([f"SKU-{number:05}" for number in codes[:5_000]])
    _, new = drift_and_new_values(judged(known, rows_of([f"sku-{number:05}" for number in codes[5_000:]])))
    assert new.outcome is Outcome.VIOLATED
    assert new.sentence.endswith("; form: capital letters only in 0.0% of the values (baseline: 100.0%)")
    _, others = drift_and_new_values(judged(known, rows_of([f"SKU-{number + 90_000:05}" for number in codes[5_000:]])))
    assert others.outcome is Outcome.VIOLATED
    assert "form" not in others.sentence


def test_identifiers_that_become_shorter_are_violated_though_their_form_stays():
    known = baseline_of(digits(np.random.default_rng(1), 5_000))
    window = [text[:6] for text in digits(np.random.default_rng(2), 300)]
    drift, _ = drift_and_new_values(judged(known, rows_of(window)))
    assert drift.outcome is Outcome.VIOLATED
    assert "median length 9 -> 6 characters" in drift.sentence


def test_identifiers_of_which_only_few_are_left_are_violated():
    few = uuids(np.random.default_rng(3), 50)
    drift, _ = drift_and_new_values(judged(baseline("uuids"), rows_of(few * 40)))
    assert drift.outcome is Outcome.VIOLATED
    assert drift.sentence == "values beside the commonest in 0.0% of the records (baseline: 100.0%)"


def test_an_open_vocabulary_may_have_new_values_up_to_what_the_baseline_leads_to_expect():
    random = np.random.default_rng(4)
    check = drift_and_new_values(judged(baseline("words"), rows_of(words(random, 2_000))))[1]
    assert check.outcome is Outcome.HELD
    assert check.observed is not None
    assert check.baseline == pytest.approx(check.observed, abs=0.03)


def test_a_feature_of_few_values_that_gets_thousands_is_judged():
    known = baseline_of(["a", "b", "c"] * 1_000)
    drift, values = drift_and_new_values(judged(known, rows_of(uuids(np.random.default_rng(5), 6_000))))
    assert drift.outcome is values.outcome is Outcome.VIOLATED
    assert values.observed == 0.0


def test_a_value_is_found_among_more_different_ones_than_are_kept(monkeypatch):
    from model_monitor.sketches import values as module

    monkeypatch.setattr(module, "VALUES_KEPT", 4_096)
    random = np.random.default_rng(6)
    drift, _ = drift_and_new_values(judged(baseline("uuids"), rows_of(["unknown"] * 4_500 + uuids(random, 25_500))))
    assert drift.outcome is Outcome.VIOLATED
    assert drift.observed == pytest.approx(0.15, abs=0.005)
    assert not judged(baseline("uuids"), rows_of(uuids(random, 30_000))).violations


def test_numbers_among_the_baseline_s_texts_are_the_same_values_in_a_window_that_reads_texts():
    random = np.random.default_rng(7)

    def codes(size: int) -> list[str]:
        return [f"{n:05}" if n % 3 else f"K{n}" for n in random.integers(0, 900, size)]

    known = baseline_of(codes(20_000), is_text=False)
    conclusion = judged(known, rows_of(codes(2_000)))
    assert conclusion.verdict is Verdict.OK, conclusion.violations
    assert {check.outcome for check in drift_and_new_values(conclusion)} == {Outcome.HELD}


@pytest.mark.parametrize("kind", ["uuids", "cities"])
def test_a_restricted_feature_is_watched_without_telling_a_value(kind):
    random = np.random.default_rng(8)
    known = baseline_of(KINDS[kind](random, 5_000), Privacy.RESTRICTED)
    healthy = judged(known, rows_of(KINDS[kind](random, 300), Privacy.RESTRICTED))
    assert healthy.verdict is Verdict.OK, healthy.violations
    drift, values = drift_and_new_values(judged(known, rows_of(["unknown"] * 300, Privacy.RESTRICTED)))
    assert drift.outcome is Outcome.VIOLATED
    assert values.outcome is Outcome.NOT_EVALUATED
    assert "unknown" not in drift.sentence + drift.description


def test_aws_rule_says_of_many_values_what_aws_says():
    conclusion = judged(baseline("cities"), rows_of(["unknown"] * 300), Decision.AWS)
    drift = checks_by_subject(conclusion, CheckType.BASELINE_DRIFT)[NAME]
    assert drift.outcome is Outcome.NOT_EVALUATED
    assert drift.description == "the baseline statistics hold no distribution of the feature"
    assert not checks_by_subject(conclusion, CheckType.CATEGORICAL_VALUES)
