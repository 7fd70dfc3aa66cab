"""AWS's attributes, its analysis type and its analysis configuration: heeded by every monitor, or refused in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from model_monitor import container
from model_monitor.contract import MonitoringType
from model_monitor.dataset.discover import discover
from model_monitor.dataset.resolve import resolve_schema
from model_monitor.errors import SettingsError
from model_monitor.job.attributes import place_of
from model_monitor.job.from_container import ProcessingJob, build_job
from model_monitor.job.job import DatasetKind, Job
from model_monitor.job.variables import read_variables
from model_monitor.schema import FeatureType, OutputMapping, PayloadMapping, Schema
from tests.builders import (
    Payload,
    baseline_job,
    capture_event,
    capture_job,
    csv_payload,
    json_lines_payload,
    json_payload,
    read_all,
    write_capture,
)

HOURLY = {"start_time": "2026-03-02T04:00:00Z", "end_time": "2026-03-02T05:00:00Z"}
PREDICTED = {"predictions": [{"label": 1, "score": 0.75}, {"label": 0, "score": 0.25}]}
PLACES: dict[str, Payload] = {
    "0": csv_payload([[1, 0.75], [0, 0.25]]),
    "_c0": csv_payload([[1, 0.75], [0, 0.25]]),
    "label": json_payload(PREDICTED),
    "predictions[0].label": json_payload(PREDICTED),
    "predictions[*].label": json_payload(PREDICTED),
    "$.predictions[0].label": json_payload(PREDICTED),
    "predictions": json_payload({"predictions": [1, 0]}),
    "predictions[*]": json_payload({"predictions": [1, 0]}),
    "$.predictions[0]": json_payload({"predictions": [1, 0]}),
    "result.label": json_lines_payload([{"result": {"label": 1}}, {"result": {"label": 0}}]),
    "result.labels[0]": json_lines_payload([{"result": {"labels": [1]}}, {"result": {"labels": [0]}}]),
}
FEATURES = ["a", "b"]


def job_of(root: Path, config: dict[str, Any] | None, **environment: str) -> Job:
    given = HOURLY | {"MODEL_MONITOR_ROOT": str(root)} | environment
    if config is not None:
        (root / "monitor.json").write_text(json.dumps({"version": 1} | config))
        given["monitor_config"] = "/opt/ml/monitor.json"
    return build_job(read_variables(given), ProcessingJob())[0]


@pytest.mark.parametrize("is_declared", [True, False], ids=["declared", "undeclared"])
@pytest.mark.parametrize("attribute", PLACES)
def test_every_form_of_an_attribute_finds_the_prediction(tmp_path, attribute, is_declared):
    config = {"payload": {"features": FEATURES}, "monitors": {"data_quality": {}}} if is_declared else None
    job = job_of(tmp_path, config, inference_attribute=attribute)
    write_capture(tmp_path / "capture", [capture_event(csv_payload([[1, 2], [3, 4]]), PLACES[attribute])])
    reading = capture_job(tmp_path / "capture", job.schema)
    types = None if is_declared else dict.fromkeys(FEATURES, FeatureType.INTEGRAL)
    (rows,) = read_all(capture_job(tmp_path / "capture", resolve_schema(reading, discover(reading.dataset), types)))
    assert rows.prediction.numbers.tolist() == [1, 0]
    assert [column.numbers.tolist() for column in rows.features] == [[1, 3], [2, 4]]


@pytest.mark.parametrize(("label", "prediction"), [("truth", "said"), ("2", "3"), ("_c2", "_c3")])
@pytest.mark.parametrize("form", ["header", "no header", "Parquet"])
def test_columns_of_a_baseline_may_be_numbers(tmp_path, form, label, prediction):
    if form == "no header" and label == "truth":
        label, prediction = "_c2", "3"
    text = "1,2,1,0\n3,4,0,1\n"
    path = tmp_path / "train.csv"
    path.write_text(text if form == "no header" else f"a,b,truth,said\n{text}")
    kind = DatasetKind.CSV
    if form == "Parquet":
        import pyarrow.csv as pacsv
        import pyarrow.parquet as pq

        pq.write_table(pacsv.read_csv(path), tmp_path / "train.parquet")
        path, kind = tmp_path / "train.parquet", DatasetKind.PARQUET
    payload = PayloadMapping(label=label, output=OutputMapping(prediction=prediction))
    job = baseline_job(path, kind, Schema(payload=payload, is_positional=True), has_header=form != "no header")
    found = resolve_schema(job, discover(job.dataset))
    (rows,) = read_all(baseline_job(path, kind, found, has_header=form != "no header"))
    assert rows.label.numbers.tolist() == [1, 0]
    assert rows.prediction.numbers.tolist() == [0, 1]
    assert [column.numbers.tolist() for column in rows.features] == [[1, 3], [2, 4]]


@pytest.mark.parametrize(
    ("attribute", "place"),
    [
        ("probabilities[0]", (None, "probabilities[0]")),
        ("$.score", (None, "score")),
        ("$.outputs.rows[*].p.q", ("outputs.rows", "p.q")),
        ("_c12", (None, "12")),
        ("_city", (None, "_city")),
    ],
)
def test_an_attribute_is_a_place_in_the_document_or_in_a_record(attribute, place):
    assert place_of(attribute) == place


def test_records_in_two_places_are_refused(tmp_path):
    told = r"probability_attribute: names records elsewhere than inference_attribute does"
    with pytest.raises(SettingsError, match=told):
        job_of(tmp_path, {}, inference_attribute="a[0].label", probability_attribute="b[0].score")


FACETS = {
    "facet": [{"name_or_index": "a"}],
    "headers": [*FEATURES, "y"],
    "label": "y",
    "label_values_or_threshold": [1],
}
SHAP = {"headers": FEATURES, "methods": {"shap": {"baseline": [[1, 2]]}}, "predictor": {}}


@pytest.mark.parametrize("way", ["configured", "mounted"])
def test_bias_heeds_the_attributes(tmp_path, way):
    place_document(tmp_path, FACETS, way)
    config = {"monitors": {"model_bias": {"analysis_config": FACETS}}} if way == "configured" else None
    said = {"inference_attribute": "predictions[0].label", "probability_attribute": "predictions[0].score"}
    job = job_of(tmp_path, config, **said, probability_threshold_attribute="0.7", features_attribute="instances[*].x")
    output = job.schema.payload.output
    assert (output.records, output.prediction, output.score) == ("predictions", "label", "score")
    assert [(each.name, each.path) for each in job.schema.features] == [("a", "x[0]"), ("b", "x[1]")]
    assert job.schema.payload.records == "instances"
    (monitor,) = job.monitors
    assert monitor.options["bias"].probability_threshold == 0.7


@pytest.mark.parametrize("way", ["configured", "mounted"])
def test_explainability_heeds_the_attributes(tmp_path, way):
    place_document(tmp_path, SHAP, way)
    config = {"monitors": {"model_explainability": {"analysis_config": SHAP}}} if way == "configured" else None
    job = job_of(tmp_path, config, inference_attribute="$.label", probability_attribute="p", features_attribute="x")
    (monitor,) = job.monitors
    predictor = monitor.options["attribution"].predictor
    assert (predictor.label, predictor.probability) == ("label", "p")
    assert [(each.name, each.path) for each in job.schema.features] == [("a", "x[0]"), ("b", "x[1]")]


@pytest.mark.parametrize("way", ["own keys", "configured", "mounted"])
@pytest.mark.parametrize(
    ("configured", "said", "output"),
    [
        (None, {}, "probability"),
        (None, {"inference_attribute": "label"}, "prediction"),
        (None, {"probability_attribute": "p"}, "probability"),
        (None, {"inference_attribute": "label", "probability_attribute": "p"}, "probability"),
        ("prediction", {"probability_attribute": "p"}, "probability"),
        ("probability", {"inference_attribute": "label"}, "probability"),  # as predictor.probability of an endpoint
    ],
)
def test_a_model_file_is_asked_for_what_the_attributes_name(tmp_path, way, configured, said, output):
    predictor = {"artefact": "/opt/ml/model.onnx"} | ({"output": configured} if configured else {})
    document = SHAP | {"predictor": predictor}
    place_document(tmp_path, document, way)
    own = {"predictor": predictor, "baseline_rows": [[1, 2]]}
    options = {"own keys": own, "configured": {"analysis_config": document}}.get(way)
    config = {"payload": {"features": FEATURES}, "monitors": {"model_explainability": options}} if options else None
    given = {"analysis_type": "MODEL_EXPLAINABILITY", "features_attribute": "instances[*].x"} | said
    (monitor,) = (job := job_of(tmp_path, config, **given)).monitors
    assert monitor.options["attribution"].predictor.output == output
    assert [(each.name, each.path) for each in job.schema.features] == [("a", "x[0]"), ("b", "x[1]")]
    assert job.schema.payload.records == "instances"


def test_a_model_file_has_no_places_in_its_answers(tmp_path):
    document = SHAP | {"predictor": {"artefact": "/opt/ml/model.onnx", "label": "label", "probability": "p"}}
    with pytest.raises(SettingsError, match=r"predictor\.label.*\n?.*predictor\.probability"):
        job_of(tmp_path, {"monitors": {"model_explainability": {"analysis_config": document}}})


def place_document(root: Path, document: dict[str, Any], way: str) -> None:
    if way == "mounted":
        path = root / "processing/input/config/analysis_config.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(document))


def test_features_without_names_have_no_attribute(tmp_path):
    with pytest.raises(SettingsError, match=r"features_attribute: needs the features' names"):
        job_of(tmp_path, {}, features_attribute="x")


# --- which monitor runs --------------------------------------------------------------------------------------------------

QUALITY = {"problem_type": "binary"}
OUTPUT = {"features": FEATURES, "output": {"prediction": "label"}}


@pytest.mark.parametrize(
    "config",
    [
        {"payload": OUTPUT, "monitors": {"data_quality": {}, "model_quality": QUALITY}},
        {"payload": OUTPUT, "types": ["data_quality", "model_quality"], "model_quality": QUALITY, "thresholds": {}},
        {"payload": OUTPUT, "model_quality": QUALITY, "types": ["model_quality"], "min_records": 5},
    ],
    ids=["monitors", "types", "one type"],
)
def test_the_analysis_type_chooses_among_what_is_configured(tmp_path, config):
    job = job_of(tmp_path, config, analysis_type="MODEL_QUALITY")
    assert [monitor.type for monitor in job.monitors] == [MonitoringType.MODEL_QUALITY]


def test_a_configuration_without_monitors_is_of_the_analysis_type(tmp_path):
    job = job_of(tmp_path, {"payload": OUTPUT}, analysis_type="MODEL_QUALITY", problem_type="BinaryClassification")
    assert [monitor.type for monitor in job.monitors] == [MonitoringType.MODEL_QUALITY]


@pytest.mark.parametrize("words", [{"monitors": {"data_quality": {}}}, {"min_records": 5}], ids=["monitors", "words"])
@pytest.mark.parametrize("asked", ["MODEL_QUALITY", "MODEL_BIAS", "MODEL_EXPLAINABILITY"])
def test_data_quality_never_runs_in_the_place_of_another(tmp_path, asked, words):
    with pytest.raises(SettingsError):
        job_of(tmp_path, {"payload": OUTPUT} | words, analysis_type=asked)


@pytest.mark.parametrize("asked", ["MODEL_BIAS", "MODEL_EXPLAINABILITY"])
def test_an_analysis_type_without_its_settings_is_refused(tmp_path, asked):
    with pytest.raises(SettingsError, match=r"variables: the configuration"):
        job_of(tmp_path, None, analysis_type=asked)


@pytest.mark.parametrize(
    ("document", "asked", "types"),
    [
        (FACETS, {}, [MonitoringType.MODEL_BIAS]),
        (SHAP, {}, [MonitoringType.MODEL_EXPLAINABILITY]),
        (
            FACETS | {"methods": SHAP["methods"]} | {"predictor": {}},
            {"analysis_type": "MODEL_BIAS"},
            [MonitoringType.MODEL_BIAS],
        ),
    ],
)
def test_a_mounted_analysis_configuration_is_found_by_itself(tmp_path, document, asked, types):
    place_document(tmp_path, document, "mounted")
    assert [monitor.type for monitor in job_of(tmp_path, None, **asked).monitors] == types


@pytest.mark.parametrize(
    ("document", "asked", "told"),
    [
        ({"headers": FEATURES}, {}, "names neither facet nor methods.shap"),
        (FACETS, {"analysis_type": "MODEL_QUALITY"}, "asks for model_quality, and the configuration has model_bias"),
    ],
)
def test_a_mounted_analysis_configuration_of_nothing_is_refused(tmp_path, document, asked, told):
    place_document(tmp_path, document, "mounted")
    with pytest.raises(SettingsError, match=told):
        job_of(tmp_path, None, **asked)


DATA = {
    "text/csv": ("a.csv", "1,2,0\n3,4,1\n"),
    "application/jsonlines": ("a.jsonl", '{"a": 1, "b": 2, "y": 0}\n{"a": 3, "b": 4, "y": 1}\n'),
    "application/json": ("a.json", '[{"a": 1, "b": 2, "y": 0}, {"a": 3, "b": 4, "y": 1}]'),
}


def baseline_of(root: Path, document: dict[str, Any], name: str, content: str, **environment: str) -> Job:
    place_document(root, document, "mounted")
    (root / name).write_text(content)
    return job_of(root, None, monitor_job="baseline", dataset_source=f"/opt/ml/{name}", **environment)


@pytest.mark.parametrize("type_", DATA)
def test_the_dataset_type_of_an_analysis_configuration_is_heeded(tmp_path, type_):
    job = baseline_of(tmp_path, FACETS | {"dataset_type": type_}, *DATA[type_])
    (rows,) = read_all(job)
    assert [column.numbers.tolist() for column in rows.features] == [[1, 3], [2, 4]]
    assert rows.label.numbers.tolist() == [0, 1]


def test_a_csv_file_may_name_its_columns_beside_an_analysis_configuration(tmp_path):
    (rows,) = read_all(baseline_of(tmp_path, FACETS | {"dataset_type": "text/csv"}, "a.csv", "a,b,y\n1,2,0\n"))
    assert rows.count == 1


@pytest.mark.parametrize(
    ("document", "environment", "told"),
    [
        ({"dataset_type": "application/x-image"}, {}, r"dataset_type: should be one of text/csv"),
        ({}, {}, r"dataset_format: is missing\. Expected one of"),
        (
            {"dataset_type": "text/csv"},
            {"dataset_format": '{"parquet":{}}'},
            r"dataset_format: says parquet, and dataset_type in the analysis configuration csv",
        ),
    ],
)
def test_a_dataset_type_that_cannot_be_heeded_is_refused(tmp_path, document, environment, told):
    with pytest.raises(SettingsError, match=told):
        baseline_of(tmp_path, FACETS | document, *DATA["text/csv"], **environment)


# --- where paths lie -------------------------------------------------------------------------------------------------------


def test_the_root_moves_the_paths_inside_a_configuration(tmp_path):
    analysis = SHAP | {
        "methods": {"shap": {"baseline": "/opt/ml/rows.csv"}},
        "predictor": {"artefact": "/opt/ml/model.json"},
    }
    (tmp_path / "analysis.json").write_text(json.dumps(analysis))
    config = {"monitors": {"model_explainability": {"analysis_config": "/opt/ml/analysis.json"}}}
    (monitor,) = job_of(tmp_path, config).monitors
    options = monitor.options["attribution"]
    assert options.baseline_rows == str(tmp_path / "rows.csv")
    assert options.predictor.location == str(tmp_path / "model.json")


def test_a_run_asked_for_model_quality_says_that_it_lacks_it(tmp_path):
    (tmp_path / "monitor.json").write_text(json.dumps({"version": 1, "monitors": {"data_quality": {}}}))
    environment = HOURLY | {"MODEL_MONITOR_ROOT": str(tmp_path), "monitor_config": "/opt/ml/monitor.json"}
    assert container.main(environment | {"analysis_type": "MODEL_QUALITY"}) == 1
    assert "asks for model_quality" in (tmp_path / "output/message").read_text()
