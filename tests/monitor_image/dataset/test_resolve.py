"""Features that are not declared: named by the baseline, else by what the first records look like."""

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from model_monitor.dataset.discover import discover
from model_monitor.dataset.records import NO_RECORDS_FOUND
from model_monitor.dataset.resolve import resolve_schema
from model_monitor.errors import SettingsError
from model_monitor.job.job import DatasetKind
from model_monitor.schema import Feature, FeatureType, OutputMapping, PayloadMapping, Schema
from tests.builders import (
    Payload,
    baseline_job,
    capture_event,
    capture_job,
    columns_of,
    csv_payload,
    json_payload,
    objects_of,
    read_all,
    schema,
    write_capture,
)

TYPES = {"y": FeatureType.FRACTIONAL, "a": FeatureType.INTEGRAL, "b": FeatureType.STRING}
POSITIONAL = Schema(is_positional=True)


def resolve(tmp_path, events, baseline=None, declared=POSITIONAL, **options):
    write_capture(tmp_path, events)
    job = capture_job(tmp_path, declared, **options)
    found = resolve_schema(job, discover(job.dataset), baseline)
    return found, read_all(capture_job(tmp_path, found, **options))


def test_declared_features_stay_and_take_their_types_from_the_baseline(tmp_path):
    declared = schema("b", Feature("a", FeatureType.FRACTIONAL))
    found, _ = resolve(tmp_path, [], TYPES, declared)
    assert found.names == ("b", "a")
    assert [feature.type for feature in found.features] == [FeatureType.STRING, FeatureType.FRACTIONAL]


def test_csv_columns_are_outputs_then_inputs_named_by_position(tmp_path):
    events = [capture_event(csv_payload([[1, "x"], [2, "y"]]), csv_payload([[0.5], [0.25]]))]
    found, (rows,) = resolve(tmp_path, events)
    assert found.names == ("_c0", "_c1", "_c2")
    assert found.outputs == 1
    assert rows.features[0].numbers.tolist() == [0.5, 0.25]
    assert rows.features[1].numbers.tolist() == [1, 2]
    assert rows.features[2].texts.to_pylist() == ["x", "y"]


def test_the_baselines_names_are_given_by_position(tmp_path):
    events = [capture_event(csv_payload([[1, "007"], [2, "008"]]), csv_payload([[0.5], [0.25]]))]
    found, (rows,) = resolve(tmp_path, events, TYPES)
    assert found.names == ("y", "a", "b")
    assert rows.features[0].numbers.tolist() == [0.5, 0.25]
    assert rows.features[2].texts.to_pylist() == ["007", "008"]


def test_a_column_more_or_less_than_the_baseline_is_a_width(tmp_path):
    for i, row in enumerate(([1], [1, "x", 3])):
        _, (rows,) = resolve(tmp_path / str(i), [capture_event(csv_payload([row]), csv_payload([[0.5]]))] * 4, TYPES)
        assert rows.count == 0
        assert rows.rejects.widths == {len(row) + 1: 4}


@pytest.mark.parametrize("layout", ["objects", "columns", "one"])
def test_json_columns_are_keys_outputs_first(tmp_path, layout):
    names, row = ("b", "a"), ("x", 7)
    given = {
        "objects": objects_of(names, [row]),
        "columns": columns_of(names, [row]),
        "one": dict(zip(names, row, strict=True)),
    }
    events = [capture_event(json_payload(given[layout]), json_payload([{"y": 0.5, "w": 1}]))] * 2
    found, (rows,) = resolve(tmp_path, events)
    assert found.names == ("w", "y", "a", "b")
    assert rows.features[1].numbers.tolist() == [0.5, 0.5]
    assert rows.features[2].numbers.tolist() == [7, 7]
    assert rows.features[3].texts.to_pylist() == ["x", "x"]
    assert not rows.extra


