"""Which records of a window go to people, from capture files to review_tasks.jsonl."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import validate

from model_monitor import cli, flow
from model_monitor.errors import SettingsError
from model_monitor.job.configuration import parse_configuration
from model_monitor.outputs.report import schema
from model_monitor.review.routing import CLASSES_APART
from tests.captures import HOUR, csv_side, event, json_side, write_capture, write_csv

REVIEW = {"features": ["Slope"], "sample_per_class": 0}
PAYLOAD: dict[str, Any] = {
    "features": ["Slope", {"name": "Name", "privacy": "restricted"}],
    "output": {"prediction": None, "score": 0},
}


def requests(scores: list[Any], later: timedelta = timedelta(0), first: int = 0) -> list[dict[str, Any]]:
    """A request of one record for each score, seconds apart."""
    return [
        event(
            first + number,
            csv_side([{"Slope": first + number, "Name": f"patient-{number}"}]),
            csv_side([{"score": score}]),
            HOUR + later + timedelta(seconds=number % 3000),
        )
        for number, score in enumerate(scores)
    ]


def route(
    folder: Path, events: list[dict[str, Any]], payload: dict[str, Any] = PAYLOAD, files: int = 1, **review: Any
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The tasks of a run and what its report says of them."""
    write_capture(folder / "capture", events, endpoint="clinic", files=files)
    config = {"version": 1, "endpoint": "clinic", "payload": payload, "review": {**REVIEW, **review}}
    (folder / "config.json").write_text(json.dumps(config))
    where = ["--dataset", str(folder / "capture"), "--output", str(folder / "out")]
    assert cli.main(["monitor", *where, "--config", str(folder / "config.json"), "--workers", "1"]) in (0, 3)
    report = json.loads((folder / "out" / "report.json").read_text())
    validate(report, schema())
    lines = (folder / "out" / "review_tasks.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines], report["review"]


def scores_of(tasks: list[dict[str, Any]]) -> list[float]:
    return [task["score"] for task in tasks]


def test_what_lies_between_the_bounds_goes_to_people_and_nothing_else(tmp_path: Path) -> None:
    tasks, counts = route(tmp_path, requests([0.05, 0.1, 0.1001, 0.5, 0.8999, 0.9, 0.95]))
    assert sorted(scores_of(tasks)) == [0.1001, 0.5, 0.8999]
    assert (counts["uncertain"], counts["routed_uncertain"], counts["cut"]) == (3, 3, 0)


def test_a_task_names_its_record_and_shows_the_listed_features_alone(tmp_path: Path) -> None:
    [task], _ = route(tmp_path, requests([0.6]))
    assert task["event_id"] == "event-000000"
    assert task["payload_index"] == 0
    assert task["prediction"] == "1"
    assert task["features"] == {"Slope": 0}
    assert "patient" not in (tmp_path / "out" / "review_tasks.jsonl").read_text()


def test_the_most_uncertain_ones_fill_the_hour_and_the_others_are_counted(tmp_path: Path) -> None:
    tasks, counts = route(tmp_path, requests([0.2, 0.5, 0.45, 0.7]), per_hour=2)
    assert scores_of(tasks) == [0.5, 0.45]
    assert counts["cut"] == 2


def test_the_day_has_a_cap_over_its_hours(tmp_path: Path) -> None:
    events = [*requests([0.5, 0.3]), *requests([0.52, 0.31], timedelta(hours=1), first=10)]
    tasks, counts = route(tmp_path, events, per_hour=2, per_day=3)
    assert scores_of(tasks) == [0.5, 0.52, 0.31]
    assert counts["cut"] == 1


def test_a_record_that_was_captured_twice_is_one_task(tmp_path: Path) -> None:
    tasks, counts = route(tmp_path, requests([0.5]) * 3)
    assert len(tasks) == 1
    assert (counts["uncertain"], counts["repeats_approximate"], counts["cut"]) == (3, 2, 0)


def test_each_class_may_have_a_band_of_its_own(tmp_path: Path) -> None:
    tasks, _ = route(tmp_path, requests([0.3, 0.7, 0.45]), classes={"0": {"low": 0.4, "high": 0.6}})
    assert sorted(scores_of(tasks)) == [0.45, 0.7]


def test_confident_records_are_sampled_from_every_predicted_class(tmp_path: Path) -> None:
    events = requests([0.01] * 40 + [0.99] * 4)
    tasks, counts = route(tmp_path, events, sample_per_class=2)
    assert Counter(task["prediction"] for task in tasks) == {"0": 2, "1": 2}
    assert {task["prediction"]: task["weight"] for task in tasks} == {"0": 20.0, "1": 2.0}
    assert counts["routed_sample"] == 4


def test_a_sample_leaves_most_of_a_cap_to_uncertain_records(tmp_path: Path) -> None:
    tasks, _ = route(tmp_path, requests([0.01] * 30 + [0.5] * 30), sample_per_class=20, per_hour=8)
    assert Counter(task["reason"] for task in tasks) == {"uncertain": 6, "sample": 2}
    assert sum(task["weight"] or 0 for task in tasks) == 30


def test_the_same_records_are_chosen_however_the_window_is_cut_and_whoever_reads_it(tmp_path: Path) -> None:
    events = [*requests([number / 100 for number in range(100)]), *requests([0.5, 0.02, 0.97], first=40)]
    whole, counts = route(tmp_path / "whole", events, sample_per_class=3, per_hour=9)
    cut, counts_cut = route(tmp_path / "cut", events[50:] + events[:50], files=7, sample_per_class=3, per_hour=9)
    assert (cut, counts_cut) == (whole, counts)


MULTICLASS = {"problem_type": "multiclass", "labels": ["a", "b", "c"], "features": ["Slope"]}
THREE = {"features": ["Slope"], "output": {"score": ["a", "b", "c"]}}


def answers(*lists: list[float]) -> list[dict[str, Any]]:
    return [
        event(number, csv_side([{"Slope": 1}]), json_side([dict(zip("abc", scores, strict=True))]))
        for number, scores in enumerate(lists)
    ]


def test_two_likely_classes_are_a_small_margin(tmp_path: Path) -> None:
    events = answers([0.45, 0.4, 0.15], [0.5, 0.3, 0.2], [0.9, 0.05, 0.05])
    tasks, counts = route(tmp_path, events, THREE, **MULTICLASS)
    assert [task["prediction"] for task in tasks] == ["a"]
    assert tasks[0]["scores"] == [0.45, 0.4, 0.15]
    assert counts["uncertain"] == 1


def test_entropy_takes_all_classes_into_account(tmp_path: Path) -> None:
    events = answers([0.49, 0.49, 0.02], [0.36, 0.34, 0.3], [0.98, 0.01, 0.01])
    tasks, _ = route(tmp_path, events, THREE, **MULTICLASS, measure="entropy", limit=0.8)
    assert [task["event_id"] for task in tasks] == ["event-000001"]


def test_more_predicted_classes_than_anybody_names_are_sampled_as_one(tmp_path: Path) -> None:
    payload = {"features": ["Slope"], "output": {"prediction": 0, "score": 1}}
    classes = CLASSES_APART + 4
    events = [
        event(number, csv_side([{"Slope": 1}]), csv_side([{"label": f"c{number}", "score": 0.99}]))
        for number in range(classes)
    ]
    settings = {**MULTICLASS, "measure": "band", "sample_per_class": 1}
    tasks, _ = route(tmp_path, events, payload, files=3, **settings)
    assert [task["weight"] for task in tasks] == [classes]


def test_records_without_a_score_are_counted_and_not_shown(tmp_path: Path) -> None:
    tasks, counts = route(tmp_path, requests([0.5, "", None]))
    assert len(tasks) == 1
    assert counts["unscored"] == 2


def test_reviewers_see_what_the_baseline_looked_like(tmp_path: Path) -> None:
    training = [{"Slope": number / 10, "Name": "x", "score": 0.5} for number in range(100)]
    write_csv(tmp_path / "train.csv", training)
    review = {**REVIEW, "label_names": {"1": "malignant"}, "instructions": "Look twice."}
    config = {"version": 1, "endpoint": "clinic", "payload": PAYLOAD, "review": review}
    (tmp_path / "c.json").write_text(json.dumps(config))
    shared = ["--config", str(tmp_path / "c.json"), "--workers", "1"]
    cli.main(["baseline", "--dataset", str(tmp_path / "train.csv"), "--output", str(tmp_path / "base"), *shared])
    write_capture(tmp_path / "capture", requests([0.5]))
    where = ["--dataset", str(tmp_path / "capture"), "--output", str(tmp_path / "out")]
    cli.main(["monitor", *where, "--baseline", str(tmp_path / "base"), *shared])
    context = json.loads((tmp_path / "out" / "review_context.json").read_text())
    assert list(context["features"]) == ["Slope"]
    assert sum(count for _, _, count in context["features"]["Slope"]["buckets"]) == 100
    assert context["labels"] == ["0", "1"]
    assert (context["label_names"], context["instructions"]) == ({"1": "malignant"}, "Look twice.")


def test_without_a_review_block_nothing_is_written(tmp_path: Path) -> None:
    write_capture(tmp_path / "capture", requests([0.5]))
    (tmp_path / "c.json").write_text(json.dumps({"version": 1, "payload": PAYLOAD}))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "review_tasks.jsonl").write_text("of an earlier run")
    where = ["--dataset", str(tmp_path / "capture"), "--output", str(tmp_path / "out")]
    cli.main(["monitor", *where, "--config", str(tmp_path / "c.json"), "--workers", "1"])
    assert not (tmp_path / "out" / "review_tasks.jsonl").exists()
    assert "review" not in json.loads((tmp_path / "out" / "report.json").read_text())


