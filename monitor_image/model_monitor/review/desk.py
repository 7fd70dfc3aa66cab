"""The desk where tasks wait for people: put in, lent out one at a time, answered, corrected, and collected as labels.

Everything that can be decided is decided here, over a store that only keeps items (`store.Store`). Two people never have one
task, an answer that is sent twice counts once, and every answer stays in the task's history.
Deployed functions carry this module: it imports the standard library and its neighbours alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from model_monitor.review import records
from model_monitor.review.backend import Put
from model_monitor.review.records import Finished
from model_monitor.review.store import Item, Store

PAGE = 100  # index entries read at a time
TRIES = 50  # of a change that others' changes come before
LONGEST_COMMENT = 1000
NO_LABEL = "this is none of the labels to choose from"


@dataclass(frozen=True)
class Rules:
    """How one endpoint's tasks are handled.

    second_opinions: share of tasks that two people answer. settle_seconds: after an answer, before it becomes a label, so
    that an undo comes in time. wait_days: after which nobody is asked any more. keep_days: for which history stays.
    """

    lease_seconds: int = 600
    second_opinions: float = 0.1
    settle_seconds: int = 120
    per_day: int = 100
    wait_days: int = 14
    keep_days: int = 180


@dataclass(frozen=True)
class Outcome:
    """What became of a request. problem: why nothing was changed; "" where something was."""

    task: Item | None = None
    problem: str = ""


@dataclass(frozen=True)
class Desk:
    """Tasks of one endpoint."""

    store: Store
    rules: Rules = field(default_factory=Rules)

    # --- in ----------------------------------------------------------------------------------------------------------

    def put(self, tasks: Iterable[Mapping[str, Any]], context: Mapping[str, Any] | None, now: datetime) -> Put:
        """Tasks of a run. The same task may be put again, by a retry or another run: it is there once.

        context: labels to choose from and the baseline's distributions; replaces the one before.
        """
        if context:
            self.store.put("context", dict(context))
        found: Counter[str] = Counter()
        for task in tasks:
            found[self._put(dict(task), now)] += 1
        return Put(found["added"], found["known"], found["cut"])

    def _put(self, task: Item, now: datetime) -> str:
        key = records.task_key(task["id"])
        known = self.store.get(key)
        if known is not None:
            if known["state"] == records.OPEN:  # a run that died between the two writes is made good
                self.store.put(records.open_key(known), {"id": task["id"]})
            return "known"
        if not self._has_room((task.get("time") or now.isoformat())[:10], now):
            return "cut"
        is_second = int(task["id"][-6:], 16) / records.SIXTEENTHS < self.rules.second_opinions
        record = {
            "version": 1,
            "task": task,
            "state": records.OPEN,
            "needed": 2 if is_second else 1,
            "put_at": now.isoformat(),
            "lease": None,
            "history": [],
            "label": None,
            "revision": 0,
            "collected": 0,
            "counted": {},
            "expires": self._expiry(now),
        }
        if not self.store.insert(key, record):
            return "known"
        self.store.put(records.open_key(record), {"id": task["id"]})
        return "added"

    def _has_room(self, day: str, now: datetime) -> bool:
        """Take one place of a day's cap."""
        taken = False

        def take(item: Item) -> bool:
            nonlocal taken
            taken = item.get("count", 0) < self.rules.per_day
            item["count" if taken else "cut"] = item.get("count" if taken else "cut", 0) + 1
            item["expires"] = self._expiry(now)
            return True

        self.change(f"day#{day}", take)
        return taken

    def _expiry(self, now: datetime) -> int:
        """When a store may forget an item of today, in seconds since 1970."""
        return int((now + timedelta(days=self.rules.keep_days)).timestamp())

    # --- lent --------------------------------------------------------------------------------------------------------

    def context(self) -> Item:
        """Labels to choose from, and what each feature looked like in the baseline."""
        return self.store.get("context") or {}

    def waiting(self, reviewer: str, now: datetime, limit: int = 50) -> list[Item]:
        """Tasks that this reviewer may take, most uncertain first."""
        return list(islice(self._free(reviewer, now), limit))

    def lease(self, reviewer: str, now: datetime, task_id: str = "") -> Outcome:
        """Lend one task to one person for some minutes: the one that was asked for, the one they have, else the next."""
        held = task_id or (self.store.get(f"holds#{reviewer}") or {}).get("id", "")
        if held:
            record = self.store.get(records.task_key(held))
            if (
                record is not None
                and (task_id or records.holder(record, now) == reviewer)
                and self._lend(record, reviewer, now)
            ):
                return Outcome(record)
            if task_id:
                return Outcome(None, "somebody else has this task, or it is answered")
        for record in self._free(reviewer, now):
            if self._lend(record, reviewer, now):
                return Outcome(record)
        return Outcome(None, "nothing is left to review")

    def _free(self, reviewer: str, now: datetime) -> Iterator[Item]:
        for record in self.open_records():
            if records.is_free(record, reviewer, now):
                yield record

    def open_records(self) -> Iterator[Item]:
        """Open tasks by their rank; what a function that died left in the index is put right on the way."""
        after = "open#"
        while page := self.store.page("open#", PAGE, after):
            for key, entry in page:
                record = self.store.get(records.task_key(entry["id"]))
                if record is not None and record["state"] == records.OPEN:
                    yield record
                else:
                    self._reindex(record, key)
            after = page[-1][0]

    def _lend(self, record: Item, reviewer: str, now: datetime) -> bool:
        if not records.is_free(record, reviewer, now):
            return False
        version = record["version"]
        until = now + timedelta(seconds=self.rules.lease_seconds)
        record["lease"] = {"reviewer": reviewer, "until": until.isoformat()}
        record["version"] += 1
        if not self.store.replace(records.task_key(record["task"]["id"]), record, version):
            return False
        self.store.put(f"holds#{reviewer}", {"id": record["task"]["id"], "expires": record["expires"]})
        return True

    # --- answered ----------------------------------------------------------------------------------------------------

    def answer(
        self, reviewer: str, task_id: str, label: str, now: datetime, *, comment: str = "", token: str = ""
    ) -> Outcome:
        """What a person says of a task they have, or says anew of one they answered before.

        token: of the request; one that comes twice changes nothing the second time.
        """
        if self._is_no_label(label):
            return Outcome(None, NO_LABEL)
        entry = {"action": records.ANSWER, "label": label, "comment": comment[:LONGEST_COMMENT]}
        return self._act(reviewer, task_id, entry, now, token)

    def receive(
        self, reviewer: str, task_id: str, label: str, now: datetime, *, comment: str = "", token: str = ""
    ) -> Outcome:
        """What somebody says who works elsewhere and took no lease; an empty label: they cannot tell."""
        if label and self._is_no_label(label):
            return Outcome(None, NO_LABEL)
        entry: Item = {"action": records.ANSWER, "label": label} if label else {"action": records.SKIP}
        entry["comment"] = comment[:LONGEST_COMMENT]
        return self._act(reviewer, task_id, entry, now, token, is_outside=True)

    def _is_no_label(self, label: str) -> bool:
        labels = self.context().get("labels") or []
        return bool(labels) and label not in labels

    def skip(self, reviewer: str, task_id: str, now: datetime, *, comment: str = "", token: str = "") -> Outcome:
        """Somebody cannot tell: others are asked."""
        return self._act(reviewer, task_id, {"action": records.SKIP, "comment": comment[:LONGEST_COMMENT]}, now, token)

    def undo(self, reviewer: str, now: datetime, *, token: str = "") -> Outcome:
        """Take back this person's last answer or skip, and have its task again. A label that was written stays until the next."""
        last = (self.store.get(f"last#{reviewer}") or {}).get("id", "")
        if not last:
            return Outcome(None, "there is nothing to take back")
        return self._act(reviewer, last, {"action": records.UNDO}, now, token)

    def _act(
        self, reviewer: str, task_id: str, entry: Item, now: datetime, token: str, is_outside: bool = False
    ) -> Outcome:
        action, problem, is_repeated = entry["action"], "", False

        def act(record: Item) -> bool:
            nonlocal problem, is_repeated
            is_repeated = bool(token) and any(each["token"] == token for each in record["history"])
            refused = records.refusal_outside(record) if is_outside else records.refusal(record, reviewer, action)
            problem = "" if is_repeated else refused
            if is_repeated or problem:
                return False
            record["history"].append({**entry, "reviewer": reviewer, "at": now.isoformat(), "token": token})
            records.settle(record, now)
            self._hold(record, reviewer, action, now)
            return True

        record = self.change(records.task_key(task_id), act, is_made=False)
        if record is None:
            return Outcome(None, "there is no such task")
        if problem:
            return Outcome(None, problem)
        self._reindex(record, records.open_key(record))
        if not is_repeated:
            self._remember(record, reviewer, action, now)
        return Outcome(record)

    def _hold(self, record: Item, reviewer: str, action: str, now: datetime) -> None:
        if records.holder(record, now) not in ("", reviewer):
            return  # another person's opinion is under way
        until = (now + timedelta(seconds=self.rules.lease_seconds)).isoformat()
        record["lease"] = {"reviewer": reviewer, "until": until} if action == records.UNDO else None

    def _remember(self, record: Item, reviewer: str, action: str, now: datetime) -> None:
        """Whose last task it was, and how many they did today."""
        mine = {"id": record["task"]["id"], "expires": record["expires"]}
        if action == records.UNDO:
            self.store.delete(f"last#{reviewer}")
            self.store.put(f"holds#{reviewer}", mine)
        else:
            self.store.put(f"last#{reviewer}", mine)
            self.store.delete(f"holds#{reviewer}")

        def count(item: Item) -> bool:
            item["count"] = max(0, item.get("count", 0) + (-1 if action == records.UNDO else 1))
            item["expires"] = record["expires"]
            return True

        self.change(f"done_by#{now.date()}#{reviewer}", count)

    def _reindex(self, record: Item | None, open_key: str) -> None:
        """The two lists follow the task: of those that are open, and of labels that are not collected yet."""
        if record is None:
            self.store.delete(open_key)
            return
        key = records.done_key(record)
        if record["state"] == records.DONE and record["collected"] < record["revision"]:
            self.store.put(key, {"id": record["task"]["id"]})
        if record["state"] == records.OPEN:
            self.store.put(records.open_key(record), {"id": record["task"]["id"]})
        else:
            self.store.delete(open_key)

    # --- out ---------------------------------------------------------------------------------------------------------

    def collect(self, now: datetime) -> list[Finished]:
        """Labels that were settled some time ago and are not delivered. Each comes again until it is `delivered`."""
        self._expire(now)
        found, after = [], "done#"
        while page := self.store.page("done#", PAGE, after):
            for key, entry in page:
                record = self.store.get(records.task_key(entry["id"]))
                if record is None or record["state"] != records.DONE or record["collected"] >= record["revision"]:
                    if record is None or record["state"] != records.OPEN:
                        self.store.delete(key)
                elif now - records.settled_at(record) >= timedelta(seconds=self.rules.settle_seconds):
                    found.append(records.finished(record))
            after = page[-1][0]
        return found

    def delivered(self, finished: Finished, now: datetime) -> bool:
        """A label was written: it is not collected again, and counts in the report. Whether this was the first time."""
        change: Counter[str] = Counter()

        def mark(record: Item) -> bool:
            change.clear()
            if record["collected"] >= finished.revision:
                return False
            counted = records.contribution(record)
            change.update(counted)
            change.subtract(record["counted"])
            record["collected"], record["counted"] = finished.revision, counted
            return True

        record = self.change(records.task_key(finished.id), mark, is_made=False)
        if record is None:
            return False
        if record["collected"] >= record["revision"]:
            self.store.delete(records.done_key(record))
        if change:
            self.change(f"stats#{now.date()}", lambda item: records.add(item, change, record["expires"]))
        return bool(change)

    def _expire(self, now: datetime) -> None:
        """Nobody is asked about what has waited too long."""
        for record in self.open_records():
            if now - datetime.fromisoformat(record["put_at"]) > timedelta(days=self.rules.wait_days):

                def close(item: Item) -> bool:
                    if item["state"] == records.OPEN and (said := records.opinions(item)):  # a second one never came
                        item["needed"] = len(said)
                        records.settle(item, now)
                    item["state"] = records.EXPIRED if item["state"] == records.OPEN else item["state"]
                    return True

                changed = self.change(records.task_key(record["task"]["id"]), close, is_made=False)
                self._reindex(changed, records.open_key(record))

    def progress(self, reviewer: str, now: datetime) -> dict[str, int]:
        """How much waits, and how much this person did today."""
        mine = self.store.get(f"done_by#{now.date()}#{reviewer}") or {}
        waiting, after = 0, "open#"
        while page := self.store.page("open#", PAGE, after):
            waiting, after = waiting + len(page), page[-1][0]
        return {"open": waiting, "done_today": mine.get("count", 0)}

    def report(self, now: datetime) -> dict[str, float | None]:
        """How old the oldest open task is, and of the last week's labels how often people agreed, with the model and each other."""
        days = [(now - timedelta(days=back)).date() for back in range(7)]
        total: Counter[str] = Counter()
        for day in days:
            total.update(records.numbers(self.store.get(f"stats#{day}") or {}))
        ages = [now - datetime.fromisoformat(record["put_at"]) for record in self.open_records()]
        return {
            "open": len(ages),
            "oldest_hours": max((age / timedelta(hours=1) for age in ages), default=0.0),
            "labels": total["labels"],
            "model_agreement": records.share(total["with_model"], total["labels"]),
            "reviewer_agreement": records.share(total["pairs_agreed"], total["pairs"]),
        }

    def change(self, key: str, change: Callable[[Item], bool], is_made: bool = True) -> Item | None:
        """Read, change, write, and again when somebody else was faster; None where there is nothing. `change` may decline."""
        for _ in range(TRIES):
            item = self.store.get(key)
            is_new = item is None
            if item is None:
                if not is_made:
                    return None
                item = {"version": 0}
            version = item["version"]
            if not change(item):
                return item
            item["version"] = version + 1
            if self.store.insert(key, item) if is_new else self.store.replace(key, item, version):
                return item
        raise TimeoutError(f"{key.partition('#')[0]}: was changed by others {TRIES} times in a row; try again")
