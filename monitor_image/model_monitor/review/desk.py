"""The desk where tasks wait for people: put in, lent out one at a time, answered, corrected, and collected as labels.

Everything that can be decided is decided here, over a store that only keeps items; a store is a few lines (`Store`). Two people
never have one task, an answer that is sent twice counts once, and every answer stays in the task's history.
Standard library alone and no import of ours: the same file is part of the deployed functions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Protocol

Item = dict[str, Any]

OPEN, DONE, UNSETTLED, EXPIRED = "open", "done", "unsettled", "expired"
ANSWER, SKIP, UNDO = "answer", "skip", "undo"
PAGE = 100  # index entries read at a time
TRIES = 50  # of a change that others' changes come before
MOST_OPINIONS = 3
MOST_SKIPS = 3  # people who could not tell, after whom nobody is asked any more
LONGEST_COMMENT = 1000
SIXTEENTHS = 16**6


class Store(Protocol):
    """Items of one endpoint by their keys. Whoever implements it decides nothing; `version` is part of each item."""

    def get(self, key: str) -> Item | None:
        """One item."""

    def insert(self, key: str, item: Item) -> bool:
        """Keep an item unless there is one; whether it was kept."""

    def replace(self, key: str, item: Item, version: int) -> bool:
        """Change an item if it still has this version; whether it was changed."""

    def put(self, key: str, item: Item) -> None:
        """Keep an item, whatever was there."""

    def delete(self, key: str) -> None:
        """Forget an item; one that is not there is fine."""

    def page(self, prefix: str, limit: int, after: str = "") -> list[tuple[str, Item]]:
        """The next items whose keys begin so, by key."""


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
class Put:
    """What became of tasks that were put. known: were there already. cut: above the cap of their day."""

    added: int = 0
    known: int = 0
    cut: int = 0


@dataclass(frozen=True)
class Outcome:
    """What became of a request. problem: why nothing was changed; "" where something was."""

    task: Item | None = None
    problem: str = ""


@dataclass(frozen=True)
class Finished:
    """One task that became a label. revision: counts how often its label was settled; a later one supersedes."""

    id: str
    revision: int
    event_id: str
    payload_index: int
    label: str
    reviewers: tuple[str, ...]
    at: datetime

    @property
    def path(self) -> str:
        """Where its label goes, below the ground truth: the hour it was settled in, and one name, however often it is written."""
        return f"{self.at:%Y/%m/%d/%H}/review-{self.id}-{self.revision}.jsonl"


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
        key = _task_key(task["id"])
        known = self.store.get(key)
        if known is not None:
            if known["state"] == OPEN:  # a run that died between the two writes is made good
                self.store.put(_open_key(known), {"id": task["id"]})
            return "known"
        if not self._has_room((task.get("time") or now.isoformat())[:10], now):
            return "cut"
        is_second = int(task["id"][-6:], 16) / SIXTEENTHS < self.rules.second_opinions
        record = {
            "version": 1,
            "task": task,
            "state": OPEN,
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
        self.store.put(_open_key(record), {"id": task["id"]})
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

        self._change(f"day#{day}", take)
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
            record = self.store.get(_task_key(held))
            if (
                record is not None
                and (task_id or _holder(record, now) == reviewer)
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
        for record in self._open_records():
            if _is_free(record, reviewer, now):
                yield record

    def _open_records(self) -> Iterator[Item]:
        """Open tasks by their rank; what a function that died left in the index is put right on the way."""
        after = "open#"
        while page := self.store.page("open#", PAGE, after):
            for key, entry in page:
                record = self.store.get(_task_key(entry["id"]))
                if record is not None and record["state"] == OPEN:
                    yield record
                else:
                    self._reindex(record, key)
            after = page[-1][0]

    def _lend(self, record: Item, reviewer: str, now: datetime) -> bool:
        if not _is_free(record, reviewer, now):
            return False
        version = record["version"]
        until = now + timedelta(seconds=self.rules.lease_seconds)
        record["lease"] = {"reviewer": reviewer, "until": until.isoformat()}
        record["version"] += 1
        if not self.store.replace(_task_key(record["task"]["id"]), record, version):
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
        labels = self.context().get("labels") or []
        if labels and label not in labels:
            return Outcome(None, "this is none of the labels to choose from")
        entry = {"action": ANSWER, "label": label, "comment": comment[:LONGEST_COMMENT]}
        return self._act(reviewer, task_id, entry, now, token)

    def skip(self, reviewer: str, task_id: str, now: datetime, *, comment: str = "", token: str = "") -> Outcome:
        """Somebody cannot tell: others are asked."""
        return self._act(reviewer, task_id, {"action": SKIP, "comment": comment[:LONGEST_COMMENT]}, now, token)

    def undo(self, reviewer: str, now: datetime, *, token: str = "") -> Outcome:
        """Take back this person's last answer or skip, and have its task again. A label that was written stays until the next."""
        last = (self.store.get(f"last#{reviewer}") or {}).get("id", "")
        if not last:
            return Outcome(None, "there is nothing to take back")
        return self._act(reviewer, last, {"action": UNDO}, now, token)

    def _act(self, reviewer: str, task_id: str, entry: Item, now: datetime, token: str) -> Outcome:
        problem = ""
        is_repeated = False

        def act(record: Item) -> bool:
            nonlocal problem, is_repeated
            is_repeated = bool(token) and any(each["token"] == token for each in record["history"])
            problem = "" if is_repeated else _refusal(record, reviewer, entry["action"])
            if is_repeated or problem:
                return False
            record["history"].append({**entry, "reviewer": reviewer, "at": now.isoformat(), "token": token})
            _settle(record, now)
            self._hold(record, reviewer, entry["action"], now)
            return True

        record = self._change(_task_key(task_id), act, is_made=False)
        if record is None:
            return Outcome(None, "there is no such task")
        if problem:
            return Outcome(None, problem)
        self._reindex(record, _open_key(record))
        if not is_repeated:
            self._remember(record, reviewer, entry["action"], now)
        return Outcome(record)

    def _hold(self, record: Item, reviewer: str, action: str, now: datetime) -> None:
        if _holder(record, now) not in ("", reviewer):
            return  # another person's opinion is under way
        until = (now + timedelta(seconds=self.rules.lease_seconds)).isoformat()
        record["lease"] = {"reviewer": reviewer, "until": until} if action == UNDO else None

    def _remember(self, record: Item, reviewer: str, action: str, now: datetime) -> None:
        """Whose last task it was, and how many they did today."""
        mine = {"id": record["task"]["id"], "expires": record["expires"]}
        if action == UNDO:
            self.store.delete(f"last#{reviewer}")
            self.store.put(f"holds#{reviewer}", mine)
        else:
            self.store.put(f"last#{reviewer}", mine)
            self.store.delete(f"holds#{reviewer}")

        def count(item: Item) -> bool:
            item["count"] = max(0, item.get("count", 0) + (-1 if action == UNDO else 1))
            item["expires"] = record["expires"]
            return True

        self._change(f"done_by#{now.date()}#{reviewer}", count)

    def _reindex(self, record: Item | None, open_key: str) -> None:
        """The two lists follow the task: of those that are open, and of labels that are not collected yet."""
        if record is None:
            self.store.delete(open_key)
            return
        key = _done_key(record)
        if record["state"] == DONE and record["collected"] < record["revision"]:
            self.store.put(key, {"id": record["task"]["id"]})
        if record["state"] == OPEN:
            self.store.put(_open_key(record), {"id": record["task"]["id"]})
        else:
            self.store.delete(open_key)

    # --- out ---------------------------------------------------------------------------------------------------------

    def collect(self, now: datetime) -> list[Finished]:
        """Labels that were settled some time ago and are not delivered. Each comes again until it is `delivered`."""
        self._expire(now)
        found, after = [], "done#"
        while page := self.store.page("done#", PAGE, after):
            for key, entry in page:
                record = self.store.get(_task_key(entry["id"]))
                if record is None or record["state"] != DONE or record["collected"] >= record["revision"]:
                    if record is None or record["state"] != OPEN:
                        self.store.delete(key)
                elif now - _settled_at(record) >= timedelta(seconds=self.rules.settle_seconds):
                    found.append(_finished(record))
            after = page[-1][0]
        return found

    def delivered(self, finished: Finished, now: datetime) -> bool:
        """A label was written: it is not collected again, and counts in the report. Whether this was the first time."""
        change: Counter[str] = Counter()

        def mark(record: Item) -> bool:
            change.clear()
            if record["collected"] >= finished.revision:
                return False
            counted = _contribution(record)
            change.update(counted)
            change.subtract(record["counted"])
            record["collected"], record["counted"] = finished.revision, counted
            return True

        record = self._change(_task_key(finished.id), mark, is_made=False)
        if record is None:
            return False
        if record["collected"] >= record["revision"]:
            self.store.delete(_done_key(record))
        if change:
            self._change(f"stats#{now.date()}", lambda item: _add(item, change, record["expires"]))
        return bool(change)

    def _expire(self, now: datetime) -> None:
        """Nobody is asked about what has waited too long."""
        for record in self._open_records():
            if now - datetime.fromisoformat(record["put_at"]) > timedelta(days=self.rules.wait_days):

                def close(item: Item) -> bool:
                    if item["state"] == OPEN and (said := _opinions(item)):  # a second one never came
                        item["needed"] = len(said)
                        _settle(item, now)
                    item["state"] = EXPIRED if item["state"] == OPEN else item["state"]
                    return True

                changed = self._change(_task_key(record["task"]["id"]), close, is_made=False)
                self._reindex(changed, _open_key(record))

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
            total.update(_numbers(self.store.get(f"stats#{day}") or {}))
        ages = [now - datetime.fromisoformat(record["put_at"]) for record in self._open_records()]
        return {
            "open": len(ages),
            "oldest_hours": max((age / timedelta(hours=1) for age in ages), default=0.0),
            "labels": total["labels"],
            "model_agreement": _share(total["with_model"], total["labels"]),
            "reviewer_agreement": _share(total["pairs_agreed"], total["pairs"]),
        }

    def _change(self, key: str, change: Callable[[Item], bool], is_made: bool = True) -> Item | None:
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


