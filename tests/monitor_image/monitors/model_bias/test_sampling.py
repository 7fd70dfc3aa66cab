"""What chance explains of bias metrics: exact where it can be counted, honest where it is drawn; healthy windows are quiet."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
from scipy import stats

from model_monitor import flow
from model_monitor.contract import OWN_BLOCK, Decision, JobKind, MonitoringType, Verdict
from model_monitor.errors import BaselineError
from model_monitor.monitors.baseline_files import signed
from model_monitor.monitors.conclusion import Conclusion, Outcome
from model_monitor.monitors.decision import settle
from model_monitor.monitors.model_bias import lattice
from model_monitor.monitors.model_bias.constraints import BiasConstraints, read
from model_monitor.monitors.model_bias.counted import Counted, Flips
from model_monitor.monitors.model_bias.curve import Curve
from model_monitor.monitors.model_bias.metrics import post_training, pre_training
from model_monitor.monitors.model_bias.monitor import MONITOR
from model_monitor.monitors.model_bias.rule import MIRRORED, ONE_GAP, Rule
from model_monitor.monitors.model_bias.sampling import RATIOS, _divergence, evidence
from model_monitor.monitors.model_bias.settings import BiasSettings
from model_monitor.schema import Feature, Privacy, Rows, Schema
from tests.bias_tables import labelled
from tests.monitor_image.monitors.model_bias.test_monitor import FAIR, UNFAIR, job_for, people

BUDGET = 1 / (90 * 24)  # a run's, of one false alarm a quarter


def counted(cells: Any) -> Counted:
    """From (2, 2, 2) counts by side, observed and predicted label."""
    full = np.zeros((1, 2, 2, 3), np.int64)
    full[0, :, :, 1:] = cells
    return Counted(full)


def metrics_of(sample: Counted) -> dict[str, float]:
    found = pre_training(sample.counts.sum(axis=-1)) | post_training(sample.counts[..., 1:])
    return {name: float(value) for name, value in found.items()}


def chance(name: str, window: Counted, baseline: Counted) -> float:
    found = evidence(name, window, baseline, (metrics_of(window)[name], metrics_of(baseline)[name]))
    assert found is not None
    return found.p_value


# --- oracles -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marked", "total", "drawn"), [(7, 40, 12), (0, 9, 4), (9, 9, 4), (300, 2320, 320), (4, 22000, 2000)]
)
def test_an_axis_is_the_hypergeometric_distribution(marked, total, drawn):
    numbers, chances = lattice.axis(marked, total, drawn)
    assert chances == pytest.approx(stats.hypergeom(total, marked, drawn).pmf(numbers), rel=1e-8, abs=1e-15)
    assert chances.sum() == pytest.approx(1, abs=1e-12)


def test_an_axis_of_many_records_takes_one_number_for_its_neighbours():
    numbers, chances = lattice.axis(200_000, 800_000, 300_000)
    assert len(numbers) < 2 * lattice.POINTS
    exact = stats.hypergeom(800_000, 200_000, 300_000)
    far = math.ceil(75_000 + 4.2 * exact.std())
    beyond = exact.pmf(np.arange(far, far + 3000)).sum()
    assert chances[numbers >= far].sum() == pytest.approx(beyond, rel=0.15)


def test_a_plane_is_the_multivariate_hypergeometric_distribution():
    first, second, chances = lattice.plane((6, 9), 60, 20)
    exact = stats.multivariate_hypergeom([6, 9, 45], 20)
    for i, j in ((0, 0), (2, 3), (6, 9), (5, 1)):
        place = (int(np.flatnonzero(first[:, 0] == i)[0]), int(np.flatnonzero(second[0] == j)[0]))
        assert chances[place] == pytest.approx(exact.pmf([i, j, 20 - i - j]), rel=1e-9)


@pytest.mark.parametrize("counts", [(3, 10, 5, 9), (0, 10, 5, 9), (10, 10, 0, 9), (3, 10, 9, 9), (0, 10, 0, 9)])
def test_divergences_on_a_lattice_are_the_metrics(counts):
    of_a, all_a, of_d, all_d = counts
    exact = pre_training(np.array([[[all_a - of_a, of_a], [all_d - of_d, of_d]]]))
    for name in ("KL", "JS"):
        found = _divergence(name, np.array(of_a), np.array(of_d), np.array([all_a, all_d]))
        assert float(found) == pytest.approx(float(exact[name]), abs=1e-15)


def table(rng: np.random.Generator, size: int) -> np.ndarray:
    shares = np.array([[[0.25, 0.15], [0.05, 0.15]], [[0.15, 0.1], [0.05, 0.1]]])
    return rng.multinomial(size, shares.ravel()).reshape(2, 2, 2)


@pytest.mark.parametrize(
    "name", ["DPL", "KL", "JS", "TVD", "DPPL", "AD", "RD", "SD", "DAR", "DRR", "TE", "DI", "GE", "CI"]
)
def test_exact_chances_are_those_of_drawing_which_records_are_the_windows(name):
    """The permutation test with 40,000 draws, of cases that are rather rare; the other side counts as much again."""
    rng, observed = np.random.default_rng(1), 1.0
    while not 0.001 < observed < 0.1:
        window, baseline = counted(table(rng, 160)), counted(table(rng, 400))
        observed = chance(name, window, baseline)
    pooled = window.counts + baseline.counts
    sizes = _strata(name, window)
    drawn = np.zeros((40_000, 1, 2, 2, 3), np.int64)
    flat = drawn.reshape(40_000, -1)
    for cells, count in sizes:
        flat[:, cells] = rng.multivariate_hypergeometric(pooled.ravel()[cells], count, size=40_000)
    values = _smoothed(name, drawn), _smoothed(name, pooled - drawn)
    found = [float(_smoothed(name, sample.counts[None])[0]) for sample in (window, baseline)]
    as_far = (np.abs(values[0]) > np.abs(values[1])) & (
        np.abs(values[0] - values[1]) >= abs(found[0] - found[1]) - 1e-12
    )
    assert observed / 2 == pytest.approx(as_far.mean(), abs=4 * math.sqrt(observed / 40_000) + 1e-4)


def _strata(name: str, window: Counted) -> list[tuple[np.ndarray, int]]:
    """Cells that are mixed with each other, and how many of them are the window's: what the test takes as it is."""
    places = np.arange(12).reshape(2, 2, 3)
    among = {
        "RD": [places[:, 1]], "SD": [places[:, 0]], "DAR": [places[:, :, 2]], "DRR": [places[:, :, 1]],
        "TE": [np.array([[places[s, 1, 1], places[s, 0, 2]] for s in (0, 1)])],
    }.get(name, [places])  # fmt: skip
    parts = [places.ravel()] if name in ("GE", "CI") else [side.ravel() for part in among for side in part]
    rest = np.setdiff1d(places, np.concatenate(parts))
    parts += [np.array([cell]) for cell in rest]
    flat = window.counts.ravel()
    return [(cells, int(flat[cells].sum())) for cells in parts]


