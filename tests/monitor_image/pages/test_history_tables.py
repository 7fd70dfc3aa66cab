"""The history's files as another engine reads them: every column of the tables of Athena, of their type, by date."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_monitor import contract
from model_monitor.pages import history, index
from tests.monitor_image.pages.test_index import put, window

AS_DUCKDB = {"string": "VARCHAR", "boolean": "BOOLEAN", "bigint": "BIGINT", "double": "DOUBLE"}


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The history of two days."""
    put(tmp_path, [window(0), window(1, "violated"), window(25)])
    index.write(tmp_path)
    return tmp_path / history.FOLDER


def test_duckdb_reads_the_tables_as_they_are_declared(kept: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb not installed: make setup")
    for table, columns in contract.HISTORY_TABLES.items():
        files = f"read_parquet('{kept / table}/*/*.parquet', hive_partitioning = true, hive_types_autocast = false)"
        found = dict(duckdb.sql(f"DESCRIBE SELECT * FROM {files}").project("column_name, column_type").fetchall())
        assert found.pop(contract.HISTORY_PARTITION) == "VARCHAR"
        assert found == {name: AS_DUCKDB[type_] for name, (type_, _) in columns.items()}
        dates = duckdb.sql(f"SELECT DISTINCT date FROM {files} ORDER BY date").fetchall()
        assert dates == [("2026-03-02",), ("2026-03-03",)]
    runs = f"read_parquet('{kept}/runs/*/*.parquet', hive_partitioning = true)"
    metrics = f"read_parquet('{kept}/metrics/*/*.parquet', hive_partitioning = true)"
    asked = f"""SELECT r.verdict, m.value FROM {runs} r JOIN {metrics} m USING (endpoint, schedule, window_start)
        WHERE m.metric = 'drift_max' AND m.value > m."limit" ORDER BY r.window_start"""
    assert duckdb.sql(asked).fetchall() == [("violated", pytest.approx(0.6393, abs=1e-4))]


def test_the_partition_is_the_folder_and_no_column(kept: Path) -> None:
    assert {path.name for path in kept.glob("*/*")} == {"date=2026-03-02", "date=2026-03-03"}
    assert {path.name for path in kept.iterdir()} == set(contract.HISTORY_TABLES)
    assert all(contract.HISTORY_PARTITION not in columns for columns in contract.HISTORY_TABLES.values())
