"""What the stacks promise, one assertion each, over every environment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from model_monitor import contract
from stacks.rules import rights
from tests.deployed_runs import Schedule
from tests.synthesis import Assembly
from twin.cloudwatch import alarm_math

pytestmark = pytest.mark.xdist_group("synth")

SCHEDULE = "AWS::SageMaker::MonitoringSchedule"
SHARED = {
    *("Storage", "Alerting", "Live", "ControlPlane", "Dashboard", "Reconciler", "History", "Recipients"),
    *("RetrainingPlane", "Release", "Review", "Network"),
}
ALARM = "AWS::CloudWatch::Alarm"
WITHOUT_RESOURCES = re.compile("|".join(rights.WITHOUT_RESOURCES))


def statements(assembly: Assembly) -> Iterator[dict[str, Any]]:
    """Of every policy of a role, with lists where IAM allows single values."""
    for policy in assembly.properties("AWS::IAM::Policy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            yield {
                **statement,
                **{
                    key: value if isinstance(value := statement[key], list) else [value]
                    for key in ("Action", "Resource")
                },
            }


def schedules(assembly: Assembly, *, managed: bool) -> list[Schedule]:
    """Of the kit's own scheduler, or of SageMaker Model Monitor."""
    return [
        Schedule(assembly, endpoint, name)
        for endpoint, block in assembly.settings.endpoints.items()
        for name, monitor in block.monitors.items()
        if monitor.is_managed is managed
    ]


def definitions(assembly: Assembly) -> list[dict[str, Any]]:
    """Job definitions of every schedule."""
    return [
        schedule["MonitoringScheduleConfig"]["MonitoringJobDefinition"] for schedule in assembly.properties(SCHEDULE)
    ]


# --- data ---------------------------------------------------------------------------------------------------------------


def test_every_endpoint_captures_requests_and_responses_encrypted(assembly):
    for config in assembly.properties("AWS::SageMaker::EndpointConfig"):
        capture = config["DataCaptureConfig"]
        modes = {option["CaptureMode"] for option in capture["CaptureOptions"]}
        assert (capture["EnableCapture"], modes, bool(capture["KmsKeyId"])) == (True, {"Input", "Output"}, True)


def test_sampling_and_content_types_are_the_environment_files(assembly):
    for name, endpoint in assembly.settings.endpoints.items():
        for config in assembly.properties("AWS::SageMaker::EndpointConfig", f"-{name}-Endpoint"):
            capture = config["DataCaptureConfig"]
            assert capture["InitialSamplingPercentage"] == endpoint.capture.sampling_percentage
            assert capture["CaptureContentTypeHeader"]["JsonContentTypes"] == list(endpoint.capture.json_content_types)


def test_volumes_of_endpoints_are_encrypted(assembly):
    assert all(config["KmsKeyId"] for config in assembly.properties("AWS::SageMaker::EndpointConfig"))


def test_every_bucket_is_encrypted_and_private(assembly):
    for bucket in assembly.properties("AWS::S3::Bucket"):
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}


def test_every_bucket_takes_tls_alone(assembly):
    policies = {json.dumps(policy["Bucket"]): policy for policy in assembly.properties("AWS::S3::BucketPolicy")}
    assert len(policies) == len(assembly.properties("AWS::S3::Bucket"))
    for policy in policies.values():
        denied = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]
        assert {"aws:SecureTransport": "false"} in [s["Condition"].get("Bool") for s in denied]


def test_every_bucket_but_the_logs_own_logs_access(assembly):
    silent = [bucket for bucket in assembly.properties("AWS::S3::Bucket") if "LoggingConfiguration" not in bucket]
    assert len(silent) == 1


def test_every_bucket_has_a_lifecycle(assembly):
    for bucket in assembly.properties("AWS::S3::Bucket"):
        assert all(rule["Status"] == "Enabled" for rule in bucket["LifecycleConfiguration"]["Rules"])


