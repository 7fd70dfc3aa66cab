"""What endpoints of one file have in common: `defaults` holds parts of an endpoint, each endpoint overrides what it names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

KEY: Final = "defaults"
ENDPOINTS: Final = "endpoints"


def spread(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without defaults, each of its endpoints with them. What cannot be merged is left for the checks to find."""
    common = document.get(KEY) or {}
    found = {key: value for key, value in document.items() if key != KEY}
    endpoints = found.get(ENDPOINTS)
    if isinstance(common, Mapping) and isinstance(endpoints, Mapping):
        found[ENDPOINTS] = {name: _merged(common, own) for name, own in endpoints.items()}
    return found


def _merged(common: Any, own: Any) -> Any:
    """Blocks are merged key by key; a value, a list and null replace what is common."""
    if not isinstance(common, Mapping) or not isinstance(own, Mapping):
        return own
    mixed = {key: _merged(common[key], value) if key in common else value for key, value in own.items()}
    return {**{key: value for key, value in common.items() if key not in own}, **mixed}


def located(faults: Iterable[str], document: Mapping[str, Any]) -> list[str]:
    """Faults of what stands in `defaults`, told there and once, and not at every endpoint."""
    common, endpoints = document.get(KEY), document.get(ENDPOINTS)
    if common is None or not isinstance(endpoints, Mapping):
        return list(faults)
    if not isinstance(common, Mapping):
        return [f"{KEY}: should hold keys and values of an endpoint", *faults]
    return list(dict.fromkeys(_located(fault, common, endpoints) for fault in faults))


def _located(fault: str, common: Mapping[str, Any], endpoints: Mapping[str, Any]) -> str:
    path, separator, said = fault.partition(":")
    for name, own in endpoints.items():
        prefix = f"{ENDPOINTS}.{name}."
        if path.startswith(prefix) and _is_common(path.removeprefix(prefix).split("."), common, own):
            return f"{KEY}.{path.removeprefix(prefix)}{separator}{said}"
    return fault


def _is_common(path: list[str], common: Any, own: Any) -> bool:
    """Whether what lies at a path came from the defaults: the endpoint does not name it, they do."""
    for part in path:
        key = part.partition("[")[0]
        if isinstance(own, Mapping) and key in own:
            own = own[key]
            common = common.get(key) if isinstance(common, Mapping) else None
            continue
        return isinstance(common, Mapping) and key in common
    return False