def _smoothed(name: str, tables: np.ndarray) -> np.ndarray:
    if name == "DI":
        said = tables[..., 1:].sum(axis=(1, 3))
        shares = (said[..., 1] + 0.5) / (said.sum(axis=-1) + 1)
        return np.log(shares[:, 1] / shares[:, 0])
    if name == "TE":
        cells = tables[..., 1:].sum(axis=1)
        odds = (cells[:, :, 1, 0] + 0.5) / (cells[:, :, 0, 1] + 0.5)
        return odds[:, 0] - odds[:, 1]
    values = pre_training(tables.sum(axis=-1)) | post_training(tables[..., 1:])
    return values[name]


@pytest.mark.parametrize("name", sorted(MIRRORED | ONE_GAP.keys()))
def test_gaps_of_one_thing_and_of_sides_that_change_places_are_one_test(name: str) -> None:
    rng = np.random.default_rng(12)
    for _ in range(5):
        window, baseline = (
            counted(rng.multinomial(size, rng.dirichlet(np.full(8, 3.0))).reshape(2, 2, 2)) for size in (300, 900)
        )
        turned = [Counted(np.ascontiguousarray(each.counts[:, ::-1])) for each in (window, baseline)]
        found = []
        for here, there, asked in (
            (window, baseline, name),
            (*turned, name),
            (window, baseline, ONE_GAP.get(name, name)),
        ):
            rule = Rule(BiasSettings(), Decision.CALIBRATED, here, there)
            told = rule.evidence(asked, metrics_of(here)[asked], metrics_of(there)[asked])
            assert told is not None
            found.append(told)
        assert len({each.alike for each in found}) == 1
        assert [each.p_value for each in found] == pytest.approx([found[0].p_value] * 3, rel=0.05)  # ties
        others = Rule(BiasSettings(), Decision.CALIBRATED, turned[0], baseline).evidence(name, 0.1, 0.0)
        assert others is not None
        assert others.alike != found[0].alike


