"""Batch transform jobs as an endpoint would have captured them: a line that was asked and the line that answered it are one event.

SageMaker's capture of such jobs copies nothing: it lists what was read and what was written. Whoever plans a run pairs the two in a
document; here the pairs are fetched and become capture files, so that everything after this knows one kind of capture.

    {"format": "csv" | "json_lines", "inference_id": true, "joined": false,
     "pairs": [{"input": "s3://…/a.csv", "output": "s3://…/a.csv.out", "time": "2026-03-02T04:10:00Z"}]}

inference_id: the job appended an id and its time to each answer (`GenerateInferenceId`). joined: an answer repeats what was asked
(`JoinSource: Input`). time: when the answers were there; a record's own, since a job knows none of its records.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from model_monitor.aws import s3
from model_monitor.errors import SettingsError

ENDING: Final = ".transform.json"
CONTENT: Final = {"csv": ("text/csv", "CSV"), "json_lines": ("application/jsonlines", "JSON")}
ID, TIME, ANSWER = "SageMakerInferenceId", "SageMakerInferenceTime", "SageMakerOutput"
OF_CSV: Final = 2  # columns that are appended: id and time
PLAN_AGAIN: Final = "Plan the run again."


@dataclass(frozen=True, slots=True)
class Pair:
    """What a job read and what it wrote, each a path or an S3 URI."""

    input: str
    output: str
    time: str


@dataclass(frozen=True, slots=True)
class Transform:
    """All pairs of a window, and how they are written."""

    format: str
    has_ids: bool
    is_joined: bool
    pairs: tuple[Pair, ...]


def is_transform(location: str) -> bool:
    """Whether a place of capture is a document of pairs."""
    return location.endswith(ENDING)


def fetch_transform(location: str, folder: Path) -> Path:
    """The pairs of a document as capture files below `folder`; what that held before is removed. Raises: SettingsError."""
    found = _read(location)
    if folder.exists():
        shutil.rmtree(folder)
    sides, capture = folder / "sides", folder / "capture"
    capture.mkdir(parents=True)
    names = [
        (_local(p.input, sides / f"{n}.in"), _local(p.output, sides / f"{n}.out")) for n, p in enumerate(found.pairs)
    ]
    wanted = [(uri, path) for pair, paths in zip(found.pairs, names, strict=True) for uri, path in _remote(pair, paths)]
    sides.mkdir()
    s3.download(wanted)
    for number, (pair, (entered, left)) in enumerate(zip(found.pairs, names, strict=True)):
        with (capture / f"{number:06}.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(event) + "\n" for event in events(found, pair, _text(entered), _text(left)))
    shutil.rmtree(sides)
    return capture


def events(transform: Transform, pair: Pair, entered: str, left: str) -> Iterator[dict[str, Any]]:
    """One a line. Sides of unlike length are one event, which says so when it is read: which line answers which is not known."""
    asked, answered = _lines(entered), _lines(left)
    origin = hashlib.sha256(pair.output.encode()).hexdigest()[:16]
    if len(asked) != len(answered):
        yield _event(transform, pair, entered, left, origin)
        return
    for number, (question, line) in enumerate(zip(asked, answered, strict=True)):
        answer, id_ = _answer(transform, question, line)
        yield _event(transform, pair, question, answer, id_ or f"{origin}-{number}")


def _answer(transform: Transform, question: str, line: str) -> tuple[str, str]:
    """What the model said in a line, and the id that the job gave it, "" where it gave none."""
    if transform.format == "csv":
        id_ = ""
        if transform.has_ids:
            line, *appended = line.rsplit(",", OF_CSV)
            id_ = appended[0].strip('"') if len(appended) == OF_CSV else ""
        return (line.removeprefix(f"{question},") if transform.is_joined else line), id_
    try:
        content = json.loads(line)
    except ValueError:
        return line, ""  # a reject when it is read
    if not isinstance(content, dict):
        return line, ""
    id_ = str(content.pop(ID, ""))
    content.pop(TIME, None)
    return json.dumps(content.get(ANSWER, content)), id_


def _event(transform: Transform, pair: Pair, entered: str, left: str, id_: str) -> dict[str, Any]:
    kind, encoding = CONTENT[transform.format]
    side = {"observedContentType": kind, "encoding": encoding}
    return {
        "captureData": {
            "endpointInput": {**side, "mode": "INPUT", "data": entered},
            "endpointOutput": {**side, "mode": "OUTPUT", "data": left},
        },
        "eventMetadata": {"eventId": id_, "inferenceTime": pair.time},
        "eventVersion": "0",
    }


def _lines(text: str) -> list[str]:
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def _local(location: str, path: Path) -> Path:
    return path if s3.is_s3(location) else Path(location)


def _remote(pair: Pair, paths: tuple[Path, Path]) -> Iterator[tuple[str, Path]]:
    return ((uri, path) for uri, path in zip((pair.input, pair.output), paths, strict=True) if s3.is_s3(uri))


def _read(location: str) -> Transform:
    content = s3.read_object(location) if s3.is_s3(location) else Path(location).read_bytes()
    if content is None:
        raise SettingsError(location, "is not there, though the run was told to read what it lists.", PLAN_AGAIN)
    try:
        found = json.loads(content)
        pairs = tuple(Pair(each["input"], each["output"], each["time"]) for each in found["pairs"])
        transform = Transform(found["format"], bool(found["inference_id"]), bool(found["joined"]), pairs)
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            location, "should list pairs of a transform's files, as the plan of a run writes them.", PLAN_AGAIN
        ) from error
    if transform.format not in CONTENT:
        raise SettingsError(location, f"has a format other than {' and '.join(CONTENT)}.", PLAN_AGAIN)
    return transform
