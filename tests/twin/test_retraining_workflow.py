"""The retraining of one endpoint, deployed: the model that is better serves, and whatever goes wrong leaves the old one serving.

One account through all tests, in their order: each begins where the one before left the endpoint.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from model_monitor import contract
from model_monitor.ground_truth_writer import file_contents, group
from stacks.settings import environment as settings
from tests.captures import csv_text
from tests.synthesis import synthesize
from tests.twin import called
from tests.twin.accounts import allow_everything, archive, make_buckets
from twin import Twin

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
START = datetime(2026, 3, 2, 6, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TEAM, PUMP, SCHEDULE, PIPELINE = "team-123456789012", "pump", "pump-loop", "pump-trains"
NAMES = ("temperature", "pressure", "turns")
OTHER = "210987654321"  # the account of another team, who keep the registry of all models
SHARED = f"arn:aws:sagemaker:eu-west-1:{OTHER}:model-package-group/pumps"
REGISTRAR = f"arn:aws:iam::{OTHER}:role/registers"
XGBOOST = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:3.0-5"
OLD, NEW = 20, 40  # degrees around which pumps run; who is warmer than that is labelled 1
HYPERPARAMETERS = {"num_round": 4, "max_depth": 3, "nthread": 1, "seed": 7}
DOCUMENT: dict[str, Any] = {
    "version": 1,
    "account": "123456789012",
    "region": "eu-west-1",
    "storage": {"keep_data": False},
    "alarms": {"email": ["on-call@example.com"]},
    "endpoints": {
        PUMP: {
            "model": {"image": XGBOOST, "artifact": f"s3://{TEAM}/model.tar.gz", "instance_count": 2},
            "payload": {"features": list(NAMES), "label": "is_warm"},
            "ground_truth": {},
            "monitors": {
                "loop": {
                    "types": ["data_quality", "model_quality"],
                    "min_records": 20,
                    "baseline": {"dataset": f"s3://{TEAM}/baseline.csv"},
                    "model_quality": {"problem_type": "binary", "min_coverage": 0.5, "label_horizon": "P1D"},
                }
            },
            "retraining": {
                "mode": "train",
                "image": XGBOOST,
                "training_data": f"s3://{TEAM}/train/",
                "hyperparameters": HYPERPARAMETERS,
                "recent_hours": 1,
                "approval_hours": 1,
                "gate": {"metric": "accuracy", "min_records": 20},
                "deployment": {"wait_seconds": 120},
                "watch": {"windows": 1},
            },
        }
    },
}


def rows(around: int, count: int, seed: int) -> list[list[Any]]:
    """Label first, then the features."""
    dice = random.Random(seed)
    found = [[round(dice.gauss(around, 2), 2), round(dice.gauss(5, 1), 2), dice.randrange(50)] for _ in range(count)]
    return [[int(row[0] > around), *row] for row in found]


def document(**changes: Any) -> settings.Settings:
    return settings.parse({**DOCUMENT, **changes}, "pumps", "test")


@dataclass
class Pump:
    """The deployed endpoint, as its application, an operator and a person who approves see it."""

    twin: Twin
    folder: Path
    started: int = 0
    machine: str = ""
    buckets: dict[str, str] = field(default_factory=dict)
    group: str = contract.model_group("pumps", PUMP)
    registrar: str | None = None  # in whose name people look into the registry

    @property
    def registry(self) -> Any:
        return self.twin.client("sagemaker", role=self.registrar)

    @property
    def now(self) -> datetime:
        return self.twin.clock.now()

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self.twin.client("s3").put_object(Bucket=bucket, Key=key, Body=body)

    def text(self, bucket: str, key: str) -> str:
        return str(self.twin.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode())

    def labelled(self, around: int, window: datetime) -> None:
        """Rows of a window as runs write them, some of them held out."""
        for place, count, seed in (("training", 150, 3), ("holdout", 60, 4)):
            key = f"{PUMP}/{place}/{window:%Y-%m-%dT%H%M}.csv"
            self.put(self.buckets["groundtruth"], key, csv_text(rows(around, count, seed)).encode())

    def start(self, **given: Any) -> str:
        self.started += 1
        run = f"pump-retraining-{self.now:%Y%m%d%H%M}-{self.started}"
        wanted = {"endpoint": PUMP, "run": run, "mode": "train", "reason": "drift", "started_by": "manual", **given}
        states = self.twin.client("stepfunctions")
        arn = states.start_execution(stateMachineArn=self.machine, name=run, input=json.dumps(wanted))["executionArn"]
        return str(arn)

    def until(self, arn: str, *, minutes: int = 60, waiting_for: str = "") -> dict[str, Any]:
        """Let time pass until an execution has ended, or has entered a state."""
        states = self.twin.client("stepfunctions")
        for _ in range(minutes):
            found: dict[str, Any] = states.describe_execution(executionArn=arn)
            if found["status"] != "RUNNING" or (waiting_for and waiting_for in self.states(arn)):
                return found
            self.twin.advance(MINUTE)
        raise AssertionError(f"after {minutes} minutes it is still in {self.states(arn)[-1:]}")

    def states(self, arn: str) -> list[str]:
        history = self.twin.client("stepfunctions").get_execution_history(executionArn=arn, maxResults=1000)["events"]
        return [each["stateEnteredEventDetails"]["name"] for each in history if "stateEnteredEventDetails" in each]

    def ended(self, arn: str, **more: Any) -> dict[str, Any]:
        """What the execution said of its end, and what is kept of it."""
        found = self.until(arn, **more)
        run = arn.rpartition(":")[2]
        key = f"retraining/{PUMP}/{run}/record.json"
        record: dict[str, Any] = json.loads(self.text(self.buckets["reports"], key))
        assert record["run"] == run
        return record | {"status": found["status"]}

    @property
    def policy(self) -> str:
        name = contract.policy_parameter("pumps", PUMP)
        return str(self.twin.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])

    def live(self, what: str = "model") -> str:
        name = contract.live_parameter("pumps", PUMP, what)
        return str(self.twin.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])

    def current(self) -> str:
        return str(json.loads(self.text(self.buckets["baseline"], f"baselines/{PUMP}/current.json"))["version"])

    def served(self) -> dict[str, Any]:
        """The endpoint's configuration with the artefact that its variant serves."""
        sagemaker = self.twin.client("sagemaker")
        name = sagemaker.describe_endpoint(EndpointName=PUMP)["EndpointConfigName"]
        found: dict[str, Any] = sagemaker.describe_endpoint_config(EndpointConfigName=name)
        (variant,) = found["ProductionVariants"]
        model = sagemaker.describe_model(ModelName=variant["ModelName"])["PrimaryContainer"]
        return {**variant, "artifact": model["ModelDataUrl"], "capture": found["DataCaptureConfig"]}

    def call(self, around: int, count: int = 60, *, is_wrong: bool = False) -> float:
        """Requests of ten records each and, a little later, what was true of them; the share that was answered rightly.

        is_wrong: the truth is the contrary of what the model learnt.
        """
        found = rows(around, count, self.started + 50)
        right, known = 0, []
        for start in range(0, count, 10):
            part = found[start : start + 10]
            body = json.dumps([dict(zip(NAMES, row[1:], strict=True)) for row in part])
            name = f"{self.now:%H%M}-{start}"
            answer = self.twin.client("sagemaker-runtime").invoke_endpoint(
                EndpointName=PUMP,
                ContentType="application/json",
                Accept="application/json",
                Body=body,
                InferenceId=name,
            )
            for place, (row, said) in enumerate(zip(part, json.loads(answer["Body"].read()), strict=True)):
                right += row[0] == said["label"]
                known.append((name, place, row[0] ^ int(is_wrong)))
        for path, lines in file_contents(group(known), self.now).items():
            self.put(self.buckets["groundtruth"], f"{PUMP}/ground-truth/{path}", lines)
        return right / count

    def fail(self) -> None:
        """Requests of this minute are answered with errors, as SageMaker counts them."""
        dimensions = [{"Name": "EndpointName", "Value": PUMP}, {"Name": "VariantName", "Value": "AllTraffic"}]
        point = {"MetricName": "Invocation5XXErrors", "Dimensions": dimensions, "Timestamp": self.now, "Value": 1.0}
        cloudwatch = self.twin.client("cloudwatch", principal="sagemaker.amazonaws.com")
        cloudwatch.put_metric_data(Namespace="AWS/SageMaker", MetricData=[point])
        self.twin.advance(MINUTE)

    def mails(self, word: str) -> list[str]:
        return [entry.data["subject"] for entry in self.twin.journal.of("mail") if word in entry.data["subject"]]

    def run_of(self, end: datetime) -> dict[str, str]:
        found = self.twin.client("dynamodb").get_item(
            TableName=self.buckets["table"],
            Key={"pk": {"S": f"run#{SCHEDULE}"}, "sk": {"S": f"{end:%Y-%m-%dT%H:%M:%SZ}"}},
        )
        return {name: next(iter(value.values())) for name, value in found.get("Item", {}).items()}

    def decide(self, status: str) -> None:
        """A person decides about the newest package."""
        self.registry.update_model_package(ModelPackageArn=self.packages()[-1], ModelApprovalStatus=status)

    def packages(self) -> list[str]:
        """ARNs of the registry's versions, oldest first."""
        listed = self.registry.list_model_packages(ModelPackageGroupName=self.group)["ModelPackageSummaryList"]
        return sorted((each["ModelPackageArn"] for each in listed), key=lambda arn: int(arn.rpartition("/")[2]))


