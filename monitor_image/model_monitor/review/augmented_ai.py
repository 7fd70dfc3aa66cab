"""Human loops of Amazon Augmented AI as a workforce: a parcel is a loop, its answers lie in S3 when it is over.

Clients of AWS are handed in. Deployed functions carry this module: it imports the standard library and its neighbours alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from model_monitor.review.outside import Arrival, Parcel, Said

COMPLETED, FAILED, STOPPED = "Completed", "Failed", "Stopped"
OVER = (COMPLETED, FAILED, STOPPED)
LABEL, COMMENT = "label-", "comment-"  # how fields of the form begin; the task's id follows
CANNOT_TELL = "cannot-tell"
DESCRIBED_SINGLY = 5  # loops; of more the lists are read
LISTED_AT_ONCE = 100
SHOWN_DIGITS = 6


class AugmentedAi:
    """Loops of one endpoint. flows: number of people → ARN of the flow definition that asks so many."""

    def __init__(self, runtime: Any, s3: Any, flows: Mapping[int, str], at_once: int = 10) -> None:
        self.at_once = at_once
        self._runtime, self._s3, self._flows = runtime, s3, flows

    def send(self, parcel: Parcel) -> bool:
        """Start its loop, whose name is the parcel's: a second start is a conflict, and nothing more."""
        errors = self._runtime.exceptions
        flow = self._flows[max(people for people in self._flows if people <= max(parcel.people, min(self._flows)))]
        try:
            self._runtime.start_human_loop(
                HumanLoopName=parcel.name,
                FlowDefinitionArn=flow,
                HumanLoopInput={"InputContent": json.dumps(input_of(parcel))},
            )
        except errors.ConflictException:
            return True
        except (errors.ThrottlingException, errors.ServiceQuotaExceededException):
            return False  # after the client's own retries
        return True

    def arrivals(self, parcels: Sequence[str]) -> Iterator[Arrival]:
        """Loops that are over; of one that failed or was stopped there are no answers."""
        for name, status in self._statuses(parcels):
            if status == COMPLETED:
                described = self._runtime.describe_human_loop(HumanLoopName=name)
                yield Arrival(said_in(self._output(described["HumanLoopOutput"]["OutputS3Uri"])), over=name)
            elif status in OVER:
                yield Arrival((), over=name)

    def taken(self, arrival: Arrival) -> None:
        """Loops stay with the service, for as long as it keeps them."""

    def withdraw(self, parcel: str) -> None:
        """Stop a loop that nobody has to answer."""
        errors = self._runtime.exceptions
        try:
            self._runtime.stop_human_loop(HumanLoopName=parcel)
        except (errors.ResourceNotFoundException, errors.ValidationException):
            return  # is over, or gone

    def _statuses(self, names: Sequence[str]) -> Iterator[tuple[str, str]]:
        listed = dict(self._listed(frozenset(names))) if len(names) > DESCRIBED_SINGLY else {}
        yield from listed.items()
        for name in [name for name in names if name not in listed]:  # of a flow that was replaced, too
            try:
                yield name, self._runtime.describe_human_loop(HumanLoopName=name)["HumanLoopStatus"]
            except self._runtime.exceptions.ResourceNotFoundException:
                continue  # started a moment ago, or forgotten by the service

    def _listed(self, names: frozenset[str]) -> Iterator[tuple[str, str]]:
        for flow in dict.fromkeys(self._flows.values()):
            asked: dict[str, Any] = {"FlowDefinitionArn": flow, "MaxResults": LISTED_AT_ONCE}
            while True:
                answer = self._runtime.list_human_loops(**asked)
                found = ((one["HumanLoopName"], one["HumanLoopStatus"]) for one in answer["HumanLoopSummaries"])
                yield from (each for each in found if each[0] in names)
                if not answer.get("NextToken"):
                    break
                asked["NextToken"] = answer["NextToken"]

    def _output(self, uri: str) -> Mapping[str, Any]:
        place = urlsplit(uri)
        content = self._s3.get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))["Body"].read()
        output: Mapping[str, Any] = json.loads(content)
        return output


# --- what the template is given, and what the form gives back ------------------------------------------------------------


def input_of(parcel: Parcel) -> dict[str, Any]:
    """The `task.input` of the worker template: everything as text, in the order in which it is shown."""
    context = parcel.context
    names = context.get("label_names") or {}
    labels = [str(label) for label in context.get("labels") or []]
    typical = {name: _typical(shape) for name, shape in (context.get("features") or {}).items()}
    return {
        "endpoint": context.get("endpoint") or "",
        "instructions": context.get("instructions") or "",
        "records": [_record(number, task, labels, names, typical) for number, task in enumerate(parcel.tasks, 1)],
    }


def _record(
    number: int, task: Mapping[str, Any], labels: Sequence[str], names: Mapping[str, str], typical: Mapping[str, str]
) -> dict[str, Any]:
    prediction = str(task.get("prediction") or "")
    return {
        "id": task["id"],
        "number": str(number),
        "prediction": _called(prediction, names),
        "score": _shown(task.get("score")),
        "features": [
            {"name": name, "value": _shown(value), "typical": typical.get(name, "")}
            for name, value in (task.get("features") or {}).items()
        ],
        "choices": [
            {"value": label, "text": f"{'Agree' if label == prediction else 'Change to'}: {_called(label, names)}"}
            for label in sorted(labels, key=lambda label: label != prediction)
        ],
    }


def _called(label: str, names: Mapping[str, str]) -> str:
    return f"{names[label]} ({label})" if label in names else label


def _typical(shape: Mapping[str, Any]) -> str:
    """What a feature looked like in the baseline, in a few words."""
    if shape.get("buckets"):
        low, high = shape["buckets"][0][0], shape["buckets"][-1][1]
        return f"{_shown(low)} to {_shown(high)}, on average {_shown(shape.get('mean'))}"
    return ", ".join(str(word) for word, _ in (shape.get("categories") or [])[:3])


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.{SHOWN_DIGITS}g}"
    return "" if value is None else str(value)


def said_in(output: Mapping[str, Any]) -> tuple[Said, ...]:
    """The answers of a loop's output.json. A field is a text, or an object of booleans by option."""
    loop, found = str(output.get("humanLoopName") or ""), []
    for answer in output.get("humanAnswers") or ():
        content = answer.get("answerContent") or {}
        worker = str(answer.get("workerId") or "")
        for field, given in content.items():
            chosen = _chosen(given)
            if not field.startswith(LABEL) or not chosen or not worker:
                continue
            task_id = field.removeprefix(LABEL)
            label = "" if chosen == CANNOT_TELL else chosen
            comment = _chosen(content.get(f"{COMMENT}{task_id}"))
            found.append(Said(task_id, label, worker, f"{loop}/{worker}", comment))
    return tuple(found)


def _chosen(given: Any) -> str:
    if isinstance(given, Mapping):
        return next((str(option) for option, is_on in given.items() if is_on is True), "")
    return given.strip() if isinstance(given, str) else ""
