"""Alarms of one endpoint, synthesized alone: few, worded alike, and with composites one page for one cause."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, aws_sns as sns
from aws_cdk.assertions import Template

from benchmarks.price import ENVIRONMENT, NAME
from model_monitor import contract
from stacks.alerting_stack import AlertingProps, AlertingStack
from stacks.constructs.composite_alarm import UPDATING
from stacks.constructs.endpoint_alarms import EndpointAlarms, EndpointAlarmsProps
from stacks.constructs.scheduled_monitor import ScheduledMonitor
from stacks.settings import environment as settings, published

pytestmark = pytest.mark.xdist_group("synth")
ENV = Environment(account="123456789012", region="eu-west-1")
TOPIC = "arn:aws:sns:eu-west-1:123456789012:pages"
START = f"prices-{NAME}-"


def alarms(
    alarms: dict[str, Any] | None = None, service: dict[str, Any] | None = None, **endpoint: Any
) -> dict[str, dict[str, Any]]:
    """End of the name → alarm, composite ones too. alarms, service: of the environment and of the endpoint."""
    block = {**ENVIRONMENT["endpoints"][NAME], "alarms": service or {}, **endpoint}
    chosen = settings.parse({**ENVIRONMENT, "endpoints": {NAME: block}, "alarms": alarms or {}}, "prices", "test")
    found = chosen.endpoints[NAME]
    monitors = {
        name: ScheduledMonitor(
            endpoint_name=NAME,
            schedule_name=contract.schedule_name(NAME, name),
            namespace=found.metrics.namespace,
            every=monitor.period,
            published=published.names(found, monitor),
        )
        for name, monitor in found.monitors.items()
    }
    app = App(analytics_reporting=False)
    topic = sns.Topic.from_topic_arn(Stack(app, "Host", env=ENV), "Topic", TOPIC)
    props = EndpointAlarmsProps(
        environment="prices", name=NAME, endpoint=found, monitors=monitors, topic=topic, alarms=chosen.alarms
    )
    stack = Stack(app, "Watched", env=ENV)
    EndpointAlarms(stack, "EndpointAlarms", props)
    resources = Template.from_stack(stack).to_json()["Resources"].values()
    return {r["Properties"]["AlarmName"].removeprefix(START): r["Properties"] for r in resources}


RUNS = ("drift", "data-quality", "model-quality", "bias-drift", "attribution-drift")
OTHERS = ("labels-missing", "rejected", "capture-loss", "error")


def test_an_endpoint_has_few_alarms_and_all_of_them_page():
    found = alarms()
    assert found.keys() == {*(f"all-{what}" for what in (*RUNS, *OTHERS)), "errors", "latency"}
    assert {tuple(alarm["AlarmActions"]) for alarm in found.values()} == {(TOPIC,)}


def test_composites_page_once_for_what_runs_find_and_once_for_the_service():
    found = alarms({"composites": True})
    silent = {name for name, alarm in found.items() if not alarm.get("AlarmActions")}
    assert silent == {*(f"all-{what}" for what in RUNS), "errors", "latency", "updating"}
    assert set(found["model"]["AlarmRule"].split(" OR ")) == {f'ALARM("{START}all-{what}")' for what in RUNS}
    assert found["service"]["AlarmRule"] == f'ALARM("{START}errors") OR ALARM("{START}latency")'


def test_pages_about_the_service_wait_while_the_endpoint_is_updated():
    found = alarms({"composites": True})
    assert "Updating" in json.dumps(found["service"]["ActionsSuppressor"])
    assert (found["service"]["ActionsSuppressorWaitPeriod"], found["service"]["ActionsSuppressorExtensionPeriod"]) == (
        300,
        600,
    )
    assert "ActionsSuppressor" not in found["model"]
    assert (found["updating"]["MetricName"], found["updating"]["Namespace"]) == (UPDATING, contract.NAMESPACE_OWN)


def test_where_runs_tell_people_no_composite_tells_the_same():
    found = alarms({"composites": True, "messages": "runs"})
    assert "model" not in found
    assert "service" in found


@pytest.mark.parametrize(
    ("monitor", "over"),
    [
        ({"alarms": {"drift_share": 0.3, "quality": {"recall": 0.5}}}, {"drift-share", "quality-recall"}),
        ({"scheduler": "model_monitor"}, set(RUNS)),
    ],
)
def test_what_no_message_of_a_run_tells_has_its_page(monitor, over):
    block = {**ENVIRONMENT["endpoints"][NAME]["monitors"]["all"], **monitor}
    found = alarms({"composites": True, "messages": "runs"}, monitors={"all": block})
    assert set(found["model"]["AlarmRule"].split(" OR ")) == {f'ALARM("{START}all-{what}")' for what in over}
    unheard = {name for name, alarm in found.items() if not alarm.get("AlarmActions")} - {
        "updating",
        "errors",
        "latency",
    }
    assert unheard == {f"all-{what}" for what in {*over, *RUNS}}


def test_bounds_of_the_service_can_be_taken_away():
    found = alarms(None, service={"error_share": None, "latency_seconds": 2})
    assert "errors" not in found
    assert found["latency"]["Threshold"] == 2_000_000


def test_batch_transform_jobs_have_no_alarms_of_an_endpoint():
    places = {"inputs": "s3://jobs-123456789012/in", "outputs": "s3://jobs-123456789012/out"}
    block = {
        "model": None,
        "ground_truth": None,
        "capture": {"destination": "s3://jobs-123456789012/captured", "transform": places},
    }
    baseline = ENVIRONMENT["endpoints"][NAME]["monitors"]["all"]["baseline"]
    found = alarms(None, **block, monitors={"all": {"types": ["data_quality"], "baseline": baseline}})
    assert found.keys() == {f"all-{what}" for what in ("drift", "data-quality", "rejected", "error")}


def test_without_the_kits_scheduler_capture_is_compared_by_metric_math_over_a_day():
    block = {**ENVIRONMENT["endpoints"][NAME]["monitors"]["all"], "scheduler": "model_monitor"}
    found = alarms(None, monitors={"all": block}, capture={"sampling_percentage": 50})["all-capture-loss"]
    named = {q["MetricStat"]["Metric"]["MetricName"] for q in found["Metrics"] if "MetricStat" in q}
    assert named == {"captured", "Invocations", "DiskUtilization"}
    assert {q["MetricStat"]["Period"] for q in found["Metrics"] if "MetricStat" in q} == {86400}
    (expression,) = [q["Expression"] for q in found["Metrics"] if "Expression" in q]
    assert "* 0.5" in expression
    assert "> 75" in expression


def test_updates_of_endpoints_are_told_where_composites_wait_for_them():
    def rules(**given: Any) -> list[dict[str, Any]]:
        chosen = settings.parse({**ENVIRONMENT, "alarms": given}, "prices", "test").alarms
        stack = AlertingStack(
            App(analytics_reporting=False), "Alerting", AlertingProps(alarms=chosen, endpoints=[NAME]), env=ENV
        )
        found = Template.from_stack(stack).to_json()["Resources"].values()
        return [r["Properties"]["EventPattern"] for r in found if r["Type"] == "AWS::Events::Rule"]

    assert rules() == []
    (pattern,) = rules(composites=True)
    assert pattern["detail"]["EndpointName"] == [NAME]
    assert {"UPDATING", "ROLLING_BACK", "IN_SERVICE"} <= set(pattern["detail"]["EndpointStatus"])
