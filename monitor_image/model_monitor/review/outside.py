"""Tasks that people answer elsewhere: they leave in parcels, and what comes back is written into the desk's records.

The desk keeps every rule: caps, second opinions, one label a task, history. A workforce only carries, and may carry the same thing
twice: a parcel has one name, an answer one token. A task whose parcel came back without its answer goes out again.
Deployed functions carry this module: it imports the standard library and its neighbours alone.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from model_monitor.review import records
from model_monitor.review.backend import Put
from model_monitor.review.desk import PAGE, Desk
from model_monitor.review.records import Finished
from model_monitor.review.store import Item

PARCELS = "parcel#"
MOST_ROUNDS = 3  # how often one task goes out
MOST_AT_ONCE = 100  # parcels that leave in one round; the next takes the others
NAME_LETTERS = 32


@dataclass(frozen=True)
class Parcel:
    """Tasks that go out together. name: of small letters and digits, the same however often it is sent. people: how many
    answer each of its tasks. context: what reviewers choose from."""

    name: str
    tasks: tuple[Item, ...]
    context: Item
    people: int = 1


@dataclass(frozen=True)
class Said:
    """What one person says of one task. label: "" where they cannot tell. token: the same when the same answer comes again."""

    task_id: str
    label: str
    reviewer: str
    token: str
    comment: str = ""


@dataclass(frozen=True)
class Arrival:
    """Answers that came. over: the parcel of which nothing more will come, "" where more may. receipt: the carrier's own."""

    said: tuple[Said, ...]
    over: str = ""
    receipt: str = ""


class Workforce(Protocol):
    """People elsewhere, and the way to them. at_once: most tasks of a parcel."""

    at_once: int

    def send(self, parcel: Parcel) -> bool:
        """Send it; one that was sent before stays as it is. False: not now, it has to be tried again."""

    def arrivals(self, parcels: Sequence[str]) -> Iterator[Arrival]:
        """What has come back, of these parcels or of any."""

    def taken(self, arrival: Arrival) -> None:
        """Its answers are kept: it need not come again."""

    def withdraw(self, parcel: str) -> None:
        """Nobody has to answer it any more; one that is not there is fine."""


