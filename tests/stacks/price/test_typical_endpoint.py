"""The promise of the price page: a typical endpoint costs at most three dollars a month without itself."""

from __future__ import annotations

import pytest

from benchmarks import price, publish
from stacks.price import reckoning
from stacks.price.reckoning import Item

pytestmark = pytest.mark.xdist_group("synth")


@pytest.fixture(scope="module")
def items() -> list[Item]:
    chosen = price.typical()
    return reckoning.items(chosen, price.templates_of(chosen))


def test_a_typical_endpoint_costs_at_most_three_dollars_without_itself(items: list[Item]):
    own = [item for item in items if item.of == price.NAME and item.kind not in reckoning.SERVING]
    assert {item.kind for item in own} >= {"runs", "metrics", "alarms", "storage", "state machine", "requests"}
    assert 2 < reckoning.total(own) <= price.AT_MOST


def test_what_all_share_does_not_grow_with_endpoints(items: list[Item]):
    (board,) = [item for item in items if item.kind == "dashboard"]
    assert (board.amount, board.of) == (1, "")


def test_the_page_is_what_the_list_and_the_synthesis_say(items: list[Item]):
    assert price.page(items) == publish.PRICE_PAGE.read_text(), "run python -m benchmarks.publish"
