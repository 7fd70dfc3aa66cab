"""The bias monitor: what it concludes, what leaves the run, and what never does."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from model_monitor import flow
from model_monitor.contract import (
    ANALYSIS_FILE,
    CHECK_BIAS_DRIFT,
    REHEARSAL,
    VIOLATIONS_FILE,
    JobKind,
    MonitoringType,
    Verdict,
)
from model_monitor.errors import BaselineError, DatasetError
from model_monitor.job.configuration import parse_configuration
from model_monitor.job.job import BaselineFiles, DatasetKind, DatasetSource, Job, Maturity, MonitorSettings
from model_monitor.monitors.conclusion import Conclusion, Outcome
from model_monitor.monitors.model_bias.constraints import BiasConstraints, read
from model_monitor.monitors.model_bias.monitor import MONITOR
from model_monitor.monitors.model_bias.statistics import BiasStatistics
from model_monitor.monitors.rehearsal import rehearsed
from model_monitor.outputs.report import MonitorResult, Report, Run
from model_monitor.outputs.summary import summary
from model_monitor.schema import Feature, OutputMapping, PayloadMapping, Privacy, Rows, Schema, Window
from tests.bias_tables import labelled, settings
from tests.builders import capture_event, csv_payload, write_capture

SEX = [{"name": "sex", "values": [1]}]


def job_for(rows: Rows, kind: JobKind = JobKind.MONITOR, **options: Any) -> Job:
    found = settings(**{"facets": SEX, **options})
    monitor = MonitorSettings(MonitoringType.MODEL_BIAS, 1, {"bias": found})
    return Job(kind, DatasetSource(Path("data"), DatasetKind.CSV), Path("output"), rows.schema, (monitor,), workers=1)


def statistics(rows: Rows, **options: Any) -> tuple[BiasStatistics, Job]:
    job = job_for(rows, **options)
    return MONITOR.statistics(MONITOR.profile(rows, job), job), job


def baseline_of(rows: Rows, **options: Any) -> BiasConstraints:
    """What a baseline job over the rows writes, read again."""
    found, job = statistics(rows, **options)
    written = orjson.loads(orjson.dumps(MONITOR.files.constraints(MONITOR.suggest(found, job))))
    return read(written, "analysis.json")


def concluded(rows: Rows, baseline: BiasConstraints | None, **options: Any) -> Conclusion:
    found, job = statistics(rows, **options)
    return MONITOR.check(found, baseline, job)


def people(rate: float, count: int = 400, *, name: str = "sex", **columns: Any) -> Rows:
    """Half of them 1, of whom a share `rate` of the others' 60 in 100 is positive; predictions are the labels."""
    index = np.arange(count)
    group = index % 2
    rank = (index // 2) / (count // 2)
    label = (rank < np.where(group == 1, 0.6 * rate, 0.6)).astype(int).tolist()
    cells = {name: group.tolist(), "x": rank.tolist(), **columns}
    return labelled(cells, label, label)


FAIR, UNFAIR = people(0.9), people(0.4)


def by_metric(conclusion: Conclusion) -> dict[str, Any]:
    return {check.metric_name: check for check in conclusion.checks}


def test_a_window_like_its_baseline_holds_and_one_that_treats_a_group_worse_violates() -> None:
    baseline = baseline_of(FAIR)
    assert concluded(FAIR, baseline).verdict is Verdict.OK
    worse = concluded(UNFAIR, baseline)
    assert worse.verdict is Verdict.VIOLATED
    violated = {check.metric_name for check in worse.violations}
    assert violated == {"DPL", "JS", "KL", "KS", "LP", "TVD", "DPPL", "FT"}  # DI became smaller, CI and the rest stayed
    assert by_metric(worse)["DI"].outcome is Outcome.HELD
    assert by_metric(worse)["CDDL"].outcome is Outcome.NOT_EVALUATED


def test_the_files_have_clarifys_words() -> None:
    conclusion = concluded(UNFAIR, baseline_of(FAIR))
    file = MONITOR.files.violations(conclusion)
    assert file is not None
    first = file["violations"][0]
    check = by_metric(conclusion)["DPL"]
    assert first == {
        "constraint_check_type": "bias_drift_check",
        "description": f"Metric value {check.observed!r} doesn't meet the baseline constraint requirement {check.allowed!r}",
        "facet": "sex",
        "facet_value": "1",
        "metric_name": "DPL",
    }
    assert MONITOR.files.violations(concluded(FAIR, baseline_of(FAIR))) is None
    with_infinity = labelled({"sex": [0, 0, 1, 1, 0, 1]}, [1, 0, 1, 1, 0, 1], [1, 1, 0, 1, 0, 1])
    written = MONITOR.files.statistics(statistics(with_infinity, flip_test=False)[0])
    (group,) = written["post_training_bias_metrics"]["facets"]["sex"]
    told = {metric["name"]: metric["value"] for metric in group["metrics"]}
    assert told["TE"] == "Infinity"
    assert read(written, "analysis.json").groups[("Post-Training", "sex", "1")]["TE"] == float("inf")


def test_equal_is_not_beyond_and_the_sign_does_not_matter() -> None:
    baseline = baseline_of(UNFAIR)
    mirrored = labelled(
        {"sex": [1 - value for value in UNFAIR.features[0].numbers.tolist()], "x": UNFAIR.features[1].numbers.tolist()},
        [int(UNFAIR.truth.words[code]) for code in UNFAIR.truth.codes.tolist()],
    )
    found = by_metric(concluded(mirrored, baseline))
    assert found["DPL"].observed == -found["DPL"].allowed
    assert found["DPL"].outcome is Outcome.HELD


def test_a_named_prediction_that_no_record_has_is_told_as_by_model_quality() -> None:
    label = [int(FAIR.truth.words[code]) for code in FAIR.truth.codes.tolist()]
    cells = {name: FAIR.features[i].numbers.tolist() for i, name in enumerate(("sex", "x"))}
    scored = labelled(cells, label, score=label)
    found, job = statistics(scored, flip_test=False)
    schema = replace(job.schema, payload=PayloadMapping(output=OutputMapping(prediction="lable", score="score")))
    (note,) = MONITOR.check(found, baseline_of(FAIR), replace(job, schema=schema)).notes
    assert "payload.output.prediction names ('lable')" in note
    assert MONITOR.check(found, baseline_of(FAIR), job).notes == ()


def test_a_facet_of_the_baseline_that_is_no_longer_watched_is_told() -> None:
    rows = people(0.9, 60, town=[index % 3 for index in range(60)])
    baseline = baseline_of(rows, facets=[{"name": "sex", "values": [1]}, {"name": "town", "values": [2]}])
    (note,) = concluded(rows, baseline).notes
    assert note == "of the baseline's facets the configuration does not name 'town': nothing is said of them"


def test_without_a_baseline_labels_or_records_nothing_is_concluded() -> None:
    assert concluded(FAIR, None).reason == "no baseline"
    unlabelled = labelled({"sex": [0, 1], "x": [0.0, 1.0]}, [None, None], [0, 1])
    conclusion = concluded(unlabelled, baseline_of(FAIR))
    assert conclusion.verdict is Verdict.INSUFFICIENT_DATA
    assert conclusion.reason == "no label: neither ground truth nor a label column was given"
    nothing = labelled({"sex": [], "x": []}, [])
    assert concluded(nothing, baseline_of(FAIR)).verdict is Verdict.NO_DATA
    job = job_for(unlabelled, JobKind.BASELINE)
    with pytest.raises(DatasetError, match=r"holds no labels.*payload\.label"):
        MONITOR.suggest(MONITOR.statistics(MONITOR.profile(unlabelled, job), job), job)


def test_a_quiet_window_with_intervals_is_no_data_and_no_crash() -> None:
    nothing, some = people(0.5, 0), people(0.5)
    assert concluded(nothing, baseline_of(some), bootstrap={}).verdict is Verdict.NO_DATA


def test_labels_that_are_due_later_or_too_few_are_waited_for() -> None:
    rows = labelled({"sex": [0, 1] * 10, "x": list(range(20))}, [1, 0] * 4 + [None] * 12, [1, 0] * 10)
    found, job = statistics(rows)
    start = datetime(2026, 3, 2, tzinfo=UTC)
    window = Window(start, start + timedelta(hours=1))
    maturity = Maturity(timedelta(days=2), 0.5, timedelta(days=9))
    job = replace(job, window=window, monitors=(replace(job.monitors[0], maturity=maturity),), ground_truth=Path("gt"))
    baseline = baseline_of(FAIR)
    early = MONITOR.check(found, baseline, replace(job, now=start + timedelta(days=1)))
    assert early.reason == "8 of 20 predictions have a label (40.0%); labels are due at 2026-03-04T01:00:00Z"
    few = MONITOR.check(found, baseline, replace(job, now=start + timedelta(days=3)))
    assert few.reason == (
        "8 of 20 predictions have a label (40.0%), min_coverage is 50.0%; labels were due at 2026-03-04T01:00:00Z"
    )
    small = replace(job, monitors=(replace(job.monitors[0], min_records=9),), now=start + timedelta(days=3))
    assert MONITOR.check(found, baseline, small).reason.startswith("8 of 20 predictions")
    (coverage,) = MONITOR.shown.metrics(found, few, job)
    assert (coverage.name, coverage.value) == ("label_coverage", 0.4)


def test_a_group_that_is_too_small_or_that_the_baseline_does_not_know_is_never_a_pass() -> None:
    baseline = baseline_of(FAIR)
    small = concluded(people(0.9, 40), baseline, min_group_records=21)
    assert small.verdict is Verdict.INSUFFICIENT_DATA
    assert "one side of the facet has fewer than 21 records" in small.reason
    other = [{"name": "sex", "values": [0]}]
    unknown = concluded(FAIR, baseline, facets=other)
    assert (unknown.verdict, len(unknown.checks)) == (Verdict.INSUFFICIENT_DATA, 1)
    assert "the baseline compares other groups" in unknown.reason
    nobody = concluded(people(0.9, name="gender"), baseline)
    assert nobody.verdict is Verdict.INSUFFICIENT_DATA


def test_a_stage_without_any_value_is_never_a_pass_because_the_other_one_held() -> None:
    baseline = baseline_of(FAIR)
    unasked = concluded(replace(FAIR, prediction=None), baseline)
    assert unasked.verdict is Verdict.INSUFFICIENT_DATA
    assert "no labelled record has a prediction" in unasked.reason
    assert concluded(replace(FAIR, prediction=None), baseline, methods=["DPL", "CI"]).verdict is Verdict.OK
    label = [int(FAIR.truth.words[code]) for code in FAIR.truth.codes.tolist()]
    cells = {feature.name: FAIR.features[i].numbers.tolist() for i, feature in enumerate(FAIR.schema.features)}
    nobody = concluded(labelled(cells, label, [0] * len(label)), baseline)
    assert nobody.verdict is Verdict.INSUFFICIENT_DATA
    assert "No positive labels in set" in nobody.reason


def test_a_group_that_is_gone_is_never_a_pass_because_another_facet_held() -> None:
    facets = [*SEX, {"name": "town", "values": ["Kranj"]}]
    baseline = baseline_of(people(0.9, town=["Kranj", "Bled", "Bled", "Kranj"] * 100), facets=facets)
    gone = concluded(people(0.9, town=["Bled"] * 400), baseline, facets=facets)
    assert gone.verdict is Verdict.INSUFFICIENT_DATA
    assert "Facet set is empty" in gone.reason


def test_a_group_that_nobody_named_and_that_is_gone_is_told_without_its_value() -> None:
    towns = ["Kranj", "Kranj", "Bled", "Bled"] * 100
    baseline = baseline_of(people(0.9, town=[*towns[:-4], *["Celje"] * 4]), facets=["town"])
    found = concluded(people(0.9, town=towns), baseline, facets=["town"])
    (gone,) = [check for check in found.checks if "no record here" in check.description]
    assert (gone.subject, gone.outcome, gone.is_required) == ("town", Outcome.NOT_EVALUATED, False)
    assert gone.description == "1 group of the baseline: no record here"


def test_an_interval_is_known_by_its_start_whatever_the_largest_value_is() -> None:
    facets = [{"name": "age", "values": [40]}]
    young = people(0.9, age=[i % 60 + 0.5 for i in range(400)])
    older = people(0.9, age=[i % 80 + 0.5 for i in range(400)])
    conclusion = concluded(older, baseline_of(young, facets=facets), facets=facets)
    assert {check.facet_value for check in conclusion.checks} == {"(40.0, 79.5]"}
    assert sum(check.outcome is not Outcome.NOT_EVALUATED for check in conclusion.checks) > 15
    moved = [{"name": "age", "values": [30]}]
    assert concluded(older, baseline_of(young, facets=facets), facets=moved).verdict is Verdict.INSUFFICIENT_DATA


def test_intervals_suppress_what_may_be_chance() -> None:
    baseline = baseline_of(people(0.80, 4000), methods=["DPL", "DI"])
    slightly = people(0.78, 200)
    plain = concluded(slightly, baseline, methods=["DPL", "DI"])
    assert [check.metric_name for check in plain.violations] == ["DPL"]
    careful = concluded(slightly, baseline, methods=["DPL", "DI"], bootstrap={"draws": 200})
    assert careful.verdict is Verdict.OK
    clearly = concluded(people(0.2, 2000), baseline, methods=["DPL", "DI"], bootstrap={"draws": 200})
    assert [check.metric_name for check in clearly.violations] == ["DPL"]


def test_a_metric_without_an_interval_is_not_evaluated_and_one_that_is_always_infinite_violates() -> None:
    def errors(false_positives: int) -> Rows:
        """Group 1 has 20 false negatives and so many false positives, group 0 has ten of each."""
        sex = [0] * 100 + [1] * 100
        label = [1] * 10 + [0] * 10 + [1, 0] * 40 + [1] * 20 + [0] * false_positives + [1] * (80 - false_positives)
        said = [0] * 10 + [1] * 10 + [1, 0] * 40 + [0] * 20 + [1] * 80
        return labelled({"sex": sex, "x": list(range(200))}, label, said)

    baseline = baseline_of(errors(20), methods=["TE", "AD"])
    options = {"methods": ["TE", "AD"], "bootstrap": {"draws": 200}}
    rarely = by_metric(concluded(errors(2), baseline, **options))["TE"]
    assert (rarely.observed, rarely.outcome) == (9.0, Outcome.NOT_EVALUATED)
    assert "too few records for an interval" in rarely.description
    never = by_metric(concluded(errors(0), baseline, **options))["TE"]
    assert (never.observed, never.outcome) == (float("inf"), Outcome.VIOLATED)


def test_a_sampled_flip_test_is_told_and_violates_only_beyond_its_interval() -> None:
    baseline = baseline_of(FAIR)
    sampled = {"rows": 100, "sample": 60}
    conclusion = concluded(UNFAIR, baseline, flip_test=sampled)
    (note,) = conclusion.notes
    assert note.startswith("FT of sex 1: from a sample of 60 of 400 records, ")
    assert note.endswith(" with 95 % confidence")
    near = baseline.groups[("Post-Training", "sex", "1")]["FT"]
    exact = by_metric(concluded(UNFAIR, baseline))["FT"]
    assert near is not None
    just_below = {key: dict(group) for key, group in baseline.groups.items()}
    just_below[("Post-Training", "sex", "1")]["FT"] = abs(exact.observed) - 0.01
    held = by_metric(concluded(UNFAIR, BiasConstraints(just_below), flip_test=sampled))["FT"]
    assert (held.outcome, by_metric(concluded(UNFAIR, BiasConstraints(just_below)))["FT"].outcome) == (
        Outcome.HELD,
        Outcome.VIOLATED,
    )


# --- what leaves the run -------------------------------------------------------------------------------------------------


def test_metrics_carry_clarifys_dimensions_and_infinity_as_its_number() -> None:
    rows = labelled({"sex": [0, 0, 1, 1, 0, 1] * 5}, [1, 0, 1, 1, 0, 1] * 5, [1, 1, 0, 1, 0, 1] * 5)
    found, job = statistics(rows)
    conclusion = MONITOR.check(found, baseline_of(rows), job)
    metrics = {metric.name: metric for metric in MONITOR.shown.metrics(found, conclusion, job)}
    assert metrics["violations_bias_drift_check"].value == 0
    assert metrics["violations_bias_drift_check"].extra_dimensions == {}
    assert metrics["bias_metric_TE"].value == 2.348543e108
    assert metrics["bias_metric_CI"].extra_dimensions == {
        "Facet": "sex",
        "FacetValue": "1",
        "BiasStage": "Pre-training",
        "Label": "label",
        "LabelValue": "1",
    }
    assert metrics["bias_metric_DI"].extra_dimensions["BiasStage"] == "Post-Training"
    assert "bias_metric_CDDL" not in metrics  # it has no value
    assert all(metric.is_publishable for metric in metrics.values())


def test_values_that_nobody_named_are_in_no_metric_and_no_message() -> None:
    names = ["Kranj", "Ljubljana"] * 200
    rows = people(0.4, town=names, age=[i % 60 + 0.5 for i in range(400)])
    facets = ["town", {"name": "age", "values": [40]}]
    found, job = statistics(rows, facets=facets)
    conclusion = MONITOR.check(found, baseline_of(people(0.9, town=names, age=[1.5, 44.5] * 200), facets=facets), job)
    assert conclusion.violations
    metrics = list(MONITOR.shown.metrics(found, conclusion, job))
    assert {metric.extra_dimensions.get("FacetValue") for metric in metrics} == {None, "(40.0, Infinity]"}
    told = [text for check in conclusion.checks for text in (check.subject, check.description)]
    assert not [text for text in told if "Kranj" in text or "59.5" in text or "44.5" in text]
    assert {check.facet_value for check in conclusion.checks} == {
        "Kranj",
        "Ljubljana",
        "(40.0, 59.5]",
    }  # in AWS's file alone


def test_a_restricted_facet_shows_neither_small_groups_nor_its_largest_value_nor_values_nobody_named() -> None:
    rows = people(0.9, age=[i % 60 + 0.5 for i in range(400)])
    features = (Feature("sex"), Feature("x"), Feature("age", privacy=Privacy.RESTRICTED))
    hidden = replace(rows, schema=Schema(features))
    found, _ = statistics(hidden, facets=["age", "sex"])
    assert found.entries[0].reason == "the facet is restricted: name the values to compare"
    found, _ = statistics(hidden, facets=[{"name": "age", "values": [40]}])
    assert found.entries[0].text == "(40.0, Infinity]"
    assert "59.5" not in json.dumps(
        [MONITOR.files.statistics(found), MONITOR.shown.summary(found, Conclusion(Verdict.OK))]
    )
    found, _ = statistics(hidden, facets=[{"name": "age", "values": [59.4]}])
    assert found.entries[0].reason == "one side of the facet has fewer than 10 records"
    assert MONITOR.files.statistics(found) == {"version": "1.0"}


def test_the_summary_is_json_and_says_what_was_counted() -> None:
    rows = labelled({"sex": [0, 0, 1, 1, 0, None] * 5}, [1, 0, 1, 1, 0, None] * 5, [1, 1, 0, 1, 0, 1] * 5)
    found, _ = statistics(rows, bootstrap=True)
    told = orjson.loads(orjson.dumps(MONITOR.shown.summary(found, Conclusion(Verdict.OK))))
    assert (told["records"], told["labelled"], told["label_coverage"]) == (30, 25, pytest.approx(25 / 30))
    (facet,) = told["facets"]
    assert (facet["advantaged"], facet["disadvantaged"], facet["read_as"]) == (15, 10, "values")
    assert facet["pre"]["CI"]["standard_deviation"] > 0
    assert facet["pre"]["CDDL"]["error"] == "Group variable is empty or not provided"


def test_a_rehearsal_is_written_as_a_violation_of_no_group_and_publishes_no_value() -> None:
    found, job = statistics(FAIR)
    conclusion = rehearsed(MONITOR.check(found, None, job), MonitoringType.MODEL_BIAS, CHECK_BIAS_DRIFT)
    file = MONITOR.files.violations(conclusion)
    assert file is not None
    (violation,) = file["violations"]
    assert (violation["facet"], violation["facet_value"]) == (REHEARSAL, "")
    names = [metric.name for metric in MONITOR.shown.metrics(found, conclusion, job)]
    assert names == ["label_coverage", "violations_bias_drift_check"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "should be a JSON object"),
        ({"version": "1.0"}, "holds no bias metrics"),
        ({"pre_training_bias_metrics": {"facets": {"sex": [{"metrics": []}]}}}, "has no 'value_or_threshold'"),
        (
            {
                "pre_training_bias_metrics": {
                    "facets": {"sex": [{"value_or_threshold": "1", "metrics": [{"name": "CI", "value": "x"}]}]}
                }
            },
            "the value of CI should be a number",
        ),
    ],
)
def test_a_file_that_is_no_analysis_is_refused(document: Any, said: str) -> None:
    with pytest.raises(BaselineError, match=said):
        read(document, "analysis.json")


