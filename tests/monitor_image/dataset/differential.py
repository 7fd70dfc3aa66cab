"""Captured files in which the compiled reader and Python's do not agree: `python differential.py SECONDS SEED [CASES]`.

Each case is made from a kept one (corpus/) or a new one by a few wounds, as a function of the seed and its number. What differs
is told as a program can make it again, and put into corpus/ by hand once it is mended.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from model_monitor.contract import JobKind
from model_monitor.dataset import native
from model_monitor.dataset.discover import discover
from model_monitor.dataset.rows import read_rows
from model_monitor.dataset.units import plan
from model_monitor.job.job import DatasetKind, DatasetSource, Job
from model_monitor.schema import Column, Feature, FeatureType, OutputMapping, PayloadMapping, Rows, Schema
from tests.captures import base64_side, columns_side, csv_side, event, json_side, outputs

CORPUS = Path(__file__).with_name("corpus")
FEATURES = (Feature("a"), Feature("b", FeatureType.STRING), Feature("c"))
OUTPUT = OutputMapping(prediction="label", score="score", payload_index="payload_index")
SCHEMAS = (
    Schema(FEATURES),
    Schema(FEATURES, PayloadMapping(output=OUTPUT)),
    Schema(FEATURES, PayloadMapping(records="records", output=OUTPUT)),
    Schema((*FEATURES[:2], Feature("c", path="c.d")), PayloadMapping()),
    Schema(tuple(map(Feature, ("_c0", "_c1", "_c2", "_c3"))), is_positional=True, outputs=1),
)
NUMBERS = (0, -1, 7, 2**53 + 1, 2**63, 10**25, 0.1, 1e308, 3.0)
VALUES = (*NUMBERS, None, True, "", "x", "a,b", 'q"q', "1e5", "NaN", " 7 ", "\u00e9", "1\n2")
TOKENS = (
    *("\ufeff", "\\ufeff"),
    *("\\ud800", "\\udc00\\ud800", "\\ud83d\\ude00", "\\u0000", "\\u001f", "\\n", "\\r", "\\r\\n", "\\t", "\\n\\n"),
    *("\x00", "\x01", "\x1f"),
    *("\x7f", "\x85", "\u2028", "\r", "\n", "\r\n", "\t", "\v", "\f", " ", "\xa0", '"', "\\", "\\\\", '\\"'),
    *(
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        ";",
        "null",
        "true",
        "NaN",
        "Infinity",
        "-Infinity",
        "-0",
        "-0.0",
        "1e999",
        ".5",
        "5.",
        "01",
    ),
    *("9" * 30, "0" * 310, "{}", "[]", '""', '\\"\\"', '{"a":1}', '\\"a\\"', "'"),
)
BYTES = (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xf4\x90\x80\x80", b"\xc0\x80", b"\xe2\x80\xa8")


@dataclass(frozen=True)
class Case:
    """A file and the number of the schema it is read with."""

    data: bytes
    schema: int


def records(chance: Random) -> list[dict[str, Any]]:
    names = ["a", "b", "c", "d"][: chance.choice((3, 3, 3, 2, 4))]
    return [{name: chance.choice(VALUES) for name in names} for _ in range(chance.choice((0, 1, 1, 2, 3)))]


def side_of(chance: Random, rows: list[dict[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = chance.choice(
        (
            lambda: csv_side(rows),
            lambda: csv_side(rows),
            lambda: json_side(rows),
            lambda: columns_side(rows),
            lambda: json_side({"records": rows}),
            lambda: json_side([list(row.values()) for row in rows]),
            lambda: json_side(rows[0] if rows else {}),
            lambda: (
                json_side([])
                | {"observedContentType": "application/jsonlines", "data": "\n".join(map(json.dumps, rows))}
            ),
        )
    )()
    return base64_side(made) if chance.random() < 0.15 else made


def line(chance: Random) -> bytes:
    rows = records(chance)
    answer = None if chance.random() < 0.3 else side_of(chance, outputs(len(rows)))  # type: ignore[arg-type]
    entered = side_of(chance, rows)
    for side in (entered, answer or {}):
        if side and chance.random() < 0.6:
            side["data"] = wounded(chance, side["data"])
    name = chance.choice((None, None, "id", "\ud800", ""))
    return json.dumps(
        event(chance.randrange(50), entered, answer, inference_id=name), ensure_ascii=chance.random() < 0.5
    ).encode(errors="surrogatepass")


def wounded(chance: Random, text: str) -> str:
    for _ in range(chance.choice((1, 1, 2))):
        place = chance.choice((0, len(text), chance.randrange(len(text) + 1)))
        stop = place + chance.choice((0, 0, 0, 1, 5))
        text = text[:place] + chance.choice(TOKENS) + text[stop:]
    return text


def broken(chance: Random, data: bytes) -> bytes:
    for _ in range(chance.choice((0, 0, 1, 2))):
        place = chance.randrange(len(data) + 1)
        token = chance.choice((chance.choice(BYTES), chance.choice(TOKENS).encode()))
        data = data[:place] + token + data[place + chance.choice((0, 0, 1, 9)) :]
    return data


def case(seed: int, number: int, kept: list[bytes]) -> Case:
    """The case of this number."""
    chance = Random(f"{seed} {number}")
    if kept and chance.random() < 0.3:
        return Case(broken(chance, chance.choice(kept)), chance.randrange(len(SCHEMAS)))
    lines = [line(chance) for _ in range(chance.choice((1, 1, 2, 4)))]
    end = chance.choice((b"\n", b"\n", b"\n", b"\r\n", b"\n\n", b"\r"))
    return Case(broken(chance, end.join(lines) + end), chance.randrange(len(SCHEMAS)))


def answer(given: Case, reader: Any) -> list[Any] | str:
    """All that a reader makes of a case; the words of an error that leaves it."""
    before, native._native = native._native, reader
    try:
        with TemporaryDirectory() as folder:
            path = Path(folder, "one.jsonl")
            path.write_bytes(given.data)
            source = DatasetSource(path, DatasetKind.CAPTURE)
            job = Job(JobKind.MONITOR, source, Path(folder), SCHEMAS[given.schema])
            return [told(rows) for unit in plan(discover(source)) for rows in read_rows(unit, job)]
    except Exception as error:  # noqa: BLE001 - what is looked for
        return f"{type(error).__name__}: {error}"
    finally:
        native._native = before


def told(rows: Rows) -> Any:
    """A chunk without its schema, comparable."""
    columns = (*rows.features, rows.prediction, rows.score, rows.label, *rows.class_scores, *rows.metadata.values())
    counted = (rows.absent, rows.extra, rows.rejects.by_reason, rows.rejects.widths, rows.tolerated)
    return (
        rows.count,
        [content_of(column) for column in columns],
        (rows.events.ids, rows.events.times.tolist(), rows.events.records.tolist(), rows.payload_index.tolist()),
        [sorted(each.items()) for each in counted],
        (rows.rejects.located, rows.rejects.unsized, rows.outside_window, rows.dropped, rows.own_requests),
    )


def content_of(column: Column | None) -> Any:
    if column is None:
        return None
    numbers = None if column.numbers is None else (str(column.numbers.dtype), list(map(repr, column.numbers.tolist())))
    return column.kinds.tolist(), numbers, None if column.texts is None else column.texts.to_pylist()


def disagreements(cases: Iterator[Case], compiled: Any) -> Iterator[tuple[Case, Any, Any]]:
    """Cases that the two readers answer differently, or that an error leaves."""
    for given in cases:
        one, other = answer(given, compiled), answer(given, None)
        if one != other or isinstance(one, str):
            yield given, one, other


def shrunk(given: Case, is_wanted: Callable[[Case], bool]) -> Case:
    """A smaller case of the same kind: pieces are cut out as long as the readers still differ."""
    size = len(given.data) // 2
    while size:
        place = 0
        while place < len(given.data):
            tried = Case(given.data[:place] + given.data[place + size :], given.schema)
            if is_wanted(tried):
                given = tried
            else:
                place += size
        size //= 2
    return given


def kept_cases() -> list[bytes]:
    return [path.read_bytes() for path in sorted(CORPUS.iterdir())]


def main(seconds: float, seed: int, most: int) -> int:
    """How many cases differ; each is told, smaller."""
    compiled, kept, found, tried = native._native, kept_cases(), 0, 0
    if compiled is None:
        raise SystemExit("the compiled reader is not installed: run make setup")
    end = time.process_time() + seconds

    def cases() -> Iterator[Case]:
        nonlocal tried
        for number in range(most):
            if time.process_time() > end:
                return
            tried += 1
            yield case(seed, number, kept)

    for given, _, _ in disagreements(cases(), compiled):
        found += 1
        small = shrunk(given, lambda tried: any(disagreements(iter([tried]), compiled)))
        one, other = answer(small, compiled), answer(small, None)
        sys.stdout.write(f"schema {small.schema}: {small.data!r}\n  compiled: {one}\n  Python's: {other}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{tried:,} cases, {found} differ\n")
    return found


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else sys.maxsize) > 0)