def test_a_rehearsal_sends_nothing_to_people(tmp_path: Path) -> None:
    document = json.dumps({"version": 1, "payload": PAYLOAD, "review": REVIEW, "create_violation_tests": True})
    configuration = parse_configuration(document.encode(), "x")
    assert configuration.review is not None
    (tmp_path / "c.json").write_text(document)
    write_capture(tmp_path / "capture", requests([0.5]))
    options = cli.parser().parse_args(
        [
            "monitor",
            "--dataset",
            str(tmp_path / "capture"),
            "--output",
            str(tmp_path / "out"),
            "--config",
            str(tmp_path / "c.json"),
        ]
    )
    from model_monitor.job.from_laptop import build_job

    assert flow.run(build_job(options)).review is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"features": []}, "review.features: should list the features"),
        ({"features": ["Name"]}, "'Name' is restricted"),
        ({"features": ["Slop"]}, "'Slop' is no feature of the payload; did you mean"),
        ({"low": 0.9, "high": 0.1}, "review.low: should be below high"),
        ({"classes": {"2": {}}}, "review.classes.2: is none of review.labels"),
        ({"classes": {"1": {"lo": 0.2}}}, "review.classes.1.lo: is unknown; did you mean low"),
        ({"per_hour": 500}, "review.per_hour: should be at most per_day, 100"),
        ({"measure": "entropy"}, "review.measure: should be band"),
        ({"problem_type": "multiclass"}, "review.labels: should name the classes"),
        ({"label_names": {"2": "other"}}, "review.label_names.2: is none of review.labels"),
        ({"positive": "yes"}, "review.positive: is none of review.labels"),
        ({"labels": ["a", "b", "c"]}, "review.labels: should be two labels"),
        ({"bands": {}}, "review.bands: is unknown"),
    ],
)
def test_a_wrong_setting_is_told_where_it_stands(change: dict[str, Any], told: str) -> None:
    document = {"version": 1, "payload": PAYLOAD, "review": {**REVIEW, **change}}
    with pytest.raises(SettingsError, match=r".") as caught:
        parse_configuration(json.dumps(document).encode(), "config.json")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        (None, "review: needs payload.features and payload.output"),
        ({"features": ["Slope"]}, "review: needs payload.output.score"),
    ],
)
def test_a_payload_without_scores_cannot_be_reviewed(payload: object, told: str) -> None:
    document = {"version": 1, "review": REVIEW, **({"payload": payload} if payload else {})}
    with pytest.raises(SettingsError) as caught:
        parse_configuration(json.dumps(document).encode(), "config.json")
    assert told in str(caught.value)
