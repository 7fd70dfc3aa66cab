"""Labels in every form met in the field, found again by event and place."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import subprocess
import sys
import tracemalloc
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings, strategies as st

from model_monitor import label_text as labels, packing
from model_monitor.errors import NoDataset, UnpacksTooLarge
from model_monitor.label_text import normalise, normalise_all
from model_monitor.labels.ground_truth import GroundTruth
from model_monitor.labels.keys import record_keys
from model_monitor.labels.label_files import label_files, label_units, leaves_threads
from model_monitor.labels.label_reader import read_ground_truth
from model_monitor.labels.truth_lines import reviewed_line
from model_monitor.runners.fold import fold
from model_monitor.schema import Events
from tests.effort import examples

CORE = Path(__file__).resolve().parents[3] / "monitor_image"
ROWS = [("a", 0, "1"), ("a", 1, "0"), ("7", 0, "1")]
NAMES = ("InferenceId", "payload_index", "groundTruthLabel")


def aws(event: Any, data: str, encoding: str = "CSV", **metadata: Any) -> str:
    truth = {"data": data, "encoding": encoding}
    return json.dumps({"groundTruthData": truth, "eventMetadata": {"eventId": event, **metadata}, "eventVersion": "0"})


def found(truth: GroundTruth, event: str, *places: int) -> list[str | None]:
    events = Events((event,), np.array([0]), np.array([len(places)]))
    where = truth.find(record_keys(events, np.array(places)))
    return [truth.words[truth.codes[place]] if place >= 0 else None for place in where]


def read(folder: Path, content: str | bytes, name: str = "labels.jsonl") -> GroundTruth:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_ground_truth([(name, path)])


def tabular() -> list[dict[str, Any]]:
    return [dict(zip(NAMES, row, strict=True)) for row in ROWS]


FORMS = {
    "labels of an event in one text": aws("a", "1,0") + "\n" + aws(7, "1"),
    "labels of an event by line": aws("a", "1\n0\n") + "\n" + aws("7", "1"),
    "labels with a decimal point": aws("a", "1.0, 0.0") + "\n" + aws("7", "1e0"),
    "a line for each record": "\n".join(aws(name, label, payload_index=place) for name, place, label in ROWS),
    "json list": aws("a", "[1, 0]", "JSON") + "\n" + aws("7", "1", "JSON"),
    "json instances": aws("a", '{"instances":[{"label":1},{"label":0}]}', "JSON")
    + "\n"
    + aws("7", '{"label":1}', "JSON"),
    "json lines inside": aws("a", '{"label":1}\n{"label":0.0}', "json") + "\n" + aws("7", '{"label":"1"}', "JSON"),
    "base64": aws("a", base64.b64encode(b"1,0").decode(), "BASE64") + "\n" + aws("7", "1"),
    "a list on a line": f"[{aws('a', '1,0')}]\n[{aws('7', '1')}]",
    "one list": f"[{aws('a', '1,0')},\n{aws('7', '1')}]",
    "tabular list": json.dumps(tabular(), indent=1),
    "tabular lines": "\r\n".join(map(json.dumps, tabular())),
    "byte order mark": "\ufeff" + "\n".join(map(json.dumps, tabular())),
    "csv": "InferenceId,payload_index,groundTruthLabel\na,0,1\na,1,0\n7,0,1.0\n",
    "csv of other names and order": "label,inference_id,payloadIndex\n1,a,0\n0,a,1\n1,7,0\n",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("is_gzip", [False, True], ids=["plain", "gzip"])
def test_all_forms_give_the_same_labels(form: str, is_gzip: bool, tmp_path: Path) -> None:
    truth = read(tmp_path, gzip.compress(form.encode()) if is_gzip else form)
    assert not truth.rejects.count
    assert (len(truth), truth.words) == (3, ("0", "1"))
    assert found(truth, "a", 1, 0, 2) == ["0", "1", None]
    assert found(truth, "7", 0) == ["1"]


def test_parquet_is_read_whatever_types_its_columns_have(tmp_path: Path) -> None:
    table = pa.table({"InferenceId": [10, 11], "payload_index": [0.0, 2.0], "groundTruthLabel": [1.0, 0.0]})
    pyarrow.parquet.write_table(table, tmp_path / "labels.parquet")
    truth = read_ground_truth([("labels.parquet", tmp_path / "labels.parquet")])
    assert found(truth, "10", 0) == ["1"]
    assert found(truth, "11", 2) == ["0"]


def test_a_table_with_one_odd_record_gives_the_others_the_labels_of_a_clean_one(tmp_path: Path) -> None:
    clean = "InferenceId,payload_index,groundTruthLabel\n" + "".join(f"{i // 3},{i % 3},{i % 4}.0\n" for i in range(99))
    odd = read(tmp_path, clean + "x,-1,1\n,0,1\nx,,5\n")
    whole = read(tmp_path, clean + "x,0,5\n")
    assert odd.rejects.by_reason == {"payload_index is no position": 1, "label without inference id": 1}
    assert [reject.line for reject in odd.rejects.located] == [101, 102]
    assert (odd.keys == whole.keys).all()
    assert [odd.words[code] for code in odd.codes] == [whole.words[code] for code in whole.codes]


def test_ids_keep_their_zeros(tmp_path: Path) -> None:
    truth = read(tmp_path, "InferenceId,payload_index,groundTruthLabel\n007,0,cat\n7,0,dog\n")
    assert found(truth, "007", 0) + found(truth, "7", 0) == ["cat", "dog"]


@pytest.mark.parametrize(
    "header",
    [
        "payload_index, InferenceId, groundTruthLabel",
        '"payload_index"," InferenceId","groundTruthLabel"',
        "\npayload_index,InferenceId,groundTruthLabel",
    ],
)
def test_blanks_in_a_header_leave_ids_as_they_are(header: str, tmp_path: Path) -> None:
    truth = read(tmp_path, f"{header}\n0,007,0042\n0,7,dog\n")
    assert found(truth, "007", 0) + found(truth, "7", 0) == ["0042", "dog"]


@pytest.mark.parametrize(("separator", "name"), [(";", "a semicolon"), ("\t", "a tab"), ("|", "a vertical bar")])
def test_another_separator_than_a_comma_is_told_with_the_header(tmp_path: Path, separator: str, name: str) -> None:
    header = separator.join(("InferenceId", "payload_index", '"groundTruthLabel"'))
    truth = read(tmp_path, f"{header}\na{separator}0{separator}1\n")
    told = f"a comma is expected between the columns, found {name} in the header {header!r}"
    assert truth.rejects.by_reason == {told: 1}


def test_a_first_line_that_is_a_record_is_not_told(tmp_path: Path) -> None:
    assert read(tmp_path, "id-7;0;cat\nid-8;0;dog\n").rejects.by_reason == {"label is missing": 1}


def test_a_table_that_cannot_be_understood_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("InferenceId,inference_id,groundTruthLabel\na,a,1\n")
    lists = pa.table({"InferenceId": ["b", "c"], "payload_index": [0, 0], "groundTruthLabel": [[1], [2, 3]]})
    pyarrow.parquet.write_table(lists, tmp_path / "b.parquet")
    (tmp_path / "c.jsonl").write_text(aws("d", "1"))
    truth = read_ground_truth([(name, tmp_path / name) for name in ("a.csv", "b.parquet", "c.jsonl")])
    assert len(truth) == 1
    assert truth.rejects.by_reason == {"two columns that may hold the same": 1, "label is missing": 2}


def test_the_last_label_wins_and_the_others_are_counted(tmp_path: Path) -> None:
    truth = read(tmp_path, "\n".join([aws("a", "1"), aws("b", "5"), aws("a", "2"), aws("a", "3")]))
    assert found(truth, "a", 0) == ["3"]
    assert truth.repeats == 2


def test_a_label_that_is_not_known_yet_leaves_the_place_of_the_others(tmp_path: Path) -> None:
    truth = read(tmp_path, aws("a", "[1, null, 0]", "JSON") + "\n" + aws("b", "1,,0"))
    assert found(truth, "a", 0, 1, 2) == ["1", None, "0"]
    assert found(truth, "b", 0, 1, 2) == ["1", None, "0"]


def test_what_cannot_be_read_is_located_without_its_values(tmp_path: Path) -> None:
    secret = "4111111111111111"
    lines = [
        aws("good", "1"),
        f'{{"groundTruthData": "{secret}"}}',
        secret[:8] + "{",
        aws(None, secret),
        aws("a", "1,0", payload_index=3),
        aws("a", secret, payload_index=-1),
        aws("a", "{" + secret, "JSON"),
        json.dumps({"InferenceId": secret, "payload_index": 0}),
    ]
    truth = read(tmp_path, "\n".join(lines))
    assert len(truth) == 1
    assert [reject.line for reject in truth.rejects.located] == [2, 3, 4, 5, 6, 7, 8]
    assert len(truth.rejects.by_reason) == 7
    assert not any(secret in reject.reason or reject.path != "labels.jsonl" for reject in truth.rejects.located)


@pytest.mark.parametrize("depth", [999, 1024, 1500, 100_000])
@pytest.mark.parametrize(("left", "right"), [("[", "]"), ('{"a":', "}")])
def test_what_is_nested_without_end_costs_itself_alone(tmp_path: Path, depth: int, left: str, right: str) -> None:
    deep = left * depth + "1" + right * depth
    truth = read(tmp_path, "\n".join([aws("good", "1"), deep, aws("a", deep, "JSON"), aws("b", "2")]))
    assert found(truth, "good", 0) + found(truth, "b", 0) == ["1", "2"]
    assert truth.rejects.count in (1, 2)


def test_damaged_files_do_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(gzip.compress(aws("a", "1").encode())[:-9])
    (tmp_path / "b.jsonl").write_text(aws("b", "1"))
    (tmp_path / "c.csv").write_text("InferenceId,groundTruthLabel\nc,1\nc,2,3\nd,1\n")
    truth = read_ground_truth([(name, tmp_path / name) for name in ("a.jsonl", "b.jsonl", "c.csv")])
    assert len(truth) == 3
    assert truth.rejects.by_reason == {"file cannot be read": 1, "unexpected number of values": 1}


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["x", "y", "1", "1.0", ""])), max_size=30), st.data()
)
@settings(max_examples=examples(60), deadline=None)
def test_files_read_in_parts_are_one_ground_truth(
    tmp_path_factory: Any, labels: list[Any], data: st.DataObject
) -> None:
    folder, cuts = tmp_path_factory.mktemp("labels"), sorted(data.draw(st.lists(st.integers(0, 30), max_size=4)))
    for number, (start, stop) in enumerate(zip([0, *cuts], [*cuts, None], strict=True)):
        lines = [
            json.dumps({"InferenceId": event, "groundTruthLabel": label})
            if label != "y"
            else reviewed_line(event, 0, label, ["ann"])
            for event, label in labels[start:stop]
        ]
        (folder / f"{number}.jsonl").write_text("\n".join(lines))
    files = label_files(folder)
    whole, units = read_ground_truth(files), label_units(files, data.draw(st.integers(0, 300)))
    assert [file for unit in units for file in unit] == list(files)
    parts = [read_ground_truth(unit) for unit in units]
    for merged in (fold(parts, GroundTruth()), reduce(GroundTruth.merge, reversed_grouping(parts), GroundTruth())):
        assert merged.keys.tolist() == whole.keys.tolist()
        assert (merged.reviewed.tolist(), merged.reviews) == (whole.reviewed.tolist(), whole.reviews)
        assert whole.are_reviewed(whole.keys).tolist() == [whole.words[code] == "y" for code in whole.codes]
        assert [merged.words[code] for code in merged.codes] == [whole.words[code] for code in whole.codes]
        assert (merged.words, merged.repeats, merged.rejects) == (whole.words, whole.repeats, whole.rejects)


def reversed_grouping(parts: list[GroundTruth]) -> list[GroundTruth]:
    """The same parts in order, the last two merged first."""
    return [*parts[:-2], parts[-2].merge(parts[-1])] if len(parts) > 1 else parts


def test_large_files_are_units_of_their_own_and_small_ones_go_together(tmp_path: Path) -> None:
    for name, size in (("a.jsonl", 10), ("b.jsonl", 100), ("c.jsonl.gz", 20), ("d.jsonl", 1), ("e.jsonl", 1)):
        (tmp_path / name).write_bytes(b"x" * size)
    units = label_units(label_files(tmp_path), 100)
    assert [[relative[0] for relative, _ in unit] for unit in units] == [["a", "b"], ["c"], ["d", "e"]]


@pytest.mark.parametrize("name", ["l.jsonl", "l.json.gz", "l.ndjson"])
def test_reading_json_leaves_no_thread_behind(tmp_path: Path, name: str) -> None:
    assert not leaves_threads([(name, tmp_path / name)])
    content = (
        gzip.compress(FORMS["tabular lines"].encode()) if name.endswith(".gz") else FORMS["tabular lines"].encode()
    )
    (tmp_path / name).write_bytes(content)
    code = (
        "import sys; from pathlib import Path; from model_monitor.runners import threads; threads.limit();"
        "from model_monitor.runners.local import _other_threads, FORKABLE_THREADS;"
        "from model_monitor.labels.label_reader import read_ground_truth;"
        "truth = read_ground_truth([('l.jsonl', Path(sys.argv[1]))]); assert len(truth) == 3;"
        "print(*_other_threads() - FORKABLE_THREADS)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / name)],
        cwd=CORE,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split() == []


def test_hours_are_found_padded_or_not_and_read_in_the_order_of_time(tmp_path: Path) -> None:
    for folder in ("e/2026/03/02/09", "e/2026/3/2/10", "e/2026/3/2/8", "e/2026/03/03/00", "e/2026/99/02/09", "other"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "labels.jsonl").write_text(aws("a", folder))
    (tmp_path / "e/2026/03/02/09/_SUCCESS").touch()
    start, end = datetime(2026, 3, 2, 9, 30, tzinfo=UTC), datetime(2026, 3, 2, 11, tzinfo=UTC)
    names = [relative.removesuffix("/labels.jsonl") for relative, _ in label_files(tmp_path, start, end)]
    assert names == ["e/2026/99/02/09", "other", "e/2026/03/02/09", "e/2026/3/2/10"]
    assert found(read_ground_truth(label_files(tmp_path, start, end)), "a", 0) == ["e/2026/3/2/10"]
    with pytest.raises(NoDataset, match="ground truth"):
        label_files(tmp_path / "nowhere", start, end)


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("1", "1"),
        ("1.0", "1"),
        (" 1 ", "1"),
        ("-0.0", "0"),
        ("1e2", "100"),
        ("0.50", "0.5"),
        ("-1", "-1"),
        *((text, text) for text in ("007", "NaN", "true", "1e999", "9007199254740993", "cat")),
    ],
)
def test_equal_numbers_are_one_label_and_codes_stay_as_they_are(text: str, spelling: str) -> None:
    assert normalise(text) == spelling


fractions = st.floats(allow_nan=False, allow_infinity=False)
spellings = st.one_of(
    fractions.map(repr),
    fractions.map(lambda number: f"{number:f}"),
    fractions.map(lambda number: f"{number:.17g}"),
    st.decimals(-1000, 1000, places=5).map(str),
    st.builds(
        "{}{}.{}{}".format,
        st.sampled_from(["", "-", "+", " "]),
        st.integers(0, 10**17),
        st.integers(0, 10**17),
        st.sampled_from(["", "0", "e5", "\n"]),
    ),
    st.sampled_from(["0.0001", "0.00001", "1e-05", "-0.0", "0.1", "00.1", ".5", "5.", "é", ""]),
)


@given(st.lists(spellings, max_size=60))
@settings(max_examples=examples(300), deadline=None)
def test_many_labels_are_spelled_as_each_alone(words: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labels, "MANY_WORDS", 0)
        assert normalise_all(words) == [normalise(word) for word in words]
    assert normalise_all(words) == [normalise(word) for word in words]


@given(st.lists(st.tuples(st.sampled_from("abcdé"), st.integers(0, 4), st.sampled_from("xyz")), max_size=40))
@settings(max_examples=examples(60), deadline=None)
def test_every_key_is_found_with_its_last_label(tmp_path_factory: Any, records: list[tuple[str, int, str]]) -> None:
    content = "\n".join(json.dumps(dict(zip(NAMES, record, strict=True))) for record in records)
    truth = read(tmp_path_factory.mktemp("labels"), content)
    expected = {(name, place): label for name, place, label in records}
    assert len(truth) == len(expected)
    assert truth.repeats == len(records) - len(expected)
    for name in "abcdé":
        assert found(truth, name, *range(5)) == [expected.get((name, place)) for place in range(5)]


def test_334_labels_in_one_object_are_found_by_their_place(shared: Path) -> None:
    path = shared / "data" / "adult_clarify" / "groundtruth_json_endpoint.jsonl"
    truth = read_ground_truth([(path.name, path)])
    for line in path.read_text().splitlines():
        record = json.loads(line)
        labels = [str(item["label"]) for item in json.loads(record["groundTruthData"]["data"])["instances"]]
        assert len(labels) == 334
        assert found(truth, record["eventMetadata"]["eventId"], *range(335)) == [*labels, None]


def test_the_published_label_files_are_read_without_a_loss(shared: Path) -> None:
    data = shared / "data"
    for name, count in {
        "churn_model_quality/groundtruth.jsonl": 334,
        "adult_clarify/groundtruth_jsonlines_endpoint.jsonl": 334,
        "covertype_multi_payload/ground_truth.csv": 1100,
    }.items():
        truth = read_ground_truth([(name, data / name)])
        assert (len(truth), truth.rejects.count) == (count, 0)


LONG = "é" * 513  # 1,026 bytes
WITH_A_LONG_ID = {
    "labels.jsonl": "\n".join([aws("a", "1"), aws(LONG, "1")]).encode(),
    "labels.json": json.dumps([tabular()[0], tabular()[0] | {"InferenceId": LONG}]).encode(),
    "labels.csv": f"InferenceId,payload_index,groundTruthLabel\na,0,1\n{LONG},0,1\n".encode(),
}


@pytest.mark.parametrize("name", WITH_A_LONG_ID)
def test_a_label_with_an_id_that_no_event_may_have_is_a_reject(tmp_path, name):
    truth = read(tmp_path, WITH_A_LONG_ID[name], name)
    assert found(truth, "a", 0) == ["1"]
    assert len(truth) == 1
    assert truth.rejects.by_reason == {"inference id of more than 1,024 bytes": 1}


def bombs(rows: int = 200_000) -> dict[str, bytes]:
    """Small files that unpack to thousands of times their size."""
    table = pa.table({"InferenceId": ["a"] * rows, "payload_index": [0] * rows, "groundTruthLabel": ["1"] * rows})
    parquet = pa.BufferOutputStream()
    pyarrow.parquet.write_table(table, parquet)
    return {
        "labels.jsonl.gz": gzip.compress((aws("a", "1") + "\n").encode() + b"\n" * rows * 10),
        "labels.jsonl.bz2": bz2.compress(b"{}\n" * rows),
        "labels.json.gz": gzip.compress(b"[" + b"{}," * rows + b"{}]"),
        "labels.csv.gz": gzip.compress(b"InferenceId,groundTruthLabel\n" + b"a,1\n" * rows),
        "labels.parquet": parquet.getvalue().to_pybytes(),
    }


@pytest.mark.parametrize("name", bombs(1))
def test_a_file_that_unpacks_to_far_more_than_its_size_is_refused_with_the_limit_and_the_setting(
    tmp_path, monkeypatch, name
):
    monkeypatch.setattr(packing, "LEAST_LIMIT", 1 << 16)
    content = bombs()[name]
    told = rf"unpacks to more than {max(1 << 16, 100 * len(content)):,} bytes.* raise monitor_most_unpacked\.$"
    with pytest.raises(UnpacksTooLarge, match=told):
        read(tmp_path, content, name)
    monkeypatch.setenv("monitor_most_unpacked", "1000000")
    truth = read(tmp_path, content, name)
    assert len(truth) + truth.rejects.count >= 1


def test_labels_by_the_line_are_read_in_parts_of_bounded_size(tmp_path):
    lines = "".join(aws(str(number), "1") + "\n" for number in range(100_000)) + "no JSON\n"
    path = tmp_path / "labels.jsonl.gz"
    path.write_bytes(gzip.compress(lines.encode()))
    read_ground_truth([(path.name, path)])
    tracemalloc.start()
    truth = read_ground_truth([(path.name, path)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(truth) == 100_000
    assert [reject.line for reject in truth.rejects.located] == [100_001]
    assert peak < 5 * len(lines)
