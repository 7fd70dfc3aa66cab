"""Pictures of pages in a real browser, a quarter of their size, and how far two are from each other."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.monitor_image.review import browser

SIZES = {"phone": (390, 800), "desk": (1280, 900)}
STILL = {"name": "prefers-reduced-motion", "value": "reduce"}
SCHEMES = ("light", "dark")
SCALE, QUALITY = 0.25, 60
RESTLESS = 20  # pictures after which a page that never stands still is taken as it is
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


def shown(page: browser.Page, size: str, scheme: str) -> browser.Page:
    """The same page at another width, in other colours."""
    width, height = SIZES[size]
    about = {"width": width, "height": height, "deviceScaleFactor": SCALE, "mobile": size == "phone"}
    page.send("Emulation.setDeviceMetricsOverride", **about)
    page.send("Emulation.setScrollbarsHidden", hidden=True)  # a bar that fades would make some pictures narrower
    page.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}, STILL])
    return page


def taken(page: browser.Page) -> str:
    """A picture once the page is still: the same as the one before."""
    before, found = "", _taken(page)
    for _ in range(RESTLESS):
        if found == before:
            break
        before, found = found, _taken(page)
    return found


def _taken(page: browser.Page) -> str:
    found = page.send("Page.captureScreenshot", format="webp", quality=QUALITY, captureBeyondViewport=True)
    return str(found["data"])


def distance(judge: browser.Page, accepted: Path, now: str) -> float:
    before = base64.b64encode(accepted.read_bytes()).decode()
    return float(judge.ask(f"({COMPARE})({json.dumps(before)}, {json.dumps(now)})"))


def is_updating(request: pytest.FixtureRequest, judge: browser.Page, folder: Path) -> bool:
    """Whether pictures are accepted now. Skips where letters are of another shape than in the accepted ones."""
    fonts, width = folder / "fonts.json", judge.ask(MEASURE)
    if request.config.getoption("update_snapshots"):
        folder.mkdir(exist_ok=True)
        fonts.write_text(json.dumps({"width": width}) + "\n")
        return True
    if json.loads(fonts.read_text())["width"] != width:
        pytest.skip("other fonts than in the accepted pictures: install DejaVu Sans (apt-get install fonts-dejavu)")
    return False


def distances(page: browser.Page, judge: browser.Page, stem: Path, is_accepting: bool) -> dict[tuple[str, str], float]:
    """Size and scheme → how far the page is from the accepted picture `stem-size-scheme.webp`; accepted now where that is asked."""
    found = {}
    for size in SIZES:
        for scheme in SCHEMES:
            accepted, now = stem.with_name(f"{stem.name}-{size}-{scheme}.webp"), taken(shown(page, size, scheme))
            if is_accepting:
                accepted.write_bytes(base64.b64decode(now))
            found[size, scheme] = distance(judge, accepted, now)
            assert page.ask("document.documentElement.scrollWidth") <= SIZES[size][0], "nothing is cut off"
    return found