def test_the_terminal_shows_each_group_with_its_limits_and_no_value_of_the_data() -> None:
    facets = ["town", {"name": "age", "values": [40]}, {"name": "nowhere", "values": [1]}]
    rows = people(0.4, town=["Kranj", "Ljubljana"] * 200, age=[i % 60 + 0.5 for i in range(400)])
    found, job = statistics(rows, facets=facets)
    conclusion = MONITOR.check(found, baseline_of(rows, facets=facets), job)
    result = MonitorResult(MonitoringType.MODEL_BIAS, conclusion, MONITOR.shown.summary(found, conclusion))
    moment = datetime(2026, 3, 2, tzinfo=UTC)
    text = summary(Report(job, results=(result,)), Run(moment, moment), ())
    assert "labels: 400 of 400 predictions" in text
    assert "town #1: 200 records against 200" in text
    assert "age (40.0, Infinity]: 120 records against 280" in text
    assert "nowhere 1: no labelled record has a value of the facet" in text
    assert re.search(r"^DPL +0\.\d{4} +0\.\d{4}  held$", text, re.MULTILINE)
    assert not re.search(r"Kranj|Ljubljana|59\.5", text)


# --- facets that are not in the payload ------------------------------------------------------------------------------


def run(configuration: dict[str, Any], kind: JobKind, data: DatasetSource, **more: Any) -> MonitorResult:
    found = parse_configuration(json.dumps({"version": 1, **configuration}).encode(), "test")
    job = Job(kind, data, Path("output"), found.schema, found.monitors, workers=2, **more)
    report = flow.run(job)
    assert report.error is None
    return report.results[0]