@dataclass(frozen=True)
class Outside:
    """A back-end over a desk and a workforce."""

    desk: Desk
    workforce: Workforce

    def put(self, tasks: Iterable[Mapping[str, Any]], context: Mapping[str, Any] | None, now: datetime) -> Put:
        """Tasks of a run, and off they go."""
        found = self.desk.put(tasks, context, now)
        self._send(now)
        return found

    def collect(self, now: datetime) -> list[Finished]:
        """Take in what came, send what has to go (again), and read labels."""
        self.take_in(now)
        found = self.desk.collect(now)
        self._tidy()
        self._send(now)
        return found

    def delivered(self, finished: Finished, now: datetime) -> bool:
        """As the desk."""
        return self.desk.delivered(finished, now)

    def report(self, now: datetime) -> dict[str, float | None]:
        """As the desk."""
        return self.desk.report(now)

    def take_in(self, now: datetime, parcel: str = "") -> Counter[str]:
        """Keep the answers that came, of one parcel or of all; how many were `kept` and `refused`."""
        names = [parcel] if parcel else [name for name, item in self._parcels() if item["sent_at"]]
        found: Counter[str] = Counter()
        for arrival in self.workforce.arrivals(names):
            for one in arrival.said:
                outcome = receive(self.desk, one, now)
                found["refused" if outcome else "kept"] += 1
            if arrival.over:
                self._close(arrival.over)
            self.workforce.taken(arrival)
        return found

    # --- parcels -----------------------------------------------------------------------------------------------------

    def _send(self, now: datetime) -> None:
        """First what a function that died left behind, then tasks that lie in no parcel."""
        left = MOST_AT_ONCE
        for name, item in list(self._parcels()):
            if not item["sent_at"] and left:
                left -= 1
                if not self._ship(name, item, now):
                    return
        for people, waiting in sorted(self._waiting().items()):
            for start in range(0, len(waiting), self.workforce.at_once):
                part = waiting[start : start + self.workforce.at_once]
                name = self._name(part, people)
                ids = [record["task"]["id"] for record in part]
                item = {"version": 1, "ids": ids, "people": people, "sent_at": "", "expires": part[0]["expires"]}
                self.desk.store.insert(f"{PARCELS}{name}", item)
                left -= 1
                if left < 0 or not self._ship(name, item, now):
                    return

    def _waiting(self) -> dict[int, list[Item]]:
        """Tasks that lie in no parcel, by how many people are still wanted for each."""
        found: dict[int, list[Item]] = {}
        for record in self.desk.open_records():
            if not record.get("parcel") and record.get("rounds", 0) < MOST_ROUNDS:
                people = max(1, record["needed"] - len(records.opinions(record)))
                found.setdefault(people, []).append(record)
        return found

    def _name(self, part: Sequence[Item], people: int) -> str:
        """Follows from what lies in it and how often that went out."""
        made_of = [[record["task"]["id"], record.get("rounds", 0)] for record in part]
        key = json.dumps([part[0]["task"].get("endpoint", ""), people, made_of])
        return hashlib.sha256(key.encode()).hexdigest()[:NAME_LETTERS]

    def _ship(self, name: str, item: Item, now: datetime) -> bool:
        """Claim its tasks, so that each lies in one parcel, then send it. False: the workforce takes no more now."""
        claimed = [record for each in item["ids"] if (record := self._claim(each, name)) is not None]
        if not claimed:
            self.desk.store.delete(f"{PARCELS}{name}")
            return True
        tasks = tuple(record["task"] for record in claimed)
        if not self.workforce.send(Parcel(name, tasks, self.desk.context(), item["people"])):
            return False
        ids = [task["id"] for task in tasks]
        self.desk.store.put(f"{PARCELS}{name}", {**item, "ids": ids, "sent_at": now.isoformat()})
        return True

    def _claim(self, task_id: str, name: str) -> Item | None:
        def claim(record: Item) -> bool:
            if record["state"] != records.OPEN or record.get("parcel"):
                return False
            record["parcel"], record["rounds"] = name, record.get("rounds", 0) + 1
            return True

        record = self.desk.change(records.task_key(task_id), claim, is_made=False)
        return record if record is not None and _is_in(record, name) else None

    def _close(self, name: str) -> None:
        """Nothing more comes of a parcel: its tasks that are still open may lie in another."""
        item = self.desk.store.get(f"{PARCELS}{name}") or {"ids": []}
        for each in item["ids"]:
            self._release(each, name)
        self.desk.store.delete(f"{PARCELS}{name}")

    def _release(self, task_id: str, name: str) -> None:
        def release(record: Item) -> bool:
            is_in_it: bool = record.get("parcel") == name
            if is_in_it:
                record["parcel"] = ""
            return is_in_it

        self.desk.change(records.task_key(task_id), release, is_made=False)

    def _tidy(self) -> None:
        """Tasks that were answered and are open all the same may lie in another parcel; one that is empty is withdrawn."""
        for name, item in list(self._parcels()):
            if not item["sent_at"]:
                continue
            found = [self.desk.store.get(records.task_key(each)) for each in item["ids"]]
            here = [each for each in found if each is not None and _is_in(each, name)]
            for record in here:
                if len(records.answered_since(record, item["sent_at"])) >= item["people"]:
                    self._release(record["task"]["id"], name)
                    here = [each for each in here if each is not record]
            if not here:
                self.workforce.withdraw(name)
                self._close(name)

    def _parcels(self) -> Iterator[tuple[str, Item]]:
        after = PARCELS
        while page := self.desk.store.page(PARCELS, PAGE, after):
            yield from ((key.removeprefix(PARCELS), item) for key, item in page)
            after = page[-1][0]


def _is_in(record: Item, parcel: str) -> bool:
    """Whether a task waits for an answer in this parcel."""
    return record["state"] == records.OPEN and record.get("parcel") == parcel


def receive(desk: Desk, one: Said, now: datetime) -> str:
    """Keep one answer; why it was refused, "" where it was not."""
    outcome = desk.receive(one.reviewer, one.task_id, one.label, now, comment=one.comment, token=one.token)
    return outcome.problem
