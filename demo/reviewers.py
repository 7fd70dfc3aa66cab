"""Scripted people who look at uncertain predictions at the deployed page: they sign in, take tasks, and know the truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from demo.data import Request
from demo.observations import Reviewed
from model_monitor import contract
from model_monitor.review.written import task_id

NAMES = ("ann@example.com", "bob@example.com")


class Page(Protocol):
    """The deployed page as a browser reaches it."""

    def sign_in(self, pool: str, email: str) -> str: ...

    def call(self, verb: str, url: str, body: Any = None, *, token: str = "") -> Any: ...


@dataclass
class Reviewers:
    """Two people of one endpoint's group. truth: task → its label. agreed: of each hour's answers, whether the model was right."""

    page: Page
    address: str
    endpoint: str
    tokens: tuple[str, ...]
    truth: dict[str, str] = field(default_factory=dict)
    agreed: list[list[bool]] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    @classmethod
    def invited(cls, page: Page, people: Any, environment: str, endpoint: str, outputs: Mapping[str, str]) -> Reviewers:
        """As an administrator invites them."""
        pool, group = outputs["ReviewersPool"], contract.review_group(environment, endpoint)
        for name in NAMES:
            attributes = [{"Name": "email", "Value": name}]
            people.admin_create_user(
                UserPoolId=pool, Username=name, UserAttributes=attributes, MessageAction="SUPPRESS"
            )
            people.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName=group)
        tokens = tuple(page.sign_in(pool, name) for name in NAMES)
        return cls(page, outputs["ReviewPage"], endpoint, tokens)

    def learn(self, requests: Iterable[Request]) -> None:
        """What is true of the records of an hour."""
        for request in requests:
            for place, label in enumerate(request.table.labels):
                self.truth[task_id(self.endpoint, request.inference_id, place)] = str(int(label))

    def work(self) -> None:
        """Each takes tasks until none is left."""
        with ThreadPoolExecutor(len(self.tokens)) as people:
            self.agreed.append([right for part in people.map(self._work, self.tokens) for right in part])

    def _work(self, token: str) -> list[bool]:
        found = []
        while (task := self._ask("lease", {}, token)["task"]) is not None:
            label = self.truth[task["id"]]
            self._ask("answer", {"id": task["id"], "label": label, "token": task["id"]}, token)
            self.scores.append(task["score"])
            found.append(label == task["prediction"])
        return found

    def _ask(self, call: str, body: Mapping[str, Any], token: str) -> Any:
        reply = self.page.call("POST", f"{self.address}api/{self.endpoint}/{call}", body, token=token)
        if reply.status != 200:
            raise RuntimeError(f"{call} of a reviewer of {self.endpoint} should be answered, found {reply.status}")
        return reply.json()

    def told(self, routed: int, sampled: int, labels: int, rows: int) -> Reviewed:
        """What came of it."""
        return Reviewed(
            routed=routed,
            sampled=sampled,
            answered=sum(map(len, self.agreed)),
            labels=labels,
            rows=rows,
            agreement=[sum(hour) / len(hour) for hour in self.agreed if hour],
            scores=sorted(self.scores),
        )
