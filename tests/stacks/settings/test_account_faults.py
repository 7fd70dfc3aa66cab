"""Settings that are well formed, and that the environment's account or Region would refuse."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import cfnlint
import pytest

from stacks.settings.account import LACKING, SCHEDULES
from tests.stacks.settings.test_settings import AT, MONITOR, RETRAINING, SHOP, faults_of
from tests.synthesis import ROOT

ELSEWHERE = "arn:aws:{}:us-east-1:123456789012:{}"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/xgboost:3"
OURS = IMAGE.replace("us-east-1", "eu-west-1")
FOREIGN_ROLE = "arn:aws:iam::210987654321:role/runs"
WIDE = {f"parameter_{number}": "x" * 60 for number in range(100)}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"security": {"kms_key_arn": ELSEWHERE.format("kms", "key/k")}},
            "security.kms_key_arn: should be of Region eu-west-1, found us-east-1",
        ),
        (
            {"security": {"read_key_arns": [ELSEWHERE.format("kms", "key/k")]}},
            "security.read_key_arns[0]: should be of Region eu-west-1, found us-east-1",
        ),
        (
            {"security": {"permissions_boundary": "arn:aws:iam::210987654321:policy/b"}},
            "security.permissions_boundary: should be of account 123456789012, found 210987654321",
        ),
        (
            {"alarms": {"topic_arn": ELSEWHERE.format("sns", "t")}},
            "alarms.topic_arn: should be of Region eu-west-1, found us-east-1",
        ),
        (
            {"alarms": {"topic_arn": "arn:aws:sns:eu-west-1:123456789012:t.fifo"}},
            "alarms.topic_arn: should be a standard topic, found a FIFO topic",
        ),
        (
            {"region": "us-gov-west-1", "security": {"permissions_boundary": "arn:aws:iam::123456789012:policy/b"}},
            "security.permissions_boundary: should begin with arn:aws-us-gov in Region us-gov-west-1, found arn:aws;",
        ),
        ({"network": {"functions": True}}, "network.functions: should be false without subnets"),
        (
            {"run_functions": {"architecture": "arm64", "image": IMAGE}},
            "run_functions.image: should be an image in Region eu-west-1, found us-east-1",
        ),
        (
            {"run_functions": {"image": OURS}},
            "run_functions.image: belongs to architecture arm64; functions of x86_64 run monitor_image",
        ),
        (
            {"run_functions": {"architecture": "arm64", "image": OURS}},
            "monitor_image: is missing; of arm64 and of x86_64 both images are given",
        ),
        (
            {"run_functions": {"architecture": "arm64"}, "monitor_image": OURS},
            "run_functions.image: is missing; of arm64 and of x86_64 both images are given",
        ),
        ({"monitor_image": IMAGE}, "monitor_image: should be an image in Region eu-west-1, found us-east-1"),
        ({f"{SHOP}model__image": IMAGE}, f"{AT}model.image: should be an image in Region eu-west-1"),
        (
            {f"{SHOP}model__variants": {"Blue": {"image": IMAGE}}},
            f"{AT}model.variants.Blue.image: should be an image in Region eu-west-1",
        ),
        ({f"{SHOP}retraining": {**RETRAINING, "image": IMAGE}}, f"{AT}retraining.image: should be an image in Region"),
        (
            {f"{SHOP}model__image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com.cn/xgboost:3"},
            f"{AT}model.image: should end its host in amazonaws.com in Region eu-west-1",
        ),
        (
            {f"{MONITOR}role_arn": FOREIGN_ROLE},
            f"{AT}monitors.data-quality.role_arn: should be of account 123456789012",
        ),
        ({f"{SHOP}model__role_arn": FOREIGN_ROLE}, f"{AT}model.role_arn: should be of account 123456789012"),
        (
            {f"{SHOP}retraining": {**RETRAINING, "role_arn": FOREIGN_ROLE}},
            f"{AT}retraining.role_arn: should be of account 123456789012, found 210987654321",
        ),
        ({"tags": {"team": "a&b"}}, "tags.team: the value should be letters, digits, spaces and _.:/=+-@ alone"),
        ({"tags": {"a*b": "x"}}, "tags.a*b: the key should be letters, digits"),
        ({"tags": {"aws:x": "x"}}, "tags.aws:x: should not begin with aws:"),
        (
            {"tags": {f"t{n}": "x" for n in range(49)}},
            "tags: at most 48 are allowed beside Endpoint and Environment, found 49",
        ),
        (
            {f"{SHOP}retraining": {**RETRAINING, "hyperparameters": WIDE}},
            f"{AT}retraining: makes a policy of about",
        ),
        (
            {f"{SHOP}payload": {"features": ["Größe"]}, f"{SHOP}metrics": {"critical": ["Größe"]}},
            f"{AT}metrics.critical: 'Größe' is no name of a metric",
        ),
        (
            {f"{SHOP}payload": {"features": ["Größe"]}, f"{SHOP}metrics": {"per_feature": "all"}},
            f"{AT}payload.features: 'Größe' is no name of a metric",
        ),
        (
            {
                f"{SHOP}payload": {"features": ["a/b", "a-b"]},
                f"{SHOP}metrics": {"critical": ["a/b", "a-b"]},
                f"{MONITOR}alarms": {"drift_features": {"a/b": 0.2, "a-b": 0.2}},
            },
            f"{AT}monitors.data-quality.alarms.drift_features: 'a-b' and 'a/b' are one name in a template",
        ),
        (
            {f"{SHOP}monitors": {name: {"baseline": {"dataset": "s3://models/a"}} for name in ("a1-b", "a1b")}},
            f"{AT}monitors.a1b: is A1B in a template, and so is a1-b",
        ),
    ],
)
def test_what_does_not_fit_the_account_is_told_once_with_what_to_do(changes, expected):
    faults = faults_of(**changes)
    found = [fault for fault in faults if fault.startswith(expected)]
    assert len(found) == 1, faults
    assert "; " in found[0] or " in Region" in found[0]


@pytest.mark.parametrize(
    ("region", "changes", "expected"),
    [
        (
            "il-central-1",
            {f"{MONITOR}scheduler": "model_monitor"},
            "monitors.data-quality.scheduler: Region il-central-1",
        ),
        (
            "me-central-1",
            {},
            "model: Region me-central-1 has no AWS::SageMaker::Endpoint in CloudFormation; leave model out",
        ),
        ("us-gov-east-1", {}, "model: Region us-gov-east-1 has no AWS::SageMaker::Endpoint"),
        ("cn-north-1", {f"{SHOP}review": {"features": []}}, "review: Region cn-north-1 has no AWS::Cognito::UserPool"),
    ],
)
def test_a_region_without_a_resource_is_told_once_by_that_resource(region, changes, expected):
    changes |= {f"{SHOP}ground_truth": {}} if "review" in expected else {}
    found = [fault for fault in faults_of(region=region, **changes) if " has no AWS::" in fault]
    assert [fault.startswith(f"{AT}{expected}") for fault in found] == [True], found


def test_every_region_lacks_what_cloudformation_says_of_it():
    """Of the types that the kit deploys: the samples' and the review's snapshots, and Model Monitor's."""
    kept = [path.read_text() for path in (ROOT / "tests/stacks/__snapshots__").rglob("*.json")]
    deployed = {type_ for text in kept for type_ in re.findall(r'"Type": "(AWS::[A-Za-z0-9:]+)"', text)} | {SCHEDULES}
    assert len(deployed) > 30
    folder = Path(cfnlint.__file__).parent / "data/schemas/providers"
    schemas = {path.stem: set(json.loads(path.read_text())) for path in folder.glob("*-*.json")}
    everything = schemas["us-east-1"]
    known = {region: types for region, types in schemas.items() if region == "us-east-1" or types != everything}
    assert len(known) > 30
    for region, types in known.items():
        assert deployed - types == set(LACKING.get(region, ())), region
    assert set(LACKING) <= set(known)


def test_endpoints_that_differ_in_case_alone_are_one_to_sagemaker():
    monitors = {"data-quality": {"baseline": {"dataset": "s3://models/a"}}}
    other: dict[str, Any] = {"capture": {"destination": "s3://elsewhere/x"}, "monitors": monitors}
    assert [
        f for f in faults_of(endpoints__Shop=other) if f.startswith("endpoints.Shop: differs from shop in case alone")
    ]


def test_what_fits_has_no_fault():
    shop = {**RETRAINING, "hyperparameters": dict.fromkeys(list(WIDE)[:30], "1")}
    assert not faults_of(
        tags={"team": "Überwachung: a/b = 1+1 @x"},
        monitor_image="210987654321.dkr.ecr.eu-west-1.amazonaws.com/monitor:1",
        alarms={"topic_arn": "arn:aws:sns:eu-west-1:210987654321:central"},
        **{f"{SHOP}retraining": shop, f"{SHOP}payload": {"features": ["Größe"]}},
    )
