"""What a real account would refuse, or silently not do, although a template looks right."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from model_monitor import contract
from stacks.constructs.emptied_bucket import MARK
from stacks.settings import environment as settings
from tests.analyses import DOCUMENT, analysed
from tests.deployed_runs import Schedule
from tests.synthesis import Assembly, synthesize

pytestmark = pytest.mark.xdist_group("synth")

REGION = ("AWS_REGION", "AWS_DEFAULT_REGION")
SETS_ITSELF = {
    *REGION,
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "_HANDLER",
    "LAMBDA_TASK_ROOT",
}


def flat(value: Any) -> str:
    """A text of a template, references replaced by a word."""
    if isinstance(value, dict) and "Fn::Join" in value:
        return "".join(part if isinstance(part, str) else "token" for part in value["Fn::Join"][1])
    return value if isinstance(value, str) else "token"


def training(assembly: Assembly) -> list[dict[str, Any]]:
    """The training jobs of every retraining policy."""
    policies = assembly.policies()
    return [json.loads(flat(policy["Value"]))["training"] for policy in policies]


def baseline_jobs(assembly: Assembly) -> list[dict[str, Any]]:
    """The processing jobs that compute baselines."""
    return [json.loads(flat(step["ProcessingJob"])) for step in assembly.properties("Custom::ModelBaseline")]


def managed(assembly: Assembly) -> list[Schedule]:
    """What the kit's own scheduler runs."""
    found = [
        (name, key)
        for name, each in assembly.settings.endpoints.items()
        for key, m in each.monitors.items()
        if m.is_managed
    ]
    return [Schedule(assembly, *each) for each in found]


# --- the Region ---------------------------------------------------------------------------------------------------------


def test_every_job_is_told_its_region_under_both_names(assembly):
    schedules = assembly.properties("AWS::SageMaker::MonitoringSchedule")
    runs = [s["MonitoringScheduleConfig"]["MonitoringJobDefinition"] for s in schedules]
    told = [job["Environment"] for job in (*runs, *baseline_jobs(assembly))]
    told += [schedule.variables for schedule in managed(assembly)]
    assert {environment[name] for environment in told for name in REGION} == {assembly.settings.region}


def test_the_framework_container_is_told_where_its_script_lies(assembly):
    environments = [model["PrimaryContainer"]["Environment"] for model in assembly.properties("AWS::SageMaker::Model")]
    for environment in environments:
        assert environment["SAGEMAKER_REGION"] == assembly.settings.region
        assert environment["SAGEMAKER_CONTAINER_LOG_LEVEL"] == "20"
    assert {job["region"] for job in training(assembly)} == {assembly.settings.region}


def test_no_function_sets_a_variable_that_lambda_keeps_to_itself(assembly):
    for function in assembly.properties("AWS::Lambda::Function"):
        assert not SETS_ITSELF & set(function.get("Environment", {}).get("Variables", {}))


# --- endpoints and jobs -------------------------------------------------------------------------------------------------


def test_an_update_keeps_the_instances_that_scaling_added_and_nothing_else(assembly):
    for endpoint in assembly.properties("AWS::SageMaker::Endpoint"):
        excluded = {item["VariantPropertyType"] for item in endpoint["ExcludeRetainedVariantProperties"]}
        assert (endpoint["RetainAllVariantProperties"], excluded) == (True, {"DataCaptureConfig", "DesiredWeight"})


def test_resources_of_an_endpoint_and_the_jobs_that_functions_start_carry_its_tags(assembly):
    for name in assembly.settings.endpoints:
        expected = assembly.settings.tags_of(name).items()
        for type_ in ("AWS::SageMaker::MonitoringSchedule", "AWS::SageMaker::Model", "AWS::Lambda::Function"):
            for part in ("Live", "Endpoint", "Monitoring", "Retraining"):
                for resource in assembly.properties(type_, f"-{name}-{part}"):
                    assert expected <= {tag["Key"]: tag["Value"] for tag in resource["Tags"]}.items()
    told = [{tag["Key"]: tag["Value"] for tag in job["Tags"]} for job in baseline_jobs(assembly)]
    told += [job["tags"] for job in training(assembly)]
    for schedule in managed(assembly):
        given = {tag["Key"]: tag["Value"] for tag in schedule.run["processing"]["tags"]}
        assert given == assembly.settings.tags_of(schedule.endpoint)
        assert given["Endpoint"] == schedule.endpoint
    allowed = [assembly.settings.tags_of(name) for name in assembly.settings.endpoints]
    assert told
    assert all(tags in allowed for tags in told)


def test_functions_may_tag_what_they_start(assembly):
    for statement in statements(assembly):
        starts = {"sagemaker:CreateProcessingJob", "sagemaker:CreateTrainingJob"} & set(statement["Action"])
        assert not starts or "sagemaker:AddTags" in statement["Action"]


