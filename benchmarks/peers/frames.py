"""polars, duckdb and pandas computing statistics alone from capture files: no checks, no baseline, no reports.

    frames.py polars|duckdb|pandas CAPTURE

Prints one JSON line with the rows seen and the mean of the first column, so that equal work can be seen to be equal.
CSV payloads without quotes only.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

NUMERIC, TEXT = 54, 2
NAMES = [f"c{i}" for i in range(NUMERIC + TEXT)]
NUMBERS, TEXTS = NAMES[:NUMERIC], NAMES[NUMERIC:]


def run_polars(files: list[str]) -> tuple[int, float]:
    """Streaming: moments, range, median, approximate distinct, histograms of text."""
    import polars as pl

    payload = pl.Struct({"data": pl.String})
    lines = pl.scan_ndjson(files, schema={"captureData": pl.Struct({"endpointInput": payload})}).select(
        pl.col("captureData").struct.field("endpointInput").struct.field("data").str.split("\n").alias("line")
    )
    cells = pl.col("line").str.split_exact(",", len(NAMES) - 1).struct.rename_fields(NAMES)
    rows = lines.explode("line").select(cells.alias("row")).unnest("row")
    rows = rows.with_columns(pl.col(name).cast(pl.Float64, strict=False) for name in NUMBERS)
    wanted = [pl.len().alias("rows")]
    for name in NUMBERS:
        column = pl.col(name)
        wanted += [
            column.count().alias(f"{name} present"),
            column.mean().alias(f"{name} mean"),
            column.std(ddof=0).alias(f"{name} deviation"),
            column.min().alias(f"{name} min"),
            column.max().alias(f"{name} max"),
            column.approx_n_unique().alias(f"{name} distinct"),
            column.quantile(0.5).alias(f"{name} median"),
        ]
    wanted += [pl.col(name).approx_n_unique().alias(f"{name} distinct") for name in TEXTS]
    results = pl.collect_all([rows.select(wanted), *(rows.group_by(name).len() for name in TEXTS)], engine="streaming")
    return results[0]["rows"][0], results[0]["c0 mean"][0]


def run_duckdb(files: list[str]) -> tuple[int, float]:
    """Moments, range, t-digest quantiles, approximate distinct of text, histograms of text."""
    import duckdb

    connection = duckdb.connect(config={"memory_limit": "4GB"})
    cells = ", ".join(
        f"try_cast(cell[{i + 1}] as double) as {name}" if name in NUMBERS else f"cell[{i + 1}] as {name}"
        for i, name in enumerate(NAMES)
    )
    connection.execute(
        f"create view rows as select {cells} from (select string_split(line, ',') as cell from (select unnest("
        f"string_split(captureData.endpointInput.data, chr(10))) as line from read_json({files!r}, "
        "format='newline_delimited', columns={'captureData': 'STRUCT(endpointInput STRUCT(data VARCHAR))'})))"
    )
    wanted = ["count(*)", "avg(c0)"]
    for name in NUMBERS:
        wanted += [f"{function}({name})" for function in ("count", "avg", "stddev_pop", "min", "max")]
        wanted.append(f"approx_quantile({name}, [0.1, 0.25, 0.5, 0.75, 0.9])")
    wanted += [f"approx_count_distinct({name})" for name in TEXTS]
    result = connection.execute(f"select {', '.join(wanted)} from rows").fetchone()
    for name in TEXTS:
        connection.execute(f"select {name}, count(*) from rows group by 1").fetchall()
    return result[0], result[1]


def run_pandas(files: list[str]) -> tuple[int, float]:
    """describe, nunique, value counts, after the loader that such scripts use."""
    import io

    import pandas as pd

    parts = []
    for file in files:
        events = pd.read_json(file, lines=True)
        text = "\n".join(event["endpointInput"]["data"] for event in events["captureData"])
        parts.append(pd.read_csv(io.StringIO(text), header=None, names=NAMES))
    rows = pd.concat(parts, ignore_index=True)
    described = rows[NUMBERS].describe()
    rows.nunique()
    for name in TEXTS:
        rows[name].value_counts()
    return len(rows), float(described.loc["mean", "c0"])


if __name__ == "__main__":
    found = sorted(map(str, Path(sys.argv[2]).rglob("*.jsonl")))
    count, mean = {"polars": run_polars, "duckdb": run_duckdb, "pandas": run_pandas}[sys.argv[1]](found)
    print(json.dumps({"rows": count, "mean": mean}))
