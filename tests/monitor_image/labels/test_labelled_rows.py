"""Labelled rows of a window: for a future training, and apart from them those that no training sees."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_monitor import flow
from model_monitor.contract import JobKind, MonitoringType
from model_monitor.errors import OutputError, SettingsError
from model_monitor.ground_truth_writer import write_labels
from model_monitor.job.configuration import RowLocations, parse_configuration
from model_monitor.job.job import DatasetKind, DatasetSource, Job, LabelledRows, MonitorSettings
from model_monitor.labels.keys import drawn, hashes
from model_monitor.labels.labelled_rows import SALT
from model_monitor.labels.truth_lines import reviewed_line
from model_monitor.schema import Feature, FeatureType, OutputMapping, PayloadMapping, Schema, Window
from tests.captures import HOUR, csv_side, event, json_side, write_capture

FEATURES = (
    Feature("size", FeatureType.FRACTIONAL),
    Feature("area", FeatureType.STRING),
    Feature("rooms", FeatureType.INTEGRAL),
)
SCHEMA = Schema(FEATURES, PayloadMapping(output=OutputMapping(prediction="label", payload_index="payload_index")))
WINDOW = Window(HOUR, HOUR + timedelta(hours=1))
QUALITY = MonitorSettings(MonitoringType.MODEL_QUALITY, options={"problem_type": "BinaryClassification"})
Table = list[list[str]]


def write(root: Path, records: list[dict[str, Any]], size: int = 2, files: int = 1) -> None:
    parts = [records[start : start + size] for start in range(0, len(records), size)]
    answers = [json_side([{"payload_index": i, "label": 0} for i in range(len(part))]) for part in parts]
    events = [event(n, csv_side(part), answer) for n, (part, answer) in enumerate(zip(parts, answers, strict=True))]
    write_capture(root / "capture", events, files=files)


def job_of(root: Path, share: float = 0.2, workers: int = 1) -> Job:
    return Job(
        JobKind.MONITOR,
        DatasetSource(root / "capture", DatasetKind.CAPTURE),
        root / "out",
        SCHEMA,
        monitors=(QUALITY,),
        ground_truth=root / "labels",
        labelled_rows=LabelledRows(str(root / "fresh"), str(root / "holdout"), share),
        window=WINDOW,
        workers=workers,
    )


def table(folder: Path) -> Table:
    path = folder / "2026-03-02T0400.csv"
    return list(csv.reader(path.open(newline=""))) if path.exists() else []


def many(root: Path, count: int = 400, files: int = 1) -> None:
    """Record n has size n, in events of two, each with a label."""
    write(root, [{"size": n, "area": "a", "rooms": 2} for n in range(count)], files=files)
    write_labels([(f"event-{n // 2:06d}", n % 2, n % 2) for n in range(count)], root / "labels", HOUR)


def reviewed(root: Path, number: int, label: str, hour: datetime = HOUR) -> None:
    """What the review's clerk writes of one record."""
    folder = root / "labels" / f"{hour:%Y/%m/%d/%H}"
    folder.mkdir(parents=True, exist_ok=True)
    line = reviewed_line(f"event-{number // 2:06d}", number % 2, label, ["ann@example.com"])
    (folder / f"z-review-{number}.jsonl").write_text(line + "\n")


def test_rows_whose_label_reviewers_gave_lie_apart_and_replace_what_was_known(tmp_path: Path) -> None:
    many(tmp_path, 8)
    flow.run(job_of(tmp_path, share=0.0))
    assert len(table(tmp_path / "fresh")) == 8
    assert not list((tmp_path / "fresh").glob("*-review.csv")), "nobody reviewed"
    reviewed(tmp_path, 3, "0")
    flow.run(job_of(tmp_path, share=0.0))
    assert [row[1] for row in table(tmp_path / "fresh")] == ["0", "1", "2", "4", "5", "6", "7"]
    (name,) = (tmp_path / "fresh").glob("*-review.csv")
    assert name.read_text() == "0,3,a,2\n"
    later = HOUR + timedelta(hours=1)
    write_labels([("event-000001", 1, "1")], tmp_path / "labels", later)  # the application learns better
    flow.run(job_of(tmp_path, share=0.0))
    assert len(table(tmp_path / "fresh")) == 8
    assert name.read_text() == "", "a row lies in one file"


def test_reviewed_rows_are_held_out_as_any_others(tmp_path: Path) -> None:
    many(tmp_path, 40)
    for number in range(40):
        reviewed(tmp_path, number, "1")
    flow.run(job_of(tmp_path, share=0.5))
    counts = [
        len((tmp_path / side / "2026-03-02T0400-review.csv").read_text().split()) for side in ("fresh", "holdout")
    ]
    assert sum(counts) == 40
    assert all(counts)
    assert (tmp_path / "fresh" / "2026-03-02T0400.csv").read_text() == ""


def test_rows_have_the_label_first_then_the_features_in_the_order_of_the_mapping(tmp_path: Path) -> None:
    records = [
        {"size": 1.5, "area": 'no"rth, far', "rooms": 3},
        {"size": 2.0, "area": None, "rooms": None},
        {"size": 0.1, "area": "00501", "rooms": 1},
    ]
    write(tmp_path, records)
    write_labels([("event-000000", 0, "1"), ("event-000000", 1, "0.0")], tmp_path / "labels", HOUR)
    flow.run(job_of(tmp_path, share=0.0))
    assert table(tmp_path / "fresh") == [["1", "1.5", 'no"rth, far', "3"], ["0", "2", "", ""]]
    assert not (tmp_path / "holdout").exists()  # what has no label is in neither


