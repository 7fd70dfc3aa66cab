"""Real capture files and datasets, read as they were published."""

import csv
import json
from collections import Counter

import numpy as np
import pytest

from model_monitor.dataset.discover import discover
from model_monitor.dataset.resolve import resolve_schema
from model_monitor.job.job import DatasetKind
from model_monitor.schema import Feature, FeatureType, Schema
from tests.builders import baseline_job, capture_job, read_all, schema

COVERTYPE = ("Elevation", "Aspect", "Slope", "Horizontal_Distance_To_Hydrology", "Vertical_Distance_To_Hydrology")
COVERTYPE += ("Horizontal_Distance_To_Roadways", "Hillshade_9am", "Hillshade_Noon", "Hillshade_3pm")
COVERTYPE += ("Horizontal_Distance_To_Fire_Points", "Wilderness_Area", "Soil_Type")
POSITIONAL = Schema(is_positional=True)


def resolved(path, declared=POSITIONAL):
    job = capture_job(path, declared)
    return read_all(capture_job(path, resolve_schema(job, discover(job.dataset))))


def test_covertype_requests_of_several_records_have_the_published_statistics(shared):
    folder = shared / "data/covertype_multi_payload"
    expected = json.loads((folder / "expected.json").read_text())
    declared = schema(*COVERTYPE, prediction="label", score="score", payload_index="payload_index")
    chunks = read_all(capture_job(folder / "capture.jsonl", declared))
    assert sum(rows.count for rows in chunks) == expected["records"]
    assert sum(len(rows.events.ids) for rows in chunks) == expected["requests"]
    assert sum(rows.rejects.count for rows in chunks) == 0
    for i, name in enumerate(COVERTYPE):
        if name in expected["live_feature_statistics"]:
            numbers = np.concatenate([rows.features[i].numbers for rows in chunks])
            assert numbers.mean() == pytest.approx(expected["live_feature_statistics"][name]["mean"], rel=1e-12)
            assert numbers.max() == expected["live_feature_statistics"][name]["max"]
    predictions = Counter(int(v) for rows in chunks for v in rows.prediction.numbers)
    matrix = np.array(expected["confusion_matrix_rows_actual_columns_predicted"])
    assert [predictions[i] for i in range(7)] == matrix.sum(axis=0).tolist()


def test_covertype_records_pair_with_their_labels(shared):
    folder = shared / "data/covertype_multi_payload"
    expected = json.loads((folder / "expected.json").read_text())
    with (folder / "ground_truth.csv").open() as stream:
        truth = {
            (row["InferenceId"], int(row["payload_index"])): int(row["groundTruthLabel"])
            for row in csv.DictReader(stream)
        }
    declared = schema(*COVERTYPE, prediction="label", payload_index="payload_index")
    hits = 0
    for rows in read_all(capture_job(folder / "capture.jsonl", declared)):
        owners = np.repeat(np.array(rows.events.ids), rows.events.records)
        keys = zip(owners.tolist(), rows.payload_index.tolist(), strict=True)
        hits += sum(truth[key] == label for key, label in zip(keys, rows.prediction.numbers.tolist(), strict=True))
    assert hits / expected["records"] == pytest.approx(expected["accuracy"], abs=1e-12)


def test_covertype_baseline_has_its_label_apart(shared):
    path = shared / "data/covertype_multi_payload/baseline.csv"
    (rows,) = read_all(baseline_job(path, DatasetKind.CSV, schema(*COVERTYPE, label="Cover_Type")))
    with path.open() as stream:
        expected = list(csv.DictReader(stream))
    assert rows.count == len(expected)
    assert rows.label.numbers.tolist() == [int(row["Cover_Type"]) for row in expected]
    assert rows.features[11].texts.to_pylist() == [row["Soil_Type"] for row in expected]


def test_churn_columns_have_the_published_types(shared):
    folder = shared / "data/churn_data_quality"
    published = json.loads((folder / "expected.json").read_text())
    job = baseline_job(folder / "training-dataset-with-header.csv", DatasetKind.CSV, POSITIONAL)
    found = resolve_schema(job, discover(job.dataset))
    (rows,) = read_all(baseline_job(job.dataset.path, DatasetKind.CSV, found))
    with job.dataset.path.open() as stream:
        header, *records = list(csv.reader(stream))
    assert found.names == tuple(header)
    assert rows.count == len(records)
    for i, column in enumerate(rows.features):
        fractional = sum("." in record[i] for record in records)
        assert column.kinds.tolist() == [0, fractional, len(records) - fractional, 0, 0]
        assert column.numbers.tolist() == [float(record[i]) for record in records]
    assert len(published) > 0


