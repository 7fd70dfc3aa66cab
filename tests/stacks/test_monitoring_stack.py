"""A schedule with several types: where its jobs find what they need, and what they may do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from model_monitor import contract
from model_monitor.predictors.settings import PREFIX_MAX
from stacks.configuration import baseline_document, configuration_document
from stacks.rules.templates import text
from tests.analyses import ALL_TYPES, BUCKET, EXPLAINED, MONITOR, QUALITY_ALONE, analysed
from tests.synthesis import ROOT, Assembly, synthesize, watched_of

pytestmark = pytest.mark.xdist_group("synth")


def definition(assembly: Assembly) -> dict[str, Any]:
    (schedule,) = assembly.properties("AWS::SageMaker::MonitoringSchedule")
    found: dict[str, Any] = schedule["MonitoringScheduleConfig"]["MonitoringJobDefinition"]
    return found


def granted(assembly: Assembly, action: str, stack: str = "-Monitoring", role: str = "ExecutorRole") -> Iterator[Any]:
    """Resources on which runs, or another role, may do something."""
    for name, template in assembly.templates.items():
        for logical, resource in template["Resources"].items():
            if resource["Type"] == "AWS::IAM::Policy" and role in logical and name.endswith(stack):
                for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                    resources = statement["Resource"]
                    if action in actions:
                        yield from resources if isinstance(resources, list) else [resources]


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
    assert watched_of(assembly)["shadow_prefixes"] == [prefix]


def test_only_a_run_that_asks_the_endpoint_may_invoke_it(every_type):
    asking = synthesize(analysed(**{f"{MONITOR}model_explainability": {"predictor": {}}}))
    (arn,) = granted(asking, "sagemaker:InvokeEndpoint")
    assert json.dumps(arn).rstrip('"]}').endswith(":endpoint/fraud")
    assert not list(granted(every_type, "sagemaker:InvokeEndpoint"))
    assert "/fraud/linear.json" in json.dumps(list(granted(every_type, "s3:GetObject")))


def policies_of_writers(assembly: Assembly) -> dict[str, dict[str, Any]]:
    """Endpoint → what its label writers may; of what only the deployment knows `token`."""
    environment = assembly.settings.environment
    names = {contract.label_writers_parameter(environment, name): name for name in assembly.settings.endpoints}
    return {
        names[found["Name"]]: json.loads(text(found["Value"]))
        for found in assembly.properties("AWS::SSM::Parameter", "-Monitoring")
        if found["Name"] in names
    }


def test_who_writes_labels_finds_a_policy_for_just_that(every_type):
    found = policies_of_writers(every_type)
    assert found.keys() == {"fraud"}
    writing, encrypting = found["fraud"]["Statement"]
    assert (writing["Action"], writing["Resource"]) == ("s3:PutObject", "arn:token:s3:::token/fraud/ground-truth/*")
    assert (encrypting["Action"], encrypting["Resource"]) == ("kms:GenerateDataKey", "token")
    assert encrypting["Condition"] == {"StringEquals": {"kms:ViaService": "s3.eu-west-1.token"}}


def test_one_baseline_job_computes_every_type_of_every_schedule(every_type):
    daily = {
        "types": ["data_quality"],
        "schedule": "daily",
        "baseline": {"dataset": f"{BUCKET}/baseline.csv"},
    }
    changes = {**QUALITY_ALONE, "retraining": None}
    endpoint = analysed(monitors__daily=daily, **changes).endpoints["fraud"]
    assert list(baseline_document("fraud", endpoint)["monitors"]) == ["model_quality", "data_quality"]
    (step,) = every_type.properties("Custom::ModelBaseline")
    files = step["Files"].split()
    assert list(dict.fromkeys(file.partition("/")[0] for file in files)) == ALL_TYPES
    assert "model_bias/analysis.json" in files


def test_a_run_is_told_where_labels_and_the_history_lie(every_type):
    variables = definition(every_type)["Environment"]
    assert json.dumps(variables[contract.Variable.GROUND_TRUTH_URI]).endswith('"/fraud/ground-truth"]]}')
    assert json.dumps(variables[contract.Variable.MONITOR_HISTORY]).endswith('"/history/fraud/fraud-all"]]}')


def test_code_of_this_repository_is_uploaded_and_read_by_the_jobs_that_run_it(prod):
    written = "environments/code/fraud_metrics.py"
    (asset,) = prod.folder.glob("asset.*.py")
    assert asset.read_bytes() == (ROOT / written).read_bytes()
    resources = prod.templates["prod-fraud-Monitoring"]["Resources"].values()
    policies = [json.dumps(each["Properties"]) for each in resources if each["Type"] == "AWS::IAM::Policy"]
    reading = [text for text in policies if "/model-monitor/prod-fraud-Monitoring/*" in text]
    assert len(reading) == 3, "the roles of runs, of the baseline job, and of trainings, whose scripts lie there, too"
    configurations = [json.loads(path.read_text()) for path in prod.folder.glob("asset.*.json")]
    told = [found["monitors"]["custom_metrics"] for found in configurations if "custom_metrics" in found["monitors"]]
    assert {found["module"].rpartition("/")[2] for found in told} == {asset.name.removeprefix("asset.")}


def test_labels_of_a_place_grant_nothing_of_its_neighbours():
    elsewhere = synthesize(analysed(ground_truth={"location": "s3://labels/fraud"}))
    read = json.dumps(list(granted(elsewhere, "s3:GetObject")))
    assert "labels/fraud/*" in read
    assert "labels/fraud*" not in read
    (writing,) = policies_of_writers(elsewhere)["fraud"]["Statement"]
    assert writing["Resource"] == "arn:token:s3:::labels/fraud/*", "the key of the place is its owner's to grant"


def test_a_run_without_labels_is_told_of_none():
    changes: dict[str, Any] = {f"{MONITOR}{type_}": None for type_ in ("model_quality", "model_bias")}
    types = [type_ for type_ in ALL_TYPES if f"{MONITOR}{type_}" not in changes]
    alone = synthesize(analysed(ground_truth=None, **changes, **{f"{MONITOR}types": types, f"{MONITOR}alarms": {}}))
    assert not {contract.Variable.GROUND_TRUTH_URI, contract.Variable.MONITOR_HISTORY} & set(
        definition(alone)["Environment"]
    )
    assert "ground-truth" not in json.dumps(list(granted(alone, "s3:GetObject")))
    assert "labels-missing" not in json.dumps(alone.properties("AWS::CloudWatch::Alarm"))


def test_a_run_reads_labels_captures_and_code_and_writes_reports_and_its_own_history(every_type):
    read, written = json.dumps(list(granted(every_type, "s3:GetObject"))), list(granted(every_type, "s3:PutObject"))
    for place in ("/fraud/ground-truth/*", "/capture/fraud/*", "/history/fraud/fraud-all/*", "/fraud/metrics.py"):
        assert place in read
    endings = sorted(json.dumps(place).rpartition(', "')[2] for place in written)
    history, reports = '/history/fraud/fraud-all/*"]]}', '/reports/fraud/fraud-all/*"]]}'
    assert endings == ['/fraud/holdout/*"]]}', '/fraud/training/*"]]}', history, reports]


def test_rows_of_one_schedule_go_to_training_and_held_out_ones_where_no_training_reads(every_type):
    variables = definition(every_type)["Environment"]
    assert json.dumps(variables[contract.Variable.FRESH_ROWS]).endswith('"/fraud/training"]]}')
    assert json.dumps(variables[contract.Variable.HOLDOUT_ROWS]).endswith('"/fraud/holdout"]]}')
    trained_on = json.dumps(list(granted(every_type, "s3:GetObject", "-Monitoring", "TrainingRole")))
    assert "/fraud/training/*" in trained_on
    assert "holdout" not in trained_on


@pytest.mark.parametrize("change", [{"retraining": None}, {"retraining__fresh_data": "s3://own/rows/"}])
def test_rows_that_nobody_trains_on_or_that_the_application_writes_are_no_runs(change):
    variables = definition(synthesize(analysed(**change)))["Environment"]
    assert not {contract.Variable.FRESH_ROWS, contract.Variable.HOLDOUT_ROWS} & set(variables)


def test_a_run_removes_nothing_but_windows_that_no_longer_wait(every_type):
    removed = json.dumps(list(granted(every_type, "s3:DeleteObject")))
    assert removed.count("/pending/*") == removed.count("/*") == 3
    assert "/history/fraud/fraud-all/model_quality/pending/*" in removed
