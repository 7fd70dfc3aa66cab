"""The profile without a way out: what runs in the VPC, and an endpoint for each service that it calls."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from stacks.settings import services
from tests.synthesis import ROOT, Assembly

pytestmark = pytest.mark.xdist_group("synth")

FUNCTIONS_AND_JOBS = {"lambda.amazonaws.com", "sagemaker.amazonaws.com"}
MADE_BY_SERVICES = {  # actions of roles that no process of ours calls: AWS does, from outside of the VPC, with the role's rights
    "ec2": "interfaces of functions, jobs and models are made by Lambda and SageMaker",
    "ecr": "images are pulled by SageMaker and Lambda before a container starts",
    "iam": "a right that a call to another service needs",
    "kms": "keys are used by the service that holds the data",
    "logs": "logs of functions and jobs are delivered by the service",
    "sqs": "what a function could not handle is put aside by Lambda",
}


def endpoints(assembly: Assembly) -> dict[str, dict[str, Any]]:
    """Service → its endpoint."""
    found = assembly.properties("AWS::EC2::VPCEndpoint")
    return {each["ServiceName"].partition(f"{assembly.settings.region}.")[2]: each for each in found}


def granted(assembly: Assembly) -> Iterator[str]:
    """Actions of roles that functions, jobs and models take."""
    for template in assembly.templates.values():
        resources = template.get("Resources", {})
        for policy in resources.values():
            if policy["Type"] != "AWS::IAM::Policy":
                continue
            trusts = [resources[role["Ref"]]["Properties"] for role in policy["Properties"]["Roles"]]
            if not any(service in json.dumps(trusts) for service in FUNCTIONS_AND_JOBS):
                continue
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
                actions = statement["Action"]
                yield from actions if isinstance(actions, list) else [actions]


def test_every_function_runs_in_the_subnets(prod):
    network = prod.settings.network
    functions = prod.properties("AWS::Lambda::Function")
    assert functions
    for function in functions:
        assert function["VpcConfig"] == {
            "SubnetIds": list(network.subnets),
            "SecurityGroupIds": list(network.security_groups),
        }


def test_nothing_makes_a_way_out(prod):
    made = {r["Type"] for template in prod.templates.values() for r in template.get("Resources", {}).values()}
    assert not {type_ for type_ in made if re.search("NatGateway|InternetGateway|EIP|::Route$", type_)}


def test_every_service_that_a_role_may_call_has_an_endpoint(prod):
    reached = {service.action for service in services.ALL if service.endpoint in endpoints(prod)}
    called = {action.partition(":")[0] for action in granted(prod)}
    assert called - reached == set(MADE_BY_SERVICES)


def test_every_client_of_the_code_has_an_endpoint():
    folders = (ROOT / "lambda", ROOT / "monitor_image" / "model_monitor" / "aws")
    written = "".join(path.read_text() for folder in folders for path in folder.rglob("*.py"))
    clients = set(re.findall(r'client\(\s*"([a-z0-9-]+)"', written))
    assert {"s3", "sagemaker", "cloudwatch"} <= clients
    assert clients - {service.client for service in services.ALL} == set(services.UNREACHED)


def test_endpoints_lie_in_the_subnets_and_answer_the_callers_alone(prod):
    network = prod.settings.network
    (group,) = prod.properties("AWS::EC2::SecurityGroup")
    callers = {(rule["SourceSecurityGroupId"], rule["FromPort"]) for rule in group["SecurityGroupIngress"]}
    assert callers == {(caller, 443) for caller in network.security_groups}
    for name, endpoint in endpoints(prod).items():
        if name in ("s3", "dynamodb"):
            assert (endpoint["VpcEndpointType"], endpoint["RouteTableIds"]) == ("Gateway", list(network.route_tables))
        else:
            assert (endpoint["PrivateDnsEnabled"], endpoint["SubnetIds"]) == (True, list(network.subnets))


def test_whatever_runs_in_the_vpc_is_deployed_after_its_endpoints(prod):
    manifest = json.loads((prod.folder / "manifest.json").read_text())["artifacts"]
    stacks = [name for name in prod.templates if name != "prod-Network"]
    assert all("prod-Network" in manifest[name]["dependencies"] for name in stacks)


def test_containers_of_one_job_talk_encrypted(prod):
    texts = "".join(json.dumps(template) for template in prod.templates.values())
    said = re.findall(r'EnableInterContainerTrafficEncryption[\\"]+: ?(\w+)', texts)
    assert set(said) == {"true"}


def test_a_vpc_that_has_its_endpoints_gets_none(dev):
    assert endpoints(dev) == {}


def test_only_what_an_environment_calls_is_made(dev, prod):
    assert "sagemaker.runtime" in endpoints(prod), "a run asks a model"
    assert "sagemaker-runtime" not in [service.client for service in services.needed(dev.settings)]