# --- what a task's history comes to --------------------------------------------------------------------------------------


def _task_key(task_id: str) -> str:
    return f"task#{task_id}"


def _open_key(record: Item) -> str:
    """Most uncertain first; sampled ones anywhere between, or nobody would ever come to them."""
    task = record["task"]
    is_sample = task.get("reason") == "sample"
    rank = int(task["id"][:6], 16) / SIXTEENTHS if is_sample else 1 - float(task.get("uncertainty") or 0)
    return f"open#{min(max(rank, 0.0), 1.0):.6f}#{task['id']}"


def _done_key(record: Item) -> str:
    return f"done#{record['task']['id']}"


def _holder(record: Item, now: datetime) -> str:
    lease = record["lease"]
    return lease["reviewer"] if lease and datetime.fromisoformat(lease["until"]) > now else ""


def _is_free(record: Item, reviewer: str, now: datetime) -> bool:
    """Whether somebody may have this task now."""
    if record["state"] != OPEN or _holder(record, now) not in ("", reviewer):
        return False
    return reviewer not in _opinions(record) and reviewer not in _skipped_by(record)


def _refusal(record: Item, reviewer: str, action: str) -> str:
    """Why a person may not do this to the task; "" where they may."""
    has_said = reviewer in _opinions(record) or reviewer in _skipped_by(record)
    if action == UNDO:
        return "" if has_said else "there is nothing to take back"
    if has_said and action == ANSWER:  # their own answer, corrected
        return "" if record["state"] in (OPEN, DONE, UNSETTLED) else "it has waited too long and is closed"
    if record["state"] != OPEN:
        return "it is answered or closed"
    lease = record["lease"]
    if lease is None or lease["reviewer"] != reviewer:
        return "somebody else has it, or nobody does: take it first"
    return ""