def test_nested_keys_are_paths(tmp_path):
    events = [capture_event(json_payload({"a": {"b": 1, "c": [2, 3]}, "d": 4}), json_payload({"y": 0.5}))]
    found, (rows,) = resolve(tmp_path, events)
    assert found.names == ("y", "a.b", "a.c[0]", "a.c[1]", "d")
    assert [column.numbers.tolist() for column in rows.features] == [[0.5], [1], [2], [3], [4]]


def test_json_keys_are_matched_with_the_baselines_names(tmp_path):
    events = [capture_event(json_payload([{"b": "x", "a": 1, "new": 2}]), json_payload([{"y": 0.5}]))]
    found, (rows,) = resolve(tmp_path, events, TYPES)
    assert found.names == ("y", "a", "b")
    assert rows.features[1].numbers.tolist() == [1]
    assert rows.extra == {"new": 1}


def test_one_side_alone_can_be_analysed(tmp_path):
    events = [capture_event(csv_payload([[1, "x"]]), csv_payload([[0.5]]))]
    for i, (captured, width) in enumerate(((("endpointInput",), 2), (("endpointOutput",), 1))):
        found, (rows,) = resolve(tmp_path / str(i), events, captured=captured)
        assert len(found.names) == width
        assert rows.count == 1
        assert rows.rejects.count == 0


def test_the_first_records_that_can_be_read_decide_and_a_stray_one_does_not(tmp_path):
    answer = csv_payload([[0.5]])
    odd = capture_event(csv_payload([[1, 2, 3, 4]]), answer)
    broken = capture_event(Payload('"', "CSV", "text/csv"), answer)
    found, (rows,) = resolve(tmp_path, ["not JSON", broken, odd, *[capture_event(csv_payload([[1, 2]]), answer)] * 3])
    assert found.names == ("_c0", "_c1", "_c2")
    assert rows.count == 3
    assert rows.rejects.widths == {5: 1}


def test_no_readable_record_leaves_the_baselines_names(tmp_path):
    found, _ = resolve(tmp_path, ["not JSON"], TYPES)
    assert found.names == ("y", "a", "b")
    assert resolve(tmp_path / "none", [])[0].names == ()


@pytest.mark.parametrize(
    ("name", "text", "kind", "has_header", "names"),
    [
        ("a.csv", "y,a,b\n1,2,3\n", DatasetKind.CSV, True, ("a", "b")),
        ("a.csv", "1,2,3\n", DatasetKind.CSV, False, ("_c0", "_c1", "_c2")),
        ("a.jsonl", 'x\n{"b": 1, "a": 2, "y": 3}\n', DatasetKind.JSON_LINES, True, ("a", "b")),
        ("a.jsonl", "[1, 2]\n", DatasetKind.JSON_LINES, True, ("_c0", "_c1")),
        ("a.json", '{"b": [1, 2], "a": [3, 4]}', DatasetKind.JSON, True, ("a", "b")),
    ],
)
def test_a_baseline_dataset_names_its_own_columns(tmp_path, name, text, kind, has_header, names):
    (tmp_path / name).write_text(text)
    job = baseline_job(
        tmp_path, kind, Schema(payload=PayloadMapping(label="y"), is_positional=True), has_header=has_header
    )
    found = resolve_schema(job, discover(job.dataset))
    assert found.names == names
    assert found.outputs == 0


FULL, SPARSE = {"a": 1, "c": 2.5}, {"a": 1}


