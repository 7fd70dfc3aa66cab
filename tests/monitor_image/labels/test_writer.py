"""Ground truth as applications write it: what is written is what was given, in AWS's form and in ours."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings, strategies as st

from model_monitor import cli
from model_monitor.errors import LabelsRefused, SettingsError
from model_monitor.label_text import normalise
from model_monitor.labels.keys import record_keys
from model_monitor.labels.label_files import label_files
from model_monitor.labels.label_reader import read_ground_truth
from model_monitor.labels.writer import LINES_PER_FILE, file_contents, group, write_labels
from model_monitor.schema import Events
from tests.effort import examples

CORE = Path(__file__).resolve().parents[3] / "monitor_image"
COLLECTED = datetime(2026, 3, 2, 7, 4, 5, 6, tzinfo=UTC)
Key = tuple[str, int]

ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=64).filter(str.isprintable)
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(lambda text: text.strip())
values = st.one_of(texts, st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))
tables = st.dictionaries(st.tuples(ids, st.one_of(st.integers(0, 4), st.integers(0, 2**31 - 1))), values, max_size=25)


def text_of(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).strip()


def read_as_aws_does(folder: Path) -> dict[Key, str]:
    """What AWS documents, read without our reader: one JSON object a line, labels by position, one hour a folder."""
    found: dict[Key, str] = {}
    for path in sorted(folder.rglob("*.jsonl")):
        datetime.strptime(path.parent.relative_to(folder).as_posix(), "%Y/%m/%d/%H")
        for line in path.read_bytes().decode().removesuffix("\n").split("\n"):
            record = json.loads(line)
            assert record["eventVersion"] == "0"
            truth, event = record["groundTruthData"], record["eventMetadata"]
            assert isinstance(truth["data"], str)
            if truth["encoding"] == "CSV":
                labels = [row[0] for row in csv.reader(io.StringIO(truth["data"], newline=""))]
            else:
                assert truth["encoding"] == "JSON"
                labels = json.loads(truth["data"])
            for position, label in enumerate(labels, event.get("payload_index", 0)):
                assert (event["eventId"], position) not in found
                found[event["eventId"], position] = label
    return found


@given(tables)
@settings(max_examples=examples(150), deadline=None)
def test_what_is_written_is_read_back_by_us_and_by_aws(tmp_path_factory: Any, table: dict[Key, Any]) -> None:
    folder = tmp_path_factory.mktemp("labels")
    written = write_labels([(*key, value) for key, value in table.items()], folder, COLLECTED)
    assert (written.labels, written.events) == (len(table), len({event for event, _ in table}))
    expected = {key: text_of(value) for key, value in table.items()}
    assert read_as_aws_does(folder) == expected
    truth = read_ground_truth(label_files(folder, COLLECTED, COLLECTED))
    assert (len(truth), truth.repeats, truth.rejects.count) == (len(table), 0, 0)
    for (event, place), label in expected.items():
        where = truth.find(record_keys(Events((event,), np.array([0]), np.array([1])), np.array([place])))[0]
        assert truth.words[truth.codes[where]] == normalise(label)


def test_the_labels_of_an_event_are_one_line_in_the_hour_of_their_collection(tmp_path: Path) -> None:
    east = timezone(timedelta(hours=5, minutes=30))
    written = write_labels([("a", 1, 0), ("a", 0, 1.0), ("b", 3, True)], tmp_path, COLLECTED.astimezone(east))
    (path,) = tmp_path.rglob("*.jsonl")
    assert [str(path)] == list(written.files)
    assert path.parent == tmp_path / "2026/03/02/07"
    assert path.name.startswith("04-05-000006-")
    first, second = map(json.loads, path.read_text().splitlines())
    assert first == {
        "groundTruthData": {"data": "1.0\n0", "encoding": "CSV"},
        "eventMetadata": {"eventId": "a"},
        "eventVersion": "0",
    }
    assert second["eventMetadata"] == {"eventId": "b", "payload_index": 3}
    assert second["groundTruthData"]["data"] == "true"


def test_the_same_labels_in_any_order_are_the_same_file_and_others_are_another(tmp_path: Path) -> None:
    labels = [("a", 0, "1"), ("b", 0, "0"), ("a", 1, "1")]
    once, again = (write_labels(order, tmp_path, COLLECTED).files for order in (labels, labels[::-1]))
    assert once == again
    assert write_labels(labels[:2], tmp_path, COLLECTED).files != once
    assert not list(tmp_path.rglob("*.partial"))


def test_of_two_labels_the_one_collected_later_counts(tmp_path: Path) -> None:
    for minutes, label in ((0, "early"), (1, "middle"), (59, "late")):
        write_labels([("a", 0, label)], tmp_path, COLLECTED.replace(minute=0) + timedelta(minutes=minutes))
    truth = read_ground_truth(label_files(tmp_path))
    assert ([truth.words[code] for code in truth.codes], truth.repeats) == (["late"], 2)


def test_many_events_are_several_files(tmp_path: Path) -> None:
    files = file_contents(group((number, 0, "1") for number in range(LINES_PER_FILE + 1)), COLLECTED)
    assert [content.count(b"\n") for content in files.values()] == [LINES_PER_FILE, 1]


def test_scalars_of_numpy_are_labels_and_places(tmp_path: Path) -> None:
    write_labels([(np.int64(7), np.int32(0), np.float64(1.5)), ("7", 1, np.bool_(False))], tmp_path, COLLECTED)
    assert read_as_aws_does(tmp_path) == {("7", 0): "1.5", ("7", 1): "false"}


REFUSED = [
    (("", 0, 1), "id"),
    (("x" * 65, 0, 1), "id"),
    (("tab\there", 0, 1), "id"),
    ((None, 0, 1), "id"),
    ((True, 0, 1), "id"),
    ((1.0, 0, 1), "id"),
    (("a", -1, 1), "place"),
    (("a", 1.5, 1), "place"),
    (("a", "0", 1), "place"),
    (("a", 2**31, 1), "place"),
    (("a", 0, ""), "empty"),
    (("a", 0, "  "), "empty"),
    (("a", 0, None), "empty"),
    (("a", 0, ["1"]), "empty"),
    (("a", 0, float("nan")), "finite"),
    (("a", 0, "\ud800"), "surrogate"),
    (("good", 0, 2), "second label"),
]


@pytest.mark.parametrize(("label", "reason"), REFUSED, ids=[f"{label!a}"[:30] for label, _ in REFUSED])
def test_what_cannot_be_joined_is_refused_by_its_position_before_anything_is_written(
    tmp_path: Path, label: Any, reason: str
) -> None:
    with pytest.raises(LabelsRefused, match=rf"^1 fault in the labels.*\n  label 1 .*{reason}"):
        write_labels([("good", 0, 1), label], tmp_path, COLLECTED)
    assert not list(tmp_path.iterdir())


def test_all_faults_are_told_without_a_value_and_a_long_list_is_cut(tmp_path: Path) -> None:
    with pytest.raises(LabelsRefused) as caught:
        write_labels([("secret" * 20, 0, "secret")] * 12, tmp_path, COLLECTED)
    assert len(caught.value.faults) == 12
    assert "and 2 faults more" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_time_without_a_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no time zone"):
        write_labels([("a", 0, 1)], tmp_path, datetime(2026, 3, 2, 7))


@pytest.mark.xdist_group("moto")
def test_labels_go_to_s3_under_the_same_names(tmp_path: Path, bucket: Any) -> None:
    (uri,) = write_labels([("a", 0, 1)], "s3://bucket/e/ground-truth", COLLECTED).files
    (path,) = write_labels([("a", 0, 1)], tmp_path, COLLECTED).files
    name = Path(path).relative_to(tmp_path).as_posix()
    assert uri == f"s3://bucket/e/ground-truth/{name}"
    content = bucket.get_object(Bucket="bucket", Key=f"e/ground-truth/{name}")["Body"].read()
    assert content == Path(path).read_bytes()


def test_an_application_loads_no_library_by_importing_the_writer() -> None:
    code = "import sys, model_monitor.ground_truth_writer; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CORE, capture_output=True, text=True, check=True, timeout=60
    )
    assert not {"numpy", "pyarrow", "boto3", "orjson", "msgspec"} & set(done.stdout.split())


# --- the command -------------------------------------------------------------------------------------------------------

ROWS = [("007", 0, "1"), ("007", 1, "x,\u2028y"), ("7", 2, "1.5")]
NAMES = ("InferenceId", "payload_index", "groundTruthLabel")
OTHERS = ("request", "n", "outcome")


def table_file(folder: Path, form: str, names: tuple[str, str, str] = NAMES) -> Path:
    path = folder / f"table.{form}"
    records = [dict(zip(names, row, strict=True)) for row in ROWS]
    if form == "parquet":
        pyarrow.parquet.write_table(pa.Table.from_pylist(records), path)
    elif form == "csv":
        with path.open("w", newline="", encoding="utf-8-sig") as sink:
            writer = csv.writer(sink)
            writer.writerows([names, *ROWS])
    else:
        text = json.dumps(records) if form == "json" else "\n".join(map(json.dumps, records))
        path.write_text(text + "\n")
    return path


def command(*arguments: object) -> int:
    try:
        return cli.main(["labels", *map(str, arguments)])
    except SystemExit as stop:
        return int(stop.code or 0)


@pytest.mark.parametrize("form", ["csv", "json", "jsonl", "parquet"])
@pytest.mark.parametrize("is_mapped", [False, True])
def test_a_table_of_any_form_becomes_ground_truth(tmp_path: Path, capsys: Any, form: str, is_mapped: bool) -> None:
    named = ["--id-column", "request", "--index-column", "n", "--label-column", "outcome"] if is_mapped else []
    table = table_file(tmp_path, form, OTHERS if is_mapped else NAMES)
    assert command(table, "--output", tmp_path / "out", "--hour", "2026-03-02T07", *named) == 0
    assert read_as_aws_does(tmp_path / "out") == {(event, place): label for event, place, label in ROWS}
    (path,) = (tmp_path / "out/2026/03/02/07").iterdir()
    assert capsys.readouterr().out == f"3 labels of 2 events written:\n  {path}\n"


def test_a_dry_run_names_the_file_that_the_run_then_writes(tmp_path: Path, capsys: Any) -> None:
    arguments = (table_file(tmp_path, "csv"), "--output", tmp_path / "out", "--hour", "2026-03-02T07:30:00+05:30")
    assert command(*arguments, "--dry-run") == 0
    assert not (tmp_path / "out").exists()
    promised = capsys.readouterr().out.splitlines()
    assert command(*arguments) == 0
    assert (tmp_path / "out/2026/03/02/02").is_dir()
    assert promised == [capsys.readouterr().out.splitlines()[0].replace(" written", " would be written"), promised[1]]
    assert Path(promised[1].strip()).is_file()


def test_without_a_column_of_places_each_event_has_one_label(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("EventId,label\na,1\nb,0\n")
    assert command(tmp_path / "t.csv", "--output", tmp_path / "out") == 0
    assert read_as_aws_does(tmp_path / "out") == {("a", 0): "1", ("b", 0): "0"}


def test_of_two_ids_the_one_that_the_request_carried_counts(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("eventId,InferenceId,groundTruthLabel\nx,a,1\n")
    assert command(tmp_path / "t.csv", "--output", tmp_path / "out") == 0
    assert read_as_aws_does(tmp_path / "out") == {("a", 0): "1"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "InferenceId;groundTruthLabel\na;0\n",
            "has no column 'InferenceId'. Found: InferenceId;groundTruthLabel. A comma is expected between columns.",
        ),
        ("InferenceId,payload_index\na,0\n", "has no column 'groundTruthLabel'. Found: InferenceId, payload_index."),
        ("InferenceId,payload_index,groundTruthLabel\na,0,1\na,0,1\n", "label 1 is a second label of one record"),
        (
            "InferenceId,groundTruthLabel\na,1\na,1\na,0\nb,1\n",
            "has no column 'payload_index', and 1 of 2 ids have several labels.",
        ),
        ("InferenceId,payload_index,groundTruthLabel\na,,1\n", "label 0 has no whole number"),
        ("InferenceId,groundTruthLabel\na\n", "label 0 is empty"),
        ("InferenceId,groundTruthLabel\na,1\nb,New York, NY\n", "label 1 is in a row of more values"),
        ("InferenceId,groundTruthLabel\n", "no label found"),
        ('InferenceId,groundTruthLabel\na,"1\n', "cannot be read as a table"),
    ],
)
def test_a_wrong_table_is_refused_and_nothing_is_written(
    tmp_path: Path, capsys: Any, content: str, message: str
) -> None:
    (tmp_path / "t.csv").write_text(content)
    assert command(tmp_path / "t.csv", "--output", tmp_path / "out") == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [("t.jsonl", "{"), ("t.json", "[1]"), ("t.json", "[" * 99_999), ("t.parquet", "x"), ("none.csv", None)],
    ids=["half", "numbers", "deep", "text", "absent"],
)
def test_what_is_no_table_is_named(tmp_path: Path, capsys: Any, name: str, content: str | None) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    assert command(tmp_path / name, "--output", tmp_path / "out") == 1
    assert str(tmp_path / name) in capsys.readouterr().err


def test_an_hour_that_is_none_is_a_usage_error(tmp_path: Path, capsys: Any) -> None:
    assert command(table_file(tmp_path, "csv"), "--output", tmp_path, "--hour", "yesterday") == 1
    assert "such as 2026-01-31T04" in capsys.readouterr().err


def test_a_missing_place_is_told_once_however_many_labels_need_it(tmp_path, capsys):
    table = tmp_path / "outcomes.csv"
    table.write_text("InferenceId,groundTruthLabel\n" + "secret-id,1\nother,0\n" * 200)
    assert command(table, "--output", tmp_path / "truth") == 1
    told = capsys.readouterr().err
    assert "payload_index" in told
    assert "--index-column" in told
    assert len(told.splitlines()) == 1
    assert "secret-id" not in told


def test_help_says_that_a_repeat_needs_the_hour_to_change_nothing(capsys):
    assert command("--help") == 0
    assert "With --hour, the same table and output give the same files" in capsys.readouterr().out