def test_baselines_labels_and_models_are_versioned(assembly):
    versioned = [b for b in assembly.properties("AWS::S3::Bucket") if b.get("VersioningConfiguration")]
    assert len(versioned) == (4 if assembly.settings.storage.write_once else 3), "a lock is of versions"


def test_reports_and_decisions_are_written_once_where_the_environment_says_so(prod, dev):
    assert [b for b in dev.properties("AWS::S3::Bucket") if b.get("ObjectLockEnabled")] == []
    (locked,) = [b for b in prod.properties("AWS::S3::Bucket") if b.get("ObjectLockEnabled")]
    assert locked["LoggingConfiguration"]["LogFilePrefix"] == "reports/"
    retention = {"Mode": "GOVERNANCE", "Days": 3 * 366}
    assert locked["ObjectLockConfiguration"] == {
        "ObjectLockEnabled": "Enabled",
        "Rule": {"DefaultRetention": retention},
    }


def test_data_survives_where_the_environment_says_so(prod, dev):
    kept = {resource["DeletionPolicy"] for resource in prod.resources("AWS::S3::Bucket")}
    removed = {resource["DeletionPolicy"] for resource in dev.resources("AWS::S3::Bucket")}
    assert (kept, removed) == ({"Retain"}, {"Delete"})


