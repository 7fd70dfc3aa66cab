"""Synthetic data capture for the benchmarks: 54 numeric and 2 text columns, several records a payload.

Deterministic: each file has its own random stream, seeded by (seed, file number).
"""

from __future__ import annotations

import base64
import io
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

HOUR = datetime(2026, 3, 2, 10, tzinfo=UTC)
ENDPOINT, VARIANT = "bench", "AllTraffic"
RECORDS_PER_FILE = 20_000
MEASURED = {  # name → (mean, standard deviation, decimals)
    "elevation": (2959, 280, 0),
    "aspect": (155, 112, 0),
    "slope": (14.1, 7.5, 2),
    "distance_to_water": (269.4, 212.5, 2),
    "height_over_water": (46.4, 58.3, 1),
    "distance_to_road": (2350, 1559, 0),
    "shade_morning": (212, 27, 0),
    "shade_noon": (223, 20, 0),
    "shade_afternoon": (142.5, 38.3, 6),
    "distance_to_fire": (1980.3, 1324.2, 4),
}
ONE_HOT = [f"area_{i}" for i in range(4)] + [f"soil_{i:02}" for i in range(40)]
REGIONS = ["rawah", "neota, north", 'the "comanche" park', "cache la poudre"]
PLAIN_REGIONS = ["rawah", "neota", "comanche", "cache_la_poudre"]
TEXT = ["region", "sensor"]
COLUMNS = [*MEASURED, *ONE_HOT, *TEXT]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One data set. `payload` is csv | json_columns | json_records | jsonlines."""

    records: int
    payload: str = "csv"
    per_payload: int = 10
    is_base64: bool = False
    null_rate: float = 0.0
    wrong_type_rate: float = 0.0
    is_quoted: bool = False
    records_per_file: int = RECORDS_PER_FILE
    seed: int = 7


def write(recipe: Recipe, folder: Path) -> Path:
    """Write the capture tree below `folder` (once: an existing tree of the same recipe is kept). Returns its root."""
    done = folder / "recipe.json"
    if done.exists() and json.loads(done.read_text()) == asdict(recipe):
        return folder / "capture"
    shutil.rmtree(folder / "capture", ignore_errors=True)  # of another recipe
    files = -(-recipe.records // recipe.records_per_file)
    with ProcessPoolExecutor() as pool:
        list(pool.map(_write_file, [recipe] * files, [folder / "capture"] * files, range(files), [files] * files))
    done.write_text(json.dumps(asdict(recipe)))
    return folder / "capture"


def join(capture: Path, target: Path) -> Path:
    """All files of a capture tree as one, below `target` (once). Returns it."""
    parts = sorted(capture.rglob("*.jsonl"))
    whole = target / parts[0].relative_to(capture)
    if not whole.exists() or whole.stat().st_size != sum(part.stat().st_size for part in parts):
        whole.parent.mkdir(parents=True, exist_ok=True)
        with whole.open("wb") as sink:
            for part in parts:
                with part.open("rb") as source:
                    shutil.copyfileobj(source, sink, 1 << 20)
    return target


def write_baseline(folder: Path, rows: int = 20_000) -> Path:
    """A CSV of the same population, with header. Returns its path."""
    path = folder / "baseline.csv"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pa.csv.write_csv(_table(np.random.default_rng(1), rows, Recipe(rows)), path)
    return path


def _table(rng: np.random.Generator, rows: int, recipe: Recipe) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    for name, (mean, deviation, decimals) in MEASURED.items():
        values = np.round(np.abs(rng.normal(mean, deviation, rows)), decimals)
        columns[name] = pa.array(values.astype(np.int64) if decimals == 0 else values)
    area, soil = rng.choice(4, rows, p=[0.45, 0.05, 0.44, 0.06]), rng.zipf(1.4, rows) % 40
    for i in range(4):
        columns[f"area_{i}"] = pa.array((area == i).astype(np.int64))
    for i in range(40):
        columns[f"soil_{i:02}"] = pa.array((soil == i).astype(np.int64))
    regions = REGIONS if recipe.is_quoted else PLAIN_REGIONS
    columns["region"] = pa.array(regions).take(pa.array(rng.choice(4, rows, p=[0.45, 0.05, 0.44, 0.06])))
    columns["sensor"] = pa.array([f"sm-{i:03}" for i in range(250)]).take(
        pa.array(np.minimum(rng.geometric(0.02, rows), 250) - 1)
    )
    for name in COLUMNS:
        columns[name] = _dirty(rng, columns[name], name in MEASURED, recipe)
    return pa.table(columns)


def _dirty(rng: np.random.Generator, column: pa.Array, is_measured: bool, recipe: Recipe) -> pa.Array:
    if recipe.wrong_type_rate and is_measured:
        wrong = pa.array(rng.random(len(column)) < recipe.wrong_type_rate / len(MEASURED))
        column = pc.if_else(wrong, "12cm", column.cast(pa.string()))
    if recipe.null_rate:
        column = pc.if_else(pa.array(rng.random(len(column)) < recipe.null_rate), None, column)
    return column


def _payloads(table: pa.Table, recipe: Recipe) -> Iterator[tuple[str, int]]:
    step = recipe.per_payload
    if recipe.payload == "csv":
        lines = _csv_lines(table, recipe)
        for start in range(0, len(lines), step):
            yield "\n".join(lines[start : start + step]), len(lines[start : start + step])
        return
    for start in range(0, table.num_rows, step):
        part = table.slice(start, step)
        if recipe.payload == "json_columns":
            text = orjson.dumps(part.to_pydict())
        elif recipe.payload == "json_records":
            text = orjson.dumps(part.to_pylist())
        else:
            text = b"\n".join(map(orjson.dumps, part.to_pylist()))
        yield text.decode(), part.num_rows


def _csv_lines(table: pa.Table, recipe: Recipe) -> list[str]:
    """One CSV line per row; only text columns are quoted, also when numbers are held as text because some are wrong."""
    halves = []
    for names, style in ((COLUMNS[: -len(TEXT)], "none"), (TEXT, "needed" if recipe.is_quoted else "none")):
        sink = io.BytesIO()
        pa.csv.write_csv(table.select(names), sink, pa.csv.WriteOptions(include_header=False, quoting_style=style))
        halves.append(sink.getvalue().decode().removesuffix("\n").split("\n"))
    return [f"{numbers},{texts}" for numbers, texts in zip(*halves, strict=True)]


CONTENT = {"csv": ("text/csv", "CSV"), "jsonlines": ("application/jsonlines", "JSON")}


def _write_file(recipe: Recipe, root: Path, number: int, files: int) -> None:
    rng = np.random.default_rng([recipe.seed, number])
    rows = min(recipe.records_per_file, recipe.records - number * recipe.records_per_file)
    table = _table(rng, rows, recipe)
    scores = np.round(rng.uniform(0.2, 1.0, rows), 6).tolist()
    labels = rng.integers(1, 8, rows).tolist()
    content, encoding = CONTENT.get(recipe.payload, ("application/json", "JSON"))
    start = HOUR + timedelta(seconds=3600 * number / files)
    lines, row = [], 0
    for request, count in _payloads(table, recipe):
        answer = [
            {"payload_index": i, "label": labels[row + i], "score": scores[row + i]} for i in range(count)
        ]  # the response of the kit's serving script
        response = orjson.dumps(answer).decode()
        if recipe.is_base64:
            request, response = (base64.b64encode(text.encode()).decode() for text in (request, response))
        when = start + timedelta(seconds=3600 / files * row / rows)
        lines.append(_event(request, response, content, "BASE64" if recipe.is_base64 else encoding, when, rng))
        row += count
    folder = root / ENDPOINT / VARIANT / f"{HOUR:%Y/%m/%d/%H}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{start:%M-%S}-000-{number:06}.jsonl").write_bytes(b"\n".join(lines) + b"\n")


def _event(request: str, response: str, content: str, encoding: str, when: datetime, rng: np.random.Generator) -> bytes:
    identifier = rng.bytes(16).hex()
    answer_encoding = encoding if encoding == "BASE64" else "JSON"
    return orjson.dumps(
        {
            "captureData": {
                "endpointInput": {
                    "observedContentType": content,
                    "mode": "INPUT",
                    "data": request,
                    "encoding": encoding,
                },
                "endpointOutput": {
                    "observedContentType": "application/json",
                    "mode": "OUTPUT",
                    "data": response,
                    "encoding": answer_encoding,
                },
            },
            "eventMetadata": {
                "eventId": identifier,
                "inferenceId": identifier,
                "inferenceTime": f"{when:%Y-%m-%dT%H:%M:%SZ}",
            },
            "eventVersion": "0",
        }
    )
