"""Hostile inputs for every function of the compiled reader: `python fuzz.py FILE ITERATIONS [FUNCTION ITERATION]`.

FILE is told which call is under way, stdout how many were answered and a digest of the answers; with a function and an
iteration only that call is made again. A program of its own, since what it looks for ends the process; test_sanitizers.py
runs it on a build that notices each read outside of a buffer.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import model_monitor_native as native

from tests.captures import base64_side, columns_side, csv_side, event, json_side, outputs

REFUSALS = (ValueError, TypeError, OverflowError)  # how a function says that its arguments are none
WORDS = ("Rawah", "", "a,b", 'say "so"', "Zürich", "雪", "line\nbreak", "37", "1e5", "true", "null", "NaN", " 7 ", "😀")
NUMBERS = (0, -1, 7, 2**31, -(2**63), 2**63, 10**25, 0.1, -2.5e-320, 1e308, 3.0, 123456789.123456789)
TOKENS = (
    *(b'"', b"'", b"\\", b",", b"\n", b"\r\n", b" ", b"{", b"}", b"[", b"]", b":", b"=", b"==", b"\x00"),
    *(b"null", b"true", b"-0", b"1e999", b"-1e-999", b".5", b"5.", b"0x1", b"NaN", b"-Infinity", b"Zm9v", b"BASE64"),
    *(b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\\u", b"\\ud800", b"\\ud83d\\ude00", b"\\u0000"),
    *(b"captureData", b"eventMetadata", b"encoding", b"[" * 5000, b'{"a":' * 3000, b"9" * 700, b'""' * 200),
    *(b"\\" * 99, b"," * 300, b"\n" * 70),
)


def records(chance: Random) -> list[dict[str, Any]]:
    """A request's records."""
    names = ["Elevation", "Area", 'odd "key"', "p\u00e4th"][: chance.randint(1, 4)]
    return [
        {name: chance.choice((*NUMBERS, *WORDS, None, True)) for name in names} for _ in range(chance.randint(1, 9))
    ]


def csv_payload(chance: Random) -> bytes:
    return csv_side(records(chance))["data"].encode()


def json_payload(chance: Random) -> bytes:
    rows = records(chance)
    match chance.randrange(7):
        case 0:
            payload: Any = rows
        case 1:
            payload = {"records": rows}
        case 2:
            payload = {"records": [list(row.values()) for row in rows]}
        case 3:
            payload = [list(row.values()) for row in rows]
        case 4:
            return columns_side(rows)["data"].encode()
        case 5:
            return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode(errors="surrogatepass")
        case _:
            payload = rows[0]
    return json.dumps(payload, indent=chance.choice((None, 1)), ensure_ascii=chance.random() < 0.5).encode()


def capture_line(chance: Random) -> bytes:
    rows = records(chance)
    side = chance.choice((csv_side(rows), columns_side(rows), json_side(rows)))
    entered = base64_side(side) if chance.random() < 0.3 else side
    left = chance.choice((None, csv_side(outputs(len(rows))), json_side(outputs(len(rows)))))
    return json.dumps(event(chance.randrange(100), entered, left, inference_id=chance.choice((None, "id-1")))).encode()


def encoded_payload(chance: Random) -> bytes:
    plain = chance.choice((csv_payload, json_payload))(chance)
    return base64.b64encode(plain) if chance.random() < 0.8 else plain


def damaged(chance: Random, make: Callable[[Random], bytes]) -> bytes:
    """What `make` makes, often with a few wounds."""
    text = bytearray(make(chance))
    for _ in range(chance.choice((0, 0, 1, 1, 2, 5))):
        place = chance.randrange(len(text) + 1)
        match chance.randrange(6):
            case 0:
                del text[place:]
            case 1:
                del text[place : place + chance.randint(1, 40)]
            case 2:
                text[place:place] = chance.choice(TOKENS)
            case 3:
                text[place : place + 1] = bytes([chance.randrange(256)])
            case 4:
                other = make(chance)
                text[place:] = other[chance.randrange(len(other) + 1) :]
            case _:
                text[:place] = text[place:]
    return bytes(text)


def packed(chance: Random, parts: Sequence[bytes]) -> tuple[array[int], array[int]]:
    """Texts in a buffer that ends where the last one does, now and then with bounds that are none."""
    bounds = array("q", [0])
    for part in parts:
        bounds.append(bounds[-1] + len(part))
    if chance.random() < 0.03:
        bounds[chance.randrange(len(bounds))] = chance.choice((-1, 2**62, -(2**63), 1))
    return array("B", b"".join(parts)), bounds


def texts(chance: Random, make: Callable[[Random], bytes]) -> tuple[array[int], array[int]]:
    return packed(chance, [damaged(chance, make) for _ in range(chance.choice((0, 1, 1, 1, 3, 20)))])