# --- what a run says -----------------------------------------------------------------------------------------------------


def calibrated(rows: Rows, baseline: BiasConstraints | None, **options: Any) -> Conclusion:
    """A window's conclusion, settled as a run of this monitor alone would."""
    job = job_for(rows, **options)
    job = replace(job, monitors=(replace(job.monitors[0], decision=Decision.CALIBRATED),))
    found = MONITOR.check(MONITOR.statistics(MONITOR.profile(rows, job), job), baseline, job)
    return settle([replace(found, decision=Decision.CALIBRATED)], BUDGET)[0]


def written(rows: Rows, **options: Any) -> dict[str, Any]:
    job = job_for(rows, JobKind.BASELINE, **options)
    found = MONITOR.statistics(MONITOR.profile(rows, job), job)
    content = MONITOR.files.constraints(MONITOR.suggest(found, job))
    assert content == MONITOR.files.statistics(found)
    document: dict[str, Any] = orjson.loads(orjson.dumps(content))
    return document


def baseline_of(rows: Rows, **options: Any) -> BiasConstraints:
    return read(written(rows, **options), "analysis.json")


def by_metric(conclusion: Conclusion) -> dict[str, Any]:
    return {check.metric_name: check for check in conclusion.checks}


def test_a_group_that_is_treated_worse_violates_with_what_changed_in_plain_words() -> None:
    worse = calibrated(UNFAIR, baseline_of(FAIR))
    violated = {check.metric_name for check in worse.violations}
    assert violated == {"DPL", "JS", "KL", "KS", "LP", "TVD", "DPPL", "DI", "FT"}  # DI too, of which AWS says nothing
    check = by_metric(worse)["DI"]
    assert (check.observed, check.baseline) == (pytest.approx(0.4, abs=0.01), pytest.approx(0.9, abs=0.01))
    assert check.observed < check.allowance < check.baseline
    assert check.sentence == (
        "Disparate Impact 0.9000 -> 0.4000, 200 records of the group against 200 (baseline: 200 against 200)"
    )
    assert 0 < check.evidence.p_value < 1e-5
    same = calibrated(FAIR, baseline_of(FAIR))
    assert same.verdict is Verdict.OK
    assert {check.outcome for check in same.checks} == {Outcome.HELD, Outcome.NOT_EVALUATED}


def test_what_chance_explains_is_held_and_the_allowance_says_how_far_it_goes() -> None:
    baseline = baseline_of(people(0.80, 4000), methods=["DPL", "DI"])
    slightly = by_metric(calibrated(people(0.70, 200), baseline, methods=["DPL", "DI"]))["DPL"]
    assert slightly.outcome is Outcome.HELD
    assert slightly.sentence.startswith("beyond its limit, and within what sampling explains: Difference in Positive")
    assert slightly.allowed < slightly.observed < slightly.allowance
    clearly = by_metric(calibrated(people(0.2, 2000), baseline, methods=["DPL", "DI"]))
    assert clearly["DPL"].outcome is clearly["DI"].outcome is Outcome.VIOLATED


