"""The kit's own scheduler as it is deployed: its schedules, what a run is told, the steps of a run, and who watches over them."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model_monitor import contract
from stacks.constructs import run_workflow
from stacks.settings import environment as settings
from tests.analyses import BUCKET, analysed, document
from tests.deployed_runs import Schedule
from tests.synthesis import ROOT, Assembly, synthesize, watched_of

pytestmark = pytest.mark.xdist_group("synth")

SCHEDULE = "AWS::Scheduler::Schedule"
PARAMETER_MAX = 4096  # bytes of an SSM parameter that costs nothing
LONGEST = 128  # of what a reference becomes: a bucket's name, the ARN of a key or a role
MONTHLESS = {"period_minutes", "window_minutes"}  # left out for a month, which has no length
NIGHTLY: dict[str, Any] = {  # batch transform jobs, no endpoint
    "capture": {
        "destination": "s3://jobs-123456789012/captured",
        "transform": {"inputs": "s3://jobs-123456789012/in", "outputs": "s3://results/out/", "inference_id": True},
    },
    "payload": {
        "features": ["amount", "age", "visits"],
        "label": "is_fraud",
        "output": {"prediction": 0, "score": None, "payload_index": None},
    },
    "monitors": {"quality": {"baseline": {"dataset": "s3://team-123456789012/fraud/baseline.csv"}}},
}
# unknown to documents that are deployed already: functions are updated before what they read
SINCE = {"time_zone", "transform", "function_architecture"}
BASELINE = {"baseline": {"dataset": f"{BUCKET}/baseline.csv"}}


@pytest.fixture(scope="module")
def mixed() -> Assembly:
    """One endpoint with monitors of both schedulers, and managed ones that run often and seldom."""
    often = {"schedule": "every 5 minutes", "delay": "PT10M", "window": "PT1H", "runner": "lambda", **BASELINE}
    weekly = {"schedule": "weekly", "time_zone": "Europe/Berlin", "function_megabytes": 4096, **BASELINE}
    monitors = {"often": often, "weekly": weekly, "monthly": {"schedule": "monthly", **BASELINE}}
    found = document(retraining=None, **{f"monitors__{name}": given for name, given in monitors.items()})
    found["endpoints"]["nightly"] = NIGHTLY
    found["run_functions"] = {"architecture": "arm64"}
    return synthesize(settings.parse(found, "analysed", "analysed.yaml"))


def managed(assembly: Assembly) -> list[Schedule]:
    return [
        Schedule(assembly, endpoint, name)
        for endpoint, block in assembly.settings.endpoints.items()
        for name, monitor in block.monitors.items()
        if monitor.is_managed
    ]


def plane(assembly: Assembly) -> dict[str, dict[str, Any]]:
    """Resources of the control plane by their logical names."""
    found: dict[str, dict[str, Any]] = assembly.templates[f"{assembly.settings.environment}-ControlPlane"]["Resources"]
    return found


def one(assembly: Assembly, type_: str, start: str = "") -> tuple[str, dict[str, Any]]:
    """The resource of the control plane whose logical name begins so: that name and its properties."""
    ((name, resource),) = [
        (name, each) for name, each in plane(assembly).items() if each["Type"] == type_ and name.startswith(start)
    ]
    return name, resource["Properties"]


# --- schedules ------------------------------------------------------------------------------------------------------------


def test_every_managed_monitor_has_a_schedule_in_the_environment_s_group(assembly):
    group = contract.schedule_group(assembly.settings.environment)
    assert one(assembly, "AWS::Scheduler::ScheduleGroup")[1]["Name"] == group
    deployed = {(found["GroupName"], found["Name"]) for found in assembly.properties(SCHEDULE)}
    assert deployed == {(group, schedule.name) for schedule in managed(assembly)}


def test_what_runs_need_goes_after_those_that_go_on_and_their_schedule_before(assembly):
    """CloudFormation deletes whatever depends on something before it."""
    for template in assembly.templates.values():
        resources = template.get("Resources", {})
        for name in [name for name, each in resources.items() if each["Type"] == SCHEDULE]:
            schedule = resources[name]["Properties"]
            if "GroupName" not in schedule:
                continue
            quiet = [
                each for each in resources[name]["DependsOn"] if resources[each]["Type"] == "Custom::QuietSchedule"
            ]
            (found,) = [each for each in quiet if resources[each]["Properties"]["Schedule"] == schedule["Name"]]
            needed = {resources[each]["Type"] for each in resources[found]["DependsOn"]}
            assert {"AWS::SSM::Parameter", "AWS::Lambda::Function", "AWS::IAM::Policy"} <= needed


def test_a_run_that_could_not_be_started_is_kept_and_told(assembly):
    queue, kept = one(assembly, "AWS::SQS::Queue")
    for schedule in assembly.properties(SCHEDULE):
        assert f"GetAtt{queue}Arn" in schedule["Target"]["DeadLetterConfig"]["Arn"]["Fn::GetStackOutput"]["OutputName"]
        assert schedule["Target"]["RetryPolicy"]["MaximumRetryAttempts"] > 0
    (alarm,) = [a for a in assembly.properties("AWS::CloudWatch::Alarm") if a["AlarmName"].endswith("runs-not-started")]
    assert kept["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}]
    assert (alarm["MetricName"], alarm["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 1)


def test_a_schedule_says_which_time_it_means_and_when_it_means_it(assembly):
    for schedule in assembly.properties(SCHEDULE):
        told = {"schedule": schedule["Name"], "scheduled_time": "<aws.scheduler.scheduled-time>"}
        assert json.loads(schedule["Target"]["Input"]) == told
        assert schedule["ScheduleExpressionTimezone"] == "UTC"


def test_a_schedule_its_windows_and_the_functions_know_one_time_zone(mixed):
    zones = {found["Name"]: found["ScheduleExpressionTimezone"] for found in mixed.properties(SCHEDULE)}
    weekly = {"fraud-weekly": "Europe/Berlin"}
    assert zones == {**dict.fromkeys(("fraud-often", "fraud-monthly", "nightly-quality"), "UTC"), **weekly}
    assert {schedule.name: schedule.run["time_zone"] for schedule in managed(mixed)} == zones
    carrying = {path.parent for path in mixed.folder.glob("asset.*/zone-Europe-Berlin")}
    assert {(path / "windows.py").read_text() for path in carrying} == {(ROOT / "lambda/shared/windows.py").read_text()}
    assert len(carrying) == 3, "plan, finish and sweep"


def test_starts_are_spread_over_minutes_but_for_schedules_of_minutes(mixed):
    starts = {found["Name"]: found for found in mixed.properties(SCHEDULE)}
    assert {name: (found["ScheduleExpression"], found["FlexibleTimeWindow"]) for name, found in starts.items()} == {
        "fraud-often": ("cron(0/5 * * * ? *)", {"Mode": "OFF"}),
        "fraud-weekly": ("cron(15 0 ? * MON *)", {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}),
        "fraud-monthly": ("cron(15 0 1 * ? *)", {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}),
        "nightly-quality": ("cron(15 * * * ? *)", {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}),
    }
    for schedule in managed(mixed):
        assert schedule.run["jitter_minutes"] == starts[schedule.name]["FlexibleTimeWindow"].get(
            "MaximumWindowInMinutes", 0
        )


# --- what a run is told ---------------------------------------------------------------------------------------------------


def subscripts() -> Iterator[tuple[str, str]]:
    """(name of the mapping, key) of what the functions look up, in their own words."""
    for path in [
        path for folder in ("plan", "finish", "sweep", "shared") for path in (ROOT / "lambda" / folder).glob("*.py")
    ]:
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Subscript)
                and isinstance(node.slice, ast.Constant)
                and isinstance(node.value, ast.Name)
            ):
                yield node.value.id, str(node.slice.value)


def test_the_parameter_holds_every_key_that_the_functions_read_and_no_other(assembly):
    read = set(subscripts())
    of_run = {key for name, key in read if name == "monitor"}
    of_job = {key for name, key in read if name == "given"}
    assert len(of_run) > 15, "functions name it otherwise now"
    for schedule in managed(assembly):
        assert schedule.run.keys() - {"published"} == of_run | MONTHLESS | SINCE  # left out where everything is
        assert schedule.run["processing"].keys() == of_job
        assert "InstanceType" in schedule.run["processing"]["cluster"]


def test_functions_may_run_on_another_processor_than_jobs(mixed, dev):
    for assembly, architecture, platforms in (
        (dev, "x86_64", ["linux/amd64"]),
        (mixed, "arm64", ["linux/amd64", "linux/arm64"]),
    ):
        for schedule in managed(assembly):
            name = f"{assembly.settings.environment}-{schedule.endpoint}-Monitoring"
            built = json.loads((assembly.folder / f"{name}.assets.json").read_text())["dockerImages"]
            assert sorted(image["source"]["platform"] for image in built.values()) == platforms
            of_platform = {image["source"]["platform"]: asset for asset, image in built.items()}
            (function,) = [
                each
                for each in assembly.properties("AWS::Lambda::Function", name)
                if each.get("PackageType") == "Image"
            ]
            assert function["Architectures"] == [schedule.run["function_architecture"]] == [architecture]
            assert of_platform[platforms[-1]] in json.dumps(function["Code"])
            assert of_platform["linux/amd64"] in json.dumps(parameter(schedule)["Value"])


def test_transform_jobs_take_the_place_of_an_endpoint(mixed):
    run = Schedule(mixed, "nightly", "quality").run
    assert (run["capture"], run["variants"]) == ("s3://jobs-123456789012/captured", [])
    assert run["transform"] == {
        "inputs": "s3://jobs-123456789012/in/",
        "outputs": "s3://results/out/",
        "format": "csv",
        "inference_id": True,
        "joined": False,
        "longest_hours": 24,
    }
    policies = {
        (stack, logical): json.dumps(each["Properties"]["PolicyDocument"])
        for stack, template in mixed.templates.items()
        for logical, each in template["Resources"].items()
        if each["Type"] == "AWS::IAM::Policy"
    }
    (runs,) = [
        text for (stack, name), text in policies.items() if "nightly-Monitoring" in stack and name.startswith("Run")
    ]
    (plans,) = [
        text for (stack, name), text in policies.items() if "ControlPlane" in stack and name.startswith("PlanRole")
    ]
    for place in (":s3:::jobs-123456789012/in/*", ":s3:::results/out/*"):
        assert place in runs
        assert place not in plans, "it lists them"
    assert '"s3:prefix": ["in/*", "in"]' in plans
    assert ":s3:::jobs-123456789012/captured*" in plans
    assert "/captured" not in runs, "it is handed pairs"


def parameter(schedule: Schedule) -> dict[str, Any]:
    name = f"{contract.monitors_prefix(schedule.assembly.settings.environment)}/{schedule.name}"
    (found,) = [p for p in schedule.assembly.properties("AWS::SSM::Parameter") if p.get("Name") == name]
    return found


def test_what_a_run_is_fits_into_a_parameter(assembly):
    for schedule in managed(assembly):
        parts = parameter(schedule)["Value"]["Fn::Join"][1]
        assert sum(len(part) if isinstance(part, str) else LONGEST for part in parts) <= PARAMETER_MAX


def test_what_a_run_is_says_what_the_settings_say(mixed):
    runs = {schedule.monitor: schedule.run for schedule in managed(mixed) if schedule.endpoint == "fraud"}
    told = ("period_minutes", "offset_minutes", "window_minutes", "delay_minutes", "runner", "function_megabytes")
    day = 24 * 60
    assert {name: tuple(run.get(key) for key in told) for name, run in runs.items()} == {
        "often": (5, 0, 60, 10, "lambda", 4096),
        "weekly": (7 * day, 0, 7 * day, 15, "auto", 4096),
        "monthly": (None, 0, None, 15, "auto", 4096),
    }, "one function runs the windows of all of an endpoint's monitors, and is as large as the largest asks"


def test_a_baseline_that_was_brought_is_named_and_one_that_is_computed_is_found(mixed, prod):
    assert {json.dumps(schedule.run["baseline"]) for schedule in managed(mixed)} == {"{}"}
    for schedule in managed(prod):
        assert contract.Variable.MONITOR_BASELINE in schedule.variables
    given = {"constraints": f"{BUCKET}/constraints.json", "statistics": f"{BUCKET}/statistics.json"}
    brought = synthesize(
        analysed(
            monitors={"all": {"baseline": given}}, retraining=None, payload=None, **{"model": None, "capture": LIVE}
        )
    )
    (schedule,) = managed(brought)
    assert schedule.run["baseline"] == given
    assert contract.Variable.MONITOR_BASELINE not in schedule.variables
    read = json.dumps(brought.properties("AWS::IAM::Policy", "-Monitoring"))
    assert all(uri.partition("s3://")[2] in read for uri in given.values())


LIVE = {"destination": "s3://elsewhere/live", "variants": ["AllTraffic"]}


# --- the steps of a run ---------------------------------------------------------------------------------------------------

STATES: dict[str, dict[str, Any]] = run_workflow.definition("aws", "arn:plan", "arn:finish")["States"]
FREELY = {"Finish", "Done"}  # where a run may end


def after(state: dict[str, Any]) -> set[str]:
    """States that may follow."""
    ways = [state, *state.get("Choices", ()), *state.get("Catch", ())]
    return {way["Next"] for way in ways if "Next" in way} | ({state["Default"]} if "Default" in state else set())


def test_every_path_ends_in_the_step_that_gives_a_verdict():
    assert {name for name, state in STATES.items() if not after(state)} == FREELY
    seen, ahead = set(), {"Plan"}
    while ahead:
        seen |= ahead
        ahead = {name for each in ahead for name in after(STATES[each])} - seen
    assert seen == STATES.keys()


def test_only_a_window_that_another_run_has_ends_without_a_verdict():
    before = {name for name, state in STATES.items() if "Done" in after(state)}
    (choice,) = [each for each in STATES["Choose"]["Choices"] if each["Next"] == "Done"]
    assert (before, choice["Variable"], choice["StringEquals"]) == ({"Choose"}, "$.runner", "taken")


def test_no_step_that_fails_fails_the_run():
    for name, state in STATES.items():
        if state["Type"] == "Task" and name != "Finish":
            assert ["States.ALL"] in [caught["ErrorEquals"] for caught in state["Catch"]], name
            assert all(caught["ResultPath"] != "$" for caught in state["Catch"]), "what was planned is kept"
    assert STATES["Finish"]["Retry"][-1]["ErrorEquals"] == ["States.ALL"]


def test_a_fleet_waits_for_functions_longer_than_faults_are_tried_again():
    """An account that runs ten at once needs an hour for a thousand windows that end together: none of them is an error."""
    called = [
        state for state in STATES.values() if state["Type"] == "Task" and state["Resource"].endswith("lambda:invoke")
    ]
    assert len(called) == 3
    for state in called:
        full, *others = state["Retry"]
        assert full["ErrorEquals"] == ["Lambda.TooManyRequestsException"], "the first that fits counts"
        on_average = sum(min(10 * 2**n, full["MaxDelaySeconds"]) for n in range(full["MaxAttempts"])) / 2
        assert 3600 < on_average < 6 * 3600
        assert full["JitterStrategy"] == "FULL"
        assert all(full["MaxAttempts"] > other["MaxAttempts"] for other in others)


def test_a_quota_is_waited_out_for_a_bounded_time():
    (busy,) = STATES["IsBusy"]["Choices"]
    bound = {"Variable": "$$.State.EnteredTime", "TimestampLessThanPath": "$.wait_until"}
    assert (busy["Next"], bound in busy["And"]) == ("Wait", True)
    assert (STATES["IsBusy"]["Default"], STATES["Wait"]["Next"]) == ("Finish", "RunAsJob")


def test_a_job_is_asked_for_with_all_that_the_plan_made_of_it(assembly):
    """The same request, whatever runs it: lambda/plan/decide.py makes it."""
    made = ast.parse((ROOT / "lambda" / "plan" / "decide.py").read_text())
    (function,) = [n for n in made.body if isinstance(n, ast.FunctionDef) and n.name == "job"]
    (request,) = [n.value for n in function.body if isinstance(n, ast.Return)]
    assert isinstance(request, ast.Dict)
    assert {key.value for key in request.keys if isinstance(key, ast.Constant)} == set(run_workflow.JOB_FIELDS)


def test_the_deployed_state_machine_is_this_one(assembly):
    (machine,) = assembly.properties("AWS::StepFunctions::StateMachine", "-ControlPlane")
    parts = machine["DefinitionString"]["Fn::Join"][1]
    plan, finish = (one(assembly, "AWS::Lambda::Function", name)[0] for name in ("Plan", "Finish"))
    replaced = {
        json.dumps({"Fn::GetAtt": [plan, "Arn"]}): "arn:plan",
        json.dumps({"Fn::GetAtt": [finish, "Arn"]}): "arn:finish",
    }
    text = "".join(part if isinstance(part, str) else replaced.get(json.dumps(part), "aws") for part in parts)
    assert json.loads(text)["States"] == STATES
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False, "a plan names objects of the capture"


# --- rights ---------------------------------------------------------------------------------------------------------------


def machine_statements(assembly: Assembly) -> list[dict[str, Any]]:
    _, policy = one(assembly, "AWS::IAM::Policy", "MachineRoleDefaultPolicy")
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def ends(resources: Any) -> list[str]:
    """What the ARNs of a statement end with; a reference stands for itself."""

    def end(resource: Any) -> str:
        if isinstance(resource, dict) and "Fn::GetAtt" in resource:
            return str(resource["Fn::GetAtt"][0])
        arn = resource if isinstance(resource, str) else resource["Fn::Join"][1][-1]
        return str(arn.rpartition(":")[2])

    return [end(each) for each in (resources if isinstance(resources, list) else [resources])]


def test_the_machine_calls_functions_of_runs_and_hands_out_their_roles_by_how_they_begin(assembly):
    environment = assembly.settings.environment
    statements = machine_statements(assembly)
    called = [end for s in statements if s["Action"] == "lambda:InvokeFunction" for end in ends(s["Resource"])]
    steps = [one(assembly, "AWS::Lambda::Function", name)[0] for name in ("Plan", "Finish")]
    assert sorted(called) == sorted([*steps, f"{contract.run_function_prefix(environment)}*"])
    (passing,) = [s for s in statements if s["Action"] == "iam:PassRole"]
    assert ends(passing["Resource"]) == [f"role{contract.role_path(environment)}*"]
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


def test_functions_and_roles_of_runs_begin_as_the_machine_may_know_them(assembly):
    environment = assembly.settings.environment
    images = [f for f in assembly.properties("AWS::Lambda::Function") if f.get("PackageType") == "Image"]
    endpoints = {schedule.endpoint for schedule in managed(assembly)}
    compared = {name for name, block in assembly.settings.endpoints.items() if block.retraining}
    assert {found["FunctionName"] for found in images} == {
        contract.run_function_name(environment, endpoint) for endpoint in endpoints | compared
    }
    assert all(found["FunctionName"].startswith(contract.run_function_prefix(environment)) for found in images)
    named = {role["Path"] for role in assembly.properties("AWS::IAM::Role", "-Monitoring") if "Path" in role}
    assert named - {contract.training_role_path(environment)} == {contract.role_path(environment)}
    assert {schedule.run["function"] for schedule in managed(assembly)} <= {found["FunctionName"] for found in images}


@pytest.mark.parametrize("endpoint", ["e" * 63, "a"])
def test_a_function_of_a_long_endpoint_begins_so_too(endpoint):
    name = contract.run_function_name("production-of-us", endpoint)
    assert name.startswith(contract.run_function_prefix("production-of-us"))
    assert len(name) <= 64


def test_the_plan_may_list_captures_and_read_none_of_them(assembly):
    _, policy = one(assembly, "AWS::IAM::Policy", "PlanRoleDefaultPolicy")
    given = [statement["Action"] for statement in policy["PolicyDocument"]["Statement"]]
    actions = {action for each in given for action in ([each] if isinstance(each, str) else each)}
    assert {action for action in actions if action.startswith("s3:")} == {"s3:ListBucket", "s3:PutObject"}


# --- who watches the watchers ---------------------------------------------------------------------------------------------


def test_a_sweep_that_does_not_run_is_told_by_its_own_silence(assembly):
    sweep, _ = one(assembly, "AWS::Lambda::Function", "Sweep")
    (alarm,) = [a for a in assembly.properties("AWS::CloudWatch::Alarm") if a["AlarmName"].endswith("-sweep-silent")]
    _, rule = one(assembly, "AWS::Events::Rule")
    assert (alarm["TreatMissingData"], alarm["ComparisonOperator"], alarm["Threshold"]) == (
        "breaching",
        "LessThanThreshold",
        1,
    )
    assert (alarm["MetricName"], alarm["Dimensions"]) == (
        "Invocations",
        [{"Name": "FunctionName", "Value": {"Ref": sweep}}],
    )
    assert (rule["ScheduleExpression"], alarm["Period"], alarm["EvaluationPeriods"]) == ("rate(15 minutes)", 900, 3)
    assert rule["Targets"][0]["Arn"] == {"Fn::GetAtt": [sweep, "Arn"]}


def test_functions_and_runs_that_fail_are_told(assembly):
    names = {a["AlarmName"] for a in assembly.properties("AWS::CloudWatch::Alarm", "-ControlPlane")}
    told = ("plan-failed", "finish-failed", "sweep-failed", "runs-failed", "runs-not-started", "sweep-silent")
    assert names == {f"{assembly.settings.environment}-control-plane-{what}" for what in told}


def test_silence_is_the_sweep_s_business_where_it_starts_the_runs_and_an_alarm_s_elsewhere(assembly, mixed):
    for each in (assembly, mixed):
        stale = {a["AlarmName"] for a in each.properties("AWS::CloudWatch::Alarm") if a["AlarmName"].endswith("-stale")}
        assert stale == {
            contract.alarm_name(each.settings.environment, contract.schedule_name(endpoint, name), "stale")
            for endpoint, block in each.settings.endpoints.items()
            for name, monitor in block.monitors.items()
            if not monitor.is_managed
        }
    assert stale == {"analysed-fraud-all-stale"}


def test_verdicts_of_killed_runs_are_reconciled_for_the_service_s_schedules_alone(mixed):
    assert watched_of(mixed)["schedules"].keys() == {"fraud-all"}


def test_an_environment_of_the_service_alone_has_no_control_plane(every_type):
    assert not [name for name in every_type.templates if name.endswith("-ControlPlane")]
    assert every_type.properties(SCHEDULE) == []
    assert not list(Path(every_type.folder).glob("*ControlPlane*"))
