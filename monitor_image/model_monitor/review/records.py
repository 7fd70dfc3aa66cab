"""What a task's history comes to: who has it, who may do what to it, its state and its label. Pure, of one task's record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from model_monitor.review.store import Item

OPEN, DONE, UNSETTLED, EXPIRED = "open", "done", "unsettled", "expired"
ANSWER, SKIP, UNDO = "answer", "skip", "undo"
MOST_OPINIONS = 3
MOST_SKIPS = 3  # people who could not tell, after whom nobody is asked any more
SIXTEENTHS = 16**6


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


def task_key(task_id: str) -> str:
    return f"task#{task_id}"


def open_key(record: Item) -> str:
    """Most uncertain first; sampled ones anywhere between, or nobody would ever come to them."""
    task = record["task"]
    is_sample = task.get("reason") == "sample"
    rank = int(task["id"][:6], 16) / SIXTEENTHS if is_sample else 1 - float(task.get("uncertainty") or 0)
    return f"open#{min(max(rank, 0.0), 1.0):.6f}#{task['id']}"


def done_key(record: Item) -> str:
    return f"done#{record['task']['id']}"


def holder(record: Item, now: datetime) -> str:
    lease = record["lease"]
    return lease["reviewer"] if lease and datetime.fromisoformat(lease["until"]) > now else ""


def is_free(record: Item, reviewer: str, now: datetime) -> bool:
    """Whether somebody may have this task now."""
    if record["state"] != OPEN or holder(record, now) not in ("", reviewer):
        return False
    return reviewer not in opinions(record) and reviewer not in skipped_by(record)


def refusal(record: Item, reviewer: str, action: str) -> str:
    """Why a person may not do this to the task; "" where they may."""
    has_said = reviewer in opinions(record) or reviewer in skipped_by(record)
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


def refusal_outside(record: Item) -> str:
    """Why an answer from outside comes too late; "" where it does not. Nobody there holds a lease."""
    return "it has waited too long and is closed" if record["state"] == EXPIRED else ""


def standing(record: Item) -> dict[str, Item]:
    """The last word of each person, taken back ones aside."""
    found: dict[str, list[Item]] = {}
    for entry in record["history"]:
        own = found.setdefault(entry["reviewer"], [])
        if entry["action"] == UNDO:
            own[-1:] = []
        else:
            own.append(entry)
    return {reviewer: own[-1] for reviewer, own in found.items() if own}


def opinions(record: Item) -> dict[str, str]:
    return {who: entry["label"] for who, entry in standing(record).items() if entry["action"] == ANSWER}


def skipped_by(record: Item) -> set[str]:
    return {who for who, entry in standing(record).items() if entry["action"] == SKIP}


def answered_since(record: Item, time: str) -> set[str]:
    """Who said something of a task, or that they cannot tell, at a time or later."""
    return {who for who, entry in standing(record).items() if entry["at"] >= time}


def settle(record: Item, now: datetime) -> None:
    """The state and label that the standing answers come to; two that differ call for a third."""
    said = opinions(record)
    before = record["label"]
    state, label = OPEN, None
    if len(said) >= record["needed"]:
        (first, votes), *_ = Counter(said.values()).most_common()
        if 2 * votes > len(said):
            state, label = DONE, first
        elif len(said) >= MOST_OPINIONS:
            state = UNSETTLED
    elif len(skipped_by(record)) >= MOST_SKIPS:
        state = UNSETTLED
    if state == DONE and (label != before or record["state"] != DONE):
        record["revision"] += label != record.get("written")
        record["settled_at"], record["written"] = now.isoformat(), label
    record["state"], record["label"] = state, label


def settled_at(record: Item) -> datetime:
    return datetime.fromisoformat(record["settled_at"])


def finished(record: Item) -> Finished:
    task, label = record["task"], record["label"]
    who = tuple(sorted(who for who, said in opinions(record).items() if said == label))
    return Finished(
        record["task"]["id"],
        record["revision"],
        task["event_id"],
        int(task["payload_index"]),
        label,
        who,
        settled_at(record),
    )


def contribution(record: Item) -> dict[str, int]:
    """What one label adds to the report."""
    said = list(opinions(record).values())
    pairs = [(one, other) for place, one in enumerate(said) for other in said[place + 1 :]]
    return {
        "labels": 1,
        "with_model": int(record["label"] == record["task"].get("prediction")),
        "pairs": len(pairs),
        "pairs_agreed": sum(one == other for one, other in pairs),
    }


def add(item: Item, change: Mapping[str, int], expires: int) -> bool:
    for name, count in change.items():
        item[name] = item.get(name, 0) + count
    item["expires"] = expires
    return True


def numbers(item: Item) -> dict[str, int]:
    return {name: int(item.get(name, 0)) for name in ("labels", "with_model", "pairs", "pairs_agreed")}


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
