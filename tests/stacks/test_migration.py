"""What was adopted, synthesized under both schedulers: the same baseline, the same alarms, the same places of its history."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from model_monitor.contract import MonitoringType
from model_monitor.migration import text
from model_monitor.migration.environment import environment
from stacks.settings.environment import Settings, parse
from tests.monitor_image.migration.accounts import PaperAccount, drift_alarm
from tests.synthesis import Assembly, synthesize

pytestmark = pytest.mark.xdist_group("synth")


def adopted(scheduler: str) -> Settings:
    """The environment file of an account with a schedule of data quality, one of model quality, and an alarm on drift."""
    account = PaperAccount()
    account.add("churn-data-quality", MonitoringType.DATA_QUALITY)
    account.add("churn-quality", MonitoringType.MODEL_QUALITY, "cron(0 0 ? * * *)", ProblemType="BinaryClassification")
    account.rung = [drift_alarm("churn-data-quality", "age", 0.2)]
    found = environment(account, account.read, scheduler)
    return parse(yaml.safe_load(text.written(found.content, found.notes, ())), "adopted", "adopted.yaml")


@pytest.fixture(scope="module")
def both() -> tuple[Assembly, Assembly]:
    """Under the kit's own scheduler, and under Model Monitor."""
    return synthesize(adopted("managed")), synthesize(adopted("model_monitor"))


def alarms(assembly: Assembly) -> dict[str, Any]:
    """By name: what is watched, and from which value it rings."""
    watched = ("Threshold", "Namespace", "MetricName", "Dimensions", "Metrics", "ComparisonOperator")
    return {alarm["AlarmName"]: {key: alarm.get(key) for key in watched} for alarm in assembly.alarms()}


def kept(assembly: Assembly) -> dict[str, Any]:
    """What holds data, by logical id: another one would be an empty one."""
    resources = assembly.templates["adopted-Storage"]["Resources"]
    holders = ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable")
    return {name: resource for name, resource in resources.items() if resource["Type"] in holders}


def test_alarms_are_the_same_under_either_scheduler_but_for_silence(both: tuple[Assembly, Assembly]) -> None:
    managed, model_monitor = map(alarms, both)
    others = {"adopted-churn-data-quality-stale", "adopted-churn-quality-stale"}  # a sweep watches the managed ones
    assert managed.keys() ^ model_monitor.keys() == others & model_monitor.keys() == others
    same = {
        name for name in managed if not name.endswith("-capture-loss")
    }  # the sweep's word, or the calls that CloudWatch counts
    assert len(same) == len(managed) - 2
    assert {name: managed[name] for name in same} == {name: model_monitor[name] for name in same}


def test_the_alarm_that_there_was_has_a_counterpart_on_the_same_metric(both: tuple[Assembly, Assembly]) -> None:
    for assembly in both:
        alarm = alarms(assembly)["adopted-churn-data-quality-drift-age"]
        assert (alarm["Threshold"], alarm["MetricName"]) == (0.2, "feature_baseline_drift_age")
        assert alarm["Namespace"] == "aws/sagemaker/Endpoints/data-metrics"
        dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
        assert dimensions == {"Endpoint": "churn", "MonitoringSchedule": "churn-data-quality"}


def test_what_holds_reports_and_history_is_the_same_under_either_scheduler(both: tuple[Assembly, Assembly]) -> None:
    managed, model_monitor = map(kept, both)
    assert len([each for each in managed.values() if each["Type"] == "AWS::S3::Bucket"]) > 1
    assert managed == {name: model_monitor[name] for name in managed}


def test_runs_of_either_scheduler_read_awss_own_baseline_and_write_below_one_place(
    both: tuple[Assembly, Assembly],
) -> None:
    for assembly in both:
        template = json.dumps(assembly.templates["adopted-churn-Monitoring"])
        assert "s3://baselines/DataQuality/constraints.json" in template
        assert "s3://baselines/DataQuality/statistics.json" in template
        assert "/reports" in template
