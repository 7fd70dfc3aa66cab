from __future__ import annotations

from datetime import UTC, datetime

import pytest

from twin.api import ApiError
from twin.listing import has, is_between, page

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_an_item_is_compared_with_what_is_asked_for_alone() -> None:
    item = {"Name": "a", "Status": "Failed"}
    assert has(item, {"Name": "a", "Status": None})
    assert not has(item, {"Name": "a", "Status": "Completed"})
    assert not has(item, {"Endpoint": "e"})


def test_bounds_belong_to_their_span_and_are_utc_without_a_zone() -> None:
    assert is_between(NOON, NOON, NOON)
    assert is_between(NOON, None, None)
    assert is_between(NOON, datetime(2026, 3, 2, 12), None)
    assert not is_between(NOON, datetime(2026, 3, 2, 12, 1, tzinfo=UTC), None)
    assert not is_between(NOON, None, datetime(2026, 3, 2, 11, 59, tzinfo=UTC))


def test_pages_hold_everything_once_and_the_last_one_ends() -> None:
    first = page("Items", "abcde", None, 2)
    second = page("Items", "abcde", first["NextToken"], 2)
    third = page("Items", "abcde", second["NextToken"], 2)
    assert [first["Items"], second["Items"], third] == ["ab", "cd", {"Items": "e"}]
    assert page("Items", "ab", None, 2) == {"Items": "ab"}


def test_a_token_of_somebody_else_is_refused() -> None:
    with pytest.raises(ApiError, match="NextToken is not one that was handed out"):
        page("Items", "abc", "-1", 2)
