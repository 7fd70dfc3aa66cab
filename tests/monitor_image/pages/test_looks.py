"""How pages look in a real browser: every verdict, over time and of a fleet, on a phone and a desk, light and dark.

Each is compared with an accepted picture, a quarter of its size, in `looks/`; `pytest --snapshot-update` on this file accepts
what is drawn now: look at the pictures before they are committed. Each is checked for accessibility by axe, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.monitor_image.pages import gallery
from tests.monitor_image.pages.test_answers import ANSWERS
from tests.monitor_image.review import browser, pictures
from tests.monitor_image.review.pictures import FURTHEST, SCHEMES, SIZES, distance, distances, shown, taken

pytestmark = [
    pytest.mark.skipif(browser.PROGRAM is None, reason="no Chromium: apt-get install chromium"),
    pytest.mark.xdist_group("browser"),
]
ACCEPTED = Path(__file__).with_name("looks")
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
PAGES = (*ANSWERS, "over_time", "fleet")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    with browser.browser(tmp_path_factory.mktemp("profile")) as one:
        yield one


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return gallery.draw(tmp_path_factory.mktemp("gallery"))


@pytest.fixture(scope="module")
def judge(chromium: browser.Browser) -> browser.Page:
    """An empty page, in which pictures are compared."""
    return chromium.page()


@pytest.fixture
def is_updating(request: pytest.FixtureRequest, judge: browser.Page) -> bool:
    """Whether pictures are accepted now."""
    return pictures.is_updating(request, judge, ACCEPTED)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_looks_like_its_accepted_snapshot(
    chromium: browser.Browser, judge: browser.Page, pages: dict[str, Path], name: str, is_updating: bool
) -> None:
    page = chromium.page()
    page.open(pages[name].as_uri())
    found = distances(page, judge, ACCEPTED / name, is_updating)
    assert max(found.values()) < FURTHEST, found
    assert page.complaints == []


def test_a_page_that_lost_a_line_or_its_colours_is_another(
    chromium: browser.Browser, judge: browser.Page, pages: dict[str, Path], is_updating: bool
) -> None:
    page = chromium.page()
    page.open(pages["ok"].as_uri())
    assert distance(judge, ACCEPTED / "ok-desk-dark.webp", taken(shown(page, "desk", "light"))) > FURTHEST
    page.ask("document.querySelector('.verdict').style.visibility = 'hidden'")
    assert distance(judge, ACCEPTED / "ok-desk-light.webp", taken(page)) > FURTHEST


STATES = [(size, scheme) for size in SIZES for scheme in SCHEMES]
CHECKED = [  # the page with every part in two states; the others, of the same parts, each in the next one
    (name, state)
    for place, name in enumerate(PAGES)
    for state in (STATES[1:3] if name == "violated" else [STATES[place % len(STATES)]])
]


@pytest.fixture
def axe() -> str:
    if not AXE.is_file():
        pytest.skip("no axe-core: make setup")
    return AXE.read_text()


@pytest.mark.parametrize(("name", "state"), CHECKED, ids=["-".join((name, *state)) for name, state in CHECKED])
def test_axe_finds_nothing_to_mend(
    chromium: browser.Browser, pages: dict[str, Path], axe: str, name: str, state: tuple[str, str]
) -> None:
    page = chromium.page()
    shown(page, *state)
    page.open(pages[name].as_uri())
    page.send("Runtime.evaluate", expression=axe)
    assert faults(page) == []


def faults(page: browser.Page) -> list[Any]:
    asked = """axe.run({resultTypes: ['violations']}).then(found => found.violations.map(
      one => [one.id, one.nodes.slice(0, 3).map(node => node.html)]))"""
    found: list[Any] = page.ask(asked)
    return found


def test_axe_sees_what_is_wrong(chromium: browser.Browser, pages: dict[str, Path], axe: str) -> None:
    page = chromium.page()
    page.open(pages["error"].as_uri())
    page.send("Runtime.evaluate", expression=axe)
    page.ask(
        "document.querySelector('.verdict').style.color = '#eee', document.documentElement.removeAttribute('lang')"
    )
    assert {"color-contrast", "html-has-lang"} <= {name for name, _ in faults(page)}
