"""The benchmark's cells: which data, which command, which measure, and the value it must stay within."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.capture import Recipe
from benchmarks.labels import LabelRecipe

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
    "csv_100k": Recipe(100_000),
    "small_files_100k": Recipe(100_000, records_per_file=10),
    "s3_small_files": Recipe(100_000, records_per_file=1_667),  # sixty files, one a minute
}
SAME = {"startup": "small_window", "lambda_small": "small_window"}  # jobs that read another one's data
JOINED = {"one_file_10m": "csv_10m"}  # the same bytes in one file
SYNTHS = {"synth_100": 100}  # environments of so many endpoints: benchmarks/synth.py
LABELLED = {  # labels of a data set, for data quality and model quality together
    "join_1m": LabelRecipe("csv_1m"),
    "join_records_1m": LabelRecipe("csv_1m", per_line="record"),
}


@dataclass(frozen=True, slots=True)
class Against:
    """A ratio of two commands' median wall times, measured in turn within one run."""

    job: str  # numerator's data
    measure: str
    other: str  # native | polars | duckdb | pandas | whylogs | spark | python_reader | local | a name in DATA
    must: float | None
    aim: float | None = None
    is_speedup: bool = False  # the other command's time divided by ours, at least `must`


RATIOS = (
    Against("csv_1m", "wall / native scan", "native", 8, 1),
    Against("csv_1m", "wall / polars statistics alone", "polars", 1, 0.5),
    Against("csv_1m", "wall / duckdb statistics alone", "duckdb", 1, 0.5),
    Against("csv_1m", "speed against pandas", "pandas", 2.5, 6, is_speedup=True),
    Against("csv_1m", "speed against whylogs", "whylogs", 4, 10, is_speedup=True),
    Against("csv_1m", "speed against Spark SQL", "spark", 16, 40, is_speedup=True),
    Against("csv_1m", "speed against Python's reader", "python_reader", None, is_speedup=True),
    Against("json_columns", "wall / native scan", "native", 8, 1),
    Against("json_records", "wall / native scan", "native", 8, 1),
    Against("json_records", "speed against Python's reader", "python_reader", None, is_speedup=True),
    Against("jsonlines", "wall / native scan", "native", 8, 1),
    Against("base64", "wall / native scan", "native", 8, 4),
    Against("one_record", "wall / native scan", "native", 8, 4),
    Against("csv_dirty_1m", "time / clean", "csv_1m", 1.3, 1.1),
    Against("csv_10m", "time / time of csv_1m", "csv_1m", 11, 10),
    Against("one_file_10m", "time / time of csv_10m", "csv_10m", 1.1),
    Against("small_files_100k", "time in 10,000 files / in 5", "csv_100k", 3),
    Against("s3_small_files", "function over 60 objects in S3 / command over the files", "local", 1.3),
    Against("join_1m", "with model quality / data quality alone", "csv_1m", 1.8, 1.4),
    Against("join_records_1m", "with model quality / data quality alone", "csv_1m", None),
    Against("kernel_shap", "speed against shap", "shap", 40, 70, is_speedup=True),
    Against("bias_200k", "speed against smclarify, no flip test", "smclarify", 100, is_speedup=True),
    Against("flip_test_200k", "speed against smclarify, both exact", "smclarify", 1, is_speedup=True),
    Against("flip_test_sample_200k", "speed of a sample of 20,000 against exact", "exact", None, is_speedup=True),
    Against("page_1000", "drawing the page / the run that leaves its report", "run", 0.2),
)
OUR_SIDES = ("ours", "exact", "run")  # of analyses; all others are of other libraries
ANALYSES = {
    "kernel_shap": "kernel_shap.py",
    "bias_200k": "bias_counts.py",
    "flip_test_200k": "flip_test.py",
    "flip_test_sample_200k": "flip_test.py",
    "page_1000": "page_of_features.py",
}  # scripts that time themselves: who (ours or the other) → {"seconds": …}


@dataclass(frozen=True, slots=True)
class Limit:
    """A value of our own command that must stay below a number. what: memory | wall | first_byte | cold | warm | served | synth."""

    job: str
    measure: str
    what: str
    must: float | None
    aim: float | None = None


LIMITS = (
    Limit("csv_1m", "peak PSS", "memory", 600, 400),
    Limit("csv_10m", "peak PSS", "memory", 600, 400),
    Limit("one_file_10m", "peak PSS", "memory", 600),
    Limit("join_1m", "peak PSS", "memory", 600),
    Limit("join_records_1m", "peak PSS", "memory", 600),
    Limit("startup", "entry point to first byte read", "first_byte", 0.6, 0.3),
    Limit("small_window", "wall", "wall", 1.5, 0.8),
    Limit("lambda_small", "cold: start of the process to its first answer", "cold", 1.5),
    Limit("lambda_small", "warm: one answer", "warm", 0.5),
    Limit("s3_small_files", "processor time of the S3 in Python, within the function's", "served", None),
    Limit("synth_100", "wall of a synth with security rules", "synth", None, 60),
)
GROWTH = Limit("csv_10m", "peak PSS / peak PSS of csv_1m", "growth", 1.25)

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"


def names() -> tuple[str, ...]:
    """Every job, in the order of the table."""
    return tuple(dict.fromkeys(cell.job for cell in (*RATIOS, *LIMITS)))


def capture_folder(job: str) -> Path:
    """Where a job's data lies."""
    source = LABELLED[job].capture if job in LABELLED else SAME.get(job, job)
    return BUILD / "data" / source / "capture"


def capture_files(job: str) -> list[str]:
    """The capture files of a data set, sorted."""
    return sorted(map(str, capture_folder(job).rglob("*.jsonl")))


def analysis_command(job: str, who: str) -> list[str]:
    """Our side or the other one of an analysis, which prints the seconds it took without its imports."""
    environment = "image" if who in OUR_SIDES else who
    side = "sample" if job == "flip_test_sample_200k" and who == "ours" else who
    return [f"{ROOT}/build/venv/{environment}/bin/python", str(ROOT / "benchmarks" / "peers" / ANALYSES[job]), side]


def peer_command(name: str, job: str) -> list[str]:
    """The command of a peer on a data set."""
    peers, capture = ROOT / "benchmarks" / "peers", str(capture_folder(job))
    if name in ("polars", "duckdb", "pandas"):
        return [f"{ROOT}/build/venv/frames/bin/python", str(peers / "frames.py"), name, capture]
    if name == "whylogs":
        return [f"{ROOT}/build/venv/whylogs/bin/python", str(peers / "whylogs_profile.py"), capture]
    return [f"{ROOT}/build/venv/spark/bin/python", str(peers / "spark_sql.py"), capture]
