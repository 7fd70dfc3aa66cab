"""Human review as it is deployed: breast cancer diagnoses of which the model is not sure go to people, at the kit's page, in
Augmented AI and in a tool that reads a queue; what they answer are labels that the model is scored with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from demo import review as example
from model_monitor.review.labelling_tool import signed
from tests.reviewed import LOOPS, PAGE, QUEUE, SECRET_PARAMETER, WEBHOOK, everywhere
from tests.synthesis import synthesize
from tests.twin import called
from twin import Twin

pytestmark = pytest.mark.slow

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
ROUND = timedelta(minutes=16)
PEOPLE = ("ann@example.com", "bob@example.com")
TASKS = 12


@dataclass
class Clinic:
    """The deployed review, its people, and the hour of diagnoses that they look at."""

    twin: Twin
    folder: Path
    truth: dict[str, str]  # event → what is true of it
    outputs: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for stack in self.twin.client("cloudformation").describe_stacks()["Stacks"]:
            self.outputs |= {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
        lines = (self.folder / "report" / "review_tasks.jsonl").read_text().splitlines()
        self.events = {task["id"]: task["event_id"] for task in map(json.loads, lines)}

    def run_ended(self, endpoint: str) -> None:
        """A run of the endpoint left its report, and tells."""
        key = f"reports/{endpoint}/{endpoint}-quality/2026/03/02/04"
        for path in (self.folder / "report").glob("*.json*"):
            content = path.read_text().replace(f'"endpoint":"{PAGE}"', f'"endpoint":"{endpoint}"')
            bucket = self.outputs["ReportsBucket"]
            self.twin.client("s3").put_object(Bucket=bucket, Key=f"{key}/{path.name}", Body=content.encode())
        detail = {
            "endpoint": endpoint,
            "schedule": f"{endpoint}-quality",
            "window": {"start": "2026-03-02T04:00:00Z", "end": "2026-03-02T05:00:00Z"},
            "verdict": "ok",
            "report": f"s3://{self.outputs['ReportsBucket']}/{key}/report.json",
        }
        entry = {"Source": "model-monitor", "DetailType": "Monitoring Run Ended", "Detail": json.dumps(detail)}
        self.twin.client("events").put_events(Entries=[entry])
        self.twin.settle()

    def labels(self, endpoint: str) -> Path:
        """A copy of what lies in the endpoint's ground truth, one file a label."""
        s3, bucket = self.twin.client("s3"), self.outputs["GroundTruthBucket"]
        folder = self.folder / "truth" / endpoint
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{endpoint}/ground-truth/"):
            for entry in page.get("Contents", ()):
                path = folder / entry["Key"]
                path.parent.mkdir(parents=True, exist_ok=True)
                s3.download_file(bucket, entry["Key"], str(path))
        return folder

    def judge(self, task_id: str) -> str:
        """What somebody who knows says."""
        return self.truth[self.events[task_id]]

    def invite(self, name: str, *endpoints: str) -> str:
        """As an administrator does; the token of the person who then signed in."""
        people, pool = self.twin.client("cognito-idp"), self.outputs["ReviewersPool"]
        people.admin_create_user(
            UserPoolId=pool, Username=name, UserAttributes=[{"Name": "email", "Value": name}], MessageAction="SUPPRESS"
        )
        for endpoint in endpoints:
            group = f"review-reviews-{endpoint}"
            people.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName=group)
        return self.twin.apis.sign_in(pool, name)

    def ask(self, verb: str, path: str, body: Any = None, **how: Any) -> Any:
        return self.twin.apis.call(verb, f"{self.outputs['ReviewPage']}{path}", body, **how)


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    folder = tmp_path_factory.mktemp("clinic")
    truth = example.prepare(folder, sample_per_class=0, per_hour=TASKS)
    assembly = synthesize(everywhere()).folder
    with Twin(folder / "twin", start=START) as twin:
        twin.client("ssm").put_parameter(Name=SECRET_PARAMETER, Value="hush", Type="SecureString")
        twin.client("iam").create_role(RoleName="labelling-tool", AssumeRolePolicyDocument="{}")
        twin.deploy_assembly(assembly, ["reviews-Storage", "reviews-Alerting", "reviews-Review"])
        yield Clinic(twin, folder, truth)


def at_page(clinic: Clinic) -> set[str]:
    """Two people take turns at the kit's page; the tasks that they were shown."""
    tokens, shown = [clinic.invite(name, PAGE) for name in PEOPLE], set()
    for turn in range(2 * TASKS):
        lent = clinic.ask("POST", f"api/{PAGE}/lease", {}, token=tokens[turn % 2]).json()["task"]
        if lent is None:
            break
        assert lent["id"] not in shown
        assert 0.1 < lent["score"] < 0.9
        shown.add(lent["id"])
        body = {"id": lent["id"], "label": clinic.judge(lent["id"]), "token": f"t{turn}"}
        assert clinic.ask("POST", f"api/{PAGE}/answer", body, token=tokens[turn % 2]).status == 200
    return shown


