"""List operations of SageMaker: filters, order and pages over descriptions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from twin.listing import has, is_between, page

_TIMES: Final = ("CreationTime", "LastModifiedTime", "ScheduledTime")
PAGE: Final = 100


def listed(
    result: str,
    items: Iterable[dict[str, Any]],
    parameters: Mapping[str, Any],
    *,
    name: str,
    status: str,
    sort: str = "CreationTime",
) -> dict[str, Any]:
    """One page of `items` under the key `result`; `name` and `status` are what items call these two."""
    wanted = {status: parameters.get("StatusEquals") or None}
    part = parameters.get("NameContains") or ""
    found = [item for item in items if part in item[name] and has(item, wanted) and _is_of_time(item, parameters)]
    order = parameters.get("SortBy") or sort
    key = {"Name": name, "Status": status}.get(order, order)
    is_descending = parameters.get("SortOrder", "Descending") == "Descending"
    found.sort(key=lambda item: (item[key], item[name]), reverse=is_descending)
    return page(result, found, parameters.get("NextToken"), min(parameters.get("MaxResults") or PAGE, PAGE))


def _is_of_time(item: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    bounds = {time: (parameters.get(f"{time}After"), parameters.get(f"{time}Before")) for time in _TIMES}
    return all(is_between(item[time], *bound) for time, bound in bounds.items() if any(bound))
