"""The review functions as they are deployed: runs' tasks in, people's answers as labels out, and who may do what."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from demo import review as example
from stacks import configuration
from stacks.settings import environment as settings
from tests.monitor_image.review.conftest import CONTEXT, make_table, task

BUCKET, TRUTH, TABLE = "reports", "truth", "runs"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ENDPOINT = example.ENDPOINT
RUN = f"reports/{ENDPOINT}/{ENDPOINT}-data-quality/2026/03/02/04"
ENDED = {
    "endpoint": ENDPOINT,
    "schedule": f"{ENDPOINT}-data-quality",
    "window": {"start": "2026-03-02T04:00:00Z", "end": "2026-03-02T05:00:00Z"},
    "verdict": "ok",
    "report": f"s3://{BUCKET}/{RUN}/report.json",
}


@dataclass
class Review:
    """Both functions over one table."""

    load: Callable[[str], SimpleNamespace]
    rules: dict[str, Any]
    now: datetime = datetime(2026, 3, 2, 6, tzinfo=UTC)
    functions: dict[str, Any] = field(default_factory=dict)

    def function(self, name: str) -> Any:
        """The handler of one, loaded once, with this clock and these rules."""
        if name not in self.functions:
            self.functions[name] = self._loaded(name)
        return self.functions[name]

    def _loaded(self, name: str) -> Any:
        handler = self.load(name).handler
        handler._reviews = lambda: self.rules
        clock = SimpleNamespace(now=lambda _zone: self.now, fromisoformat=datetime.fromisoformat)
        handler.datetime = clock
        return handler

    def ended(self, **change: Any) -> dict[str, Any]:
        """What EventBridge sends when a run ended."""
        event = {"detail-type": "Monitoring Run Ended", "detail": {**ENDED, **change}}
        answer: dict[str, Any] = self.function("review_clerk").handle(event)
        return answer

    def round(self) -> dict[str, Any]:
        """What the timer sends."""
        answer: dict[str, Any] = self.function("review_clerk").handle({"detail-type": "Scheduled Event"})
        return answer

    def call(self, method: str, path: str, groups: str = f"[review-dev-{ENDPOINT}]", **body: Any) -> Any:
        """What API Gateway sends for somebody who signed in."""
        who = body.pop("who", "ann@example.com")
        claims = {"sub": "1", "email": who, "email_verified": "true", "cognito:groups": groups}
        found = self.function("review").handle(
            {
                "httpMethod": method,
                "path": f"/{path}",
                "body": json.dumps(body) if body else None,
                "requestContext": {"path": f"/review/{path}", "authorizer": {"claims": claims}},
            }
        )
        return found["statusCode"], json.loads(found["body"])

    def labels(self) -> dict[str, str]:
        """What lies in the ground truth, by key."""
        s3 = boto3.client("s3")
        found = s3.list_objects_v2(Bucket=TRUTH).get("Contents", [])
        return {one["Key"]: s3.get_object(Bucket=TRUTH, Key=one["Key"])["Body"].read().decode() for one in found}


@pytest.fixture
def review(load: Callable[[str], SimpleNamespace], monkeypatch: pytest.MonkeyPatch) -> Iterator[Review]:
    variables = {
        "TABLE": TABLE,
        "GROUND_TRUTH_BUCKET": TRUTH,
        "KMS_KEY": KEY,
        "NAMESPACE": "ModelMonitor",
        "GROUP_PREFIX": "review-dev-",
        "GROUPS_CLAIM": "cognito:groups",
        "AUTHORITY": "https://sign-in.example",
        "CLIENT_ID": "page",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        make_table(TABLE)
        for bucket in (BUCKET, TRUTH):
            boto3.client("s3").create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
            )
        yield Review(load, json.loads(configuration.reviews(reviewed().reviewed)))


def reviewed() -> settings.Settings:
    """The demo's environment with the endpoint whose predictions people look at."""
    content = settings.find("dev").model_dump(mode="json", exclude={"environment"}, exclude_unset=True)
    review = {"features": ["mean_radius"], "second_opinions": 0}
    content["endpoints"][ENDPOINT] |= {"review": review, "ground_truth": {}}
    return settings.parse(content, "dev", "dev.yaml")


def put_tasks(*tasks: dict[str, Any]) -> None:
    """What a run leaves."""
    s3 = boto3.client("s3")
    lines = "".join(json.dumps({**one, "endpoint": ENDPOINT}) + "\n" for one in tasks)
    s3.put_object(Bucket=BUCKET, Key=f"{RUN}/review_tasks.jsonl", Body=lines.encode())
    s3.put_object(Bucket=BUCKET, Key=f"{RUN}/review_context.json", Body=json.dumps(CONTEXT).encode())


