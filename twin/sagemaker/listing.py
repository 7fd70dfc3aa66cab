"""List operations of SageMaker: filters, order and pages over descriptions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from twin.api import ApiError
from twin.cloudwatch.metrics import aware

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
    found = [item for item in items if _matches(item, parameters, name, status)]
    wanted = parameters.get("SortBy") or sort
    key = {"Name": name, "Status": status}.get(wanted, wanted)
    found.sort(
        key=lambda item: (item[key], item[name]), reverse=parameters.get("SortOrder", "Descending") == "Descending"
    )
    start = _position(parameters.get("NextToken"))
    end = start + min(parameters.get("MaxResults") or PAGE, PAGE)
    return {result: found[start:end], **({"NextToken": str(end)} if end < len(found) else {})}


def _position(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdecimal():
        raise ApiError("ValidationException", "NextToken is not one that was handed out")
    return int(token)


def _matches(item: Mapping[str, Any], parameters: Mapping[str, Any], name: str, status: str) -> bool:
    if parameters.get("NameContains") and parameters["NameContains"] not in item[name]:
        return False
    if parameters.get("StatusEquals") and parameters["StatusEquals"] != item[status]:
        return False
    for time in _TIMES:
        before, after = parameters.get(f"{time}Before"), parameters.get(f"{time}After")
        if before is not None and item[time] > aware(before):
            return False
        if after is not None and item[time] < aware(after):
            return False
    return True
