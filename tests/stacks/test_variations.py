"""Settings that no environment of ours uses: everything brought, several variants, several monitors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from stacks.configuration import baseline_version
from stacks.constructs.files import source_archive
from stacks.constructs.model_scripts import SCRIPTS
from stacks.settings import environment as settings
from tests.deployed_runs import Schedule
from tests.synthesis import Assembly, environment, synthesize

pytestmark = pytest.mark.xdist_group("synth")

PAGER = "arn:aws:sns:eu-west-1:123456789012:pager"
ROLE = "arn:aws:iam::123456789012:role/brought"
SCHEDULE = "AWS::SageMaker::MonitoringSchedule"


def varied(change: Callable[[dict[str, Any]], None]) -> Assembly:
    """The environment of the demo with one endpoint, changed and synthesized."""
    document = environment("dev").settings.model_dump(mode="json", exclude={"environment"}, exclude_unset=True)
    del document["endpoints"]["breast-cancer"]
    change(document)
    return synthesize(settings.parse(document, "varied", "varied.yaml"))


@pytest.fixture(scope="module")
def brought() -> Assembly:
    """An organisation that allows nothing of its own to be created."""

    def change(document: dict[str, Any]) -> None:
        endpoint = document["endpoints"]["covertype"]
        names = ("capture", "baseline", "reports", "ground_truth", "models")
        document["storage"]["buckets"] = {name: f"corp-{name.replace('_', '-')}" for name in names}
        document["alarms"] = {"topic_arn": "arn:aws:sns:eu-west-1:123456789012:pages"}
        document["security"] = {
            "kms_key_arn": "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        }
        document["monitor_image"] = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/monitor:1"
        for block in (endpoint["model"], endpoint["retraining"], endpoint["monitors"]["loop"]):
            block["role_arn"] = ROLE

    return varied(change)


@pytest.mark.parametrize("type_", ["AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SNS::Topic"])
def test_what_is_brought_is_not_created(brought, type_):
    assert brought.properties(type_) == []


def test_cloudformation_s_own_validation_finds_nothing_wrong_with_brought_values(brought):
    assert "KmsKeyId" not in json.dumps(brought.report)


def test_brought_buckets_key_topic_and_image_are_used(brought):
    text = json.dumps(brought.templates)
    (alarm, *_) = brought.properties("AWS::CloudWatch::Alarm")
    (config,) = brought.properties("AWS::SageMaker::EndpointConfig")
    assert "s3://corp-reports/reports" in text
    assert "monitor:1" in text
    assert alarm["AlarmActions"] == ["arn:aws:sns:eu-west-1:123456789012:pages"]
    assert config["DataCaptureConfig"]["DestinationS3Uri"] == "s3://corp-capture/capture"
    assert config["KmsKeyId"].endswith("key/1234abcd-12ab-34cd-56ef-1234567890ab")


def test_brought_roles_are_used_and_left_alone(brought):
    (model,) = brought.properties("AWS::SageMaker::Model")
    (function,) = [f for f in brought.properties("AWS::Lambda::Function") if f.get("PackageType") == "Image"]
    job = Schedule(brought, "covertype", "loop").run["processing"]
    assert (model["ExecutionRoleArn"], function["Role"], job["role"]) == (ROLE, ROLE, ROLE)
    trusted = [role["AssumeRolePolicyDocument"] for role in brought.properties("AWS::IAM::Role")]
    assert "sagemaker" not in json.dumps(trusted)


def test_a_brought_role_is_used_by_the_services_own_schedule_too():
    def change(document: dict[str, Any]) -> None:
        document["endpoints"]["covertype"]["monitors"]["loop"] |= {"scheduler": "model_monitor", "role_arn": ROLE}

    assembly = varied(change)
    (schedule,) = assembly.properties(SCHEDULE)
    assert schedule["MonitoringScheduleConfig"]["MonitoringJobDefinition"]["RoleArn"] == ROLE
    assert not [
        name for template in assembly.templates.values() for name in template["Resources"] if "ExecutorRole" in name
    ]


def test_the_state_machine_may_pass_brought_roles_to_sagemaker(brought):
    passing = [
        statement
        for policy in brought.properties("AWS::IAM::Policy", "-ControlPlane")
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "iam:PassRole"
    ]
    assert [ROLE in statement["Resource"] for statement in passing] == [True]


def variants_watched(assembly: Assembly) -> list[set[str]]:
    """By the sweep for each managed schedule, and by the staleness alarm of each of Model Monitor's."""
    stale = [a for a in assembly.properties("AWS::CloudWatch::Alarm") if a["AlarmName"].endswith("-stale")]
    swept = [
        set(Schedule(assembly, endpoint, name).run["variants"])
        for endpoint, block in assembly.settings.endpoints.items()
        for name, monitor in block.monitors.items()
        if monitor.is_managed
    ]
    return swept + [
        {
            dimension["Value"]
            for query in alarm["Metrics"]
            for dimension in query.get("MetricStat", {}).get("Metric", {}).get("Dimensions", ())
            if dimension["Name"] == "VariantName"
        }
        for alarm in stale
    ]


