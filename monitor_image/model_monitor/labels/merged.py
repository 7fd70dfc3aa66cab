"""Captured events with the labels that came for them, in the layout of AWS's merge job. Written only on request.

    {root}/{endpoint}/{variant}/yyyy/mm/dd/hh/part-00000-{id}.c000.jsonl

Such a file holds the records themselves, restricted features included: it belongs where the capture may lie, and nowhere else.
The id follows from endpoint and window, so that merging a window once more, with labels that came late, replaces its files.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import orjson

from model_monitor.dataset.batches import Batch, batches
from model_monitor.dataset.capture import located_rows
from model_monitor.dataset.discover import DataFile
from model_monitor.dataset.formats.capture_json import NO_TIME
from model_monitor.dataset.pair import Losses
from model_monitor.dataset.units import plan
from model_monitor.errors import OutputError
from model_monitor.job.job import Job
from model_monitor.labels.ground_truth import GroundTruth
from model_monitor.labels.join import join
from model_monitor.labels.truth_lines import truth_data
from model_monitor.schema import Rows

UNKNOWN_ENDPOINT: Final = "endpoint"
UNKNOWN_VARIANT: Final = "AllTraffic"  # SageMaker's name where nobody gave one
TRUTH_KEY: Final = b'"groundTruthData"'
LONGEST_LIST: Final = 1 << 16  # labels by position up to this place; beyond it each label names its place


@dataclass(frozen=True, slots=True)
class Merged:
    """What was written: the files, the events with at least one label, and their labels."""

    files: tuple[Path, ...]
    events: int
    labels: int


def write_merged(job: Job, files: Sequence[DataFile], labels: GroundTruth, root: Path) -> Merged:
    """Write the events of the window that have labels, in the order of the files, a bounded number at a time."""
    sink, events, merged = _Sink(root, job), 0, 0
    try:
        for unit in plan(files):
            for batch in batches(unit, job.window):
                truths = dict(sorted(_truths(batch, job, labels)))
                sink.add(_lines(batch, truths, job))
                events, merged = events + len(truths), merged + sum(count for _, count in truths.values())
        return Merged(sink.finish(), events, merged)
    except OSError as error:
        raise OutputError(
            root, f"merged records cannot be written ({error.strerror}).", "Check the folder's rights and free space."
        ) from error
    finally:
        sink.clean()


def _truths(batch: Batch, job: Job, labels: GroundTruth) -> Iterator[tuple[int, tuple[bytes, int]]]:
    """Of each event with labels: its number in the batch, its `groundTruthData`, and how many labels that holds."""
    for numbers, read in located_rows(batch, job, Losses()):
        rows = join(read, labels)
        if rows.truth is None:
            continue
        stops = np.cumsum(rows.events.records)
        starts = stops - rows.events.records
        counts = np.diff(np.concatenate([[0], np.cumsum(rows.truth.codes >= 0)])[np.concatenate([[0], stops])])
        for event in np.flatnonzero(counts).tolist():
            cells = slice(int(starts[event]), int(stops[event]))
            yield int(numbers[event]), (_truth(rows, cells), int(counts[event]))


def _truth(rows: Rows, cells: slice) -> bytes:
    """The labels of one event by their place in it, as a ground-truth file would hold them."""
    truth = rows.truth
    assert truth is not None
    known = {
        place: truth.words[code]
        for place, code in zip(rows.payload_index[cells].tolist(), truth.codes[cells].tolist(), strict=True)
        if code >= 0
    }
    last = max(known)
    if last < LONGEST_LIST:
        data = truth_data([known.get(place) for place in range(last + 1)])
    else:
        named = [{"payload_index": place, "groundTruthLabel": label} for place, label in sorted(known.items())]
        data = {"data": orjson.dumps(named).decode(), "encoding": "JSON"}
    return orjson.dumps(data)


def _lines(batch: Batch, truths: dict[int, tuple[bytes, int]], job: Job) -> Iterator[tuple[str, bytes]]:
    """Folder and text of each merged record: the captured line as it is, and its labels."""
    numbers = iter(truths)
    number = next(numbers, None)
    for block, events, places in batch.origins():
        lines = block.data.split(b"\n") if number in events else []
        while number is not None and number in events:
            folder = _folder(block.file, int(batch.times[number]), job)
            yield folder, _with_truth(lines[places[number - events.start]], truths[number][0])
            number = next(numbers, None)


def _with_truth(line: bytes, truth: bytes) -> bytes:
    """Spliced in, so that nothing of the captured event changes; a line that was merged before gets its new labels."""
    line = line.removeprefix(b"\xef\xbb\xbf").strip()
    if TRUTH_KEY in line:
        with suppress(orjson.JSONDecodeError):
            return orjson.dumps(orjson.loads(line) | {"groundTruthData": orjson.Fragment(truth)}) + b"\n"
    return b'{"groundTruthData":' + truth + b"," + line[1:] + b"\n"


def _folder(file: DataFile, time: int, job: Job) -> str:
    """Where a record goes: by the hour of its inference, else of its capture folder."""
    endpoint = job.endpoint or (file.path.absolute().parents[5].name if file.hour else UNKNOWN_ENDPOINT)
    hour = datetime.fromtimestamp(time, UTC) if time != NO_TIME else file.hour or (job.window and job.window.start)
    parts = (endpoint, file.variant or UNKNOWN_VARIANT, *([f"{hour:%Y/%m/%d/%H}"] if hour else []))
    return "/".join(parts)


class _Sink:
    """Files that grow beside their final names and get them together at the end."""

    def __init__(self, root: Path, job: Job) -> None:
        window = f"{job.window.start.isoformat()}/{job.window.end.isoformat()}" if job.window else ""
        name = uuid.uuid5(uuid.NAMESPACE_URL, f"model-monitor:merge:{job.endpoint}:{window}")
        self.root, self.name = root, f"part-00000-{name}.c000.jsonl"
        self.partial: dict[str, Path] = {}

    def add(self, lines: Iterable[tuple[str, bytes]]) -> None:
        """Append lines, each to the file of its folder."""
        by_folder: dict[str, list[bytes]] = {}
        for folder, line in lines:
            by_folder.setdefault(folder, []).append(line)
        for folder, content in by_folder.items():
            is_new = folder not in self.partial
            path = self.partial.setdefault(folder, self.root / folder / f".{self.name}.partial")
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb" if is_new else "ab") as stream:
                stream.writelines(content)

    def finish(self) -> tuple[Path, ...]:
        """Give every file its name, and take away what an earlier merge of this window wrote elsewhere."""
        finished = {path: path.with_name(self.name) for path in self.partial.values()}
        for old in self.root.rglob(self.name) if self.root.is_dir() else ():
            if old not in finished.values():
                old.unlink()
        for path, final in finished.items():
            path.replace(final)
        self.partial = {}
        return tuple(sorted(finished.values()))

    def clean(self) -> None:
        """After an error: no half-written file stays."""
        for path in self.partial.values():
            path.unlink(missing_ok=True)