def test_facets_are_joined_by_inference_id_and_are_never_written_record_by_record(tmp_path: Path) -> None:
    monitor = {"facets": [{"name": "gender", "values": ["f"]}], "facet_source": str(tmp_path / "people")}
    payload = {"features": ["x"], "label": "truth", "output": {"prediction": 0}}
    configuration = {"payload": {**payload, "prediction": "said"}, "monitors": {"model_bias": monitor}}
    source = np.random.default_rng(2)
    gender = np.where(source.random(300) < 0.5, "f", "m")
    label = (source.random(300) < np.where(gender == "f", 0.3, 0.6)).astype(int)
    x = source.normal(size=300)

    table = tmp_path / "baseline.csv"  # a baseline data set has the facet as a column
    lines = (f"{v},{g},{y},{y}" for v, g, y in zip(x, gender, label, strict=True))
    table.write_text("\n".join(["x,gender,truth,said", *lines]))
    result = run(configuration, JobKind.BASELINE, DatasetSource(table, DatasetKind.CSV))
    (group,) = result.files[ANALYSIS_FILE]["pre_training_bias_metrics"]["facets"]["gender"]
    baseline = tmp_path / ANALYSIS_FILE
    baseline.write_bytes(orjson.dumps(result.files[ANALYSIS_FILE]))

    events = [
        capture_event(csv_payload([[value]]), csv_payload([[y]]), inference_id=f"id{i}")
        for i, (value, y) in enumerate(zip(x.tolist(), label.tolist(), strict=True))
    ]
    write_capture(tmp_path / "capture", events)
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "people.csv").write_text(
        "\n".join(["InferenceId,gender", *(f"id{i},{g}" for i, g in enumerate(gender))])
    )
    truth = tmp_path / "truth.csv"
    truth.write_text("\n".join(["InferenceId,payload_index,label", *(f"id{i},0,{y}" for i, y in enumerate(label))]))
    capture = DatasetSource(tmp_path / "capture", DatasetKind.CAPTURE)
    more = {
        "baselines": {MonitoringType.MODEL_BIAS: BaselineFiles(baseline)},
        "ground_truth": truth,
        "facet_source": tmp_path / "people",
    }
    result = run(configuration, JobKind.MONITOR, capture, **more)
    assert result.conclusion.verdict is Verdict.OK
    assert VIOLATIONS_FILE not in result.files
    (live,) = result.files[ANALYSIS_FILE]["pre_training_bias_metrics"]["facets"]["gender"]
    assert live == group
    assert result.summary["without_facet"] == {"gender": 0}

    (tmp_path / "people" / "people.csv").write_text("InferenceId,gender\nid0,f\n")
    lost = run(configuration, JobKind.MONITOR, capture, **more)
    assert lost.conclusion.verdict is Verdict.INSUFFICIENT_DATA
    assert lost.summary["without_facet"] == {"gender": 299}
