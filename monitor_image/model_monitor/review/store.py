"""Where a desk keeps its items: six methods are all that a place has to have."""

from __future__ import annotations

from typing import Any, Protocol

Item = dict[str, Any]


class Store(Protocol):
    """Items of one endpoint by their keys. Whoever implements it decides nothing; `version` is part of each item."""

    def get(self, key: str) -> Item | None:
        """One item."""

    def insert(self, key: str, item: Item) -> bool:
        """Keep an item unless there is one; whether it was kept."""

    def replace(self, key: str, item: Item, version: int) -> bool:
        """Change an item if it still has this version; whether it was changed."""

    def put(self, key: str, item: Item) -> None:
        """Keep an item, whatever was there."""

    def delete(self, key: str) -> None:
        """Forget an item; one that is not there is fine."""

    def page(self, prefix: str, limit: int, after: str = "") -> list[tuple[str, Item]]:
        """The next items whose keys begin so, by key."""