def test_traffic_between_containers_is_encrypted_in_every_job(assembly):
    wanted = assembly.settings.security.encrypt_traffic_between_containers
    assert {job["encrypt_traffic"] for job in training(assembly)} <= {wanted}
    network = "EnableInterContainerTrafficEncryption"
    assert {job["NetworkConfig"][network] for job in baseline_jobs(assembly)} == {wanted}
    assert {schedule.run["processing"]["network"][network] for schedule in managed(assembly)} == {wanted}


def test_jobs_that_functions_start_run_in_the_subnets_with_the_keys_of_the_environment(prod):
    vpc = {
        "Subnets": list(prod.settings.network.subnets),
        "SecurityGroupIds": list(prod.settings.network.security_groups),
    }
    of_runs = [schedule.run["processing"] for schedule in managed(prod)]
    networks = [job["NetworkConfig"] for job in baseline_jobs(prod)] + [run["network"] for run in of_runs]
    assert of_runs
    assert [network["VpcConfig"] for network in networks] == [vpc] * len(networks)
    clusters = [job["ProcessingResources"]["ClusterConfig"] for job in baseline_jobs(prod)] + [
        run["cluster"] for run in of_runs
    ]
    assert all(cluster["VolumeKmsKeyId"] for cluster in clusters)
    for job in training(prod):
        assert (job["subnets"], job["security_group_ids"]) == (vpc["Subnets"], vpc["SecurityGroupIds"])
        assert job["kms_key_arn"]


def test_baseline_jobs_end_well_before_a_deployment_gives_up(assembly):
    assert all(job["StoppingCondition"]["MaxRuntimeInSeconds"] <= 2700 for job in baseline_jobs(assembly))


def test_the_rule_that_looks_for_ends_has_the_name_that_its_function_switches(assembly):
    for name in assembly.settings.endpoints:
        functions = assembly.properties("AWS::Lambda::Function", f"-{name}-Monitoring")
        variables = [function.get("Environment", {}).get("Variables", {}) for function in functions]
        rules = {
            rule.get("Name"): rule["State"] for rule in assembly.properties("AWS::Events::Rule", f"-{name}-Monitoring")
        }
        for told in variables:
            if "POLL_RULE" in told:
                assert rules[told["POLL_RULE"]] == "DISABLED"
                assert told["PENDING"] == f"pending/{name}/"


def test_one_endpoints_baselines_are_no_business_of_another_that_begins_alike():
    both = copy.deepcopy(DOCUMENT)
    both["endpoints"]["fraud-eu"] = copy.deepcopy(both["endpoints"]["fraud"])
    assembly = synthesize(settings.parse(both, "test", "test"))
    of_one = json.dumps(list(statements(assembly, "-fraud-Monitoring", "BaselineStep")))
    (rule,) = [r for r in assembly.properties("AWS::Events::Rule", "test-fraud-Monitoring") if "EventPattern" in r]
    (started,) = rule["EventPattern"]["detail"]["ProcessingJobName"]
    assert started == {"prefix": "fraud-all-baseline-"}
    assert "processing-job/fraud-all-baseline-*" in of_one
    assert "/pending/fraud/*" in of_one
    assert "pending/fraud-" not in of_one


def test_shared_subnets_may_belong_to_any_account(prod):
    (arns,) = {json.dumps(s["Resource"]) for s in statements(prod) if s["Action"] == ["ec2:CreateNetworkInterface"]}
    assert arns.count(":*:subnet/subnet-") == len(prod.settings.network.subnets)


def test_functions_run_in_the_subnets_where_nothing_else_is_admitted():
    network = {"subnets": ["subnet-0a"], "security_groups": ["sg-0b"], "functions": True}
    assembly = synthesize(settings.parse({**DOCUMENT, "network": network}, "test", "test"))
    places = [function["VpcConfig"] for function in assembly.properties("AWS::Lambda::Function")]
    assert places == [{"SubnetIds": ["subnet-0a"], "SecurityGroupIds": ["sg-0b"]}] * len(places)
    making = [s for s in statements(assembly) if "ec2:AssignPrivateIpAddresses" in s["Action"]]
    assert len(making) == len(places)


def test_buckets_are_emptied_where_data_is_not_kept_and_only_there(prod, dev):
    assert not list(prod.resources("Custom::EmptiedBucket"))
    assert len(dev.properties("Custom::EmptiedBucket")) == len(dev.properties("AWS::S3::Bucket"))
    for bucket in dev.properties("AWS::S3::Bucket"):
        assert MARK in {tag["Key"] for tag in bucket["Tags"]}


# --- rights -------------------------------------------------------------------------------------------------------------


def statements(assembly: Assembly, stack: str = "", role: str = "") -> Iterator[dict[str, Any]]:
    """Of every policy of a role, with lists where IAM allows single values; `role` is part of the policy's logical id."""
    for name, template in assembly.templates.items():
        for logical, resource in template.get("Resources", {}).items():
            if resource["Type"] == "AWS::IAM::Policy" and name.endswith(stack) and role in logical:
                for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                    lists = {k: v if isinstance(v := statement[k], list) else [v] for k in ("Action", "Resource")}
                    yield {**statement, **lists}


