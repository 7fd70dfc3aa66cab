"""Documents whose format has versions: environment files and configurations of older formats are read step by step.

Standard library only; imports nothing of ours, for stacks read it as they read the contract.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final

MigrationStep = Callable[[dict[str, Any]], dict[str, Any]]
_KINDS: Final = {str: "text", float: "a fraction", bool: "true or false", list: "a list", dict: "an object"}


def migrated(document: Mapping[str, Any], newest: int, steps: Mapping[int, MigrationStep]) -> dict[str, Any]:
    """A document in the newest format. steps: version → what makes of such a document one of the next version.

    One that names no version is of the first format.
    Raises: ValueError of a version that nobody here knows: what was expected, what was found, what to do.
    """
    found = document.get("version")
    if found is None:
        found = 1
    if type(found) is not int:  # true is an int, too
        kind = _KINDS.get(type(found), "something else")
        raise ValueError(f"should be a whole number, found {kind}; write {newest}, without quotes")
    known = _known_versions(newest, steps)
    if found not in known:
        expected = f"{known[0]} to {newest}" if len(known) > 1 else str(newest)
        raise ValueError(f"should be {expected}, found {found}, {_WHY[found > newest].format(newest)}")
    current = copy.deepcopy(dict(document))
    for version in range(found, newest):
        current = {**steps[version](current), "version": version + 1}
    return current


_WHY: Final = {  # whether the version is newer than what reads it
    True: "which a newer version of this kit writes; upgrade the one that reads it (docs/upgrade.md), or write format {}",
    False: "which no version of this kit reads; write it in format {}",
}


def _known_versions(newest: int, steps: Mapping[int, MigrationStep]) -> range:
    """From which on every step is there."""
    oldest = newest
    while oldest - 1 in steps:
        oldest -= 1
    return range(oldest, newest + 1)
