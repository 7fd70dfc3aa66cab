"""The kit's own scheduler, deployed: windows, quiet, silence, repeats, quotas and kills, with the deployed programs."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from model_monitor import contract
from stacks import leftovers
from stacks.settings import environment as settings
from tests.captures import csv_side, csv_text, event, json_side
from tests.synthesis import synthesize
from tests.twin import called
from tests.twin.accounts import capture_below, make_buckets, make_endpoint
from twin import Twin
from twin.quotas import Rate

pytestmark = pytest.mark.slow

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TEAM = "team-123456789012"
RECORDS = 40
SCHEDULE, OTHER = "shop-quality", "shop-service"
FUNCTION = contract.run_function_name("shops", "shop")
DOCUMENT: dict[str, Any] = {
    "version": 1,
    "account": "123456789012",
    "region": "eu-west-1",
    "storage": {"keep_data": False},
    "alarms": {"email": ["on-call@example.com"], "messages": "both"},
    "endpoints": {
        "shop": {
            "capture": {"destination": f"s3://{TEAM}/capture"},
            "payload": {"features": ["height", "weight"], "label": "size"},
            "metrics": {"level": "full"},  # by default each scheduler publishes what its own alarms read
            "monitors": {
                name: {
                    "scheduler": scheduler,
                    "min_records": 20,
                    "baseline": {"dataset": f"s3://{TEAM}/baseline.csv"},
                }
                for name, scheduler in (("quality", "managed"), ("service", "model_monitor"))
            },
        }
    },
}


@pytest.fixture(scope="module")
def assembly() -> Path:
    return synthesize(settings.parse(DOCUMENT, "shops", "test")).folder


class Shop:
    """The deployed environment, an endpoint of another team, and what captures it writes."""

    def __init__(self, twin: Twin) -> None:
        self.twin, self.count = twin, 0
        stacks = twin.client("cloudformation").describe_stacks()["Stacks"]
        outputs = [found for stack in stacks for found in stack.get("Outputs", ())]
        self.outputs = {found["OutputKey"]: found["OutputValue"] for found in outputs}

    def capture(self, times: list[datetime], folder: datetime, shift: int = 0) -> None:
        """One captured file below an hour, landing now; one record each at these times."""
        lines = []
        for time in times:
            self.count += 1
            row = {"height": 50 + self.count % 7 + shift, "weight": 20 + self.count % 5}
            lines.append(json.dumps(event(self.count, csv_side([row]), json_side([{"label": 1}]), time)))
        key = f"capture/shop/AllTraffic/{folder:%Y/%m/%d/%H}/{self.count:06}.jsonl"
        self.twin.client("s3").put_object(Bucket=TEAM, Key=key, Body="\n".join(lines).encode() + b"\n")

    def call(self, start: datetime) -> None:
        """That the endpoint was called in an hour, as SageMaker counts it."""
        dimensions = [{"Name": "EndpointName", "Value": "shop"}, {"Name": "VariantName", "Value": "AllTraffic"}]
        point = {"MetricName": "Invocations", "Dimensions": dimensions, "Timestamp": start + 30 * MINUTE}
        cloudwatch = self.twin.client("cloudwatch", principal="sagemaker.amazonaws.com")
        cloudwatch.put_metric_data(Namespace="AWS/SageMaker", MetricData=[{**point, "Value": 100.0, "Unit": "Count"}])

    def live(self, start: datetime, *, shift: int = 0) -> None:
        """An hour of traffic, to its end."""
        self.twin.advance_to(start + 59 * MINUTE)
        self.call(start)
        self.capture([start + MINUTE * n for n in range(RECORDS)], start, shift)
        self.twin.advance_to(start + HOUR)

    def runs(self, schedule: str = SCHEDULE) -> dict[str, dict[str, Any]]:
        """Hour at which a window ended → what is kept of its run."""
        found = self.twin.client("dynamodb").query(
            TableName=self.outputs["RunsTable"],
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"run#{schedule}"}},
        )["Items"]
        plain = [{name: next(iter(value.values())) for name, value in item.items()} for item in found]
        return {item["sk"][11:13]: item for item in plain}

    def verdicts(self) -> dict[str, str]:
        return {hour: item.get("verdict", "") for hour, item in self.runs().items()}

    def mails(self) -> list[str]:
        return [entry.data["subject"] for entry in self.twin.journal.of("mail")]

    def files(self, schedule: str, end: datetime) -> dict[str, Any]:
        """What a run left, by name; of the report all but what tells of the run or names its schedule."""
        (reports,) = [b["Name"] for b in self.twin.client("s3").list_buckets()["Buckets"] if "reports" in b["Name"]]
        prefix = f"{contract.report_key('reports', 'shop', schedule, end)}/"
        s3, found = self.twin.client("s3"), {}
        for item in s3.list_objects_v2(Bucket=reports, Prefix=prefix).get("Contents", []):
            content = (
                s3.get_object(Bucket=reports, Key=item["Key"])["Body"].read().replace(schedule.encode(), b"SCHEDULE")
            )
            name = item["Key"].removeprefix(prefix)
            found[name] = content
            if name == contract.REPORT_FILE:
                report = found[name] = {**json.loads(content), "run": 0}
                assert report["provenance"].pop(contract.Variable.MONITOR_CONFIG_SHA256)
        return found

    def containers(self) -> int:
        """How many functions and jobs have analysed something."""
        return len([e for e in self.twin.journal.of("function") if e.data["function"] == FUNCTION])


@pytest.fixture
def shop(tmp_path: Path, assembly: Path) -> Iterator[Shop]:
    with Twin(tmp_path / "twin", start=START) as twin:
        make_buckets(twin, TEAM)
        rows = [["height", "weight", "size"], *([50 + n % 7, 20 + n % 5, 1] for n in range(400))]
        twin.client("s3").put_object(Bucket=TEAM, Key="baseline.csv", Body=csv_text(rows).encode())
        make_endpoint(twin, "shop", capture_below(f"s3://{TEAM}/capture"), artefact=None, variant="AllTraffic")
        twin.deploy_assembly(assembly)
        yield Shop(twin)


def test_quiet_is_told_from_dead_and_both_schedulers_leave_the_same_bytes(shop: Shop) -> None:
    twin, at = shop.twin, [START + n * HOUR for n in range(12)]
    shop.live(at[0])
    shop.live(at[1], shift=40)
    twin.advance_to(at[3])  # nobody calls
    began = shop.containers()
    assert began == 2, "one for each hour of traffic"
    twin.advance_to(at[3] + 50 * MINUTE)
    assert shop.verdicts() == {"06": "no_data", "07": "ok", "08": "violated", "09": "no_data"}
    assert shop.containers() == began, "a quiet hour starts no container"
    bucket, key = shop.runs()["09"]["report"].removeprefix("s3://").split("/", 1)
    left = json.loads(twin.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    assert (left["verdict"], left["window"]["end"]) == ("no_data", f"{at[3]:%Y-%m-%dT%H:%M:%SZ}"), (
        "its page is drawn of it"
    )
    assert [mail for mail in shop.mails() if "STALE" in mail or "error" in mail] == []
    assert shop.mails().count(f"VIOLATED: {SCHEDULE} 2026-03-02 07:00") == 1, "the run itself tells what broke"
    for end in (at[1], at[2]):
        ours, theirs = shop.files(SCHEDULE, end), shop.files(OTHER, end)
        assert contract.REPORT_FILE in ours
        assert ours == theirs

    # the boundary: 1,000 records around 10:00 in one file of the hour before, which lands minutes later
    twin.advance_to(at[4] - MINUTE)
    second = timedelta(seconds=1)
    times = [at[4] - 30 * second + n * 60 * second / 1000 for n in range(1000)]
    twin.advance_to(at[4] + 4 * MINUTE)
    shop.call(at[3])
    shop.capture(times, at[3])
    shop.live(at[4])
    twin.advance_to(at[5] + 50 * MINUTE)
    runs = shop.runs()
    assert int(runs["10"]["records"]) == 500
    assert int(runs["11"]["records"]) == 500 + RECORDS

    # the schedule is dead for four hours of traffic: one page within two periods, and one recovery
    change_state(twin, "DISABLED")
    for hour in at[5:9]:
        shop.live(hour)
    stale = [entry.time for entry in twin.journal.of("mail") if "STALE" in entry.data["subject"]]
    assert len(stale) == 1
    assert stale[0] - (at[6]) <= 2 * HOUR
    change_state(twin, "ENABLED")
    for hour in at[9:11]:
        shop.live(hour)
    twin.advance(50 * MINUTE)
    told = Counter(mail.partition(":")[0] for mail in shop.mails() if SCHEDULE in mail and "judges" in mail)
    assert told == {"STALE": 1, "OK": 1}
    assert twin.identity.violations() == []
    assert called.gone("test_managed_runs", called.collect(twin, called.roles(twin))) == []


def change_state(twin: Twin, state: str) -> None:
    """What an operator does."""
    client = twin.client("scheduler")
    group = contract.schedule_group("shops")
    found = client.get_schedule(Name=SCHEDULE, GroupName=group)
    kept = ("Name", "GroupName", "ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target")
    client.update_schedule(**{key: found[key] for key in kept}, State=state)


def test_every_event_twice_and_every_step_killed_once_gives_one_verdict_a_window(shop: Shop) -> None:
    twin = shop.twin
    twin.scheduler.deliver_twice = True
    killed = kill_once(twin, ("PlanFunction", "FinishFunction", FUNCTION))
    for number in range(2):
        shop.live(START + number * HOUR)
    twin.advance(2 * HOUR)
    assert {hour: shop.verdicts()[hour] for hour in ("07", "08")} == {"07": "ok", "08": "ok"}
    assert len(killed) == 3, "plan, finish and the run itself"
    told = [e.data["event"]["detail"] for e in twin.journal.of("event") if "Monitoring Run Ended" in e.text]
    by_window = {detail["window"]["end"]: detail["verdict"] for detail in told}
    assert {(d["window"]["end"], d["verdict"]) for d in told} == set(by_window.items()), "repeats tell the same"


def kill_once(twin: Twin, names: tuple[str, ...]) -> list[str]:
    """Have the first call of each of these functions do its work and be killed before it answers."""
    killed: list[str] = []

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        def run(deployed: Any, *arguments: Any) -> Any:
            answer = real(deployed, *arguments)
            name = next((each for each in names if each in deployed.function_name), None)
            if name is None or name in killed:
                return answer
            killed.append(name)
            message = "Error: Runtime exited with error: signal: killed"
            return {"errorType": "Runtime.ExitError", "errorMessage": message}, message, ""

        return run

    functions: Any = twin.functions
    functions._run, functions._run_image = dying(functions._run), dying(functions._run_image)
    return killed


def look_every_five_minutes(twin: Twin) -> None:
    """As a deployment with `schedule: every 5 minutes` leaves it."""
    cadence = settings.parse(often(), "shops", "test").endpoints["shop"].monitors["quality"]
    ssm, name = twin.client("ssm"), f"{contract.monitors_prefix('shops')}/{SCHEDULE}"
    document = json.loads(ssm.get_parameter(Name=name)["Parameter"]["Value"])
    minutes = {
        "period_minutes": 5,
        "window_minutes": 5,
        "delay_minutes": cadence.delay_time // MINUTE,
        "jitter_minutes": 0,
    }
    ssm.put_parameter(Name=name, Value=json.dumps(document | minutes), Type="String", Overwrite=True)
    client, group = twin.client("scheduler"), contract.schedule_group("shops")
    target = client.get_schedule(Name=SCHEDULE, GroupName=group)["Target"]
    client.update_schedule(
        Name=SCHEDULE,
        GroupName=group,
        Target=target,
        FlexibleTimeWindow={"Mode": "OFF"},
        ScheduleExpression=cadence.cadence.scheduler_expression(cadence.delay_time),
    )


def often() -> dict[str, Any]:
    endpoint = DOCUMENT["endpoints"]["shop"]
    quality = {**endpoint["monitors"]["quality"], "schedule": "every 5 minutes"}
    return {**DOCUMENT, "endpoints": {"shop": {**endpoint, "monitors": {"quality": quality}}}}


def test_every_five_minutes_an_event_has_its_verdict_within_ten(shop: Shop) -> None:
    twin, events = shop.twin, [START + 5 * MINUTE + n * timedelta(seconds=10) for n in range(45)]
    look_every_five_minutes(twin)
    for minute in range(5, 13):  # each minute's capture arrives two minutes later
        twin.advance_to(START + (minute + 2) * MINUTE)
        shop.capture([time for time in events if time.minute == minute], START)
    twin.advance_to(START + 20 * MINUTE)
    told = [
        (entry.time, entry.data["event"]["detail"]["window"])
        for entry in twin.journal.of("event")
        if "Monitoring Run Ended" in entry.text
    ]
    judged = [
        min(at for at, window in told if window["start"] <= f"{time:%Y-%m-%dT%H:%M:%SZ}" < window["end"]) - time
        for time in events
    ]
    assert 4 * MINUTE < max(judged) <= 10 * MINUTE


REQUESTS = {  # of an account that takes few: fewer than the schedules of one minute ask for
    "stepfunctions:StartExecution": Rate(7, 7 / 60),
    "lambda:Invoke": Rate(6, 6 / 60),
    "sagemaker:CreateProcessingJob": Rate(5, 5 / 60),
    "sagemaker:DescribeProcessingJob": Rate(2, 2 / 60),
}
THROTTLED = ("ThrottlingException", "TooManyRequestsException")


def test_large_windows_of_a_fleet_wait_for_instances_and_requests_and_each_has_its_verdict_once(shop: Shop) -> None:
    """Twelve schedules of one minute where the account may run four jobs and takes few requests a second."""
    twin, quota, windows = shop.twin, 4, 12
    twin.quotas.processing_jobs = {"ml.m5.large": quota}
    ssm, name = twin.client("ssm"), f"{contract.monitors_prefix('shops')}/{SCHEDULE}"
    document = json.loads(ssm.get_parameter(Name=name)["Parameter"]["Value"])
    ssm.put_parameter(Name=name, Value=json.dumps({**document, "runner": "processing"}), Type="String", Overwrite=True)
    twin.advance_to(START + HOUR)
    before = [START - (n + 2) * HOUR for n in range(windows)]  # that no schedule has looked at
    for start in before:
        shop.capture([start + MINUTE * n for n in range(RECORDS)], start)
    start_together(twin, [start + HOUR + 15 * MINUTE for start in before], START + HOUR + 10 * MINUTE)
    refused: set[tuple[str, str]] = set()
    twin.api.observe(lambda call: refused.add((f"{call.service}:{call.operation}", call.error)))
    twin.quotas.requests = REQUESTS
    twin.advance(HOUR)
    twin.quotas.requests = {}
    ended = [item for item in shop.runs().values() if item["runner"] == "processing"]
    assert [item["verdict"] for item in ended] == ["ok"] * windows
    told = [e.data["event"]["detail"] for e in twin.journal.of("event") if "Monitoring Run Ended" in e.text]
    ends = Counter(detail["window"]["end"] for detail in told if detail["runner"] == "processing")
    assert ends == {f"{start + HOUR:%Y-%m-%dT%H:%M:%SZ}": 1 for start in before}
    started = Counter(e.time for e in twin.journal.of("processing") if e.text.endswith(" started"))
    assert max(started.values()) <= quota, "a job holds its instance for the minute in which it runs"
    assert len(started) >= windows / quota
    assert {operation for operation, error in refused if error in THROTTLED} == REQUESTS.keys()
    assert ("sagemaker:CreateProcessingJob", "ResourceLimitExceeded") in refused
    assert [mail for mail in shop.mails() if "ERROR" in mail or "STALE" in mail] == []
    assert twin.identity.violations() == []
    assert called.gone("test_managed_runs_of_jobs", called.collect(twin, called.roles(twin))) == []


def start_together(twin: Twin, scheduled: list[datetime], minute: datetime) -> None:
    """Schedules beside the deployed one, as many endpoints have them, which all start a run in one minute."""
    client, group = twin.client("scheduler"), contract.schedule_group("shops")
    target = client.get_schedule(Name=SCHEDULE, GroupName=group)["Target"]
    for number, time in enumerate(scheduled):
        given = {"schedule": SCHEDULE, "scheduled_time": f"{time:%Y-%m-%dT%H:%M:%SZ}"}
        client.create_schedule(
            Name=f"{SCHEDULE}-{number:02}",
            GroupName=group,
            ScheduleExpression=f"at({minute:%Y-%m-%dT%H:%M:%S})",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={**target, "Input": json.dumps(given)},
        )


# --- an endpoint that goes ------------------------------------------------------------------------------------------------

GONE = "kiosk"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/serving:1"


def pair(*names: str) -> dict[str, Any]:
    """An environment of endpoints that it serves itself; baselines are brought, so that no job computes them."""
    given = {"constraints": f"s3://{TEAM}/constraints.json", "statistics": f"s3://{TEAM}/statistics.json"}
    endpoint = {
        "model": {"artifact": f"s3://{TEAM}/model.tar.gz", "image": IMAGE, "serving_script": "own"},
        "monitors": {"quality": {"baseline": given}},
    }
    head = {name: DOCUMENT[name] for name in ("version", "account", "region", "alarms")}
    return {**head, "endpoints": dict.fromkeys(names, endpoint)}


def test_an_endpoint_that_is_taken_out_of_the_file_leaves_nothing_that_runs_or_alarms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_it, without = (
        synthesize(settings.parse(pair(*names), "pair", "test")).folder for names in (("shop", GONE), ("shop",))
    )
    with Twin(tmp_path / "twin", start=START) as twin:
        make_buckets(twin, TEAM)
        for key in ("model.tar.gz", "constraints.json", "statistics.json"):
            twin.client("s3").put_object(Bucket=TEAM, Key=key, Body=b"{}")
        twin.deploy_assembly(with_it)
        twin.advance(HOUR / 2)
        environment = Shop(twin)
        assert set(environment.verdicts().values()) == set(verdicts(environment, GONE)) == {"no_data"}

        twin.deploy_assembly(without)  # the entry is gone; a deployment deletes no stack
        deployed = json.dumps(twin.client("cloudformation").describe_stacks()["Stacks"], default=str)
        monkeypatch.setattr("sys.stdin", io.StringIO(f'{{"Stacks": {deployed}}}'))
        assert leftovers.main([str(without)]) == 0
        named = [line.split()[-1] for line in capsys.readouterr().out.splitlines() if " delete-stack " in line]
        assert named == [f"pair-{GONE}-Monitoring", f"pair-{GONE}-Endpoint"]
        for name in named:
            stack = twin.deployments.find(name)
            twin.client("cloudformation").delete_stack(StackName=name)
            assert twin.deployments.wait(stack) == "DELETE_COMPLETE"
        assert what_is_there(twin) == {f"/model-monitor/pair/{GONE}/live/model"}, "what was live is kept, as data is"

        twin.advance(HOUR)
        assert environment.verdicts() == {"06": "no_data", "07": "no_data"}, "the other goes on"
        assert verdicts(environment, GONE) == ["no_data"]
        assert [e.text for e in twin.journal.of("workflow") if e.data["status"] == "FAILED"] == []
        told = [mail for mail in environment.mails() if "sweep-silent" not in mail]  # functions have no metrics here
        assert told == []
        silences = {item["sk"]["S"] for item in items(environment, "silence")}
        assert silences == {SCHEDULE}, "it would begin anew"
        assert twin.identity.violations() == []
        assert called.gone("test_managed_runs_without_one", called.collect(twin, called.roles(twin))) == []


def items(of: Shop, partition: str) -> list[dict[str, Any]]:
    """Of the environment's table."""
    found: list[dict[str, Any]] = of.twin.client("dynamodb").query(
        TableName=of.outputs["RunsTable"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": partition}},
    )["Items"]
    return found


def verdicts(of: Shop, endpoint: str) -> list[str]:
    return [item["verdict"]["S"] for item in items(of, f"run#{endpoint}-quality")]


def what_is_there(twin: Twin) -> set[str]:
    """Whatever names the endpoint that is gone, of all that could run, alarm or cost."""
    listed = {
        "cloudwatch": ("describe_alarms", "MetricAlarms", "AlarmName"),
        "scheduler": ("list_schedules", "Schedules", "Name"),
        "lambda": ("list_functions", "Functions", "FunctionName"),
        "sagemaker": ("list_endpoints", "Endpoints", "EndpointName"),
        "events": ("list_rules", "Rules", "Name"),
        "iam": ("list_roles", "Roles", "RoleName"),
        "ssm": ("describe_parameters", "Parameters", "Name"),
        "logs": ("describe_log_groups", "logGroups", "logGroupName"),
    }
    names = {
        each[name]
        for service, (operation, many, name) in listed.items()
        for page in twin.client(service).get_paginator(operation).paginate()
        for each in page[many]
    }
    (shown,) = twin.client("cloudwatch").list_dashboards()["DashboardEntries"]
    body = twin.client("cloudwatch").get_dashboard(DashboardName=shown["DashboardName"])["DashboardBody"]
    assert "shop" in body
    assert GONE not in body
    return {name for name in names if GONE in name}