def first_model(folder: Path, python: Path) -> bytes:
    """What a team trained before: pumps around twenty degrees."""
    code, channel, model = folder / "code", folder / "train", folder / "model"
    for place in (code, channel, model):
        place.mkdir(parents=True)
    for path in (ROOT / "stacks" / "model_code").glob("*.py"):
        (code / path.name).write_text(path.read_text())
    (code / "payload.json").write_text(json.dumps({"features": [{"name": name} for name in NAMES]}))
    (channel / "train.csv").write_text(csv_text(rows(OLD, 150, 1)))
    options = [part for name, value in HYPERPARAMETERS.items() for part in (f"--{name}", str(value))]
    command = [str(python), str(code / "train.py"), *options, "--train", str(channel), "--model-dir", str(model)]
    subprocess.run(command, check=True, capture_output=True)
    return archive({path.name: path.read_text() for path in model.iterdir()})


def first_dataset() -> bytes:
    """Of the first baseline: pumps around twenty degrees, and a model that is nearly always right."""
    header = [*NAMES, "is_warm", "label", "score"]
    found = [
        [*row[1:], row[0], row[0] ^ (n % 50 == 0), 0.9 if row[0] else 0.1] for n, row in enumerate(rows(OLD, 300, 2))
    ]
    return csv_text([header, *found]).encode()


