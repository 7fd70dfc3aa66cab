"""The judge of the demo: a story as it should be passes, and each single deviation is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from demo.data import Mode
from demo.deploy import output
from demo.expectations import FACET, MONITORS, judge, unmet
from demo.observations import Decision, Hour, Observed, Release, Reviewed, Sent, Story, Training
from demo.observe import read_violations
from demo.scenario import HOURS

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
DRIFT_ALARMS = ("drift", "model-quality", "bias-drift", "attribution-drift")


def observed(endpoint: str, number: int, phase: Hour) -> Observed:
    start = START + timedelta(hours=number)
    hour = Observed(endpoint, phase.phase, start, start + timedelta(hours=1))
    is_quiet, is_steady = phase.mode is Mode.QUIET, endpoint == "breast-cancer"
    if is_quiet:
        hour.verdict, hour.runner, hour.reason = "no_data", "none", "Job inputs had no data"
    else:
        hour.sent, hour.records, hour.containers_started = Sent(30, 360, 300), 360, 1
        hour.verdict, hour.runner = "ok", "lambda"
        hour.monitors = dict.fromkeys(MONITORS, "ok")
        hour.values = {"accuracy": 300 / 360, "label_coverage": 1.0}
    if not is_steady and phase.phase in ("broken", "drifting", "drifting again"):
        hour.verdict, hour.runner = "violated", "lambda"
        kinds = ("data-quality",) if phase.mode is Mode.BROKEN else DRIFT_ALARMS
        hour.monitors["data_quality"] = "violated"
        hour.alarms = [f"dev-covertype-loop-{kind}" for kind in kinds]
        hour.messages = [f'ALARM: "{name}" in EU (Ireland)' for name in hour.alarms]
        hour.features = {"baseline_drift_check": ["Temperature"], "LessThanThreshold": ["accuracy"]}
        hour.features |= {"bias_drift_check": [f"AD of {FACET}"], "feature_attribution_drift_check": ["label2"]}
        if phase.mode is Mode.BROKEN:
            hour.features = {"data_type_check": ["Slope"], "missing_column_check": ["Hillshade_Noon"]}
        else:
            hour.monitors = dict.fromkeys(MONITORS, "violated")
        hour.violations = {check: len(names) for check, names in hour.features.items()}
    if not is_steady and phase.phase == "drifting":
        hour.training_jobs = ["job"]
    if not is_steady and phase.phase == "drifting again":
        hour.decisions = [Decision(start, endpoint, "dev-covertype-loop-drift", "refuse: cooldown until tomorrow")]
    hour.run_metrics = {f"run_{verdict}": float(verdict == hour.verdict) for verdict in ("ok", "no_data", "violated")}
    return hour


def story() -> Story:
    hours = [
        observed(name, number, hour) for number, hour in enumerate(HOURS) for name in ("covertype", "breast-cancer")
    ]
    rows = {"train": 3000, "fresh": 1080}
    training = Training("job", "Completed", "s3://b/model.tar.gz", True, rows, 0.9, 0.38, 0.87)
    release = Release("covertype", "job", "deployed", "1 window", "better", training.artifact, "v2", True)
    baselines = {"covertype": "v1", "breast-cancer": "v1"}
    review = Reviewed(4, 1, 4, 4, 2, [300 / 360], [0.2, 0.5, 0.8, 0.99])
    return Story(hours, [training], [release], ["dev-Storage"], baselines, identity_calls=7, review=review)


def hour(story: Story, phase: str, endpoint: str = "covertype") -> Observed:
    return story.of(endpoint, phase)[0]


def test_the_story_as_told_meets_every_expectation() -> None:
    assert unmet(judge(story())) == []


DEVIATIONS: dict[str, Callable[[Story], object]] = {
    "deploy": lambda s: s.stacks.clear(),
    "healthy": lambda s: hour(s, "healthy").alarms.append("noise"),
    "quiet": lambda s: setattr(hour(s, "quiet"), "containers_started", 1),
    "broken": lambda s: hour(s, "broken").training_jobs.append("too much"),
    "drifting": lambda s: hour(s, "drifting").training_jobs.append("a second"),
    "adapted": lambda s: setattr(hour(s, "adapted"), "rejects", 1),
    "release": lambda s: s.releases.append(replace(s.releases[0], result="rolled_back")),
    "drifting again": lambda s: hour(s, "drifting again").decisions.clear(),
    "training": lambda s: s.trainings[0].rows.update(fresh=0),
    "breast-cancer": lambda s: setattr(hour(s, "broken", "breast-cancer"), "verdict", "violated"),
    "review": lambda s: setattr(s, "review", replace(s.review, labels=3)),
    "identity": lambda s: s.identity_findings.append("role x called s3:DeleteBucket"),
}


@pytest.mark.parametrize("phase", DEVIATIONS)
def test_one_deviation_is_named_in_its_phase_alone(phase: str) -> None:
    told = story()
    DEVIATIONS[phase](told)
    assert {expectation.phase for expectation in unmet(judge(told))} == {phase}


@pytest.mark.parametrize(
    "change",
    [
        {"scores": [0.2, 0.5, 0.99, 0.999]},
        {"sampled": 4},
        {"answered": 3},
        {"agreement": [0.5]},
        {"rows": 0},
        {"routed": 0, "answered": 0, "labels": 0},
    ],
)
def test_a_review_that_went_otherwise_is_named(change: dict[str, object]) -> None:
    told = story()
    told.review = replace(told.review, **change)
    assert {expectation.phase for expectation in unmet(judge(told))} == {"review"}


@pytest.mark.parametrize("phase", ["broken", "drifting", "drifting again"])
def test_a_page_without_its_message_does_not_count(phase: str) -> None:
    told = story()
    hour(told, phase).messages.clear()
    assert {expectation.phase for expectation in unmet(judge(told))} == {phase}


@pytest.mark.parametrize("phase", ["broken", "drifting", "drifting again"])
def test_a_page_about_something_else_does_not_count(phase: str) -> None:
    told = story()
    seen = hour(told, phase)
    seen.alarms = ["dev-covertype-loop-stale"]
    seen.messages = ['ALARM: "dev-covertype-loop-stale" in EU (Ireland)']
    assert {expectation.phase for expectation in unmet(judge(told))} == {phase}


def test_a_drift_alarm_on_broken_data_is_named() -> None:
    told = story()
    hour(told, "broken").alarms.append("dev-covertype-loop-drift")
    assert [expectation.text for expectation in unmet(judge(told))] == ["no alarm on drift"]


def test_a_verdict_whose_metric_was_never_published_is_named() -> None:
    told = story()
    hour(told, "quiet").run_metrics.clear()
    (missing,) = unmet(judge(told))
    assert "run_no_data" in missing.text


def test_drift_beside_another_violation_is_not_the_drift_that_was_staged() -> None:
    told = story()
    seen = hour(told, "drifting")
    seen.features["data_type_check"] = ["Slope"]
    assert unmet(judge(told))


@pytest.mark.parametrize(
    ("monitor", "told"),
    [
        ("model_quality", "accuracy below"),
        ("model_bias", "bias drift"),
        ("model_explainability", "features that decide"),
    ],
)
def test_a_drift_that_one_monitor_missed_is_named(monitor: str, told: str) -> None:
    seen = story()
    hour(seen, "drifting").monitors[monitor] = "ok"
    (missing,) = unmet(judge(seen))
    assert told in missing.text


def test_an_accuracy_that_the_application_did_not_see_is_named() -> None:
    seen = story()
    hour(seen, "drifting").values["accuracy"] = 0.5
    (missing,) = unmet(judge(seen))
    assert missing.text == "metric accuracy is what the application saw"


def test_a_phase_that_was_never_observed_fails() -> None:
    told = story()
    told.hours = [seen for seen in told.hours if seen.phase != "broken"]
    assert "broken" in {expectation.phase for expectation in unmet(judge(told))}


def test_a_training_that_helps_nobody_is_named() -> None:
    told = story()
    told.trainings = [replace(told.trainings[0], accuracy_after=0.3)]
    (missing,) = unmet(judge(told))
    assert missing.found == "accuracy 38% → 30%"


def test_a_training_that_never_ran_has_no_accuracy() -> None:
    told = story()
    told.trainings = []
    found = {expectation.text: expectation.found for expectation in unmet(judge(told))}
    assert found["the new model copes with the drift"] == "no new model to ask"
    told.trainings = [
        Training("job", "Completed", "s3://b/model.tar.gz", True, {"train": 1, "fresh": 1}, 0.9, None, 0.5)
    ]
    (missing,) = unmet(judge(told))
    assert missing.found == "accuracy not measured → 50%"


def test_the_summary_names_the_alarm_of_a_decision() -> None:
    assert hour(story(), "drifting again").to_json()["decisions"] == [
        {"alarm": "dev-covertype-loop-drift", "decision": "refuse: cooldown until tomorrow"}
    ]


def test_violations_are_read_from_the_checks_of_a_report() -> None:
    checks = [
        ("missing_column_check", "Missing columns", "violated", "Number of columns: 1. Missing columns: Aspect, Slope"),
        ("data_type_check", "Slope", "violated", "Expected data type: Integral"),
        ("data_type_check", "Aspect", "held", ""),
    ]
    keys = ("check_type", "subject", "outcome", "description")
    counts = {"data_type_check": 1, "missing_column_check": 1}
    report = {"monitors": [{"violations": counts, "checks": [dict(zip(keys, check, strict=True)) for check in checks]}]}
    named = {"data_type_check": ["Slope"], "missing_column_check": ["Aspect", "Slope"]}
    assert read_violations(report) == (counts, named)


def test_a_stack_output_is_found_by_its_name() -> None:
    assert output({"dev-Storage": {"CaptureBucket": "a", "GroundTruthBucket": "b"}}, "GroundTruthBucket") == "b"