def test_churn_capture_of_one_record_each(shared):
    path = shared / "data/churn_model_quality/capture_2021-05-26.jsonl"
    names = tuple(f"f{i}" for i in range(69))
    (rows,) = read_all(capture_job(path, schema(*names, score=0)))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows.count == len(lines)
    assert rows.events.ids == tuple(line["eventMetadata"]["inferenceId"] for line in lines)
    assert rows.score.numbers.tolist() == [float(line["captureData"]["endpointOutput"]["data"]) for line in lines]
    texts = [line["captureData"]["endpointInput"]["data"].split(",") for line in lines]
    assert rows.features[1].kinds[1] == sum("." in row[1] for row in texts)


@pytest.mark.parametrize("name", ["endpoint_json_multirecord.jsonl", "endpoint_jsonlines_multirecord.jsonl"])
def test_a_clarify_endpoint_sends_lists_of_features(shared, name):
    names = tuple(f"f{i}" for i in range(14))
    chunks = read_all(
        capture_job(shared / "samples/capture" / name, schema(*names, prediction="predicted_label", score="score"))
    )
    assert [int(v) for rows in chunks for v in rows.features[0].numbers] == [28, 28, 43]
    assert [int(v) for rows in chunks for v in rows.payload_index] == [0, 0, 1]
    assert [int(v) for rows in chunks for v in rows.prediction.numbers] == [1, 1, 1]
    assert sum(rows.rejects.count for rows in chunks) == 0


def test_the_same_endpoint_declared_by_paths_gives_the_same_table(shared):
    path = shared / "samples/capture/endpoint_json_multirecord.jsonl"
    features = [Feature(f"f{i}", path=f"features[{i}]") for i in range(14)]
    for records, declared in (("instances", features), ("instances[*].features", [f"f{i}" for i in range(14)])):
        mapping = schema(*declared, prediction="predicted_label", records=records, output_records="predictions")
        (rows,) = read_all(capture_job(path, mapping))
        assert rows.features[2].numbers.tolist() == [133937, 133937, 72338]
        assert rows.prediction.numbers.tolist() == [1, 1, 1]


def test_adult_payloads_of_many_records_and_of_repeated_ids(shared):
    folder = shared / "data/adult_clarify"
    names = tuple(f"f{i}" for i in range(14))
    mapping = schema(*names, prediction="predicted_label", score="score")
    batch = read_all(capture_job(folder / "capture_json_endpoint.jsonl", mapping))
    single = read_all(capture_job(folder / "capture_jsonlines_endpoint.jsonl", mapping))
    assert max(n for rows in batch for n in rows.events.records.tolist()) == 334
    assert sum(rows.rejects.count for rows in batch + single) == 0
    named = [rows.events.ids for rows in single]
    assert sum(rows.count for rows in single) == 1809
    assert sum(i.isdecimal() for ids in named for i in ids) == 1806
    assert len({i for ids in named for i in ids if i.isdecimal()}) == 334


def test_a_template_without_times_is_read_by_position(shared):
    (rows,) = resolved(shared / "samples/capture/sdk_capture_csv.jsonl")
    assert rows.schema.names == tuple(f"_c{i}" for i in range(8))
    assert set(rows.events.times.tolist()) == {-1}
    assert rows.features[0].kinds[1] == rows.count
    assert all(column.kinds[2] == rows.count for column in rows.features[1:])


def test_tensorflow_serving_instances_are_records_of_one_feature(shared):
    path = shared / "samples/capture/sdk_captured_json.jsonl"
    (rows,) = read_all(capture_job(path, schema("x", score=0)))
    assert rows.features[0].numbers.tolist() == [1.0, 2.0, 5.0] * 2
    assert rows.score.numbers.tolist() == [3.5, 4.0, 5.5] * 2


def test_a_real_csv_capture_in_positional_mode(shared):
    (rows,) = resolved(shared / "samples/capture/endpoint_csv.jsonl")
    assert len(rows.schema.names) == 70
    assert rows.features[0].kinds[1] == rows.count
    assert rows.schema.features[0].type is None
    assert rows.schema.with_types({"_c0": FeatureType.FRACTIONAL}).features[0].type is FeatureType.FRACTIONAL