@pytest.fixture(scope="module")
def pump(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Pump]:
    folder = tmp_path_factory.mktemp("pump")
    assembly = synthesize(document()).folder
    with Twin(folder / "twin", start=START) as twin:
        make_buckets(twin, TEAM)
        found = Pump(twin, folder)
        found.put(TEAM, "model.tar.gz", first_model(folder / "first", twin.xgboost_python))
        found.put(TEAM, "train/train.csv", csv_text(rows(OLD, 150, 1)).encode())
        found.put(TEAM, "baseline.csv", first_dataset())
        twin.deploy_assembly(assembly)
        outputs = {
            output["OutputKey"]: output["OutputValue"]
            for stack in twin.client("cloudformation").describe_stacks()["Stacks"]
            for output in stack.get("Outputs", ())
        }
        found.machine = outputs["RetrainingMachine"]
        names = {"groundtruth": "GroundTruthBucket", "reports": "ReportsBucket", "baseline": "BaselineBucket"}
        found.buckets = {name: outputs[key] for name, key in names.items()} | {"table": outputs["RunsTable"]}
        yield found
        assert twin.identity.violations() == []
        if request.session.testsfailed == 0:
            assert called.gone("test_retraining_workflow", called.collect(twin, called.roles(twin))) == []


FIRST = f"s3://{TEAM}/model.tar.gz"


