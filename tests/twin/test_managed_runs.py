"""The kit's own scheduler, deployed: windows, quiet, silence, repeats, quotas and kills, with the deployed programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from model_monitor import contract
from stacks.settings import environment as settings
from tests.captures import csv_side, csv_text, event, json_side
from tests.synthesis import synthesize
from tests.twin import called
from tests.twin.accounts import capture_below, make_buckets, make_endpoint
from twin import Twin

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


def test_large_windows_wait_for_instances_and_each_has_its_verdict(shop: Shop) -> None:
    """Twelve windows at once where the account may run four jobs: as many schedules of a fleet in the same minute."""
    twin, quota, windows = shop.twin, 4, 12
    twin.quotas.processing_jobs = {"ml.m5.large": quota}
    ssm, name = twin.client("ssm"), f"{contract.monitors_prefix('shops')}/{SCHEDULE}"
    document = json.loads(ssm.get_parameter(Name=name)["Parameter"]["Value"])
    ssm.put_parameter(Name=name, Value=json.dumps({**document, "runner": "processing"}), Type="String", Overwrite=True)
    twin.advance_to(START + HOUR)
    before = [START - (n + 2) * HOUR for n in range(windows)]  # that no schedule has looked at
    for start in before:
        shop.capture([start + MINUTE * n for n in range(RECORDS)], start)
    for start in before:
        given = {"schedule": SCHEDULE, "scheduled_time": f"{start + HOUR + 15 * MINUTE:%Y-%m-%dT%H:%M:%SZ}"}
        twin.client("stepfunctions").start_execution(
            stateMachineArn=shop.outputs["RunsMachine"], input=json.dumps(given)
        )
    twin.advance(HOUR / 2)
    ended = [item for item in shop.runs().values() if item["runner"] == "processing"]
    assert [item["verdict"] for item in ended] == ["ok"] * windows
    started = Counter(e.time for e in twin.journal.of("processing") if e.text.endswith(" started"))
    assert max(started.values()) <= quota, "a job holds its instance for the minute in which it runs"
    assert len(started) >= windows / quota
    assert twin.identity.violations() == []
    assert called.gone("test_managed_runs_of_jobs", called.collect(twin, called.roles(twin))) == []
