"""Every back-end of review with its people: what they are shown, and how they answer, each in its own way."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from model_monitor.review.augmented_ai import CANNOT_TELL, AugmentedAi
from model_monitor.review.backend import Backend
from model_monitor.review.desk import Desk
from model_monitor.review.labelling_tool import QueueTool, Webhook, said_in, verified
from model_monitor.review.outside import Outside, receive
from tests.monitor_image.review.conftest import NOW
from twin import Twin

Judge = Callable[[Mapping[str, Any]], str | None]  # a task → its label, None where one cannot tell
SECRET = "a-secret-of-the-tests"


class People(Protocol):
    """Reviewers of one back-end."""

    backend: Backend
    desk: Desk

    def work(self, name: str, judge: Judge, **when: Any) -> list[str]:
        """One person answers all that waits for them; the events of what they were shown."""

    def repeat(self) -> None:
        """All that was sent back comes once more."""


@dataclass
class OfPage:
    """People in front of the kit's own page."""

    desk: Desk
    sent: list[tuple[str, str, str, str]] = field(default_factory=list)

    @property
    def backend(self) -> Backend:
        return self.desk

    def work(self, name: str, judge: Judge, now: Any = NOW) -> list[str]:
        shown = []
        while (record := self.desk.lease(name, now).task) is not None:
            task, token = record["task"], f"token-{len(self.sent)}"
            shown.append(task["event_id"])
            label = judge(task)
            if label is None:
                self.desk.skip(name, task["id"], now, token=token)
                continue
            self.sent.append((name, task["id"], label, token))
            self.desk.answer(name, task["id"], label, now, token=token)
        return shown

    def repeat(self) -> None:
        for name, task_id, label, token in self.sent:
            self.desk.answer(name, task_id, label, NOW, token=token)


@dataclass
class OfLoops:
    """Workers of Augmented AI."""

    twin: Twin
    desk: Desk
    flows: dict[int, str]
    events: dict[str, str] = field(default_factory=dict)  # task → event, which workers are not shown
    names: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        runtime, s3 = self.twin.client("sagemaker-a2i-runtime"), self.twin.client("s3")
        self.backend = Outside(self.desk, AugmentedAi(runtime, s3, self.flows, at_once=3))

    def work(self, name: str, judge: Judge, now: Any = NOW) -> list[str]:
        shown: list[str] = []

        def answer(seen: Any) -> dict[str, Any] | None:
            fields: dict[str, Any] = {}
            kept = [self.desk.store.get(f"task#{record['id']}") for record in seen.input["records"]]
            if None in kept:
                return None  # another test's
            self.names.add(seen.loop)
            for record, item in zip(seen.input["records"], kept, strict=True):
                task = item["task"]
                shown.append(task["event_id"])
                label = judge(task) or CANNOT_TELL
                options = [choice["value"] for choice in record["choices"]] + [CANNOT_TELL]
                fields[f"label-{record['id']}"] = {option: option == label for option in options} | {label: True}
                fields[f"comment-{record['id']}"] = ""
            return fields

        self.twin.human_loops.work(answer, name)
        self.backend.take_in(now)
        return shown

    def repeat(self) -> None:
        for name in self.names:
            self.backend.take_in(NOW, name)


@dataclass
class OfTool(ABC):
    """People of a company's own tool: parcels come in as texts, answers go back as texts."""

    desk: Desk
    tasks: dict[str, tuple[dict[str, Any], int]] = field(default_factory=dict)  # id → task, people
    parcels: set[tuple[str, str]] = field(default_factory=set)  # that came, by name and text: each counts once
    answered: set[tuple[str, str]] = field(default_factory=set)
    sent: list[str] = field(default_factory=list)
    backend: Any = None

    def work(self, name: str, judge: Judge, now: Any = NOW) -> list[str]:
        for body in self.fetched():
            parcel = json.loads(body)
            if (parcel["parcel"], body) in self.parcels:
                continue
            self.parcels.add((parcel["parcel"], body))
            for task in parcel["tasks"]:
                people = parcel["people"] + self.tasks.get(task["id"], ({}, 0))[1]
                self.tasks[task["id"]] = (task, people)
        shown = []
        for task, people in self.tasks.values():
            by = [who for who, task_id in self.answered if task_id == task["id"]]
            if name in by or len(by) >= people:
                continue
            self.answered.add((name, task["id"]))
            shown.append(task["event_id"])
            answer = {"id": task["id"], "label": judge(task), "reviewer": name, "token": f"{name}/{task['id']}"}
            self.sent.append(json.dumps({"answers": [answer]}))
            self.give(self.sent[-1], now)
        self.backend.take_in(now)
        return shown

    def repeat(self) -> None:
        for body in self.sent:
            self.give(body, NOW)
        self.backend.take_in(NOW)

    @abstractmethod
    def fetched(self) -> Iterator[str]:
        """The texts of parcels that came."""

    @abstractmethod
    def give(self, body: str, now: Any) -> None:
        """Hand an answer's text back."""


class Queues:
    """SQS as far as it is used: a message is there until it is deleted, and is seen by one reader at a time."""

    def __init__(self) -> None:
        self.messages: dict[str, dict[str, str]] = {}
        self.seen: set[str] = set()

    def send_message(self, **asked: str) -> None:
        queue = self.messages.setdefault(asked["QueueUrl"], {})
        queue[f"{asked['QueueUrl']}-{len(queue)}-{len(self.seen)}"] = asked["MessageBody"]

    def receive_message(self, **asked: Any) -> dict[str, Any]:
        waiting = self.messages.get(asked["QueueUrl"], {}).items()
        found = [(key, body) for key, body in waiting if key not in self.seen][: asked["MaxNumberOfMessages"]]
        self.seen |= {key for key, _ in found}
        return {"Messages": [{"Body": body, "ReceiptHandle": key} for key, body in found]} if found else {}

    def delete_message(self, **asked: str) -> None:
        del self.messages[asked["QueueUrl"]][asked["ReceiptHandle"]]


@dataclass
class OfQueue(OfTool):
    """Over two queues."""

    sqs: Any = field(default_factory=Queues)
    urls: tuple[str, str] = ("tasks", "answers")

    def __post_init__(self) -> None:
        self.backend = Outside(self.desk, QueueTool(self.sqs, *self.urls, at_once=3))

    def fetched(self) -> Iterator[str]:
        while messages := self.sqs.receive_message(QueueUrl=self.urls[0], MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.sqs.delete_message(QueueUrl=self.urls[0], ReceiptHandle=message["ReceiptHandle"])
                yield message["Body"]

    def give(self, body: str, now: Any) -> None:
        self.sqs.send_message(QueueUrl=self.urls[1], MessageBody=body)


@dataclass
class OfWebhook(OfTool):
    """Over signed calls."""

    calls: list[str] = field(default_factory=list)
    is_down: bool = False

    def __post_init__(self) -> None:
        self.backend = Outside(self.desk, Webhook("https://tool.example", SECRET, self._called, lambda: NOW, at_once=3))

    def _called(self, url: str, body: bytes, headers: Mapping[str, str]) -> bool:
        assert url == "https://tool.example"
        assert verified(SECRET, body, headers, NOW)
        if not self.is_down:
            self.calls.append(body.decode())
        return not self.is_down

    def fetched(self) -> Iterator[str]:
        calls, self.calls = self.calls, []
        yield from calls

    def give(self, body: str, now: Any) -> None:
        for one in said_in(body) or ():
            receive(self.desk, one, now)
