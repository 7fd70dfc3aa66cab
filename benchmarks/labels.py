"""Labels that came for a capture tree, in random order: hours after the inferences, in SageMaker's form.

Deterministic: the order and the labels follow from the capture files and a seed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import orjson

from benchmarks.capture import HOUR

CLASSES = 7
BASELINE_RIGHT = 0.8
DELAY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class LabelRecipe:
    """One set of labels. `per_line`: event (all labels of a request together) | record (a line each, with payload_index).

    hours: folders over which they are spread. right: share of predictions that came true.
    """

    capture: str
    per_line: str = "event"
    hours: int = 6
    right: float = 0.8
    seed: int = 11


def write(recipe: LabelRecipe, capture: Path, folder: Path) -> Path:
    """Write labels for all events of a capture tree below `folder` (once: those of the same recipe are kept)."""
    root, done = folder / "labels", folder / "labels.json"
    if done.exists() and json.loads(done.read_text()) == asdict(recipe):
        return root
    shutil.rmtree(root, ignore_errors=True)  # of another recipe
    rng = np.random.default_rng(recipe.seed)
    lines = [line for event, labels in _truths(recipe, capture, rng) for line in _lines(recipe, event, labels)]
    order = rng.permutation(len(lines)).tolist()
    for hour in range(recipe.hours):
        target = root / f"{HOUR + DELAY + timedelta(hours=hour):%Y/%m/%d/%H}" / "labels.jsonl"
        target.parent.mkdir(parents=True, exist_ok=True)
        start, stop = (len(lines) * edge // recipe.hours for edge in (hour, hour + 1))
        target.write_bytes(b"".join(lines[place] for place in order[start:stop]))
    done.write_text(json.dumps(asdict(recipe)))
    return root


def write_baseline(plain: Path, folder: Path) -> Path:
    """The same rows with the columns `said` and `truth`. Returns the file's path."""
    path = folder / "baseline_labelled.csv"
    if not path.exists():
        header, *rows = plain.read_text().splitlines()
        rng = np.random.default_rng(1)
        said = rng.integers(1, CLASSES + 1, len(rows))
        truth = np.where(rng.random(len(rows)) < BASELINE_RIGHT, said, rng.integers(1, CLASSES + 1, len(rows)))
        ends = ("said,truth", *(f"{one},{other}" for one, other in zip(said.tolist(), truth.tolist(), strict=True)))
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line},{end}\n" for line, end in zip((header, *rows), ends, strict=True)))
    return path


def _truths(recipe: LabelRecipe, capture: Path, rng: np.random.Generator) -> Iterator[tuple[str, list[str]]]:
    """Id and labels of each event: what was predicted, or some class."""
    for path in sorted(capture.rglob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            event = orjson.loads(line)
            said = [answer["label"] for answer in orjson.loads(event["captureData"]["endpointOutput"]["data"])]
            is_right = rng.random(len(said)) < recipe.right
            truth = np.where(is_right, said, rng.integers(1, CLASSES + 1, len(said)))
            yield event["eventMetadata"]["inferenceId"], list(map(str, truth.tolist()))


def _lines(recipe: LabelRecipe, event: str, labels: list[str]) -> Iterator[bytes]:
    if recipe.per_line == "event":
        yield _line({"eventId": event}, "\n".join(labels))
    else:
        for place, label in enumerate(labels):
            yield _line({"eventId": event, "payload_index": place}, label)


def _line(metadata: dict[str, str | int], data: str) -> bytes:
    record = {"groundTruthData": {"data": data, "encoding": "CSV"}, "eventMetadata": metadata, "eventVersion": "0"}
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
