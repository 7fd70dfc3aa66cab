"""Attribution drift: the baseline's file, the check, and the options of the monitor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model_monitor.contract import MonitoringType
from model_monitor.errors import BaselineError, SettingsError
from model_monitor.job.configuration import parse_configuration
from model_monitor.monitors.conclusion import Outcome
from model_monitor.monitors.model_explainability import constraints as attribution
from model_monitor.monitors.model_explainability.attributions import Aggregation, Method
from model_monitor.monitors.model_explainability.constraints import AttributionBaseline
from model_monitor.monitors.model_explainability.options import AttributionOptions, Limits, options_of, rows_of
from model_monitor.predictors.artefact import ArtefactSource
from model_monitor.predictors.settings import PredictorSettings

DOCUMENTED = AttributionBaseline({"label0": {"SAT": 0.7, "GPA": 0.5, "rank": 0.05}})
REVERSED = {"label0": {"SAT": 0.1, "GPA": 0.2, "rank": 0.3}}


def check(current, baseline=DOCUMENTED, threshold=0.9, facts=None):
    return attribution.checks(current, baseline, threshold, facts or {})


def test_another_order_of_features_violates_in_clarifys_words():
    (found,) = check(REVERSED)
    assert found.outcome is Outcome.VIOLATED
    assert found.observed == pytest.approx(0.6876, abs=5e-5)
    assert found.description == f"Feature attribution drift {found.observed} exceeds threshold 0.9"
    assert (found.subject, found.check_type) == ("label0", "feature_attribution_drift_check")


def test_the_threshold_is_the_users():
    assert check(REVERSED, threshold=0.6)[0].outcome is Outcome.HELD


def test_a_feature_of_one_side_alone_counts_nothing_on_the_other():
    lost = check({"label0": {"GPA": 0.5, "rank": 0.05}})[0]
    gained = check({"label0": {"SAT": 0.7, "GPA": 0.5, "rank": 0.05, "new": 9.0}})[0]
    assert lost.observed == pytest.approx((0.5 + 0.05 / 1.58496 + 0.7 / 2) / (0.7 + 0.5 / 1.58496 + 0.05 / 2), abs=1e-5)
    assert gained.outcome is Outcome.VIOLATED


def test_each_label_is_judged_and_a_lost_one_is_not_evaluated():
    two = AttributionBaseline({"a": {"x": 1.0, "y": 0.1}, "b": {"x": 1.0, "y": 0.1}})
    found = {c.subject: c for c in check({"a": {"x": 1.0, "y": 0.2}, "c": {"x": 1.0, "y": 0.2}}, two)}
    assert found["a"].outcome is Outcome.HELD
    assert found["b"].outcome is Outcome.NOT_EVALUATED
    assert found["b"].is_required


def test_single_labels_are_compared_whatever_they_are_called():
    quirk = AttributionBaseline({"0.7956783771514893": {"SAT": 0.7, "GPA": 0.5}})
    (found,) = check({"label0": {"SAT": 0.6, "GPA": 0.5}}, quirk)
    assert (found.subject, found.outcome) == ("label0", Outcome.HELD)


@pytest.mark.parametrize(
    ("current", "baseline", "reason"),
    [
        ({"label0": {"_c0": 1.0}}, DOCUMENTED, "no feature has a name of the baseline's"),
        ({"label0": {"x": 1.0}}, AttributionBaseline({"label0": {"x": 0.0}}), "attributes nothing"),
        (REVERSED, AttributionBaseline(DOCUMENTED.values, facts={"agg_method": "median"}), "another agg_method"),
    ],
)
def test_what_cannot_be_compared_is_not_evaluated(current, baseline, reason):
    (found,) = check(current, baseline, facts={"agg_method": "mean_abs"})
    assert found.outcome is Outcome.NOT_EVALUATED
    assert reason in found.description


@pytest.mark.parametrize("name", ["batch_jsonl_baseline", "endpoint_jsonl_baseline", "fraud_shap"])
def test_files_that_clarify_wrote_are_baselines(shared: Path, name: str):
    document = json.loads((shared / "samples" / "explainability" / f"{name}_analysis.json").read_text())
    baseline = attribution.read(document, name)
    assert baseline.values["label0"] == document["explanations"]["kernel_shap"]["label0"]["global_shap_values"]
    (found,) = check(baseline.values, baseline)
    assert found.observed == 1.0


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "holds no explanations"),
        ({"pre_training_bias_metrics": {}}, "holds no explanations"),
        ({"explanations": {"kernel_shap": {"label0": {}}}}, "holds no global_shap_values"),
        (
            {"explanations": {"kernel_shap": {"label0": {"global_shap_values": {"x": "much"}}}}},
            "'x' should be a number",
        ),
    ],
)
def test_other_files_are_refused(document, problem):
    with pytest.raises(BaselineError, match=problem):
        attribution.read(document, "analysis.json")


# --- options -----------------------------------------------------------------------------------------------------------


def options(block, payload=None) -> AttributionOptions:
    content = {
        "version": 1,
        "payload": payload or {"features": ["a", "b"]},
        "monitors": {"model_explainability": block},
    }
    (settings,) = parse_configuration(json.dumps(content).encode(), "test").monitors
    assert settings.type is MonitoringType.MODEL_EXPLAINABILITY
    return options_of(settings.options)


def faults(block, payload=None) -> str:
    with pytest.raises(SettingsError) as error:
        options(block, payload)
    return str(error.value)


def test_options_are_read():
    found = options(
        {
            "predictor": {"artefact": "s3://bucket/model.tar.gz", "format": "xgboost"},
            "baseline_rows": [[1, 2], {"b": 4, "a": None}],
            "method": "kernel",
            "num_samples": 100,
            "agg_method": "mean_sq",
            "use_logit": True,
            "budget": {"rows": 50},
            "ndcg_threshold": 0.8,
        }
    )
    assert found.predictor == ArtefactSource("s3://bucket/model.tar.gz", "xgboost")
    assert found.baseline_rows == ((1, 2), {"b": 4, "a": None})
    assert (found.method, found.samples, found.aggregation) == (Method.KERNEL, 100, Aggregation.MEAN_SQ)
    assert found.limits.for_source(True) == Limits(50, 20_000_000, None, 600.0)
    assert found.limits.for_source(False).calls == 10_000
    assert found.ndcg_threshold == 0.8


@pytest.mark.parametrize("content_type", [{}, {"features": "instances[*].features"}], ids=["table", "JSON"])
def test_headers_without_a_label_name_features_alone(content_type):
    document = {"headers": ["a", "b", "c"], "methods": {"shap": {"baseline": [[1, 2, 3]]}}, **content_type}
    block = {"analysis_config": document, "predictor": {}}
    found = parse_configuration(json.dumps({"version": 1, "monitors": {"model_explainability": block}}).encode(), "x")
    assert (found.schema.names, found.schema.payload.label) == (("a", "b", "c"), None)
    (monitor,) = found.monitors
    assert monitor.options["attribution"].headers == ("a", "b", "c")


def test_clarifys_analysis_configuration_is_taken_as_it_is(shared: Path):
    document = json.loads((shared / "samples" / "configs" / "explainability_analysis_config_json.json").read_text())
    names = document["headers"][1:]
    found = options({"analysis_config": document}, {"features": names, "label": "Target"})
    assert isinstance(found.predictor, PredictorSettings)
    assert found.predictor.is_shadow
    assert found.predictor.model_name == "DEMO-clarify-xgboost-model"
    assert found.baseline_rows == (tuple(document["methods"]["shap"]["baseline"][0]),)
    assert (found.samples, found.saves_local, found.headers) == (15, True, tuple(names))


def test_clarifys_file_alone_describes_payload_and_monitor(shared: Path):
    path = shared / "samples" / "configs" / "explainability_analysis_config_json.json"
    content = {"version": 1, "monitors": {"model_explainability": {"analysis_config": str(path)}}}
    found = parse_configuration(json.dumps(content).encode(), "test")
    assert found.schema.names == tuple(json.loads(path.read_text())["headers"][1:])
    assert options_of(found.monitors[0].options).samples == 15


def test_a_key_of_ours_stands_over_clarifys(shared: Path):
    document = json.loads((shared / "samples" / "configs" / "explainability_analysis_config_json.json").read_text())
    found = options({"analysis_config": document, "num_samples": 30}, {"features": document["headers"][1:]})
    assert found.samples == 30


def test_a_configuration_for_bias_alone_lacks_nothing_but_the_model(shared: Path):
    document = json.loads((shared / "samples" / "configs" / "fraud_analysis_config.json").read_text())
    found = faults({"analysis_config": document})
    assert "1 fault" in found
    assert "predictor: is missing" in found


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        ({}, "predictor: is missing"),
        ({"predictor": {"artefact": "model.pkl"}}, "artefact: is a pickle"),
        (
            {"predictor": {"artefact": "m.onnx"}, "baseline_rows": [[1]]},
            "baseline_rows[0]: has 1 values, the features are 2",
        ),
        ({"predictor": {"artefact": "m.onnx"}, "baseline_rows": [{"a": 1}]}, "baseline_rows[0]: lacks 'b'"),
        ({"predictor": {"artefact": "m.onnx"}, "baseline_rows": [[1, [2]]]}, "baseline_rows: should be a list of rows"),
        ({"predictor": {"label_headers": ["a", "a"]}}, "predictor.label_headers: names a label twice"),
        ({"method": "captured", "label_headers": ["a", "a"]}, "label_headers: names a label twice"),
        ({"predictor": {"artefact": "m.onnx"}, "num_clusters": 13}, "num_clusters: should be at most 12"),
        ({"predictor": {"artefact": "m.onnx"}, "num_samples": 1}, "num_samples: should be at least 2"),
        ({"predictor": {"artefact": "m.onnx"}, "agg_method": "max"}, "agg_method: should be one of mean_abs"),
        ({"predictor": {"artefact": "m.onnx"}, "budget": {"rows": 0}}, "budget.rows: should be at least 1"),
        ({"predictor": {"artefact": "m.onnx"}, "budget": {"euros": 1}}, "budget.euros: is unknown"),
        ({"method": "captured"}, "payload.output.attributions: is missing"),
        ({"method": "captured", "predictor": {}}, "predictor: is not asked when the method is captured"),
        (
            {"predictor": {}, "analysis_config": {"methods": {"shap": {"text_config": {"granularity": "token"}}}}},
            "methods.shap.text_config: is not for tables",
        ),
    ],
)
def test_a_fault_is_told_by_its_path(block, fault):
    assert f"monitors.model_explainability.{fault}" in faults(block) or fault in faults(block)


@pytest.mark.parametrize(("names", "is_refused"), [(["no"], True), (["no", "yes"], False), (["a", "b", "c"], True)])
def test_captured_attributions_have_as_many_names_as_labels(names, is_refused):
    payload = {"features": ["a", "b"], "output": {"score": "score", "attributions": ["no", "yes"]}}
    block = {"method": "captured", "label_headers": names}
    if not is_refused:
        assert options(block, payload).label_headers == tuple(names)
        return
    told = "monitors.model_explainability.label_headers: should name every label of the attributions: 2"
    assert told in faults(block, payload)
    assert f"found {len(names)}" in faults(block, payload)


def test_restricted_features_allow_no_file_that_tells_their_values():
    payload = {"features": ["a", {"name": "b", "privacy": "restricted"}]}
    found = faults({"predictor": {"artefact": "m.onnx"}, "save_local_shap_values": True}, payload)
    assert "save_local_shap_values: would tell records' values of 'b'" in found
    assert "baseline_rows: are missing: clusters would tell values of 'b'" in found


def test_what_of_clarifys_file_is_not_done_is_noted():
    found = options({"predictor": {}, "analysis_config": {"methods": {"pdp": {"features": ["a"]}}}})
    assert "methods.pdp" in found.notes[0]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ([[0, 0.5]], ((0, 0.5),)),
        ([{"features": [1, 2]}], ((1, 2),)),
        ({"instances": [{"features": [1, 2]}, {"features": [3, 4]}]}, ((1, 2), (3, 4))),
        ([{"a": 1, "b": "x"}], ({"a": 1, "b": "x"},)),
        ({"features": [1, 2]}, ((1, 2),)),
        ([], ()),
        ([[1], 5], ()),
    ],
)
def test_baseline_rows_come_in_all_of_clarifys_shapes(content, rows):
    assert rows_of(content) == rows


def test_an_unknown_key_is_a_fault():
    assert "surprise: is unknown" in faults({"predictor": {}, "surprise": 1})
