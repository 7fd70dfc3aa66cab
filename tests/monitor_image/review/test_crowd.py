"""Many people at once, over HTTP on loopback: no task is lost, and none is answered twice."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import pytest

from model_monitor.review.desk import Desk, Rules
from model_monitor.review.local_store import LocalStores
from model_monitor.review.serving import LOOPBACK, serve
from tests.monitor_image.review.conftest import CONTEXT, NOW, later, task

TASKS, PEOPLE = 1000, [f"person-{number}" for number in range(20)]
LATER = later(days=3650)


@pytest.fixture
def desk() -> Desk:
    desk = Desk(LocalStores().of("clinic"), Rules(per_day=TASKS, second_opinions=0.0))
    desk.put(map(task, range(TASKS)), CONTEXT, NOW)
    return desk


@pytest.fixture
def port(desk: Desk) -> Iterator[int]:
    server = serve({"clinic": desk}, dict.fromkeys(PEOPLE, frozenset({"clinic"})))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


class Browser:
    """One person's connection, which stays open."""

    def __init__(self, port: int, name: str) -> None:
        self._connection = HTTPConnection(LOOPBACK, port, timeout=300)
        self._headers = {"Authorization": f"Bearer {name}", "Content-Type": "application/json"}

    def post(self, call: str, **body: str) -> dict[str, Any]:
        self._connection.request("POST", f"/api/clinic/{call}", json.dumps(body), self._headers)
        answer = self._connection.getresponse()
        content: dict[str, Any] = json.loads(answer.read())
        assert answer.status == 200, content
        return content


def test_a_thousand_tasks_and_twenty_people_at_once_lose_none_and_answer_none_twice(desk: Desk, port: int) -> None:
    def work(name: str) -> list[str]:
        browser, done = Browser(port, name), []
        while (lent := browser.post("lease")["task"]) is not None:
            browser.post("answer", id=lent["id"], label="1", token=f"{name}-{len(done)}")
            done.append(lent["id"])
        return done

    with ThreadPoolExecutor(len(PEOPLE)) as crowd:
        done = [each for part in crowd.map(work, PEOPLE) for each in part]
    assert Counter(done) == Counter(task(number)["id"] for number in range(TASKS))
    found = desk.collect(LATER)
    assert len({one.id for one in found}) == len(found) == TASKS
    for one in found:
        [entry] = desk.store.get(f"task#{one.id}")["history"]
        assert one.reviewers == (entry["reviewer"],)
