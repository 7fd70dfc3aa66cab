"""How pages look in a real browser: every verdict, over time and of a fleet, on a phone and a desk, light and dark.

Each is compared with an accepted picture, a quarter of its size, in `looks/`; `pytest --snapshot-update` on this file accepts
what is drawn now: look at the pictures before they are committed. Each is checked for accessibility by axe, too.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.monitor_image.pages import gallery
from tests.monitor_image.pages.test_answers import ANSWERS
from tests.monitor_image.review import browser

pytestmark = [
    pytest.mark.skipif(browser.PROGRAM is None, reason="no Chromium: apt-get install chromium"),
    pytest.mark.xdist_group("browser"),
]
ACCEPTED = Path(__file__).with_name("looks")
FONTS = ACCEPTED / "fonts.json"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
PAGES = (*ANSWERS, "over_time", "fleet")
SIZES = {"phone": (390, 800), "desk": (1280, 900)}
SCHEMES = ("light", "dark")
SCALE, QUALITY = 0.25, 60
FURTHEST = 24.0  # of 255, between the means of two blocks of 6 x 6 points: a line of text is further
MEASURE = """(() => { const pen = document.createElement('canvas').getContext('2d');
  pen.font = '100px system-ui'; return Math.round(pen.measureText('How it stands: 0123456789').width); })()"""
COMPARE = """(async (before, now) => {
  const [a, b] = await Promise.all([before, now].map(async data => {
    const image = new Image(); image.src = 'data:image/webp;base64,' + data; await image.decode();
    const canvas = document.createElement('canvas'); canvas.width = image.width; canvas.height = image.height;
    const pen = canvas.getContext('2d'); pen.drawImage(image, 0, 0);
    return pen.getImageData(0, 0, image.width, image.height); }));
  if (a.width !== b.width || a.height !== b.height) return 255;
  const size = 6, across = Math.ceil(a.width / size), sums = new Float64Array(across * Math.ceil(a.height / size) * 3);
  for (let y = 0; y < a.height; y++) for (let x = 0; x < a.width; x++) for (let c = 0; c < 3; c++) {
    const at = 4 * (y * a.width + x) + c;
    sums[3 * (across * Math.floor(y / size) + Math.floor(x / size)) + c] += a.data[at] - b.data[at]; }
  return sums.reduce((worst, sum) => Math.max(worst, Math.abs(sum)), 0) / (size * size); })"""


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


def shown(page: browser.Page, size: str, scheme: str) -> browser.Page:
    """The same page at another width, in other colours."""
    width, height = SIZES[size]
    about = {"width": width, "height": height, "deviceScaleFactor": SCALE, "mobile": size == "phone"}
    page.send("Emulation.setDeviceMetricsOverride", **about)
    page.send("Emulation.setScrollbarsHidden", hidden=True)  # a bar that fades would make some pictures narrower
    page.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    return page


def taken(page: browser.Page) -> str:
    found = page.send("Page.captureScreenshot", format="webp", quality=QUALITY, captureBeyondViewport=True)
    return str(found["data"])


def distance(judge: browser.Page, accepted: Path, now: str) -> float:
    before = base64.b64encode(accepted.read_bytes()).decode()
    return float(judge.ask(f"({COMPARE})({json.dumps(before)}, {json.dumps(now)})"))


@pytest.fixture
def is_updating(request: pytest.FixtureRequest, judge: browser.Page) -> bool:
    """Whether pictures are accepted now. Skips where letters are of another shape than in the accepted ones."""
    width = judge.ask(MEASURE)
    if request.config.getoption("update_snapshots"):
        ACCEPTED.mkdir(exist_ok=True)
        FONTS.write_text(json.dumps({"width": width}) + "\n")
        return True
    if json.loads(FONTS.read_text())["width"] != width:
        pytest.skip("other fonts than in the accepted pictures: install DejaVu Sans (apt-get install fonts-dejavu)")
    return False


@pytest.mark.parametrize("name", PAGES)
def test_a_page_looks_like_its_accepted_snapshot(
    chromium: browser.Browser, judge: browser.Page, pages: dict[str, Path], name: str, is_updating: bool
) -> None:
    page = chromium.page()
    page.open(pages[name].as_uri())
    found = {}
    for size in SIZES:
        for scheme in SCHEMES:
            accepted, now = ACCEPTED / f"{name}-{size}-{scheme}.webp", taken(shown(page, size, scheme))
            if is_updating:
                accepted.write_bytes(base64.b64decode(now))
            found[size, scheme] = distance(judge, accepted, now)
            assert page.ask("document.documentElement.scrollWidth") <= SIZES[size][0], "nothing is cut off"
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
