"""Settings of what is locked down: keys everywhere, a VPC without a way out, reports that nobody changes."""

from __future__ import annotations

import pytest

from stacks.settings import command
from tests.stacks.settings.test_settings import AT, MONITOR, RETRAINING, SHOP, faults_of
from tests.synthesis import ROOT

INSIDE = {
    "vpc_id": "vpc-0a",
    "subnets": ["subnet-0a"],
    "security_groups": ["sg-0a"],
    "functions": True,
    "endpoints": "created",
    "route_tables": ["rtb-0a"],
}
DISKS = "ml.m5d.large"
NEEDS_KEY = "should be an instance type whose volumes take the environment's key, found ml.m5d.large"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({f"{SHOP}model__instance_type": DISKS}, f"{AT}model.instance_type: {NEEDS_KEY}"),
        (
            {f"{SHOP}model__variants": {"Blue": {"instance_type": DISKS}}},
            f"{AT}model.variants.Blue.instance_type: {NEEDS_KEY}",
        ),
        ({f"{MONITOR}instance_type": DISKS}, f"{AT}monitors.data-quality.instance_type: {NEEDS_KEY}"),
        (
            {f"{SHOP}retraining": {**RETRAINING, "transform_instance_type": DISKS}},
            f"{AT}retraining.transform_instance_type: {NEEDS_KEY}",
        ),
        (
            {"network": {**INSIDE, "route_tables": []}},
            "network.route_tables: is missing; endpoints that are created need",
        ),
        ({"network": {**INSIDE, "vpc_id": None}}, "network.vpc_id: is missing; endpoints that are created need"),
        (
            {"network": {"endpoints": "created"}},
            "network.subnets: is missing; endpoints that are created need the VPC, its subnets and their route tables",
        ),
        (
            {"network": {**INSIDE, "endpoints": "shared"}},
            "network.route_tables: are of endpoints that are created; set endpoints: created, or leave them out",
        ),
        (
            {"storage": {"write_once": {"years": 7}}},
            "storage.report_days: hides reports after 400 days, and write_once keeps them for 7 years; raise it to at least 2562",
        ),
        (
            {"storage": {"write_once": {"years": 1}, "keep_data": False}},
            "storage.keep_data: should be true with write_once",
        ),
        (
            {"storage": {"write_once": {"years": 1}, "buckets": {"reports": "ours"}}},
            "storage.buckets.reports: is yours, so lock it yourself",
        ),
        ({"storage": {"write_once": {"years": 0}}}, "storage.write_once.years: "),
    ],
)
def test_what_would_leave_a_gap_is_refused(changes, expected):
    faults = faults_of(**changes)
    assert len([fault for fault in faults if fault.startswith(expected)]) == 1, faults


def test_endpoints_are_not_made_where_services_have_other_names():
    faults = faults_of(region="cn-north-1", network=INSIDE)
    assert [fault for fault in faults if fault.startswith("network.endpoints: services have other names in China")]


def test_people_who_are_reached_over_the_internet_alone_are_refused_without_a_way_out():
    webhook = {
        "features": ["age"],
        "webhook": {"url": "https://labels.example.com/x", "secret_parameter": "/labels/secret"},
    }
    faults = faults_of(network=INSIDE, **{f"{SHOP}review": webhook, f"{SHOP}ground_truth": {}})
    assert [fault for fault in faults if fault.startswith(f"{AT}review.webhook: has no VPC endpoint")]


def test_what_leaves_no_gap_has_no_fault():
    assert not faults_of(network=INSIDE, storage={"write_once": {"years": 1, "mode": "compliance"}})
    assert not faults_of(
        security={"instance_disks": "allowed"},
        **{f"{SHOP}model__instance_type": DISKS, f"{MONITOR}instance_type": DISKS},
    )


def test_the_command_names_the_endpoints_that_a_vpc_needs(capsys):
    assert command.main(["--services", str(ROOT / "environments" / "dev.yaml")]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].endswith("valid, 2 endpoints in 123456789012/eu-west-1")
    assert {"  com.amazonaws.eu-west-1.s3", "  com.amazonaws.eu-west-1.monitoring"} <= set(told)
