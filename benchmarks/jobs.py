"""The benchmark's cells: which data, which command, which measure, and the value it must stay within."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.capture import Recipe

MILLION = 1_000_000
DATA = {
    "csv_1m": Recipe(MILLION),
    "json_columns": Recipe(MILLION, "json_columns"),
    "json_records": Recipe(MILLION, "json_records"),
    "jsonlines": Recipe(MILLION, "jsonlines"),
    "base64": Recipe(MILLION, is_base64=True),
    "one_record": Recipe(MILLION, per_payload=1),
    "csv_dirty_1m": Recipe(MILLION, null_rate=0.02, wrong_type_rate=0.001, is_quoted=True),
    "csv_10m": Recipe(10 * MILLION),
    "small_window": Recipe(1000),
}


@dataclass(frozen=True, slots=True)
class Against:
    """A ratio of two commands' median wall times, measured in turn within one run."""

    job: str  # numerator's data
    measure: str
    other: str  # native | polars | duckdb | pandas | whylogs | spark | a name in DATA
    must: float
    is_speedup: bool = False  # the other command's time divided by ours, at least `must`
    repeats: int = 3


RATIOS = (
    Against("csv_1m", "wall / native scan", "native", 8),
    Against("csv_1m", "wall / polars statistics alone", "polars", 1),
    Against("csv_1m", "wall / duckdb statistics alone", "duckdb", 1),
    Against("csv_1m", "speed against pandas", "pandas", 2.5, is_speedup=True),
    Against("csv_1m", "speed against whylogs", "whylogs", 4, is_speedup=True),
    Against("csv_1m", "speed against Spark SQL", "spark", 16, is_speedup=True),
    Against("json_columns", "wall / native scan", "native", 8),
    Against("json_records", "wall / native scan", "native", 8),
    Against("jsonlines", "wall / native scan", "native", 8),
    Against("base64", "wall / native scan", "native", 8),
    Against("one_record", "wall / native scan", "native", 8),
    Against("csv_dirty_1m", "time / clean", "csv_1m", 1.3),
    Against("csv_10m", "time / time of csv_1m", "csv_1m", 11),
)
MEMORY_MUST_MB = 600
MEMORY_GROWTH_MUST = 1.25
SMALL_WINDOW_MUST_S = 1.5
STARTUP_MUST_S = 0.6

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"


def capture_files(job: str) -> list[str]:
    """The capture files of a data set, sorted."""
    return sorted(map(str, (BUILD / "data" / job / "capture").rglob("*.jsonl")))


def peer_command(name: str, job: str) -> list[str] | None:
    """The command of a peer on a data set; None when what it needs is not on this machine."""
    peers, capture = ROOT / "benchmarks" / "peers", BUILD / "data" / job / "capture"
    if name in ("polars", "duckdb", "pandas"):
        return [f"{ROOT}/build/venv/frames/bin/python", str(peers / "frames.py"), name, str(capture)]
    if name == "whylogs":
        return [f"{ROOT}/build/venv/whylogs/bin/python", str(peers / "whylogs_profile.py"), str(capture)]
    return [f"{ROOT}/build/venv/spark/bin/python", str(peers / "spark_sql.py"), str(capture)]