@pytest.mark.parametrize("sparse", [1, 60])
@pytest.mark.parametrize("form", ["objects", "list", "columns", "header", "json_lines", "json", "csv", "parquet"])
def test_a_name_that_the_first_records_lack_is_a_feature_all_the_same(tmp_path, form, sparse):
    records = [*[SPARSE] * sparse, *[FULL] * 9]
    captured = {
        "objects": [json_payload(record) for record in records],
        "list": [json_payload(records)],
        "columns": [json_payload({"a": [1], "c": [2.5], "d": [3]})] * 3
        + [json_payload({"a": [1, 2], "b": [3, 4]})] * 4,
        "header": [
            Payload(text, "CSV", "text/csv; header=present") for text in ["a\n1\n"] * sparse + ["c,a\n2.5,1\n"] * 9
        ],
    }
    if form in captured:
        found, _ = resolve(tmp_path, [capture_event(payload) for payload in captured[form]])
        assert found.names == (("a", "b", "c", "d") if form == "columns" else ("a", "c"))
        return
    parts = {"part-0": [SPARSE] * sparse, "part-1": [FULL] * 9}
    for name, part in parts.items():
        table = pa.Table.from_pylist(part)
        if form == "parquet":
            pq.write_table(table, tmp_path / f"{name}.parquet")
        elif form == "csv":
            pacsv.write_csv(table, tmp_path / f"{name}.csv")
        elif form == "json":
            (tmp_path / f"{name}.json").write_text(json.dumps(part))
    if form == "json_lines":
        (tmp_path / "all.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    job = baseline_job(tmp_path, DatasetKind(form), POSITIONAL)
    found = resolve_schema(job, discover(job.dataset))
    chunks = read_all(replace(job, schema=found))
    assert found.names == ("a", "c")
    assert sum(rows.count - rows.absent["c"] for rows in chunks) == 9


def test_null_instead_of_a_list_is_no_feature_of_its_own(tmp_path):
    records = [{"a": None, "b": {"c": 1}}, {"a": [1, 2], "b": None}]
    found, _ = resolve(tmp_path, [capture_event(json_payload(record)) for record in records])
    assert found.names == ("a[0]", "a[1]", "b.c")


def test_odd_keys_are_read_by_name_and_by_path(tmp_path):
    record = {"b.c": 1, "plain": 2, "deep": {"Account Length": 3, 'say "x"': [4, 5]}}
    found, (rows,) = resolve(tmp_path, [capture_event(json_payload([record, record]), json_payload([[0], [1]]))])
    values = {name: column.numbers.tolist() for name, column in zip(found.names, rows.features, strict=True)}
    nested = {"deep.Account Length": [3, 3], 'deep.say "x"[0]': [4, 4], 'deep.say "x"[1]': [5, 5]}
    assert values == {"_c0": [0, 1], "b.c": [1, 1], "plain": [2, 2], **nested}
    assert not rows.extra


def test_a_record_that_a_path_cannot_take_lacks_the_value_and_nothing_more(tmp_path):
    given = [{"parts": [1, 2]}, {"parts": "a value of the record"}, {"parts": [3, 4]}]
    write_capture(tmp_path, [capture_event(json_payload([record]), json_payload([[0]])) for record in given])
    (rows,) = read_all(capture_job(tmp_path, Schema((Feature("total", path="sum(parts)"),))))
    assert rows.features[0].numbers.tolist()[::2] == [3, 7]
    assert rows.features[0].kinds.tolist() == [1, 0, 2, 0, 0]
    assert not rows.extra


@pytest.mark.parametrize("path", ["total(parts)", "sum(parts, parts)", "parts["])
def test_a_path_that_no_record_could_satisfy_is_a_wrong_setting(tmp_path, path):
    write_capture(tmp_path, [capture_event(json_payload([{"parts": [1, 2]}]), json_payload([[0]]))])
    with pytest.raises(SettingsError, match="payload mapping"):
        read_all(capture_job(tmp_path, Schema((Feature("total", path=path),))))


# --- payload.records says how requests are laid out, which a baseline may be or not --------------------------------------

FLAT = [{"a": number, "b": f"city {number % 3}"} for number in range(30)]
IN_REQUESTS = [{"instances": FLAT[start : start + 10]} for start in range(0, 30, 10)]
NOISE = ["not json", ""]


def of_dataset(tmp_path, lines, kind, features=("a", "b")):
    path = tmp_path / ("data.jsonl" if kind is DatasetKind.JSON_LINES else "data.json")
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join([*texts, ""]) if kind is DatasetKind.JSON_LINES else texts[0])
    payload = PayloadMapping(records="instances")
    declared = schema(*features, records="instances") if features else Schema(payload=payload, is_positional=True)
    job = baseline_job(path, kind, declared)
    return read_all(replace(job, schema=resolve_schema(job, discover(job.dataset))))


