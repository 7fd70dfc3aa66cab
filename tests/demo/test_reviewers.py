"""The demo's reviewers: two people share the tasks of an hour, answer what is true, and remember how often the model was right."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from demo.breast_cancer import BREAST_CANCER
from demo.data import Mode
from demo.reviewers import NAMES, Reviewers
from model_monitor.review.written import task_id


@dataclass
class Page:
    """Stands for the deployed page: hands out each task once."""

    tasks: list[dict[str, Any]]
    status: int = 200
    answers: dict[str, str] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.Lock)

    def sign_in(self, pool: str, email: str) -> str:
        return f"{pool}/{email}"

    def call(self, verb: str, url: str, body: Any = None, *, token: str = "") -> Any:
        assert (verb, token.partition("/")[0]) == ("POST", "pool")
        with self.lock:
            if url.endswith("/lease"):
                content: dict[str, Any] = {"task": self.tasks.pop() if self.tasks else None}
            else:
                assert body["id"] not in self.answers
                self.answers[body["id"]] = body["label"]
                content = {"done": body["id"]}
        return SimpleNamespace(status=self.status, json=lambda: content)


@dataclass
class People:
    """Stands for Cognito: who was invited into which group."""

    groups: dict[str, str] = field(default_factory=dict)

    def admin_create_user(self, **asked: Any) -> None:
        self.groups[asked["Username"]] = ""

    def admin_add_user_to_group(self, **asked: Any) -> None:
        self.groups[asked["Username"]] = asked["GroupName"]


def test_they_answer_what_is_true_of_every_task_they_get() -> None:
    requests = BREAST_CANCER.traffic(0, Mode.HEALTHY, 20)
    truth = {
        task_id(BREAST_CANCER.endpoint, request.inference_id, place): str(label)
        for request in requests
        for place, label in enumerate(request.table.labels)
    }
    page, people = Page([{"id": each, "score": 0.5, "prediction": "1"} for each in truth]), People()
    places = {"ReviewersPool": "pool", "ReviewPage": "https://api/review/"}
    reviewers = Reviewers.invited(page, people, "dev", BREAST_CANCER.endpoint, places)
    assert people.groups == dict.fromkeys(NAMES, "review-dev-breast-cancer")
    reviewers.learn(requests)
    reviewers.work()
    assert page.answers == truth
    found = reviewers.told(routed=20, sampled=2, labels=20, rows=1)
    assert (found.answered, found.scores) == (20, [0.5] * 20)
    assert found.agreement == [pytest.approx(list(truth.values()).count("1") / 20)]


def test_a_page_that_refuses_them_is_told() -> None:
    reviewers = Reviewers(Page([], status=403), "https://api/review/", "clinic", ("pool/ann",))
    with pytest.raises(RuntimeError, match=r"lease of a reviewer of clinic should be answered, found 403"):
        reviewers.work()
