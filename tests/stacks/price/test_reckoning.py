"""Items of the estimate, one formula at a time, without a synthesis: what is counted, and what a budget says."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.price import ENVIRONMENT, NAME
from stacks.price import estimate, reckoning
from stacks.price.lists import prices
from stacks.price.reckoning import Item
from stacks.settings import environment as settings
from stacks.settings.environment import Settings


def typical(endpoint: dict[str, Any] | None = None, monitor: dict[str, Any] | None = None, **document: Any) -> Settings:
    """The typical environment with changes of its endpoint, its one monitor, and itself."""
    block = ENVIRONMENT["endpoints"][NAME]
    changed = {**block, **(endpoint or {}), "monitors": {"all": {**block["monitors"]["all"], **(monitor or {})}}}
    return settings.parse({**ENVIRONMENT, "endpoints": {NAME: changed}, **document}, "prices", "test")


def alarm(metrics: int = 0) -> dict[str, Any]:
    queries = [{"MetricStat": {}} for _ in range(metrics)]
    more = {"Metrics": [*queries, {"Expression": "x"}]} if metrics else {"MetricName": "one"}
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": more}


def items(chosen: Settings, *resources: dict[str, Any], stack: str = f"prices-{NAME}-Alarms") -> list[Item]:
    return reckoning.items(chosen, {stack: {"Resources": {str(n): each for n, each in enumerate(resources)}}})


def of(found: list[Item], kind: str) -> list[Item]:
    return [item for item in found if item.kind == kind]


def test_an_alarm_is_charged_by_the_metrics_it_reads_and_a_composite_as_five():
    composite = {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {}}
    found = of(items(typical(), alarm(), alarm(metrics=3), composite), "alarms")
    own = [item for item in found if item.of == NAME]
    assert [(item.amount, item.each) for item in own] == [(4, 0.1), (1, 0.5)]


def test_alarms_of_stacks_that_belong_to_no_endpoint_are_shared():
    found = of(items(typical(), alarm(), stack="prices-ControlPlane"), "alarms")
    assert {item.of: item.amount for item in found} == {"": 1, NAME: 0}


@pytest.mark.parametrize(
    ("monitor", "what"),
    [
        ({}, "all: in Lambda"),
        ({"runner": "processing"}, "all: jobs on ml.m5.large"),
        ({"function_max_megabytes": 100}, "all: jobs on ml.m5.large"),
        ({"scheduler": "model_monitor"}, "all: jobs on ml.m5.large"),
    ],
)
def test_runs_are_priced_by_the_runner_that_their_windows_get(monitor, what):
    assert of(items(typical(monitor=monitor)), "runs")[0].what == what


def test_a_daily_schedule_pays_a_twenty_fourth_of_a_series():
    hourly, daily = (
        sum(i.amount for i in of(items(typical(monitor=m)), "metrics") if i.of) for m in ({}, {"schedule": "daily"})
    )
    assert (hourly, daily) == (1, pytest.approx(1 / 24))


def test_the_full_level_and_named_features_are_counted():
    full = typical(endpoint={"metrics": {"level": "full"}})
    named = typical(endpoint={"metrics": {"critical": ["feature_1"]}})
    counts = [reckoning.series(c.endpoints[NAME], c.endpoints[NAME].monitors["all"]) for c in (typical(), named, full)]
    assert counts[0] == 1
    assert counts[1] == 1 + 4
    assert counts[2] > 50


def test_reports_kept_for_a_season_lie_where_a_gigabyte_costs_less():
    short, long = (of(items(typical(storage={"report_days": days})), "storage")[0].each for days in (60, 400))
    assert (short, long) == (prices()["s3"]["gb_month"], prices()["s3"]["gb_month_cold"])


def test_interface_endpoints_are_priced_where_the_vpc_has_none():
    network = {"subnets": ["subnet-0a", "subnet-0b"], "security_groups": ["sg-0a"]}
    assert of(items(typical(network=network)), "VPC endpoints") == []
    (item,) = of(items(typical(network={**network, "has_endpoints": False})), "VPC endpoints")
    assert item.dollars == pytest.approx(len(reckoning.SERVICES) * 2 * 730 * 0.01)


def test_an_instance_without_a_price_is_named_and_not_guessed():
    model = {**ENVIRONMENT["endpoints"][NAME]["model"], "instance_type": "ml.m7i.large"}
    found = items(typical(endpoint={"model": model}))
    assert of(found, "endpoint")[0].dollars == 0
    assert "without a price: AllTraffic: ml.m7i.large" in estimate.text(typical(endpoint={"model": model}), found)


def test_a_budget_that_holds_says_nothing_and_one_that_does_not_names_the_largest_items():
    assert list(estimate.faults(typical(budget={"dollars": 1000}), items(typical()))) == []
    tight = typical(budget={"dollars": 20, "monitoring_dollars": 1})
    whole, monitoring = estimate.faults(tight, items(tight))
    assert whole.startswith("budget.dollars: the estimate is ")
    assert f"{NAME}, endpoint, AllTraffic: ml.m5.large 83.95" in whole
    assert "ml.m5.large" not in monitoring
    assert f"{NAME}, runs, all: in Lambda" in monitoring


def test_a_budget_of_series_names_who_publishes_most():
    chosen = typical(endpoint={"metrics": {"level": "full"}}, budget={"dollars": 1000, "metrics": 10})
    (fault,) = estimate.faults(chosen, items(chosen))
    assert f"the most: {NAME}-all" in fault


def test_the_estimate_has_a_line_an_endpoint_and_its_sums_agree():
    found = items(typical(), alarm())
    lines = estimate.text(typical(), found).splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["prices:", NAME, estimate.SHARED, "sum"]
    assert lines[3].split()[-1] == f"{reckoning.total(found):,.2f}"