@pytest.mark.parametrize("features", [("a", "b"), ()])
@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        (DatasetKind.JSON_LINES, FLAT),
        (DatasetKind.JSON_LINES, NOISE + FLAT),
        (DatasetKind.JSON_LINES, IN_REQUESTS),
        (DatasetKind.JSON, [FLAT]),
        (DatasetKind.JSON, [{"instances": FLAT}]),
    ],
)
def test_a_dataset_of_requests_and_one_of_records_are_both_read(tmp_path, kind, lines, features):
    (rows,) = of_dataset(tmp_path, lines, kind, features)
    assert rows.count == 30
    assert rows.schema.names == ("a", "b")
    assert rows.features[0].numbers.tolist() == list(range(30))
    assert rows.rejects.count == (lines[0] == "not json")


def test_one_line_in_another_layout_is_a_reject_as_before(tmp_path):
    (rows,) = of_dataset(tmp_path, [*IN_REQUESTS, FLAT[0]], DatasetKind.JSON_LINES)
    assert (rows.count, dict(rows.rejects.by_reason)) == (30, {NO_RECORDS_FOUND: 1})


def test_requests_without_their_records_stay_rejects(tmp_path):
    """Of capture the declaration holds: a request without records is a fault of the client."""
    declared = schema("a", "b", records="instances")
    _, (rows,) = resolve(tmp_path, [capture_event(json_payload(FLAT[0]))], declared=declared)
    assert dict(rows.rejects.by_reason) == {NO_RECORDS_FOUND: 1}


CLASSES = [[0.75, 0.25], [0.5, 0.5]]
ANSWERED = {
    "values of a line": (csv_payload(CLASSES), (0, 1)),
    "values of a list": (json_payload({"predictions": CLASSES}), (0, 1)),
    "keys": (json_payload(objects_of(("p0", "p1"), CLASSES)), ("p0", "p1")),
    "places in a list": (json_payload([{"p": row} for row in CLASSES]), ("p[0]", "p[1]")),
    "a list": (json_payload([{"p": row} for row in CLASSES]), "p"),
}


@pytest.mark.parametrize(
    "baseline", [None, {"a": FeatureType.INTEGRAL, "b": FeatureType.INTEGRAL}], ids=["alone", "of features"]
)
@pytest.mark.parametrize("answer", ANSWERED)
@pytest.mark.parametrize(
    "given", [csv_payload([[1, 2], [3, 4]]), json_payload(objects_of(("a", "b"), [[1, 2], [3, 4]]))]
)
def test_scores_of_classes_are_read_beside_undeclared_features(tmp_path, given, answer, baseline):
    payload, selector = ANSWERED[answer]
    output = OutputMapping(scores=selector) if isinstance(selector, tuple) else OutputMapping(score=selector)
    declared = Schema(payload=PayloadMapping(output=output), is_positional=True)
    _, (rows,) = resolve(tmp_path, [capture_event(given, payload)], baseline, declared)
    assert rows.count == 2
    if rows.class_scores:
        assert [column.numbers.tolist() for column in rows.class_scores] == [[0.75, 0.5], [0.25, 0.5]]
    else:  # a list in one place stays one until it is asked for its highest score
        assert rows.score.texts.to_pylist() == ["[0.75,0.25]", "[0.5,0.5]"]
    if baseline:
        assert [column.numbers.tolist() for column in rows.features] == [[1, 3], [2, 4]]


def test_what_the_response_means_may_be_said_where_the_baseline_holds_it_as_a_column(tmp_path):
    declared = Schema(payload=PayloadMapping(output=OutputMapping(score=0)), is_positional=True)
    events = [capture_event(csv_payload([[1, "x"], [2, "y"]]), csv_payload([[0.5], [0.25]]))]
    found, (rows,) = resolve(tmp_path, events, TYPES, declared)
    assert (found.is_positional, found.outputs, found.names) == (True, 1, ("y", "a", "b"))
    assert rows.score.numbers.tolist() == [0.5, 0.25]
