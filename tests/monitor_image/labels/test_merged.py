"""Captured records with their labels, as AWS's merge job lays them out."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from model_monitor import cli
from model_monitor.contract import JobKind
from model_monitor.dataset.discover import discover
from model_monitor.errors import OutputError
from model_monitor.ground_truth_writer import write_labels
from model_monitor.job.job import DatasetKind, DatasetSource, Job
from model_monitor.labels.label_files import label_files
from model_monitor.labels.label_reader import read_ground_truth
from model_monitor.labels.label_records import labels_of
from model_monitor.labels.merged import LONGEST_LIST, Merged, write_merged
from model_monitor.schema import Feature, OutputMapping, PayloadMapping, Schema, Window
from tests.captures import (
    HOUR,
    columns_side,
    csv_side,
    event,
    events_of,
    json_side,
    write_capture,
    write_csv,
    write_lines,
)
from tests.monitor_image.conftest import healthy_events, land

OUTPUT = OutputMapping(prediction="label", payload_index="payload_index")
SCHEMA = Schema((Feature("a"),), PayloadMapping(output=OUTPUT))
Labels = list[tuple[object, object, object]]


def asked(*values: int) -> dict[str, Any]:
    return csv_side([{"a": value} for value in values])


def answered(*places: int) -> dict[str, Any]:
    return json_side([{"payload_index": place, "label": 0} for place in places])


def merge(
    folder: Path, labels: Labels, window: Window | None = None, endpoint: str = "", schema: Schema = SCHEMA
) -> Merged:
    """Merge what lies in `folder`/capture with labels into `folder`/merge."""
    write_labels(labels, folder / "labels", HOUR)
    source = DatasetSource(folder / "capture", DatasetKind.CAPTURE)
    job = Job(JobKind.MONITOR, source, folder / "out", schema, window=window, endpoint=endpoint)
    truth = read_ground_truth(label_files(folder / "labels"))
    return write_merged(job, discover(source, window), truth, folder / "merge")


def records(merged: Merged) -> list[dict[str, Any]]:
    return [json.loads(line) for path in merged.files for line in path.read_text().splitlines()]


def labels_in(record: dict[str, Any]) -> dict[int, str]:
    return {place: label for _, place, label in labels_of(record)}


def test_an_event_keeps_every_part_of_it_and_gains_its_labels(tmp_path: Path) -> None:
    captured = event(1, asked(5, 6), answered(0, 1), inference_id="mine")
    captured["eventMetadata"]["customAttributes"] = ["x=1"]
    write_capture(tmp_path / "capture", [captured, event(2, asked(7), answered(0))])
    merged = merge(tmp_path, [("mine", 0, "1"), ("mine", 1, "0"), ("event-000001", 0, "no: the caller's id counts")])
    assert (merged.events, merged.labels) == (1, 2)
    assert records(merged) == [{**captured, "groundTruthData": {"data": "1\n0", "encoding": "CSV"}}]


def test_records_lie_by_endpoint_variant_and_hour_of_their_inference(tmp_path: Path) -> None:
    later = HOUR + timedelta(hours=1, minutes=30)
    events = [event(1, asked(5), answered(0)), event(2, asked(6), answered(0), later)]
    write_capture(tmp_path / "capture", events, variant="blue")
    timeless = event(3, asked(7), answered(0))
    del timeless["eventMetadata"]["inferenceTime"]
    write_capture(tmp_path / "capture", [timeless], variant="green")
    merged = merge(tmp_path, [(f"event-{number:06d}", 0, "1") for number in (1, 2, 3)])
    names = [path.relative_to(tmp_path / "merge").as_posix() for path in merged.files]
    assert [name.rpartition("/")[0] for name in names] == [
        "covertype/blue/2026/03/02/04",
        "covertype/blue/2026/03/02/05",
        "covertype/green/2026/03/02/04",
    ]
    assert {path.name.split("-", 2)[0] for path in merged.files} == {"part"}
    assert all(path.name.startswith("part-00000-") and path.name.endswith(".c000.jsonl") for path in merged.files)


def test_files_outside_a_capture_tree_have_names_all_the_same(tmp_path: Path) -> None:
    timeless = event(1, asked(5), answered(0))
    del timeless["eventMetadata"]["inferenceTime"]
    write_lines(tmp_path / "capture" / "some.jsonl", [timeless, event(2, asked(5), answered(0))])
    merged = merge(tmp_path, [("event-000001", 0, 1), ("event-000002", 0, 1)], endpoint="e")
    folders = [path.relative_to(tmp_path / "merge").parent.as_posix() for path in merged.files]
    assert folders == ["e/AllTraffic/2026/03/02/04", "e/AllTraffic"]


def test_labels_stand_at_the_places_of_their_records_also_where_some_are_missing(tmp_path: Path) -> None:
    far = 3 * LONGEST_LIST
    events = [
        event(1, asked(5, 6, 7), answered(0, 1, 2)),
        event(2, asked(5, 6), answered(1, 0)),
        event(3, asked(5, 6), answered(0, far)),
    ]
    write_capture(tmp_path / "capture", events)
    labels: Labels = [
        ("event-000001", 0, "x"),
        ("event-000001", 2, "z\u2028"),
        ("event-000002", 1, "1"),
        ("event-000003", far, "7"),
    ]
    first, second, third = records(merge(tmp_path, labels))
    assert labels_in(first) == {0: "x", 2: "z"}
    assert first["groundTruthData"] == {"data": '["x", null, "z"]', "encoding": "JSON"}
    assert labels_in(second) == {1: "1"}
    assert json.loads(third["groundTruthData"]["data"]) == [{"payload_index": far, "groundTruthLabel": "7"}]


def test_merging_a_window_again_replaces_its_files_and_no_others(tmp_path: Path) -> None:
    times = [HOUR, HOUR + timedelta(hours=1)]
    write_capture(tmp_path / "capture", [event(n, asked(5), answered(0), time) for n, time in enumerate(times)])
    windows = [Window(time, time + timedelta(hours=1)) for time in times]
    labels: Labels = [("event-000000", 0, "1"), ("event-000001", 0, "1")]
    first = [merge(tmp_path, labels, window, endpoint="covertype") for window in windows]
    assert [merged.events for merged in first] == [1, 1]
    assert first[0].files[0].name != first[1].files[0].name
    before = {path: path.read_bytes() for path in (tmp_path / "merge").rglob("*") if path.is_file()}
    again = [merge(tmp_path, labels, window, endpoint="covertype") for window in windows]
    assert {path: path.read_bytes() for path in (tmp_path / "merge").rglob("*") if path.is_file()} == before
    assert [merged.files for merged in again] == [merged.files for merged in first]
    for path in (tmp_path / "labels").rglob("*.jsonl"):
        path.unlink()
    assert merge(tmp_path, [("nobody", 0, "1")], windows[0], endpoint="covertype").files == ()
    assert [path for path in before if path.exists()] == [first[1].files[0]]


def test_lines_around_rejects_blanks_and_compression_are_the_right_ones(tmp_path: Path) -> None:
    events = [event(n, asked(*range(n % 3 + 1)), answered(*range(n % 3 + 1))) for n in range(9)]
    lines = [json.dumps(one) for one in events]
    lines[2:2] = ["", "no event", json.dumps(event(90, asked(1, 2), answered(0)))]
    lines[-1] = lines[-1].replace('"eventVersion": "0"', '"extra": NaN, "eventVersion": "0"')
    folder = tmp_path / "capture" / "e" / "v" / f"{HOUR:%Y/%m/%d/%H}"
    folder.mkdir(parents=True)
    (folder / "a.jsonl").write_bytes("\ufeff".encode() + "\r\n".join(lines[:6]).encode())
    (folder / "b.jsonl.gz").write_bytes(gzip.compress("\n".join(lines[6:]).encode()))
    wanted = [event["eventMetadata"]["eventId"] for event in events if event["eventMetadata"]["eventId"][-1] != "4"]
    merged = records(merge(tmp_path, [(name, 0, "1") for name in wanted]))
    assert [record["eventMetadata"]["eventId"] for record in merged] == wanted
    by_id = {one["eventMetadata"]["eventId"]: one["captureData"] for one in events}
    assert all(record["captureData"] == by_id[record["eventMetadata"]["eventId"]] for record in merged)


def test_events_of_several_formats_keep_the_order_of_their_lines(tmp_path: Path) -> None:
    sides = [asked(1), columns_side([{"a": 1}]), json_side([{"a": 1}]), asked(2)]
    write_capture(tmp_path / "capture", [event(n, side, answered(0)) for n, side in enumerate(sides)])
    merged = records(merge(tmp_path, [(f"event-{n:06d}", 0, n) for n in range(4)]))
    assert [labels_in(record)[0] for record in merged] == ["0", "1", "2", "3"]


def test_records_that_were_merged_before_get_their_labels_anew(tmp_path: Path) -> None:
    old = {**event(1, asked(5), answered(0)), "groundTruthData": {"data": "9", "encoding": "CSV"}}
    write_capture(tmp_path / "capture", [old])
    assert [labels_in(record) for record in records(merge(tmp_path, [("event-000001", 0, "1")]))] == [{0: "1"}]


def test_nothing_half_written_stays_where_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_capture(tmp_path / "capture", [event(1, asked(5), answered(0))])

    def full(self: Path, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    write_labels_first = tmp_path / "labels" / f"{HOUR:%Y/%m/%d/%H}"
    write_lines(
        write_labels_first / "l.jsonl", [{"InferenceId": "event-000001", "payload_index": 0, "groundTruthLabel": "1"}]
    )
    source = DatasetSource(tmp_path / "capture", DatasetKind.CAPTURE)
    truth = read_ground_truth(label_files(tmp_path / "labels"))
    with pytest.raises(OutputError, match="No space left"):
        write_merged(Job(JobKind.MONITOR, source, tmp_path, SCHEMA), discover(source), truth, tmp_path / "merge")
    assert not [path for path in (tmp_path / "merge").rglob("*") if path.is_file()]


# --- AWS's own -----------------------------------------------------------------------------------------------------------


def test_a_published_merged_record_is_met_from_its_capture_and_ground_truth(tmp_path: Path, shared: Path) -> None:
    path = shared / "samples" / "ground_truth" / "merged_endpoint_json_multirecord.jsonl"
    published = [json.loads(line) for line in path.read_text().splitlines()]
    captured = [{key: value for key, value in record.items() if key != "groundTruthData"} for record in published]
    write_capture(tmp_path / "capture", captured)
    truths = [
        {
            "groundTruthData": record["groundTruthData"],
            "eventMetadata": {"eventId": record["eventMetadata"]["inferenceId"]},
            "eventVersion": "0",
        }
        for record in published
    ]
    write_lines(tmp_path / "truth.jsonl", truths)
    payload = PayloadMapping("instances[*].features", OutputMapping("predictions[*]", "predicted_label", "score"))
    width = len(json.loads(captured[0]["captureData"]["endpointInput"]["data"])["instances"][0]["features"])
    source = DatasetSource(tmp_path / "capture", DatasetKind.CAPTURE)
    schema = Schema(tuple(Feature(f"f{i}") for i in range(width)), payload)
    labels = read_ground_truth([("truth.jsonl", tmp_path / "truth.jsonl")])
    job = Job(JobKind.MONITOR, source, tmp_path, schema)
    ours = records(write_merged(job, discover(source), labels, tmp_path / "merge"))
    assert [set(record) for record in ours] == [set(record) for record in published]
    for mine, theirs in zip(ours, published, strict=True):
        for key in ("captureData", "eventMetadata", "eventVersion"):
            assert mine[key] == theirs[key]
        assert set(mine["groundTruthData"]) == set(theirs["groundTruthData"])
        assert labels_in(mine) == labels_in(theirs)
        assert len(labels_in(mine)) > 300


# --- the command ---------------------------------------------------------------------------------------------------------


def test_a_run_writes_merged_records_only_where_asked(tmp_path: Path, capsys: Any) -> None:
    features, output = list(land(1)[0]), {"prediction": "label", "score": "score", "payload_index": "payload_index"}
    config = tmp_path / "monitoring.json"
    settings = {"version": 1, "endpoint": "covertype", "payload": {"features": features, "output": output}}
    config.write_text(json.dumps(settings))
    capture = write_capture(tmp_path / "capture", events_of(land(40)))
    dataset = write_csv(tmp_path / "training.csv", land(600, seed=7))
    write_labels([("event-000003", place, "1") for place in range(4)], tmp_path / "labels", datetime.now(UTC))
    base, out = str(tmp_path / "baseline"), tmp_path / "out"
    assert cli.main(["baseline", "--dataset", str(dataset), "--output", base, "--config", str(config)]) == 0
    run = ["monitor", "--dataset", str(capture), "--baseline", base, "--output", str(out), "--config", str(config)]
    assert cli.main(run) in (0, 2)
    assert cli.main([*run, "--ground-truth", str(tmp_path / "labels")]) in (0, 2)
    assert not (out / "merge").exists()
    assert cli.main([*run, "--merged", str(tmp_path / "m")]) == 1
    assert "Name them with --ground-truth" in capsys.readouterr().err
    assert cli.main([*run, "--ground-truth", str(tmp_path / "labels"), "--merged", str(capture / "m")]) == 1
    table = ["--dataset", str(dataset), "--ground-truth", str(tmp_path / "labels"), "--merged", str(tmp_path / "m")]
    assert cli.main([*run, *table]) == 1
    assert "needs captured events" in capsys.readouterr().err
    assert cli.main([*run, "--ground-truth", str(tmp_path / "labels"), "--merged", str(tmp_path / "m")]) in (0, 2)
    (path,) = (tmp_path / "m").rglob("part-*.jsonl")
    assert labels_in(json.loads(path.read_text())) == dict.fromkeys(range(4), "1")
    config.write_text(json.dumps(settings | {"merged": True, "ground_truth": str(tmp_path / "labels")}))
    assert cli.main(run) in (0, 2)
    (again,) = (out / "merge" / "covertype" / "AllTraffic" / f"{HOUR:%Y/%m/%d/%H}").iterdir()
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("is_asked", [True, False])
def test_a_job_puts_merged_records_below_its_output_and_repeats_none_of_their_values(
    opt_ml: Any, healthy_baseline: Path, is_asked: bool
) -> None:
    secret = "Zanzibar-4711"
    events = healthy_events()
    events[3]["eventMetadata"]["customAttributes"] = [secret]
    tree = opt_ml().configure(merged=is_asked).for_window(events).with_baseline(healthy_baseline)
    labels = [(one["eventMetadata"]["eventId"], 0, secret) for one in events[:5]]
    write_labels(labels, tree.root / "processing/groundtruth", HOUR)
    assert tree.run() == 0, tree.message
    merged = sorted((tree.output / "merge").rglob("*.jsonl"))
    assert len(merged) == is_asked
    for path in merged:
        assert path.parent == tree.output / "merge/covertype/AllTraffic" / f"{HOUR:%Y/%m/%d/%H}"
        assert [labels_in(json.loads(line)) for line in path.read_text().splitlines()] == [{0: secret}] * 5
    others = [path for path in tree.root.rglob("output/**/*") if path.is_file() and path not in merged]
    assert len(others) > 4
    assert not [path for path in others if secret in path.read_text()]
