"""Whatever can be encrypted with a key of the customer is, in every sample; where none is brought, data is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.synthesis import SAMPLES, Assembly, environment

pytestmark = pytest.mark.xdist_group("synth")

Key = Callable[[Mapping[str, Any]], Any]
DATA: dict[str, Key] = {  # type → its key, among its properties
    "AWS::S3::Bucket": lambda p: p["BucketEncryption"]["ServerSideEncryptionConfiguration"][0][
        "ServerSideEncryptionByDefault"
    ].get("KMSMasterKeyID"),
    "AWS::DynamoDB::Table": lambda p: p["SSESpecification"]["KMSMasterKeyId"],
    "AWS::SNS::Topic": lambda p: p["KmsMasterKeyId"],
    "AWS::SageMaker::EndpointConfig": lambda p: p["KmsKeyId"] and p["DataCaptureConfig"]["KmsKeyId"],
}
WHERE_BROUGHT: dict[str, Key] = {
    "AWS::Logs::LogGroup": lambda p: p["KmsKeyId"],
    "AWS::SQS::Queue": lambda p: p["KmsMasterKeyId"],
    "AWS::StepFunctions::StateMachine": lambda p: p["EncryptionConfiguration"]["KmsKeyId"],
}
LOGS_OF_BUCKETS = "AccessLogs"  # the log service can use no key of ours
WITHOUT_KEY = {  # how other types begin, and why they have none
    "AWS::ApiGateway::": "keeps nothing: no cache",
    "AWS::CDK::": "of the CDK",
    "AWS::CloudWatch::": "numbers and names; takes none",
    "AWS::Cognito::": "its own directory; a key of the customer is for custom senders alone",
    "AWS::EC2::": "no data",
    "AWS::Events::": "rules: patterns, names",
    "AWS::Glue::": "names of columns; the rows lie in a bucket",
    "AWS::IAM::": "no data",
    "AWS::KMS::": "keys themselves",
    "AWS::Lambda::": "variables name places and settings, no data and no secret; code is public",
    "AWS::S3::BucketPolicy": "no data",
    "AWS::SNS::": "subscriptions and policies",
    "AWS::SQS::QueuePolicy": "no data",
    "AWS::SSM::": "texts, which take no key: what is live, settings of schedules",
    "AWS::SageMaker::": "models and endpoints take that of their configuration, jobs that of their requests",
    "AWS::Scheduler::": "the input names a schedule",
    "Custom::": "ours: what they make is listed by its own type",
}


def resources(assembly: Assembly) -> Iterator[tuple[str, dict[str, Any]]]:
    for template in assembly.templates.values():
        yield from template.get("Resources", {}).items()


@pytest.mark.parametrize("name", SAMPLES)
def test_whatever_can_have_the_key_has_it(name):
    assembly = environment(name)
    brought = assembly.settings.security.kms_key_arn
    wanted = {**DATA, **(WHERE_BROUGHT if brought else {})}
    seen = set()
    for logical_id, resource in resources(assembly):
        type_ = resource["Type"]
        if type_ not in wanted or logical_id.startswith(LOGS_OF_BUCKETS):
            continue
        key = wanted[type_](resource["Properties"])
        assert key, f"{logical_id} has no key"
        if brought and type_ != "AWS::SNS::Topic":  # CloudWatch may use the topic's own key, never that of the data
            assert key == brought, logical_id
        seen.add(type_)
    assert seen >= wanted.keys() - {"AWS::SageMaker::EndpointConfig"}


@pytest.mark.parametrize("name", SAMPLES)
def test_every_type_of_the_samples_is_known_here(name):
    types = {resource["Type"] for _, resource in resources(environment(name))} - {*DATA, *WHERE_BROUGHT}
    assert [type_ for type_ in types if not type_.startswith(tuple(WITHOUT_KEY))] == []


def key_calls(assembly: Assembly, service: str) -> Iterator[tuple[bool, bool]]:
    """Of every policy: whether it allows calls of a service, and the key for that."""
    for policy in assembly.properties("AWS::IAM::Policy"):
        statements = policy["PolicyDocument"]["Statement"]
        calls = [json.dumps(each["Action"]) for each in statements]
        through = [json.dumps(each.get("Condition", "")) for each in statements if "kms:Decrypt" in each["Action"]]
        yield any(f'"{service}:' in call for call in calls), any(f"{service}." in text for text in through)


def test_who_uses_queues_and_state_machines_may_use_the_key_for_them(prod):
    of_queues = list(key_calls(prod, "sqs"))
    assert (True, True) in of_queues
    assert all(uses == may for uses, may in of_queues)
    for policy in prod.properties("AWS::IAM::Policy"):
        text = json.dumps(policy["PolicyDocument"])
        assert ('"states:' in text or "logs:CreateLogDelivery" in text) == ("aws:states:stateMachineArn" in text)