def prefixes(statement: dict[str, Any]) -> list[str]:
    """That a list is bound to."""
    bound = statement["Condition"]["StringLike"]["s3:prefix"]
    return bound if isinstance(bound, list) else [bound]


def granted(assembly: Assembly, action: str, stack: str = "", role: str = "") -> str:
    """All that a role may do something on, as JSON."""
    return json.dumps([s["Resource"] for s in statements(assembly, stack, role) if action in s["Action"]])


def test_the_endpoint_reads_the_live_model_whatever_the_file_says(dev):
    for name in dev.settings.endpoints:
        (model,) = dev.properties("AWS::SageMaker::Model", f"-{name}-Endpoint")
        live = model["PrimaryContainer"]["ModelDataUrl"]
        read = granted(dev, "s3:GetObject", f"-{name}-Endpoint", "EndpointRole")
        assert json.dumps({"Fn::Split": ["s3://", live]}) in read


def test_the_live_models_key_is_used_through_s3_and_for_its_bucket_alone(dev):
    (decrypting,) = [
        s
        for s in statements(dev, "-covertype-Endpoint", "EndpointRole")
        if "kms:Decrypt" in s["Action"] and json.dumps(s["Resource"]).endswith('key/*"]')
    ]
    condition = decrypting["Condition"]
    assert set(condition["StringEquals"]) == {"kms:ViaService"}
    assert all("Fn::Select" in json.dumps(arn) for arn in condition["StringLike"]["kms:EncryptionContext:aws:s3:arn"])


def test_models_and_data_of_other_teams_are_readable_where_they_are_declared():
    key = "arn:aws:kms:eu-west-1:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    document = copy.deepcopy(DOCUMENT) | {"security": {"read_key_arns": [key]}}
    document["endpoints"]["fraud"]["model"]["locations"] = ["s3://releases-123456789012/fraud"]
    assembly = synthesize(settings.parse(document, "test", "test"))
    assert "releases-123456789012/fraud/*" in granted(assembly, "s3:GetObject", "-Endpoint", "EndpointRole")
    for stack, role in (
        ("-Endpoint", "EndpointRole"),
        ("-Monitoring", "ExecutorRole"),
        ("-Monitoring", "BaselineRole"),
        ("-Monitoring", "TrainingRole"),
    ):
        assert key in granted(assembly, "kms:Decrypt", stack, role), role


def test_brought_baseline_files_can_be_found_and_read(prod):
    baseline = prod.settings.endpoints["churn"].monitors["data-quality"].baseline
    keys = [uri.partition("s3://models-210987654321/")[2] for uri in (baseline.constraints, baseline.statistics)]
    of_runs = list(statements(prod, "-churn-Monitoring", "ExecutorRole"))
    listed = [prefix for s in of_runs if s["Action"] == ["s3:ListBucket"] for prefix in prefixes(s)]
    assert {f"{key}*" for key in keys} <= set(listed)


def test_runs_may_send_metrics_however_aws_spells_the_namespace_of_the_metrics_file():
    by_file = synthesize(analysed(metrics={"route": "file"}))
    sending = [s for s in statements(by_file, role="ExecutorRole") if "cloudwatch:PutMetricData" in s["Action"]]
    namespaces = {name for s in sending for name in s["Condition"]["StringEquals"]["cloudwatch:namespace"]}
    assert set(contract.SPELLINGS_OF_FILE) <= namespaces


def test_a_baseline_job_writes_versions_and_never_the_pointer(dev):
    written = granted(dev, "s3:PutObject", "-covertype-Monitoring", "BaselineRole")
    assert "/baselines/covertype/v*" in written
    assert "/baselines/covertype/*" not in written


def test_listing_is_bound_to_prefixes(assembly):
    listing = [s for s in statements(assembly) if "s3:ListBucket" in s["Action"]]
    assert listing
    for statement in listing:
        assert statement["Action"] == ["s3:ListBucket"]  # the condition would deny whatever stood beside it
        assert prefixes(statement)
        assert all(prefix.rstrip("*") for prefix in prefixes(statement))


def test_what_a_role_may_read_of_its_files_stays_over_an_update(assembly):
    """A policy with the hash of one file would refuse the other one while a deployment goes on."""
    read = granted(assembly, "s3:GetObject")
    assert "/model-monitor/" in read
    assert re.findall(r"[0-9a-f]{64}", read) == []
    for files in assembly.folder.glob("*-*.assets.json"):
        prefix = f"model-monitor/{files.name.removesuffix('.assets.json')}/"
        of_endpoint = files.name.endswith(("-Monitoring.assets.json", "-Endpoint.assets.json"))
        for file in json.loads(files.read_text())["files"].values():
            for place in file["destinations"].values():
                assert place["objectKey"].startswith(prefix) == of_endpoint


def test_no_role_reads_files_of_another_endpoint(dev):
    for name in dev.settings.endpoints:
        for part in ("Monitoring", "Endpoint", "Retraining"):
            read = granted(dev, "s3:GetObject", f"-{name}-{part}")
            assert set(re.findall(r"/model-monitor/(dev-[\w-]+)/\*", read)) <= {f"dev-{name}-{part}"}