def watch_by_both(endpoint: dict[str, Any]) -> None:
    """The same monitor twice, each started by another scheduler."""
    endpoint["monitors"]["service"] = {**endpoint["monitors"]["loop"], "scheduler": "model_monitor"}


def test_several_variants_serve_and_all_their_traffic_is_watched():
    def change(document: dict[str, Any]) -> None:
        document["security"] = {"instance_disks": "allowed"}
        watch_by_both(document["endpoints"]["covertype"])
        document["endpoints"]["covertype"]["retraining"]["monitor"] = "loop"
        document["endpoints"]["covertype"]["model"]["variants"] = {
            "Champion": {"weight": 0.9},
            "Challenger": {
                "weight": 0.1,
                "artifact": "s3://models/challenger/model.tar.gz",
                "instance_type": "ml.g5.xlarge",
            },
        }

    assembly = varied(change)
    (config,) = assembly.properties("AWS::SageMaker::EndpointConfig")
    artifacts = [model["PrimaryContainer"]["ModelDataUrl"] for model in assembly.properties("AWS::SageMaker::Model")]
    assert [(v["VariantName"], v["InitialVariantWeight"]) for v in config["ProductionVariants"]] == [
        ("Champion", 0.9),
        ("Challenger", 0.1),
    ]
    assert "s3://models/challenger/model.tar.gz" in artifacts
    assert variants_watched(assembly) == [{"Champion", "Challenger"}] * 2
    assert "KmsKeyId" not in config, "an instance with local storage takes no key"


def test_the_traffic_of_an_existing_endpoint_is_watched_by_the_names_of_its_variants():
    def change(document: dict[str, Any]) -> None:
        endpoint = document["endpoints"]["covertype"]
        del endpoint["model"], endpoint["retraining"]
        endpoint["capture"] = {"destination": "s3://elsewhere/live", "variants": ["Blue", "Green"]}
        watch_by_both(endpoint)

    assert variants_watched(varied(change)) == [{"Blue", "Green"}] * 2


def test_the_baseline_function_may_park_requests_of_endpoints_with_long_names():
    name = "e" * 63

    def change(document: dict[str, Any]) -> None:
        document["endpoints"] = {name: document["endpoints"]["covertype"]}

    assembly = varied(change)
    (step,) = assembly.properties("Custom::ModelBaseline")
    policies = json.dumps(assembly.properties("AWS::IAM::Policy", "-Monitoring"))
    (function,) = [
        f["Environment"]["Variables"]
        for f in assembly.properties("AWS::Lambda::Function", "-Monitoring")
        if "PENDING" in f.get("Environment", {}).get("Variables", {})
    ]
    assert set(re.findall(r'"/(pending/[^"*]*)\*"', policies)) == {function["PENDING"]}
    assert function["PENDING"] == f"pending/{name}/"
    assert len(step["JobName"]) <= 63
    (started,) = set(re.findall(r"processing-job/(e[^\"*]*)\*", policies))
    assert step["JobName"].startswith(started)


def test_monitors_with_one_baseline_share_its_computation():
    def change(document: dict[str, Any]) -> None:
        endpoint = document["endpoints"]["covertype"]
        endpoint["monitors"]["daily"] = {
            **endpoint["monitors"]["loop"],
            "schedule": "daily",
            "min_records": 500,
        }
        endpoint["retraining"]["monitor"] = "loop"

    assembly = varied(change)
    names = [schedule["Name"] for schedule in assembly.properties("AWS::Scheduler::Schedule")]
    assert names == ["covertype-loop", "covertype-daily"]
    images = [f for f in assembly.properties("AWS::Lambda::Function") if f.get("PackageType") == "Image"]
    assert len(images) == 1, "and a function"
    assert len(assembly.properties("Custom::ModelBaseline")) == 1
    (policy,) = assembly.policies()
    assert "covertype-daily" not in json.dumps(policy["Value"])


def test_python_s_reader_is_chosen_for_a_schedule_and_for_the_job_of_its_baseline():
    def change(document: dict[str, Any]) -> None:
        endpoint = document["endpoints"]["covertype"]
        endpoint["monitors"]["auto"] = dict(endpoint["monitors"]["loop"])
        endpoint["monitors"]["loop"]["reader"] = "python"
        watch_by_both(endpoint)
        endpoint["retraining"]["monitor"] = "loop"

    assembly = varied(change)
    chosen = {
        name: Schedule(assembly, "covertype", name).variables.get("monitor_reader")
        for name in ("loop", "auto", "service")
    }
    assert chosen == {"loop": "python", "auto": None, "service": "python"}
    (step,) = assembly.properties("Custom::ModelBaseline")
    assert '\\"monitor_reader\\":\\"python\\"' in json.dumps(step["ProcessingJob"])