def test_a_run_that_is_told_of_twice_gives_its_tasks_once(review: Review) -> None:
    put_tasks(task(1), task(2))
    assert review.ended() == {"added": 2, "known": 0, "cut": 0}
    assert review.ended() == {"added": 0, "known": 2, "cut": 0}


@pytest.mark.parametrize(
    "change",
    [
        {"schedule": "another"},
        {"endpoint": "another"},
        {"report": ""},
        {"report": f"s3://{BUCKET}/elsewhere/report.json"},
    ],
)
def test_runs_that_send_nothing_to_people_are_let_pass(review: Review, change: dict[str, str]) -> None:
    put_tasks(task(1))
    assert review.ended(**change) == {"added": 0}


def test_an_answer_becomes_one_label_however_often_the_clerk_goes_round(review: Review) -> None:
    put_tasks(task(1))
    review.ended()
    taken = review.call("POST", f"api/{ENDPOINT}/lease")[1]["task"]["id"]
    answer = {"id": taken, "label": "1", "token": "t"}
    assert review.call("POST", f"api/{ENDPOINT}/answer", **answer)[0] == 200
    assert review.call("POST", f"api/{ENDPOINT}/answer", **answer)[0] == 200
    assert review.round()[ENDPOINT]["written"] == 0
    review.now += timedelta(minutes=15)
    assert [review.round()[ENDPOINT]["written"] for _ in range(2)] == [1, 0]
    [(key, line)] = review.labels().items()
    assert key == f"{ENDPOINT}/ground-truth/2026/03/02/06/review-{taken}-1.jsonl"
    kept = boto3.client("s3").head_object(Bucket=TRUTH, Key=key)
    assert (kept["ServerSideEncryption"], kept["SSEKMSKeyId"]) == ("aws:kms", KEY), (
        "some buckets refuse what names none"
    )
    assert json.loads(line) == {
        "groundTruthData": {"data": "1", "encoding": "CSV"},
        "eventMetadata": {
            "eventId": "event-1",
            "payload_index": 0,
            "source": "review",
            "reviewers": ["ann@example.com"],
        },
        "eventVersion": "0",
    }


def test_a_place_that_was_brought_encrypts_labels_with_its_own_key(review: Review) -> None:
    review.rules[ENDPOINT]["ground_truth"] = f"s3://{TRUTH}/theirs/"
    put_tasks(task(1))
    review.ended()
    taken = review.call("POST", f"api/{ENDPOINT}/lease")[1]["task"]["id"]
    review.call("POST", f"api/{ENDPOINT}/answer", id=taken, label="1")
    review.now += timedelta(minutes=15)
    assert review.round()[ENDPOINT]["written"] == 1
    [key] = review.labels()
    assert key == f"theirs/2026/03/02/06/review-{taken}-1.jsonl"
    assert boto3.client("s3").head_object(Bucket=TRUTH, Key=key).get("SSEKMSKeyId") is None, "the bucket decides"


