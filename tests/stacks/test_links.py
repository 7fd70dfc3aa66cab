"""Where pages lead: the console of the right partition, and the documentation where it is published."""

from __future__ import annotations

from stacks.links import links
from stacks.settings.environment import Links


def test_a_page_leads_to_the_console_and_to_what_is_published() -> None:
    given = Links(docs="https://wiki.example.com/monitor/", review="https://review.example.com")
    found = links("dev", "eu-west-1", "shop-data", given)
    console = "https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1"
    assert found == {
        "dashboard": f"{console}#dashboards/dashboard/dev-model-monitoring",
        "alarms": f"{console}#alarmsV2:?search=dev-shop-data-",
        "decisions": "https://wiki.example.com/monitor/operations.md#why-was-nothing-retrained",
        "review": "https://review.example.com",
        "runbook": "https://wiki.example.com/monitor/operations.md#what-wakes-you-and-what-to-do",
    }


def test_what_is_not_published_is_not_linked_and_other_partitions_have_consoles_of_their_own() -> None:
    found = links("dev", "cn-north-1", "shop-data", Links())
    assert found.keys() == {"dashboard", "alarms"}
    assert found["alarms"].startswith("https://console.amazonaws.cn/")
