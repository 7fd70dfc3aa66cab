"""What a custom metric's function is given: the window's records with their predictions and labels, column by column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np


class UndeclaredColumn(LookupError):
    """A function asks for a column that its metric does not declare; the text names columns, never values."""


class Table(Mapping[str, np.ndarray]):
    """Columns by name, all of one length, read-only.

    A numeric column is float64 with NaN where a value is missing or no number; any other one holds texts, with None where
    a value is missing. `prediction` and `label` are numbers when all that is known of both are numbers, else texts in one
    spelling (`1`, `1.0` and `"1"` are equal), so that `==` compares them. `time` is in seconds since 1970, UTC.
    """

    def __init__(self, columns: Mapping[str, np.ndarray], rows: int) -> None:
        self._columns, self.rows = dict(columns), rows
        for column in self._columns.values():
            column.flags.writeable = False

    def __getitem__(self, name: str) -> np.ndarray:
        try:
            return self._columns[name]
        except KeyError:
            known = ", ".join(self._columns)
            raise UndeclaredColumn(f"column '{name}' is not declared; declared here: {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def where(self, mask: np.ndarray) -> Table:
        """The rows where a mask is set."""
        return Table({name: column[mask] for name, column in self._columns.items()}, int(np.count_nonzero(mask)))

    @property
    def labelled(self) -> Table:
        """The rows that have both a prediction or a score, and a label."""
        is_predicted = is_present(self["prediction"]) | is_present(self["score"])
        return self.where(is_predicted & is_present(self["label"]))


def is_present(column: np.ndarray) -> np.ndarray:
    """Which values of a column are not missing, bool (rows,)."""
    found: np.ndarray = ~np.isnan(column) if column.dtype == np.float64 else column != None  # noqa: E711 - of each element
    return found