def test_a_better_model_is_approved_and_deployed_and_its_next_window_is_healthy(pump: Pump) -> None:
    pump.twin.advance_to(START + 30 * MINUTE)
    pump.labelled(NEW, START)
    first_version = pump.current()
    arn = pump.start()
    pump.until(arn, waiting_for="Approve")
    assert pump.mails("APPROVE?") == ["APPROVE? A better model of pump waits"]
    assert pump.served()["artifact"] == FIRST
    pump.decide("Approved")
    pump.until(arn, waiting_for="AwaitUpdate")
    assert pump.call(NEW) < 0.9, "most requests are still answered by the old model"
    pump.until(arn, waiting_for="AwaitWindow")

    served, run = pump.served(), arn.rpartition(":")[2]
    assert (
        served["artifact"]
        == pump.live()
        == f"s3://{served['artifact'].split('/')[2]}/models/{PUMP}/{run}/output/model.tar.gz"
    )
    assert served["capture"]["EnableCapture"] is True
    assert (pump.current(), pump.live("baseline")) == (f"v-{run}", f"v-{run}")
    pump.twin.advance_to(START + HOUR + 10 * MINUTE)
    assert pump.call(NEW) > 0.9
    record = pump.ended(arn, minutes=150)
    assert (record["result"], record["status"]) == ("deployed", "SUCCEEDED")
    found = pump.run_of(START + 2 * HOUR)
    assert (found["verdict"], found["records"]) == ("ok", "60"), "capture goes on, and the new baseline fits"
    assert first_version != pump.current()


def test_a_training_that_fails_leaves_the_old_model(pump: Pump) -> None:
    name = contract.policy_parameter("pumps", PUMP)
    ssm = pump.twin.client("ssm")
    before, policy = (pump.served(), pump.live(), pump.current()), pump.policy
    faulty = json.loads(policy)
    faulty["training"]["hyperparameters"]["objective"] = "multi:softprob"
    faulty["training"]["hyperparameters"]["num_class"] = "1"
    ssm.put_parameter(Name=name, Value=json.dumps(faulty), Overwrite=True)
    pump.labelled(NEW, pump.now.replace(minute=0))
    record = pump.ended(pump.start())
    ssm.put_parameter(Name=name, Value=policy, Overwrite=True)
    assert (record["result"], record["status"]) == ("training_failed", "FAILED")
    assert "num_class" in record["reason"]
    assert (pump.served(), pump.live(), pump.current()) == before
    assert pump.mails("RETRAINING TRAINING FAILED")


def test_a_later_deployment_keeps_the_new_model_and_its_baseline(pump: Pump) -> None:
    """Another tag, another instance type; and from here on a pipeline trains, and models are registered in another account."""
    live, current = pump.live(), pump.current()
    make_pipeline(pump)
    make_registry(pump)
    changed = json.loads(json.dumps(DOCUMENT["endpoints"]))
    changed[PUMP]["model"]["instance_type"] = "ml.m5.xlarge"
    changed[PUMP]["retraining"]["pipeline"] = {"name": PIPELINE}
    changed[PUMP]["retraining"]["registry"] = {"group": SHARED, "role_arn": REGISTRAR}
    del changed[PUMP]["retraining"]["image"]
    pump.twin.deploy_assembly(synthesize(document(endpoints=changed, tags={"cost-center": "4711"})).folder)
    served = pump.served()
    assert (served["artifact"], served["InstanceType"]) == (live, "ml.m5.xlarge")
    assert (pump.live(), pump.current(), pump.live("baseline")) == (live, current, current)