def test_each_labelled_record_is_on_one_side_and_about_the_share_is_held_out(tmp_path: Path) -> None:
    many(tmp_path)
    flow.run(job_of(tmp_path))
    sides = [{int(row[1]) for row in table(tmp_path / side)} for side in ("fresh", "holdout")]
    assert not sides[0] & sides[1]
    assert sides[0] | sides[1] == set(range(400))
    assert 50 < len(sides[1]) < 110  # 80 expected, standard deviation 8


def test_a_record_is_on_the_same_side_in_every_run_and_for_every_cut(tmp_path: Path) -> None:
    many(tmp_path / "one")
    many(tmp_path / "other", files=7)
    flow.run(job_of(tmp_path / "one", workers=1))
    flow.run(job_of(tmp_path / "other", workers=3))
    for side in ("fresh", "holdout"):
        assert table(tmp_path / "one" / side) == table(tmp_path / "other" / side)
    before = table(tmp_path / "one" / "holdout")
    (tmp_path / "one" / "holdout" / "2026-03-02T0400.csv").unlink()
    flow.run(job_of(tmp_path / "one"))
    assert table(tmp_path / "one" / "holdout") == before


def test_several_units_and_workers_write_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many(tmp_path, files=5)
    flow.run(job_of(tmp_path))
    whole = [(tmp_path / side / "2026-03-02T0400.csv").read_bytes() for side in ("fresh", "holdout")]
    monkeypatch.setattr("model_monitor.flow.plan", lambda files: [(unit,) for unit in plan_alone(files)])
    flow.run(job_of(tmp_path, workers=2))
    assert [(tmp_path / side / "2026-03-02T0400.csv").read_bytes() for side in ("fresh", "holdout")] == whole


def plan_alone(files: Any) -> list[Any]:
    from model_monitor.dataset.units import plan

    return [segment for unit in plan(files) for segment in unit]


def test_labels_that_come_late_replace_the_windows_files(tmp_path: Path) -> None:
    write(tmp_path, [{"size": n, "area": "a", "rooms": 2} for n in range(2)])
    write_labels([("event-000000", 0, "1")], tmp_path / "labels", HOUR)
    flow.run(job_of(tmp_path, share=0.0))
    assert len(table(tmp_path / "fresh")) == 1
    write_labels([("event-000000", 1, "1")], tmp_path / "labels", HOUR + timedelta(hours=3))
    flow.run(job_of(tmp_path, share=0.0))
    assert len(table(tmp_path / "fresh")) == 2


def test_text_where_a_number_belongs_is_nothing_to_learn_from(tmp_path: Path) -> None:
    write(tmp_path, [{"size": "big", "area": "a", "rooms": 2}, {"size": 1, "area": "a", "rooms": 2}])
    write_labels([("event-000000", 0, 1), ("event-000000", 1, 1)], tmp_path / "labels", HOUR)
    flow.run(job_of(tmp_path, share=0.0))
    assert [row[1] for row in table(tmp_path / "fresh")] == ["1"]


@pytest.mark.parametrize("change", [{"is_rehearsal": True}, {"labelled_rows": None}, {"ground_truth": None}])
def test_nothing_is_kept_of_a_rehearsal_nor_without_places_or_labels(tmp_path: Path, change: dict[str, Any]) -> None:
    many(tmp_path, 8)
    flow.run(replace(job_of(tmp_path), **change))
    assert not (tmp_path / "fresh").exists()
    assert not (tmp_path / "holdout").exists()


def test_a_share_is_drawn_of_any_ids_without_regard_to_other_draws() -> None:
    keys = hashes([f"{number}" for number in range(20_000)])
    held, others = drawn(keys, 0.2, SALT), drawn(keys, 0.2, SALT + 1)
    assert abs(held.mean() - 0.2) < 0.012
    assert abs((held & others).mean() - 0.04) < 0.006
    assert not drawn(keys, 0.0, SALT).any()
    assert (drawn(keys, 0.2, SALT) <= drawn(keys, 0.3, SALT)).all()  # a larger share keeps what was held out
    assert np.array_equal(drawn(keys[::-1], 0.2, SALT), held[::-1])


@pytest.mark.parametrize(
    ("fresh", "holdout", "told"),
    [
        ("s3://b/x", None, "names one of two places"),
        ("s3://b/x/", "s3://b/x/holdout", "in one place"),
        ("s3://b/x/fresh", "s3://b/x", "in one place"),
    ],
)
def test_a_training_can_see_no_held_out_row_by_a_wrong_place(fresh: str, holdout: str | None, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        RowLocations(fresh, holdout).rows("labelled_rows")


def test_folders_whose_names_begin_alike_are_two_places() -> None:
    assert RowLocations("s3://b/rows", "s3://b/rows-holdout").rows("labelled_rows") is not None


def test_the_configuration_names_places_and_share() -> None:
    given = {"version": 1, "labelled_rows": {"fresh": "f", "holdout": "h", "holdout_share": 0.3}}
    found = parse_configuration(json.dumps(given).encode(), "file").labelled_rows
    assert found == RowLocations("f", "h", 0.3)
    wrong = {"version": 1, "labelled_rows": {"share": 2}}
    with pytest.raises(SettingsError, match=r"labelled_rows\.share: is unknown"):
        parse_configuration(json.dumps(wrong).encode(), "file")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    many(tmp_path, 8)
    (tmp_path / "fresh").write_text("a file")
    with pytest.raises(OutputError, match="labelled rows cannot be written"):
        flow.run(job_of(tmp_path, share=0.0))