def places(chance: Random, below: int) -> list[tuple[int, bool]]:
    return [(chance.randrange(below), chance.random() < 0.3) for _ in range(chance.randint(0, 5))]


def for_csv(chance: Random) -> tuple[Any, ...]:
    width = chance.choice((-1, 1, 2, 3, 4))
    needed = chance.randint(1, width if width > 0 and chance.random() < 0.97 else 5)
    return texts(chance, csv_payload), places(chance, needed), width, needed, chance.random() < 0.5


def for_json(chance: Random) -> tuple[Any, ...]:
    keys = [name.encode() for name in chance.sample(("Elevation", "Area", 'odd "key"', "p\u00e4th", "", "x"), 3)]
    keys = keys[: chance.randint(1, 3)]
    asked = [(key, chance.random() < 0.3) for key in range(len(keys))]  # each key by one field at least
    found = texts(chance, json_payload)
    expected = array("q", [chance.choice((-1, 0, 1, 5, 2**62)) for _ in range(max(len(found[1]) - 1, 0))])
    return (
        found,
        chance.randint(0, 4),
        chance.choice((None, "records", "")),
        *(chance.random() < 0.5 for _ in range(2)),
        keys,
        list(dict.fromkeys([*asked, *places(chance, 9 if chance.random() < 0.03 else 1)])),
        chance.choice((-1, 1, 3)),
        chance.random() < 0.3,
        chance.randint(3, 5),
        expected[1:] if chance.random() < 0.03 else chance.choice((None, expected)),
    )


def for_envelopes(chance: Random) -> tuple[Any, ...]:
    def block(chance: Random) -> bytes:
        return b"".join(damaged(chance, capture_line) + b"\n" for _ in range(chance.randint(0, 6)))

    return ([damaged(chance, block) for _ in range(chance.choice((0, 1, 1, 3)))],)


def for_encoded(chance: Random) -> tuple[Any, ...]:
    found = texts(chance, encoded_payload)
    flags = len(found[1]) - 1 if chance.random() < 0.97 else 0
    return found, array("B", [chance.choice((0, 1, 1, 255)) for _ in range(flags)])


def for_counts(chance: Random) -> tuple[Any, ...]:
    values = (*range(-3, 9), *((2**62, -(2**63), 70_000) if chance.random() < 0.3 else ()))
    numbers = [chance.choice(values) for _ in range(chance.choice((0, 1, 2, 17, 400)))]
    if chance.random() < 0.5:
        return array("q", numbers), False
    odd = (float("nan"), float("inf"), -0.0, 0.5, 1e300) if chance.random() < 0.4 else (float("nan"),)
    return array("d", [chance.choice(odd) if chance.random() < 0.05 else number for number in numbers]), True


def for_mentions(chance: Random) -> tuple[Any, ...]:
    data = damaged(chance, json_payload)[: chance.choice((0, 1, 63, 64, 65, 4096))]
    start = chance.randrange(len(data) + 1)
    inside = data[start : start + chance.randint(0, 12)]
    word = chance.choice((inside, inside + b"?", b"", b'"columns"', b'"datatype"', b"\xff\x00"))
    return array("B", data), array("B", word)


ARGUMENTS: dict[str, Callable[[Random], tuple[Any, ...]]] = {
    "count_whole": for_counts,
    "mentions": for_mentions,
    "open_texts": for_encoded,
    "read_csv": for_csv,
    "read_envelopes": for_envelopes,
    "read_json": for_json,
}


def call(name: str, iteration: int) -> tuple[bool, object]:
    """Whether one call was answered and not refused, and the answer; None is one: what only Python's reader knows."""
    given = ARGUMENTS[name](Random(f"{name} {iteration}"))
    try:
        return True, getattr(native, name)(*given)
    except REFUSALS:
        return False, None


def main(told: Path, iterations: int) -> None:
    functions = {name for name in dir(native) if callable(getattr(native, name)) and not name.startswith("_")}
    if functions - set(ARGUMENTS):
        raise SystemExit(f"no arguments are made here for {sorted(functions - set(ARGUMENTS))}")
    last = os.open(told, os.O_WRONLY | os.O_CREAT)
    for name in sorted(functions):
        answered, answers = 0, hashlib.sha256()
        for iteration in range(iterations):
            os.pwrite(last, f"{name} {iteration}\n".encode(), 0)
            was_answered, answer = call(name, iteration)
            answered += was_answered
            answers.update(repr(answer).encode())
        sys.stdout.write(f"{name}: {answered} of {iterations} calls answered, {answers.hexdigest()}\n")
        if answered < iterations // 2:
            raise SystemExit(f"{name} refuses most calls: the arguments here are no longer its own")


if __name__ == "__main__":
    if len(sys.argv) > 3:
        call(sys.argv[3], int(sys.argv[4]))
    else:
        main(Path(sys.argv[1]), int(sys.argv[2]))