def make_pipeline(pump: Pump) -> None:
    """A team's own: one step that trains on what it is told, with the kit's script."""
    training = json.loads(pump.policy)["training"]
    allow_everything(pump.twin, "pipelines")
    role = f"arn:aws:iam::{pump.twin.account}:role/pipelines"

    def channel(name: str, parameter: str) -> dict[str, Any]:
        source = {"S3DataType": "ManifestFile", "S3Uri": {"Get": f"Parameters.{parameter}"}}
        return {"ChannelName": name, "DataSource": {"S3DataSource": source}}

    submitted = {"sagemaker_program": "train.py", "sagemaker_submit_directory": training["source_uri"]}
    arguments = {
        "AlgorithmSpecification": {"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
        "RoleArn": role,
        "HyperParameters": {
            **training["hyperparameters"],
            **{name: json.dumps(value) for name, value in submitted.items()},
        },
        "InputDataConfig": [channel("train", "TrainManifest"), channel("fresh", "FreshManifest")],
        "OutputDataConfig": {"S3OutputPath": {"Get": "Parameters.OutputUri"}, "KmsKeyId": training["kms_key_arn"]},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    names = ("TrainManifest", "FreshManifest", "OutputUri")
    definition = {
        "Version": "2020-12-01",
        "Parameters": [{"Name": name, "Type": "String"} for name in names],
        "Steps": [{"Name": "Fit", "Type": "Training", "Arguments": arguments}],
    }
    pump.twin.client("sagemaker").create_pipeline(
        PipelineName=PIPELINE,
        PipelineDefinition=json.dumps(definition),
        ClientRequestToken="0" * 32,
        RoleArn=role,
    )


def make_registry(pump: Pump) -> None:
    """What the other account does: a group, a role that trusts this account, and events that are forwarded."""
    packages = SHARED.replace(":model-package-group/", ":model-package/")
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{pump.twin.account}:root"},
        "Action": "sts:AssumeRole",
    }
    allowed = {"Effect": "Allow", "Action": "sagemaker:*ModelPackage*", "Resource": [SHARED, f"{packages}/*"]}
    pump.twin.identity.lend(REGISTRAR, {"Statement": [trust]}, {"Statement": [allowed]})
    pump.twin.model_packages.forwarding.add(OTHER)
    pump.twin.client("sagemaker", role=REGISTRAR).create_model_package_group(ModelPackageGroupName="pumps")


def test_a_model_that_is_no_better_changes_nothing(pump: Pump) -> None:
    before = pump.served(), pump.live(), pump.current()
    pump.labelled(NEW, pump.now.replace(minute=0))
    arn = pump.start()
    record = pump.ended(arn)
    assert "PipelineTrained" in pump.states(arn)
    assert record["jobs"]["started_pipeline"]["answer"]["execution"].rpartition("/execution/")[0].endswith(PIPELINE)
    assert (record["result"], record["status"]) == ("not_better", "SUCCEEDED")
    assert (pump.served(), pump.live(), pump.current()) == before


def test_one_command_brings_an_earlier_package_back_and_the_watch_lets_it_stay(pump: Pump) -> None:
    """Whoever goes back had a reason: the monitors speak against the old model, too, and a person is told."""
    first, _ = pump.packages()
    arn = pump.start(rollback_to=first)
    pump.until(arn, waiting_for="AwaitWindow")
    assert pump.served()["artifact"] == pump.live() == FIRST
    assert pump.current().startswith("v1-")
    pump.twin.advance_to(pump.now.replace(minute=0) + HOUR + 5 * MINUTE)
    pump.call(OLD, is_wrong=True)
    record = pump.ended(arn, minutes=200)
    assert (record["result"], record["is_kept"]) == ("deployed", True)
    assert "model_quality was violated" in record["reason"]
    assert pump.mails("MONITORS SPEAK AGAINST IT")
    assert pump.served()["artifact"] == pump.live() == FIRST
    pump.group, pump.registrar = SHARED, REGISTRAR  # in which models are registered since the last deployment


def test_an_execution_that_is_stopped_in_an_update_puts_the_old_model_back_and_says_so(pump: Pump) -> None:
    """Step Functions calls no catcher then; the event about it, or else the look at who holds the endpoint, starts another one."""
    current = pump.current()
    arn = pump.start(rollback_to=second())
    pump.until(arn, waiting_for="CheckUpdate")
    assert pump.live() != FIRST
    pump.twin.client("stepfunctions").stop_execution(executionArn=arn, error="Operator", cause="by mistake")
    pump.twin.advance(MINUTE)
    found = pump.until(f"{arn}-b", minutes=90)
    record = json.loads(pump.text(pump.buckets["reports"], f"retraining/{PUMP}/{arn.rpartition(':')[2]}/record.json"))
    assert (found["status"], record["result"], record["is_lost"]) == ("FAILED", "failed", False)
    assert "by mistake" in record["reason"]
    assert pump.served()["artifact"] == pump.live() == FIRST
    assert (pump.current(), pump.live("baseline")) == (current, current)
    assert pump.mails("RETRAINING FAILED")


def test_a_package_that_is_rejected_is_not_deployed(pump: Pump) -> None:
    pump.labelled(NEW, pump.now.replace(minute=0))
    arn = pump.start()
    pump.until(arn, waiting_for="Approve")
    pump.decide("Rejected")
    record = pump.ended(arn)
    assert record["result"] == "rejected"
    assert record["package_arn"].startswith(SHARED.replace(":model-package-group/", ":model-package/"))
    assert pump.served()["artifact"] == pump.live() == FIRST


def test_a_package_that_nobody_decides_about_expires(pump: Pump) -> None:
    pump.labelled(NEW, pump.now.replace(minute=0))
    arn = pump.start()
    assert pump.ended(arn, minutes=90)["result"] == "expired"
    assert pump.served()["artifact"] == pump.live() == FIRST


def second() -> str:
    """The package of the model that served for a while, in this account's registry."""
    return f"arn:aws:sagemaker:eu-west-1:123456789012:model-package/{contract.model_group('pumps', PUMP)}/2"


def test_an_alarm_during_the_canary_brings_the_old_model_back(pump: Pump) -> None:
    current = pump.current()
    arn = pump.start(rollback_to=second())
    pump.until(arn, waiting_for="AwaitUpdate")
    pump.fail()
    record = pump.ended(arn)
    assert record["result"] == "rolled_back"
    assert "SageMaker rolled the update back" in record["reason"]
    assert pump.served()["artifact"] == pump.live() == FIRST
    assert (pump.current(), pump.live("baseline")) == (current, current)


def test_monitors_that_speak_against_a_model_bring_the_old_one_back(pump: Pump) -> None:
    """One that expired, and that the other account approved later: it gets its baseline before it serves for the first time."""
    current = pump.current()
    pump.decide("Approved")
    arn = pump.start(rollback_to=pump.packages()[-1], on_violation="undo")
    pump.until(arn, waiting_for="AwaitWindow")
    assert pump.current() == pump.live("baseline") != current, "in its own place, not in one of the run's"
    assert not pump.current().endswith(arn.rpartition(":")[2])
    assert pump.served()["artifact"] == pump.live() != FIRST
    pump.twin.advance_to(pump.now.replace(minute=0) + HOUR + 5 * MINUTE)
    pump.call(NEW, is_wrong=True)
    record = pump.ended(arn, minutes=200)
    assert record["result"] == "rolled_back"
    assert "model_quality was violated" in record["reason"]
    served = pump.served()
    assert served["artifact"] == pump.live() == FIRST
    assert served["capture"]["EnableCapture"] is True
    assert (pump.current(), pump.live("baseline")) == (current, current)
