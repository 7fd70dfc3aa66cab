"""`model-monitor labels`: a table of labels becomes ground truth where it belongs."""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from model_monitor.command import Command, Outcome
from model_monitor.errors import LabelsRefused, NoDataset, SettingsError
from model_monitor.words import counted, did_you_mean

DESCRIPTION = """\
Write ground truth that Model Monitor joins to captured predictions: a line for each event with the labels of
all its records, in the folder of the hour (UTC) in which the labels were collected.
The table has one row for each label: the id of the request (InferenceId), the place of the record in it from 0
(payload_index; may be left out where requests hold one record) and the label (groundTruthLabel).
"""
EXAMPLES = """\
examples:
  model-monitor labels outcomes.csv --output s3://bucket/covertype/ground-truth

  # what would be written, and where
  model-monitor labels outcomes.parquet --output ground-truth/ --dry-run

  # a table with names of its own, of labels that were collected earlier
  model-monitor labels outcomes.jsonl --output ground-truth/ --hour 2026-01-31T04 \\
      --id-column request --label-column defaulted

With --hour, the same table and output give the same files: repeating the command changes nothing. Without it labels
count as collected now, so a repeated command writes them once more, as later ones of the same records.
exit status: 0 written, 1 error (nothing is written when any row is wrong)
"""
OTHER_SEPARATORS: Final = (";", "\t", "|")
CSV_SUFFIXES: Final = (".csv", ".txt")
PARQUET_SUFFIXES: Final = (".parquet", ".pq")
KNOWN: Final = {"id": ("inferenceid", "eventid"), "index": ("payloadindex",), "label": ("groundtruthlabel", "label")}

Row = Mapping[str, Any]
Columns = dict[str, str]  # id, index, label → column of the table


def add_arguments(command: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    command.add_argument("table", type=Path, metavar="FILE", help="CSV with header, JSON, JSON Lines or Parquet")
    command.add_argument("--output", required=True, metavar="DIR", help="folder or S3 prefix, of one endpoint")
    command.add_argument(
        "--hour", type=_hour, metavar="TIME", help="when the labels were collected, UTC (2026-01-31T04); default: now"
    )
    command.add_argument("--id-column", metavar="NAME", help="column of the inference id (default: InferenceId)")
    command.add_argument("--index-column", metavar="NAME", help="column of the place (default: payload_index)")
    command.add_argument("--label-column", metavar="NAME", help="column of the label (default: groundTruthLabel)")
    command.add_argument("--dry-run", action="store_true", help="check the table and name the files, write nothing")


def write(options: argparse.Namespace) -> str:
    """Write the labels of a table, or only check it. Returns what was done, for people.

    Raises: MonitorError; nothing is written then.
    """
    from model_monitor.aws.s3 import join
    from model_monitor.labels import writer

    collected = options.hour or datetime.now(UTC)
    named = {"id": options.id_column, "index": options.index_column, "label": options.label_column}
    labels = list(read_labels(options.table, named))
    if not labels:
        raise NoDataset(options.table, "label")
    try:
        if options.dry_run:
            events = writer.group(labels)
            contents = writer.file_contents(events, collected)
            files = tuple(join(options.output, name) for name in contents)
            head = f"{counted(len(labels), 'label')} of {counted(len(events), 'event')} would be written"
        else:
            written = writer.write_labels(labels, options.output, collected)
            files = written.files
            head = f"{counted(written.labels, 'label')} of {counted(written.events, 'event')} written"
    except LabelsRefused as error:
        raise SettingsError(
            str(options.table), f"{error}", "\nLabels are counted from 0, without the header."
        ) from error
    return "\n".join((f"{head}:", *(f"  {file}" for file in files)))


def read_labels(path: Path, named: Mapping[str, str | None]) -> Iterator[tuple[Any, Any, Any]]:
    """Rows of a table as (id, place, label), in order.

    Raises: NoDataset, SettingsError if a column is not there or the file cannot be read.
    """
    if not path.is_file():
        raise NoDataset(path, "table of labels")
    try:
        names, rows = _open(path)
        columns = _columns(path, names, named)
        if "index" not in columns:
            rows = list(rows)
            _refuse_repeats(path, rows, columns["id"])
        for number, row in enumerate(rows):
            if None in row:  # as `csv` has it
                fault = f"label {number} is in a row of more values than the header has names"
                raise SettingsError(str(path), f"{fault}.", "Quote values that hold a comma.")
            place = row.get(columns["index"], 0) if "index" in columns else 0
            yield row.get(columns["id"]), _whole(place), row.get(columns["label"])
    except (OSError, ValueError, RecursionError, csv.Error) as error:
        raise SettingsError(str(path), f"cannot be read as a table ({type(error).__name__}).") from error


def _open(path: Path) -> tuple[list[str], Iterable[Row]]:
    """The names of a table's columns, and its rows."""
    name = path.name.lower()
    if name.endswith(PARQUET_SUFFIXES):
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(path, use_threads=False)
        return table.column_names, table.to_pylist()
    text = path.read_text(encoding="utf-8-sig")
    if name.endswith(CSV_SUFFIXES):
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        return list(reader.fieldnames or ()), reader
    is_document = text.lstrip().startswith("[")
    rows = json.loads(text) if is_document else [json.loads(line) for line in text.split("\n") if line.strip()]
    if not all(isinstance(row, Mapping) for row in rows):
        raise ValueError("a row that is no object")
    return list(dict.fromkeys(key for row in rows for key in row)), rows


def _columns(path: Path, names: list[str], named: Mapping[str, str | None]) -> Columns:
    found: Columns = {}
    for role, known in KNOWN.items():
        wanted = named.get(role)
        # an InferenceId is what labels are found by, so it counts before an event id, wherever the columns are
        ranked = [name for spelling in known for name in names if _plain(name) == spelling]
        matching = [name for name in names if name == wanted] if wanted else ranked
        if matching:
            found[role] = matching[0]
        elif wanted or role != "index":
            missing = wanted or {"id": "InferenceId", "label": "groundTruthLabel"}[role]
            is_one = len(names) == 1 and any(separator in names[0] for separator in OTHER_SEPARATORS)
            remedy = "A comma is expected between columns" if is_one else f"Name it with --{role}-column"
            raise SettingsError(
                str(path),
                f"has no column '{missing}'{f': {asked}' if (asked := did_you_mean([missing], names)) else '.'}",
                f"Found: {', '.join(names) or 'none'}. {remedy}.",
            )
    return found


def _refuse_repeats(path: Path, rows: Iterable[Row], column: str) -> None:
    """Without places each request has one label: said once, rather than of every label after an id's first."""
    counts = Counter(str(row[column]) for row in rows if row.get(column) not in (None, ""))
    repeated = sum(count > 1 for count in counts.values())
    if repeated:
        raise SettingsError(
            str(path),
            f"has no column 'payload_index', and {repeated} of {counted(len(counts), 'id')} have several labels.",
            "Add the place of each record in its request, counted from 0, or name its column with --index-column.",
        )


def _whole(place: Any) -> Any:
    """A place as a number, when it is one in the spelling of its file; else as it is, to be refused with its position."""
    try:
        number = float(place) if not isinstance(place, bool) else float("nan")
    except (TypeError, ValueError):
        return place
    return int(number) if number.is_integer() else place


def _plain(name: str) -> str:
    return name.strip().replace("_", "").lower()


def _hour(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("should be an hour or a time, UTC, such as 2026-01-31T04") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


COMMAND: Final = Command(
    "labels",
    "write labels as ground truth",
    add_arguments,
    lambda options: Outcome(write(options)),
    DESCRIPTION,
    EXAMPLES,
)