def test_what_holds_data_is_neither_destroyed_nor_replaced_in_production(prod):
    """Keys of messages, queues and logs hold no data of anybody."""
    holders = {
        "AWS::S3::Bucket",
        "AWS::DynamoDB::Table",
        "AWS::KMS::Key",
        "AWS::Cognito::UserPool",
        "AWS::EFS::FileSystem",
    }
    found = {
        (stack.removeprefix("prod-"), name): {resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")}
        for stack, template in prod.templates.items()
        for name, resource in template.get("Resources", {}).items()
        if resource["Type"] in holders
    }
    assert len(found) > 5
    lost = {stack for (stack, _), policies in found.items() if policies != {"Retain"}}
    assert lost <= {"Alerting", "Recipients"}, "whose keys encrypt messages alone"


def test_the_stack_that_holds_data_is_protected_where_data_is_kept(prod, dev):
    def protected(assembly: Assembly) -> set[str]:
        artifacts = json.loads((assembly.folder / "manifest.json").read_text())["artifacts"]
        return {name for name, each in artifacts.items() if each.get("properties", {}).get("terminationProtection")}

    assert protected(prod) == {"prod-Storage"}
    assert protected(dev) == set()


def test_every_key_rotates(assembly):
    assert all(key["EnableKeyRotation"] is True for key in assembly.properties("AWS::KMS::Key"))


# --- alarms -------------------------------------------------------------------------------------------------------------


def test_cloudwatch_may_publish_to_the_encrypted_topic_of_this_account_alone(assembly):
    (key,) = assembly.properties("AWS::KMS::Key", "-Alerting")
    (topic,) = assembly.properties("AWS::SNS::Topic")
    (policy,) = assembly.properties("AWS::SNS::TopicPolicy")
    assert topic["KmsMasterKeyId"]
    for document, action in ((key["KeyPolicy"], "kms:Decrypt"), (policy["PolicyDocument"], "sns:Publish")):
        granted = [s for s in document["Statement"] if s["Principal"] == {"Service": "cloudwatch.amazonaws.com"}]
        assert [action in s["Action"] for s in granted] == [True]
        assert granted[0]["Condition"] == {"StringEquals": {"aws:SourceAccount": assembly.settings.account}}


def test_people_are_subscribed(assembly):
    subscribed = {s["Endpoint"] for s in assembly.properties("AWS::SNS::Subscription") if s["Protocol"] == "email"}
    assert subscribed == set(assembly.settings.alarms.email)


def test_every_alarm_tells_the_topic(assembly):
    assert all(len(alarm["AlarmActions"]) == 1 for alarm in assembly.properties(ALARM))


def test_silence_breaches_no_alarm(assembly):
    told = {a["AlarmName"]: a["TreatMissingData"] for a in assembly.properties(ALARM)}
    assert {name for name, missing in told.items() if missing != "notBreaching"} == {
        f"{assembly.settings.environment}-control-plane-sweep-silent",
        f"{assembly.settings.environment}-retraining-silent",
    }


def test_alarms_watch_whole_intervals_between_runs(assembly):
    for name, endpoint in assembly.settings.endpoints.items():
        hours = {monitor.period // timedelta(hours=1) for monitor in endpoint.monitors.values()}
        for alarm in assembly.alarms(name):
            if alarm["AlarmName"].endswith(("-errors", "-latency", "-capture-loss")):  # of minutes, and of a day
                continue
            periods = [alarm.get("Period")] + [
                m["MetricStat"]["Period"] for m in alarm.get("Metrics", ()) if "MetricStat" in m
            ]
            assert {period // 3600 for period in periods if period} == hours


def test_every_check_type_that_is_evaluated_has_an_alarm(assembly):
    kinds = {key: type_ for type_, key in contract.MONITOR_KEYS.items()}
    for name, endpoint in assembly.settings.endpoints.items():
        watched = {cause for alarm in assembly.alarms(name) for cause in causes_of(alarm)}
        bounded = [monitor.alarms.drift_max for monitor in endpoint.monitors.values()]
        types = {type_ for monitor in endpoint.monitors.values() for type_ in monitor.types}
        evaluated = {check for type_ in types for check in contract.CHECK_TYPES[kinds[type_]]}
        needed = {cause for cause, checks in contract.CHECKS_OF.items() if evaluated & set(checks)}
        assert needed - ({contract.Cause.DRIFT} if any(bounded) else set()) <= watched


def causes_of(alarm: dict[str, Any]) -> set[contract.Cause]:
    """The decimal places that an alarm watches, by trying each."""
    (expression,) = [q["Expression"] for q in alarm.get("Metrics", ()) if "Expression" in q] or ["0"]
    if "causes" not in expression:
        return set()
    parsed = alarm_math.parse(expression)

    def rings(value: int) -> bool:
        scope = alarm_math.Scope({"causes": (float(value),)}, ("causes",), {}, 1)
        (found,) = scope.series_of(parsed.evaluate(scope))
        return found is not None and found >= alarm["Threshold"]

    every = sum(10**cause.place for cause in contract.Cause)
    found = {cause for cause in contract.Cause if rings(10**cause.place)}
    assert found == {cause for cause in contract.Cause if not rings(every - 10**cause.place)}, (
        "it looks at nothing else"
    )
    return found


def test_an_alarm_that_was_never_judged_pages_people(assembly):
    for template in assembly.templates.values():
        alarms = [r["Properties"] for r in template.get("Resources", {}).values() if r["Type"] == ALARM]
        undecided = [a for a in alarms if a["AlarmName"].endswith("-undecided")]
        functions = [r for r in template.get("Resources", {}).values() if r["Type"] == "AWS::Lambda::Function"]
        judges = [f for f in functions if "starts a training" in f["Properties"].get("Description", "")]
        watched = [(a["Namespace"], a["Dimensions"][0]["Value"]["Fn::GetAtt"][0]) for a in undecided]
        assert watched == [
            ("AWS/SQS", f["Properties"]["DeadLetterConfig"]["TargetArn"]["Fn::GetAtt"][0]) for f in judges
        ]
    assert f"{assembly.settings.environment}-RetrainingPlane" in assembly.templates


# --- schedules and baselines ----------------------------------------------------------------------------------------------


def test_schedules_and_endpoints_have_the_names_that_keys_are_made_of(assembly):
    names = {schedule["MonitoringScheduleName"] for schedule in assembly.properties(SCHEDULE)}
    names |= {schedule["Name"] for schedule in assembly.properties("AWS::Scheduler::Schedule")}
    expected = {
        contract.schedule_name(endpoint, monitor)
        for endpoint, block in assembly.settings.endpoints.items()
        for monitor in block.monitors
    }
    served = {endpoint["EndpointName"] for endpoint in assembly.properties("AWS::SageMaker::Endpoint")}
    assert (names, served) == (expected, {name for name, e in assembly.settings.endpoints.items() if e.model})


def test_runs_use_our_entry_point_and_stay_within_their_hour(assembly):
    for schedule in assembly.properties(SCHEDULE):
        definition = schedule["MonitoringScheduleConfig"]["MonitoringJobDefinition"]
        is_hourly = schedule["MonitoringScheduleConfig"]["ScheduleConfig"]["ScheduleExpression"] == "cron(0 * ? * * *)"
        assert definition["MonitoringAppSpecification"]["ContainerEntrypoint"] == list(contract.CONTAINER_ENTRYPOINT)
        assert definition["StoppingCondition"]["MaxRuntimeInSeconds"] <= (3600 if is_hourly else 86400)


def test_volumes_and_outputs_of_runs_are_encrypted(assembly):
    for definition in definitions(assembly):
        assert definition["MonitoringResources"]["ClusterConfig"]["VolumeKmsKeyId"]
        assert definition["MonitoringOutputConfig"]["KmsKeyId"]


def test_volumes_and_outputs_of_managed_jobs_are_encrypted(assembly):
    for schedule in schedules(assembly, managed=True):
        given = schedule.run["processing"]
        assert given["cluster"]["VolumeKmsKeyId"]
        assert given["kms_key"]


def test_variables_are_known_and_fit(assembly):
    for schedule in [*schedules(assembly, managed=True), *schedules(assembly, managed=False)]:
        assert set(schedule.variables) <= set(contract.Variable)
        assert all(len(json.dumps(value)) <= 256 for value in schedule.variables.values())


def test_metrics_of_every_run_are_published_once(assembly):
    """By the run itself where Model Monitor started it; else by the last step, which may send to its namespace."""
    variable = contract.Variable.PUBLISH_CLOUDWATCH_METRICS
    assert {s.variables[variable] for s in schedules(assembly, managed=False)} <= {contract.ENABLED}
    managed = schedules(assembly, managed=True)
    assert {s.variables[variable] for s in managed} == {contract.DISABLED}
    (policy,) = [
        resource["Properties"]["PolicyDocument"]
        for name, resource in assembly.templates[f"{assembly.settings.environment}-ControlPlane"]["Resources"].items()
        if name.startswith("FinishRoleDefaultPolicy")
    ]
    (sending,) = [s for s in policy["Statement"] if s["Action"] == "cloudwatch:PutMetricData"]
    sent = sending["Condition"]["StringEquals"]["cloudwatch:namespace"]
    assert {s.run["namespace"] for s in managed} == set(sent if isinstance(sent, list) else [sent])


def test_a_computed_baseline_precedes_its_schedule(assembly):
    for stack, template in assembly.templates.items():
        steps = [name for name, r in template["Resources"].items() if r["Type"] == "Custom::ModelBaseline"]
        for resource in template["Resources"].values():
            if resource["Type"] in (SCHEDULE, "AWS::Scheduler::Schedule"):
                assert set(steps) <= set(resource.get("DependsOn", [])), stack


def test_a_brought_baseline_is_mounted_instead(prod):
    (definition,) = [
        s["MonitoringScheduleConfig"]["MonitoringJobDefinition"] for s in prod.properties(SCHEDULE, "-churn-Monitoring")
    ]
    expected = prod.settings.endpoints["churn"].monitors["data-quality"].baseline
    assert definition["BaselineConfig"]["ConstraintsResource"]["S3Uri"] == expected.constraints
    assert contract.Variable.MONITOR_BASELINE not in definition["Environment"]


def test_baseline_jobs_are_requests_without_a_name(assembly):
    for step in assembly.properties("Custom::ModelBaseline"):
        parts = step["ProcessingJob"]["Fn::Join"][1]
        job = json.loads("".join(part if isinstance(part, str) else "token" for part in parts))
        assert "ProcessingJobName" not in job
        assert set(job["Environment"]) <= set(contract.Variable)
        assert len(step["JobName"]) <= contract.NAME_MAX - len("-20")


# --- rights -------------------------------------------------------------------------------------------------------------


def test_no_role_may_do_everything_with_a_service(assembly):
    actions = {action for statement in statements(assembly) for action in statement["Action"]}
    assert not [action for action in actions if "*" in action]


def test_only_calls_that_know_no_resources_are_granted_on_all(assembly):
    for statement in statements(assembly):
        if "*" in statement["Resource"]:
            assert not [action for action in statement["Action"] if not WITHOUT_RESOURCES.fullmatch(action)]


def test_metrics_may_be_sent_to_named_namespaces_alone(assembly):
    sending = [s for s in statements(assembly) if "cloudwatch:PutMetricData" in s["Action"]]
    assert sending
    assert all(s["Condition"]["StringEquals"]["cloudwatch:namespace"] for s in sending)


def test_jobs_may_send_the_metrics_of_their_instances(assembly):
    sent = {
        name
        for statement in statements(assembly)
        if statement["Action"] == ["cloudwatch:PutMetricData"]
        for name in statement["Condition"]["StringEquals"]["cloudwatch:namespace"]
    }
    assert {"/aws/sagemaker/ProcessingJobs", "/aws/sagemaker/TrainingJobs"} <= sent


def test_roles_are_passed_to_sagemaker_alone(assembly):
    passing = [s for s in statements(assembly) if "iam:PassRole" in s["Action"]]
    assert passing
    for statement in passing:
        assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
        assert "*" not in statement["Resource"]


OF_RUNS = re.compile(r"ExecutorRole|^RunsRole")  # policies of Model Monitor's runs, and of our own


def test_runs_cannot_change_their_baseline(assembly):
    for stack, template in assembly.templates.items():
        for name, resource in template["Resources"].items():
            if resource["Type"] == "AWS::IAM::Policy" and OF_RUNS.search(name):
                written = [
                    s for s in resource["Properties"]["PolicyDocument"]["Statement"] if "s3:PutObject" in s["Action"]
                ]
                assert written, stack
                assert "baselines/" not in json.dumps(written)


def test_roles_stay_within_the_boundary(prod):
    assert {role["PermissionsBoundary"] for role in prod.properties("AWS::IAM::Role")} == {
        prod.settings.security.permissions_boundary
    }


# --- the loop -----------------------------------------------------------------------------------------------------------


def policies(assembly: Assembly) -> dict[str, dict[str, Any]]:
    """endpoint → its retraining policy, references replaced by a word."""
    found = {}
    for parameter in assembly.policies():
        value = parameter["Value"]
        text = (
            value
            if isinstance(value, str)
            else "".join(p if isinstance(p, str) else "token" for p in value["Fn::Join"][1])
        )
        policy = json.loads(text)
        found[policy["endpoint"]] = policy
    return found


def test_the_policy_names_alarms_that_exist(assembly):
    for endpoint, policy in policies(assembly).items():
        deployed = {alarm["AlarmName"] for alarm in assembly.alarms(endpoint)}
        assert {*policy["alarms"], *policy["other_alarm_names"], *policy["violation_alarm_names"]} <= deployed


def test_only_alarms_on_the_model_and_its_drift_may_start_a_training(assembly):
    for endpoint, policy in policies(assembly).items():
        watched = {a["AlarmName"]: causes_of(a) for a in assembly.alarms(endpoint)}
        assert policy["alarms"]
        assert not [name for name in policy["alarms"] if contract.Cause.DATA_QUALITY in watched[name]]
        assert all(watched[name] == {contract.Cause.DATA_QUALITY} for name in policy["violation_alarm_names"])


def test_every_alarm_of_an_endpoint_says_what_it_means_why_and_what_to_do(assembly):
    for alarm in assembly.alarms():
        text = alarm["AlarmDescription"]
        assert [
            part for part in ("\nOften: ", "\nDo: ", "\nReports: https://", "\nRunbook: docs/") if part in text
        ] == ["\nOften: ", "\nDo: ", "\nReports: https://", "\nRunbook: docs/"], alarm["AlarmName"]
        assert len(text) <= 1024


def series_of(alarm: dict[str, Any]) -> set[str]:
    """Names of the metrics that an alarm watches."""
    queries = [q["MetricStat"]["Metric"] for q in alarm.get("Metrics", ()) if "MetricStat" in q]
    return {metric["MetricName"] for metric in queries or [alarm]}


def test_policies_fit_into_a_parameter(assembly):
    assert all(len(json.dumps(policy)) + 500 < 4096 for policy in policies(assembly).values())


def test_the_training_role_reads_what_the_policy_names_and_writes_models_alone(assembly):
    for endpoint in policies(assembly):
        (template,) = [t for name, t in assembly.templates.items() if name.endswith(f"-{endpoint}-Monitoring")]
        (policy,) = [
            r
            for name, r in template["Resources"].items()
            if name.startswith("EndpointRetrainingTriggerTrainingRoleDefaultPolicy")
        ]
        written = [s for s in policy["Properties"]["PolicyDocument"]["Statement"] if "s3:PutObject" in s["Action"]]
        assert len(written) == 1
        assert json.dumps(written).count(f"/models/{endpoint}/*") == 1


def test_an_endpoint_reads_what_is_live_and_its_seed_is_deployed_before(assembly):
    for name, template in assembly.templates.items():
        if name.endswith("-Endpoint"):
            parameters = [
                p for p in template["Parameters"].values() if p["Type"] == "AWS::SSM::Parameter::Value<String>"
            ]
            endpoint = name.removeprefix(f"{assembly.settings.environment}-").removesuffix("-Endpoint")
            live = contract.live_parameter(assembly.settings.environment, endpoint, "model")
            assert live in [parameter["Default"] for parameter in parameters]
            manifest = json.loads((assembly.folder / "manifest.json").read_text())
            assert f"{assembly.settings.environment}-Live" in manifest["artifacts"][name]["dependencies"]


def test_functions_run_on_python_with_their_own_logs(assembly):
    for function in assembly.properties("AWS::Lambda::Function"):
        assert function["LoggingConfig"]["LogGroup"]
        if function.get("PackageType") == "Image":
            continue
        assert function["Runtime"].startswith("python")
        assert (function["Handler"], bool(function["LoggingConfig"]["LogGroup"])) == ("handler.handle", True)


def test_environment_tags_reach_everything(assembly):
    tags = {**assembly.settings.tags, "Environment": assembly.settings.environment}
    for bucket in assembly.properties("AWS::S3::Bucket"):
        assert tags.items() <= {tag["Key"]: tag["Value"] for tag in bucket["Tags"]}.items()


def test_outputs_say_what_they_are_for(assembly):
    for template in assembly.templates.values():
        named = {name: o for name, o in template.get("Outputs", {}).items() if not name.startswith("PublishOutput")}
        assert all(output.get("Description") for output in named.values())


def test_no_stack_holds_another_back(assembly):
    """What is imported can neither go nor change while somebody imports it; outputs that are read can."""
    text = json.dumps(assembly.templates)
    assert "Fn::ImportValue" not in text
    assert '"Export"' not in text
    read = set(re.findall(r'"StackName": "([^"]+)", "OutputName": "([^"]+)"', text))
    assert read
    assert all(output in assembly.templates[stack]["Outputs"] for stack, output in read)


def test_an_endpoint_has_at_most_two_stacks(assembly):
    start = f"{assembly.settings.environment}-"
    found = {name.removeprefix(start) for name in assembly.templates}
    own = {
        name: {"Monitoring"} | ({"Endpoint"} if each.model else set())
        for name, each in assembly.settings.endpoints.items()
    }
    assert {name for name in found if "-" in name} == {
        f"{name}-{part}" for name, parts in own.items() for part in parts
    }
    assert {name for name in found if "-" not in name} <= SHARED