def _standing(record: Item) -> dict[str, Item]:
    """The last word of each person, taken back ones aside."""
    found: dict[str, list[Item]] = {}
    for entry in record["history"]:
        own = found.setdefault(entry["reviewer"], [])
        if entry["action"] == UNDO:
            own[-1:] = []
        else:
            own.append(entry)
    return {reviewer: own[-1] for reviewer, own in found.items() if own}


def _opinions(record: Item) -> dict[str, str]:
    return {who: entry["label"] for who, entry in _standing(record).items() if entry["action"] == ANSWER}


def _skipped_by(record: Item) -> set[str]:
    return {who for who, entry in _standing(record).items() if entry["action"] == SKIP}


def _settle(record: Item, now: datetime) -> None:
    """The state and label that the standing answers come to; two that differ call for a third."""
    opinions = _opinions(record)
    before = record["label"]
    state, label = OPEN, None
    if len(opinions) >= record["needed"]:
        (first, votes), *_ = Counter(opinions.values()).most_common()
        if 2 * votes > len(opinions):
            state, label = DONE, first
        elif len(opinions) >= MOST_OPINIONS:
            state = UNSETTLED
    elif len(_skipped_by(record)) >= MOST_SKIPS:
        state = UNSETTLED
    if state == DONE and (label != before or record["state"] != DONE):
        record["revision"] += label != record.get("written")
        record["settled_at"], record["written"] = now.isoformat(), label
    record["state"], record["label"] = state, label


def _settled_at(record: Item) -> datetime:
    return datetime.fromisoformat(record["settled_at"])


def _finished(record: Item) -> Finished:
    task, label = record["task"], record["label"]
    who = tuple(sorted(who for who, said in _opinions(record).items() if said == label))
    return Finished(
        record["task"]["id"],
        record["revision"],
        task["event_id"],
        int(task["payload_index"]),
        label,
        who,
        _settled_at(record),
    )


def _contribution(record: Item) -> dict[str, int]:
    """What one label adds to the report."""
    said = list(_opinions(record).values())
    pairs = [(one, other) for place, one in enumerate(said) for other in said[place + 1 :]]
    return {
        "labels": 1,
        "with_model": int(record["label"] == record["task"].get("prediction")),
        "pairs": len(pairs),
        "pairs_agreed": sum(one == other for one, other in pairs),
    }


def _add(item: Item, change: Mapping[str, int], expires: int) -> bool:
    for name, count in change.items():
        item[name] = item.get(name, 0) + count
    item["expires"] = expires
    return True


def _numbers(item: Item) -> dict[str, int]:
    return {name: int(item.get(name, 0)) for name in ("labels", "with_model", "pairs", "pairs_agreed")}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