def in_loops(clinic: Clinic) -> set[str]:
    """A worker of Augmented AI agrees, or changes the prediction to 0 or 1, in several records of one task."""
    shown: set[str] = set()

    def answer(seen: Any) -> dict[str, Any]:
        records = {each["id"]: each for each in seen.input["records"]}
        assert all(0.1 < float(each["score"]) < 0.9 for each in records.values())
        shown.update(records)
        chosen = {task_id: clinic.judge(task_id) for task_id in records}
        return {
            f"label-{task_id}": {one["value"]: one["value"] == chosen[task_id] for one in each["choices"]}
            for task_id, each in records.items()
        }

    assert clinic.twin.human_loops.work(answer, "doctor-1") == 2  # tasks of eight records and of four
    return shown


def from_queue(clinic: Clinic) -> set[str]:
    """A tool reads one queue and writes another."""
    sqs, shown = clinic.twin.client("sqs"), set()
    urls = {url.partition("Queues")[2]: url for url in sqs.list_queues()["QueueUrls"] if "Queues" in url}
    [tasks], [answers] = ([url for name, url in urls.items() if what in name] for what in ("Tasks", "Answers"))
    while messages := sqs.receive_message(QueueUrl=tasks, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            parcel = json.loads(message["Body"])
            shown |= {task["id"] for task in parcel["tasks"]}
            said = [
                {"id": task["id"], "label": clinic.judge(task["id"]), "reviewer": "doctor-2"}
                for task in parcel["tasks"]
            ]
            sqs.send_message(QueueUrl=answers, MessageBody=json.dumps({"answers": said}))
            sqs.delete_message(QueueUrl=tasks, ReceiptHandle=message["ReceiptHandle"])
    return shown


@pytest.mark.parametrize(
    ("endpoint", "work"), [(PAGE, at_page), (LOOPS, in_loops), (QUEUE, from_queue)], ids=["page", "loops", "queue"]
)
def test_uncertain_diagnoses_go_to_people_and_their_answers_score_the_model(
    clinic: Clinic, endpoint: str, work: Callable[[Clinic], set[str]]
) -> None:
    clinic.run_ended(endpoint)
    clinic.run_ended(endpoint)  # told of twice
    assert work(clinic) == set(clinic.events)
    clinic.twin.advance(ROUND)
    clinic.twin.advance(ROUND)
    files = sorted(clinic.labels(endpoint).rglob("*.jsonl"))
    written = [json.loads(path.read_text()) for path in files]
    labels = {one["eventMetadata"]["eventId"]: one["groundTruthData"]["data"] for one in written}
    assert len(files) == TASKS
    assert labels == {event: clinic.truth[event] for event in clinic.events.values()}
    if endpoint != QUEUE:  # the same labels again
        report = example.run_monitor(clinic.folder, clinic.labels(endpoint))
        quality = next(one for one in report["monitors"] if one["key"] == "model_quality")["summary"]
        assert quality["labels"]["labelled"] == TASKS
        accuracy = next(one for one in quality["metrics"] if one["name"] == "accuracy")
        assert 0 < accuracy["value"] < 1


def test_a_signed_answer_is_taken_and_no_other(clinic: Clinic) -> None:
    url, body = f"{clinic.outputs['ReviewAnswers']}/{WEBHOOK}", b'{"answers": []}'
    right = signed("hush", body, clinic.twin.clock.now())
    assert clinic.twin.apis.call("POST", url, body, headers=right).json() == {"kept": 0, "refused": {}}
    for headers in (signed("guess", body, clinic.twin.clock.now()), {}):
        assert clinic.twin.apis.call("POST", url, body, headers=headers).status == 403


def test_a_reviewer_of_another_endpoint_and_a_stranger_are_refused(clinic: Clinic) -> None:
    token = clinic.invite("eve@example.com")
    assert clinic.ask("GET", f"api/{PAGE}/tasks", token=token).status == 403
    assert clinic.ask("GET", f"api/{PAGE}/tasks").status == 401
    assert clinic.ask("GET", "").headers["Content-Type"].startswith("text/html")


def test_no_role_calls_beyond_its_policy(clinic: Clinic) -> None:
    clinic.twin.advance(ROUND)
    assert [f"{one.role}: {one.action}" for one in clinic.twin.identity.violations()] == []
    assert called.gone("test_reviews", called.collect(clinic.twin, called.roles(clinic.twin))) == []
    assert [one.text for one in clinic.twin.journal.of("function") if one.data["error"]] == []
