"""One role a job, with only what its code calls: what templates grant against what deployed environments called in the twin."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

import pytest

from stacks.rules.templates import ROLE_POLICIES, as_list, resources, services as trusted, statements
from stacks.settings import services
from tests.synthesis import SAMPLES, environment
from tests.twin import called

pytestmark = pytest.mark.xdist_group("synth")

LEFT_ENDPOINTS = "of an endpoint that a killed run left: tests/twin/test_attribution.py, by a role of another name"
SHADOWS = "a baseline whose predictor is a model makes an endpoint as runs do: tests/twin/test_attribution.py"
MISSING = "without it S3 says of a missing object that it is forbidden"
STOPPED = "Step Functions stops what it waits for when the execution is stopped"
SET_ASIDE = "sqs:SendMessage"
NEVER_CALLED = {  # `role action`, patterns are allowed → why it is granted though no program called it in the twin
    "* logs:*": "logs are delivered in the name of the role",
    "* xray:*": "traces are",
    "* kms:*": "a key is used by the service that holds the data, in the name of its caller",
    "* ecr:*": "images are pulled by SageMaker and Lambda",
    "* ec2:*": "interfaces in subnets are made by SageMaker and Lambda",
    "* sagemaker:AddTags": "a right that goes with another call, where there are tags",
    "* s3:GetBucketLocation": "SageMaker asks, as AWS's own policies for it have it",
    f"* {SET_ASIDE}": "Lambda and EventBridge Scheduler put aside what nobody could handle",
    "*MachineRole events:*": "Step Functions makes the rule by which it waits for jobs",
    "*MachineRole sagemaker:ListTags": "as AWS's page on waiting for SageMaker's jobs has it",
    "*MachineRole sagemaker:Stop*": STOPPED,
    "BaselineRole cloudwatch:PutMetricData": "processor, memory and disk of instances",
    "RunsRole cloudwatch:PutMetricData": "processor, memory and disk of instances",
    "EndpointRole cloudwatch:PutMetricData": "processor, memory and disk of instances",
    "EndpointRetrainingTriggerTrainingRole cloudwatch:PutMetricData": "metrics of a training",
    "EndpointRetrainingTriggerTrainingRole s3:ListBucket": "SageMaker lists a channel",
    "BaselineRole sagemaker:*": SHADOWS,
    "RunsRole sagemaker:DescribeProcessingJob": LEFT_ENDPOINTS,
    "RunsRole sagemaker:ListTags": LEFT_ENDPOINTS,
    "ReconcilerReconcileRole sagemaker:DescribeProcessingJob": "the same, where no event told that the job ended",
    "BaselineStepRole sagemaker:DescribeProcessingJob": "asked when the event does not come: tests/lambda_/baseline",
    "ClerkRole s3:ListBucket": MISSING,
    "CollectRole ssm:GetParametersByPath": "of models that are asked in JSON: tests/lambda_/releases",
    "ConcludeRole s3:ListBucket": MISSING,
    "EmptiedEmptyRole s3:DeleteObjectVersion": "versions go by DeleteObjects, which the twin holds to DeleteObject",
    "FinishRole s3:ListBucket": MISSING,
    "ModelsSeedRole ssm:GetParameter": "where the pointer is there already: tests/lambda_/live_pointer",
    "QuietRole states:*": "where the deletion of a monitor waits for its runs: tests/lambda_/quiet",
    "RegisterRole s3:ListBucket": MISSING,
    "FinishRole ssm:GetParameter": "of a run whose plan failed: tests/lambda_/runs",
    "ReleaseRole cloudwatch:DescribeAlarms": "SageMaker asks for alarms that take an update back, of caller or model",
    "VerdictsRole dynamodb:Query": "CloudWatch's dashboard calls it, which is not in the twin: tests/lambda_/runs",
}


def granted(*names: str) -> dict[str, set[str]]:
    """Role → what it may do, in any of some samples; of all where none is named."""
    found: dict[str, set[str]] = {}
    for name in names or SAMPLES:
        for policy in resources(environment(name).templates, *ROLE_POLICIES):
            actions = {
                str(action)
                for statement in statements(policy.properties["PolicyDocument"])
                for action in as_list(statement["Action"])
            }
            for role in policy.properties["Roles"]:
                found.setdefault(called.role_of(policy.stack, role["Ref"]), set()).update(actions)
    return found


def never_called() -> Iterator[str]:
    """`role action` of all that is granted and was not called."""
    used = called.union("actions")
    for role, actions in granted().items():
        yield from (f"{role} {action}" for action in sorted(actions - used.get(role, set())))


def test_what_belongs_to_endpoints_is_written_by_name_and_not_below_a_star():
    """Of dev's endpoints one has reviews: the clerk writes no labels of the other."""
    writing = [
        json.dumps(resource)
        for policy in resources(environment("dev").templates, *ROLE_POLICIES)
        for statement in statements(policy.properties["PolicyDocument"])
        if "s3:PutObject" in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    ]
    assert [each for each in writing if re.search(r"\*.*/", each) and "/sets/" not in each] == []
    assert [re.search(r"[\w-]+(?=/ground-truth/)", each)[0] for each in writing if "ground-truth" in each] == [
        "breast-cancer"
    ]
    assert any("/covertype/current.json" in each for each in writing)


def test_what_no_program_calls_is_granted_for_a_reason_alone():
    found = [one for one in never_called() if not any(fnmatchcase(one, known) for known in NEVER_CALLED)]
    assert found == [], "take it away, or review it in NEVER_CALLED with its reason"


def test_every_reason_is_of_something():
    found = list(never_called())
    assert [known for known in NEVER_CALLED if not any(fnmatchcase(one, known) for one in found)] == []


def test_only_roles_of_the_environments_are_kept():
    known = {*granted(), "AnswersRole", "FlowMakerRole"}  # of reviews in other places, which no sample has
    assert {role for role in called.union("actions") if role not in known and not re.match("Flow.*Role", role)} == set()


def processes(name: str) -> set[str]:
    """Roles of functions, jobs and models: what runs in the subnets."""
    found = set()
    for role in resources(environment(name).templates, "AWS::IAM::Role"):
        trust = statements(role.properties["AssumeRolePolicyDocument"])
        if {"lambda.amazonaws.com", "sagemaker.amazonaws.com"} & {each for one in trust for each in trusted(one)}:
            found.add(called.role_of(role.stack, role.logical_id))
    return found


def test_every_service_that_functions_and_jobs_called_can_be_reached_without_a_way_out():
    """By the calls that were made, and not by what the code seems to do."""
    used, all_processes = called.union("services"), {role for name in SAMPLES for role in processes(name)}
    found = {service for role in all_processes for service in used.get(role, ())}
    assert found >= {"s3", "dynamodb", "ssm", "cloudwatch", "events", "sns", "sagemaker", "stepfunctions"}
    assert found - {service.client for service in services.ALL} <= set(services.UNREACHED)


def test_the_profile_without_a_way_out_makes_an_endpoint_for_every_service_that_its_roles_called():
    prod, used, granting = environment("prod"), called.union("services"), granted("prod")
    made = {each["ServiceName"].split(".", 3)[3] for each in prod.properties("AWS::EC2::VPCEndpoint")}
    known = {service.client: service for service in services.ALL}
    wanted = {
        known[client].endpoint
        for role in processes("prod")
        for client in used.get(role, ())
        if client in known
        and any(action.startswith(f"{known[client].action}:") for action in granting[role] - {SET_ASIDE})
    }
    assert len(wanted) >= 6
    assert wanted <= made
