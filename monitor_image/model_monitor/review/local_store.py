"""A desk's items in one SQLite file, or in memory: for a laptop, with as many reviewers as it can serve."""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

MEMORY = ":memory:"
LAST_LETTER = "\U0010ffff"  # nothing that begins with a prefix comes after it
TABLE = """\
CREATE TABLE IF NOT EXISTS items (
    endpoint TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (endpoint, key)
) WITHOUT ROWID"""


class LocalStores:
    """One file with the items of several endpoints."""

    def __init__(self, path: Path | str = MEMORY) -> None:
        self._connection = sqlite3.connect(str(path), check_same_thread=False, isolation_level=None, timeout=30)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")  # a machine that loses power may lose the last answers
        self._connection.execute(TABLE)
        self._lock = threading.Lock()

    def of(self, endpoint: str) -> LocalStore:
        """The items of one endpoint."""
        return LocalStore(self, endpoint)

    def endpoints(self) -> list[str]:
        """Endpoints that have items."""
        rows = self.execute("SELECT DISTINCT endpoint FROM items ORDER BY endpoint", ())[0]
        return [name for (name,) in rows]

    def execute(self, statement: str, values: tuple[Any, ...]) -> tuple[list[tuple[Any, ...]], int]:
        """Rows, and how many a change touched; one statement at a time, each a transaction of its own."""
        with self._lock:
            cursor = self._connection.execute(statement, values)
            return cursor.fetchall(), cursor.rowcount

    def close(self) -> None:
        """Leave the file."""
        self._connection.close()


class LocalStore:
    """What `desk.Store` asks for."""

    def __init__(self, stores: LocalStores, endpoint: str) -> None:
        self._stores, self._endpoint = stores, endpoint

    def get(self, key: str) -> dict[str, Any] | None:
        rows, _ = self._stores.execute("SELECT body FROM items WHERE endpoint = ? AND key = ?", (self._endpoint, key))
        return json.loads(rows[0][0]) if rows else None

    def insert(self, key: str, item: dict[str, Any]) -> bool:
        return self._write("INSERT OR IGNORE INTO items VALUES (?, ?, ?, ?)", key, item)

    def put(self, key: str, item: dict[str, Any]) -> None:
        self._write("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?)", key, item)

    def replace(self, key: str, item: dict[str, Any], version: int) -> bool:
        statement = "UPDATE items SET version = ?, body = ? WHERE endpoint = ? AND key = ? AND version = ?"
        values = (item["version"], json.dumps(item), self._endpoint, key, version)
        return bool(self._stores.execute(statement, values)[1])

    def delete(self, key: str) -> None:
        self._stores.execute("DELETE FROM items WHERE endpoint = ? AND key = ?", (self._endpoint, key))

    def page(self, prefix: str, limit: int, after: str = "") -> list[tuple[str, dict[str, Any]]]:
        statement = "SELECT key, body FROM items WHERE endpoint = ? AND key > ? AND key < ? ORDER BY key LIMIT ?"
        values = (self._endpoint, max(after, prefix), f"{prefix}{LAST_LETTER}", limit)
        return [(key, json.loads(body)) for key, body in self._stores.execute(statement, values)[0]]

    def _write(self, statement: str, key: str, item: dict[str, Any]) -> bool:
        values = (self._endpoint, key, item.get("version", 0), json.dumps(item))
        return bool(self._stores.execute(statement, values)[1])