def test_a_baseline_version_follows_what_it_is_computed_from_and_nothing_else():
    endpoint = environment("dev").settings.endpoints["covertype"]
    version = baseline_version(endpoint)

    def changed(**update: Any) -> str:
        monitor = endpoint.monitors["loop"].model_copy(update=update)
        return baseline_version(endpoint.model_copy(update={"monitors": {"loop": monitor}}))

    baseline = endpoint.monitors["loop"].baseline
    assert changed(min_records=99, instance_type="ml.m5.xlarge") == version
    assert changed(baseline=baseline.model_copy(update={"revision": 2})).startswith("v2-")
    assert changed(baseline=baseline.model_copy(update={"dataset": "s3://other/data.csv"})) != version


def test_archives_of_scripts_are_the_same_bytes_every_time():
    assert source_archive(SCRIPTS, {"payload.json": b"{}"}) == source_archive(SCRIPTS, {"payload.json": b"{}"})


def test_an_alarm_can_wait_for_two_bad_windows_of_three_and_says_nothing_of_it_by_default():
    def change(document: dict[str, Any]) -> None:
        document["endpoints"]["covertype"]["monitors"]["loop"]["alarms"] = {"periods": 2, "of_periods": 3}

    def drift(assembly: Assembly) -> dict[str, Any]:
        found = assembly.alarms()
        return next(alarm for alarm in found if alarm["AlarmName"].endswith("-drift"))

    patient, usual = drift(varied(change)), drift(varied(lambda _: None))
    assert (patient["EvaluationPeriods"], patient["DatapointsToAlarm"]) == (3, 2)
    assert usual["EvaluationPeriods"] == 1
    assert "DatapointsToAlarm" not in usual


@pytest.fixture(scope="module")
def told_by_runs() -> Assembly:
    """People get one message a cause, from runs."""

    def change(document: dict[str, Any]) -> None:
        document["alarms"]["messages"] = "runs"
        document["alarms"]["recipients"] = {"pager": {"topic_arn": PAGER, "severities": ["urgent"]}}
        document["storage"]["tables"] = True

    return varied(change)


def finishing(assembly: Assembly) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The variables of a run's last step, and what its role may do."""
    (function,) = [
        each
        for each in assembly.properties("AWS::Lambda::Function", "-ControlPlane")
        if str(each.get("Description", "")).startswith("Last step")
    ]
    ((role, _),) = [function["Role"]["Fn::GetAtt"]]
    policies = assembly.properties("AWS::IAM::Policy", "-ControlPlane")
    (own,) = [policy for policy in policies if policy["Roles"] == [{"Ref": role}]]
    return function["Environment"]["Variables"], own["PolicyDocument"]["Statement"]


def test_runs_that_tell_people_may_publish_to_their_topics_alone(told_by_runs, dev):
    variables, statements = finishing(told_by_runs)
    (publishing,) = [each for each in statements if each["Action"] == "sns:Publish"]
    assert len(publishing["Resource"]) == 2
    assert all(topic in publishing["Resource"] for topic in (variables["MESSAGES_TOPIC_ARN"], PAGER))
    assert json.loads(variables["ROUTES"]) == [{"topic": PAGER, "endpoints": [], "severities": ["urgent"]}]
    (state,) = [each for each in statements if "dynamodb:UpdateItem" in each["Action"]]
    assert sorted(state["Action"]) == ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    variables, statements = finishing(dev)
    assert "MESSAGES_TOPIC_ARN" not in variables
    assert not [each for each in statements if each["Action"] == "sns:Publish"]


def test_alarms_on_what_runs_tell_are_silent_and_all_others_are_not(told_by_runs, dev):
    def of(assembly: Assembly) -> dict[str, bool]:
        found = assembly.alarms("covertype")
        return {each["AlarmName"].split("covertype-loop-")[1]: "AlarmActions" in each for each in found}

    assert all(of(dev).values())
    silent = {name for name, is_heard in of(told_by_runs).items() if not is_heard}
    assert {"drift", "data-quality", "model-quality", "bias-drift", "attribution-drift"} <= silent
    assert {"error", "rehearsal", "labels-missing"} <= of(told_by_runs).keys() - silent
    assert of(told_by_runs).keys() == of(dev).keys(), "alarms start retraining, heard or not"


def test_others_hear_alarms_of_what_is_urgent_and_tables_stand_over_the_reports(told_by_runs):
    found = told_by_runs.alarms()
    heard = {each["AlarmName"].split("covertype-loop-")[1] for each in found if PAGER in each.get("AlarmActions", ())}
    assert "error" in heard
    assert not heard & {"rehearsal", "labels-missing", "drift"}
    tables = told_by_runs.properties("AWS::Glue::Table")
    assert {table["DatabaseName"] for table in tables} == {"model_monitor_varied"}
    assert "/tables/runs/" in json.dumps(tables[0]) + json.dumps(tables[1])