def test_a_clerk_that_died_after_writing_writes_the_same_file_again(
    review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_tasks(task(1))
    review.ended()
    taken = review.call("POST", f"api/{ENDPOINT}/lease")[1]["task"]["id"]
    review.call("POST", f"api/{ENDPOINT}/answer", id=taken, label="1")
    review.now += timedelta(minutes=15)
    handler = review.function("review_clerk")
    with monkeypatch.context() as dying:
        dying.setattr(handler.Desk, "delivered", lambda *_: (_ for _ in ()).throw(RuntimeError))
        with pytest.raises(RuntimeError):
            handler.handle({})
    before = review.labels()
    review.now += timedelta(minutes=15)
    assert review.round()[ENDPOINT]["written"] == 1
    assert review.labels() == before


def test_the_round_tells_how_long_the_oldest_task_waits(review: Review) -> None:
    put_tasks(task(1))
    review.ended()
    review.now += timedelta(hours=3)
    review.round()
    found = boto3.client("cloudwatch").list_metrics(Namespace="ModelMonitor")["Metrics"]
    assert {one["MetricName"] for one in found} == {"review_open", "review_oldest_hours", "review_labels"}
    assert {json.dumps(one["Dimensions"]) for one in found} == {json.dumps([{"Name": "Endpoint", "Value": ENDPOINT}])}
    assert review.round()[ENDPOINT]["oldest_hours"] == 3.0


@pytest.mark.parametrize(
    ("groups", "status"),
    [
        (f"[review-dev-{ENDPOINT}, other]", 200),
        (f"other,review-dev-{ENDPOINT}", 200),
        (f"review-prod-{ENDPOINT}", 403),
        ("review-dev-covertype", 403),
        ("", 403),
    ],
)
def test_groups_say_whose_predictions_somebody_sees(review: Review, groups: str, status: int) -> None:
    assert review.call("GET", f"api/{ENDPOINT}/tasks", groups)[0] == status


def test_without_a_sign_in_there_is_the_page_and_nothing_else(review: Review) -> None:
    handle = review.function("review").handle
    assert handle({"httpMethod": "GET", "path": f"/api/{ENDPOINT}/tasks"})["statusCode"] == 401
    config = handle({"httpMethod": "GET", "path": "/config.json"})
    assert json.loads(config["body"])["client_id"] == "page"
    for path, kind in (("", "text/html"), ("page.js", "text/javascript"), ("page.css", "text/css")):
        answer = handle({"httpMethod": "GET", "path": f"/{path}", "requestContext": {"path": f"/review/{path}"}})
        assert answer["headers"]["Content-Type"].startswith(kind)
        assert "connect-src 'self' https://sign-in.example" in answer["headers"]["Content-Security-Policy"]
    moved = handle({"httpMethod": "GET", "path": "/", "requestContext": {"path": "/review"}})
    assert (moved["statusCode"], moved["headers"]["Location"]) == (308, "/review/")


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        (
            {"sub": "1", "email": "ann@example.com", "email_verified": "true", "cognito:username": "u1"},
            "ann@example.com",
        ),
        ({"sub": "1", "email": "boss@example.com", "email_verified": "false", "cognito:username": "u1"}, "u1"),
        ({"sub": "1", "email": "boss@example.com"}, "1"),
    ],
)
def test_an_address_that_nobody_verified_is_no_name(review: Review, claims: dict[str, str], name: str) -> None:
    event = {"httpMethod": "GET", "path": "/api/me", "requestContext": {"authorizer": {"claims": claims}}}
    assert json.loads(review.function("review").handle(event)["body"])["name"] == name


@pytest.mark.parametrize("body", ["{", "[]", "x" * 70_000])
def test_what_is_no_request_is_refused(review: Review, body: str) -> None:
    claims = {"email": "ann@example.com", "cognito:groups": f"review-dev-{ENDPOINT}"}
    event = {
        "httpMethod": "POST",
        "path": f"/api/{ENDPOINT}/lease",
        "body": body,
        "requestContext": {"authorizer": {"claims": claims}},
    }
    assert review.function("review").handle(event)["statusCode"] == 400


def test_no_log_repeats_a_value_of_a_record(review: Review, capsys: pytest.CaptureFixture[str]) -> None:
    put_tasks(task(1) | {"features": {"Slope": "secret-value"}})
    review.ended()
    taken = review.call("POST", f"api/{ENDPOINT}/lease")[1]["task"]
    assert taken["features"] == {"Slope": "secret-value"}
    review.call("POST", f"api/{ENDPOINT}/answer", id=taken["id"], label="1", comment="secret-comment")
    assert "secret" not in capsys.readouterr().out


def test_uncertain_diagnoses_go_to_people_and_their_answers_score_the_model(review: Review, tmp_path: Path) -> None:
    truth = example.prepare(tmp_path, sample_per_class=0, per_hour=30)
    s3 = boto3.client("s3")
    for path in (tmp_path / "report").glob("*.json*"):
        s3.upload_file(str(path), BUCKET, f"{RUN}/{path.name}")
    assert review.ended()["added"] == 30
    answered, people = 0, ["ann@example.com", "bob@example.com"]
    while (task_ := review.call("POST", f"api/{ENDPOINT}/lease", who=people[answered % 2])[1]["task"]) is not None:
        assert 0.1 < task_["score"] < 0.9
        event = next(
            json.loads(line)["event_id"]
            for line in (tmp_path / "report" / "review_tasks.jsonl").read_text().splitlines()
            if json.loads(line)["id"] == task_["id"]
        )
        said = {"who": people[answered % 2], "id": task_["id"], "label": truth[event]}
        assert review.call("POST", f"api/{ENDPOINT}/answer", **said)[0] == 200
        answered += 1
    assert answered == 30
    review.now += timedelta(minutes=15)
    assert review.round()[ENDPOINT]["written"] == 30
    for key, line in review.labels().items():
        path = tmp_path / "truth" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(line)
    report = example.run_monitor(tmp_path, tmp_path / "truth")
    quality = next(one for one in report["monitors"] if one["key"] == "model_quality")["summary"]
    assert quality["labels"]["labelled"] == 30
    accuracy = next(one for one in quality["metrics"] if one["name"] == "accuracy")
    assert 0.4 < accuracy["value"] < 1