def shares(positive: float, count: int = 400) -> Rows:
    """Half of the records are of the group, of which that share is accepted, of the others six in ten; labels are as said."""
    index = np.arange(count)
    rank = (index // 2) / (count // 2)
    said = (rank < np.where(index % 2 == 1, positive, 0.6)).astype(int).tolist()
    return labelled({"sex": (index % 2).tolist(), "x": rank.tolist()}, said, said)


@pytest.mark.parametrize(("before", "after", "is_worse"), [(0.136, 0.0, True), (0.0, 0.136, False), (0.3, 0.6, False)])
def test_disparate_impact_is_judged_by_its_logarithm_and_zero_is_worst(before, after, is_worse) -> None:
    found = by_metric(calibrated(shares(after), baseline_of(shares(before), methods=["DI"]), methods=["DI"]))["DI"]
    assert (found.outcome is Outcome.VIOLATED) is is_worse
    assert found.evidence is not None
    assert found.allowance > 0


def test_a_ratio_that_became_infinite_has_an_interval_too() -> None:
    def errors(false_positives: int) -> Rows:
        sex = [0] * 100 + [1] * 100
        label = [1] * 10 + [0] * 10 + [1, 0] * 40 + [1] * 20 + [0] * false_positives + [1] * (80 - false_positives)
        said = [0] * 10 + [1] * 10 + [1, 0] * 40 + [0] * 20 + [1] * 80
        return labelled({"sex": sex, "x": list(range(200))}, label, said)

    baseline = baseline_of(errors(20), methods=["TE"])
    assert by_metric(calibrated(errors(0), baseline, methods=["TE"]))["TE"].outcome is Outcome.VIOLATED
    rare = baseline_of(errors(3), methods=["TE"])
    never = by_metric(calibrated(errors(0), rare, methods=["TE"]))["TE"]
    assert (never.observed, never.outcome) == (math.inf, Outcome.HELD)
    assert never.evidence.p_value > 0.05


def test_a_margin_says_how_much_worse_is_still_good_enough() -> None:
    baseline = baseline_of(FAIR, methods=["DPL", "DI", "LP"])
    found = by_metric(calibrated(UNFAIR, baseline, methods=["DPL", "DI", "LP"], margin=0.35))
    assert found["DPL"].allowed == pytest.approx(0.06 + 0.35, abs=1e-9)
    assert found["LP"].allowed == pytest.approx((0.06 + 0.35) * math.sqrt(2), abs=1e-9)
    assert found["DI"].allowed == pytest.approx(0.9 * math.exp(-0.35), abs=1e-9)
    assert [name for name, check in found.items() if check.outcome is Outcome.VIOLATED] == ["DI"]


def test_with_aws_the_rule_is_awss_and_nothing_is_said_of_chance() -> None:
    job = job_for(UNFAIR, margin=0.9)
    found = MONITOR.check(MONITOR.statistics(MONITOR.profile(UNFAIR, job), job), baseline_of(FAIR), job)
    check = by_metric(found)["DPL"]
    assert (check.outcome, check.evidence, check.allowed) == (Outcome.VIOLATED, None, check.baseline)
    assert by_metric(found)["DI"].outcome is Outcome.HELD


def test_small_groups_are_not_evaluated_on_either_side() -> None:
    def some(group: int) -> Rows:
        sex = [1] * group + [0] * (200 - group)
        return labelled({"sex": sex, "x": list(range(200))}, [1, 0] * 100, [1, 0] * 100)

    named = calibrated(some(9), baseline_of(some(60)))
    assert named.verdict is Verdict.INSUFFICIENT_DATA
    assert "one side of the facet has fewer than 10 records" in named.reason
    before = calibrated(some(60), baseline_of(some(9)))
    assert "one side of the baseline's facet has fewer than 10 records" in before.reason
    fewer = calibrated(some(9), baseline_of(some(60)), min_group_records=5)
    assert [check.metric_name for check in fewer.violations] == ["CI"]  # the group is rarer indeed
    towns = labelled({"town": ["A"] * 8 + ["B", "C"] * 96}, [1, 0] * 100, [1, 0] * 100)
    found = calibrated(towns, baseline_of(towns, facets=["town"], flip_test=False), facets=["town"], flip_test=False)
    assert found.verdict is Verdict.OK  # rare values that nobody named come and go
    assert [c.subject for c in found.checks if "fewer than 10" in c.description] == ["town #1"]


def test_a_metric_of_which_one_side_has_no_record_is_not_evaluated() -> None:
    found = by_metric(calibrated(FAIR, baseline_of(FAIR)))  # predictions are the labels: there are no errors
    assert found["TE"].outcome is Outcome.NOT_EVALUATED
    assert found["TE"].description == "one side of the facet has no record that it counts here"


def rarely_accepted(count: int, accepted: int) -> Rows:
    """Two sides; of all records three in two hundred are positive, and `accepted` are said to be."""
    index = np.arange(count)
    label, said = (index % 200 < 3).astype(int).tolist(), (index < accepted).astype(int).tolist()
    return labelled({"sex": (index % 2).tolist(), "x": index.tolist()}, label, said)


@pytest.mark.parametrize(
    ("count", "decision", "verdict"),
    [
        (400, Decision.CALIBRATED, Verdict.OK),
        (400, Decision.AWS, Verdict.INSUFFICIENT_DATA),
        (4000, Decision.CALIBRATED, Verdict.INSUFFICIENT_DATA),  # twenty were to be expected
    ],
)
def test_metrics_of_a_set_that_is_empty_as_expected_are_not_asked_for(count, decision, verdict) -> None:
    baseline = baseline_of(rarely_accepted(2000, 10), flip_test=False)
    job = job_for(rarely_accepted(count, 0), flip_test=False)
    job = replace(job, monitors=(replace(job.monitors[0], decision=decision),))
    rows = rarely_accepted(count, 0)
    found = MONITOR.check(MONITOR.statistics(MONITOR.profile(rows, job), job), baseline, job)
    assert found.verdict is verdict, found.reason
    missed = by_metric(found)["DPPL"]
    assert (missed.outcome, missed.description) == (Outcome.NOT_EVALUATED, "No positive labels in set")
    assert by_metric(found)["CI"].outcome is not Outcome.NOT_EVALUATED


@pytest.mark.parametrize(("label", "word"), [(0, "positive"), (1, "negative")])
@pytest.mark.parametrize("asked", [{}, {"methods": ["DPL"]}, {"methods": ["DPL", "CI", "DPPL"]}])
def test_labels_that_are_all_one_are_no_fairness(label: int, word: str, asked: dict[str, Any]) -> None:
    """Every gap of labels is 0 then, and the baseline, of which half are positive, says that it is no chance."""
    cells = {feature.name: FAIR.features[i].numbers.tolist() for i, feature in enumerate(FAIR.schema.features)}
    said = [int(FAIR.truth.words[code]) for code in FAIR.truth.codes.tolist()]
    found = calibrated(labelled(cells, [label] * len(said), said), baseline_of(FAIR, **asked), **asked)
    assert found.verdict is not Verdict.OK
    told = by_metric(found)
    for name in told.keys() & {"DPL", "KL", "KS", "LP", "JS", "TVD"}:
        assert told[name].outcome is Outcome.NOT_EVALUATED
        assert told[name].description == f"No {word} labels in set"
        assert told[name].is_required
    assert "CI" not in told or told["CI"].outcome is Outcome.HELD, "it looks at no label"
    assert "DPPL" not in told or told["DPPL"].outcome is Outcome.HELD


def test_an_analysis_of_awss_is_taken_as_it_is_and_the_windows_own_chance_counts() -> None:
    document = written(FAIR)
    del document[OWN_BLOCK]
    baseline = read(document, "analysis.json")
    assert baseline.counted == {}
    assert calibrated(people(0.85, 200), baseline).verdict is Verdict.OK
    assert {"DPL", "DI"} <= {check.metric_name for check in calibrated(UNFAIR, baseline).violations}


# --- what a baseline keeps -----------------------------------------------------------------------------------------------


def with_towns(rows: Rows, seed: int = 3) -> Rows:
    towns = np.random.default_rng(seed).choice(["Kranj", "Bled", "Celje"], rows.count, p=[0.5, 0.3, 0.2]).tolist()
    label = [int(rows.truth.words[code]) for code in rows.truth.codes.tolist()]
    cells = {name: rows.features[i].numbers.tolist() for i, name in enumerate(("sex", "x"))}
    return labelled({**cells, "town": towns}, label, label)


def test_counts_come_back_as_they_were_written() -> None:
    rows = with_towns(FAIR)
    document = written(rows, group_variable="town")
    ((key, sample),) = read(document, "analysis.json").counted.items()
    assert key == ("sex", "1")
    assert sample.observed.tolist() == [[80, 120], [92, 108]]
    assert len(sample.groups) == 3
    assert sample.counts[1:].sum() == 400
    again = sample.to_json()
    (kept,) = document[OWN_BLOCK]["counted"]["sex"]
    assert {"value_or_threshold": "1", **orjson.loads(orjson.dumps(again))} == kept
    assert not [text for text in ("Kranj", "Bled", "Celje") if text in orjson.dumps(document).decode()]
    window = MONITOR.files.statistics(MONITOR.statistics(MONITOR.profile(rows, job_for(rows)), job_for(rows)))
    assert OWN_BLOCK not in window


@pytest.mark.parametrize("name", ["sex", "town"])
def test_of_restricted_facets_and_groups_no_counts_by_group_are_kept_and_they_are_judged_all_the_same(name) -> None:
    def hidden(rows: Rows) -> Rows:
        features = tuple(
            Feature(f, privacy=Privacy.RESTRICTED if f == name else Privacy.OPEN) for f in ("sex", "x", "town")
        )
        return replace(with_towns(rows), schema=Schema(features))

    options = {"group_variable": "town", "flip_test": False}
    document = written(hidden(FAIR), **options)
    (kept,) = document[OWN_BLOCK]["counted"]["sex"]
    assert sorted(kept) == ["counts", "curves", "value_or_threshold"]
    baseline = read(document, "analysis.json")
    same, worse = (calibrated(hidden(rows), baseline, **options) for rows in (people(0.85), people(0.2, 2000)))
    assert same.verdict is Verdict.OK
    assert by_metric(same)["CDDL"].evidence.p_value > 0.01
    assert "CDDL" in {check.metric_name for check in worse.violations}


@pytest.mark.parametrize(
    "content", [{"sex": [{"counts": [1]}]}, {"sex": [{"value_or_threshold": "1", "counts": ["x"] * 12}]}]
)
def test_counts_that_are_none_are_refused(content) -> None:
    document = written(FAIR) | {OWN_BLOCK: {"counted": content}}
    with pytest.raises(BaselineError, match="should hold each group's counts"):
        read(document, "analysis.json")


# --- healthy windows -----------------------------------------------------------------------------------------------------


def population(rng: np.random.Generator, size: int, kind: str) -> Rows:
    """even: two halves; rare: a group of one in twelve; imbalanced: three positives in a hundred."""
    share, base = {"even": (0.5, 0.4), "rare": (0.08, 0.4), "imbalanced": (0.3, 0.03)}[kind]
    sex = (rng.random(size) < share).astype(int)
    town = rng.choice(6, size, p=[0.5, 0.25, 0.1, 0.08, 0.05, 0.02])
    x, z = rng.normal(size=size) + 0.3 * sex, rng.exponential(size=size)
    score = base * np.exp(0.5 * x - 0.125 - 0.3 * sex)
    label = (rng.random(size) < np.clip(score, 0, 1)).astype(int)
    noisy = score * np.exp(0.5 * rng.normal(size=size))
    said = (
        (noisy > 2 * base).astype(int) if kind == "imbalanced" else np.where(rng.random(size) < 0.2, 1 - label, label)
    )
    columns = {"sex": sex.tolist(), "town": town.tolist(), "x": x.tolist(), "z": z.tolist()}
    return labelled(columns, label.tolist(), said.tolist())


OPTIONS = {"facets": [{"name": "sex", "values": [1]}, "town"], "group_variable": "town"}


def false_violations(kind: str, size: int, windows: int, seed: int = 0) -> tuple[int, int]:
    """How many of healthy windows are violated by the calibrated rule, and by AWS's; a new baseline of 2,000 every tenth."""
    rng, calls, plain = np.random.default_rng([seed, size]), 0, 0
    baseline = None
    for number in range(windows):
        if number % 10 == 0:
            baseline = baseline_of(population(rng, 2000, kind), **OPTIONS)
        found = calibrated(population(rng, size, kind), baseline, **OPTIONS)
        calls += bool(found.violations)
        plain += any(
            c.observed is not None and c.baseline is not None and abs(c.observed) > abs(c.baseline)
            for c in found.checks
        )
    return calls, plain


@pytest.mark.parametrize("kind", ["even", "rare", "imbalanced"])
@pytest.mark.parametrize(("size", "windows"), [(320, 4), (2000, 2)])
def test_healthy_windows_of_all_metrics_and_seven_groups_are_quiet(kind, size, windows) -> None:
    violated, by_aws = false_violations(kind, size, windows)
    assert violated == 0
    assert by_aws == windows  # of 140 comparisons some are always larger


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", ["even", "rare", "imbalanced"])
@pytest.mark.parametrize(("size", "windows"), [(320, 1500), (2000, 1000)])
def test_many_healthy_windows_are_quiet(kind, size, windows) -> None:
    assert false_violations(kind, size, windows, seed=1)[0] <= 1


@pytest.mark.parametrize("name", [*RATIOS, "RD", "DI", "GE", "TE", "CI"])
@pytest.mark.parametrize("windows", [300, pytest.param(10_000, marks=pytest.mark.exhaustive)])
def test_small_chances_are_as_rare_as_they_say(name, windows) -> None:
    """Of healthy windows of 320 records as many have a chance below 0.01, 0.001 and 0.0001 as should, or fewer."""
    rng, found = np.random.default_rng(5), []
    for number in range(windows):
        if number % 5 == 0:
            baseline = counted(table(rng, 2000))
        found.append(chance(name, counted(table(rng, 320)), baseline))
    chances = np.array(found)
    for level in (1e-2, 1e-3, 1e-4):
        assert (chances <= level).sum() <= stats.binom.ppf(1 - 1e-4, len(chances), level)
    assert (chances <= 0.1).mean() > 0.01  # and they are no empty promise


def test_a_flip_test_of_a_smaller_window_is_compared_with_smaller_samples_of_the_baseline() -> None:
    """Neighbours are farther away in a small window: its value differs although nothing has changed."""
    curve = Curve.from_json({"size": 500, "value": 0.1, "levels": [[250, 0.12, 4e-4, 2], [50, 0.3, 2e-3, 16]]})
    assert curve.expected(50) == pytest.approx(0.3)
    assert curve.expected(9000) == pytest.approx(0.1)
    known = Counted(np.zeros((1, 2, 2, 3), np.int64), flips=Flips(120, 20, 1000, 1000), curves={"FT": curve})
    window = Counted(np.zeros((1, 2, 2, 3), np.int64), flips=Flips(32, 2, 100, 100))
    healthy = evidence("FT", window, known, (0.3, 0.1))
    moved = evidence("FT", replace(window, flips=Flips(82, 2, 100, 100)), known, (0.8, 0.1))
    assert healthy is not None
    assert moved is not None
    assert healthy.p_value == 1.0
    assert moved.p_value < 1e-5


def test_few_flips_are_no_bell() -> None:
    """Three of a hundred where one in two hundred was: a normal tail says 4 in 10,000, the exact one a few in 100."""
    curve = Curve.from_json({"size": 1000, "value": 0.005, "levels": [[50, 0.005, 0.0025 / 50, 40]]})
    nobody = np.zeros((1, 2, 2, 3), np.int64)
    known = Counted(nobody, flips=Flips(10, 0, 2000, 2000), curves={"FT": curve})
    found = evidence("FT", Counted(nobody, flips=Flips(3, 0, 100, 100)), known, (0.03, 0.005))
    assert found is not None
    assert 0.005 < found.p_value < 0.1


def test_the_flow_tells_checks_which_rule_decides(tmp_path) -> None:
    job = job_for(FAIR)
    assert [each.decision for each in flow.with_decisions(job).monitors] == [Decision.AWS]
    path = tmp_path / "analysis.json"
    path.write_bytes(orjson.dumps(signed(written(FAIR))))
    ours = replace(job, baselines={MonitoringType.MODEL_BIAS: flow.BaselineFiles(path)})
    assert [each.decision for each in flow.with_decisions(ours).monitors] == [Decision.CALIBRATED]
