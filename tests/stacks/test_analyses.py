"""A schedule with several types: what a run is told, what it may do, and who is told of what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from model_monitor import contract
from model_monitor.job import blocks
from model_monitor.job.configuration import parse_configuration
from model_monitor.labels import history
from model_monitor.monitors import registry, thresholds as quality
from model_monitor.monitors.model_quality.metrics import METRICS
from model_monitor.predictors.settings import PREFIX_MAX
from stacks.configuration import baseline_document, baseline_version, configuration_document
from stacks.constructs import monitoring_schedule
from stacks.settings import (
    analysis as analysis_settings,
    attribution as attribution_settings,
    bias as bias_settings,
    endpoint as endpoint_settings,
    monitor as monitor_settings,
    payload as payload_settings,
)
from tests.analyses import ALARMS, ALL_TYPES, BIAS, BUCKET, CUSTOM, EXPLAINED, MODEL_QUALITY, QUALITY_ALONE, analysed
from tests.synthesis import ROOT, Assembly, synthesize

pytestmark = pytest.mark.xdist_group("synth")

MONITOR = "monitors__all__"


@pytest.fixture(scope="module")
def assembly() -> Assembly:
    return synthesize(analysed())


# --- words that settings and core share -------------------------------------------------------------------------------------


def test_settings_know_the_types_of_the_contract():
    assert set(monitor_settings.Type.__args__) <= set(contract.MONITOR_KEYS.values())
    needing = {contract.MONITOR_KEYS[type_] for type_, found in registry.monitors().items() if found.needs_labels}
    labelled = {type_ for type_ in ALL_TYPES if type_ in analysed().endpoints["fraud"].monitors["all"].labelled}
    assert labelled == needing & set(ALL_TYPES)


def test_settings_know_the_metrics_of_model_quality_and_where_they_get_worse():
    for type_, short in analysis_settings.AWS_PROBLEMS.items():
        known = {name for name in METRICS[type_] if not name.endswith(quality.CONSTANT_END)}
        assert set(analysis_settings.QUALITY_METRICS[short]) == known
    assert analysis_settings.WORSE_WHEN_GREATER == quality.WORSE_WHEN_GREATER


def test_baselines_consist_of_the_files_that_the_core_writes():
    for type_, monitor in registry.monitors().items():
        assert set(contract.BASELINE_FILES[type_]) == {monitor.files.constraints_name, monitor.files.statistics_name}


def test_windows_wait_in_the_folder_that_runs_may_remove_from():
    assert monitoring_schedule.PENDING == history.PENDING


# --- what runs are told and may do ------------------------------------------------------------------------------------------


def test_a_run_is_told_what_the_environment_says_and_no_default_of_the_core():
    document = configuration_document("fraud", analysed().endpoints["fraud"], "all")
    assert document["monitors"]["model_quality"] == {"min_records": 20, **MODEL_QUALITY}
    assert document["monitors"]["custom_metrics"] == {
        "min_records": 20,
        "label_delay": "PT0H",
        "min_coverage": 0.0,
        **CUSTOM,
    }
    assert document["monitors"]["model_bias"] == {"min_records": 20, "min_coverage": 0.0, **BIAS}
    assert document["monitors"]["model_explainability"] == {"min_records": 20, **EXPLAINED}


def test_a_metric_that_is_not_judged_is_said_to_the_run():
    changed = {**MODEL_QUALITY, "thresholds": {"recall": None}}
    endpoint = analysed(**{f"{MONITOR}model_quality": changed}).endpoints["fraud"]
    assert configuration_document("fraud", endpoint, "all")["monitors"]["model_quality"]["thresholds"] == {
        "recall": None
    }


def test_slices_of_numbers_are_told_with_their_edges_and_others_by_name():
    changed = {**MODEL_QUALITY, "slices": ["visits", {"field": "age", "edges": [25, 40.5]}, {"field": "variant"}]}
    endpoint = analysed(**{f"{MONITOR}model_quality": changed}).endpoints["fraud"]
    document = configuration_document("fraud", endpoint, "all")
    told = document["monitors"]["model_quality"]["slices"]
    assert told == ["visits", {"field": "age", "edges": [25, 40.5]}, "variant"]
    read = parse_configuration(json.dumps(document).encode(), "monitoring.json").monitors
    (quality,) = (each for each in read if each.type is contract.MonitoringType.MODEL_QUALITY)
    assert quality.options["slices"] == {"visits": (), "age": (25.0, 40.5), "variant": ()}


def test_labels_of_scores_may_be_numbers():
    endpoint = analysed(**{f"{MONITOR}model_bias": {**BIAS, "class_labels": [0, 1]}}).endpoints["fraud"]
    document = configuration_document("fraud", endpoint, "all")
    assert document["monitors"]["model_bias"]["class_labels"] == ["0", "1"]
    parse_configuration(json.dumps(document).encode(), "monitoring.json")


def test_a_rehearsal_is_a_flag_of_the_environment():
    rehearsing = analysed(**{f"{MONITOR}create_violation_tests": True}).endpoints["fraud"]
    assert configuration_document("fraud", rehearsing, "all")["create_violation_tests"] is True
    assert baseline_version(rehearsing) == baseline_version(analysed().endpoints["fraud"])


def test_a_shadow_endpoint_has_a_name_that_its_role_is_held_to():
    predictor = {"model_name": "fraud-3", "instance_type": "ml.m5.large", "startup_seconds": 600}
    explained = {**EXPLAINED, "predictor": predictor}
    shadowed = analysed(**{f"{MONITOR}model_explainability": explained})
    document = configuration_document("fraud", shadowed.endpoints["fraud"], "all")
    prefix = document["monitors"]["model_explainability"]["predictor"]["endpoint_name_prefix"]
    assembly = synthesize(shadowed)
    made = list(granted(assembly, "sagemaker:CreateEndpoint"))
    assert len(prefix) <= PREFIX_MAX
    assert {json.dumps(arn).rpartition("/")[2].rstrip('"]}') for arn in made} == {f"{prefix}-*"}
    assert not list(granted(assembly, "iam:PassRole"))
    (reconciler,) = [
        f["Environment"]["Variables"]
        for f in assembly.properties("AWS::Lambda::Function", "-Monitoring")
        if "SCHEDULES" in f["Environment"]["Variables"]
    ]
    assert json.loads(reconciler["SHADOW_PREFIXES"]) == [prefix]


def test_only_a_run_that_asks_the_endpoint_may_invoke_it(assembly):
    asking = synthesize(analysed(**{f"{MONITOR}model_explainability": {"predictor": {}}}))
    (arn,) = granted(asking, "sagemaker:InvokeEndpoint")
    assert json.dumps(arn).rstrip('"]}').endswith(":endpoint/fraud")
    assert not list(granted(assembly, "sagemaker:InvokeEndpoint"))
    assert "/fraud/linear.json" in json.dumps(list(granted(assembly, "s3:GetObject")))


def test_one_baseline_job_computes_every_type_of_every_schedule(assembly):
    daily = {
        "types": ["data_quality"],
        "schedule": "daily",
        "baseline": {"dataset": f"{BUCKET}/baseline.csv"},
    }
    changes = {**QUALITY_ALONE, "retraining": None}
    endpoint = analysed(monitors__daily=daily, **changes).endpoints["fraud"]
    assert list(baseline_document("fraud", endpoint)["monitors"]) == ["model_quality", "data_quality"]
    (step,) = assembly.properties("Custom::ModelBaseline")
    files = step["Files"].split()
    assert list(dict.fromkeys(file.partition("/")[0] for file in files)) == ALL_TYPES
    assert "model_bias/analysis.json" in files


def test_another_way_to_measure_is_another_baseline_and_another_threshold_is_not():
    def version(**quality_changes: Any) -> str:
        changed = {**MODEL_QUALITY, **quality_changes}
        return baseline_version(analysed(**{f"{MONITOR}model_quality": changed}).endpoints["fraud"])

    assert version(thresholds={"accuracy": 0.9}, label_delay="P1D", min_coverage=0.5) == version()
    assert version(positive_label="yes") != version()


def definition(assembly: Assembly) -> dict[str, Any]:
    (schedule,) = assembly.properties("AWS::SageMaker::MonitoringSchedule")
    found: dict[str, Any] = schedule["MonitoringScheduleConfig"]["MonitoringJobDefinition"]
    return found


def test_a_run_is_told_where_labels_and_the_history_lie(assembly):
    variables = definition(assembly)["Environment"]
    assert json.dumps(variables[contract.Variable.GROUND_TRUTH_URI]).endswith('"/fraud/ground-truth"]]}')
    assert json.dumps(variables[contract.Variable.MONITOR_HISTORY]).endswith('"/history/fraud/fraud-all"]]}')


def test_code_of_this_repository_is_uploaded_and_read_by_the_jobs_that_run_it(prod):
    written = "environments/code/fraud_metrics.py"
    (asset,) = prod.folder.glob("asset.*.py")
    assert asset.read_bytes() == (ROOT / written).read_bytes()
    template = json.dumps(prod.templates["prod-fraud-Monitoring"])
    assert template.count(f"/{asset.name.removeprefix('asset.')}") == 2, (
        "the role of runs, and that of the baseline job"
    )
    configurations = [json.loads(path.read_text()) for path in prod.folder.glob("asset.*.json")]
    told = [found["monitors"]["custom_metrics"] for found in configurations if "custom_metrics" in found["monitors"]]
    assert [found["module"].rpartition("/")[2] for found in told] == [asset.name.removeprefix("asset.")]


def test_other_code_is_another_baseline(tmp_path, monkeypatch):
    monkeypatch.setattr(monitor_settings, "ROOT", tmp_path)
    (tmp_path / "metrics.py").write_text("one = 1")
    endpoint = analysed(**{f"{MONITOR}custom_metrics": {"module": "metrics.py"}}).endpoints["fraud"]
    before = baseline_version(endpoint)
    (tmp_path / "metrics.py").write_text("one = 2")
    assert baseline_version(endpoint) != before


def test_labels_of_a_place_grant_nothing_of_its_neighbours():
    elsewhere = synthesize(analysed(ground_truth={"location": "s3://labels/fraud"}))
    read = json.dumps(list(granted(elsewhere, "s3:GetObject")))
    assert "labels/fraud/*" in read
    assert "labels/fraud*" not in read


def test_a_run_without_labels_is_told_of_none():
    changes: dict[str, Any] = {f"{MONITOR}{type_}": None for type_ in ("model_quality", "model_bias")}
    types = [type_ for type_ in ALL_TYPES if f"{MONITOR}{type_}" not in changes]
    alone = synthesize(analysed(ground_truth=None, **changes, **{f"{MONITOR}types": types, f"{MONITOR}alarms": {}}))
    assert not {contract.Variable.GROUND_TRUTH_URI, contract.Variable.MONITOR_HISTORY} & set(
        definition(alone)["Environment"]
    )
    assert "ground-truth" not in json.dumps(list(granted(alone, "s3:GetObject")))
    assert "labels-missing" not in alarms(alone)


def granted(assembly: Assembly, action: str) -> Iterator[Any]:
    """Resources on which runs may do something."""
    for name, template in assembly.templates.items():
        for logical, resource in template["Resources"].items():
            if resource["Type"] == "AWS::IAM::Policy" and "ExecutorRole" in logical and name.endswith("-Monitoring"):
                for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                    resources = statement["Resource"]
                    if action in actions:
                        yield from resources if isinstance(resources, list) else [resources]


def test_a_run_reads_labels_captures_and_code_and_writes_reports_and_its_own_history(assembly):
    read, written = json.dumps(list(granted(assembly, "s3:GetObject"))), list(granted(assembly, "s3:PutObject"))
    for place in ("/fraud/ground-truth/*", "/capture/fraud/*", "/history/fraud/fraud-all/*", "/fraud/metrics.py"):
        assert place in read
    endings = sorted(json.dumps(place).rpartition(', "')[2] for place in written)
    assert endings == ['/history/fraud/fraud-all/*"]]}', '/reports/fraud/fraud-all/*"]]}']


def test_a_run_removes_nothing_but_windows_that_no_longer_wait(assembly):
    removed = json.dumps(list(granted(assembly, "s3:DeleteObject")))
    assert removed.count("/pending/*") == removed.count("/*") == 3
    assert "/history/fraud/fraud-all/model_quality/pending/*" in removed


# --- who is told of what ---------------------------------------------------------------------------------------------------


def alarms(assembly: Assembly) -> dict[str, dict[str, Any]]:
    found = assembly.properties("AWS::CloudWatch::Alarm", "-Alarms")
    return {alarm["AlarmName"].removeprefix("analysed-fraud-all-"): alarm for alarm in found}


def test_each_type_has_alarms_of_its_own(assembly):
    known = {"drift", "error", "stale", "data-type", "completeness", "missing-column", "extra-column"}
    known |= {"categorical-values", "model-quality", "prediction-drift", "custom-metrics", "label-coverage"}
    known |= {"bias-drift", "attribution-drift", "rehearsal", "labels-missing"}
    assert set(alarms(assembly)) == known | {"quality-accuracy", "quality-false_negative_rate", "custom-cost"}


def test_bounds_of_the_environment_are_watched_on_their_worse_side(assembly):
    found = alarms(assembly)
    sides = {
        name: (found[name]["ComparisonOperator"], found[name]["Threshold"], found[name]["Statistic"])
        for name in ("quality-accuracy", "quality-false_negative_rate", "label-coverage", "custom-cost")
    }
    assert sides == {
        "quality-accuracy": ("LessThanThreshold", ALARMS["quality"]["accuracy"], "Minimum"),
        "quality-false_negative_rate": ("GreaterThanThreshold", 0.4, "Maximum"),
        "label-coverage": ("LessThanThreshold", ALARMS["label_coverage"], "Minimum"),
        "custom-cost": ("GreaterThanThreshold", 3, "Maximum"),
    }


def policy(assembly: Assembly) -> dict[str, Any]:
    (parameter,) = assembly.properties("AWS::SSM::Parameter", "-Retraining")
    parts = parameter["Value"]["Fn::Join"][1]
    found: dict[str, Any] = json.loads("".join(part if isinstance(part, str) else "token" for part in parts))
    return found


def test_chosen_types_may_train_and_others_are_known_by_name(assembly):
    start, found = "analysed-fraud-all-", policy(assembly)
    chosen = {"drift", "model-quality", "prediction-drift", "quality-accuracy", "quality-false_negative_rate"}
    assert set(found["alarms"]) == {start + what for what in chosen}
    assert found["alarms"][f"{start}model-quality"] == ["LessThanThreshold", "GreaterThanThreshold"]
    others = ("bias-drift", "attribution-drift", "custom-metrics", "custom-cost")
    assert found["other_alarm_names"] == [start + what for what in others]
    assert found["allow_rehearsal"] is False


# --- everything that a run can be told ------------------------------------------------------------------------------------

CLARIFY = {"analysis_config"}  # its own files say the same in other words
ELSEWHERE = {
    "": {"endpoint", "schedule", "monitors", "baseline", "ground_truth", "history", "metrics", "version", "payload"},
    "monitors.model_explainability.predictor": {"endpoint_name_prefix", "accelerator_type"},  # ours; gone
}
SETTINGS = {
    "": monitor_settings.Monitor,
    "payload": payload_settings.Payload,
    "payload.output": payload_settings.Output,
    "metrics": endpoint_settings.Metrics,
    "monitors.model_quality": analysis_settings.ModelQuality,
    "monitors.model_quality.prediction_drift": analysis_settings.PredictionDrift,
    "monitors.model_bias": bias_settings.ModelBias,
    "monitors.model_bias.facets[0]": bias_settings.Facet,
    "monitors.model_bias.flip_test": bias_settings.FlipTest,
    "monitors.model_bias.bootstrap": bias_settings.Bootstrap,
    "monitors.model_explainability": attribution_settings.ModelExplainability,
    "monitors.model_explainability.predictor": attribution_settings.Predictor,
    "monitors.model_explainability.budget": attribution_settings.Budget,
    "monitors.custom_metrics": analysis_settings.CustomMetrics,
    "scripts": analysis_settings.Scripts,
}


def test_everything_that_a_run_can_be_told_can_be_said_in_an_environment(monkeypatch):
    read: dict[str, set[str]] = {}
    end = blocks.Block.end

    def noted(block: blocks.Block) -> None:
        read.setdefault(block.path, set()).update(block.known)
        end(block)

    monkeypatch.setattr(blocks.Block, "end", noted)
    document = configuration_document("fraud", analysed().endpoints["fraud"], "all")
    document["monitors"]["model_quality"]["prediction_drift"] = {}
    document["scripts"] = {}
    for predictor in ({"artefact": "model.json"}, {}):
        document["monitors"]["model_explainability"]["predictor"] = predictor
        parse_configuration(json.dumps(document).encode(), "told.json")
    assert set(SETTINGS) <= set(read)
    unsaid = {
        path: keys
        for path, kind in SETTINGS.items()
        if (keys := read[path] - set(kind.model_fields) - ELSEWHERE.get(path, set()) - CLARIFY - {"min_records"})
    }
    assert unsaid == {}
