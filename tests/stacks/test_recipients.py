"""Who else is told: topics by endpoint and by how urgent it is, events for other teams' buses, and that it is over."""

from __future__ import annotations

import importlib.util
import json
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
import yaml
from aws_cdk import (
    App,
    Environment,
    Stack,
    aws_cloudwatch as cloudwatch,
    aws_cloudwatch_actions as actions,
    aws_sns as sns,
)
from aws_cdk.assertions import Template

from model_monitor import contract
from stacks.constructs import routes
from stacks.constructs.scheduled_monitor import ScheduledMonitor
from stacks.recipients_stack import RecipientsStack
from stacks.settings import environment as settings
from stacks.settings.environment import Recipients
from tests.conftest import ROOT
from tests.stacks.settings.test_settings import SMALL

pytestmark = pytest.mark.xdist_group("synth")
ENV = Environment(account="123456789012", region="eu-west-1")
EVERYBODY = "arn:aws:sns:eu-west-1:123456789012:everybody"
URGENT, SHOP = "arn:aws:sns:eu-west-1:123456789012:urgent", "arn:aws:sns:eu-west-1:123456789012:shop"
BUS = "arn:aws:events:eu-west-1:210987654321:event-bus/team"


def told(has_recovery: bool = False) -> dict[str, dict[str, Any]]:
    """Alarms of the endpoint `shop`: how their names end → what they do."""
    app = App()
    named = {
        "pager": Recipients(topic_arn=URGENT, severities=("urgent",)),
        "shop": Recipients(topic_arn=SHOP, endpoints=("shop",)),
        "others": Recipients(topic_arn=f"{SHOP}-2", endpoints=("churn",)),
    }
    stack = Stack(app, "Alarms", env=ENV)
    everybody = sns.Topic.from_topic_arn(stack, "Everybody", EVERYBODY)
    monitor = ScheduledMonitor("shop", "shop-data", "ModelMonitor", timedelta(hours=1))
    for what in ("error", "drift", "data-type", "silent"):
        metric = monitor.metric("m")
        name = contract.alarm_name("dev", monitor.schedule_name, what)
        alarm = cloudwatch.Alarm(stack, what, alarm_name=name, metric=metric, threshold=1, evaluation_periods=1)
        if what != "silent":
            alarm.add_alarm_action(actions.SnsAction(everybody))
    found = RecipientsStack(app, "Recipients", "dev", named, ["shop", "churn"], env=ENV).routes
    routes.tell_more(stack, "shop", ["dev-shop-data-"], found, everybody if has_recovery else None)
    alarms = Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm").values()
    return {each["Properties"]["AlarmName"].removeprefix("dev-shop-data-"): each["Properties"] for each in alarms}


def test_alarms_tell_whom_they_concern() -> None:
    found = {what: alarm.get("AlarmActions") for what, alarm in told().items()}
    assert found == {
        "error": [EVERYBODY, URGENT, SHOP],
        "drift": [EVERYBODY, SHOP],
        "data-type": [EVERYBODY, URGENT, SHOP],
        "silent": None,
    }


def test_their_end_is_told_where_it_is_wanted_to_the_same_people() -> None:
    assert [alarm.get("OKActions") for alarm in told().values()] == [None] * 4
    for alarm in told(has_recovery=True).values():
        assert alarm.get("OKActions") == alarm.get("AlarmActions")


def test_people_get_a_topic_that_cloudwatch_may_use_and_buses_get_events() -> None:
    named = {
        "owners": Recipients(email=("ann@example.com",), endpoints=("shop",)),
        "team": Recipients(event_bus_arn=BUS, endpoints=("shop",)),
    }
    stack = RecipientsStack(App(), "Recipients", "dev", named, ["shop", "churn"], env=ENV)
    template = Template.from_stack(stack)
    template.has_resource_properties("AWS::SNS::Subscription", {"Protocol": "email", "Endpoint": "ann@example.com"})
    template.resource_count_is("AWS::KMS::Key", 1)
    rules = [rule["Properties"] for rule in template.find_resources("AWS::Events::Rule").values()]
    assert [rule["Targets"][0]["Arn"] for rule in rules] == [BUS, BUS]
    patterns = [rule["EventPattern"] for rule in rules]
    assert {"source": ["model-monitor"], "detail": {"endpoint": ["shop"]}} in patterns
    assert {"alarmName": [{"prefix": "dev-shop-"}]} in [pattern["detail"] for pattern in patterns]
    (route,) = stack.routes
    (listed,) = json.loads(routes.as_variable([route])["ROUTES"])
    assert (listed["endpoints"], listed["severities"]) == (["shop"], ["urgent", "notice"])
    assert routes.as_variable([]) == {}


def in_functions() -> ModuleType:
    spec = importlib.util.spec_from_file_location("recipients", ROOT / "lambda" / "shared" / "recipients.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_alarm_and_a_message_of_the_same_check_are_equally_urgent() -> None:
    module = in_functions()
    names = {  # how the alarm on it is called
        contract.CheckType.BASELINE_DRIFT: "drift",
        contract.CHECK_PREDICTION_DRIFT: "prediction-drift",
        contract.CHECK_BIAS_DRIFT: "bias-drift",
        contract.CHECK_ATTRIBUTION_DRIFT: "attribution-drift",
        contract.CHECK_CUSTOM_METRIC: "custom-metrics",
        contract.CheckType.DATA_TYPE: "data-type",
        contract.CHECK_LESS: "model-quality",
    }
    for check, what in names.items():
        assert module.severity((f"monitor: {check}",)) == routes.severity(what), check
    assert set(module.NOTICES) < {str(check) for checks in contract.CHECK_TYPES.values() for check in checks}
    assert module.severity(("data_quality: baseline_drift_check", "error")) == "urgent"


def parsed(recipients: dict[str, Any]) -> settings.Settings:
    document = yaml.safe_load(SMALL) | {"alarms": {"recipients": recipients}}
    return settings.parse(document, "small", "small.yaml")


@pytest.mark.parametrize(
    ("recipients", "fault"),
    [
        ({"a": {}}, "alarms.recipients.a.email: is nobody; give addresses, topic_arn or event_bus_arn"),
        ({"a": {"email": ["a@b.c"], "topic_arn": SHOP}}, "subscribe people to the topic you brought"),
        ({"a": {"topic_arn": SHOP, "endpoints": ["shops"]}}, "alarms.recipients.a.endpoints: names shops, which is no"),
        ({"a": {"topic_arn": f"{SHOP}.fifo"}}, "alarms.recipients.a.topic_arn: should be a standard topic"),
        ({f"a{n}": {"topic_arn": SHOP} for n in range(5)}, "alarms.recipients"),
    ],
)
def test_recipients_that_cannot_be_told_are_refused(recipients: dict[str, Any], fault: str) -> None:
    with pytest.raises(settings.SettingsFaults) as faults:
        parsed(recipients)
    assert fault in str(faults.value)
