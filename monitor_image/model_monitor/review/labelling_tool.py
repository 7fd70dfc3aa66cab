"""A company's own labelling tool as a workforce: parcels go to a queue or, signed, to a webhook; answers come back alike.

    out   {"version": 1, "parcel": name, "people": 1, "context": {labels, …}, "tasks": [lines of review_tasks.jsonl]}
    back  {"endpoint": …, "answers": [{"id": …, "label": "1" or null, "reviewer": …, "comment"?: …, "token"?: …}]}

Deployed functions carry this module: it imports the standard library and its neighbours alone.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from model_monitor.review.outside import Arrival, Parcel, Said

FORMAT_VERSION = 1
MESSAGES_AT_ONCE, MOST_MESSAGES = 10, 1000
LARGEST_BODY = 200_000  # bytes; a queue takes 256 KiB
SIGNATURE, TIMESTAMP = "X-Review-Signature", "X-Review-Timestamp"
SCHEME = "v1="
TOLERANCE_SECONDS = 300  # between a signature's time and ours
Post = Callable[[str, bytes, Mapping[str, str]], bool]


class QueueTool:
    """A tool that reads one SQS queue and writes another."""

    def __init__(self, sqs: Any, tasks: str, answers: str, at_once: int = 10) -> None:
        self.at_once = at_once
        self._sqs, self._tasks, self._answers = sqs, tasks, answers

    def send(self, parcel: Parcel) -> bool:
        """A message may come twice; the parcel's name tells."""
        for body in messages_of(parcel):
            self._sqs.send_message(QueueUrl=self._tasks, MessageBody=body)
        return True

    def arrivals(self, parcels: Sequence[str]) -> Iterator[Arrival]:
        """Answers that wait, of any parcel. What cannot be read is left, for the queue to put aside."""
        del parcels
        for _ in range(MOST_MESSAGES // MESSAGES_AT_ONCE):
            asked = {"QueueUrl": self._answers, "MaxNumberOfMessages": MESSAGES_AT_ONCE}
            messages = self._sqs.receive_message(**asked).get("Messages") or []
            for message in messages:
                said = said_in(message["Body"])
                if said is not None:
                    yield Arrival(said, receipt=message["ReceiptHandle"])
            if not messages:
                return

    def taken(self, arrival: Arrival) -> None:
        """Off the queue."""
        self._sqs.delete_message(QueueUrl=self._answers, ReceiptHandle=arrival.receipt)

    def withdraw(self, parcel: str) -> None:
        """A queue takes nothing back; late answers count as corrections."""


class Webhook:
    """A tool that is called, and posts its answers to the kit's own address (`verified` and `said_in` read them there)."""

    def __init__(self, url: str, secret: str, post: Post, clock: Callable[[], datetime], at_once: int = 10) -> None:
        self.at_once = at_once
        self._url, self._secret, self._post, self._clock = url, secret, post, clock

    def send(self, parcel: Parcel) -> bool:
        """A call may come twice; the parcel's name tells."""
        return all(self._call(body.encode()) for body in messages_of(parcel))

    def _call(self, body: bytes) -> bool:
        return self._post(self._url, body, signed(self._secret, body, self._clock()))

    def arrivals(self, parcels: Sequence[str]) -> Iterator[Arrival]:
        """Answers are posted; there is nothing to fetch."""
        del parcels
        return iter(())

    def taken(self, arrival: Arrival) -> None:
        """Nothing waits."""

    def withdraw(self, parcel: str) -> None:
        """Late answers count as corrections."""


def messages_of(parcel: Parcel) -> list[str]:
    """What goes out: one text, or several of fewer tasks where one would be too large."""
    body = json.dumps(
        {
            "version": FORMAT_VERSION,
            "parcel": parcel.name,
            "people": parcel.people,
            "context": parcel.context,
            "tasks": list(parcel.tasks),
        }
    )
    if len(body.encode()) <= LARGEST_BODY or len(parcel.tasks) == 1:
        return [body]
    half = len(parcel.tasks) // 2
    parts = (parcel.tasks[:half], parcel.tasks[half:])
    return [text for part in parts for text in messages_of(Parcel(parcel.name, part, parcel.context, parcel.people))]


def said_in(body: str) -> tuple[Said, ...] | None:
    """The answers of a message; None where it is none of this format."""
    try:
        answers = json.loads(body)["answers"]
        return tuple(_said(answer) for answer in answers)
    except (ValueError, TypeError, KeyError):
        return None


def _said(answer: Mapping[str, Any]) -> Said:
    label, given = answer["label"], {key: answer.get(key, "") for key in ("comment", "token")}
    texts = (answer["id"], answer["reviewer"], *given.values())
    if not all(isinstance(text, str) for text in texts) or not (label is None or isinstance(label, str)):
        raise TypeError("answers should hold text")
    if not answer["id"] or not answer["reviewer"]:
        raise ValueError("an answer should name its task and its reviewer")
    return Said(answer["id"], label or "", answer["reviewer"], given["token"], given["comment"])


# --- signatures ----------------------------------------------------------------------------------------------------------


def signed(secret: str, body: bytes, now: datetime) -> dict[str, str]:
    """The two headers that prove who sent a body and when: HMAC-SHA256 of `{timestamp}.{body}`."""
    timestamp = str(int(now.timestamp()))
    return {TIMESTAMP: timestamp, SIGNATURE: SCHEME + _digest(secret, timestamp, body)}


def verified(secret: str, body: bytes, headers: Mapping[str, str], now: datetime) -> bool:
    """Whether somebody who knows the secret sent this, a short while ago."""
    given = {name.lower(): value for name, value in headers.items()}
    timestamp, signature = given.get(TIMESTAMP.lower(), ""), given.get(SIGNATURE.lower(), "")
    if not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 12:
        return False
    is_fresh = abs(now.timestamp() - int(timestamp)) <= TOLERANCE_SECONDS
    expected = SCHEME + _digest(secret, timestamp, body)
    return hmac.compare_digest(expected.encode(), signature.encode()) and is_fresh and bool(secret)


def _digest(secret: str, timestamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
