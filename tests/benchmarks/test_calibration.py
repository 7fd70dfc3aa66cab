"""The calibration's parts: populations are what they say, the bound is exact, the page follows from the committed results."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from benchmarks.calibration import __main__ as calibration, bounds, changes, page, populations, power, publish, replay
from benchmarks.calibration.changes import CHANGES
from benchmarks.calibration.results import joined, of_lines, read_lines
from benchmarks.calibration.samples import Population, Sample, Texts
from benchmarks.calibration.watch import Watch, column_of
from benchmarks.peers.changes_found import threshold
from model_monitor.contract import Decision, Verdict
from model_monitor.schema import Kind
from tests.tables import column

MANY = 40_000


def sample(name: str, size: int = MANY, seed: int = 5) -> Sample:
    return populations.find(name).make(np.random.default_rng(seed), size)


def gaps(sample: Sample, name: str) -> float:
    values = sample.features[name]
    return float((values.codes < 0).mean() if isinstance(values, Texts) else np.isnan(values).mean())


# --- populations ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("population", populations.POPULATIONS, ids=lambda population: population.name)
@pytest.mark.parametrize("size", [1, 40])
def test_a_population_gives_whole_records_and_the_same_ones_every_time(population: Population, size: int) -> None:
    first, again = (population.make(np.random.default_rng(7), size) for _ in range(2))
    assert first.attributions.shape == (len(first.features), size)
    assert np.isfinite(first.attributions).all()
    assert np.array_equal(first.attributions, again.attributions)
    assert {first.size, len(first.prediction)} == {size}


def test_heavy_tails_have_means_that_do_not_settle() -> None:
    found = sample("heavy_tails")
    for name in ("amount", "loss", "ratio", "change"):
        values = np.abs(found.features[name])
        assert values.max() > 50 * np.median(values), name


def test_rare_categories_hold_values_that_no_baseline_has() -> None:
    baseline, window = sample("rare_categories", 2_000), sample("rare_categories", 320, seed=6)

    def words(found: Sample, name: str) -> set[str]:
        texts = found.features[name]
        assert isinstance(texts, Texts)
        return {texts.words[code] for code in texts.codes.tolist()}

    assert words(window, "product") - words(baseline, "product")
    assert not words(window, "order") & words(baseline, "order")
    assert (sample("rare_categories").features["colour"].codes == 4).mean() == pytest.approx(0.0005, abs=0.0004)


def test_nullable_columns_lack_the_shares_that_they_should() -> None:
    shares = {"income": 0.05, "visits": 0.2, "phone": 0.6, "verified": 0.01, "referrer": 0.001, "rating": 0.0002}
    found = sample("nullable")
    assert {name: gaps(found, name) for name in shares} == pytest.approx(shares, abs=0.008)
    assert gaps(found, "income") == pytest.approx(changes.GAPS, abs=0.005)


def test_the_smallest_group_is_one_in_two_hundred_and_labels_differ_by_group() -> None:
    found = sample("small_groups")
    origin = found.features["origin"]
    assert (origin == 7).mean() == pytest.approx(0.005, abs=0.002)
    assert found.label[origin == 7].mean() > found.label[origin == 0].mean() + 0.1


def test_imbalanced_labels_are_one_in_seventy_and_often_missed() -> None:
    found = sample("imbalanced")
    assert found.label.mean() == pytest.approx(1 / 70, abs=0.002)
    assert found.prediction[found.label == 1].mean() == pytest.approx(0.43, abs=0.06)


def test_hours_have_sessions_of_two_or_three_and_each_resembles_the_one_before() -> None:
    found = sample("hours")
    x, device = found.features["x"], found.features["device"]
    assert isinstance(x, np.ndarray)
    assert isinstance(device, Texts)
    assert x.std() == pytest.approx(1, abs=0.03)
    # neighbours share a session in three of five pairs (a session of 2.5 records has 1.5 such pairs), else follow each other
    assert np.corrcoef(x[1:], x[:-1])[0, 1] == pytest.approx(0.7 * (0.6 + 0.4 * 0.3), abs=0.02)
    levels = populations.series(np.random.default_rng(1), MANY)
    assert np.corrcoef(levels[1:], levels[:-1])[0, 1] == pytest.approx(populations.RHO, abs=0.02)
    alike = (device.codes[1:] == device.codes[:-1]).mean()
    assert alike == pytest.approx(0.6 + 0.4 * (0.5**2 + 0.15**2 + 0.34**2 + 0.01**2), abs=0.02)


def test_a_mean_of_hours_varies_as_its_design_effect_says() -> None:
    whole = populations.find("hours").make(np.random.default_rng(11), 320 * 400).features["x"]
    assert isinstance(whole, np.ndarray)
    effect = 320 * whole.reshape(400, 320).mean(axis=1).var() / whole.var()
    assert 0.8 * populations.DESIGN_EFFECT < effect < populations.DESIGN_EFFECT * 1.1


def test_runs_of_dependent_records_are_judged_as_measured_as_declared_and_as_independent() -> None:
    chunk = replay.Chunk("hours", 320, 25, 25)  # two of which are violated where records count as independent
    tally = replay.replay(chunk)
    assert tally.violated["all"] == tally.declared["all"] == 0 < tally.plain["all"]
    assert set(tally.declared) == set(tally.plain) == set(tally.violated)
    independent = replay.replay(replay.Chunk("nullable", 40, 0, 1))
    assert not independent.declared
    assert not independent.plain


def test_errors_of_amounts_grow_with_what_is_predicted() -> None:
    found = sample("amounts")
    errors = np.abs(found.label - found.prediction)
    large = found.prediction > np.median(found.prediction)
    assert np.median(errors[large]) > 1.2 * np.median(errors[~large])


def test_classes_are_told_right_in_eight_of_ten() -> None:
    found = sample("classes")
    assert (found.label == found.prediction).mean() == pytest.approx(0.825, abs=0.01)
    assert (found.label == 4).mean() == pytest.approx(0.02, abs=0.005)


def test_columns_are_those_that_readers_make() -> None:
    words = Texts(np.array([1, -1, 1, 2], np.int32), ("a", "b", "c"))
    for ours, cells in (
        (words, ["b", None, "b", "c"]),
        (Texts(np.array([0, 1, -1], np.int32), ("true", "false")), ["true", "false", None]),
        (np.array([1.5, np.nan, 2.25]), [1.5, None, 2.25]),
        (np.array([3, 4]), [3, 4]),
    ):
        found, expected = column_of(ours), column(cells)
        assert found.kinds.tolist() == expected.kinds.tolist()
        assert (found.numbers is None) == (expected.numbers is None)
        assert found.numbers is None or np.array_equal(found.numbers, expected.numbers, equal_nan=True)
        assert (found.texts and found.texts.to_pylist()) == (expected.texts and expected.texts.to_pylist())
    assert column_of(np.array([1.0, np.nan])).kinds[Kind.INTEGRAL] == 1


# --- changes -------------------------------------------------------------------------------------------------------------


def changed(name: str, size: float) -> tuple[Sample, Sample]:
    before = sample(changes.POPULATION)
    return before, changes.find(name).make(before, size, np.random.default_rng(3).random(MANY))


def test_a_change_has_the_size_that_it_says() -> None:
    before, after = changed("shift", 0.3)
    assert after.features["x"].mean() - before.features["x"].mean() == pytest.approx(0.3)
    before, after = changed("spread", 0.3)
    assert after.features["x"].std() / before.features["x"].std() == pytest.approx(1.3)
    before, after = changed("nulls", 0.1)
    assert gaps(after, "income") - gaps(before, "income") == pytest.approx(0.1, abs=0.005)
    before, after = changed("accuracy", 0.1)
    right = [float((one.label == one.prediction).mean()) for one in (before, after)]
    assert right[0] - right[1] == pytest.approx(0.1, abs=0.005)
    before, after = changed("bias", 0.1)
    shares = [
        [float(one.label[one.features["sex"].codes == code].mean()) for code in (0, 1)] for one in (before, after)
    ]
    assert shares[0][1] == shares[1][1]
    assert shares[0][0] - shares[1][0] == pytest.approx(0.1, abs=0.01)


def test_the_smallest_change_found_is_the_first_level_at_which_nine_of_ten_find_it() -> None:
    change = changes.find("shift")
    found = changes.smallest(change, lambda size: float(size > 0.5))
    assert found == min(level for level in change.levels if level > 0.5)
    assert changes.smallest(change, lambda size: 0.89) is None
    assert changes.smallest(change, lambda size: 1.0) == change.smallest


def test_a_large_change_is_found_by_the_check_that_it_is_about() -> None:
    population = populations.find(changes.POPULATION)
    baseline, window, drawn = changes.windows(320, 0, 2_000)
    watch = Watch.of(population, baseline)
    for change in (changes.find("shift"), changes.find("nulls")):
        assert power.seen(watch, change.make(window, change.largest / 2, drawn), change)["calibrated"]
        assert not power.seen(watch, window, change)["calibrated"]


# --- the bound -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("violated", "runs"), [(0, 1), (0, 6_500), (1, 40), (3, 20_000), (39, 40), (700, 6_500)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_the_bound_is_that_of_scipy(violated: int, runs: int, confidence: float) -> None:
    expected = stats.binomtest(violated, runs, alternative="less").proportion_ci(confidence, method="exact").high
    assert bounds.upper_bound(violated, runs, confidence) == pytest.approx(expected, rel=1e-9)


def test_all_runs_violated_bounds_nothing() -> None:
    assert bounds.upper_bound(5, 5) == 1.0


def test_the_runs_that_a_bound_takes_are_the_fewest() -> None:
    for bound, violated in ((4.63e-4, 0), (4.63e-4, 2), (1e-3, 0), (0.5, 3)):
        runs = bounds.runs_for(bound, violated)
        assert bounds.upper_bound(violated, runs) <= bound < bounds.upper_bound(violated, runs - 1)
    assert bounds.runs_for(page.BUDGET) == 6_470


# --- the harness ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("population", populations.POPULATIONS, ids=lambda population: population.name)
def test_every_monitor_judges_a_healthy_window_of_every_population(population: Population) -> None:
    tally = replay.replay(replay.Chunk(population.name, 320, 0, 1))
    assert tally.runs == 1
    assert tally.judged == dict.fromkeys(("data_quality", "model_quality", "model_bias", "model_explainability"), 1)
    assert replay.replay(replay.Chunk(population.name, 320, 0, 1)).violated == tally.violated


def test_a_baseline_of_ours_is_decided_by_the_calibrated_rule() -> None:
    watch = Watch.of(populations.find("nullable"), sample("nullable", 500))
    assert {each.decision for each in watch.job.monitors} == {Decision.CALIBRATED}
    concluded = watch.conclusions(watch.found(sample("nullable", 100, seed=6)), 100, Decision.AWS)
    assert {each.decision for each in concluded} == {Decision.AWS}
    assert {each.verdict for each in concluded} <= {Verdict.OK, Verdict.VIOLATED}


def test_work_is_taken_up_where_it_ended(tmp_path: Path) -> None:
    tasks = [replay.Chunk("classes", 40, first, 1) for first in range(3)]
    file = tmp_path / "lines.jsonl"
    calibration.work(tasks[:2], replay.runs_of, file, time.monotonic() + 60, workers=1)
    calibration.work(tasks, replay.runs_of, file, time.monotonic() + 60, workers=1)
    assert [line["key"] for line in read_lines(file)] == [task.key for task in tasks]
    assert of_lines(read_lines(file), ())["replay"][0]["runs"] == 3
    calibration.work([replay.Chunk("classes", 40, 9, 1)], replay.runs_of, file, time.monotonic() - 1, workers=1)
    assert len(list(read_lines(file))) == 3


def test_the_work_holds_every_run_once_and_as_many_of_each_population() -> None:
    runs: dict[tuple[str, int], list[int]] = {}
    for chunk in replay.chunks():
        runs.setdefault((chunk.population, chunk.size), []).extend(range(chunk.first, chunk.first + chunk.runs))
    assert all(found == list(range(replay.ROUNDS * replay.ROUND[size])) for (_, size), found in runs.items())
    assert len(runs) == len(populations.POPULATIONS) * len(replay.ROUND)
    independent = sum(population.is_independent for population in populations.POPULATIONS)
    for size in page.AIMED:
        assert independent * replay.ROUNDS * replay.ROUND[size] >= bounds.runs_for(page.BUDGET)


def results_with(runs: int, violated: int, size: int = 40, **found: object) -> dict[str, object]:
    tally = replay.Tally(runs=runs)
    tally.violated["all"] = violated
    cell = {"population": "classes", "size": size, **tally.to_json()}
    return {"machine": runs, "replay": [cell], "power": [{"size": size, "change": "shift", **found}]}


def test_published_cells_give_way_to_those_with_as_many_runs_and_are_added_to_by_further_rounds() -> None:
    known = results_with(100, 2, aws={"smallest": 1.0})
    for runs, adds, expected in ((99, False, (100, 2)), (100, False, (100, 0)), (50, True, (150, 2))):
        (cell,) = joined(known, results_with(runs, 0, calibrated={"smallest": 0.5}), adds=adds)["replay"]
        assert (cell["runs"], cell["violated"]["all"]) == expected
    both = joined(known, results_with(10, 0, size=320), adds=True)
    assert [(cell["size"], cell["runs"]) for cell in both["replay"]] == [(40, 100), (320, 10)]
    (power,) = joined(known, results_with(1, 0, calibrated={"smallest": 0.5}))["power"]
    assert (power["aws"], power["calibrated"]) == ({"smallest": 1.0}, {"smallest": 0.5})


def test_further_rounds_hold_no_run_of_the_earlier_ones() -> None:
    whole, first, rest = (
        [chunk.key for chunk in replay.chunks(*some)] for some in ((5,), (3,), (5, tuple(replay.ROUND), 3))
    )
    assert first + rest == whole


def test_other_code_has_other_results(tmp_path: Path) -> None:
    source = tmp_path / "a.py"
    source.write_text("1")
    before = calibration.fingerprint(("a.py",), tmp_path)
    source.write_text("2")
    assert calibration.fingerprint(("a.py",), tmp_path) != before


def test_a_peer_that_is_not_installed_is_named_as_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "interpreter", lambda peer: Path("/nonexistent") / peer)
    found = power.measure(power.Search("nannyml", "", 40), 1)
    assert found["shift"]["nannyml"] == {"skipped": "NannyML is not installed here"}
    assert found.keys() == {change.name for change in CHANGES}


@pytest.mark.parametrize("peer", power.PEERS)
def test_a_peer_sees_the_same_records_and_answers(peer: str) -> None:
    if not power.interpreter(peer).exists():
        pytest.skip(f"peer of the calibration not installed: {peer}")
    found = power.measure(power.Search(peer, "", 320), 1)
    assert found["bias"][peer] == {"skipped": "has no such check"}
    assert 0 < found["shift"][peer]["smallest_when_quiet"] < 3
    assert found["shift"][peer]["smallest_at_equal"] is not None


def test_a_peers_threshold_is_the_bells_and_no_higher_than_that_of_heavier_tails() -> None:
    level = 1e-3
    bell = np.abs(np.random.default_rng(2).normal(5, 2, 40_000))
    assert threshold(bell, level) == pytest.approx(stats.norm.isf(level, 5, 2), rel=0.02)
    for heavy in (stats.expon(), stats.t(3), stats.halfnorm()):
        drawn = heavy.rvs(40_000, random_state=3)
        assert threshold(drawn, level) < heavy.isf(level) * 1.02


# --- the page ------------------------------------------------------------------------------------------------------------


def test_the_committed_page_follows_from_the_committed_results() -> None:
    assert page.page(publish.published()) == publish.PAGE.read_text()


def test_no_published_cell_has_more_false_violations_than_allowed() -> None:
    cells = [cell for cell in publish.published()["replay"] if populations.find(cell["population"]).is_independent]
    assert cells
    found = {
        (name, size): page.allowed(size, tally, name)
        for name in page.SETS
        for size, tally in page.by_size(cells).items()
    }
    assert [cell for cell, told in found.items() if "missed" in told] == []


def test_every_cell_tells_whether_its_bound_is_met() -> None:
    def cell(violated: int, runs: int, size: int = 320) -> str:
        tally = replay.Tally(runs=runs)
        tally.violated["all"] = violated
        return page.allowed(size, tally, "all").split(",")[0]

    assert cell(0, 6_470) == "4.6e-04: met"
    assert cell(0, 6_469) == "4.6e-04: open"
    assert cell(9, 6_500) == "4.6e-04: missed"
    assert cell(0, 2_995, 40) == "1.0e-03: met"


def test_a_peer_that_sees_more_at_equal_false_alarms_is_told() -> None:
    row = {"size": 320, "change": "shift", "calibrated": {"smallest": 0.4}, "evidently": {"smallest_at_equal": 0.2}}
    assert page.aims_missed([row]) == ["shift at 320: Evidently"]
    assert page.aims_missed([row | {"evidently": {"smallest_at_equal": 0.39}}]) == []
    assert page.aims_missed([row | {"calibrated": {"smallest": None}}]) == ["shift at 320: Evidently"]
    assert "not known" in page.aims([{"size": 320, "change": "shift", "calibrated": {"smallest": 0.4}}])


def test_results_are_json_that_keeps_every_count() -> None:
    tally = replay.replay(replay.Chunk("classes", 40, 0, 1))
    assert replay.Tally.from_json(json.loads(json.dumps(tally.to_json()))).to_json() == tally.to_json()
